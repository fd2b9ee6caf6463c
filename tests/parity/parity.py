#!/usr/bin/env python3
"""Compares gradients and training runs of nbp with PyTorch's, which judges in double precision. See README.md."""

import argparse
import copy
import json
import pathlib
import subprocess
import sys
import tempfile

try:
    import torch
except ImportError:
    sys.exit(print("parity: PyTorch is missing; Debian's package is python3-torch (apt-get install python3-torch)", file=sys.stderr) or 2)

sys.dont_write_bytecode = True

import cases
import images
import sequences
import tensorfile
import twins

GRADIENT_LIMIT = 1e-5
WEIGHT_LIMIT = 1e-4
EARLY_STEPS, EARLY_LOSS_LIMIT, LOSS_LIMIT = 10, 1e-5, 1e-3
STEPS = 100
LARGEST_RECORDED = 3000

ROOT = pathlib.Path(__file__).resolve().parents[2]


class Failure(Exception):
    """A comparison that could not be made, or that found something other than a number too large."""


def error(actual, expected):
    """‖actual − expected‖ / ‖expected‖. Nothing but zeros is to be matched exactly; NaN is infinitely far."""
    difference = torch.linalg.vector_norm(actual.double() - expected.double()).item()
    norm = torch.linalg.vector_norm(expected.double()).item()
    return 0.0 if difference == 0 else difference / norm if norm > 0 and difference < float("inf") else float("inf")


def worst(actual, expected):
    """The largest error over the tensors of two dictionaries, and whose it is."""
    if actual.keys() != expected.keys():
        raise Failure(f"expected the tensors {sorted(expected)}, found {sorted(actual)}")

    for name in expected:
        if actual[name].shape != expected[name].shape:
            raise Failure(f"{name}: expected the shape {list(expected[name].shape)}, found {list(actual[name].shape)}")

    return max((error(actual[name], expected[name]), name) for name in expected)


def run(nbp, *arguments):
    done = subprocess.run([*nbp, *map(str, arguments)], capture_output=True, text=True, timeout=300)
    if done.returncode != 0:
        raise Failure(f"nbp {arguments[0]} ended with {done.returncode}: {(done.stderr or done.stdout).strip()}")


def state(model):
    return {name: tensor.detach().float() for name, tensor in model.state_dict().items()}


def write_inputs(folder, network, model, x, y):
    (folder / "model.json").write_text(json.dumps(network.description))
    tensorfile.write(folder / "weights.safetensors", state(model), {"format": "pt"})
    tensorfile.write(folder / "batch.safetensors", {"x": x, "y": y})


def compare_gradients(nbp, network, folder):
    """A row of the table: errors of nbp and of PyTorch's own single precision."""
    model, x, y = network.make()
    write_inputs(folder, network, model, x, y)
    run(nbp, "gradients", "--model", folder / "model.json", "--weights", folder / "weights.safetensors",
        "--batch", folder / "batch.safetensors", "--out", folder / "gradients.safetensors")
    single = twins.gradients(model, network.loss, x, y, torch.float32)
    expected = twins.gradients(model, network.loss, x, y, torch.float64)
    largest, where = worst(tensorfile.read(folder / "gradients.safetensors"), expected)
    return largest <= GRADIENT_LIMIT, f"{largest:9.1e}  {worst(single, expected)[0]:9.1e}  {where}"


def batches(count, size):
    """The rows of every step's batch, in file order, and whether an epoch ends with it."""
    while True:
        for start in range(0, count, size):
            yield range(start, min(start + size, count)), start + size >= count


def train(run, model, x, y, dtype):
    """Weights and statistics after all steps, and every step's loss with the number of its rows and whether it ends an epoch."""
    model = copy.deepcopy(model).to(dtype).train()
    x, y = x.to(dtype), y.to(dtype) if y.is_floating_point() else y
    optimizer = run.make_optimizer(model.parameters())
    losses = []
    for _, (rows, is_last) in zip(range(STEPS), batches(len(x), run.batch_size)):
        rows = slice(rows.start, rows.stop)
        optimizer.zero_grad()
        loss = twins.evaluate(run.network.loss, model(x[rows]), y[rows])
        penalty = sum(parameter.square().sum() for parameter in model.parameters() if parameter.dim() > 1)
        (loss + run.l2 * penalty).backward()
        optimizer.step()
        losses.append((loss.item(), len(y[rows]), is_last))

    return {name: tensor.detach().double() for name, tensor in model.state_dict().items()}, losses


def epochs(losses):
    """The mean loss over the rows of each epoch, the last one perhaps cut short, with the steps made by its end."""
    total = rows = 0
    for step, (loss, count, is_last) in enumerate(losses, 1):
        total, rows = total + loss * count, rows + count
        if is_last or step == len(losses):
            yield step, total / rows
            total = rows = 0


def compare_run(nbp, case, folder):
    model, x, y = case.network.make()
    write_inputs(folder, case.network, model, x, y)
    options = {"--lr": case.rate, "--weight-decay": case.weight_decay, "--l2": case.l2 or None}
    run(nbp, "train", folder / "batch.safetensors", "--model", folder / "model.json", "--weights", folder / "weights.safetensors",
        "--optimizer", case.optimizer, "--no-shuffle", "--test-split", 0, "--steps", STEPS, "--batch-size", case.batch_size,
        "--save", folder / "trained.safetensors", "--json", folder / "log.jsonl",
        *(word for key, value in options.items() if value is not None for word in (key, value)))
    expected, losses = train(case, model, x, y, torch.float64)
    single, _ = train(case, model, x, y, torch.float32)
    trained = tensorfile.read(folder / "trained.safetensors")
    model.load_state_dict(trained)
    largest, where = worst(trained, expected)
    lines = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    logged = [line["train_loss"] for line in lines if line["event"] == "epoch"]
    wanted = list(epochs(losses))
    if len(logged) != len(wanted):
        raise Failure(f"expected {len(wanted)} epochs in the log, found {len(logged)}")

    early = late = 0.0
    for found, (step, value) in zip(logged, wanted):
        # A loss that is not a number is null in the log.
        pair = torch.tensor([float("nan") if found is None else found, value], dtype=torch.float64)
        late = max(late, error(*pair))
        early = late if step <= EARLY_STEPS else early

    passed = largest <= WEIGHT_LIMIT and early <= EARLY_LOSS_LIMIT and late <= LOSS_LIMIT
    return passed, f"{largest:9.1e}  {worst(single, expected)[0]:9.1e}  {early:9.1e}  {late:9.1e}  {where}"


def compare_all(title, heading, items, compare):
    """Prints a table; returns the names of the failures."""
    failures = []
    if items:
        print(f"{title}\n{'name':32}  {heading}")

    for item in items:
        with tempfile.TemporaryDirectory() as folder:
            try:
                passed, row = compare(item, pathlib.Path(folder))
            except (Failure, RuntimeError, subprocess.TimeoutExpired, OSError) as e:
                passed, row = False, str(e)

        print(f"{item.name:32}  {row}{'' if passed else '  FAILED'}", flush=True)
        failures += [] if passed else [item.name]

    return failures


def uncovered():
    """Layers and losses that no network has, here or where sequences and images are recorded."""
    networks = [*cases.NETWORKS, *sequences.cases(), *images.cases()]
    layers = set().union(*(twins.layer_types(network.layers) for network in networks))
    return sorted((twins.LAYERS.keys() - layers) | (twins.LOSSES.keys() - {twins.loss_name(network.loss) for network in cases.NETWORKS}))


def prefixed(prefix, tensors):
    return {f"{prefix}/{name}": tensor for name, tensor in tensors.items()}


def record(folder, networks, runs):
    """Writes what a test needs to make the comparison without PyTorch, in double precision: a file for each small network and run."""
    for kind in ("gradients", "training"):
        (folder / kind).mkdir(parents=True, exist_ok=True)
        for old in (folder / kind).glob("*.safetensors"):
            old.unlink()

    written = 0
    for network in networks:
        model, x, y = network.make()
        if sum(parameter.numel() for parameter in model.parameters()) + x.numel() > LARGEST_RECORDED:
            continue

        tensors = {"x": x, "y": y, **prefixed("weights", state(model))}
        tensors.update(prefixed("expected", twins.gradients(model, network.loss, x, y, torch.float64)))
        tensorfile.write(folder / "gradients" / f"{network.name}.safetensors", tensors, {"model": json.dumps(network.description)})
        written += 1

    for case in runs:
        model, x, y = case.network.make()
        expected, losses = train(case, model, x, y, torch.float64)
        tensors = {"x": x, "y": y, "losses": torch.tensor([loss for loss, _, _ in losses], dtype=torch.float64)}
        tensors.update(prefixed("weights", state(model)), **prefixed("expected", expected))
        options = {"optimizer": case.optimizer, "batch_size": case.batch_size, "lr": case.rate, "weight_decay": case.weight_decay, "l2": case.l2}
        tensorfile.write(folder / "training" / f"{case.name}.safetensors", tensors, {
            "model": json.dumps(case.network.description), "run": json.dumps(options)})
        written += 1

    print(f"parity: {written} references from PyTorch {torch.__version__} in {folder}")


def find_nbp(path):
    """How to start nbp; None if it is not there."""
    path = pathlib.Path(path) if path else ROOT / "src/NativeBackprop.Cli/bin/Release/net10.0/nbp"
    if not path.is_file():
        path = path.with_suffix(".exe")

    return ["dotnet", str(path)] if path.suffix == ".dll" else [str(path)] if path.is_file() else None


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--nbp", metavar="PATH", help="the nbp command, or nbp.dll [default: the Release build of this checkout]")
    parser.add_argument("--record", metavar="DIR", help="write references for the tests there, compare nothing")
    parser.add_argument("--only", metavar="NAME", default="", help="only cases whose name contains this")
    arguments = parser.parse_args()
    torch.set_num_threads(1)
    networks = [network for network in cases.NETWORKS if arguments.only in network.name]
    runs = [case for case in cases.RUNS if arguments.only in case.name]
    if not networks and not runs:
        parser.error(f"no case has '{arguments.only}' in its name")

    if arguments.record:
        record(pathlib.Path(arguments.record), networks, runs)
        return 0

    nbp = find_nbp(arguments.nbp)
    if nbp is None:
        parser.error(f"there is no {arguments.nbp or 'Release build of nbp'}; dotnet build src/NativeBackprop.Cli -c Release makes it")

    print(f"PyTorch {torch.__version__} in double precision is the reference; fp32 is its own error in single precision\n")
    failures = compare_all(
        f"gradients, at most {GRADIENT_LIMIT:g}", f"{'nbp':>9}  {'fp32':>9}  worst tensor",
        networks, lambda network, folder: compare_gradients(nbp, network, folder))
    print()
    failures += compare_all(
        f"weights after {STEPS} steps, at most {WEIGHT_LIMIT:g}; loss for {EARLY_STEPS} steps, at most {EARLY_LOSS_LIMIT:g}, and for all, at most {LOSS_LIMIT:g}",
        f"{'nbp':>9}  {'fp32':>9}  {'loss ' + str(EARLY_STEPS):>9}  {'loss ' + str(STEPS):>9}  worst tensor",
        runs, lambda case, folder: compare_run(nbp, case, folder))
    missing = uncovered()
    print(f"\n{len(networks)} networks and {len(runs)} training runs compared, {len(failures)} failed"
          + (f": {', '.join(failures)}" if failures else "")
          + (f"; no network has {', '.join(missing)}" if missing else ""))
    return 1 if failures or missing else 0


if __name__ == "__main__":
    sys.exit(main())
