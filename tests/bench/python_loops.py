"""What rsg-trainer is compared with: Python's loops over the same LibTorch.

  python python_loops.py original|standard MODEL BATCH SIZE

`original` is a transcription of the tool that RSG succeeds: all weights are loaded from a copy on the CPU in each
iteration, SGD as torch.optim makes it by default. `standard` is the loop that a careful script has: zero_grad, forward,
loss, backward, fused SGD. Both train a model of timm's in FP32 on the CPU, for ever; at about every half second they
print one line of JSON, `{"samples": N, "seconds": S}`, of the time stamps that the loop takes after each optimiser step.
"""

import itertools
import json
import sys
import time

import timm
import torch
from torch.nn import functional as F

WINDOW_SECONDS = 0.5


def build(name, size):
    """The model as timm makes it for this image size, in train mode."""
    built_for_size = name.startswith(("deit", "mixer", "swin", "vit"))
    return timm.create_model(name, num_classes=1000, **({"img_size": size} if built_for_size else {})).train()


class Windows:
    """Cuts the time stamps into windows, as rsg-trainer does for mode `original`, and prints them."""

    def __init__(self, batch):
        self.batch = batch
        self.began = None
        self.steps = 0

    def stamp(self, now):
        if self.began is None:  # iteration 0 is not measured
            self.began = now
            return
        self.steps += 1
        if now - self.began < WINDOW_SECONDS:
            return
        print(json.dumps({"samples": self.steps * self.batch, "seconds": now - self.began}), flush=True)
        self.began = now
        self.steps = 0


def original(name, batch, size):
    torch.backends.cudnn.benchmark = True
    dev = torch.device("cpu")
    model = build(name, size).to(dev)
    state = {name: tensor.detach().to("cpu", copy=True) for name, tensor in model.state_dict().items()}
    optim = torch.optim.SGD(model.parameters(), lr=0.00001, weight_decay=0.00005)
    x = torch.randn((batch, 3, size, size), device=dev)
    y = torch.randint(0, 999, (batch,), device=dev)
    windows = Windows(batch)
    for _ in itertools.count():
        model.load_state_dict(state)
        with torch.autocast("cpu", enabled=False):
            loss = F.cross_entropy(model(x), y)
        loss.backward()
        optim.step()
        windows.stamp(time.perf_counter())
        optim.zero_grad(set_to_none=True)


def standard(name, batch, size):
    model = build(name, size)
    optim = torch.optim.SGD(model.parameters(), lr=0.00001, weight_decay=0.00005, fused=True)
    x = torch.randn((batch, 3, size, size))
    y = torch.randint(0, 1000, (batch,))
    windows = Windows(batch)
    while True:
        optim.zero_grad(set_to_none=True)
        loss = F.cross_entropy(model(x), y)
        loss.backward()
        optim.step()
        windows.stamp(time.perf_counter())


if __name__ == "__main__":
    print(json.dumps({"torch": torch.__version__, "timm": timm.__version__, "threads": torch.get_num_threads()}), flush=True)
    {"original": original, "standard": standard}[sys.argv[1]](sys.argv[2], int(sys.argv[3]), int(sys.argv[4]))
