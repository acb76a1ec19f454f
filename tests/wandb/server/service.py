"""The stand-in as a whole: its two HTTP servers, its clock, and what they share."""

import collections
import http.server
import json
import sys
import threading
import time

from .faults import Faults
from .handlers import ApiHandler, StorageHandler
from .schema import Schema
from .store import Store

TRANSCRIPT_LENGTH = 5000


class Server(http.server.ThreadingHTTPServer):
    daemon_threads = True
    block_on_close = False
    request_queue_size = 128

    def handle_error(self, request, client_address):
        """Clients that go away are part of the tests; the stand-in's own mistakes must not look like one."""
        error = sys.exception()
        if not isinstance(error, (ConnectionError, TimeoutError)):
            with self.standin.lock:
                self.standin.store.violation("stand-in", f"failed itself: {error!r}")


class Clock:
    """The wall's, or a manual one: that moves only by POST /standin/clock or a request's X-Standin-Now."""

    def __init__(self, manual):
        self.manual, self.time = manual, 0.0

    def now(self):
        return self.time if self.manual else time.time()

    def advance_to(self, seconds):
        if not self.manual:
            raise ValueError("clock: is the wall's; start with --clock manual to set it")
        self.time = max(self.time, float(seconds))


class Standin:
    """One server for the API, one for the storage: uploads go to another origin, which must not see the key. Everything
    below the servers is used with `lock` held."""

    def __init__(self, options):
        self.key, self.lock, self.clock = options.key, threading.Lock(), Clock(options.clock == "manual")
        self.store = Store(options.entity, options.crash_after)
        self.faults = Faults(options.faults)
        self.counters = collections.Counter()
        self.transcript = collections.deque(maxlen=TRANSCRIPT_LENGTH)
        self.api = Server(("127.0.0.1", options.port), ApiHandler)
        self.storage = Server(("127.0.0.1", 0), StorageHandler)
        self.api.standin = self.storage.standin = self
        self.url = f"http://127.0.0.1:{self.api.server_port}"
        self.schema = Schema(self.store, options.username, f"http://127.0.0.1:{self.storage.server_port}")

    def start(self):
        for server in (self.api, self.storage):
            threading.Thread(target=server.serve_forever, args=(0.05,), daemon=True).start()

    def stop(self):
        for server in (self.api, self.storage):
            server.shutdown()
            server.server_close()

    def state(self):
        head = {"violations": self.store.violations, "requests": dict(self.counters),
                "faults": dict(self.faults.injected), "now": self.clock.now()}
        return json.dumps(head)[:-1] + ',\n"runs": ' + self.store.dump(self.clock.now()) + "}"
