"""Feed damaged manifests, locks and settings to the tasks; a seed gives the same inputs again.

`main(count, seed)` shares `count` inputs out among the targets. `python -m
tests.faults.fuzz_manifests --help` runs it, or tries one input again. Inputs run in a process of
their own for each target, so that one that ends the interpreter, or eats all memory, is a finding
too.
"""

from __future__ import annotations

import argparse
import faulthandler
import json
import os
import random
import resource
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

from tasks_lib import bootstrap, report
from tests.faults.mutations import mutated
from tests.faults.sandbox import DEADLINE, Sandbox
from tests.faults.targets import TARGETS, Look
from tests.lab import ROOT

MODULE = "tests.faults.fuzz_manifests"
_ADDRESS_SPACE = 8 << 30
_POETRY_SHARE = 0.02  # of the tasks that would start Poetry, which takes half a second
_FORMATS = ("json", "json", "json", "text", "text", *report.FORMATS)


def main(count: int, seed: int, *, only: str = "", store: Path | None = None) -> dict[str, Any]:
    """Try `count` inputs, and return how many were tried and what failed, which is stored."""
    started = time.perf_counter()
    folder = store or Path(bootstrap.cache_folder()) / "fuzz"
    names = [only] if only else list(TARGETS)
    tried: dict[str, int] = {}
    failed: list[dict[str, Any]] = []
    for at, name in enumerate(names):
        tried[name] = count // len(names) + (at < count % len(names))
        for failure in _run(name, tried[name], seed):
            folder.mkdir(parents=True, exist_ok=True)
            stored = folder / f"{name.strip('.')}-{seed}-{failure['number']}"
            stored.write_bytes(case(name, seed, failure["number"])[0])
            failed.append({"target": name, "seed": seed, **failure, "stored": str(stored)})
    return {
        "seed": seed,
        "tried": tried,
        "failed": failed,
        "seconds": round(time.perf_counter() - started, 1),
    }


def case(name: str, seed: int, number: int) -> tuple[bytes, Look, str, str]:
    """Make one input: the file, the task, the combo and the format of the answer."""
    target, rng = TARGETS[name], random.Random(f"{seed}:{name}:{number}")  # noqa: S311 - to be repeated, not kept secret
    data = target.head + mutated(rng, target.seeds, target.kind)
    data = target.repair(data) if rng.random() < 0.9 else data
    look, manager = rng.choice(target.looks), rng.choice(target.managers)
    if look.slow and manager == "poetry" and rng.random() > _POETRY_SHARE:
        look = next(one for one in target.looks if not one.slow)
    return data, look, f"{rng.choice(('conda', 'conda', 'pip'))}_{manager}", rng.choice(_FORMATS)


def _run(name: str, count: int, seed: int) -> list[dict[str, Any]]:
    """Try inputs in processes; one that dies is replaced, behind the input that killed it."""
    failed: list[dict[str, Any]] = []
    first = 0
    while first < count:
        argv = [sys.executable, "-m", MODULE, "--target", name, "--seed", str(seed)]
        argv += ["--worker", str(first), str(count)]
        worker = subprocess.run(
            argv, cwd=ROOT, capture_output=True, encoding="utf-8", errors="replace", check=False
        )
        lines = [json.loads(line) for line in worker.stdout.splitlines()]
        failed += [line for line in lines if line["faults"]]
        if worker.returncode == 0:
            break
        first = lines[-1]["number"] + 1 if lines else first
        said = f"the process ended with {worker.returncode}: {worker.stderr[-3000:]}"
        failed.append(
            {"number": first, "task": case(name, seed, first)[1].command, "faults": [said]}
        )
        first += 1
    return failed


def work(name: str, seed: int, first: int, last: int) -> None:
    """Try the inputs of one target one after the other, and write a line for each."""
    resource.setrlimit(
        resource.RLIMIT_AS, (_ADDRESS_SPACE, resource.getrlimit(resource.RLIMIT_AS)[1])
    )
    with tempfile.TemporaryDirectory(prefix="fuzz é ", ignore_cleanup_errors=True) as folder:
        sandbox = Sandbox(Path(folder).resolve())
        with sandbox.entered():
            for number in range(first, last):
                data, look, combo, form = case(name, seed, number)
                # a hang in a thread cannot be interrupted: this process then ends, and prints where
                # it stood
                faulthandler.dump_traceback_later(DEADLINE * 2, exit=True)
                faults = sandbox.attempt(TARGETS[name].path, data, look, combo, form)
                faulthandler.cancel_dump_traceback_later()
                line = {
                    "number": number,
                    "task": look.command,
                    "combo": combo,
                    "format": form,
                    "faults": faults,
                }
                sys.stdout.write(f"{json.dumps(line)}\n")
                sys.stdout.flush()


def command_line() -> int:
    """Run the fuzzer from the command line."""
    parser = argparse.ArgumentParser(
        prog="python -m tests.faults.fuzz_manifests", description=main.__doc__
    )
    parser.add_argument("--count", type=int, default=10_000)
    parser.add_argument("--seed", type=int, default=int(time.time()))
    parser.add_argument("--target", choices=TARGETS, default="", help="this one alone")
    parser.add_argument("--number", type=int, help="try this one input of the target again")
    parser.add_argument(
        "--worker", type=int, nargs=2, metavar=("FIRST", "LAST"), help=argparse.SUPPRESS
    )
    asked = parser.parse_args()
    if asked.worker or asked.number is not None:
        work(asked.target, asked.seed, *(asked.worker or (asked.number, asked.number + 1)))
        return 0
    sys.stderr.write(f"seed {asked.seed}\n")
    found = main(asked.count, asked.seed, only=asked.target)
    json.dump(found, sys.stdout, indent=2)
    sys.stdout.write(os.linesep)
    return 1 if found["failed"] else 0


if __name__ == "__main__":
    raise SystemExit(command_line())
