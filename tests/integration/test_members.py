"""A workspace whose members depend on each other: one lock, one environment, all or nothing."""

from __future__ import annotations

import shutil
import tomllib
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.lab import ROOT, SAMPLE, Case, untouched

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.lab import Lab

pytestmark = pytest.mark.processes

BETA = "packages/beta/pyproject.toml"
#: can be locked, and not be built
GAMMA = """
[build-system]
requires = []
build-backend = "nothing"
backend-path = ["."]

[project]
name = "tiny-gamma"
version = "1.0"
"""


def workspace(lab: Lab) -> Lab:
    """Put the workspace in the project's folder."""
    shutil.copytree(ROOT / "tests/resources/workspace", lab.project, dirs_exist_ok=True)
    return lab


def declared(lab: Lab) -> list[str]:
    """Return what the member beta declares."""
    data = tomllib.loads((lab.project / BETA).read_text("utf-8"))
    return list(data["project"]["dependencies"])


def locks(lab: Lab) -> set[str]:
    """Find every lock below the project's folder."""
    found = [path for path in lab.project.rglob("*.lock") if ".venv" not in path.parts]
    return {path.relative_to(lab.project).as_posix() for path in found}


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_a_member_is_edited_and_the_project_follows(
    case: Case, new_lab: Callable[[Case], Lab]
) -> None:
    lab = workspace(new_lab(case))
    lab.ok("setup")
    before, root = lab.installed(), (lab.project / "pyproject.toml").read_bytes()
    assert {"tiny-alpha", "tiny-beta"} <= set(before)
    with untouched(lab):
        lab.ok("deps.add", "toolz", "--package", "tiny-beta", "--dry-run")
        unknown = lab("deps.add", "toolz", "--package", "tiny-gamma")
        assert unknown.code == 2
        assert "tiny-alpha, tiny-beta" in unknown.error()["detail"]

    answer = lab.ok("deps.add", "toolz", "--package", "tiny_beta")
    assert [row["package"] for row in answer.data["packages"]] == ["toolz"]
    assert set(lab.installed()) - set(before) == {"toolz"}
    assert "toolz" in declared(lab)[0]
    assert b"# nothing needs this member" in (lab.project / BETA).read_bytes()
    assert (lab.project / "pyproject.toml").read_bytes() == root
    assert locks(lab) == {lab.lock.name}
    rows = {row["name"]: row for row in lab.ok("deps.list").data["packages"]}
    assert rows["toolz"]["declared"] == BETA
    assert {rows[name]["owner"] for name in ("toolz", "tiny-alpha", "tiny-beta")} == {"lock"}
    checked = lab.ok("check.all")
    assert checked.ids("warn") == set(), checked.results

    if case.layer == "conda":
        return  # the rest is the manager's alone
    manifest, installed, names = (lab.project / BETA).read_bytes(), lab.installed(), locks(lab)
    lab.write("packages/gamma/pyproject.toml", GAMMA)
    failed = lab("deps.add", "./packages/gamma", "--package", "tiny-beta")
    assert (failed.code, "install" in failed.error()["title"]) == (4, True), failed
    assert ((lab.project / BETA).read_bytes(), lab.installed(), locks(lab)) == (
        manifest,
        installed,
        names,
    )
    shutil.rmtree(lab.project / "packages/gamma")
    lab.ok("check.compat")  # beta's record is the old one, too

    grouped = lab("deps.add", "six", "--package", "tiny-beta", "--group", "dev", "--dry-run")
    assert ("does not install the groups and extras of the member" in grouped.stdout) == (
        case.manager == "poetry"
    )
    lab.ok("deps.remove", "toolz", "--package", "tiny-beta")
    assert (declared(lab), lab.installed(), locks(lab)) == ([], before, {lab.lock.name})
    lab.ok("check.compat")
    assert lab.ok("setup").data["changed"] == []


@pytest.mark.parametrize("case", SAMPLE[:2], ids=str)
def test_what_a_user_edits_in_a_member_makes_the_lock_stale(
    case: Case, new_lab: Callable[[Case], Lab]
) -> None:
    lab = workspace(new_lab(case))
    lab.ok("deps.lock")
    lab.ok("check.lock")
    text = (lab.project / BETA).read_text("utf-8")
    lab.write(BETA, text.replace("dependencies = []", 'dependencies = ["toolz"]'))
    assert lab("check.lock").ids("fail") == {"lock.fresh"}
    assert lab("check.lock", cwd=lab.project / Path(BETA).parent).document["project"] == str(
        lab.project
    )
    lab.ok("deps.lock")
    lab.ok("check.lock")
