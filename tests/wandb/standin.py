#!/usr/bin/env python3
"""A stand-in of Weights & Biases' server for tests: GraphQL, filestream and run files, on loopback, with faults.

  tests/wandb/standin.py --port 0 [--state FILE] [--faults SPEC] [--port-file FILE]

Prints its base URL on one line when it is ready; SIGTERM or SIGINT ends it. It answers `Basic api:KEY` alone (KEY by
`--key`), keeps runs as the real server does, refuses what it does not know (fields, arguments, filters) and writes down
as a *violation* what the real server would take in silence and get wrong: a gap or another text at a history line that
stands, a request after the run was completed, an undeclared variable, a key sent to the storage.

Assumed, for neither W&B's client nor its documentation says so: an upsert by name reopens an ended run, one by id does
not; summaryMetrics replaces the summary; a request with bare NaN or Infinity is refused (the real server takes it, and
readers stumble).

  GET  /standin/state       runs (config, summary, history, files, state ...), violations, requests and faults by kind;
                            JSON numbers are spelled as they were sent
  GET  /standin/transcript  the last 5000 requests in order: headers (the key left out), body, fault, status
  POST /standin/faults      {"500": 0.1, "next": ["drop_after@complete"], ...}: what is named replaces what was
  POST /standin/clock       {"now": SECONDS}, with --clock manual

Faults, each a probability a request: 429 (with Retry-After), 500, errors (HTTP 200 with GraphQL errors), drop_before
and drop_after (the connection breaks before or after the request took effect), slow, summary_lost (at completion).
Settings beside them: seed, retry_after, slow_seconds, deny=401|403, rate_limit=1 (10 requests/s a key, 2/s a run),
next=FAULT[@KIND]+...: faults of the next requests, in order, KIND being part of file_stream, heartbeat, complete,
upload, graphql:UpsertBucket or the like.
"""

import argparse
import json
import os
import pathlib
import signal
import sys

from server import faults, service

KEY = "standin0" * 5


def options():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--port", type=int, default=0, help="0: a free one")
    parser.add_argument("--port-file", type=pathlib.Path, help="the port is written there when the server is ready")
    parser.add_argument("--state", type=pathlib.Path, help="runs are taken from this file; at the end written to it")
    parser.add_argument("--faults", type=faults.parse, default={}, help="such as 429=0.1,drop_after=0.1,seed=7")
    parser.add_argument("--key", default=KEY, help=f"the only API key that is let in (default {KEY})")
    parser.add_argument("--entity", default="standin-team", help="whose projects are meant when no entity is said")
    parser.add_argument("--username", default="standin")
    parser.add_argument("--crash-after", type=float, default=300, help="seconds without a heartbeat (default 300)")
    parser.add_argument("--clock", choices=["wall", "manual"], default="wall")
    return parser.parse_args()


def write(path, text):
    """Whole or not at all."""
    beside = path.with_name(path.name + ".new")
    beside.write_text(text)
    os.replace(beside, path)


def main():
    chosen = options()
    # Blocked before any thread starts, so that the signal waits for sigwait.
    signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGTERM, signal.SIGINT})
    try:
        standin = service.Standin(chosen)
        if chosen.state and chosen.state.exists():
            standin.store.load(json.loads(chosen.state.read_text()))
    except (ValueError, KeyError, OSError) as error:
        sys.exit(f"standin: {error}")
    standin.start()
    if chosen.port_file:
        write(chosen.port_file, str(standin.api.server_port))
    print(standin.url, flush=True)
    signal.sigwait({signal.SIGTERM, signal.SIGINT})
    standin.stop()
    with standin.lock:
        if chosen.state:
            write(chosen.state, json.dumps(standin.store.save()))


if __name__ == "__main__":
    main()
