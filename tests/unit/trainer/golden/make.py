"""Writes the golden values of a model, computed by timm in float64, for golden_test.cpp.

    python3 make.py resnet18 > resnet18.json      (needs torch and timm; nothing of this project)
    python3 make.py NAME SIZE > NAME-SIZE.json    (a further image size)

Parameters, images and labels come from a fill that any language can repeat (splitmix64 over FNV-1a of the name), so
that no weights need to be stored.
"""

import json
import sys

import numpy as np
import timm
import torch

BATCH, SEED = 2, 20771
# Image sizes, where 65 does not do: structures that ask for a multiple, networks whose last batch norm would see fewer
# than 8 values a channel.
DEFAULT_SIZE = 65
SIZES = {"vgg11": 257, "densenet121": 97}
# Families that timm builds for an image size.
BUILT_FOR_SIZE, BUILT_SIZE = ("deit", "mixer", "swin", "vit"), 64
M = (1 << 64) - 1


def splitmix64(z):
    with np.errstate(over="ignore"):
        z = z + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def base(name):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & M
    return splitmix64(np.array([h ^ SEED], dtype=np.uint64))


def hashes(name, count):
    with np.errstate(over="ignore"):
        return splitmix64(base(name) + np.arange(count, dtype=np.uint64))


def uniform(name, shape):
    u = (hashes(name, int(np.prod(shape, dtype=np.int64))) >> np.uint64(11)).astype(np.float64) * 2.0**-53 * 2 - 1
    return torch.from_numpy(u.reshape(tuple(shape)))


def fill(name, p):
    u = uniform(name, p.shape)
    if p.dim() >= 2:
        return u * (3 / max(1, p.numel() // p.shape[0])) ** 0.5
    return 1 + 0.1 * u if name.endswith(".weight") else 0.1 * u


def l2(t):
    return t.double().norm().item()


def create(name, size):
    return timm.create_model(name, num_classes=1000, **({"img_size": size} if name.startswith(BUILT_FOR_SIZE) else {}))


def without_dropout(model):
    for module in model.modules():
        rates = ("p",) if isinstance(module, torch.nn.modules.dropout._DropoutNd) else ("drop_prob", "drop_rate")
        for rate in rates:
            if hasattr(module, rate):
                setattr(module, rate, 0.0)
    return model


def main(name, size):
    model = without_dropout(create(name, size)).double().train()
    torch.manual_seed(0)
    start = {
        n: [p.float().mean().item(), p.float().std(unbiased=False).item(), p.min().item(), p.max().item()]
        for n, p in create(name, size).named_parameters()
    }
    with torch.no_grad():
        for n, p in model.named_parameters():
            p.copy_(fill(n, p))
    images = uniform("input", (BATCH, 3, size, size))
    labels = torch.from_numpy((hashes("label", BATCH) % np.uint64(1000)).astype(np.int64))
    logits = model(images)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    parameters = list(model.named_parameters())
    golden = {
        "model": name,
        "timm": timm.__version__,
        "torch": torch.__version__,
        "batch": BATCH,
        "size": size,
        "seed": SEED,
        "parameters": sum(p.numel() for _, p in parameters),
        "default_parameters": sum(p.numel() for p in timm.create_model(name).parameters()),
        "names": [n for n, _ in parameters],
        "shapes": [list(p.shape) for _, p in parameters],
        "buffers": [n for n, _ in model.named_buffers()],
        "loss": loss.item(),
        "logits_l2": l2(logits),
        "logits_head": logits[0, :8].tolist(),
        "grad_l2": [l2(p.grad) for _, p in parameters],
        "buffer_l2": [l2(b) for _, b in model.named_buffers()],
    }
    torch.optim.SGD(model.parameters(), lr=0.01, weight_decay=5e-5, momentum=0).step()
    golden["step_l2"] = [l2(p) for _, p in model.named_parameters()]
    # How timm starts each parameter: mean, standard deviation, least and greatest value.
    golden["initial"] = [start[n] for n in golden["names"]]
    print(json.dumps(golden, separators=(",", ":")))


name = sys.argv[1]
default = BUILT_SIZE if name.startswith(BUILT_FOR_SIZE) else SIZES.get(name, DEFAULT_SIZE)
main(name, int(sys.argv[2]) if len(sys.argv) > 2 else default)
