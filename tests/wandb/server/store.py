"""Runs as W&B's server keeps them, and every breach of its wire that the real server would let pass in silence."""

import base64
import datetime
import hashlib
import json
import re

HISTORY, EVENTS, SUMMARY, OUTPUT = "wandb-history.jsonl", "wandb-events.jsonl", "wandb-summary.json", "output.log"
STREAM_FIELDS = {"files", "uploaded", "preempting", "complete", "exitcode"}
ATTRIBUTES = ("displayName", "description", "notes", "group", "jobType", "tags", "commit", "host", "program", "repo",
              "sweepName", "debug")
# UpsertBucket's input and what it is called on a run.
INPUT = {"groupName": "group", "jobProgram": "program", "jobRepo": "repo", "sweep": "sweepName"} | {
    name: name for name in ("displayName", "description", "notes", "jobType", "tags", "commit", "host", "debug")}
LIMITS = {"name": 128, "displayName": 128, "groupName": 128, "jobType": 64}
FORBIDDEN = re.compile(r"[/\\#?%:\x00-\x1f]")


class Refused(Exception):
    """The request changes nothing; `status` is HTTP's."""

    def __init__(self, status, message):
        super().__init__(message)
        self.status = status


def strict_object(text, what):
    """A JSON object without NaN and Infinity, which JSON does not know and readers stumble over."""
    def refuse(constant):
        raise ValueError(f"{constant} is not JSON")
    try:
        value = json.loads(text, parse_constant=refuse)
    except ValueError as error:
        raise Refused(400, f"{what}: {error}") from None
    if not isinstance(value, dict):
        raise Refused(400, f"{what}: no JSON object: {text[:60]}")
    return value


def instant(seconds):
    return datetime.datetime.fromtimestamp(seconds, datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%S")


class Run:
    def __init__(self, number, entity, project, name, now):
        self.number, self.entity, self.project, self.name = number, entity, project, name
        self.created = self.heartbeat = now
        self.attributes = dict.fromkeys(ATTRIBUTES) | {"displayName": name, "tags": []}
        self.state, self.exitcode = "running", None
        self.config, self.lines = "{}", {file: [] for file in (HISTORY, EVENTS, SUMMARY, OUTPUT)}
        self.files, self.uploaded = {}, []

    @property
    def id(self):
        return base64.b64encode(f"Run:v1:{self.name}:{self.project}:{self.entity}".encode()).decode()

    @property
    def path(self):
        return f"{self.entity}/{self.project}/{self.name}"

    @property
    def summary(self):
        """Only the last line counts."""
        return self.lines[SUMMARY][-1] if self.lines[SUMMARY] else "{}"

    def state_at(self, now, crash_after):
        return "crashed" if self.state == "running" and now - self.heartbeat > crash_after else self.state


class Store:
    """Not thread-safe: its caller holds a lock. A run shows crashed `crash_after` seconds after its last heartbeat."""

    def __init__(self, entity, crash_after):
        self.entity, self.crash_after = entity, crash_after
        self.runs = {}
        self.violations = []

    def violation(self, run, message):
        self.violations.append(f"{run}: {message}")

    def find(self, entity, project, name):
        return self.runs.get((entity or self.entity, project, name))

    def upsert(self, given, now):
        """(run, whether it is new). Addressed by `id`, or by `name` within the project; what is null stays as it is."""
        run = None
        if given.get("id") is not None:
            run = next((run for run in self.runs.values() if run.id == given["id"]), None)
            if run is None:
                raise Refused(200, f"run {given['id']} not found")
        entity = given.get("entityName") or self.entity
        project = given.get("modelName") or "uncategorized"
        name = given.get("name")
        self.check_names(given, project)
        for field in ("config", "summaryMetrics"):
            if given.get(field) is not None:
                strict_object(given[field], field)
        if run is None and not name:
            name = hashlib.sha256(f"{len(self.runs)}".encode()).hexdigest()[:8]
        run = run or self.runs.get((entity, project, name))
        inserted = run is None
        if inserted:
            run = self.runs[entity, project, name] = Run(len(self.runs), entity, project, name, now)
        elif name and run.state != "running" and given.get("state") is None:
            # Set up again: a run that is written to runs, until it is completed once more.
            run.state, run.exitcode = "running", None
        for field, attribute in INPUT.items():
            if given.get(field) is not None:
                run.attributes[attribute] = given[field]
        run.config = given.get("config") or run.config
        if given.get("summaryMetrics") is not None:
            run.lines[SUMMARY] = (run.lines[SUMMARY] or [""])[:-1] + [given["summaryMetrics"]]
        if given.get("state") is not None:
            run.state = given["state"]
        if name:
            run.heartbeat = now
        return run, inserted

    def check_names(self, given, project):
        for field, limit in LIMITS.items():
            if len(given.get(field) or "") > limit:
                raise Refused(200, f"{field}: longer than {limit} characters")
        for field, value in (("name", given.get("name") or ""), ("project", project)):
            if FORBIDDEN.search(value):
                raise Refused(200, f"{field}: {value!r} has one of /\\#?%:")
        for tag in given.get("tags") or []:
            if not 1 <= len(tag) <= 64:
                raise Refused(200, f"tags: {tag!r} has not 1 to 64 characters")

    def stream(self, run, body, now, lose_summary=False):
        """A file_stream request. Refused as a whole or applied as a whole."""
        data = self.checked_stream(body)
        if run.state not in ("running", "preempting"):
            if not self.repeats(run, data):
                self.violation(run.path, f"file_stream after the run was completed: {body[:200]}")
            elif not lose_summary:
                return
        for file, chunk in data.get("files", {}).items():
            self.append(run, file, chunk["offset"], chunk["content"])
        run.uploaded += [name for name in data.get("uploaded", []) if name not in run.uploaded]
        run.heartbeat = now
        if data.get("complete"):
            run.exitcode = data["exitcode"]
            run.state = "failed" if run.exitcode else "finished"
            if lose_summary:
                run.lines[SUMMARY] = []
        elif data.get("preempting"):
            run.state = "preempting"

    @staticmethod
    def repeats(run, data):
        """Whether the request says nothing that does not stand already, as when an answer was lost. {} says something:
        that the run lives."""
        return bool(data) and data.get("exitcode", run.exitcode) == run.exitcode and all(
            run.lines[file][chunk["offset"]:chunk["offset"] + len(chunk["content"])] == chunk["content"]
            for file, chunk in data.get("files", {}).items())

    @staticmethod
    def checked_stream(body):
        data = strict_object(body, "file_stream")
        unknown = set(data) - STREAM_FIELDS
        if unknown:
            raise Refused(400, f"file_stream: unknown {sorted(unknown)}")
        if ("complete" in data) != ("exitcode" in data):
            raise Refused(400, "file_stream: complete and exitcode go together")
        if not isinstance(data.get("exitcode", 0), int) or not isinstance(data.get("complete", False), bool):
            raise Refused(400, "file_stream: complete is a bool, exitcode an integer")
        for file, chunk in data.get("files", {}).items():
            if file not in (HISTORY, EVENTS, SUMMARY, OUTPUT):
                raise Refused(400, f"file_stream: unknown file {file}")
            if set(chunk) != {"offset", "content"} or not isinstance(chunk["offset"], int) or chunk["offset"] < 0:
                raise Refused(400, f"file_stream: {file}: needs an offset and a content")
            if not isinstance(chunk["content"], list) or not all(isinstance(line, str) for line in chunk["content"]):
                raise Refused(400, f"file_stream: {file}: content is no list of strings")
            if file != OUTPUT:
                for line in chunk["content"]:
                    strict_object(line, f"file_stream: {file}")
        return data

    def append(self, run, file, offset, content):
        """The real server takes whatever comes: a gap, or another text for a line, goes unnoticed there."""
        lines = run.lines[file]
        if offset > len(lines):
            self.violation(run.path, f"{file}: gap: line {offset} sent, {len(lines)} expected")
            lines += ["{}" if file != OUTPUT else ""] * (offset - len(lines))
        for position, line in enumerate(content, offset):
            if position == len(lines):
                lines.append(line)
            elif lines[position] != line:
                # Terminals rewrite lines, and the summary is one line that is replaced.
                if file in (HISTORY, EVENTS):
                    self.violation(run.path, f"{file}: line {position} was {lines[position]}, is now {line}")
                lines[position] = line

    def dump(self, now):
        """JSON text. Configs, summaries and lines are put in as they were spelled: 100.0 stays 100.0."""
        return "[" + ",\n".join(self.dump_run(run, now) for run in self.ordered()) + "]"

    def ordered(self):
        return sorted(self.runs.values(), key=lambda run: (run.created, run.number))

    def dump_run(self, run, now):
        plain = {
            "entity": run.entity, "project": run.project, "name": run.name, "id": run.id, **run.attributes,
            "state": run.state_at(now, self.crash_after), "exitcode": run.exitcode, "createdAt": run.created,
            "heartbeatAt": run.heartbeat, "uploaded": run.uploaded, "output": run.lines[OUTPUT],
            "files": {name: {key: value for key, value in file.items() if key != "content"} | {
                "text": file["content"].decode(errors="replace")} for name, file in run.files.items()},
        }
        spelled = {"config": run.config, "summary": run.summary, "history": "[" + ",".join(run.lines[HISTORY]) + "]",
                   "events": "[" + ",".join(run.lines[EVENTS]) + "]"}
        return json.dumps(plain)[:-1] + "".join(f', "{name}": {text}' for name, text in spelled.items()) + "}"

    def save(self):
        """What `load` takes. Lines are strings here, so that repeated ones can be compared letter by letter."""
        return {"violations": self.violations, "runs": [{
            **{name: value for name, value in vars(run).items() if name != "files"},
            "files": {name: file | {"content": base64.b64encode(file["content"]).decode()}
                      for name, file in run.files.items()}} for run in self.runs.values()]}

    def load(self, saved):
        self.violations = saved["violations"]
        for item in saved["runs"]:
            run = Run(item["number"], item["entity"], item["project"], item["name"], item["created"])
            vars(run).update(item)
            for file in run.files.values():
                file["content"] = base64.b64decode(file["content"])
            self.runs[run.entity, run.project, run.name] = run
