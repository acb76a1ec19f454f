"""A run in the sequence that our forwarder keeps to, sent by the tests themselves: upsert, facts, windows, the result
with the whole summary, files, completion in a request of its own, and a look at what stands."""

import json
import time

import harness

UPSERT = """mutation UpsertBucket ($id: String, $name: String, $project: String, $entity: String, $groupName: String,
  $description: String, $displayName: String, $notes: String, $commit: String, $config: JSONString, $host: String,
  $debug: Boolean, $program: String, $repo: String, $jobType: String, $state: String, $sweep: String, $tags: [String!],
  $summaryMetrics: JSONString) {
  upsertBucket(input: {id:$id,name:$name,groupName:$groupName,modelName:$project,entityName:$entity,
    description:$description,displayName:$displayName,notes:$notes,config:$config,commit:$commit,host:$host,
    debug:$debug,jobProgram:$program,jobRepo:$repo,jobType:$jobType,state:$state,sweep:$sweep,tags:$tags,
    summaryMetrics:$summaryMetrics}) {
    bucket { id name displayName description config sweepName project { id name entity { id name } } historyLineCount }
    inserted } }"""
FILES = """mutation CreateRunFiles ($entity: String!, $project: String!, $run: String!, $files: [String!]!) {
  createRunFiles(input: {entityName:$entity,projectName:$project,runName:$run,files:$files}) {
    runID uploadHeaders files { name uploadUrl } } }"""
READ = """query Run($project: String!, $entity: String!, $name: String!) {
  project(name: $project, entityName: $entity) { run(name: $name) { id state summaryMetrics historyLineCount } } }"""


def cell(device="NVIDIA GeForce RTX 3090", model="resnet50", fp16=True, bs=8, throughput=100.0, canonical=True):
    """(facts, result) of one job; what did not run has no result."""
    facts = {"device_name": device, "device_capability": "(8, 6)", "pytorch": "2.11.0+cu130", "cuda": "13.0",
             "platform": "Debian GNU/Linux 12", "model": model, "fp16": fp16, "bs": bs, "n_seconds": None,
             "n_batches": None, "run_number": 0, "gpu_mem": 25438126080,
             "precision": "fp16" if fp16 else "fp32", "memory_format": "nchw" if canonical else "nhwc"}
    if throughput is None:
        return facts, None
    result = {"duration": 4.25, "n_items": int(throughput * 4), "throughput": throughput,
              "samples_per_second": throughput, "ci_low": throughput * 0.996, "ci_high": throughput * 1.004}
    if not canonical:
        del result["throughput"]
    return facts, result


def post(standin, query, operation, **variables):
    body = json.dumps({"query": query, "operationName": operation, "variables": variables})
    status, answer, _ = harness.request(f"{standin.url}/graphql", body)
    if status != 200 or "errors" in answer:
        raise RuntimeError(f"{operation}: {status} {answer}")
    return answer["data"]


def stream(standin, name, **body):
    if standin.stream(name, body)[0] != 200:
        raise RuntimeError(f"file_stream of {name} failed")


def lines_of(facts, result, windows):
    """The history as JSON lines, and the summary."""
    now = time.time()
    window = {"window/seconds": 0.1, "window/steps": 4}
    lines = [facts, *[window] * windows, result or {"outcome": "FAILED"}]
    history = [json.dumps(line | {"_step": step, "_timestamp": now + step * 0.1, "_runtime": step * 0.1})
               for step, line in enumerate(lines)]
    summary = {key: value for key, value in (facts | lines[-1]).items() if value is not None}
    summary |= {"_step": len(lines) - 1, "_timestamp": now, "_runtime": 0, "_wandb": {"runtime": 0}}
    return history, json.dumps(summary)


def write(standin, name, facts, result, windows=2):
    """A whole run, `failed` when there is no result."""
    run = {"project": harness.PROJECT, "entity": harness.ENTITY}
    unknown = dict.fromkeys(("id", "description", "notes", "commit", "debug", "program", "repo", "state", "sweep",
                             "summaryMetrics"))
    post(standin, UPSERT, "UpsertBucket", **unknown, **run, name=name, groupName="s1", jobType=facts["model"],
         displayName=f"RTX 3090 · {name}", tags=["nchw"], host="gpu-1",
         config=json.dumps({key: {"value": value} for key, value in facts.items()}))
    history, summary = lines_of(facts, result, windows)
    stream(standin, name, files={"wandb-history.jsonl": {"offset": 0, "content": history[:1]}})
    stream(standin, name, files={"wandb-history.jsonl": {"offset": 1, "content": history[1:]},
                                 "wandb-summary.json": {"offset": 0, "content": [summary]}})
    texts = {"gpu-info.txt": "GPU 00000000:01:00.0\n", "cpu-info.txt": "processor : 0\n"}
    created = post(standin, FILES, "CreateRunFiles", **run, run=name, files=list(texts))["createRunFiles"]
    for file in created["files"]:
        harness.request(file["uploadUrl"], texts[file["name"]], key=None, method="PUT")
    stream(standin, name, uploaded=list(texts), complete=True, exitcode=0 if result else 1)
    post(standin, READ, "Run", **run, name=name)
