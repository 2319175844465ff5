"""What a conda spec means to a Python package manager, and which ranges overlap."""

from __future__ import annotations

import pytest
from packaging.specifiers import SpecifierSet

from tasks_lib.project.version_ranges import conda_specifiers, overlap


@pytest.mark.parametrize(
    ("spec", "expected"),
    [
        ("python", None),
        ("python=*", None),
        ("python[version='>=3.12']", None),
        ("python=3.12", ["==3.12.*"]),
        ("python==3.12", ["==3.12"]),
        ("python 3.12.1 h1_0_cpython", ["==3.12.1.*"]),
        ("python=3.12.*=*_cpython", ["==3.12.*"]),
        ("python!=3.12.*,>=3.12", ["!=3.12.*,>=3.12"]),
        ("conda-forge::python >=3.9, <3.11", [">=3.9,<3.11"]),
        ("python=3.9|3.12", ["==3.9.*", "==3.12.*"]),
    ],
)
def test_conda_spec(spec: str, expected: list[str] | None) -> None:
    wanted = None if expected is None else [SpecifierSet(text) for text in expected]
    assert conda_specifiers(spec) == wanted


@pytest.mark.parametrize(
    ("first", "second", "expected"),
    [
        ("<3.10", ">=3.10", False),
        ("<=3.10", ">=3.10", True),
        ("==3.12.*", ">=3.11", True),
        ("==3.10.*", "!=3.10.*", False),
        ("==3.11.4", ">=3.11.5", False),
        ("===3.11.4", ">=3.11.5", False),
        ("===3.11.4", ">=3.11", True),
        ("", "==2.7.*", True),
    ],
)
def test_overlap(first: str, second: str, expected: bool) -> None:
    assert overlap(SpecifierSet(first), SpecifierSet(second)) is expected
