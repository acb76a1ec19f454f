"""What one run's writer sent and what came of it, as a flat table {path: value} that two runs can be compared by.

Values that differ from run to run (names, times, versions) are replaced by what they are: <run>, <number>.
"""

import json
import re

from server import graphql

MACHINE_KEYS = ("device_name", "device_capability", "pytorch", "cuda", "platform", "model", "fp16", "bs", "n_seconds",
                "n_batches", "run_number", "gpu_mem")
RESULT_KEYS = ("duration", "n_items", "throughput")
VOLATILE = {"_timestamp", "_runtime", "_wandb"}
STREAM = re.compile(r"/files/(?P<path>[^/]+/[^/]+/[^/]+)/file_stream")
STREAMED = ("file_stream", "complete", "heartbeat")
UPSERT_PLAIN = {"id", "name", "project", "config", "host", "program"}  # compared by what they are, not by value


def kind_of(value):
    """A JSON value with its type: 100 and 100.0 read back as different types, so they are different."""
    return f"{type(value).__name__} {json.dumps(value, ensure_ascii=False, sort_keys=True)}"


def belongs(entry, run):
    """(what the request is, its JSON) if the run's writer sent it, else None."""
    reader = "Public" in entry["headers"].get("User-Agent", "")
    if reader or entry["method"] == "GET":
        return None
    if entry["kind"] == "upload":
        path = f"/{run['entity']}/{run['project']}/{run['name']}/"
        return ("upload", entry["body"]) if entry["path"].startswith(path) else None
    if match := STREAM.fullmatch(entry["path"]):
        if match["path"] != f"{run['entity']}/{run['project']}/{run['name']}":
            return None
        body = json.loads(entry["body"])
        return "complete" if body.get("complete") else "file_stream" if body else "heartbeat", body
    body = json.loads(entry["body"])
    told = body.get("variables") or {}
    if told.get("project") not in (None, run["project"]):
        return None
    named = run["name"] in (told.get("name"), told.get("run")) or told.get("id") == run["id"]
    return (entry["kind"].removeprefix("graphql:"), body) if named else None


def requests_of(transcript, run):
    """[(what, JSON, headers)] in order. ValueError if one of them was spoiled or refused: then nothing is proven."""
    found = []
    for entry in transcript:
        if part := belongs(entry, run):
            if entry["fault"] or entry["status"] != 200:
                raise ValueError(f"{run['name']}: {entry['kind']}: fault {entry['fault']!r}, status {entry['status']}")
            found.append((*part, entry["headers"]))
    if not found or found[0][0] != "UpsertBucket":
        raise ValueError(f"{run['name']}: the transcript does not hold its beginning")
    return found


def header_facts(requests):
    """The headers of each kind of request. What only says who or how long is left out."""
    facts = {}
    for what, _, headers in requests:
        where = what if what == "upload" else "file_stream" if what in STREAMED else "graphql"
        for name, value in headers.items():
            if name.lower() not in ("host", "content-length", "accept"):
                shown = value if name.lower() == "content-type" else "<text>"
                facts[f"headers.{where}.{name.lower()}"] = shown
    return facts


def upsert_facts(requests):
    upserts = [body for what, body, _ in requests if what == "UpsertBucket"]
    facts = {}
    for position, body in enumerate(upserts):
        variables = body["variables"]
        # The first sets the run up; a later one may tell the config or the summary again.
        again = "UpsertBucket again by " + ("id" if variables.get("id") else "name")
        where = again if position else "UpsertBucket"
        for name, value in sorted(variables.items()):
            if position == 0 or value is not None:
                plain = position > 0 or name in UPSERT_PLAIN
                facts[f"{where}.{name}"] = f"<{type(value).__name__}>" if plain else kind_of(value)
    (_, operation, types, selections), _ = graphql.parse(upserts[0]["query"])
    facts["UpsertBucket: operationName"] = f"{upserts[0].get('operationName')} of {operation}"
    for name, (declared, _) in types.items():
        facts[f"UpsertBucket: declares {name}"] = declared
    for name, variable in selections[0][2]["input"].items():
        facts[f"UpsertBucket: input {name}"] = variable[1]
    for alias, *_, nested in selections[0][3]:
        facts[f"UpsertBucket: asks {alias}"] = " ".join(sorted(field[0] for field in nested or []))
    return facts


def order_facts(requests):
    """Which requests there are, and what comes before what."""
    order = [what for what, *_ in requests if what != "heartbeat"]
    facts = {f"requests.{what}": "yes" for what in order}
    first = {what: order.index(what) for what in order}
    last = {what: len(order) - 1 - order[::-1].index(what) for what in order}
    for earlier, later in (("UpsertBucket", "file_stream"), ("UpsertBucket", "CreateRunFiles"),
                           ("CreateRunFiles", "upload"), ("UpsertBucket", "complete")):
        if earlier in first and later in first:
            facts[f"order: {earlier} before {later}"] = str(first[earlier] < first[later])
    for what in ("file_stream", "upload"):
        if what in last and "complete" in first:
            facts[f"order: every {what} before complete"] = str(last[what] < first["complete"])
    facts["requests that complete the run"] = str(order.count("complete"))
    return facts


def stream_facts(requests):
    facts, files = {}, {}
    for what, body, _ in requests:
        if what not in STREAMED:
            continue
        for field in body:
            facts[f"file_stream: field {field}"] = type(body[field]).__name__
        if what == "complete":
            facts["file_stream: fields beside complete"] = " ".join(sorted(set(body) - {"complete"}))
            facts["file_stream: files beside complete"] = " ".join(sorted(body.get("files", {})))
            facts["file_stream: exitcode"] = kind_of(body["exitcode"])
        for file, chunk in body.get("files", {}).items():
            files.setdefault(file, []).append(chunk)
        for name in body.get("uploaded", []):
            facts[f"file_stream: uploaded {name}"] = "yes"
    for file, chunks in files.items():
        facts[f"file_stream: {file}: first offset"] = str(chunks[0]["offset"])
        facts[f"file_stream: {file}: fields of a chunk"] = " ".join(sorted(chunks[0]))
    summaries = files.get("wandb-summary.json", [])
    facts["file_stream: offsets of the summary"] = " ".join(sorted({str(chunk["offset"]) for chunk in summaries}))
    facts["file_stream: lines of a summary"] = " ".join(sorted({str(len(chunk["content"])) for chunk in summaries}))
    return facts


def line_named(run, key):
    return next((line for line in run["history"] if key in line), None)


def content_facts(run):
    """What stands on the server in the end."""
    facts = {f"run.{name}": kind_of(run[name]) for name in (
        "state", "exitcode", "displayName", "group", "jobType", "tags", "notes", "description", "commit", "sweepName")}
    parts = {"summary": run["summary"], "config": {key: entry["value"] for key, entry in run["config"].items()},
             "history line of the machine": line_named(run, "device_name"),
             "history line of the result": line_named(run, "duration")}
    for part, values in parts.items():
        for key, value in (values or {}).items():
            facts[f"{part}: {key}"] = f"<{type(value).__name__}>" if key in VOLATILE else kind_of(value)
    named = [line for line in parts.values() if line is not None]
    facts["history: lines of another kind"] = "yes" if any(line not in named for line in run["history"]) else "no"
    facts["history: steps"] = "line numbers" if [line["_step"] for line in run["history"]] == list(
        range(len(run["history"]))) else "other"
    for name, file in run["files"].items():
        facts[f"files: {name}"] = file["md5"]
    return facts


def facts_of(transcript, run):
    requests = requests_of(transcript, run)
    return (order_facts(requests) | header_facts(requests) | upsert_facts(requests) | stream_facts(requests)
            | content_facts(run))
