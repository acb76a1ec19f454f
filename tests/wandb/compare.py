#!/usr/bin/env python3
"""Compares a run that ours wrote to the stand-in with the same run written by the real `wandb` SDK, field by field.

  tests/wandb/compare.py --url http://127.0.0.1:PORT --run NAME... [--project ENTITY/PROJECT] [--json]

The SDK writes the original tool's part of the run (its keys, its files, the run's attributes) to the project
PROJECT-by-sdk of the same stand-in. What then differs, in the requests or in what stands on the server, must be in
differences.toml with its reason; what stands there and no longer differs is stale. Both fail: exit status 1. The run
must be over, its requests must have met no faults and still be in the stand-in's transcript (the last 5000). The SDK is
found by PYTHONPATH=.deps/wandb.
"""

import argparse
import fnmatch
import json
import sys
import tomllib

import harness
import transcript

TABLE = harness.HERE / "differences.toml"


def get(url, what):
    status, answer, _ = harness.request(f"{url}/standin/{what}", "", method="GET")
    if status != 200:
        raise ValueError(f"{url} is no stand-in: status {status}")
    return answer


def find(url, project, name):
    for run in get(url, "state")["runs"]:
        if (f"{run['entity']}/{run['project']}", run["name"]) == (project, name):
            return run
    raise ValueError(f"the stand-in has no run {project}/{name}")


def chosen(values, keys):
    return {key: values[key] for key in keys if key in values}


def twin_of(run):
    """What original.py is to write, for the SDK to send what the original would have sent."""
    lines = [transcript.line_named(run, "device_name"), transcript.line_named(run, "duration")]
    return {
        "id": run["name"], "entity": run["entity"], "project": f"{run['project']}-by-sdk", "group": run["group"],
        "job_type": run["jobType"], "tags": run["tags"], "name": run["displayName"], "exit_code": run["exitcode"],
        "config": {key: entry["value"] for key, entry in chosen(run["config"], transcript.MACHINE_KEYS).items()},
        "lines": [chosen(line, keys) for line, keys in zip(lines, (transcript.MACHINE_KEYS, transcript.RESULT_KEYS))
                  if line],
        "files": {name: file["text"] for name, file in run["files"].items()},
    }


def differences(sdk, ours):
    """{path: (what the SDK's run has, what ours has)}, the path led by what differs: + only ours has it, - only the
    SDK's, ~ both have it in two ways, = both have the same number, the SDK as an integer and ours as a float."""
    found = {}
    for path in sorted(sdk.keys() | ours.keys()):
        if sdk.get(path) != ours.get(path):
            sign = "+" if path not in sdk else "-" if path not in ours else "~"
            if sign == "~" and sdk[path].startswith("int ") and ours[path] == f"float {sdk[path][4:]}.0":
                sign = "="
            found[f"{sign} {path}"] = (sdk.get(path), ours.get(path))
    return found


def judge(found, table, state):
    """(rows for people, complaints). A row is {path, sdk, ours, reason}; the reason is "" when nothing expects it. An
    entry of the table is stale when a path of it matches nothing, but for one that holds `sometimes`, or only for runs
    of another state."""
    rows, used = [], set()
    for path, (sdk, ours) in found.items():
        matching = [(item, entry["reason"]) for entry in table for item in entry["paths"]
                    if fnmatch.fnmatchcase(path, item)]
        rows.append({"path": path, "sdk": sdk, "ours": ours, "reason": matching[0][1] if matching else ""})
        used |= {item for item, _ in matching}
    complaints = [f"unexpected difference: {row['path']}: the SDK {row['sdk']}, ours {row['ours']}"
                  for row in rows if not row["reason"]]
    complaints += [f"stale expectation: {item} does not differ ({entry['reason']})"
                   for entry in table if not entry.get("sometimes") and entry.get("only", state) == state
                   for item in entry["paths"] if item not in used]
    return rows, complaints


def compare(url, project, names):
    """{name: (rows, complaints)}, as `judge` has them."""
    runs = [find(url, project, name) for name in names]
    for run in runs:
        if run["state"] not in ("finished", "failed"):
            raise ValueError(f"{run['name']} is {run['state']}: it must be over")
    harness.with_sdk(url, "original.py", given=[twin_of(run) for run in runs])
    table = tomllib.loads(TABLE.read_text())["difference"]
    requests, found = get(url, "transcript"), {}
    for ours in runs:
        sdk = find(url, f"{project}-by-sdk", ours["name"])
        differing = differences(transcript.facts_of(requests, sdk), transcript.facts_of(requests, ours))
        found[ours["name"]] = judge(differing, table, ours["state"])
    return found


def show(name, rows):
    print(f"{name}: {len(rows)} differences")
    for row in rows:
        print(f"  {row['path']}\n      SDK   {row['sdk']}\n      ours  {row['ours']}\n"
              f"      why   {row['reason'] or 'UNEXPECTED'}")


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--url", required=True)
    parser.add_argument("--run", required=True, nargs="+", metavar="NAME", help="the run's name (W&B's id)")
    parser.add_argument("--project", default=f"{harness.ENTITY}/{harness.PROJECT}")
    parser.add_argument("--json", action="store_true", help="the rows as JSON")
    options = parser.parse_args()
    try:
        found = compare(options.url, options.project, options.run)
    except (ValueError, OSError, RuntimeError) as error:
        sys.exit(f"compare: {error}")
    if options.json:
        print(json.dumps({name: rows for name, (rows, _) in found.items()}, ensure_ascii=False, indent=1))
    else:
        for name, (rows, _) in found.items():
            show(name, rows)
    complaints = [f"{name}: {complaint}" for name, (_, several) in found.items() for complaint in several]
    for complaint in complaints:
        print(f"compare: {complaint}", file=sys.stderr)
    sys.exit(1 if complaints else 0)


if __name__ == "__main__":
    main()
