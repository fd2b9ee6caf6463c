"""PyTorch's twin of a model file: the same layers, loss and parameter names, made of PyTorch's own modules and functions."""

import torch
from torch import nn
from torch.nn import functional as F


class Function(nn.Module):
    def __init__(self, function):
        super().__init__()
        self.function = function

    def forward(self, x):
        return self.function(x)


class LowRankLinear(nn.Module):
    def __init__(self, inputs, outputs, rank, bias):
        super().__init__()
        self.u = nn.Linear(inputs, rank, bias=False)
        self.v = nn.Linear(rank, outputs, bias=bias)

    def forward(self, x):
        return self.v(self.u(x))


class Maxout(nn.Module):
    def __init__(self, pieces):
        super().__init__()
        self.pieces = pieces

    def forward(self, x):
        return x.reshape(x.shape[0], -1, self.pieces).max(dim=-1).values


class Residual(nn.Sequential):
    def forward(self, x):
        return x + super().forward(x)


class SkipResidual(nn.Module):
    def __init__(self, layers, skip):
        super().__init__()
        self.layers, self.skip = nn.Sequential(*layers), nn.Sequential(*skip)

    def forward(self, x):
        return self.skip(x) + self.layers(x)


class Gated(nn.Module):
    def __init__(self, layers, gate):
        super().__init__()
        self.layers, self.gate = nn.Sequential(*layers), nn.Sequential(*gate)

    def forward(self, x):
        return self.layers(x) * self.gate(x)


def _recurrent(base):
    """PyTorch's module, which gives the sequence or the last layer's final states; named and saved as the module itself."""

    class Recurrent(base):
        def __init__(self, width, units, layers=1, bidirectional=False, bias=True, dropout=0, output="sequence", **arguments):
            super().__init__(width, units, layers, bias=bias, batch_first=True, dropout=dropout, bidirectional=bidirectional,
                             **({"nonlinearity": arguments["activation"]} if arguments else {}))
            self.output = output

        def run(self, x, lengths=None, state=None):
            """The output and the final state, hidden and cell."""
            steps = x.shape[1]
            if lengths is not None:
                x = nn.utils.rnn.pack_padded_sequence(x, lengths, batch_first=True, enforce_sorted=False)

            y, final = super().forward(x, state)
            if lengths is not None:
                y, _ = nn.utils.rnn.pad_packed_sequence(y, batch_first=True, total_length=steps)

            hidden = final[0] if isinstance(final, tuple) else final
            if self.output == "last":
                directions = 2 if self.bidirectional else 1
                y = hidden[-directions:].transpose(0, 1).flatten(1)

            return y, final

        def forward(self, x, lengths=None):
            return self.run(x, lengths)[0]

    return lambda width, **arguments: (
        Recurrent(width, **arguments), arguments["units"] * (2 if arguments.get("bidirectional") else 1))


class BatchNorm(nn.modules.batchnorm._BatchNorm):
    """nn.BatchNorm1d and 2d in one, by the kind of what it is given."""

    def _check_input_dim(self, x):
        pass


class GlobalAveragePool(nn.Module):
    """nn.AdaptiveAvgPool2d(1), or 1d, and nn.Flatten."""

    def forward(self, x):
        return x.flatten(2).mean(2)


def _pool(module):
    return lambda width, kernel, stride=None, padding=0: (module(_pair(kernel), _pair(stride), _pair(padding)), width)


def _convolution(module):
    """PyTorch's module, whose sizes are a number or a tuple."""
    return lambda width, channels, kernel, **arguments: (
        module(width, channels, _pair(kernel), **{key: _pair(value) for key, value in arguments.items()}), channels)


def _pair(size):
    return tuple(size) if isinstance(size, list) else size


def _linear(width, units, bias=True):
    return nn.Linear(width, units, bias=bias), units


def _low_rank_linear(width, units, rank, bias=True):
    return LowRankLinear(width, units, rank, bias), units


def _maxout(width, pieces):
    return Maxout(pieces), width // pieces


def _residual(width, layers, skip=None):
    branch, units = _modules(layers, width)
    return (Residual(*branch), units) if skip is None else (SkipResidual(branch, _modules(skip, width)[0]), units)


def _gated(width, layers, gate):
    branch, units = _modules(layers, width)
    return Gated(branch, _modules(gate, width)[0]), units


def _keeping(make):
    """A layer that keeps the width and does not ask for it."""
    return lambda width, **arguments: (make(**arguments), width)


LAYERS = {
    "linear": _linear,
    "low_rank_linear": _low_rank_linear,
    "relu": _keeping(nn.ReLU),
    "abs": _keeping(lambda: Function(torch.abs)),
    "sigmoid": _keeping(nn.Sigmoid),
    "tanh": _keeping(nn.Tanh),
    "cos": _keeping(lambda: Function(torch.cos)),
    "silu": _keeping(nn.SiLU),
    "softplus": _keeping(nn.Softplus),
    "elu": _keeping(nn.ELU),
    "leaky_relu": _keeping(nn.LeakyReLU),
    "gelu": _keeping(nn.GELU),
    "prelu": lambda width, per_channel=False: (nn.PReLU(width if per_channel else 1), width),
    "softmax": _keeping(lambda: nn.Softmax(dim=-1)),
    "maxout": _maxout,
    "dropout": _keeping(nn.Dropout),
    "layer_norm": lambda width, eps=1e-5: (nn.LayerNorm(width, eps=eps), width),
    "residual": _residual,
    "gated": _gated,
    "conv2d": _convolution(nn.Conv2d),
    "conv1d": _convolution(nn.Conv1d),
    "conv_transpose2d": _convolution(nn.ConvTranspose2d),
    "max_pool2d": _pool(nn.MaxPool2d),
    "avg_pool2d": _pool(nn.AvgPool2d),
    "max_pool1d": _pool(nn.MaxPool1d),
    "avg_pool1d": _pool(nn.AvgPool1d),
    "global_avg_pool": _keeping(GlobalAveragePool),
    "flatten": _keeping(nn.Flatten),
    "transpose": _keeping(lambda: Function(lambda x: x.transpose(1, 2))),
    "upsample": _keeping(lambda factor=2: nn.Upsample(scale_factor=factor)),
    "batch_norm": lambda width, **arguments: (BatchNorm(width, **arguments), width),
    "group_norm": lambda width, groups, eps=1e-5: (nn.GroupNorm(groups, width, eps), width),
    "embedding": lambda width, rows, units: (nn.Embedding(rows, units), units),
    "rnn": _recurrent(nn.RNN),
    "lstm": _recurrent(nn.LSTM),
    "gru": _recurrent(nn.GRU),
}

LOSSES = {
    "softmax_cross_entropy": F.cross_entropy,
    "sigmoid_cross_entropy": F.binary_cross_entropy_with_logits,
    "mse": F.mse_loss,
    "l1": F.l1_loss,
    "huber": F.huber_loss,
    # PyTorch divides by the number of classes.
    "multiclass_hinge": lambda z, y: F.multi_margin_loss(z, y) * z.shape[1],
    # PyTorch takes the variance 1/β and averages over the outputs.
    "gaussian_nll": lambda z, t: F.gaussian_nll_loss(
        z[:, : t.shape[1]], t, torch.exp(-z[:, t.shape[1] :]), eps=1e-30) * t.shape[1],
}


def loss_name(loss):
    """A model file's loss is a name, or an object with the name as its type and options beside it."""
    return loss if isinstance(loss, str) else loss["type"]


def evaluate(loss, output, y):
    """The value of a model file's loss."""
    options = {} if isinstance(loss, str) else {key: value for key, value in loss.items() if key != "type"}
    if "class_weights" in options:
        options["weight"] = torch.tensor(options.pop("class_weights"), dtype=output.dtype)

    return LOSSES[loss_name(loss)](output, y, **options)


def _modules(layers, width):
    modules = []
    for layer in layers:
        arguments = {key: value for key, value in layer.items() if key != "type"}
        module, width = LAYERS[layer["type"]](width, **arguments)
        modules.append(module)

    return modules, width


def trace(layers, input, sequence=False):
    """The modules, and what they give for two rows of zeros. What a layer gives tells the width that the next one gets."""
    x, modules = torch.zeros(2, *input), []
    for layer in layers:
        branch, _ = _modules([layer], x.shape[-1] if sequence else x.shape[1])
        x = branch[0].eval()(x)
        sequence = (sequence != (layer["type"] == "transpose")) and x.dim() == 3
        modules += branch

    return modules, x


def build(description):
    """The twin, a Sequential in float32, and the width of its output. No parameter keeps a value that hides mistakes."""
    modules, output = trace(description["layers"], description["input"], sequence=len(description["input"]) == 2)
    model = nn.Sequential(*modules)
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.dim() == 1:
                parameter += 0.3 * torch.randn_like(parameter)

    return model, output.shape[-1]


def layer_types(layers):
    """The names of all layers, those in branches included."""
    names = set()
    for layer in layers:
        names.add(layer["type"])
        for key in ("layers", "gate", "skip"):
            # A recurrence has a number of layers under that key.
            if isinstance(layer.get(key), list):
                names |= layer_types(layer[key])

    return names


def gradients(model, loss, x, y, dtype):
    """Every parameter's gradient by name, x for the input's, output and loss, computed in a type and in eval mode."""
    model = model.to(dtype).eval()
    model.zero_grad(set_to_none=True)
    x = x.detach().to(dtype, copy=True).requires_grad_()
    output = model(x)
    value = evaluate(loss, output, y.to(dtype) if y.is_floating_point() else y)
    value.backward()
    result = {name: parameter.grad for name, parameter in model.named_parameters()}
    result.update(x=x.grad, output=output, loss=value)
    return {name: tensor.detach().clone() for name, tensor in result.items()}
