"""What is compared: networks for the gradients, optimizers for the training runs."""

import zlib
from typing import NamedTuple

import torch
from torch import optim

import twins


class Network(NamedTuple):
    """A model file, and what a batch for it looks like."""

    name: str
    batch: int
    input: list
    layers: list
    # A name, or an object with options.
    loss: object
    # True for class indices where the loss takes probabilities as well.
    classes: bool = True
    # True puts exact zeros among the inputs, to compare subgradients at kinks.
    zeros: bool = False

    @property
    def description(self):
        return {"input": self.input, "layers": self.layers, "loss": self.loss}

    def make(self):
        """The twin and a batch (x, y), the same for the same name."""
        torch.manual_seed(zlib.crc32(self.name.encode()))
        model, width = twins.build(self.description)
        x = torch.randn(self.batch, *self.input)
        if self.zeros:
            x[:, ::2] = 0

        return model, x, self._targets(width)

    def _targets(self, width):
        loss = twins.loss_name(self.loss)
        if loss == "multiclass_hinge" or (loss == "softmax_cross_entropy" and self.classes):
            return torch.randint(width, (self.batch,))

        if loss == "softmax_cross_entropy":
            return torch.softmax(torch.randn(self.batch, width), dim=1)

        if loss == "sigmoid_cross_entropy":
            return torch.randint(2, (self.batch, width)).float() if self.classes else torch.rand(self.batch, width)

        return torch.randn(self.batch, width // 2 if loss == "gaussian_nll" else width)


def layer(type, **arguments):
    return {"type": type, **arguments}


def linear(units, **arguments):
    return layer("linear", units=units, **arguments)


def between(*layers, hidden=11, out=5):
    """The layers between two linear ones."""
    return [linear(hidden), *layers, linear(out)]


def residual(*layers):
    return layer("residual", layers=list(layers))


def gated(layers, gate):
    return layer("gated", layers=layers, gate=gate)


def _options(loss, **options):
    return {"type": loss, **options}


_CE, _HINGE, _NLL, _SIGMOID, _MSE = "softmax_cross_entropy", "multiclass_hinge", "gaussian_nll", "sigmoid_cross_entropy", "mse"

NETWORKS = [
    # Each layer between two others.
    Network("linear", 9, [7], [linear(3)], _MSE),
    Network("linear-without-bias", 6, [10], [linear(7, bias=False), layer("tanh"), linear(4, bias=False)], _CE),
    Network("low-rank-linear", 8, [13], between(layer("low_rank_linear", units=9, rank=2), layer("tanh")), _CE),
    Network("low-rank-linear-without-bias", 5, [6], [layer("low_rank_linear", units=6, rank=3, bias=False)], _MSE),
    Network("relu", 12, [9], between(layer("relu")), _CE),
    Network("abs", 7, [8], between(layer("abs")), _MSE),
    Network("sigmoid", 7, [8], between(layer("sigmoid")), _SIGMOID),
    Network("tanh", 9, [6], between(layer("tanh")), _CE),
    Network("cos", 9, [6], between(layer("cos")), _MSE),
    Network("silu", 10, [8], between(layer("silu")), _CE),
    Network("softplus", 7, [5], between(layer("softplus")), _MSE),
    Network("softplus-beta", 7, [5], between(layer("softplus", beta=2.5)), _HINGE),
    Network("elu", 11, [7], between(layer("elu")), _CE),
    Network("elu-alpha", 11, [7], between(layer("elu", alpha=0.4), out=4), _NLL),
    Network("leaky-relu", 8, [9], between(layer("leaky_relu")), _MSE),
    Network("leaky-relu-slope", 8, [9], between(layer("leaky_relu", negative_slope=0.3)), _CE),
    Network("gelu", 9, [8], between(layer("gelu")), _CE),
    Network("gelu-tanh", 9, [8], between(layer("gelu", approximate="tanh")), _CE),
    Network("prelu", 8, [10], between(layer("prelu")), _CE),
    Network("prelu-per-channel", 8, [10], between(layer("prelu", per_channel=True)), _SIGMOID),
    Network("softmax", 6, [7], between(layer("softmax")), _MSE),
    Network("maxout", 10, [6], between(layer("maxout", pieces=3), hidden=24), _CE),
    Network("dropout", 8, [9], between(layer("tanh"), layer("dropout"), hidden=15), _CE),
    Network("dropout-p", 8, [9], between(layer("dropout", p=0.9), layer("gelu")), _MSE),
    Network("layer-norm", 9, [8], between(layer("layer_norm"), layer("relu"), hidden=16), _CE),
    Network("layer-norm-eps", 9, [8], between(layer("tanh"), layer("layer_norm", eps=0.05), hidden=9), _MSE),
    Network("residual", 8, [9], between(residual(layer("tanh"), linear(11))), _CE),
    Network("gated", 8, [9], between(gated([linear(6)], [linear(6), layer("sigmoid")])), _CE),
    # Each loss, and both kinds of targets.
    Network("cross-entropy-of-probabilities", 9, [6], between(layer("tanh"), out=7), _CE, classes=False),
    Network("cross-entropy-of-two-classes", 33, [3], between(layer("relu"), out=2), _CE),
    Network("multiclass-hinge", 13, [8], between(layer("relu"), out=6), _HINGE),
    Network("gaussian-nll", 10, [5], between(layer("tanh"), out=8), _NLL),
    Network("gaussian-nll-of-one", 6, [4], between(layer("silu"), out=2), _NLL),
    Network("sigmoid-cross-entropy-of-one", 17, [6], between(layer("tanh"), out=1), _SIGMOID),
    Network("sigmoid-cross-entropy-of-probabilities", 9, [6], between(layer("tanh"), out=4), _SIGMOID, classes=False),
    Network("cross-entropy-smoothed", 12, [6], between(layer("tanh")), _options(_CE, label_smoothing=0.15)),
    Network("cross-entropy-weighed", 12, [6], between(layer("relu")), _options(_CE, class_weights=[0.5, 2, 0, 1, 1.5])),
    Network("cross-entropy-smoothed-and-weighed", 12, [6], between(layer("silu")),
            _options(_CE, label_smoothing=0.3, class_weights=[3, 0.25, 1, 0, 2])),
    Network("cross-entropy-of-probabilities-smoothed", 9, [6], between(layer("tanh")), _options(_CE, label_smoothing=0.2), classes=False),
    Network("cross-entropy-of-probabilities-weighed", 9, [6], between(layer("tanh")),
            _options(_CE, label_smoothing=0.1, class_weights=[0.5, 2, 0, 1, 1.5]), classes=False),
    Network("l1", 10, [7], between(layer("tanh")), "l1"),
    Network("huber", 10, [7], between(layer("relu")), "huber"),
    Network("huber-delta", 10, [7], between(layer("silu")), _options("huber", delta=0.4)),
    # Sizes.
    Network("batch-of-one", 1, [17], between(layer("relu"), layer("layer_norm"), hidden=13), _CE),
    Network("one-of-everything", 1, [1], [linear(1), layer("tanh"), linear(1)], _MSE),
    Network("wide", 5, [129], [linear(257), layer("gelu"), linear(33)], _CE),
    Network("narrow", 50, [31], [linear(1), layer("tanh"), linear(1), layer("elu"), linear(19)], _CE),
    Network("large-batch", 193, [12], between(layer("silu"), hidden=17), _CE),
    Network("residual-skip", 7, [10], between(
        layer("residual", layers=[linear(6), layer("tanh")], skip=[linear(6)]),
        layer("residual", layers=[layer("relu")], skip=[layer("silu")])), _CE),
    Network("functions-alone", 7, [6], [layer("tanh"), layer("softplus", beta=0.7), layer("cos")], _MSE),
    Network("deep", 8, [9], [linear(16)] + [residual(layer("tanh"), linear(16)) for _ in range(12)] + [linear(4)], _CE),
    # Nesting.
    Network("residual-of-maxout", 7, [10], between(residual(linear(22), layer("maxout", pieces=2), layer("prelu"))), _CE),
    Network("gated-residual", 6, [8], between(gated(
        [residual(layer("layer_norm"), linear(11), layer("gelu")), linear(6)],
        [layer("low_rank_linear", units=6, rank=2), layer("dropout", p=0.2), layer("sigmoid")])), _SIGMOID),
    Network("residual-of-gated", 9, [12], between(residual(
        linear(8), gated([layer("silu"), linear(7)], [linear(7), residual(layer("tanh"))]),
        layer("prelu", per_channel=True), linear(11)), layer("layer_norm")), _HINGE),
    Network("two-activations-in-a-row", 8, [7], between(layer("abs"), layer("leaky_relu"), layer("tanh"), layer("softmax"), out=6), _NLL),
    # Subgradients: exact zeros reach the function.
    Network("zeros-into-relu", 4, [6], [layer("relu"), linear(3)], _MSE, zeros=True),
    Network("zeros-into-abs", 4, [6], [layer("abs"), linear(3)], _MSE, zeros=True),
    Network("zeros-into-leaky-relu", 4, [6], [layer("leaky_relu"), linear(3)], _MSE, zeros=True),
    Network("zeros-into-elu", 4, [6], [layer("elu", alpha=0.4), linear(3)], _MSE, zeros=True),
    Network("zeros-into-prelu", 4, [6], [layer("prelu"), linear(3)], _MSE, zeros=True),
    Network("zeros-into-maxout", 4, [8], [layer("maxout", pieces=4), linear(3)], _MSE, zeros=True),
]

class Run(NamedTuple):
    """A training run of 100 steps, in file order."""

    name: str
    network: Network
    optimizer: str
    batch_size: int
    # Arguments of nbp train besides the optimizer's name, and their meaning for PyTorch.
    rate: float = None
    weight_decay: float = None
    l2: float = 0.0

    def make_optimizer(self, parameters):
        """PyTorch's, with PyTorch's defaults; plain gradient descent has no default rate there."""
        arguments = {"lr": self.rate, "weight_decay": self.weight_decay}
        arguments = {key: value for key, value in arguments.items() if value is not None}
        return _OPTIMIZERS[self.optimizer](parameters, **arguments)


_OPTIMIZERS = {
    "sgd": optim.SGD,
    "momentum": lambda parameters, **arguments: optim.SGD(parameters, momentum=0.9, **arguments),
    "nesterov": lambda parameters, **arguments: optim.SGD(parameters, momentum=0.9, nesterov=True, **arguments),
    "adagrad": optim.Adagrad,
    "rmsprop": optim.RMSprop,
    "adam": optim.Adam,
    "adamw": optim.AdamW,
}


def _conv(channels, **arguments):
    return layer("conv2d", channels=channels, **{"kernel": 3, **arguments})


def _normalised(channels, **arguments):
    """A convolution that keeps the size, and a norm after it, which takes the place of its bias."""
    return [_conv(channels, **{"padding": 1, "bias": False, **arguments}), layer("batch_norm")]


def _runs():
    # One batch of all rows logs the loss of every step; the other network has a last batch of 2 rows.
    whole = Network("train-classifier", 24, [8], [linear(14), layer("tanh"), linear(5)], _CE)
    parts = Network("train-regression", 50, [7], between(
        layer("layer_norm"), layer("silu"), residual(layer("low_rank_linear", units=11, rank=3), layer("prelu")), out=3), _MSE)
    lenet = Network("train-lenet", 48, [1, 12, 12], [
        _conv(6, kernel=5, padding=2), layer("relu"), layer("max_pool2d", kernel=2),
        _conv(12), layer("relu"), layer("max_pool2d", kernel=2),
        layer("flatten"), linear(24), layer("relu"), linear(12), layer("relu"), linear(5)], _CE)
    resnet = Network("train-resnet", 48, [3, 8, 8], [
        *_normalised(8), layer("relu"),
        residual(*_normalised(8), layer("relu"), *_normalised(8)), layer("relu"),
        layer("residual", layers=[*_normalised(12, stride=2), layer("relu"), *_normalised(12)],
              skip=_normalised(12, kernel=1, padding=0, stride=2)), layer("relu"),
        residual(*_normalised(12), layer("relu"), *_normalised(12)), layer("relu"),
        layer("global_avg_pool"), linear(5)], _CE)
    lstm = Network("train-lstm", 48, [10, 8], [layer("lstm", units=16, output="last"), linear(5)], _CE)
    yield Run("lenet", lenet, "adam", 16, 0.005)
    yield Run("resnet", resnet, "sgd", 16, 0.02)
    yield Run("lstm", lstm, "adam", 16, 0.005)
    for optimizer in _OPTIMIZERS:
        # On the regression network larger steps go astray so fast that single precision alone is off by 1e-4 after 100 of them.
        plain, small = (0.05, 0.01) if optimizer in ("sgd", "momentum", "nesterov") else (None, 0.002)
        yield Run(optimizer, whole, optimizer, 24, plain)
        yield Run(f"{optimizer}-decay", whole, optimizer, 24, plain, weight_decay=0.05)
        yield Run(f"{optimizer}-minibatches", parts, optimizer, 16, small)
        yield Run(f"{optimizer}-minibatches-decay", parts, optimizer, 16, small, weight_decay=0.0 if optimizer == "adamw" else 0.02)

    yield Run("sgd-l2", whole, "sgd", 24, 0.05, l2=0.01)
    yield Run("sgd-minibatches-l2", parts, "sgd", 16, 0.05, l2=0.01)
    yield Run("adam-rate-l2", whole, "adam", 24, 0.005, l2=0.003)


RUNS = list(_runs())
