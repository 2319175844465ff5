"""Proofs beside each other: verdicts, differences, badges, and what is chosen of the matrix."""

from __future__ import annotations

import json
import shutil
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import LabError
from tasks_lib.proof import cell, matrix, overview, page
from tasks_lib.proof.cell import Cell
from tasks_lib.results import Status
from tasks_lib.tools import executables
from tests.cases import cases
from tests.proofs import failed, package, proof, write
from tests.steps import outcome

if TYPE_CHECKING:
    from tests.conftest import MakeProject

CONDA = "name: demo\nchannels: [conda-forge]\ndependencies: [python, pip]\n"


def test_packages_are_told_apart_by_version_by_owner_and_by_being_there(tmp_path: Path) -> None:
    conda = [
        package("click", "8.1", "lock"),
        package("pip", "26.3", "conda"),
        package("python", "3.11.7", "conda"),
    ]
    other = [
        package("click", "8.2", "lock"),
        package("pip", "26.3", "stray"),
        package("same", "1", "lock"),
    ]
    found = cell.read(
        write(
            tmp_path,
            proof("conda_uv", "rattler", installed=[*conda, package("same", "1", "lock")]),
            proof(installed=other),
            proof(python="3.12.1", installed=other),
        )
    )
    differing = overview.packages(found)
    assert list(differing.columns) == [
        "package",
        "conda_uv rattler 3.11",
        "pip_uv uv 3.11",
        "pip_uv uv 3.12",
    ]
    assert list(differing.rows) == [
        ("click", "8.1 (lock)", "8.2 (lock)", "8.2 (lock)"),
        ("pip", "26.3 (conda)", "26.3 (seed)", "26.3 (seed)"),
        ("python", "3.11.7 (conda)", "—", "—"),
    ]


def test_two_proofs_of_one_cell_stand_beside_each_other_and_so_do_two_systems(
    tmp_path: Path,
) -> None:
    assert [one.label for one in cell.read(write(tmp_path, proof(), proof(seconds=6.0)))] == [
        "pip_uv uv 3.11",
        "pip_uv uv 3.11 #2",
    ]
    mac = {**proof()["platform"], "system": "Darwin"}
    found = cell.ordered(cell.read(write(tmp_path, proof(), proof(platform=mac))))
    assert [one.label for one in found] == [
        "pip_uv uv 3.11 Darwin x86_64",
        "pip_uv uv 3.11 Linux x86_64",
    ]
    assert "| pip\\_uv | uv | Darwin x86\\_64 | ✅ pass, 5.0 s |" in page.summary(found)


def test_the_worst_verdict_and_every_reason_reach_the_summary_and_the_badge(tmp_path: Path) -> None:
    hostile = "</text><script>evil</script> | @all"
    found = [
        *cell.read(write(tmp_path, proof(), proof("pip_poetry", verdict=failed(hostile)))),
        Cell("conda_uv", "rattler", "3.12", problem="it was killed"),
    ]
    assert page.verdict(found) is Status.ERROR
    text = page.summary(found)
    assert "💥 mlops-lab proofs: 1 of 3 pass" in text
    assert "| ❌ fail, 5.0 s |  |" in text
    assert "it was killed" in text
    assert "<script" not in text
    assert "@all" not in text
    drawn = ET.fromstring(page.badge(found, hostile))  # noqa: S314 - our own
    assert drawn.findtext("{http://www.w3.org/2000/svg}title") == f"{hostile}: 1 of 3 pass"


@cases(
    "text, said",
    {
        "broken": ("{", "not a JSON"),
        "other": ('{"schema": "other"}', "not a JSON"),
        "schema": (json.dumps(proof(seconds="5")), "does not match"),
    },
)
def test_a_file_that_is_no_proof_is_refused_and_named(text: str, said: str, tmp_path: Path) -> None:
    (tmp_path / "a.json").write_text(text)
    with pytest.raises(LabError, match=said) as caught:
        cell.read([tmp_path / "a.json"])
    assert caught.value.file == str(tmp_path / "a.json")
    assert caught.value.exit_code == 2


def test_a_proof_that_was_changed_afterwards_is_no_pass(tmp_path: Path) -> None:
    (found,) = cell.read(write(tmp_path, {**proof(), "seconds": 1.0}))
    assert found.status is Status.ERROR
    assert "changed after it was made" in overview.reasons([found]).rows[0][-1]


def test_a_cell_is_what_its_proof_says_and_a_pass_needs_both(tmp_path: Path) -> None:
    wanted, file = Cell("pip_uv", "uv", "3.11"), write(tmp_path, proof())[0]

    def said(code: int, stdout: str = "") -> tuple[Status, str]:
        _, result = matrix.judged(wanted, file, outcome(code, stdout, "boom"))
        return result.status, result.detail

    assert said(0)[0] is Status.PASS
    assert said(1)[0] is Status.FAIL
    assert said(4)[0] is Status.ERROR
    file.write_text(file.read_text()[:99])
    assert said(-9) == (Status.ERROR, "it ended with exit code -9 and no answer: boom")
    answer = {
        "results": [
            {"status": "pass"},
            {
                "status": "error",
                "title": "no",
                "detail": "index",
                "file": None,
                "remedy": "",
                "remedy_argv": [],
            },
        ]
    }
    assert said(4, json.dumps(answer)) == (Status.ERROR, "no: index")


@pytest.fixture
def machine(monkeypatch: pytest.MonkeyPatch) -> None:
    """Return a machine with mamba and four Pythons, one of which is too old for the project."""
    monkeypatch.setattr(shutil, "which", lambda name: "/x/mamba" if name == "mamba" else None)
    found = [(one, Path("/of", one)) for one in ("3.12.9", "3.12.1", "3.11.7", "3.10.13")]
    monkeypatch.setattr(executables, "pythons", lambda: found)


@pytest.mark.usefixtures("machine")
def test_the_matrix_is_every_combo_engine_and_python(project: MakeProject) -> None:
    found, left_out = matrix.chosen(project(conda=CONDA), matrix.Choice())
    assert left_out == []
    assert {(one.combo, one.engine) for one in found} == {
        *(
            (f"conda_{manager}", engine)
            for manager in ("poetry", "uv")
            for engine in ("mamba", "rattler")
        ),
        *((f"pip_{manager}", "uv") for manager in ("poetry", "uv")),
    }
    assert {one.python for one in found} == {"3.11", "3.12"}
    assert len(found) == 12
    chosen, _ = matrix.chosen(
        project(conda=CONDA), matrix.Choice(("conda_uv", "pip_uv"), ("rattler",))
    )
    assert {(one.combo, one.engine) for one in chosen} == {
        ("conda_uv", "rattler"),
        ("pip_uv", "uv"),
    }


@pytest.mark.usefixtures("machine")
def test_a_combo_without_its_manifest_is_left_out_and_says_so(project: MakeProject) -> None:
    found, left_out = matrix.chosen(project(), matrix.Choice())
    assert {one.combo for one in found} == {"pip_poetry", "pip_uv"}
    assert {one.id: one.status for one in left_out} == dict.fromkeys(
        ("proof.conda_poetry", "proof.conda_uv"), Status.SKIP
    )


@pytest.mark.usefixtures("machine")
@cases(
    "choice, code, said",
    {
        "combo": (matrix.Choice(combos=("nix_uv",)), 2, "no combo 'nix_uv'"),
        "engine-missing": (matrix.Choice(engines=("conda",)), 3, "conda is not on PATH"),
        "engine": (matrix.Choice(engines=("guix",)), 2, "no engine 'guix'"),
    },
)
def test_a_choice_that_cannot_be_is_refused(
    choice: matrix.Choice, code: int, said: str, project: MakeProject
) -> None:
    with pytest.raises(LabError, match=said) as caught:
        matrix.chosen(project(conda=CONDA), choice)
    assert caught.value.exit_code == code


@pytest.mark.parametrize("asked", ["0", "-1", "many", "1.5"])
def test_a_wrong_number_of_jobs_is_refused(asked: str) -> None:
    with pytest.raises(LabError, match="--jobs must be a number"):
        matrix.room(asked, 4)


def test_no_more_jobs_than_cells() -> None:
    assert matrix.room("8", 3) == 3
    assert 1 <= matrix.room("", 100) <= 100
