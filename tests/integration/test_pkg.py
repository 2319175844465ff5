"""Build with each manager, publish to a pypiserver with a password, and install from there."""

from __future__ import annotations

import base64
import contextlib
import hashlib
import shutil
import socket
import subprocess
import sys
import tarfile
import time
import zipfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.integration.test_hybrid_checks import interrupted
from tests.integration.test_members import BETA, workspace
from tests.integration.test_remedies import mended
from tests.lab import ENTRY, PYPROJECT, PYTHON, SAMPLE, Case, untouched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.lab import Answer, Lab

pytestmark = pytest.mark.processes

USER, SECRET = "ada", "s3cr3t-w0rd"
_PATIENCE = 30


@dataclass(frozen=True)
class Server:
    """A pypiserver: its address, and the folder of what was published."""

    url: str
    folder: Path


@pytest.fixture
def server(tmp_path: Path) -> Iterator[Server]:
    """Run a pypiserver on a free port that takes uploads for one password."""
    served, passwords = tmp_path / "served", tmp_path / "htpasswd"
    served.mkdir()
    digest = base64.b64encode(
        hashlib.sha1(SECRET.encode(), usedforsecurity=False).digest()
    ).decode()
    passwords.write_text(f"{USER}:{{SHA}}{digest}\n")  # as Apache's htpasswd -s writes it
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port = probe.getsockname()[1]
    program = str(Path(sys.executable).with_name("pypi-server"))
    argv = [
        program,
        "run",
        "-i",
        "127.0.0.1",
        "-p",
        str(port),
        "-P",
        str(passwords),
        "-a",
        "update",
    ]
    with subprocess.Popen(
        [*argv, "--disable-fallback", str(served)], stderr=subprocess.DEVNULL
    ) as child:
        try:
            _wait(port)
            yield Server(f"http://127.0.0.1:{port}/", served)
        finally:
            child.terminate()


def _wait(port: int) -> None:
    end = time.monotonic() + _PATIENCE
    while time.monotonic() < end:
        with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", port)):
            return
        time.sleep(0.05)
    raise TimeoutError(port)


def _silent(lab: Lab, *answers: Answer) -> None:
    """Find the password in no answer and in no file."""
    for answer in answers:
        assert SECRET not in answer.stdout + answer.stderr
    files = [path for path in lab.home.rglob("*") if path.is_file() and not path.is_symlink()]
    assert [path for path in files if SECRET.encode() in path.read_bytes()] == []


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_build_publish_install(case: Case, new_lab: Callable[[Case], Lab], server: Server) -> None:
    lab = workspace(new_lab(case))
    one = ("--package", "tiny-beta")
    assert "no package" in lab("pkg.build").error()["title"]
    lab.write("dist/old-1.0.tar.gz", "old")
    with untouched(lab):
        lab.ok("pkg.build", *one, "--dry-run")
    words = lab("pkg.publish", *one, "--index", server.url).error()["remedy_argv"]
    assert words[-2:] == list(one)
    built = lab.run([PYTHON, str(ENTRY), *words[3:], "--json"])
    dist = lab.project / "dist"
    rows = {row["file"]: row for row in built.data["files"]}
    assert set(rows) == {"tiny_beta-0.2.0-py3-none-any.whl", "tiny_beta-0.2.0.tar.gz"}
    assert {path.name for path in dist.iterdir()} == {*rows, "old-1.0.tar.gz"}
    for name, row in rows.items():
        data = (dist / name).read_bytes()
        assert (row["size"], row["sha256"]) == (len(data), hashlib.sha256(data).hexdigest())
    with zipfile.ZipFile(dist / "tiny_beta-0.2.0-py3-none-any.whl") as wheel:
        assert "tiny_beta/__init__.py" in wheel.namelist()
    with tarfile.open(dist / "tiny_beta-0.2.0.tar.gz") as archive:
        assert [name for name in archive.getnames() if ".mlops-lab" in name] == []

    to = ("--index", server.url)
    answers = [lab("pkg.publish", *one)]
    assert answers[0].code == 2  # never to an index that was not named
    lab.env |= {"MLOPS_LAB_PUBLISH_USERNAME": USER, "MLOPS_LAB_PUBLISH_PASSWORD": SECRET}
    if case.layer == "pip":  # the environment has no part in it
        answers.append(
            lab("pkg.publish", *one, *to, env={"MLOPS_LAB_PUBLISH_PASSWORD": f"no-{SECRET}"})
        )
        assert (answers[-1].code, answers[-1].error()["title"]) == (4, "login refused")
    with untouched(lab):
        shown = lab("pkg.publish", *one, *to, "--dry-run", json=False)
    assert f"{case.manager} publish" in shown.stdout
    assert list(server.folder.iterdir()) == []
    answers += [shown, lab.ok("pkg.publish", *one, *to)]
    for name in rows:
        assert (server.folder / name).read_bytes() == (dist / name).read_bytes()
    if case.layer == "pip":
        answers.append(lab("pkg.publish", *one, *to))
        assert (answers[-1].code, answers[-1].error()["title"]) == (2, "version exists")
    _silent(lab, *answers)


def test_a_build_after_a_run_that_was_cut_short(new_lab: Callable[[Case], Lab]) -> None:
    lab = workspace(new_lab(Case("pip_uv")))
    lab.ok("setup")
    with interrupted(lab):
        task = "pkg.build --package tiny-beta --dry-run"
        mended(lab, task, "project_changing", "setup")
    shutil.rmtree(lab.home)


@pytest.mark.parametrize("case", SAMPLE[:2], ids=str)
def test_what_was_published_is_installed(
    case: Case, new_lab: Callable[[Case], Lab], server: Server
) -> None:
    lab = workspace(new_lab(case))
    lab.ok("pkg.build", "--package", "tiny-beta", "--dist", str(server.folder))
    other = new_lab(case)
    other.write(
        "pyproject.toml",
        PYPROJECT.replace('"click-default-group>=1.2"', "").replace('"iniconfig>=2"', ""),
    )
    other.ok("setup")
    other.env["MLOPS_LAB_INDEX_URL"] = f"{server.url}simple/"
    other.ok("deps.add", "tiny-beta")
    assert other.installed()["tiny-beta"] == "0.2.0"
    other.imports("tiny_beta")


@pytest.mark.parametrize("case", SAMPLE[:2], ids=str)
def test_a_build_that_fails_leaves_the_old_files(
    case: Case, new_lab: Callable[[Case], Lab]
) -> None:
    lab = workspace(new_lab(case))
    lab.write("dist/tiny_beta-0.2.0.tar.gz", "old")
    text = (lab.project / BETA).read_text("utf-8")
    lab.write(
        BETA,
        text.replace(
            'requires = ["poetry-core>=2"]\nbuild-backend = "poetry.core.masonry.api"', BROKEN
        ),
    )
    lab.write("packages/beta/backend.py", BACKEND)
    with untouched(lab):
        failed = lab("pkg.build", "--package", "tiny-beta")
        assert failed.code == 4, failed
        lab.env["WRONG_NAME"] = "1"
        failed = lab("pkg.build", "--package", "tiny-beta")
        assert (failed.code, failed.results[0]["title"]) == (1, "invalid metadata")


BROKEN = 'requires = []\nbuild-backend = "backend"\nbackend-path = ["."]'
#: makes a source distribution, and then either nothing or a wheel of another name
BACKEND = """\
import os, tarfile, zipfile

def build_sdist(folder, settings=None):
    name = "tiny_beta-0.2.0"
    with tarfile.open(os.path.join(folder, f"{name}.tar.gz"), "w:gz") as archive:
        for file in ("pyproject.toml", "backend.py"):
            archive.add(file, f"{name}/{file}")
    return f"{name}.tar.gz"

def build_wheel(folder, settings=None, metadata=None):
    name = "tiny_beta-0.2.0-py3-none-any.whl"
    with zipfile.ZipFile(os.path.join(folder, name), "w") as archive:
        archive.writestr("tiny_beta-0.2.0.dist-info/METADATA", "Name: other\\nVersion: 0.2.0\\n")
    assert os.environ.get("WRONG_NAME"), "no wheel today"
    return name
"""
