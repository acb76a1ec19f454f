#!/usr/bin/env python3
"""Writes runs with the real `wandb` SDK, as the original tool did: what it sends is the specification of the wire.

  WANDB_BASE_URL=... WANDB_API_KEY=... tests/wandb/original.py < RUNS

RUNS is a JSON list of {id, entity, project, group, job_type, tags, name, config, lines: [{key: value}, ...],
files: {name: text}, exit_code, settings?}; each of `lines` is logged as one history line.
"""

import json
import pathlib
import sys

import wandb

# Without these the SDK would read the machine and the repository it runs in.
QUIET = {"disable_git": True, "disable_code": True, "save_code": False, "console": "off", "x_disable_stats": True,
         "x_disable_meta": True}


def write(run):
    told = {key: run[key] for key in ("id", "entity", "project", "group", "job_type", "tags", "name", "config")}
    running = wandb.init(**told, settings=wandb.Settings(**QUIET, **run.get("settings", {})))
    for line in run["lines"]:
        running.log(line)
    for name, text in run["files"].items():
        path = pathlib.Path(running.dir, name)  # where it need not be linked to, of which the SDK warns
        path.write_text(text)
        running.save(path, base_path=running.dir, policy="now")
    running.finish(exit_code=run["exit_code"])


if __name__ == "__main__":
    for each in json.load(sys.stdin):
        write(each)
