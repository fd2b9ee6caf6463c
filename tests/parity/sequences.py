#!/usr/bin/python3
"""PyTorch's results on networks over sequences, in double precision: every option, lengths, states, losses that skip steps.

    /usr/bin/python3 tests/parity/sequences.py [--record DIR]     # DIR is by default tests/parity/recorded

writes DIR/sequences/NAME.safetensors, which tests/NativeBackprop.Tests/Parity/RecordedSequenceTests.cs replays.
"""

import argparse
import json
import pathlib
import zlib
from typing import NamedTuple

import torch
from torch import nn

import tensorfile
import twins

ROWS, STEPS, FEATURES, UNITS, CLASSES = 5, 7, 6, 4, 3


class Case(NamedTuple):
    name: str
    layers: list
    loss: object = "mse"
    # Rows of different lengths, as pack_padded_sequence means them.
    lengths: bool = False
    # The first layer goes on from a state.
    state: bool = False
    # Some labels are -100.
    gaps: bool = False


def layer(type, **arguments):
    return {"type": type, **arguments}


_CE = "softmax_cross_entropy"
_HEAD = layer("linear", units=CLASSES)
_CELLS = {"rnn": {}, "rnn-relu": {"activation": "relu"}, "lstm": {}, "gru": {}}


def _cell(name, **arguments):
    return layer(name.split("-")[0], units=UNITS, **_CELLS[name], **arguments)


def cases():
    for name in _CELLS:
        yield Case(name, [_cell(name)])
        yield Case(f"{name}-without-bias-of-the-last", [_cell(name, bias=False, output="last"), _HEAD], _CE)
        yield Case(f"{name}-deep-both-ways", [_cell(name, layers=2, bidirectional=True), _HEAD], _CE)
        yield Case(f"{name}-deep-both-ways-lengths", [_cell(name, layers=2, bidirectional=True), _HEAD], _CE, lengths=True)
        yield Case(f"{name}-deep-both-ways-of-the-last-lengths", [_cell(name, layers=2, bidirectional=True, output="last")], lengths=True)
        yield Case(f"{name}-deep-both-ways-state", [_cell(name, layers=2, bidirectional=True)], state=True)
        yield Case(f"{name}-state-lengths", [_cell(name)], state=True, lengths=True)

    embedding = layer("embedding", rows=9, units=FEATURES)
    yield Case("embedding", [embedding, _HEAD], _CE)
    yield Case("embedding-lstm", [embedding, _cell("lstm"), _HEAD], _CE, gaps=True)
    yield Case("stacked", [_cell("gru"), layer("layer_norm"), _cell("lstm", bidirectional=True), layer("tanh"), _HEAD], "l1", lengths=True)
    weights = [0.5, 2, 1.5]
    for options in ({}, {"class_weights": weights}, {"label_smoothing": 0.2}, {"class_weights": weights, "label_smoothing": 0.2}):
        name = "-".join(["cross-entropy", *[key.split("_")[1] for key in sorted(options)]])
        loss = {"type": _CE, **options}
        yield Case(f"{name}-gaps", [_HEAD], loss, gaps=True)
        yield Case(f"{name}-gaps-lengths", [_HEAD], loss, gaps=True, lengths=True)
    for loss in ("mse", "l1", {"type": "huber", "delta": 0.5}, "sigmoid_cross_entropy"):
        yield Case(f"{twins.loss_name(loss)}-lengths".replace("_", "-"), [_HEAD], loss, lengths=True)


def make(case):
    """The twin, its description, and the batch, the same for the same name."""
    torch.manual_seed(zlib.crc32(case.name.encode()))
    indices = case.layers[0]["type"] == "embedding"
    description = {"input": [STEPS] if indices else [STEPS, FEATURES]}
    if indices:
        description["input_type"] = "index"

    description.update(layers=case.layers, loss=case.loss)
    modules, width = twins._modules(case.layers, FEATURES)
    batch = {"x": torch.randint(case.layers[0]["rows"], (ROWS, STEPS)) if indices else torch.randn(ROWS, STEPS, FEATURES)}
    last = any(item.get("output") == "last" for item in case.layers)
    shape = (ROWS,) if last else (ROWS, STEPS)
    if twins.loss_name(case.loss) == _CE:
        batch["y"] = torch.randint(width, shape)
        if case.gaps:
            batch["y"][torch.rand(shape) < 0.3] = -100
    else:
        batch["y"] = torch.rand(*shape, width)

    if case.lengths:
        batch["lengths"] = torch.tensor([STEPS, 1, 4, STEPS, 2])

    if case.state:
        states = modules[0].num_layers * (2 if modules[0].bidirectional else 1)
        batch["h_0"] = 0.5 * torch.randn(states, ROWS, UNITS)
        if isinstance(modules[0], nn.LSTM):
            batch["c_0"] = torch.randn(states, ROWS, UNITS)

    return nn.Sequential(*modules), description, batch


def run(model, case, batch):
    """Output, loss, final states and every gradient."""
    model = model.double().eval()
    model.zero_grad(set_to_none=True)
    inputs = {name: value.double().requires_grad_() for name, value in batch.items() if value.is_floating_point() and name != "y"}
    lengths = batch.get("lengths")
    x = inputs.get("x", batch["x"])
    result = {}
    for module in model:
        if not isinstance(module, nn.RNNBase):
            x = module(x)
            continue

        state = (inputs["h_0"], inputs["c_0"]) if "c_0" in inputs else inputs.get("h_0")
        x, final = module.run(x, lengths, state if module is model[0] else None)
        if module is model[0]:
            result.update(zip(("h_n", "c_n"), final if isinstance(final, tuple) else (final,)))

    y = batch["y"]
    output, targets = (x, y) if y.is_floating_point() else (x.flatten(0, -2), y.flatten().clone())
    if lengths is not None and x.dim() == 3:
        counted = torch.arange(STEPS) < lengths[:, None]
        if y.is_floating_point():
            output, targets = x[counted], y[counted].double()
        else:
            targets[~counted.flatten()] = -100

    loss = twins.evaluate(case.loss, output, targets.double() if targets.is_floating_point() else targets)
    loss.backward()
    result.update(output=x, loss=loss)
    result.update({name: parameter.grad for name, parameter in model.named_parameters()})
    result.update({f"d{name}": value.grad for name, value in inputs.items()})
    return {name: tensor.detach().clone() for name, tensor in result.items()}


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", metavar="DIR", default=str(pathlib.Path(__file__).parent / "recorded"))
    folder = pathlib.Path(parser.parse_args().record) / "sequences"
    folder.mkdir(parents=True, exist_ok=True)
    for case in cases():
        model, description, batch = make(case)
        tensors = {**batch, **{f"weights/{name}": value.clone() for name, value in model.state_dict().items()}}
        tensors.update({f"expected/{name}": value for name, value in run(model, case, batch).items()})
        tensorfile.write(folder / f"{case.name}.safetensors", tensors, {"model": json.dumps(description)})
        print(case.name)


if __name__ == "__main__":
    main()
