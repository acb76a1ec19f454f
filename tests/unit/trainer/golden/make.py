"""Writes golden values, computed by timm in float64, for golden_test.cpp. Needs torch and timm.

    python3 make.py resnet18 > resnet18.json              everything that is known of a model
    python3 make.py NAME --size SIZE > NAME-SIZE.json     the same at a further image size
    python3 make.py NAME --second > NAME-second.json      the step alone at another batch size, image size and seed
"""

import argparse
import json

import timm
import torch

import reference

# Image sizes where the usual one does not do: structures that ask for a multiple, networks whose last batch norm would
# see fewer than 8 values a channel.
FIRST = {"batch": 2, "seed": 20771, "size": 65, "sizes": {"vgg11": 257, "densenet121": 97}, "built": {"": 64}}
SECOND = {
    "batch": 3,
    "seed": 0xB5AD4ECEDA1CE2A9,
    "size": 47,
    "sizes": {"densenet121": 79},
    "built": {"": 48, "swin": 100},
}
KEPT_OF_SECOND = ("model", "timm", "torch", "batch", "size", "seed", "loss", "logits_l2", "logits_head", "grad_l2", "step_l2")


def size_of(name, setting):
    if not name.startswith(reference.BUILT_FOR_SIZE):
        return setting["sizes"].get(name, setting["size"])
    return setting["built"].get(name.split("_")[0], setting["built"][""])


def start(name, size):
    """How timm starts each parameter: mean, standard deviation, least and greatest value."""
    torch.manual_seed(0)
    return [
        [p.float().mean().item(), p.float().std(unbiased=False).item(), p.min().item(), p.max().item()]
        for _, p in reference.create(name, size).named_parameters()
    ]


def shortened(value):
    """12 digits, which a comparison within 1e-9 does not miss."""
    if isinstance(value, list):
        return [shortened(v) for v in value]
    return float(f"{value:.12g}") if isinstance(value, float) else value


def main():
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("name")
    arguments.add_argument("--size", type=int)
    arguments.add_argument("--second", action="store_true")
    asked = arguments.parse_args()
    setting = SECOND if asked.second else FIRST
    size = asked.size or size_of(asked.name, setting)
    golden = reference.step(asked.name, setting["batch"], size, setting["seed"])
    if asked.second:
        golden = shortened({key: golden[key] for key in KEPT_OF_SECOND})
    else:
        golden["default_parameters"] = sum(p.numel() for p in timm.create_model(asked.name).parameters())
        golden["initial"] = start(asked.name, size)
    print(json.dumps(golden, separators=(",", ":")))


main()
