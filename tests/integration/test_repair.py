"""What `check.fix` repairs: many damages at once, each found before and none left after it."""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tasks_lib.checks import registry
from tasks_lib.results import Fix
from tests import damages
from tests.integration.test_hybrid_checks import uv
from tests.lab import DEAD, ENTRY, LAYERS, MANAGERS, PYTHON, Case, Lab, tree, wheel

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.processes


#: what cannot be told beside the others: a damaged record of conda's hides its files
_HIDING = "doctor.conda-meta"


def _damaged(lab: Lab, *checks: str, hiding: bool) -> set[str]:
    """Do all damages to an environment, or those that hide others, and return what finds them."""
    table = {**damages.OF_DISTRIBUTIONS}
    table |= damages.OF_VENV if lab.case and lab.case.layer == "pip" else damages.OF_CONDA
    wanted = set()
    for damage in table.values():
        if damage.repaired and damage.check in checks and (damage.check == _HIDING) is hiding:
            try:
                damage.do(lab)
            except (ValueError, FileNotFoundError):  # another one took it away
                continue
            wanted.add(damage.check)
    return wanted


def _fails_and_changes_nothing(lab: Lab) -> None:
    """Let the last step fail, when conda's packages are linked already."""
    before = tree(lab.prefix)
    empty = {"MLOPS_LAB_INDEX_URL": DEAD, "UV_CACHE_DIR": str(lab.home / ".cache/empty")}
    assert lab("check.fix", env=empty).error()["code"] == "no_answer"
    assert tree(lab.prefix) == before
    assert not lab.records()


@pytest.mark.parametrize("case", [MANAGERS[0], *LAYERS[1:]], ids=str)
def test_all_damages_at_once(new_lab: Callable[[Case], Lab], case: Case) -> None:
    lab = new_lab(case)
    damages.make(lab)
    versions = lab.installed()
    checks = [check for check, fix in registry.fixes().items() if fix is Fix.REPAIR]
    for hiding in (False, True) if case.layer == "conda" else (False,):
        wanted = _damaged(lab, *checks, hiding=hiding)
        assert wanted
        found = lab("check.all")
        assert found.ids("fail") | found.ids("warn") >= wanted
        if case.manager == "uv" and not hiding:
            _fails_and_changes_nothing(lab)
        fixed = lab.ok("check.fix")
        assert wanted <= {*fixed.data["fixed"]}
        assert lab.installed() == versions
        sound = lab.ok("check.all", "--strict")
        assert not sound.ids("warn")
    assert lab.ok("check.imports").ids("pass") == {"imports.modules"}
    shutil.rmtree(lab.home)


#: what no hash tells, and what the check says of it
UNIMPORTABLE = {
    "lacking": ("import nowhere_at_all", "ModuleNotFoundError: No module named 'nowhere_at_all'"),
    "crashing": ("import os; os.kill(os.getpid(), 11)", "ended Python with signal 11"),
    "leaving": ("import os; os._exit(3)", "ended Python with exit code 3"),
    "whole": ("x = 1", ""),
}


def test_an_import_that_fails(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    lab.ok("setup")
    for name, (text, _) in UNIMPORTABLE.items():
        made = wheel(lab.home, name, {f"{name}.py": f"{text}\n", "tests/__init__.py": "1 / 0\n"})
        uv(lab, "install", "--no-deps", str(lab.home / made))
    assert "imports.modules" not in {one["id"] for one in lab("check.all").results}
    found = lab("check.all", "--select", "imports")
    assert found.code == 1
    told = {one["detail"].partition(":")[0]: one for one in found.results}
    assert {*told} == UNIMPORTABLE.keys() - {"whole"}
    assert all(said in told[name]["detail"] for name, (_, said) in UNIMPORTABLE.items() if said)
    shown = lab.run([PYTHON, str(ENTRY), *told["lacking"]["remedy_argv"][3:]])
    assert UNIMPORTABLE["lacking"][1] in shown.stderr
    shutil.rmtree(lab.home / ".local/state/mlops-lab")
    answer = lab("check.all", "--select", "imports.modules")
    assert (answer.code, answer.ids("skip")) == (0, {"imports.modules"})
    shutil.rmtree(lab.home)
