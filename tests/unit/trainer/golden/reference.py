"""One training step of a timm model in float64, from numbers that any language can make again.

Knows nothing of this project: parameters, images and labels come from splitmix64 over FNV-1a of the name, so that no
weights need to be stored. `rsg-trainer check --help` says how.
"""

import numpy as np
import timm
import torch

# Families that timm builds for an image size.
BUILT_FOR_SIZE = ("deit", "mixer", "swin", "vit")
M = (1 << 64) - 1


def splitmix64(z):
    with np.errstate(over="ignore"):
        z = z + np.uint64(0x9E3779B97F4A7C15)
        z = (z ^ (z >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
        z = (z ^ (z >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
        return z ^ (z >> np.uint64(31))


def base(name, seed):
    h = 0xCBF29CE484222325
    for byte in name.encode():
        h = ((h ^ byte) * 0x100000001B3) & M
    return splitmix64(np.array([h ^ seed], dtype=np.uint64))


def hashes(name, count, seed):
    with np.errstate(over="ignore"):
        return splitmix64(base(name, seed) + np.arange(count, dtype=np.uint64))


def uniform(name, shape, seed):
    count = int(np.prod(shape, dtype=np.int64))
    u = (hashes(name, count, seed) >> np.uint64(11)).astype(np.float64) * 2.0**-53 * 2 - 1
    return torch.from_numpy(u.reshape(tuple(shape)))


def fill(name, p, seed):
    u = uniform(name, p.shape, seed)
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


def step(name, batch, size, seed):
    """What the step computes: a dictionary whose per-parameter values are lists in the order of `names`."""
    model = without_dropout(create(name, size)).double().train()
    with torch.no_grad():
        for n, p in model.named_parameters():
            p.copy_(fill(n, p, seed))
    images = uniform("input", (batch, 3, size, size), seed)
    labels = torch.from_numpy((hashes("label", batch, seed) % np.uint64(1000)).astype(np.int64))
    logits = model(images)
    loss = torch.nn.functional.cross_entropy(logits, labels)
    loss.backward()
    parameters = list(model.named_parameters())
    values = {
        "model": name,
        "timm": timm.__version__,
        "torch": torch.__version__,
        "batch": batch,
        "size": size,
        "seed": seed,
        "parameters": sum(p.numel() for _, p in parameters),
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
    values["step_l2"] = [l2(p) for _, p in model.named_parameters()]
    return values
