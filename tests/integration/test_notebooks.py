"""A real notebook in the kernel of each layer; in all combos with MLOPS_LAB_FAULTS_FULL."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tasks_lib.environments import claims
from tests.integration.conftest import locked
from tests.lab import CASES, ENTRY, PYTHON, Case, Lab, tools, untouched, variables

pytestmark = pytest.mark.processes

FULL = bool(os.environ.get("MLOPS_LAB_FAULTS_FULL"))
SOME = (Case("pip_uv"), Case("conda_uv", "rattler"))
RUN = """
import json, sys
import nbformat
from nbclient import NotebookClient
cell = nbformat.v4.new_code_cell(sys.argv[2])
book = nbformat.v4.new_notebook(cells=[cell])
NotebookClient(book, kernel_name=sys.argv[1], timeout=60).execute()
print("".join(one.get("text", "") for one in cell.outputs))
"""
CELL = """
import json, os, shutil, sys
import click_default_group
names = ("VIRTUAL_ENV", "CONDA_PREFIX", "PYTHONPATH", "OWN", "PRICE")
seen = [sys.prefix, shutil.which("python"), *map(os.environ.get, names)]
print(json.dumps([*seen, any("decoy" in path for path in sys.path)]))
"""


@pytest.fixture(scope="session")
def jupyter(cache: Path) -> Path:
    """Return the Python of an environment with nbclient alone, which is made once."""
    folder = cache / f"nbclient-{sys.version_info[0]}{sys.version_info[1]}"
    uv, env = str(tools() / "uv"), variables(folder)
    with locked(cache / "nbclient.lock"):
        if not (folder / "made").exists():
            for words in (
                ("venv", "--clear", "--python", PYTHON, str(folder)),
                ("pip", "install", "--python", str(folder), "nbclient", "nbformat"),
            ):
                subprocess.run([uv, *words], env=env, check=True, capture_output=True)
            (folder / "made").touch()
    return folder / "bin" / "python"


def _typed(lab: Lab, remedy: list[str]) -> None:
    """Run the command of a remedy as it is."""
    answer = lab.run([PYTHON, str(ENTRY), *remedy[3:]])
    assert answer.code == 0, answer


@pytest.mark.parametrize("fresh", CASES if FULL else SOME, ids=str, indirect=True)
def test_a_notebook_runs_in_the_environment(fresh: Lab, jupyter: Path, tmp_path: Path) -> None:
    """Also where Jupyter runs in an environment of its own, which is active."""
    assert fresh.case is not None
    fresh.ok("env.create")
    refused = fresh("env.kernel")
    assert (refused.code, refused.error()["code"]) == (3, "program_not_found")
    _typed(fresh, refused.error()["remedy_argv"])
    is_conda = fresh.case.layer == "conda"
    script = fresh.prefix / "etc" / "conda" / "activate.d" / "own.sh"
    if is_conda:
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text("echo loud; export OWN=\"$CONDA_PREFIX/x\" PRICE='$5 ${HOME}'\n")
    with untouched(fresh):
        planned = fresh.ok("env.kernel", "--dry-run").data["plan"]
    assert "ipykernel install --user --name tiny-lab" in str(planned)
    made = fresh.ok("env.kernel").data
    decoy = tmp_path / "decoy"
    decoy.mkdir()
    env = {
        "VIRTUAL_ENV": str(jupyter.parents[1]),
        "PYTHONPATH": str(decoy),
        "PATH": f"{jupyter.parent}:{fresh.env['PATH']}",
    }
    ran = fresh.run([str(jupyter), "-c", RUN, "tiny-lab", CELL], env=env)
    assert ran.code == 0, ran
    prefix = str(fresh.prefix)
    own = [prefix, f"{prefix}/x", "$5 ${HOME}"] if is_conda else [None, None, None]
    assert json.loads(ran.stdout) == [
        prefix,
        f"{prefix}/bin/python",
        prefix,
        own[0],
        "",
        *own[1:],
        False,
    ]
    listed = fresh.ok("env.info").data["kernels"]
    assert listed == [{"name": "tiny-lab", **{key: made[key] for key in ("display_name", "file")}}]
    assert fresh.ok("check.kernel").ids("pass") == {"kernel.interpreter"}
    _gone_wrong(fresh, Path(made["file"]))
    assert fresh.ok("env.kernel", "--remove").data["removed"]
    assert fresh.ok("check.kernel").ids("skip") == {"kernel.interpreter"}
    assert not any((fresh.home / ".local/share/jupyter/kernels").iterdir())


def _gone_wrong(lab: Lab, file: Path) -> None:
    """Type the remedy of each thing that may be wrong with a kernel."""

    def found(severity: str, words: str) -> list[str]:
        answer = lab("check.kernel")
        (one,) = (one for one in answer.results if words in one["detail"])
        assert one["status"] == severity, answer
        return list(one["remedy_argv"])

    said = json.loads(file.read_text())
    file.write_text(json.dumps({**said, "argv": [PYTHON]}))
    _typed(lab, found("warn", "is not of this project"))
    assert json.loads(file.read_text()) == said
    old = file.parents[1] / "old" / file.name
    old.parent.mkdir()
    metadata = {"mlops-lab": {"project": str(lab.home / "deleted")}}
    old.write_text(json.dumps({**said, "metadata": metadata}))
    argv = found("warn", "does not exist")
    assert lab.run(argv).code == 0
    assert not old.exists()
    if lab.prefix.is_relative_to(lab.project):
        lab.ok("env.remove")
        _typed(lab, found("fail", "does not exist"))
        lab.ok("check.kernel")
        theirs = file.parents[1] / "theirs" / file.name
        theirs.parent.mkdir()
        theirs.write_text("{}")
        refused = lab("env.kernel", "--name", "Theirs").error()
        assert refused["code"] == "path_occupied"
        _typed(lab, refused["remedy_argv"])
        shutil.rmtree(theirs.parent)
    else:
        other = shutil.copytree(lab.project, lab.home / "other")
        record = {"schema": "mlops-lab-environment/1", "projects": [str(other)]}
        (lab.prefix / claims.RECORD).write_text(json.dumps(record))
        _typed(lab, found("warn", f"was made for {other}"))
        assert not file.exists()
        (lab.prefix / claims.RECORD).unlink()
        lab.ok("env.kernel", "--inside")
