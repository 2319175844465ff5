"""The remedies that the program prints, typed in the state that printed them."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.environments.base import State
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.session.journal import Journal
from tests.lab import (
    CONDA_YML,
    ENGINES,
    ENTRY,
    MANAGERS,
    PYTHON,
    VERSION,
    Answer,
    Case,
    Lab,
    tools,
)

if TYPE_CHECKING:
    from collections.abc import Callable

pytestmark = pytest.mark.processes

#: how this program is typed
OURS = ["python3", "-m", "tasks_lib"]
MARKER = "<<<<<<< HEAD\n"
CONDA_UV = Case("conda_uv", "rattler")
#: the manifest's own dependency brings click, and needs another than the channel's
OLDER = 'dependencies = ["click<8.2", "click-default-group>=1.2"]'

POETRYS = """\
[tool.poetry]
package-mode = false

[tool.poetry.dependencies]
python = ">=3.11"
six = "*"
"""


def wrong(lab: Lab, *task: str) -> list[dict[str, Any]]:
    """Return the results of a task that have a remedy; what was skipped, with a command."""
    rows = lab(*task).results
    return [
        row for row in rows if row["remedy_argv"] or (row["remedy"] and row["status"] != "skip")
    ]


def typed(lab: Lab, row: dict[str, Any]) -> Answer:
    """Type a remedy's command; one of another program is typed as it is."""
    words = row["remedy_argv"]
    if words[: len(OURS)] == OURS:
        words = [PYTHON, str(ENTRY), *words[len(OURS) :]]
    answer = lab.run(words)
    assert answer.code == 0, (row, answer)
    return answer


def mended(lab: Lab, task: str, what: str, *argv: str) -> None:
    """Type the remedy of what a task finds, a result or an error, after which it does not."""
    rows = [row for row in wrong(lab, *task.split()) if what in {row["id"], row.get("code")}]
    assert rows[0]["remedy_argv"][-len(argv) :] == list(argv), rows
    typed(lab, rows[0])
    again = [row for row in wrong(lab, *task.split()) if what in {row["id"], row.get("code")}]
    assert again == []


def followed(lab: Lab) -> list[str]:
    """Type the remedy of the first thing that is wrong until nothing is; return their checks."""
    seen: list[str] = []
    while True:
        rows = wrong(lab, "check.all")
        if not rows:
            return seen
        assert rows[0]["id"] not in seen, rows[0]
        typed(lab, rows[0])
        seen.append(rows[0]["id"])


def disagreeing(lab: Lab) -> None:
    """Set up conda's click beside a lock that pins an older one: the guard refuses."""
    lab.write("conda.yml", f"{CONDA_YML}  - click\n")
    text = (lab.project / "pyproject.toml").read_text("utf-8")
    lab.write("pyproject.toml", text.replace('dependencies = ["click-default-group>=1.2"]', OLDER))
    assert lab("setup").code == 5


def replaced(lab: Lab) -> None:
    """Replace conda's click as a user does who does not know better."""
    disagreeing(lab)
    argv = [str(tools() / "uv"), "sync", "--inexact"]
    assert lab.run(argv, env={"UV_PROJECT_ENVIRONMENT": str(lab.prefix)}).code == 0


@pytest.mark.parametrize("case", MANAGERS, ids=str)
def test_a_damaged_lock_is_locked_again(case: Case, new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(case)
    lab.ok("deps.lock")
    with lab.lock.open("a", encoding="utf-8") as stream:
        stream.write(MARKER)
    (row,) = [row for row in wrong(lab, "check.lock") if row["id"] == "lock.fresh"]
    assert row["status"] == "fail"
    typed(lab, row)
    lab.ok("check.lock")
    shutil.rmtree(lab.home)


def test_a_manifest_that_only_the_other_manager_reads(new_lab: Callable[[Case], Lab]) -> None:
    """Of such a manifest, uv 0.13.9 locks and installs nothing, and ends well."""
    lab = new_lab(Case("pip_uv"))
    lab.write("pyproject.toml", POETRYS)
    (row,) = wrong(lab, "setup")
    assert (row["code"], row["detail"]) == (
        "not_supported",
        "There is no [project] table, and uv reads no other.",
    )
    assert [path.name for path in lab.project.iterdir()] == ["pyproject.toml"]
    typed(lab, row)
    assert "six" in lab.installed()
    shutil.rmtree(lab.home)


def test_damage_that_a_user_did_to_a_virtual_environment(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    lab.ok("setup")
    typer = ("install", "--no-deps", "--python", str(lab.python), "typer==0.3.2")
    assert lab.run([str(tools() / "uv"), "pip", *typer]).code == 0
    next(lab.prefix.glob("lib/*/site-packages/click/core.py")).unlink()
    lab.lock.write_text(f"{lab.lock.read_text('utf-8')}{MARKER}", "utf-8")
    assert {"lock.fresh", "doctor.installed-files"} <= {*followed(lab)}
    shutil.rmtree(lab.home)


def test_all_that_is_wrong_where_a_manager_replaced_condas_package_has_one_remedy(
    new_lab: Callable[[Case], Lab],
) -> None:
    lab = new_lab(CONDA_UV)
    replaced(lab)
    rows = wrong(lab, "check.all")
    assert {"doctor.missing-files", "doctor.duplicates", "ownership.clobbered"} <= {
        row["id"] for row in rows
    }
    (argv,) = {tuple(row["remedy_argv"]) for row in rows}
    refused = lab("deps.sync")
    assert tuple(refused.error()["remedy_argv"]) == argv
    typed(lab, rows[0])
    assert wrong(lab, "check.all") == []
    shutil.rmtree(lab.home)


def test_a_lock_that_disagrees_with_conda_is_aligned(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(CONDA_UV)
    disagreeing(lab)
    ids = followed(lab)
    assert ids == ["drift.lock"]
    shutil.rmtree(lab.home)


#: what is typed wrongly, or too early, in this order; the remedy of each ends well
TYPED_WRONGLY = (
    ("deps.export",),
    ("deps.sync",),
    ("docs", "gaurd"),
    ("docs", "nothing"),
    ("check.explain", "lock.frehs"),
    ("explain", "nothing"),
    ("explain", "check.fix"),
    ("check.explain", "nothing"),
    ("check.explain",),
    ("deps.export", "--to", "nothing"),
    ("deps.why", "nothing"),
    ("env.list", "--name", "nothing"),
    ("env.run",),
    ("nonsense",),
    ("help",),
    ("deps.ad", "click"),
    ("deps.add", "--comb", "pip_uv", "click"),
)


def test_what_was_typed_wrongly_has_a_command_that_works(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    for words in TYPED_WRONGLY:
        typed(lab, lab(*words).error())
    shutil.rmtree(lab.home)


def test_a_folder_in_which_nothing_is_read(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    (lab.project / "pyproject.toml").unlink()
    other = lab.write("my-env.yaml", CONDA_YML)
    mended(lab, "init", "nothing_to_adopt", "mv", "--", "my-env.yaml", "environment.yml")
    (lab.project / "environment.yml").unlink()
    (lab.project / "pyproject.toml").unlink()
    assert not other.exists()
    mended(lab, "init", "nothing_to_adopt", "init", "--bare", "--name", "mon-projet")
    shutil.rmtree(lab.home)


def _interrupted(lab: Lab, records: Path) -> None:
    """Leave the record of a run after which somebody changed a manifest."""
    found = Journal(
        "setup", "pip_uv", "", "", str(lab.prefix), State.PRESENT, files={PYPROJECT: True}
    )
    (records / "before").mkdir(parents=True)
    (records / "before" / PYPROJECT).write_text("[project]")
    (records / "journal.json").write_text(found.text())
    os.utime(records / "journal.json", (0, 0))


def test_what_is_in_the_way_of_a_run(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    mended(lab, "check.doctor", "env.exists", "setup")
    old = lab.project / ".mlops-lab"
    old.mkdir()
    mended(lab, "deps.lock", "leftover", "rm", "-r", str(old))
    aside = lab.project / ".mlops-lab-aside-.venv"
    aside.mkdir()
    mended(lab, "setup --recreate", "path_occupied", "mv", str(aside), f"{aside}.old")
    assert lab.run([str(tools() / "uv"), "pip", "uninstall", "iniconfig"]).code == 0
    mended(lab, "check.all --select drift.lock", "drift.lock", "deps.sync")
    lab.write(".python-version", "3.9\n")
    mended(lab, "check.all --select leak.uv", "leak.uv", "python", "pin", VERSION)
    lab.lock.write_text(f"{lab.lock.read_text('utf-8')}{MARKER}", "utf-8")
    mended(lab, "deps.install", "damaged_lock", "deps.lock")
    (note,) = lab.home.glob(".local/state/mlops-lab/checkouts/*/checkout")
    note.with_name("journal.json").write_text("{}")
    mended(lab, "setup", "damaged_journal", "rm", "-r", str(note.parent))
    text = (lab.project / "pyproject.toml").read_text("utf-8")
    _interrupted(lab, note.parent)
    mended(lab, "deps.lock", "recovered", "setup", "--recreate")
    lab.write("pyproject.toml", f'{text}\n[tool.poetry.group.docs.dependencies]\nsix = "*"\n')
    mended(lab, "migrate --to pip_poetry --dry-run", "not_adopted", "init")
    shutil.rmtree(lab.home)


@pytest.mark.parametrize(
    ("line", "task", "what"),
    [
        ("PYTHONPATH=/elsewhere", "check.all --select leak.pythonpath", "leak.pythonpath"),
        ("MLOPS_LAB_TIMEOUT=never", "deps.lock", "invalid_option"),
        ("POETRY_VIRTUALENVS_IN_PROJECT=false", "check.all --select leak.poetry", "leak.poetry"),
        ("UV_PROJECT_ENVIRONMENT=/elsewhere", "check.all --select leak.uv", "leak.uv"),
    ],
)
def test_a_variable_is_unset_in_the_shell_that_has_it(
    new_lab: Callable[[Case], Lab], line: str, task: str, what: str
) -> None:
    lab = new_lab(Case("pip_uv" if "uv" in what else "pip_poetry"))
    variable, _, lab.env[variable] = line.partition("=")
    (row,) = [row for row in wrong(lab, *task.split()) if what in {row["id"], row.get("code")}]
    again = [shlex.join(row["remedy_argv"]), shlex.join(lab.argv(*task.split(), json=True))]
    answer = lab.run(["bash", "-c", " && ".join(again)])
    assert answer.code == 0, answer
    assert [row for row in answer.results if row["id"] == what and row["status"] != "pass"] == []
    shutil.rmtree(lab.home)


def test_an_environment_that_differs_from_its_description(new_lab: Callable[[Case], Lab]) -> None:
    lab = new_lab(Case("pip_uv"))
    lab.ok("setup")
    lab.ok("env.export")
    assert lab.run([str(tools() / "uv"), "pip", "uninstall", "iniconfig"]).code == 0
    mended(lab, "env.create --from mlops-lab.export.json", "env.equal", "env.remove")
    shutil.rmtree(lab.home)


@pytest.mark.parametrize("engine", ENGINES)
def test_a_damaged_package_cache(engine: str, new_lab: Callable[[Case], Lab]) -> None:
    """What is edited in an environment may be the cache's file too, by a hard link."""
    lab = new_lab(Case("conda_uv", engine))
    for name in ("RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS"):
        lab.env[name] = str(lab.home / name)
    lab.ok("setup")
    (record,) = (lab.prefix / "conda-meta").glob("pip-*.json")
    folder = Path(json.loads(record.read_text("utf-8"))["extracted_package_dir"])
    (broken,) = folder.glob("**/pip/__init__.py")

    def damage() -> None:
        text = broken.read_bytes()
        broken.unlink()
        broken.write_bytes(text[: len(text) // 2])

    (installed,) = lab.prefix.glob("lib/*/site-packages/pip/__init__.py")
    damage()
    installed.unlink()
    installed.hardlink_to(broken)
    mended(lab, "check.doctor", "doctor.altered-files", "--recreate")
    damage()
    lab.ok("env.remove")
    (row,) = wrong(lab, "setup")  # conda refuses it, and rattler links it unseen
    assert row["code"] == "hash_mismatch" or row["id"] == "doctor.altered-files"
    typed(lab, row)
    lab.ok("setup")
    assert wrong(lab, "check.doctor") == []
    shutil.rmtree(lab.home)
