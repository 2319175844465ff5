"""The repositories that the benchmark makes are what it takes them for."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.cohort.examining import Wanted, examine
from tasks_lib.results import Status
from tests.bench import class_of
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tasks_lib.cohort.base import Examined


def _examined(root: Path, combo: str, broken: str = "") -> Examined:
    class_of.write(root, class_of.make(7, combo, class_of.SIZES[0], broken).files)
    return examine(root, "ada", "", Wanted())


@cases("combo", {combo: combo for combo in class_of.COMBOS})
def test_a_sound_repository_passes_every_check(tmp_path: Path, combo: str) -> None:
    found = _examined(tmp_path, combo)
    assert [one for one in found.findings if one.status is not Status.PASS] == []
    assert found.combo == combo


@cases("manager", {"uv": "uv", "Poetry": "poetry"})
@cases("broken", {broken: broken for broken in class_of.BROKEN})
def test_a_broken_repository_fails(tmp_path: Path, broken: str, manager: str) -> None:
    found = _examined(tmp_path, f"pip_{manager}", broken)
    expected = {check for check in [class_of.BROKEN[broken].check] if check}
    failed = {one.check for one in found.with_status(Status.FAIL)}
    assert expected <= failed
    assert failed <= {*expected, "lock.fresh"}  # without a manifest, nor does the lock fit
    assert not found.with_status(Status.ERROR)


def test_a_class_is_the_same_for_a_seed(tmp_path: Path) -> None:
    first = class_of.write_class(tmp_path / "a", 12, (40, 60), seed=1)
    assert class_of.write_class(tmp_path / "b", 12, (40, 60), seed=1) == first
    assert class_of.write_class(tmp_path / "c", 12, (40, 60), seed=2) != first
    assert {one.combo for one in first} == {*class_of.COMBOS}
    assert len([*(tmp_path / "a").iterdir()]) == 12
