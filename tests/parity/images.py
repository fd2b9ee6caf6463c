#!/usr/bin/python3
"""PyTorch's results on networks over images and signals, in double precision: gradients, evaluation, and some steps of training.

    /usr/bin/python3 tests/parity/images.py [--record DIR] [--only NAME]     # DIR is by default tests/parity/recorded

writes DIR/images/NAME.safetensors, which tests/NativeBackprop.Tests/Parity/RecordedImageTests.cs replays.
"""

import argparse
import copy
import json
import pathlib
import zlib
from typing import NamedTuple

import torch
from torch import nn

import tensorfile
import twins

ROWS, CLASSES, STEPS, RATE = 10, 4, 6, 0.05
IMAGE, SIGNAL, FEATURES, SEQUENCE = [3, 6, 8], [4, 9], [7], [9, 4]


class Case(NamedTuple):
    name: str
    # One row's shape in PyTorch's order; two extents are a signal, unless they are a sequence.
    input: list
    layers: list
    sequence: bool = False
    # Few different numbers among the inputs, so that there are ties.
    ties: bool = False


def layer(type, **arguments):
    return {"type": type, **arguments}


_FLATTEN, _RELU, _HEAD = layer("flatten"), layer("relu"), layer("linear", units=CLASSES)


def _flat(name, input, *layers, **arguments):
    return Case(name, input, [*layers, _FLATTEN, _HEAD], **arguments)


def _convolutions():
    """Every option of a convolution alone, then some together: names and layers."""
    options = {
        "": {"kernel": 3},
        "-of-an-oblong": {"kernel": [2, 5]},
        "-of-even-sizes": {"kernel": 4},
        "-of-the-whole": {"kernel": [6, 8]},
        "-of-a-point": {"kernel": 1},
        "-of-a-point-with-strides": {"kernel": 1, "stride": 2, "bias": False},
        "-stride-with-a-rest": {"kernel": 3, "stride": 2},
        "-strides": {"kernel": [2, 3], "stride": [1, 3]},
        "-stride-past-the-kernel": {"kernel": 2, "stride": [3, 4]},
        "-padding": {"kernel": 3, "padding": 1},
        "-paddings": {"kernel": [5, 3], "padding": [2, 0]},
        "-padding-past-the-kernel": {"kernel": 2, "padding": [3, 2]},
        "-dilation": {"kernel": 3, "dilation": 2},
        "-dilations": {"kernel": [3, 2], "dilation": [1, 5]},
        "-groups": {"kernel": 3, "groups": 2},
        "-depthwise": {"kernel": 3, "groups": 4, "channels": 4, "padding": 1},
        "-depthwise-of-two-each": {"kernel": [3, 2], "groups": 4, "channels": 8},
        "-without-bias": {"kernel": 3, "bias": False},
        "-of-one-channel": {"kernel": 3, "channels": 1},
        "-of-many-channels": {"kernel": 2, "channels": 19},
        "-of-all-options": {
            "kernel": [3, 2], "stride": [2, 1], "padding": [2, 1], "dilation": [1, 3], "groups": 2, "bias": False},
    }
    same = {
        "": {"kernel": 3},
        "-of-even-sizes": {"kernel": [4, 2]},
        "-of-a-dilated-even-size": {"kernel": [2, 4], "dilation": [3, 1]},
        "-depthwise": {"kernel": [5, 4], "dilation": [1, 2], "groups": 4, "channels": 4, "bias": False},
    }
    outputs = {
        "": {"kernel": 3, "stride": 2, "output_padding": 1},
        "-with-padding": {"kernel": 3, "stride": 2, "padding": 1, "output_padding": 1},
        "s": {"kernel": [2, 3], "stride": [1, 3], "output_padding": [0, 2]},
        "-below-the-dilation": {"kernel": 2, "dilation": 3, "output_padding": [2, 1], "groups": 2},
    }
    everywhere = {**options, **{f"-same{name}": {**value, "padding": "same"} for name, value in same.items()}}
    for name, value in everywhere.items():
        yield f"conv2d{name}", [4, 6, 8], layer("conv2d", **{"channels": 6, **value})
        # The second of two sizes.
        one = {key: size[-1] if isinstance(size, list) else size for key, size in value.items()}
        yield f"conv1d{name}", [4, 9], layer("conv1d", **{"channels": 6, **one})

    # On a small image, which it makes larger. Its padding is cut off: of more than the kernel nothing would be left.
    del options["-padding-past-the-kernel"]
    for name, value in {**options, **{f"-output-padding{name}": value for name, value in outputs.items()}}.items():
        yield f"conv-transpose2d{name}", [4, 4, 3], layer("conv_transpose2d", **{"channels": 6, **value})


def _convolutional_networks():
    """Convolutions where their neighbours may be computed with them: normalised, rectified, pooled, added."""
    def conv(channels, **arguments):
        return layer("conv2d", channels=channels, **{"kernel": 3, "padding": 1, **arguments})

    norm, pool = layer("batch_norm"), layer("max_pool2d", kernel=2)
    yield _flat("conv2d-relu-pool", IMAGE, conv(5), _RELU, pool, conv(4, kernel=2, padding=0), _RELU)
    yield _flat("conv2d-batch-norm-relu", IMAGE, conv(5, bias=False), norm, _RELU, conv(4, bias=False), norm, _RELU, pool)
    yield Case("conv2d-global-avg-pool", IMAGE, [conv(5, stride=2), layer("tanh"), layer("global_avg_pool"), _HEAD])
    yield _flat("conv2d-residual", IMAGE, conv(4), layer("residual", layers=[_RELU, conv(4), _RELU, conv(4)]), _RELU)
    yield _flat("conv2d-residual-skip", IMAGE, layer(
        "residual", layers=[conv(6, stride=2, bias=False), norm, _RELU, conv(6, bias=False), norm],
        skip=[conv(6, kernel=1, stride=2, padding=0, bias=False), norm]), _RELU)
    yield _flat("conv2d-gated", IMAGE, layer("gated", layers=[conv(4)], gate=[conv(4, kernel=1, padding=0), layer("sigmoid")]))
    yield _flat("conv2d-and-back", IMAGE, conv(5, stride=2), layer("gelu"), layer(
        "conv_transpose2d", channels=3, kernel=3, stride=2, padding=1, output_padding=1))
    yield _flat("conv1d-relu-pool", SIGNAL, layer("conv1d", channels=5, kernel=3), _RELU, layer("max_pool1d", kernel=2), layer(
        "conv1d", channels=3, kernel=2, padding="same"), layer("group_norm", groups=1))
    yield Case("conv1d-of-sequences", SEQUENCE, [
        layer("transpose"), layer("conv1d", channels=5, kernel=3), _RELU, _FLATTEN, _HEAD], sequence=True)


def cases():
    norm = layer("batch_norm")
    for name, input, convolution in _convolutions():
        yield _flat(name, input, convolution)

    yield from _convolutional_networks()
    yield _flat("flatten", IMAGE)
    yield _flat("flatten-of-one-channel", [1, 5, 4])
    yield _flat("flatten-of-one-pixel", [6, 1, 1])
    yield _flat("flatten-of-signals", SIGNAL)
    yield _flat("flatten-of-sequences", SEQUENCE, sequence=True)
    for kind in ("max", "avg"):
        yield _flat(f"{kind}-pool2d", IMAGE, layer(f"{kind}_pool2d", kernel=2))
        yield _flat(f"{kind}-pool2d-with-a-rest", [2, 7, 5], layer(f"{kind}_pool2d", kernel=3))
        yield _flat(f"{kind}-pool2d-overlapping", IMAGE, layer(f"{kind}_pool2d", kernel=[3, 4], stride=[2, 1], padding=[1, 2]))
        yield _flat(f"{kind}-pool1d", SIGNAL, layer(f"{kind}_pool1d", kernel=2))
        yield _flat(f"{kind}-pool1d-overlapping", SIGNAL, layer(f"{kind}_pool1d", kernel=5, stride=2, padding=2))

    yield _flat("max-pool2d-of-ties", IMAGE, layer("max_pool2d", kernel=3, stride=1, padding=1), ties=True)
    yield _flat("max-pool2d-of-rectified", IMAGE, norm, _RELU, layer("max_pool2d", kernel=2))
    yield Case("global-avg-pool", IMAGE, [layer("tanh"), layer("global_avg_pool"), _HEAD])
    yield Case("global-avg-pool-of-signals", SIGNAL, [layer("tanh"), layer("global_avg_pool"), _HEAD])
    yield _flat("upsample", [2, 3, 4], layer("upsample"), layer("avg_pool2d", kernel=3))
    yield _flat("upsample-of-signals", SIGNAL, layer("upsample", factor=3))
    yield _flat("transpose", SIGNAL, layer("transpose"), layer("layer_norm"))
    yield _flat("transpose-of-sequences", SEQUENCE, layer("transpose"), layer("max_pool1d", kernel=3), sequence=True)
    yield _flat("batch-norm", IMAGE, norm)
    yield _flat("batch-norm-and-relu", IMAGE, norm, _RELU, layer("batch_norm", eps=0.01, momentum=0.3), _RELU)
    yield _flat("batch-norm-of-signals", SIGNAL, norm, layer("tanh"))
    # A bias before a batch norm has no gradient but rounding.
    yield Case("batch-norm-of-features", FEATURES, [layer("linear", units=6, bias=False), norm, _RELU, _HEAD])
    for groups in (1, 2, 4):
        yield _flat(f"group-norm-{groups}", [4, 3, 5], layer("group_norm", groups=groups), _RELU)

    yield _flat("group-norm-of-signals", SIGNAL, layer("group_norm", groups=2, eps=0.1))
    yield Case("group-norm-of-features", FEATURES, [layer("linear", units=6), layer("group_norm", groups=3), layer("tanh"), _HEAD])


def description(case):
    signal = {"input_type": "signal"} if len(case.input) == 2 and not case.sequence else {}
    return {"input": case.input, **signal, "layers": case.layers, "loss": "mse"}


def make(case):
    """The twin with values and statistics that hide nothing, and a batch (x, y), the same for the same name."""
    torch.manual_seed(zlib.crc32(case.name.encode()))
    model = nn.Sequential(*twins.trace(case.layers, case.input, case.sequence)[0])
    with torch.no_grad():
        for name, tensor in model.state_dict().items():
            if tensor.dim() == 1:
                tensor += 0.5 * torch.rand_like(tensor) if name.endswith("var") else 0.3 * torch.randn_like(tensor)

    x = torch.randn(ROWS, *case.input)
    return model, x.round() if case.ties else x, torch.randn(ROWS, CLASSES)


def state(model):
    """Parameters and buffers, counts as numbers."""
    return {name: tensor.detach().float().clone() for name, tensor in model.state_dict().items()}


def gradients(model, x, y):
    """By the statistics of the batch, with nothing kept of it."""
    model = copy.deepcopy(model).double().train()
    x = x.double().requires_grad_()
    output = model(x)
    loss = nn.functional.mse_loss(output, y.double())
    loss.backward()
    result = {name: parameter.grad for name, parameter in model.named_parameters()}
    return {name: tensor.detach() for name, tensor in {**result, "x": x.grad, "output": output, "loss": loss}.items()}


def evaluated(model, x):
    with torch.no_grad():
        return copy.deepcopy(model).double().eval()(x.double())


def trained(model, x, y):
    """Parameters and buffers after some steps, each on the next half of the rows."""
    model = copy.deepcopy(model).double().train()
    optimizer = torch.optim.SGD(model.parameters(), lr=RATE)
    for step in range(STEPS):
        rows = slice(0, ROWS // 2) if step % 2 == 0 else slice(ROWS // 2, ROWS)
        optimizer.zero_grad()
        nn.functional.mse_loss(model(x[rows].double()), y[rows].double()).backward()
        optimizer.step()

    return {name: tensor.detach().double() for name, tensor in model.state_dict().items()}


def prefixed(prefix, tensors):
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def record(folder, only):
    folder = folder / "images"
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases():
        if only not in case.name:
            continue

        model, x, y = make(case)
        tensors = {"x": x, "y": y, **prefixed("weights", state(model)), **prefixed("expected", gradients(model, x, y))}
        tensors.update({"evaluated": evaluated(model, x), **prefixed("trained", trained(model, x, y))})
        tensorfile.write(folder / f"{case.name}.safetensors", tensors, {"model": json.dumps(description(case)), "rate": str(RATE)})
        print(case.name)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--record", metavar="DIR", default=pathlib.Path(__file__).parent / "recorded", type=pathlib.Path)
    parser.add_argument("--only", metavar="NAME", default="", help="only cases whose name contains this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    record(arguments.record, arguments.only)
