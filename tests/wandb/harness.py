"""What the tests share: the stand-in as a process, requests to it, and programs that use the real SDK against it."""

import base64
import http.client
import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import urllib.parse

HERE = pathlib.Path(__file__).resolve().parent
KEY = "standin0" * 5
ENTITY, PROJECT = "standin-team", "ready-steady-go"
LIMIT = 60  # seconds that a program may take


class Standin:
    """A stand-in process: started on entry, ended by SIGTERM on exit."""

    def __init__(self, *options):
        self.options = options

    def __enter__(self):
        self.process = subprocess.Popen([sys.executable, HERE / "standin.py", *map(str, self.options)],
                                        stdout=subprocess.PIPE, text=True)
        self.url = self.process.stdout.readline().strip()
        if not self.url:
            self.process.wait()
            raise RuntimeError("the stand-in did not start")
        return self

    def __exit__(self, *_):
        self.process.terminate()
        self.exit_status = self.process.wait(LIMIT)
        self.process.stdout.close()

    def get(self, what):
        return request(f"{self.url}/standin/{what}", "", method="GET")[1]

    def set(self, what, **settings):
        return request(f"{self.url}/standin/{what}", json.dumps(settings), key=None)

    def run(self, name):
        return next(run for run in self.get("state")["runs"] if run["name"] == name)

    def graphql(self, query, headers=(), key=KEY, **variables):
        return request(f"{self.url}/graphql", json.dumps({"query": query, "variables": variables}), key, headers)

    def stream(self, name, body, limit=LIMIT):
        body = body if isinstance(body, str) else json.dumps(body)
        return request(f"{self.url}/files/{ENTITY}/{PROJECT}/{name}/file_stream", body, limit=limit)


def request(url, body, key=KEY, headers=(), method="POST", limit=LIMIT):
    """(status, the answer's JSON, its headers); status 0 when the connection broke. TimeoutError after `limit` s."""
    told = dict(headers) | {"User-Agent": "standin-test", "Accept-Encoding": "gzip"}
    if method == "POST":
        told["Content-Type"] = "application/json"
    if key:
        told["Authorization"] = "Basic " + base64.b64encode(f"api:{key}".encode()).decode()
    split = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(split.netloc, timeout=limit)
    try:
        connection.request(method, url.removeprefix(f"{split.scheme}://{split.netloc}"), body.encode(), told)
        answer = connection.getresponse()
        text = answer.read()
    except (http.client.HTTPException, ConnectionError):
        return 0, None, {}
    finally:
        connection.close()
    return answer.status, json.loads(text) if text else None, answer.headers


def sdk_environment(url, folder):
    """For a program that uses the SDK, all of whose files go to `folder`. It is found by PYTHONPATH, and is a second
    quicker when its byte code may be kept."""
    unwanted = re.compile(r"WANDB_.*|.*_proxy|PYTHONDONTWRITEBYTECODE", re.I)
    kept = {name: value for name, value in os.environ.items() if not unwanted.fullmatch(name)}
    if "PYTHONPATH" in kept:  # it may be relative, and the program runs elsewhere
        kept["PYTHONPATH"] = os.pathsep.join(map(os.path.abspath, kept["PYTHONPATH"].split(os.pathsep)))
    return kept | {"WANDB_BASE_URL": url, "WANDB_API_KEY": KEY, "WANDB_ERROR_REPORTING": "false", "HOME": str(folder),
                   "WANDB_DIR": str(folder), "TMPDIR": str(folder)}


def with_sdk(url, program, *arguments, given=None):
    """What a program of this folder that uses the SDK printed: (stdout, stderr)."""
    with tempfile.TemporaryDirectory() as folder:
        done = subprocess.run([sys.executable, HERE / program, *map(str, arguments)], env=sdk_environment(url, folder),
                              cwd=folder, input=json.dumps(given), capture_output=True, text=True, timeout=LIMIT)
    if done.returncode != 0:
        raise RuntimeError(f"{program}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
    return done.stdout, done.stderr
