"""What an installation left is looked at, and not believed."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments.venv import Venv
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.execution.process import Outcome
from tasks_lib.managers.poetry import Poetry
from tasks_lib.managers.uv import Uv
from tasks_lib.session import combos
from tasks_lib.session.session import Session
from tasks_lib.workflows import installation

if TYPE_CHECKING:
    from pathlib import Path

    from tasks_lib.managers.base import Manager
    from tests.conftest import MakeProject
    from tests.unit.conftest import Install

#: what each manager says when it has installed two packages
SAID = {
    Uv: ("", " + click==8.5.1\n + iniconfig==2.3.1\n"),
    Poetry: ("  - Installing click (8.5.1)\n  - Installing iniconfig (2.3.1)\n", ""),
}


@pytest.mark.parametrize("kind", SAID)
def test_what_was_installed_elsewhere_ends_the_run(
    kind: type[Manager], project: MakeProject, venv: Path, install: Install
) -> None:
    found = project()
    combo = combos.parse(f"pip_{kind.name}", "flag", "the test says so")
    session = Session(found, combo, Venv(found), kind(found))
    (step,) = installation.install_steps(session)
    assert step.reads is not None
    assert step.command is not None
    outcome = Outcome(step.command, 0, *SAID[kind], 0.1)
    install(venv, "iniconfig", "2.3.1")
    with pytest.raises(
        LabError, match="says that it installed click, but the virtual environment"
    ) as caught:
        step.reads(outcome)
    assert caught.value.exit_code is ExitCode.TOOL_FAILED
    install(venv, "click", "8.5.1")
    assert not list(step.reads(outcome))
