"""Tasks of mlops-lab's own checkout, which no other project has."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from invoke.context import Context
from invoke.tasks import Task, task

from tasks_lib.tasks.adapter import behind_dashes, finish

if TYPE_CHECKING:
    from invoke.collection import Collection

ROOT = Path(__file__).resolve().parents[2]


@task(auto_shortflags=False, help={"only": "unit, contract, cli, integration or faults"})
def test(_: Context, only: str = "") -> None:  # noqa: PT028 - an Invoke task, no test
    """Run the linters and the tests; what stands behind -- goes to pytest."""
    from tasks_lib.workflows import self_test

    finish(self_test.run(ROOT, only, behind_dashes()))


@task
def bench(_: Context) -> None:
    """Measure `setup` against the steps typed by hand, and print the ratios of medians."""
    from tasks_lib.workflows import self_test

    finish(self_test.start(ROOT, str(ROOT / "tests" / "bench" / "by_hand.py"), *behind_dashes()))


@task
def faults(_: Context) -> None:
    """Try every fault in full, and print how many of each were tried and what was lost."""
    from tasks_lib.workflows import self_test

    finish(self_test.faults(ROOT, behind_dashes()))


@task(
    auto_shortflags=False,
    help={"examples": "run the console blocks, and put their real output into the pages"},
)
def write_docs(_: Context, examples: bool = False) -> None:
    """Write the pages of the documentation that are made from the code."""
    from tasks_lib.workflows import self_test

    finish(self_test.write_docs(ROOT, examples=examples))


def extend(namespace: Collection) -> Collection:
    """Add these tasks to mlops-lab's own."""
    for one in (test, bench, faults, write_docs):
        namespace.add_task(cast(Task[Any], one))
    return namespace
