"""A home with a project in it, which needs neither conda nor a channel."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import PYPROJECT, Lab, variables

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """Return a lab without a combo: what it takes is what the tests are about."""
    home = tmp_path / "maison é"
    home.mkdir()
    lab = Lab(home, variables(home))
    # no conda of this machine: the tests say what is on PATH
    lab.env["PATH"] = "/usr/bin:/bin"
    lab.write("pyproject.toml", PYPROJECT)
    return lab
