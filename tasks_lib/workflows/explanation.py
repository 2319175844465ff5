"""What a task would run, for all combos beside each other, and why each step is safe."""

from __future__ import annotations

import itertools
from functools import partial
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.session import combos
from tasks_lib.session.session import Answer, Session
from tasks_lib.workflows import (
    adoption,
    editing,
    installation,
    locking,
    publishing,
    synchronizing,
    updating,
)

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks_lib.execution.plan import Watcher

_PACKAGE = "PACKAGE"
#: The tasks that change something; each takes the session, a watcher and `dry_run`.
PLANNED: dict[str, Callable[..., Answer]] = {
    "init": adoption.init,
    "setup": installation.setup,
    "env.create": installation.create,
    "env.update": updating.update_environment,
    "env.remove": installation.remove,
    "deps.lock": locking.lock,
    "deps.install": installation.install,
    "deps.sync": synchronizing.sync,
    "deps.align": synchronizing.align,
    "deps.update": partial(updating.update_dependencies, packages=()),
    "deps.add": partial(editing.edit, packages=[_PACKAGE], how=editing.Edit()),
    "deps.remove": partial(editing.edit, packages=[_PACKAGE], how=editing.Edit(drop=True)),
    "pkg.build": publishing.build,
    "pkg.publish": partial(publishing.publish, to=publishing.PUBLIC),
}
#: Further tasks with a dry run, each with the command that shows its plan: it needs more than the
#: project, or is about all combos.
ALONE = {
    "check.fix": ("invoke", "check.fix", "--dry-run"),
    "env.direnv": ("invoke", "env.direnv", "--dry-run"),
    "env.container": ("invoke", "env.container", "--dry-run"),
    "env.editor": ("invoke", "env.editor", "--dry-run"),
    "env.kernel": ("invoke", "env.kernel", "--dry-run"),
    "migrate": ("invoke", "migrate", "--to", "COMBO", "--dry-run"),
    "proof.matrix": ("invoke", "proof.matrix", "--dry-run"),
}
_READS = "only reads"


def explain(session: Session, watcher: Watcher, task: str) -> Answer:
    """Plan `task` on this project for every combo; one that cannot be planned says why.

    The answer's `commands` has a row for each step of each combo, ordered by the longest plan. Its
    `safe` has the reason of each step.

    Raises:
        LabError: The task has no plan, or shows its plan itself.
    """
    if task in ALONE:
        text = f"{task} is not explained for all combos: it shows its plan itself."
        raise LabError(text, ErrorCode.NOT_EXPLAINED, remedy=Remedy("See it", ALONE[task]))
    if task not in PLANNED:
        text = f"There is no plan of {task!r} to explain; there is one of {', '.join(PLANNED)}."
        remedy = Remedy("Choose one", ("invoke", "explain", "setup"))
        remedy = meant(task, PLANNED, remedy, "invoke", "explain")
        raise LabError(text, ErrorCode.UNKNOWN_TASK, remedy=remedy)
    reasons: dict[str, str] = {}
    plans = [_rows(session, watcher, task, name, reasons) for name in combos.names()]
    order: list[str] = []
    for plan in sorted(plans, key=len, reverse=True):
        order += [row["step"] for row in plan]
    rows = sorted(itertools.chain(*plans), key=lambda row: order.index(row["step"]))
    safe = [{"step": step, "because": reasons[step]} for step in dict.fromkeys(order) if step]
    return Answer(data={"task": task, "commands": rows, "safe": safe})


def _rows(
    session: Session, watcher: Watcher, task: str, combo: str, reasons: dict[str, str]
) -> list[dict[str, str]]:
    """Return the plan's rows for one combo, and note in `reasons` why each step is safe."""
    try:
        chosen = combos.parse(combo, "flag", "it is explained")
        one = Session.of(session.project, chosen)
        steps = PLANNED[task](one, watcher, dry_run=True).steps
    except LabError as error:
        reason = f"{error.message} {error.remedy}".strip()
        return [{"step": "", "combo": combo, "command": reason}]
    rows = []
    for step in steps:
        shown = step.as_dict()
        command = shown["command"] or f"({shown['why']})"
        rows.append({"step": step.id, "combo": combo, "command": command})
        reasons.setdefault(step.id, step.safe or _READS)
    return rows or [{"step": "", "combo": combo, "command": "nothing to do"}]
