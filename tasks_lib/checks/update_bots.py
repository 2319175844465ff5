"""Whether the bot that renews packages fits the combo."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.checks.base import FactCheck, Finding
from tasks_lib.errors import LabError, Remedy
from tasks_lib.execution import git
from tasks_lib.project import update_bots
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tasks_lib.ownership.facts import Facts
    from tasks_lib.project.update_bots import Bot, Layer


def _layers(facts: Facts) -> Iterator[Layer]:
    """Yield what the combo's layers are renewed by."""
    root, manager = facts.project.root, facts.session.manager
    folder = root.relative_to(git.top(root))
    if manager.bots:
        path = (folder / PYPROJECT).as_posix()
        yield update_bots.Layer(f"{path} and {manager.lock_name}", path, *manager.bots)
    if facts.conda_layer and facts.project.conda_path:
        yield update_bots.conda((folder / facts.project.conda_path.name).as_posix())


def _look(facts: Facts) -> Iterable[Finding]:
    """Report what is wrong in a file; with sound ones, each layer that no bot renews."""
    root = facts.project.root
    top = git.top(root)
    bots: list[Bot] = []
    faults = []
    for kind, path in update_bots.found(top):
        shown = str(path.relative_to(root) if path.is_relative_to(root) else path)
        try:
            bots.append(update_bots.read(kind, top, path, shown))
        except LabError as error:
            faults.append(Finding(error.message, shown, error.line))
    if faults:
        yield from faults
        return
    for layer in _layers(facts):
        lacking = [bot.lacks(layer) for bot in bots]
        if all(lacking):
            text = f"Nothing renews {layer.what}: {bots[0].shown} leaves that out."
            yield Finding(text, bots[0].shown, remedy=Remedy(lacking[0]))


CHECKS = (
    FactCheck(
        "ci.bots",
        "Dependabot or Renovate renews both layers",
        "A bot whose configuration names another ecosystem, manager or folder opens no request, "
        "and nothing in the repository says so. One for another manager changes pyproject.toml "
        "and not the lock.",
        Remedy("Write what the page ci of the documentation has for the combo"),
        Status.WARN,
        look=_look,
        applies=lambda facts: any(update_bots.found(git.top(facts.project.root))),
    ),
)
