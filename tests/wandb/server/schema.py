"""The part of W&B's GraphQL schema that its SDK and ours ask for, answered from the store."""

import base64
import json
import re
import urllib.parse

from .graphql import GraphQLError, Scalar
from .store import EVENTS, HISTORY, INPUT, OUTPUT, Refused, instant

UPSERT_INPUT = set(INPUT) | {
    "id", "name", "modelName", "entityName", "config", "state", "summaryMetrics", "clientMutationId"}
COMPARISONS = {
    "$eq": lambda a, b: a == b, "$ne": lambda a, b: a != b,
    "$gt": lambda a, b: a is not None and a > b, "$gte": lambda a, b: a is not None and a >= b,
    "$lt": lambda a, b: a is not None and a < b, "$lte": lambda a, b: a is not None and a <= b,
    "$in": lambda a, b: a in b, "$nin": lambda a, b: a not in b,
    "$exists": lambda a, b: (a is not None) == b, "$regex": lambda a, b: a is not None and re.search(b, a) is not None,
}
FILTERS = {
    "state": "state", "name": "name", "displayName": "displayName", "display_name": "displayName", "group": "group",
    "jobType": "jobType", "job_type": "jobType", "createdAt": "createdAt", "created_at": "createdAt",
    "heartbeatAt": "heartbeatAt", "heartbeat_at": "heartbeatAt", "tags": "tags",
}


def lookup(tree, path):
    for part in path:
        tree = tree.get(part) if isinstance(tree, dict) else None
    return tree


def filter_value(run, fields, key):
    if key in FILTERS:
        return fields[FILTERS[key]]
    root, *path = key.split(".")
    if root == "config" and path:
        return lookup(json.loads(run.config), path if path[-1] == "value" else path + ["value"])
    if root in ("summary_metrics", "summaryMetrics") and path:
        return lookup(json.loads(run.summary), path)
    raise GraphQLError(f"filters: {key!r} is not known to the stand-in", 400)


def compare(value, operator, wanted):
    if operator not in COMPARISONS:
        raise GraphQLError(f"filters: {operator!r} is not known to the stand-in", 400)
    if isinstance(value, list):  # tags: any of them
        return any(COMPARISONS[operator](item, wanted) for item in value)
    try:
        return COMPARISONS[operator](value, wanted)
    except TypeError:
        raise GraphQLError(f"filters: {operator} {wanted!r} does not fit {value!r}", 400) from None


def matches(run, fields, filters):
    """MongoDB's language, as far as it is known here: a filter that is not must not look as if it had matched."""
    for key, wanted in filters.items():
        if key in ("$and", "$or"):
            if not (all if key == "$and" else any)([matches(run, fields, part) for part in wanted]):
                return False
            continue
        value = filter_value(run, fields, key)
        conditions = wanted.items() if isinstance(wanted, dict) else [("$eq", wanted)]
        if not all([compare(value, operator, operand) for operator, operand in conditions]):
            return False
    return True


def connection(items, first, after):
    """A page of (cursor, node): `first` of them at most, those after the cursor."""
    cursors = [cursor for cursor, _ in items]
    start = cursors.index(after) + 1 if after in cursors else 0
    page = items[start:start + (50 if first is None else first)]
    return {
        "edges": [{"cursor": cursor, "node": node} for cursor, node in page],
        "pageInfo": {"endCursor": page[-1][0] if page else None, "hasNextPage": start + len(page) < len(items)},
        "totalCount": len(items),
    }


class Schema:
    """`store` and its caller's lock; `storage`: the base URL that files are put to and got from."""

    def __init__(self, store, username, storage):
        self.store, self.username, self.storage = store, username, storage

    def roots(self, now):
        def project(name=None, entityName=None):
            return self.project(name, entityName, now)
        return {
            "query": {"viewer": self.viewer, "serverInfo": self.server_info, "project": project, "model": project,
                      "entity": lambda name: self.entity(name)},
            "mutation": {"upsertBucket": lambda input: self.upsert(input, now),
                         "createRunFiles": lambda input: self.create_files(input)},
        }

    def entity(self, name):
        return {"id": base64.b64encode(f"Entity:{name}".encode()).decode(), "name": name}

    def viewer(self):
        return {"id": "VXNlcjox", "entity": self.store.entity, "username": self.username, "name": self.username,
                "email": f"{self.username}@example.com", "admin": False, "flags": "{}", "deletedAt": None,
                "teams": {"edges": [{"node": self.entity(self.store.entity)}]}}

    @staticmethod
    def server_info():
        return {"cliVersionInfo": None, "latestLocalVersionInfo": None, "features": []}

    def project(self, name, entity, now):
        entity = entity or self.store.entity
        runs = [run for run in self.store.ordered() if (run.entity, run.project) == (entity, name)]
        if not runs:
            return None

        def one(name, missingOk=False):
            run = self.store.find(entity, runs[0].project, name)
            return self.run(run, now) if run else None

        def chosen(filters):
            condition = json.loads(filters or "{}")
            found = [(run, self.run(run, now)) for run in runs]
            return [(run, node) for run, node in found if matches(run, node, condition)]

        def page(filters=None, after=None, first=None, order=None):
            order = order or "+created_at"
            if order not in ("+created_at", "created_at", "-created_at"):
                raise GraphQLError(f"order: {order!r} is not known to the stand-in", 400)
            found = [(base64.b64encode(f"{run.created}:{run.number}".encode()).decode(), node)
                     for run, node in chosen(filters)]
            return connection(found[::-1] if order.startswith("-") else found, first, after)

        return {"id": base64.b64encode(f"Project:v1:{name}:{entity}".encode()).decode(), "name": name,
                "readOnly": False, "internalId": "1", "entity": self.entity(entity), "entityName": entity, "run": one,
                "bucket": one, "runs": page, "runCount": lambda filters=None: len(chosen(filters))}

    def run(self, run, now):
        history = run.lines[HISTORY]
        return {
            **run.attributes, "id": run.id, "name": run.name, "state": run.state_at(now, self.store.crash_after),
            "config": run.config, "summaryMetrics": run.summary, "systemMetrics": "{}", "readOnly": False,
            "createdAt": instant(run.created), "heartbeatAt": instant(run.heartbeat), "projectId": "1",
            "historyLineCount": len(history), "eventsLineCount": len(run.lines[EVENTS]),
            "logLineCount": len(run.lines[OUTPUT]), "historyTail": json.dumps(history[-1:]),
            "eventsTail": json.dumps(run.lines[EVENTS][-1:]), "historyKeys": lambda: self.history_keys(history),
            "history": lambda minStep=0, maxStep=None, samples=None: [
                line for line in history if minStep <= json.loads(line).get("_step", 0) < (maxStep or 1 << 62)],
            "parquetHistory": lambda liveKeys: {
                "parquetUrls": [], "liveData": [Scalar(json.loads(line)) for line in history]},
            "wandbConfig": lambda keys: json.dumps({}), "exitCode": run.exitcode, "stopped": False,
            "user": {"name": self.username, "username": self.username},
            "project": lambda: {"id": "1", "name": run.project, "entity": self.entity(run.entity)},
            "files": lambda **given: self.files(run, **given), "fileCount": len(run.files),
        }

    @staticmethod
    def history_keys(history):
        kinds, last = {}, -1
        for line in history:
            row = json.loads(line)
            last = max(last, row.get("_step", 0))
            for key, value in row.items():
                kind = "string" if isinstance(value, str) else "number" if isinstance(value, (int, float)) else "map"
                known = kinds.setdefault(key, {"typeCounts": [{"type": kind, "count": 0}], "monotonic": False})
                known["typeCounts"][0]["count"] += 1
        return Scalar(sets=[], keys=kinds, lastStep=last) if kinds else None

    def files(self, run, names=None, after=None, first=None, pattern=None):
        if pattern:
            raise GraphQLError("files: pattern is not known to the stand-in", 400)
        found = [(name, {"id": name, "name": name, "url": lambda upload=False, name=name: self.url(run, name),
                         "directUrl": self.url(run, name), "sizeBytes": len(file["content"]), "mimetype": "text/plain",
                         "updatedAt": instant(run.heartbeat), "md5": file["md5"]})
                 for name, file in sorted(run.files.items()) if not names or name in names]
        return connection(found, first, after)

    def url(self, run, name):
        return f"{self.storage}/{urllib.parse.quote(run.path)}/{urllib.parse.quote(name)}?signature=standin"

    def upsert(self, given, now):
        unknown = sorted(set(given) - UPSERT_INPUT)
        if unknown:
            raise GraphQLError(f"upsertBucket: unknown input {unknown}", 400)
        if given.get("entityName", self.store.entity) not in ("", None, self.store.entity):
            raise GraphQLError(f"entity {given['entityName']} not found during upsertBucket", 404)
        try:
            run, inserted = self.store.upsert(given, now)
        except Refused as error:
            raise GraphQLError(str(error), error.status) from None
        return {"bucket": self.run(run, now), "inserted": inserted, "clientMutationId": given.get("clientMutationId")}

    def create_files(self, given):
        run = self.store.find(given["entityName"], given["projectName"], given["runName"])
        if run is None:
            raise GraphQLError(f"run {given['runName']} not found")
        return {"runID": run.id, "uploadHeaders": [],
                "files": [{"name": name, "uploadUrl": self.url(run, name)} for name in given["files"]]}
