"""Runs `rsg-trainer check` and timm side by side and prints the largest relative difference by field.

    python3 compare.py [--trainer build/release/bin/rsg-trainer] [--batch B] [--size S] [--seed N] [NAME...]

Without names every model of `rsg-trainer models`. Needs torch and timm. Exits with 1 when names, their order or a count
differ, or a number by more than 1e-9; a gradient norm below 1e-10 stands for zero.
"""

import argparse
import json
import subprocess
import sys

import reference

WITHIN, ZERO = 1e-9, 1e-10


def relative(ours, theirs):
    if ours is None:
        return float("inf")
    if abs(theirs) < ZERO:
        return 0.0 if abs(ours) < ZERO else float("inf")
    return abs(ours - theirs) / abs(theirs)


def differences(ours, theirs):
    """Field to largest relative difference; whatever has to be equal is 0 or infinite."""
    names = theirs["names"]
    equal = {"names": (ours["names"], names), "parameters": (ours["parameters"], theirs["parameters"])}
    equal["tensors"] = (ours["tensors"], len(names))
    found = {field: 0.0 if a == b else float("inf") for field, (a, b) in equal.items()}
    for field in ("loss", "logits_l2"):
        found[field] = relative(ours[field], theirs[field])
    found["logits_head"] = max(map(relative, ours["logits_head"], theirs["logits_head"]))
    for field in ("grad_l2", "step_l2"):
        found[field] = max(relative(ours[field].get(n), value) for n, value in zip(names, theirs[field]))
    return found


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("names", nargs="*")
    arguments.add_argument("--trainer", default="build/release/bin/rsg-trainer")
    arguments.add_argument("--batch", type=int, default=2)
    arguments.add_argument("--size", type=int, help="default: the model's")
    arguments.add_argument("--seed", type=int, default=0)
    asked = arguments.parse_args()

    def trainer(*words):
        done = subprocess.run([asked.trainer, *map(str, words)], stdout=subprocess.PIPE, check=True)
        return json.loads(done.stdout)

    models = {model["name"]: model for model in trainer("models", "--json")["models"]}
    worst = 0.0
    for name in asked.names or models:
        size = asked.size or models[name]["default_image_size"]
        ours = trainer("check", "--model", name, "--batch", asked.batch, "--size", size, "--seed", asked.seed)
        found = differences(ours, reference.step(name, asked.batch, size, asked.seed))
        print(name, *(f"{field} {difference:.1e}" for field, difference in found.items()), sep="  ", flush=True)
        worst = max(worst, *found.values())
    print(f"largest {worst:.1e}: {'agrees' if worst <= WITHIN else 'DIFFERS'}")
    sys.exit(worst > WITHIN)


main()
