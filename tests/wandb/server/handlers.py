"""The stand-in's HTTP side: W&B's API, the storage that signed URLs lead to, and a way to steer and to look inside."""

import base64
import gzip
import hashlib
import http.server
import json
import math
import socket
import struct
import time
import urllib.parse

from . import graphql
from .store import Refused

MAX_BODY = 64 << 20
MAX_RECORDED = 1 << 20  # characters of a body that the transcript keeps
DEADLOCK = "Error 1213: Deadlock found when trying to get lock; try restarting transaction"


class Handler(http.server.BaseHTTPRequestHandler):
    """What both sides share. A request is one entry of the transcript, whatever becomes of it."""

    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True
    timeout = 600

    @property
    def standin(self):
        return self.server.standin

    def log_message(self, *_):
        pass

    def read_body(self):
        length = int(self.headers.get("Content-Length", -1))
        if not 0 <= length <= MAX_BODY:
            self.close_connection = True
            raise Refused(411 if length < 0 else 413, "needs a Content-Length of at most 64 MiB")
        body = self.rfile.read(length)
        if len(body) < length:
            raise ConnectionError("the client went away")
        return gzip.decompress(body) if self.headers.get("Content-Encoding") == "gzip" else body

    def respond(self, status, content, headers=()):
        if not isinstance(content, (str, bytes)):
            content = json.dumps(content)
        data = content.encode() if isinstance(content, str) else content
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(data)))
        for name, value in headers:
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(data)

    def drop(self):
        """A connection that breaks: reset, not closed in good order."""
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.connection.shutdown(socket.SHUT_RDWR)

    def record(self, kind, body):
        """Counts and writes down a request; with the lock held."""
        told = {name: value for name, value in self.headers.items() if name.lower() != "authorization"}
        entry = {"kind": kind, "method": self.command, "path": self.path, "headers": told, "body": body[:MAX_RECORDED],
                 "fault": "", "status": 0}
        self.standin.counters[kind] += 1
        self.standin.transcript.append(entry)
        return entry

    def answer(self, entry, kinds, run, key, apply):
        """Refuses, spoils or does what was asked. `apply(now, fault)` returns (status, content); with the lock held."""
        standin, faults = self.standin, self.standin.faults
        now = standin.clock.now()
        if wait := faults.limited(key, run, now):
            entry["fault"] = "rate_limit"
            faults.injected["rate_limit"] += 1
            return 429, {"error": "rate limit exceeded"}, self.retry_after(max(1, math.ceil(wait))), ""
        fault = faults.draw(kinds)
        if fault:
            entry["fault"] = fault
            faults.injected[fault] += 1
        if fault == "429":
            return 429, {"error": "too many requests"}, self.retry_after(faults.settings["retry_after"]), fault
        if fault == "500":
            return 500, {"error": "internal server error"}, (), fault
        if fault == "errors":
            return 200, {"data": None, "errors": [{"message": DEADLOCK, "path": []}]}, (), fault
        if fault == "drop_before":
            return 0, "", (), fault
        try:
            status, content = apply(now, fault)
        except Refused as error:
            status, content = error.status, {"error": str(error)}
        except graphql.GraphQLError as error:
            status, content = error.status, {"data": None, "errors": [{"message": str(error)}]}
        if status >= 400:
            standin.counters[f"status {status}"] += 1
        return status, content, (), fault

    @staticmethod
    def retry_after(seconds):
        return [("Retry-After", str(seconds))] if seconds else []

    def finish_with(self, status, content, headers, fault):
        """Outside the lock: a slow answer must not hold up the others."""
        if fault == "slow":
            time.sleep(self.standin.faults.settings["slow_seconds"])
        if fault in ("drop_before", "drop_after"):
            self.drop()
        else:
            self.respond(status, content, headers)


class ApiHandler(Handler):
    def do_GET(self):
        standin = self.standin
        with standin.lock:
            answers = {"/standin/state": standin.state, "/standin/transcript": lambda: list(standin.transcript),
                       "/standin/faults": lambda: standin.faults.settings}
            path = urllib.parse.urlsplit(self.path).path
            content = answers[path]() if path in answers else None
        if content is None:
            self.respond(404, {"error": f"no {self.path}"})
        else:
            self.respond(200, content)

    def do_POST(self):
        try:
            body = self.read_body().decode()
        except Refused as error:
            self.respond(error.status, {"error": str(error)})
            return
        parts = urllib.parse.unquote(self.path).strip("/").split("/")
        if parts[0] == "standin":
            self.control(parts[-1], body)
        elif parts == ["graphql"]:
            self.graphql(body)
        elif len(parts) == 5 and parts[0] == "files" and parts[4] == "file_stream":
            self.file_stream(parts[1:4], body)
        else:
            self.respond(404, {"error": f"no {self.path}"})

    def control(self, what, body):
        standin = self.standin
        try:
            given = json.loads(body)
            with standin.lock:
                if what == "faults":
                    standin.faults.change(given)
                    answer = standin.faults.settings
                elif what == "clock":
                    standin.clock.advance_to(given["now"])
                    answer = {"now": standin.clock.now()}
                else:
                    raise ValueError(f"no /standin/{what} to post to")
        except (ValueError, KeyError, TypeError) as error:
            self.respond(400, {"error": str(error)})
        else:
            self.respond(200, answer)

    def authorized(self):
        """Nothing, or the answer that says why not."""
        deny = self.standin.faults.settings["deny"]
        if deny:
            return deny, {"errors": [{"message": "permission denied" if deny == 403 else "invalid api key"}]}
        expected = base64.b64encode(f"api:{self.standin.key}".encode()).decode()
        if self.headers.get("Authorization") != f"Basic {expected}":
            return 401, {"errors": [{"message": "user is not logged in"}]}
        return None

    def serve(self, kinds, run, body, apply):
        standin = self.standin
        with standin.lock:
            if "X-Standin-Now" in self.headers and standin.clock.manual:
                standin.clock.advance_to(self.headers["X-Standin-Now"])
            entry = self.record(kinds[0], body)
            refusal = self.authorized()
            if refusal:
                standin.counters[f"status {refusal[0]}"] += 1
                answer = (*refusal, (), "")
            else:
                answer = self.answer(entry, kinds, run, standin.key, apply)
            entry["status"] = answer[0]
        self.finish_with(*answer)

    def graphql(self, body):
        standin, kinds = self.standin, ["graphql:?"]
        try:
            given = json.loads(body)
            document = graphql.parse(given["query"])
            kinds = [f"graphql:{document[0][1]}"]
            failure = None
        except (ValueError, KeyError, TypeError, graphql.GraphQLError) as error:
            failure = graphql.invalid(f"no GraphQL request: {error}")

        def apply(now, _):
            if failure:
                raise failure
            variables = given.get("variables") or {}
            name = document[0][1]
            if given.get("operationName") not in (None, "", name):
                raise graphql.invalid(f"Unknown operation named \"{given['operationName']}\".")
            for variable in graphql.bind(document[0][2], variables)[1]:
                standin.store.violation(name, f"variable {variable} is given, but not declared: the server ignores it")
            try:
                return 200, {"data": graphql.execute(document, variables, standin.schema.roots(now))}
            except TypeError as error:  # a field called with an argument that it does not have
                raise graphql.invalid(str(error)) from None
        self.serve(kinds, "", body, apply)

    def file_stream(self, names, body):
        try:
            data = json.loads(body)
            kinds = ["heartbeat" if not data else "file_stream", *(["complete"] if data.get("complete") else [])]
        except (ValueError, AttributeError):
            kinds = ["file_stream"]

        def apply(now, fault):
            run = self.standin.store.find(*names)
            if run is None:
                raise Refused(404, f"run {'/'.join(names)} not found")
            self.standin.store.stream(run, body, now, fault == "summary_lost")
            return 200, {"exitcode": run.exitcode, "limits": {}}
        self.serve([kinds[0], "file_stream", *kinds[1:]], "/".join(names), body, apply)


class StorageHandler(Handler):
    """Signed URLs: no key is asked for, and none may be sent here."""

    def target(self):
        """(run, the file's name)"""
        split = urllib.parse.urlsplit(self.path)
        entity, project, name, file = urllib.parse.unquote(split.path)[1:].split("/", 3)
        run = self.standin.store.find(entity, project, name)
        if run is None or split.query != "signature=standin":
            raise Refused(403, "SignatureDoesNotMatch")
        if "Authorization" in self.headers:
            self.standin.store.violation(run.path, "an Authorization header for the storage: it got to see the key")
        return run, file

    def do_PUT(self):
        body = self.read_body()

        def apply(now, _):
            run, name = self.target()
            run.files[name] = {"size": len(body), "md5": base64.b64encode(hashlib.md5(body).digest()).decode(),
                               "content": body, "uploadedAt": now}
            return 200, ""
        with self.standin.lock:
            entry = self.record("upload", body.decode(errors="replace"))
            answer = self.answer(entry, ["upload"], "", "storage", apply)
            entry["status"] = answer[0]
        self.finish_with(*answer)

    def do_GET(self):
        with self.standin.lock:
            self.standin.counters["download"] += 1
            try:
                run, name = self.target()
                status, content = (200, run.files[name]["content"]) if name in run.files else (404, "NoSuchKey")
            except Refused as error:
                status, content = error.status, str(error)
        self.respond(status, content)
