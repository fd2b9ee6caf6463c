#!/usr/bin/python3
"""The convolutional and recurrent rows of `nbp bench` as PyTorch runs them: the peer of compare_nets.

    OMP_NUM_THREADS=2 benchmarks/torch_nets.py [--rows lenet,lstm] [--seconds 1]     # {"lenet/sgd": µs of a step, ...}
    benchmarks/torch_nets.py --saved [--rows lenet]                                  # {"lenet": bytes kept for the backward pass, ...}

Images are [B, C, H, W], PyTorch's own order. A step is forward, backward and update, with plain gradient descent or Adam.
"""
import argparse
import json
import os
import time

import torch
from torch import nn

ROWS = ["lenet", "cnn", "resnet", "lstm", "gru", "chars"]
OPTIMIZERS = {"sgd": lambda weights: torch.optim.SGD(weights, lr=0.01), "adam": lambda weights: torch.optim.Adam(weights, lr=1e-3)}


def block(inputs, channels, stride=1):
    return [nn.Conv2d(inputs, channels, 3, stride, 1, bias=False), nn.BatchNorm2d(channels), nn.ReLU()]


class Residual(nn.Module):
    """Two convolutions beside a skip connection, which has one of its own where the shape changes."""

    def __init__(self, inputs, channels, stride):
        super().__init__()
        self.branch = nn.Sequential(*block(inputs, channels, stride), *block(channels, channels)[:2])
        self.skip = nn.Identity()
        if inputs != channels:
            self.skip = nn.Sequential(nn.Conv2d(inputs, channels, 1, stride, bias=False), nn.BatchNorm2d(channels))

    def forward(self, x):
        return torch.relu(self.branch(x) + self.skip(x))


class Recurrent(nn.Module):
    """A recurrent layer with a linear one behind its last step, or behind every step."""

    def __init__(self, cell, inputs, units, outputs, symbols=None):
        super().__init__()
        self.embedding = nn.Embedding(symbols, inputs) if symbols else None
        self.cell = cell(inputs, units, batch_first=True)
        self.head = nn.Linear(units, outputs)

    def forward(self, x):
        if self.embedding is None:
            return self.head(self.cell(x)[0][:, -1])
        return self.head(self.cell(self.embedding(x))[0]).flatten(0, 1)


def lenet():
    return nn.Sequential(
        nn.Conv2d(1, 6, 5, padding=2), nn.ReLU(), nn.MaxPool2d(2), nn.Conv2d(6, 16, 5), nn.ReLU(), nn.MaxPool2d(2), nn.Flatten(),
        nn.Linear(400, 120), nn.ReLU(), nn.Linear(120, 84), nn.ReLU(), nn.Linear(84, 10))


def cnn():
    return nn.Sequential(
        *block(3, 32), *block(32, 32), nn.MaxPool2d(2), *block(32, 64), *block(64, 64), nn.MaxPool2d(2),
        *block(64, 128), *block(128, 128), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(128, 10))


def resnet():
    pairs = [(16, 16, 1)] * 3 + [(16, 32, 2)] + [(32, 32, 1)] * 2 + [(32, 64, 2)] + [(64, 64, 1)] * 2
    return nn.Sequential(
        *block(3, 16), *(Residual(*pair) for pair in pairs), nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Linear(64, 10))


def problem(row):
    """A row's network, a batch of inputs and their labels."""
    if row == "chars":
        return Recurrent(nn.LSTM, 64, 256, 64, symbols=64), torch.randint(64, (32, 64)), torch.randint(64, (32 * 64,))
    if row in ("lstm", "gru"):
        return Recurrent(nn.LSTM if row == "lstm" else nn.GRU, 28, 128, 10), torch.randn(64, 28, 28), torch.randint(10, (64,))
    if row == "lenet":
        return lenet(), torch.randn(64, 1, 28, 28), torch.randint(10, (64,))
    return (cnn if row == "cnn" else resnet)(), torch.randn(32, 3, 32, 32), torch.randint(10, (32,))


def microseconds(row, optimizer, seconds):
    model, x, y = problem(row)
    loss, rule = nn.CrossEntropyLoss(), OPTIMIZERS[optimizer](model.parameters())

    def steps(count):
        start = time.perf_counter()
        for _ in range(count):
            rule.zero_grad(set_to_none=True)
            loss(model(x), y).backward()
            rule.step()
        return (time.perf_counter() - start) / count

    steps(3)
    slices = 8
    count = max(1, int(seconds / slices / steps(1)))
    return min(steps(count) for _ in range(slices)) * 1e6


def saved_bytes(row):
    """Bytes of the distinct storages that autograd saves in a forward pass, without those of parameters and buffers."""
    model, x, y = problem(row)
    own = {tensor.storage().data_ptr() for tensor in [*model.parameters(), *model.buffers()]}
    saved, alive = {}, []

    def keep(tensor):
        storage = tensor.storage()
        saved[storage.data_ptr()] = len(storage) * tensor.element_size()
        alive.append(tensor)
        return tensor

    with torch.autograd.graph.saved_tensors_hooks(keep, lambda tensor: tensor):
        nn.CrossEntropyLoss()(model(x), y)
    return sum(size for place, size in saved.items() if place not in own)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", default=",".join(ROWS))
    parser.add_argument("--seconds", type=float, default=1, help="time for a row and optimizer")
    parser.add_argument("--saved", action="store_true")
    options = parser.parse_args()
    torch.set_num_threads(int(os.environ.get("OMP_NUM_THREADS", "2")))
    torch.manual_seed(0)
    rows = options.rows.split(",")
    if options.saved:
        print(json.dumps({row: saved_bytes(row) for row in rows}))
    else:
        print(json.dumps({f"{row}/{rule}": microseconds(row, rule, options.seconds) for row in rows for rule in OPTIMIZERS}))


if __name__ == "__main__":
    main()
