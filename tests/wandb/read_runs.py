#!/usr/bin/env python3
"""Prints the runs of PROJECT ("entity/project") as `wandb.Api()` reads them, as a JSON list, oldest first."""

import json
import sys

import wandb


def as_read(run):
    return {"id": run.id, "name": run.name, "state": run.state, "group": run.group, "job_type": run.job_type,
            "tags": run.tags, "config": dict(run.config), "summary": dict(run.summary),
            "history": list(run.scan_history()), "files": {file.name: file.size for file in run.files()}}


if __name__ == "__main__":
    json.dump([as_read(run) for run in wandb.Api().runs(sys.argv[1], per_page=1)], sys.stdout, default=dict)
