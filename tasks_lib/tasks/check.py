"""Check the manifests, the lock and the environment; fix what is safe to fix."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks_lib.cli.request import Scope
from tasks_lib.tasks.adapter import lab_task

if TYPE_CHECKING:
    from invoke.tasks import Task

    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Answer, Session


def _family(name: str, text: str, only: str = "", *, trusts: bool = False) -> Task[Any]:
    """Return the task that runs one family of checks, or `only` one of them."""

    def check(session: Session, progress: Progress) -> Answer:
        from tasks_lib import checks

        return checks.run(session, progress, (only or name,))

    check.__doc__ = text
    return lab_task(f"check.{name}", also=("strict",), trusts=trusts)(check)


config = _family("config", "Check pyproject.toml and conda.yml, as poetry check does.")
lock = _family("lock", "Check that the lock fits pyproject.toml, as uv lock --check does.")
doctor = _family("doctor", "Check that the environment is sound, as conda doctor does.")
compat = _family("compat", "Check that the installed packages fit each other, as pip check does.")
kernel = _family(
    "kernel", "Check that the kernels of env.kernel start this environment.", "kernel.interpreter"
)
imports = _family(
    "imports", "Check that every installed distribution can be imported, as it runs.", trusts=True
)

_CHOICE = {
    "select": "only these ids and families, separated by commas",
    "ignore": "all but these ids and families",
}


@lab_task("check.all", also=("strict",), help=_CHOICE)
def everything(session: Session, progress: Progress, select: str = "", ignore: str = "") -> Answer:
    """Run every check at the same time, those that only a hybrid needs too."""
    from tasks_lib import checks

    return checks.run_all(session, progress, select=select, ignore=ignore)


@lab_task("check.explain", scope=Scope.FOLDER, help={"check": "an id, e.g. ownership.clobbered"})
def explain(_: Session, __: Progress, check: str) -> Answer:
    """Explain why a check exists, of a class too, and how to fix what it finds."""
    from tasks_lib.cohort import grading
    from tasks_lib.workflows import auditing, fixing

    return fixing.explain(check, (*grading.CHECKS, *auditing.CHECKS))


@lab_task("check.fix", changes=True)
def fix(session: Session, progress: Progress, dry_run: bool = False) -> Answer:
    """Fix what the checks find, where that is safe; report the rest, and leave it to you."""
    from tasks_lib.workflows import fixing

    return fixing.fix(session, progress, dry_run=dry_run)
