#!/usr/bin/env python3
"""What the original's notebook does with a project's runs: the best batch size of each device, model and precision.

  WANDB_BASE_URL=... WANDB_API_KEY=... tests/wandb/notebook.py ENTITY/PROJECT [--pandas] [--plots DIR]
      [--best FILE [--memory-format nchw] [--fp32 fp32]]

Prints a JSON list of {device_name, model, bs, fp16, throughput}. Without --pandas the steps are taken in plain Python,
since pandas and matplotlib, some 200 MB, are not what is tested; with it they are the notebook's own, and both tables
must agree. --plots draws its bar plot a model, and needs them too. --best compares with what `rsg results best -o json`
printed, restricted to what a sweep's notebook shows: fp16 and the sweep's first fp32 kind in its first memory format.
Exit status 1 when they disagree. The SDK is found by PYTHONPATH=.deps/wandb.
"""

import argparse
import json
import pathlib
import sys

COLUMNS = ["device_name", "model", "bs", "fp16", "throughput"]
SERIES = ["device_name", "model", "fp16"]


def plain_table(summaries):
    """The same as pandas_table."""
    rows = [{name: summary.get(name) for name in COLUMNS} for summary in summaries]
    best = {}
    for row in rows:
        if None in row.values():  # dropna
            continue
        series = tuple(row[name] for name in SERIES)
        if series not in best or row["throughput"] > best[series]["throughput"]:
            best[series] = row
    return [best[series] for series in sorted(best)]


def pandas_table(summaries):
    import pandas as pd
    df = pd.DataFrame(summaries)[COLUMNS].dropna()
    best = df.loc[df.groupby(SERIES)["throughput"].idxmax()].sort_values(SERIES)
    return json.loads(best.astype({"bs": int, "fp16": bool}).to_json(orient="records", double_precision=15))


def plot(table, folder):
    import matplotlib
    matplotlib.use("Agg")
    import pandas as pd
    folder.mkdir(parents=True, exist_ok=True)
    for model, rows in pd.DataFrame(table).groupby("model"):
        bars = rows.pivot(index="device_name", columns="fp16", values="throughput")
        bars.plot.barh(title=model).figure.savefig(folder / f"{model}.png", bbox_inches="tight")


def canonical_best(rows, memory_format, fp32):
    """{series: row} of `rsg results best`, of canonical results only."""
    best = {}
    for row in rows:
        if (row["mode"] not in ("standard", "original") or row["memory_format"] != memory_format
                or row["precision"] not in ("fp16", fp32)):
            continue
        series = (row["device_name"], row["model"], row["precision"] == "fp16")
        if series not in best or row["throughput"] > best[series]["throughput"]:
            best[series] = row
    return best


def disagreements(table, best, memory_format="nchw", fp32="fp32"):
    """In words; empty when the notebook's table is that of `rsg results best`."""
    ours = {series: (row["batch_size"], row["throughput"])
            for series, row in canonical_best(best, memory_format, fp32).items()}
    notebook = {tuple(row[name] for name in SERIES): (row["bs"], row["throughput"]) for row in table}
    return [f"{series}: the notebook has {notebook.get(series)}, rsg results best {ours.get(series)}"
            for series in sorted(ours.keys() | notebook.keys()) if ours.get(series) != notebook.get(series)]


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("project", help="ENTITY/PROJECT")
    parser.add_argument("--pandas", action="store_true")
    parser.add_argument("--plots", type=pathlib.Path)
    parser.add_argument("--best", type=pathlib.Path)
    parser.add_argument("--memory-format", default="nchw", help="the first that the sweep names (default nchw)")
    parser.add_argument("--fp32", default="fp32", help="the first of the fp32 kinds that it names (default fp32)")
    options = parser.parse_args()

    import wandb  # here, for who imports this file wants its tables alone
    runs = wandb.Api().runs(options.project)
    summaries = [dict(r.summary) for r in runs]
    table = plain_table(summaries)
    if options.pandas:
        by_pandas = pandas_table(summaries)
        if by_pandas != table:
            sys.exit(f"notebook: pandas has {by_pandas}, plain Python {table}")
    if options.plots:
        plot(table, options.plots)
    print(json.dumps(table, indent=1))
    if options.best:
        wrong = disagreements(table, json.loads(options.best.read_text()), options.memory_format, options.fp32)
        if wrong:
            sys.exit("notebook: " + "\nnotebook: ".join(wrong))


if __name__ == "__main__":
    main()
