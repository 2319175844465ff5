"""One setting leads pip, uv, Poetry and conda to a mirror with a login, which logs requests."""

from __future__ import annotations

import base64
from typing import TYPE_CHECKING

import pytest

from tests.faults.loopback import SECRET, USER, serving
from tests.lab import CONDA_YML, PYPROJECT, SAMPLE, Case

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab import Lab

pytestmark = pytest.mark.processes

_CACHES = ("UV_CACHE_DIR", "POETRY_CACHE_DIR", "RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS")


#: with --seed uv brings pip into a venv; Poetry installs through no other
_PROGRAMS = {"pip": {"uv", "pip"}, "rattler": {"py-rattler", "uv"}, "conda": {"conda", "uv"}}


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_one_mirror_for_all_tools(
    case: Case, new_lab: Callable[[Case], Lab], wheels: Path, request: pytest.FixtureRequest
) -> None:
    lab = new_lab(case)
    channel = request.getfixturevalue("channel") if case.layer == "conda" else None
    lab.env |= {name: str(lab.home / "caches" / name.lower()) for name in _CACHES}
    lab.env |= dict.fromkeys(
        ("MLOPS_LAB_INDEX_URL", "PIP_INDEX_URL", "PIP_FIND_LINKS", "PIP_EXTRA_INDEX_URL"), ""
    )
    lab.env["PIP_CONFIG_FILE"] = "/dev/null"
    (lab.home / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {SECRET}\n")
    with serving(wheels, channel) as shop:
        shop.closed = True
        setting = f'[tool.mlops-lab.mirror]\nindex = "{shop.url}/simple"\nchannel = "{shop.url}"\n'
        lab.write("pyproject.toml", f"{PYPROJECT}\n{setting}")
        if channel:
            (lab.home / ".condarc").write_text("channels: [conda-forge]\nsolver: classic\n")
            lab.write("conda.yml", f"{CONDA_YML}  - pip:\n      - six\n")
        answers = [lab.ok("setup")]
        if case.layer == "pip":
            answers.append(
                lab.ok("env.run", "--", "python", "-m", "pip", "install", "--no-cache-dir", "toolz")
            )
    assert {program for program, _ in shop.served} == {
        case.manager,
        *_PROGRAMS[case.engine or "pip"],
    }
    assert {place for _, place in shop.served} == {"wheels", *(["conda-forge"] if channel else [])}
    assert lab.installed()["iniconfig"] == "2.0.0"  # elsewhere there are newer ones
    # as the README says
    assert (shop.bare in lab.lock.read_text("utf-8")) == (case.manager == "uv")
    secrets = [SECRET, base64.b64encode(f"{USER}:{SECRET}".encode()).decode()]
    for secret in secrets:
        assert not [answer for answer in answers if secret in answer.stdout + answer.stderr]
        files = [path for path in lab.home.rglob("*") if path.is_file() and not path.is_symlink()]
        assert {path.name for path in files if secret.encode() in path.read_bytes()} <= {".netrc"}
