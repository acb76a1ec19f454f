"""The real `wandb` SDK against the stand-in: what it writes, what it reads of ours, and how the two differ."""

import json
import pathlib
import tempfile
import unittest

import compare
import notebook
import ours
from harness import ENTITY, PROJECT, Standin, with_sdk

PATH = f"{ENTITY}/{PROJECT}"


def original(name, facts, result):
    """What the original tool would have written."""
    machine = compare.chosen(facts, compare.transcript.MACHINE_KEYS)
    return {"id": name, "entity": ENTITY, "project": PROJECT, "group": "s1", "job_type": facts["model"],
            "tags": ["a", "b"], "name": f"RTX 3090 · {name}", "config": machine,
            "lines": [machine] + ([compare.chosen(result, compare.transcript.RESULT_KEYS)] if result else []),
            "files": {"gpu-info.txt": "GPU 00000000:01:00.0\n", "cpu-info.txt": "processor : 0\n"},
            "exit_code": 0 if result else 1}


def typed(values):
    """With their types: 100 is not 100.0. Keys that the SDK adds are left out."""
    return {key: (type(value).__name__, value) for key, value in values.items() if not key.startswith("_")}


def read(standin):
    return {run["id"]: run for run in json.loads(with_sdk(standin.url, "read_runs.py", PATH)[0])}


class Sdk(unittest.TestCase):
    def setUp(self):
        self.standin = self.enterContext(Standin())

    def test_what_the_sdk_writes_reads_back(self):
        fine, failed = ours.cell(throughput=366.75), ours.cell(bs=4096, throughput=None)
        _, printed = with_sdk(self.standin.url, "original.py", given=[original("ok", *fine), original("oom", *failed)])
        for word in ("WARNING", "ERROR"):
            self.assertNotIn(word, printed)
        self.assertEqual(self.standin.get("state")["violations"], [])
        runs = read(self.standin)
        self.assertEqual({name: run["state"] for name, run in runs.items()}, {"ok": "finished", "oom": "failed"})
        for name, (facts, result) in (("ok", fine), ("oom", failed)):
            told = original(name, facts, result)
            run = runs[name]
            self.assertEqual((run["name"], run["group"], run["job_type"], run["tags"]),
                             (f"RTX 3090 · {name}", "s1", "resnet50", ["a", "b"]))
            self.assertEqual(typed(run["config"]), typed(told["config"]))
            self.assertEqual([typed(line) for line in run["history"]], [typed(line) for line in told["lines"]])
            # Nulls are in the history, not in the summary.
            logged = {key: value for line in told["lines"] for key, value in line.items() if value is not None}
            self.assertEqual(typed(run["summary"]), typed(logged))
            self.assertEqual({file: run["files"][file] for file in told["files"]},
                             {file: len(text) for file, text in told["files"].items()})

    def test_what_the_sdk_writes_survives_faults(self):
        """For a stand-in that only works in fair weather proves nothing of one that is used in foul."""
        self.standin.set("faults", next=["drop_after@UpsertBucket", "drop_before@complete", "drop_after@complete"])
        soon = {"x_file_stream_retry_wait_min_seconds": 0.1, "x_graphql_retry_wait_min_seconds": 0.1}
        with_sdk(self.standin.url, "original.py", given=[original("ok", *ours.cell()) | {"settings": soon}])
        state = self.standin.get("state")
        self.assertEqual(sum(state["faults"].values()), 3)
        self.assertEqual((state["violations"], len(state["runs"]), state["runs"][0]["state"]), ([], 1, "finished"))
        self.assertEqual(len(self.standin.run("ok")["history"]), 2)

    def test_what_we_write_reads_back(self):
        cells = {"ok": ours.cell(), "oom": ours.cell(bs=4096, throughput=None)}
        for name, cell in cells.items():
            ours.write(self.standin, name, *cell)
        self.assertEqual(self.standin.get("state")["violations"], [])
        runs = read(self.standin)
        self.assertEqual({name: run["state"] for name, run in runs.items()}, {"ok": "finished", "oom": "failed"})
        for name, (facts, result) in cells.items():
            self.assertEqual(typed(runs[name]["config"]), typed(facts))
            logged = facts | (result or {"outcome": "FAILED"})
            self.assertEqual(typed(runs[name]["summary"]),
                             typed({key: value for key, value in logged.items() if value is not None}))
            self.assertEqual([line["_step"] for line in runs[name]["history"]], [0, 1, 2, 3])
        self.assertEqual(type(runs["ok"]["summary"]["throughput"]), float)


class Comparison(unittest.TestCase):
    def test_every_difference_between_ours_and_the_sdk_has_its_reason(self):
        with Standin() as standin:
            ours.write(standin, "ok", *ours.cell())
            ours.write(standin, "oom", *ours.cell(throughput=None))
            for rows, complaints in compare.compare(standin.url, PATH, ["ok", "oom"]).values():
                self.assertEqual(complaints, [])
                self.assertGreater(len(rows), 10)

    def test_unexpected_and_stale_ones_are_complained_of(self):
        table = [{"paths": ["~ a"], "reason": "known"}, {"paths": ["+ b"], "reason": "known"},
                 {"paths": ["- c"], "reason": "known", "only": "failed"},
                 {"paths": ["= *"], "reason": "known", "sometimes": True}]
        found = compare.differences({"a": "1", "d": "int 1", "e": "int 1"}, {"a": "2", "d": "float 1.0", "e": "int 2"})
        self.assertEqual(list(found), ["~ a", "= d", "~ e"])
        complaints = compare.judge(found, table, "finished")[1]
        self.assertEqual(len(complaints), 2)
        self.assertIn("unexpected difference: ~ e", complaints[0])
        self.assertIn("stale expectation: + b", complaints[1])
        self.assertEqual(len(compare.judge(found, table, "failed")[1]), 3)


class Notebook(unittest.TestCase):
    def test_finds_the_best_batch_size_of_each_series(self):
        cells = [ours.cell(bs=8, throughput=100.0), ours.cell(bs=16, throughput=180.5),
                 ours.cell(bs=32, throughput=170.25), ours.cell(bs=64, throughput=None),
                 ours.cell(bs=16, throughput=999.0, canonical=False),
                 ours.cell(bs=8, fp16=False, throughput=60.0),
                 ours.cell("NVIDIA A100-SXM4-80GB", bs=64, throughput=900.0),
                 ours.cell(model="vgg19", bs=8, throughput=50.5)]
        best = [dict(zip(notebook.COLUMNS, row)) for row in (
            ("NVIDIA A100-SXM4-80GB", "resnet50", 64, True, 900.0),
            ("NVIDIA GeForce RTX 3090", "resnet50", 8, False, 60.0),
            ("NVIDIA GeForce RTX 3090", "resnet50", 16, True, 180.5),
            ("NVIDIA GeForce RTX 3090", "vgg19", 8, True, 50.5))]
        rows = [{"device_name": row["device_name"], "model": row["model"], "mode": "standard", "batch_size": row["bs"],
                 "memory_format": "nchw", "precision": "fp16" if row["fp16"] else "fp32",
                 "throughput": row["throughput"]} for row in best]
        rows += [rows[1] | other | {"throughput": 5000.0} for other in (
            {"mode": "tuned"}, {"memory_format": "nhwc"}, {"precision": "bf16"})]
        with Standin() as standin, tempfile.TemporaryDirectory() as folder:
            for number, cell in enumerate(cells):
                ours.write(standin, f"r{number}", *cell)
            file = pathlib.Path(folder, "best.json")
            file.write_text(json.dumps(rows))
            printed, _ = with_sdk(standin.url, "notebook.py", PATH, "--best", file)
            self.assertEqual(json.loads(printed), best)
        self.assertEqual(notebook.disagreements(best, rows), [])
        self.assertRegex(notebook.disagreements(best, rows[1:])[0], "A100.*rsg results best None")
        self.assertRegex(notebook.disagreements(best[1:], rows)[0], "the notebook has None")


if __name__ == "__main__":
    unittest.main()
