"""One setting leads pip, uv, Poetry and conda to a mirror that wants a login: real tools, and its own list of whom it served."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.faults.loopback import SECRET, USER, serving
from tests.lab import CONDA_YML, PYPROJECT, SAMPLE, Case, tree

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab import Lab

pytestmark = pytest.mark.processes

_CACHES = ("UV_CACHE_DIR", "POETRY_CACHE_DIR", "RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS")


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_one_mirror_for_all_tools(
    case: Case, new_lab: Callable[[Case], Lab], wheels: Path, request: pytest.FixtureRequest
) -> None:
    lab = new_lab(case)
    channel = request.getfixturevalue("channel") if case.layer == "conda" else None
    with serving(wheels, channel) as shop:
        shop.closed = True
        settings = f'[tool.mlops-lab.mirror]\nindex = "{shop.url}/simple"\nchannel = "{shop.url}"\n'
        lab.write("pyproject.toml", f"{PYPROJECT}\n{settings}")
        lab.env |= {name: str(lab.home / "caches" / name.lower()) for name in _CACHES}
        lab.env |= {"MLOPS_LAB_INDEX_URL": "", "PIP_CONFIG_FILE": "/dev/null", "PIP_FIND_LINKS": "", "PIP_INDEX_URL": ""}
        (lab.home / ".netrc").write_text(f"machine 127.0.0.1 login {USER} password {SECRET}\n")
        if channel:
            (lab.home / ".condarc").write_text("channels: [conda-forge]\nsolver: classic\n")
            lab.write("conda.yml", f"{CONDA_YML}  - pip:\n      - six\n")
        answers = [lab("setup")]
        print(answers, shop.served, shop.requests[:20])
        answers.append(lab("env.run", "--", "python", "-m", "pip", "install", "--no-cache-dir", "toolz"))
        print(answers[-1], shop.served, shop.requests[-10:])
        assert 0
