"""One setting for all tools: each follows `exclude-newer` and `torch`, or says that it cannot."""

from __future__ import annotations

import base64
import hashlib
import json
import shutil
import zipfile
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import conda_limits
from tests.faults.loopback import serving
from tests.lab import CLI, MANAGERS, Case, Lab, untouched
from tests.lab import PYPROJECT as SAMPLE_PROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

pytestmark = pytest.mark.processes

PYPROJECT = """\
[project]
name = "tiny"
version = "1"
requires-python = ">=3.11"
dependencies = ["tiny-aged"]

[tool.poetry]
package-mode = false
"""
LIMIT = '\n[tool.mlops-lab]\nexclude-newer = "7 days"\n'


def wheel(folder: Path, version: str, name: str = "tiny-aged") -> str:
    """Write a wheel with nothing in it, and return its file's name."""
    about = f"{name.replace('-', '_')}-{version}"
    folder.mkdir(exist_ok=True)
    texts = {
        "METADATA": f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n",
        "WHEEL": "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n",
    }
    record = f"{about}.dist-info/RECORD,,\n"
    with zipfile.ZipFile(folder / f"{about}-py3-none-any.whl", "w") as made:
        for file, text in texts.items():
            digest = base64.urlsafe_b64encode(hashlib.sha256(text.encode()).digest()).decode()
            record += f"{about}.dist-info/{file},sha256={digest.rstrip('=')},{len(text)}\n"
            made.writestr(f"{about}.dist-info/{file}", text)
        made.writestr(f"{about}.dist-info/RECORD", record)
    return f"{about}-py3-none-any.whl"


def use(lab: Lab, url: str, folder: Path) -> None:
    """Take the index of the tests, and caches that know it alone."""
    lab.env["MLOPS_LAB_INDEX_URL"] = f"{url}/simple/"
    lab.env |= {f"{tool}_CACHE_DIR": str(folder / tool) for tool in ("UV", "POETRY")}


@pytest.mark.parametrize("case", MANAGERS, ids=str)
def test_manager_takes_no_younger_release(
    new_lab: Callable[[Case], Lab], tmp_path: Path, case: Case
) -> None:
    lab = new_lab(case)
    lab.write("pyproject.toml", PYPROJECT)
    now = datetime.now(UTC)
    wheels = tmp_path / "wheels"
    with serving(wheels) as shop:
        for version, age in (("1.0", timedelta(days=8)), ("2.0", timedelta(hours=1))):
            shop.uploaded[wheel(wheels, version)] = (now - age).isoformat().replace("+00:00", "Z")
        use(lab, shop.url, tmp_path)
        lab.ok("deps.lock")
        assert 'version = "2.0"' in lab.lock.read_text("utf-8")
        lab.write("pyproject.toml", PYPROJECT + LIMIT)
        lab.lock.unlink()  # Poetry keeps what is locked
        lab.ok("deps.lock")
        assert 'version = "1.0"' in lab.lock.read_text("utf-8")
        assert "lock.fresh" in lab.ok("check.lock").ids("pass")
        rows = lab.ok("explain", "deps.lock").data["commands"]
        shown = [row["command"] for row in rows if row["combo"] == case.combo]
        assert any(" UV_EXCLUDE_NEWER=P7D " in f" {line} " for line in shown) or any(
            "POETRY_SOLVER_MIN_RELEASE_AGE=7 " in line for line in shown
        )


def with_times(channel: Path, to: Path) -> None:
    """Link a channel's packages to a folder, whose lists say that each came long ago."""
    for listed in channel.glob("conda-forge/*/repodata.json"):
        folder = to / "conda-forge" / listed.parent.name
        folder.mkdir(parents=True)
        for path in listed.parent.glob("*.conda"):
            (folder / path.name).symlink_to(path)
        data = json.loads(listed.read_text("utf-8"))
        for one in data["packages.conda"].values():
            one["indexed_timestamp"] = 1_700_000_000_000
        (folder / listed.name).write_text(json.dumps(data), "utf-8")


def test_conda_that_would_ignore_it_is_refused_until_its_packages_are_locked(
    new_lab: Callable[[Case], Lab], channel: Path
) -> None:
    lab = new_lab(Case("conda_uv", CLI))
    with_times(channel, lab.home / "aged")
    lab.env["CONDA_CHANNEL_ALIAS"] = (lab.home / "aged").as_uri()
    lab.write("pyproject.toml", f"{SAMPLE_PROJECT}{LIMIT}")
    if conda_limits.older(lab.conda("--version").stdout, "26.9"):
        refused = lab("env.create", "--dry-run").error()
        assert "takes the newest packages, whatever exclude-newer" in refused["detail"]
        assert {"deps.lock", "--layer", "conda"} < {*refused["remedy_argv"]}
    lab.ok("deps.lock", "--layer", "conda")
    lab.ok("env.create", "--dry-run")
    (limited,) = lab.ok("deps.lock", "--layer", "conda", "--dry-run").data["plan"]
    assert "--exclude-newer=P7D" in limited["argv"]


@pytest.mark.parametrize("case", MANAGERS, ids=str)
def test_torch_comes_from_its_own_index_and_nothing_else_does(
    new_lab: Callable[[Case], Lab], tmp_path: Path, case: Case
) -> None:
    lab = new_lab(case)
    text = PYPROJECT.replace('["tiny-aged"]', '["tiny-aged", "torch"]')
    wheels = tmp_path / "wheels"
    for name, version in (("tiny-aged", "1.0"), ("torch", "2.0"), ("torch", "2.1+cpu")):
        wheel(wheels, version, name)
    wheel(wheels, "2.2+cu126", "torch")
    lab.ok("env.create")  # with the pip of the usual index
    wheel(wheels, "9.0+cpu", "tiny-aged")  # what is in that index counts for torch alone
    with serving(wheels) as shop:
        use(lab, shop.url, tmp_path)
        mirror = f'mirror = {{ pytorch = "{shop.url}/whl" }}\n'
        lab.write("pyproject.toml", f'{text}\n[tool.mlops-lab]\ntorch = "cpu"\n{mirror}')
        lab.ok("setup")
        assert lab.installed()["torch"] == "2.0"
        answer = lab("check.all", "--select", "agreement")
        rows = [one for one in answer.results if one["id"] == "agreement.settings"]
        assert {one["status"] for one in rows} == {"fail"}
        assert "check.fix" in rows[0]["remedy_argv"]
        with untouched(lab):
            lab("check.fix", "--dry-run")
        lab.ok("check.fix")
        installed = lab.installed()
        assert (installed["torch"], installed["tiny-aged"]) == ("2.1+cpu", "1.0")
        assert "agreement.settings" in lab("check.all").ids("pass")
        assert lab.ok("setup").data["note"] == "nothing to do"
        text = (lab.project / "pyproject.toml").read_text("utf-8")
        lab.write("pyproject.toml", text.replace('torch = "cpu"', 'torch = "cu126"'))
        lab.ok("check.fix")
        assert lab.installed()["torch"] == "2.2+cu126"
        lab.ok("deps.remove", "torch")
        lab.ok("deps.add", "torch")
        assert lab.installed()["torch"] == "2.2+cu126"
    shutil.rmtree(lab.home)
