"""The stand-in's own promises, without the SDK: what it takes, refuses, writes down and breaks on purpose."""

import json
import pathlib
import tempfile
import unittest
import urllib.parse
import urllib.request

from harness import ENTITY, KEY, PROJECT, Standin, request

UPSERT = """mutation UpsertBucket($id: String, $name: String, $project: String, $groupName: String, $tags: [String!],
                                  $config: JSONString, $summaryMetrics: JSONString, $state: String) {
  upsertBucket(input: {id: $id, name: $name, modelName: $project, groupName: $groupName, tags: $tags, config: $config,
                       summaryMetrics: $summaryMetrics, state: $state}) {
    bucket { id name config project { name entity { name } } historyLineCount } inserted } }"""
RUNS = """query Runs($project: String!, $cursor: String, $first: Int, $order: String, $filters: JSONString) {
  project(name: $project) { runCount(filters: $filters)
    runs(filters: $filters, after: $cursor, first: $first, order: $order) {
      edges { node { ...Few } } pageInfo { endCursor hasNextPage } } } }
fragment Few on Run { name state }"""
RUN = """query Run($project: String!, $name: String!) { project(name: $project) { run(name: $name) {
  id state summaryMetrics historyLineCount } } }"""
FILES = """mutation CreateRunFiles($run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName: "standin-team", projectName: "ready-steady-go", runName: $run, files: $files}) {
    uploadHeaders files { name uploadUrl } } }"""


def history(offset, *lines, **more):
    return {"files": {"wandb-history.jsonl": {"offset": offset, "content": list(lines)}}, **more}


def summary(text, **more):
    return {"files": {"wandb-summary.json": {"offset": 0, "content": [text]}}, **more}


class WithStandin(unittest.TestCase):
    options = ()

    def setUp(self):
        self.standin = self.enterContext(Standin(*self.options))

    def upsert(self, **variables):
        status, answer, _ = self.standin.graphql(UPSERT, **({"project": PROJECT} | variables))
        self.assertEqual((status, answer.get("errors")), (200, None))
        return answer["data"]["upsertBucket"]

    def stream(self, body, name="r1", expected=200):
        self.assertEqual(self.standin.stream(name, body)[0], expected)

    def violations(self):
        return self.standin.get("state")["violations"]

    def names(self, **variables):
        answer = self.standin.graphql(RUNS, project=PROJECT, **variables)[1]
        return [edge["node"]["name"] for edge in answer["data"]["project"]["runs"]["edges"]]


class Runs(WithStandin):
    def test_only_the_key_is_let_in(self):
        self.assertEqual(self.standin.graphql("{ viewer { entity } }")[1], {"data": {"viewer": {"entity": ENTITY}}})
        for key in (None, "0" * 40):
            self.assertEqual(self.standin.graphql("{ viewer { entity } }", key=key)[0], 401)
        self.assertEqual(request(f"{self.standin.url}/files/a/b/c/file_stream", "{}", key=None)[0], 401)
        self.assertNotIn(KEY, json.dumps(self.standin.get("transcript")))

    def test_a_run_is_addressed_by_name_within_its_project_and_by_id(self):
        first = self.upsert(name="r1", groupName="s1", config='{"bs":{"value":8}}')
        self.assertTrue(first["inserted"])
        self.assertEqual(first["bucket"]["project"], {"name": PROJECT, "entity": {"name": ENTITY}})
        self.assertFalse(self.upsert(name="r1", tags=["a"])["inserted"])
        self.assertTrue(self.upsert(name="r1", project="other")["inserted"])
        self.upsert(id=first["bucket"]["id"], summaryMetrics='{"throughput":100.0}')
        run = self.standin.run("r1")
        self.assertEqual((run["group"], run["tags"], run["config"]), ("s1", ["a"], {"bs": {"value": 8}}))
        self.assertIsInstance(run["summary"]["throughput"], float)

    def test_streams_and_completes(self):
        self.upsert(name="r1")
        self.stream(history(0, '{"_step":0,"a":100.0}', '{"_step":1}'))
        self.stream(history(1, '{"_step":1}', '{"_step":2,"a":1e2}'))  # the first of these again
        self.stream(summary('{"a":1}'))
        self.stream(summary('{"a":2,"b":100.0}', complete=True, exitcode=0))
        self.stream(summary('{"a":2,"b":100.0}', complete=True, exitcode=0))  # its answer was lost, say
        run = self.standin.run("r1")
        self.assertEqual([line["_step"] for line in run["history"]], [0, 1, 2])
        self.assertEqual(repr([line.get("a") for line in run["history"]]), "[100.0, None, 100.0]")
        self.assertEqual((run["summary"], run["state"], run["exitcode"]), ({"a": 2, "b": 100.0}, "finished", 0))
        self.assertEqual(self.violations(), [])
        self.upsert(name="r2")
        self.stream({"complete": True, "exitcode": 1}, "r2")
        self.assertEqual(self.standin.run("r2")["state"], "failed")

    def test_violations_are_written_down(self):
        self.upsert(name="r1")
        self.stream(history(0, '{"a":1}'))
        self.stream(history(2, '{"a":3}'))
        self.assertIn("gap: line 2 sent, 1 expected", self.violations()[-1])
        self.stream(history(0, '{"a":2}'))
        self.assertIn('line 0 was {"a":1}, is now {"a":2}', self.violations()[-1])
        self.stream({"complete": True, "exitcode": 0})
        self.stream({})
        self.assertIn("after the run was completed: {}", self.violations()[-1])
        self.stream(history(3, '{"a":4}'))
        self.assertIn("after the run was completed", self.violations()[-1])
        self.standin.graphql(UPSERT, project=PROJECT, name="r2", jobtype="typo")
        self.assertIn("variable jobtype is given, but not declared", self.violations()[-1])
        self.assertEqual(len(self.violations()), 5)

    def test_refuses_what_it_does_not_know(self):
        self.upsert(name="r1")
        for query, variables in (
                ("{ viewer { shoeSize } }", {}), ("{ viewer", {}), ("{ viewer { entity(of: 1) } }", {}),
                (RUNS, {"project": PROJECT, "filters": '{"shoeSize":1}'}),
                (RUNS, {"project": PROJECT, "filters": '{"state":{"$near":1}}'}),
                (RUNS, {"project": PROJECT, "order": "+shoe_size"}), (RUNS, {}),
                (UPSERT, {"name": 1}), (UPSERT, {"name": "r2", "config": '{"a":NaN}'}),
                (UPSERT, {"name": "r2", "config": "[]"}),
                ('mutation { upsertBucket(input: {shoeSize: "1"}) { inserted } }', {})):
            with self.subTest(query=query[:20], **variables):
                status, answer, _ = self.standin.graphql(query, **variables)
                self.assertEqual(status, 400)
                self.assertTrue(answer["errors"][0]["message"])
        for body in ("{", "[]", history(-1, "{}"), history(0, "no JSON"), history(0, '{"a":Infinity}'), {"shoeSize": 1},
                     {"files": {"other.txt": {"offset": 0, "content": []}}}, {"complete": True}):
            with self.subTest(body=body):
                self.stream(body, expected=400)
        self.stream({}, "nobody", expected=404)
        astray = 'mutation { upsertBucket(input: {name: "r2", modelName: "p", entityName: "nobody"}) { inserted } }'
        self.assertEqual(self.standin.graphql(astray)[0], 404)
        for name, tags in (("a/b", []), ("a" * 129, []), ("r3", ["a" * 65])):
            answer = self.standin.graphql(UPSERT, name=name, tags=tags, project=PROJECT)
            self.assertEqual((answer[0], len(answer[1]["errors"])), (200, 1))
        self.assertEqual(self.names(), ["r1"])
        self.assertEqual(self.violations(), [])

    def test_pages_and_filters(self):
        for number in range(5):
            self.upsert(name=f"r{number}", groupName=f"g{number % 2}", config=json.dumps({"bs": {"value": number}}))
        page = self.standin.graphql(RUNS, project=PROJECT, first=3)[1]["data"]["project"]["runs"]
        self.assertEqual([edge["node"]["name"] for edge in page["edges"]], ["r0", "r1", "r2"])
        self.assertTrue(page["pageInfo"]["hasNextPage"])
        self.assertEqual(self.names(cursor=page["pageInfo"]["endCursor"], first=3), ["r3", "r4"])
        self.assertEqual(self.names(order="-created_at", first=2), ["r4", "r3"])
        self.assertEqual(self.names(filters='{"group":"g1"}'), ["r1", "r3"])
        self.assertEqual(self.names(filters='{"$or":[{"config.bs":0},{"config.bs":{"$gte":4}}]}'), ["r0", "r4"])
        self.assertIsNone(self.standin.graphql(RUNS, project="nowhere")[1]["data"]["project"])

    def test_files_go_to_another_origin_without_the_key(self):
        self.upsert(name="r1")
        answer = self.standin.graphql(FILES, run="r1", files=["gpu-info.txt"])[1]["data"]["createRunFiles"]
        url = answer["files"][0]["uploadUrl"]
        self.assertNotEqual(urllib.parse.urlsplit(url).netloc, urllib.parse.urlsplit(self.standin.url).netloc)
        self.assertEqual(request(url, "nvidia-smi", key=None, method="PUT")[0], 200)
        self.assertEqual(request(url.split("?")[0], "forged", key=None, method="PUT")[0], 403)
        self.assertEqual(self.standin.run("r1")["files"]["gpu-info.txt"]["text"], "nvidia-smi")
        with urllib.request.urlopen(url) as file:
            self.assertEqual(file.read(), b"nvidia-smi")
        self.assertEqual(self.violations(), [])
        request(url, "nvidia-smi", method="PUT")
        self.assertIn("it got to see the key", self.violations()[0])


class Faults(WithStandin):
    def fault(self, *names):
        self.assertEqual(self.standin.set("faults", next=names)[0], 200)

    def test_each_fault_does_what_it_says(self):
        self.upsert(name="r1")
        self.fault("429", "500", "drop_before@file_stream", "drop_after@file_stream", "errors@UpsertBucket")
        status, _, headers = self.standin.stream("r1", history(0, "{}"))
        self.assertEqual((status, headers["Retry-After"]), (429, "1"))
        self.assertEqual(self.standin.stream("r1", history(0, "{}"))[0], 500)
        self.assertIn("Deadlock", self.standin.graphql(UPSERT, name="r2")[1]["errors"][0]["message"])
        self.assertEqual(self.standin.stream("r1", history(0, "{}"))[0], 0)
        self.assertEqual(self.standin.run("r1")["history"], [])
        self.assertEqual(self.standin.stream("r1", history(0, "{}"))[0], 0)
        self.assertEqual(self.standin.run("r1")["history"], [{}])
        self.fault("summary_lost")
        self.stream(summary('{"a":1}'))
        self.stream(summary('{"a":2}', complete=True, exitcode=0))
        self.assertEqual((self.standin.run("r1")["summary"], self.standin.run("r1")["state"]), ({}, "finished"))
        state = self.standin.get("state")
        self.assertEqual(state["faults"], dict.fromkeys(
            ("429", "500", "drop_before", "drop_after", "errors", "summary_lost"), 1))
        self.assertEqual((state["requests"]["file_stream"], state["violations"]), (6, []))

    def test_a_slow_answer_takes_effect_at_once_and_holds_up_nobody(self):
        self.upsert(name="r1")
        self.standin.set("faults", next=["slow"], slow_seconds=60)
        with self.assertRaises(TimeoutError):
            self.standin.stream("r1", history(0, "{}"), limit=0.2)
        self.assertEqual(self.standin.run("r1")["history"], [{}])
        self.stream(history(0, "{}"))

    def test_the_same_seed_gives_the_same_faults(self):
        def statuses():
            self.standin.set("faults", **{"seed": 5, "500": 0.3, "429": 0.3})
            return [self.standin.graphql("{ viewer { id } }")[0] for _ in range(20)]
        first = statuses()
        self.assertEqual(set(first), {200, 429, 500})
        self.assertEqual(statuses(), first)
        self.standin.set("faults", **{"500": 0, "429": 0, "deny": 403})
        self.assertEqual(self.standin.graphql("{ viewer { id } }")[0], 403)

    def test_settings_that_make_no_sense_are_refused(self):
        for settings in ({"shoeSize": 1}, {"500": 0.7, "429": 0.7}, {"next": ["nonsense"]}):
            status, answer, _ = self.standin.set("faults", **settings)
            self.assertEqual(status, 400)
            self.assertIn("faults:", answer["error"])


class ManualClock(WithStandin):
    options = ("--clock", "manual", "--crash-after", 300, "--faults", "rate_limit=1")

    def at(self, seconds):
        self.standin.set("clock", now=seconds)

    def test_a_run_without_heartbeat_shows_crashed_until_the_next(self):
        self.at(1000)
        self.upsert(name="r1")
        self.at(1300)
        self.assertEqual(self.standin.run("r1")["state"], "running")
        self.at(1301)
        self.assertEqual(self.standin.run("r1")["state"], "crashed")
        self.stream({})
        self.assertEqual(self.standin.run("r1")["state"], "running")

    def test_rates_are_limited_by_key_and_by_run(self):
        self.upsert(name="r1")
        self.at(10)
        self.assertEqual([self.standin.stream("r1", {})[0] for _ in range(3)], [200, 200, 429])
        self.at(11)
        self.stream({})
        self.at(20)
        viewer = [self.standin.graphql("{ viewer { id } }")[0] for _ in range(11)]
        self.assertEqual(viewer, [200] * 10 + [429])
        self.assertEqual(self.standin.graphql("{ viewer { id } }", headers={"X-Standin-Now": "21"})[0], 200)
        self.assertEqual(self.standin.get("state")["faults"], {"rate_limit": 2})


class Process(unittest.TestCase):
    def test_keeps_its_state_and_ends_cleanly(self):
        folder = pathlib.Path(self.enterContext(tempfile.TemporaryDirectory()))
        options = ("--state", folder / "state.json", "--port-file", folder / "port")
        with Standin(*options) as standin:
            self.assertEqual(standin.url, f"http://127.0.0.1:{(folder / 'port').read_text()}")
            standin.graphql(UPSERT, name="r1", project=PROJECT)
            standin.stream("r1", history(0, '{"a":100.0}'))
            created = standin.graphql(FILES, run="r1", files=["a.txt"])[1]["data"]["createRunFiles"]
            request(created["files"][0]["uploadUrl"], "text", key=None, method="PUT")
        self.assertEqual(standin.exit_status, 0)
        with Standin(*options) as standin:
            standin.stream("r1", history(0, '{"a":100.0}', '{"a":2}'))
            run = standin.run("r1")
            self.assertEqual((run["history"], run["files"]["a.txt"]["text"]), ([{"a": 100.0}, {"a": 2}], "text"))
            self.assertEqual(standin.get("state")["violations"], [])


if __name__ == "__main__":
    unittest.main()
