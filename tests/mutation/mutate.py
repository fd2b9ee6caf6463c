#!/usr/bin/env python3
"""Makes the mistakes listed in the .toml files beside this one, one at a time, and says whether the tests notice.

    tests/mutation/mutate.py [--only TEXT]... [--list] [--keep]

Each mistake replaces a text, found once in a file, by another; `tests` names the group of tests that is to go red.

Works in a copy of the committed tree (a git worktree of HEAD in a temporary folder): the files that you are editing are
never touched, and an interrupted run leaves nothing behind. Needs Python 3.11, and what the build needs. The exit code
is 0 when every mistake was noticed, 1 when one survived, 2 when one could not be tried (its text is no longer there, or
it does not build): the list has to follow the code.
"""
import argparse
import os
import pathlib
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import tomllib

HERE = pathlib.Path(__file__).resolve().parent
PROJECT = "tests/NativeBackprop.Tests"
TESTS = "FullyQualifiedName~NativeBackprop.Tests."
GROUPS = {
    "convolutions": "FullyQualifiedName~onvolution&FullyQualifiedName!~Architecture",
    "ops": f"{TESTS}Ops",
    "engine": f"{TESTS}Execution|{TESTS}Differentiation|{TESTS}Graphs",
    "parity": f"{TESTS}Parity",
    "networks": f"{TESTS}Execution.NetworkTests|{TESTS}Losses|{TESTS}Layers|{TESTS}Optimizers",
}
# The native tests themselves, by their CTest names: for what managed code never asks for.
NATIVE = {name: f"^{name}$" for name in ("patches", "product", "pooling", "norms")}
# Mutants need to run, not to be well kept: no analyzers, and no warning is an error.
QUICK = ["-c", "Release", "-m:1", "-v", "q", "--nologo", "-p:RunAnalyzers=false", "-p:EnforceCodeStyleInBuild=false",
         "-p:GenerateDocumentationFile=false", "-p:TreatWarningsAsErrors=false", "-p:MSBuildTreatWarningsAsErrors=false"]
TIMEOUT = 240


class Unusable(Exception):
    """The list does not fit the code."""


def run(command, folder, timeout=None):
    """The exit code and output; a command that runs too long is ended with all its children."""
    process = subprocess.Popen(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True)
    try:
        output, _ = process.communicate(timeout=timeout)
        return process.returncode, output
    except BaseException as error:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        if isinstance(error, subprocess.TimeoutExpired):
            return None, ""
        raise


def build(tree, *more):
    code, output = run(["dotnet", "build", PROJECT, *QUICK, *more], tree)
    if code != 0:
        lines = [line for line in output.splitlines() if "error" in line]
        raise Unusable("does not build: " + (lines[0].strip() if lines else output[-400:]))


def build_native(tree):
    code, output = run(["cmake", "-DTARGET=all", "-P", "src/NativeBackprop/BuildNative.cmake"], tree)
    if code != 0:
        raise Unusable("does not build: " + output[-400:])


def test_native(tree, pattern):
    """As test."""
    code, output = run(["ctest", "--preset", "release", "-R", pattern, "--no-tests=error"], tree, TIMEOUT)
    if "No tests were found" in output:
        raise Unusable(f"no test matches {pattern}")
    failed = [line.strip() for line in output.splitlines() if line.startswith("FAILED ")]
    return code == 0, "hangs" if code is None else failed[0][:80] if failed else "crashes"


def try_group(tree, group, *more):
    """Builds what the group needs and runs it."""
    if group in NATIVE:
        build_native(tree)
        return test_native(tree, NATIVE[group])
    build(tree, *more)
    return test(tree, GROUPS[group])


def test(tree, pattern):
    """True when the tests pass; failing and hanging both count as noticing."""
    code, output = run(["dotnet", "test", PROJECT, "-c", "Release", "--no-build", "--nologo", "--filter", pattern,
                        "--", "NUnit.StopOnError=true"], tree, TIMEOUT)
    if code == 0 and "No test matches" in output:
        raise Unusable(f"no test matches {pattern}")
    failed = [line.strip() for line in output.splitlines() if line.lstrip().startswith("Failed ")]
    return code == 0, "hangs" if code is None else failed[0].split(" [")[0] if failed else "crashes"


def mutated(text, mutation):
    count = text.count(mutation["find"])
    if count != 1:
        raise Unusable(f"the text is found {count} times in {mutation['file']}: {mutation['find']}")
    return text.replace(mutation["find"], mutation["replace"])


def follows_code(mutations, tree):
    """False, having said where, when a mutation cannot be made any more: the whole list is looked at before any is tried."""
    follows = True
    for mutation in mutations:
        try:
            path = tree / mutation["file"]
            mutated(path.read_text(encoding="utf-8") if path.exists() else "", mutation)
        except Unusable as error:
            print(f"{mutation['name']}: {error}", file=sys.stderr)
            follows = False
    return follows


def attempt(tree, mutation):
    path = tree / mutation["file"]
    original = path.read_text(encoding="utf-8")
    try:
        path.write_text(mutated(original, mutation), encoding="utf-8")
        return try_group(tree, mutation["tests"], "--no-restore")
    finally:
        path.write_text(original, encoding="utf-8")


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--only", metavar="TEXT", action="append", help="try the mutations whose name or file holds this text; may be repeated")
    parser.add_argument("--list", action="store_true", help="print the names and stop")
    parser.add_argument("--keep", action="store_true", help="leave the copy where it is")
    options = parser.parse_args()

    listed = [m for path in sorted(HERE.glob("*.toml")) for m in tomllib.loads(path.read_text(encoding="utf-8"))["mutation"]]
    mutations = [m for m in listed if any(text in m["name"] or text in m["file"] for text in options.only or [""])]
    if options.list:
        print("\n".join(m["name"] for m in mutations))
        return 0
    if not mutations:
        print(f"no mutation matches {' or '.join(options.only)}", file=sys.stderr)
        return 2

    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))
    root = pathlib.Path(subprocess.check_output(["git", "rev-parse", "--show-toplevel"], cwd=HERE, text=True).strip())
    folder = pathlib.Path(tempfile.mkdtemp(prefix="mutation-"))
    tree = folder / "tree"
    survivors, unusable = [], []
    try:
        subprocess.check_call(["git", "worktree", "add", "--quiet", "--detach", str(tree), "HEAD"], cwd=root)
        if not follows_code(listed, tree):
            return 2
        for group in sorted({m["tests"] for m in mutations}):
            passed, detail = try_group(tree, group)
            if not passed:
                raise Unusable(f"the tests of {group} are red before any mutation: {detail}")
        for number, mutation in enumerate(mutations, 1):
            start = time.monotonic()
            try:
                passed, detail = attempt(tree, mutation)
                if passed:
                    survivors.append(mutation["name"])
                verdict = "SURVIVED" if passed else f"killed ({detail})"
            except Unusable as error:
                unusable.append(mutation["name"])
                verdict = f"UNUSABLE ({error})"
            print(f"{number:3}/{len(mutations)} {mutation['name']}: {verdict}, {time.monotonic() - start:.0f} s", flush=True)
    except Unusable as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    finally:
        if options.keep:
            print(f"the copy is in {tree}")
        else:
            subprocess.call(["git", "worktree", "remove", "--force", str(tree)], cwd=root, stderr=subprocess.DEVNULL)
            shutil.rmtree(folder, ignore_errors=True)

    print(f"{len(mutations) - len(survivors) - len(unusable)} of {len(mutations)} killed"
          + (f"; survived: {'; '.join(survivors)}" if survivors else "") + (f"; unusable: {'; '.join(unusable)}" if unusable else ""))
    return 1 if survivors else 2 if unusable else 0


if __name__ == "__main__":
    sys.exit(main())
