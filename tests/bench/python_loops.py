"""What rsg-trainer is compared with: Python's loops over the same LibTorch.

  python python_loops.py original|standard BATCH SIZE

`original` is a transcription of the tool that RSG succeeds: all weights are loaded from a copy on the CPU in each
iteration, SGD as torch.optim makes it by default. `standard` is the loop that a careful script has: zero_grad, forward,
loss, backward, fused SGD. Both train ResNet-50 as timm defines it, in FP32 on the CPU, for ever; at about every half
second they print one line of JSON, `{"samples": N, "seconds": S}`, of the time stamps that the loop takes after each
optimiser step.
"""

import itertools
import json
import sys
import time

import torch
from torch import nn
from torch.nn import functional as F

WINDOW_SECONDS = 0.5


class Bottleneck(nn.Module):
    def __init__(self, channels, width, stride):
        super().__init__()
        self.conv1 = nn.Conv2d(channels, width, 1, bias=False)
        self.bn1 = nn.BatchNorm2d(width)
        self.act1 = nn.ReLU(inplace=True)
        self.conv2 = nn.Conv2d(width, width, 3, stride, 1, bias=False)
        self.bn2 = nn.BatchNorm2d(width)
        self.act2 = nn.ReLU(inplace=True)
        self.conv3 = nn.Conv2d(width, 4 * width, 1, bias=False)
        self.bn3 = nn.BatchNorm2d(4 * width)
        self.act3 = nn.ReLU(inplace=True)
        self.downsample = None
        if stride != 1 or channels != 4 * width:
            self.downsample = nn.Sequential(
                nn.Conv2d(channels, 4 * width, 1, stride, bias=False), nn.BatchNorm2d(4 * width))
        nn.init.zeros_(self.bn3.weight)

    def forward(self, x):
        shortcut = x
        x = self.act1(self.bn1(self.conv1(x)))
        x = self.act2(self.bn2(self.conv2(x)))
        x = self.bn3(self.conv3(x))
        if self.downsample is not None:
            shortcut = self.downsample(shortcut)
        x += shortcut
        return self.act3(x)


class ResNet50(nn.Module):
    def __init__(self):
        super().__init__()
        self.conv1 = nn.Conv2d(3, 64, 7, 2, 3, bias=False)
        self.bn1 = nn.BatchNorm2d(64)
        self.act1 = nn.ReLU(inplace=True)
        self.maxpool = nn.MaxPool2d(3, 2, 1)
        channels = 64
        for stage, depth in enumerate((3, 4, 6, 3)):
            blocks = []
            for i in range(depth):
                blocks.append(Bottleneck(channels, 64 << stage, 2 if stage > 0 and i == 0 else 1))
                channels = 4 * (64 << stage)
            setattr(self, f"layer{stage + 1}", nn.Sequential(*blocks))
        self.fc = nn.Linear(channels, 1000)
        for module in self.modules():
            if isinstance(module, nn.Conv2d):
                nn.init.kaiming_normal_(module.weight, mode="fan_out", nonlinearity="relu")

    def forward(self, x):
        x = self.maxpool(self.act1(self.bn1(self.conv1(x))))
        x = self.layer4(self.layer3(self.layer2(self.layer1(x))))
        return self.fc(F.adaptive_avg_pool2d(x, 1).flatten(1))


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


def original(batch, size):
    torch.backends.cudnn.benchmark = True
    dev = torch.device("cpu")
    model = ResNet50().to(dev)
    model.train()
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


def standard(batch, size):
    model = ResNet50()
    model.train()
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
    print(json.dumps({"torch": torch.__version__, "threads": torch.get_num_threads()}), flush=True)
    {"original": original, "standard": standard}[sys.argv[1]](int(sys.argv[2]), int(sys.argv[3]))
