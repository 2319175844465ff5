"""What a task would run, for all combos beside each other, and why each step is safe."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from tasks_lib import importers
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.session import combos
from tasks_lib.session.session import Answer, Session
from tasks_lib.workflows import editing, installation, publishing, updating

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks_lib.execution.plan import Watcher

_PACKAGE = "PACKAGE"
#: The tasks that change something, each as a dry run.
PLANNED: dict[str, Callable[[Session, Watcher], Answer]] = {
    "init": lambda one, watcher: importers.init(one, watcher, dry_run=True),
    "setup": lambda one, watcher: installation.setup(one, watcher, dry_run=True),
    "env.create": lambda one, watcher: installation.create(one, watcher, dry_run=True),
    "env.update": lambda one, watcher: updating.update(one, watcher, dry_run=True),
    "env.remove": lambda one, watcher: installation.remove(one, watcher, dry_run=True),
    "deps.lock": lambda one, watcher: installation.lock(one, watcher, dry_run=True),
    "deps.install": lambda one, watcher: installation.install(one, watcher, dry_run=True),
    "deps.sync": lambda one, watcher: installation.sync(one, watcher, dry_run=True),
    "deps.align": lambda one, watcher: installation.align(one, watcher, dry_run=True),
    "deps.update": lambda one, watcher: installation.update(
        one, watcher, (), group=None, dry_run=True
    ),
    "deps.add": lambda one, watcher: editing.edit(
        one, watcher, [_PACKAGE], editing.Edit(), dry_run=True
    ),
    "pkg.build": lambda one, watcher: publishing.build(one, watcher, dry_run=True),
    "pkg.publish": lambda one, watcher: publishing.publish(
        one, watcher, to=publishing.PUBLIC, dry_run=True
    ),
    "deps.remove": lambda one, watcher: editing.edit(
        one, watcher, [_PACKAGE], editing.Edit(drop=True), dry_run=True
    ),
}
#: Further tasks with a dry run, each with what shows its plan: it needs more than the project, or is for all combos.
ALONE = {
    "check.fix": "invoke check.fix --dry-run",
    "migrate": "invoke migrate --to COMBO --dry-run",
    "proof.matrix": "invoke proof.matrix --dry-run",
}
_READS = "only reads"


def explain(session: Session, watcher: Watcher, task: str) -> Answer:
    """Plan `task` on this project for every combo; one that cannot be planned says why."""
    if task in ALONE:
        text = f"{task} is not explained for all combos: it shows its plan itself."
        raise LabError(text, ErrorCode.NOT_EXPLAINED, remedy=f"see it: {ALONE[task]}")
    if task not in PLANNED:
        text = f"there is no plan of {task!r} to explain; there is one of {', '.join(PLANNED)}."
        raise LabError(text, ErrorCode.UNKNOWN_TASK, remedy="choose one, e.g. invoke explain setup")
    reasons: dict[str, str] = {}
    plans = [_rows(session, watcher, task, name, reasons) for name in combos.names()]
    order = list(
        dict.fromkeys(row["step"] for plan in sorted(plans, key=len, reverse=True) for row in plan)
    )
    rows = sorted((row for plan in plans for row in plan), key=lambda row: order.index(row["step"]))
    safe = [{"step": step, "because": reasons[step]} for step in order if step]
    return Answer(data={"task": task, "commands": rows, "safe": safe})


def _rows(
    session: Session, watcher: Watcher, task: str, combo: str, reasons: dict[str, str]
) -> list[dict[str, Any]]:
    """Return the plan's rows for one combo, and note in `reasons` why each step is safe."""
    try:
        options = session.project.options
        one = Session.open(
            combo=combo,
            engine=options.engine,
            python=options.python,
            offline=options.offline,
            start=session.project.root,
        )
        steps = PLANNED[task](one, watcher).steps
    except LabError as error:
        return [{"step": "", "combo": combo, "command": f"{error.message} {error.remedy}".strip()}]
    rows = []
    for step in steps:
        shown = step.as_dict()
        command = shown["command"] or f"({shown['why']})"
        rows.append({"step": step.id, "combo": combo, "command": command})
        reasons.setdefault(step.id, step.safe or _READS)
    return rows or [{"step": "", "combo": combo, "command": "nothing to do"}]
