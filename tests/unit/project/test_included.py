"""Which optional parts a checkout has, and what remembers that."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks_lib.cli import runner
from tasks_lib.cli.request import Request
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import state_folder
from tasks_lib.managers import parts
from tasks_lib.managers.uv import Uv
from tasks_lib.project import included
from tasks_lib.project.included import Included
from tasks_lib.session.session import Answer
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject

KNOWN = {"web": "web", "db-x": "DB_x"}
MANIFEST = """\
[project]
name = "demo"
version = "1"
optional-dependencies = {web = [], DB_x = []}
"""


@cases(
    "typed, dev, no_dev, expected",
    {
        "an extra": (["web"], False, False, Included(("web",), dev=False)),
        "again and with commas": (
            ["web, db.x", "WEB"],
            False,
            False,
            Included(("web", "db-x"), dev=False),
        ),
        "none": ([""], False, False, Included(dev=False)),
        "groups alone": ([], True, False, Included(("db-x",))),
        "no groups": ([], False, True, Included(("db-x",), dev=False)),
    },
)
def test_choose(typed: list[str], *, dev: bool, no_dev: bool, expected: Included) -> None:
    before = Included(("db-x", "gone"), dev=False)
    assert included.choose(before, KNOWN, typed, dev=dev, no_dev=no_dev) == expected


def test_an_extra_that_does_not_exist_lists_those_that_do() -> None:
    with pytest.raises(LabError, match="'webb'; there are web, DB_x") as caught:
        included.choose(Included(), KNOWN, ["web,webb"])
    assert (caught.value.code, caught.value.exit_code) == (ErrorCode.UNKNOWN_EXTRA, 2)
    assert caught.value.remedy.text == "Did you mean web?"
    with pytest.raises(LabError, match="it has none"):
        included.choose(Included(), {}, ["web"])
    with pytest.raises(LabError, match="exclude each other"):
        included.choose(Included(), KNOWN, [], dev=True, no_dev=True)


def test_what_a_run_chose_is_for_later_runs_once_it_ended_well(project: MakeProject) -> None:
    root = project(MANIFEST).root
    seen: list[Included] = []

    def work(session: object, _: object) -> Answer:
        seen.append(session.project.included)  # type: ignore[attr-defined]
        return Answer()

    def fail(*_: object) -> Answer:
        text = "x"
        raise LabError(text, ErrorCode.NO_LOCK)

    asked = Request("setup", changes=True, combo="pip_uv", extra=["web"], no_dev=True)
    dry = Request("setup", combo="pip_uv", extra=["web"])
    for request, doing in ((asked, fail), (dry, work)):
        runner.answer(request, doing)
        assert included.remembered(root) == Included()
    runner.answer(asked, work)
    runner.answer(Request("check.all", combo="pip_poetry"), work)
    assert seen == [Included(("web",)), *[Included(("web",), dev=False)] * 2]


def test_the_settings_count_until_something_is_chosen_for_the_checkout(
    project: MakeProject,
) -> None:
    text = f'{MANIFEST}[tool.mlops-lab]\nextras = ["DB.x"]\n'
    made = project(text)
    assert made.included == Included(("db-x",))
    replace(made, chosen=Included(("db-x",), dev=False)).remember_included()
    changed = project(text.replace("DB.x", "web"))
    assert changed.included == Included(("web",), dev=False)  # only the groups were chosen
    replace(changed, chosen=Included()).remember_included()
    assert project(text).included == Included()


@cases(
    "setting, said, remedy",
    {
        "an extra": ("extras = ['wbe']", "extras lists 'wbe'; the project has web, DB_x.", "web?"),
        "a group": ("groups = ['linnt']", "groups lists 'linnt'; the project has lint.", "lint?"),
    },
)
def test_a_setting_that_names_what_does_not_exist(
    project: MakeProject, setting: str, said: str, remedy: str
) -> None:
    groups = "[dependency-groups]\nlint = []\n"
    made = project(f"{MANIFEST}{groups}[tool.mlops-lab]\n{setting}\n")
    key, manager = setting.partition(" ")[0], Uv(made)
    known = {"extras": manager.extras(), "groups": parts.groups(manager)}[key]
    with pytest.raises(LabError, match="lists") as raised:
        included.expect(made.pyproject, key, getattr(made.settings, key), known)
    assert raised.value.message == f"[tool.mlops-lab] {said}"
    assert (raised.value.file, raised.value.line) == ("pyproject.toml", 8)
    assert raised.value.remedy.text == f"Did you mean {remedy}"


@pytest.mark.parametrize("text", ["", "[]", "{", '{"extras": 1}', '{"extras": null, "dev": true}'])
def test_a_damaged_record_chooses_nothing(root: Path, text: str) -> None:
    (state_folder.made(root) / "included.json").write_text(text)
    assert included.remembered(root) == Included()
