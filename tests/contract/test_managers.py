"""What every dependency manager provides, and the exact words that each is given."""

from __future__ import annotations

import os
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments.base import Activation
from tasks_lib.errors import LabError
from tasks_lib.execution import process
from tasks_lib.managers import MANAGERS
from tasks_lib.managers.base import Place
from tasks_lib.project import included
from tasks_lib.project.included import Included
from tasks_lib.results import Status
from tasks_lib.tools import executables
from tasks_lib.tools.variables import Use
from tests.cases import cases
from tests.contract.third_manager import Pdm
from tests.steps import ended, outcome

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks_lib.execution.process import Command
    from tasks_lib.managers.base import Manager
    from tests.conftest import MakeProject

ENDINGS = {"uv": ("--python", "{python}"), "poetry": ("--no-interaction", "--no-ansi")}
ACTIONS: dict[str, Callable[[Manager, Activation], Command]] = {
    "lock": lambda m, a: m.lock(a),
    "upgrade all": lambda m, a: m.lock(a, ()),
    "upgrade some": lambda m, a: m.lock(a, ("six", "click")),
    "install": lambda m, a: m.install(a),
    "install groups": lambda m, a: m.install(a, ("lab", "docs")),
    "reinstall": lambda m, a: m.reinstall(a, {"six", "click"}),
    "preview": lambda m, a: m.preview(a),
    "add": lambda m, a: m.add(a, ("six>=1", "click[x]")),
    "add editable": lambda m, a: m.add(a, ("./lib",), Place("lab", editable=True)),
    "add to group": lambda m, a: m.add(a, ("six",), Place("lab")),
    "remove": lambda m, a: m.remove(a, ("six", "click")),
    "remove from group": lambda m, a: m.remove(a, ("six",), Place("lab")),
    "export": lambda m, a: m.export(a, "requirements.txt"),
    "export without hashes": lambda m, a: m.export(a, "requirements.txt", hashes=False),
    "export pylock": lambda m, a: m.export(a, "pylock.toml"),
    "outdated": lambda m, a: m.outdated(a),
}
WORDS: dict[str, dict[str, tuple[str, ...]]] = {
    "uv": {
        "lock": ("lock",),
        "upgrade all": ("lock", "--upgrade"),
        "upgrade some": ("lock", "--upgrade-package", "six", "--upgrade-package", "click"),
        "install": ("sync", "--inexact", "--locked"),
        "install groups": ("sync", "--inexact", "--locked", "--group", "lab", "--group", "docs"),
        "reinstall": (
            "sync",
            "--inexact",
            "--locked",
            "--reinstall-package=click",
            "--reinstall-package=six",
        ),
        "preview": ("sync", "--inexact", "--frozen", "--dry-run"),
        "add": ("add", "--no-sync", "six>=1", "click[x]"),
        "add editable": (
            "add",
            "--no-sync",
            "--group",
            "lab",
            "--editable",
            "--no-workspace",
            "./lib",
        ),
        "add to group": ("add", "--no-sync", "--group", "lab", "six"),
        "remove": ("remove", "--no-sync", "six", "click"),
        "remove from group": ("remove", "--no-sync", "--group", "lab", "six"),
        "export": (
            "export",
            "--frozen",
            "--no-header",
            "--no-emit-project",
            "--format",
            "requirements.txt",
        ),
        "export without hashes": (
            "export",
            "--frozen",
            "--no-header",
            "--no-emit-project",
            "--format",
            "requirements.txt",
            "--no-hashes",
        ),
        "export pylock": (
            "export",
            "--frozen",
            "--no-header",
            "--no-emit-project",
            "--format",
            "pylock.toml",
        ),
        "outdated": ("pip", "list", "--outdated", "--format", "json"),
    },
    "poetry": {
        "lock": ("lock",),
        "upgrade all": ("update", "--lock"),
        "upgrade some": ("update", "--lock", "six", "click"),
        "install": ("install",),
        "install groups": ("install", "--with", "lab,docs"),
        "reinstall": ("install",),
        "preview": ("install", "--dry-run", "--no-plugins"),
        "add": ("add", "--lock", "six>=1", "click[x]"),
        "add editable": ("add", "--lock", "--group", "lab", "--editable", "./lib"),
        "add to group": ("add", "--lock", "--group", "lab", "six"),
        "remove": ("remove", "--lock", "six", "click"),
        "remove from group": ("remove", "--lock", "--group", "lab", "six"),
        "export": ("export", "--format", "requirements.txt"),
        "export without hashes": ("export", "--format", "requirements.txt", "--without-hashes"),
        "export pylock": ("export", "--format", "pylock.toml"),
        "outdated": ("show", "--outdated", "--format", "json"),
    },
}
TABLE = {
    f"{name}: {action}": (name, action, words)
    for name, rows in WORDS.items()
    for action, words in rows.items()
}
OWN = {"VIRTUAL_ENV": "pip", "CONDA_PREFIX": "conda"}


@pytest.fixture(params=[*MANAGERS.values(), Pdm], ids=[*MANAGERS, Pdm.name])
def manager(request: pytest.FixtureRequest, project: MakeProject) -> Manager:
    """Return each manager on the same project."""
    made: Manager = request.param(project())
    return made


@pytest.fixture(params=OWN, ids=list(OWN.values()))
def activation(request: pytest.FixtureRequest, root: Path) -> Activation:
    """Return the activation of an environment of each layer."""
    prefix = root / "an env"
    return Activation(
        prefix, prefix / "bin/python", (prefix / "bin",), {request.param: str(prefix)}
    )


def test_every_manager_has_its_row() -> None:
    assert set(WORDS) == set(ENDINGS) == set(MANAGERS)
    assert all(set(rows) == set(ACTIONS) for rows in WORDS.values())


@cases("name, action, words", TABLE)
def test_exact_words(
    project: MakeProject, activation: Activation, name: str, action: str, words: tuple[str, ...]
) -> None:
    made = MANAGERS[name](project())
    command = ACTIONS[action](made, activation)
    ending = tuple(word.format(python=activation.python) for word in ENDINGS[name])
    assert command.argv[0] == made.program == executables.tool(name)
    left = list(command.argv[1:])
    at = next(n for n in range(len(left)) if tuple(left[n : n + len(ending)]) == ending)
    assert (*left[:at], *left[at + len(ending) :]) == words


@cases(
    "name, groups, words",
    {
        "uv": ("uv", (), "sync --inexact --locked --no-default-groups --extra Web_X --extra new"),
        "uv, a group": (
            "uv",
            ("dev",),
            "sync --inexact --locked --no-default-groups --group dev --extra Web_X --extra new",
        ),
        "poetry": ("poetry", (), "install --without dev,lint --extras Web_X --extras new"),
        "poetry, a group": (
            "poetry",
            ("dev",),
            "install --with dev --without lint --extras Web_X --extras new",
        ),
    },
)
def test_words_for_what_was_chosen(
    project: MakeProject, activation: Activation, name: str, groups: tuple[str, ...], words: str
) -> None:
    tables = "optional-dependencies = {Web_X = []}\n[dependency-groups]\ndev = []\nlint = []\n"
    found = project(f'[project]\nname = "demo"\nversion = "1"\n{tables}')
    chosen = Included(("web-x", "new"), dev=False)  # `new` is declared in the same run
    command = MANAGERS[name](replace(found, chosen=chosen)).install(activation, groups)
    assert " ".join(command.argv[1:]).startswith(words)
    included.remember(found.root, chosen)
    later = MANAGERS[name](project(found.pyproject.text)).install(activation, groups)
    assert "Web_X" in later.argv
    assert "new" not in later.argv


@cases(
    "name, words",
    {
        "uv": ("uv", "add --no-sync --extra x --optional web"),
        "poetry": ("poetry", "add --lock --extras x --optional web"),
    },
)
def test_words_for_an_extra(
    project: MakeProject, activation: Activation, name: str, words: str
) -> None:
    place = Place(optional="web", extras=("x",))
    command = MANAGERS[name](project()).add(activation, ("six",), place)
    assert " ".join(command.argv[1:]).startswith(words)


@pytest.mark.parametrize("action", ACTIONS)
def test_command_is_words_with_a_reason_in_the_projects_folder(
    manager: Manager, activation: Activation, action: str
) -> None:
    command = ACTIONS[action](manager, activation)
    assert isinstance(command.argv, tuple)
    assert all(isinstance(word, str) for word in command.argv)
    assert command.why
    assert command.cwd == manager.project.root


@pytest.mark.parametrize("action", ACTIONS)
def test_command_works_on_the_environment_it_was_given(
    manager: Manager, activation: Activation, action: str
) -> None:
    command = ACTIONS[action](manager, activation)
    told = {*command.env.values(), *command.argv}
    assert str(activation.prefix) in told


def test_nothing_that_installs_ever_removes(manager: Manager, activation: Activation) -> None:
    for command in (
        manager.install(activation),
        manager.install(activation, ("lab",)),
        manager.preview(activation),
    ):
        words = set(command.argv)
        assert not words & {"--exact", "--sync", "--remove-untracked"}
        assert "sync" not in words or "--inexact" in words


def test_preview_asks_what_install_would_do_and_changes_nothing(
    manager: Manager, activation: Activation
) -> None:
    install, preview = manager.install(activation, ("lab",)), manager.preview(activation, ("lab",))
    # the lock's freshness is asked apart, and plugins would be installed
    words = set(preview.argv) - set(install.argv) - {"--frozen", "--no-plugins"}
    assert words == {"--dry-run"}
    assert preview.env == install.env


def test_lock_needs_no_environment_of_the_project(manager: Manager) -> None:
    command = manager.lock(None)
    assert not [
        value for value in command.env.values() if value and str(manager.project.root) in value
    ]
    assert not [word for word in command.argv if str(manager.project.root) in word]


def test_environment_of_the_user_does_not_reach_the_manager(
    manager: Manager, activation: Activation, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in process.FOREIGN:
        monkeypatch.setenv(name, "/theirs")
    for table in manager.variables:
        for name in table.named(Use.UNSET, Use.DECIDED, Use.ENVIRONMENT):
            monkeypatch.setenv(name.replace("*", "X"), "/theirs")
        for name in table.named(Use.KEPT, Use.PERSONAL):
            monkeypatch.setenv(name.replace("*", "X"), "/kept")
    kept = [name for name, value in os.environ.items() if value == "/kept"]
    for action in ACTIONS.values():
        env = process.environment(action(manager, activation).env)
        assert "/theirs" not in env.values()
        assert [name for name in kept if name not in env] == []
    assert "/theirs" not in process.environment(manager.lock(None).env).values()


def test_checks_only_read_and_answer_for_manifest_and_lock(
    manager: Manager, activation: Activation
) -> None:
    for steps in (manager.checks(None), manager.checks(activation)):
        assert all(step.check for step in steps)
        assert manager.fresh(activation) is not None
        words = {word for step in steps if step.command for word in step.command.argv}
        assert "check" in words or "--check" in words


def test_fresh_lock_passes_and_an_unknown_failure_is_an_error_never_a_pass(
    manager: Manager,
) -> None:
    for code, stderr, status in ((0, "", Status.PASS), (1, "boom", Status.ERROR)):
        found = ended(manager.fresh(None), code, stderr=stderr)
        assert [one.status for one in found if one.id == "lock.fresh"] == [status]


def test_newer_versions_by_normalised_name_and_a_failure_is_raised(manager: Manager) -> None:
    said = '[{"name": "Typing_Extensions", "version": "4.0", "latest_version": "4.9"}]'
    assert manager.newer(outcome(0, said)) == {"typing-extensions": "4.9"}
    with pytest.raises(LabError, match="boom"):
        manager.newer(outcome(1, stderr="boom"))


def test_lock_lies_in_the_project(manager: Manager) -> None:
    assert manager.lock_path == manager.project.root / manager.lock_name
    assert manager.locked() == {}
    assert manager.lock_name not in os.listdir(manager.project.root)  # noqa: PTH208 - its names are all that matters


def test_index_of_the_user_reaches_the_manager(manager: Manager, project: MakeProject) -> None:
    made = project(variables={"MLOPS_LAB_INDEX_URL": "http://mirror/simple"})
    assert "http://mirror/simple" in type(manager)(made).lock(None).env.values()
