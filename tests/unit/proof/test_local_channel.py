"""What a channel that is built here is to hold."""

from __future__ import annotations

import pytest

from tasks_lib.proof import local_channel


@pytest.mark.parametrize(
    ("spec", "wanted"),
    [
        ("six", "six"),
        ("six=1.16", "six==1.16.*"),
        ("conda-forge::six 1.16.*", "six==1.16.*"),
        ("six==1.16.0=py_0", "six==1.16.0"),
        ("six ==1.16.0 py_0", "six==1.16.0"),
        ("six >= 1.1, <2", "six<2,>=1.1"),
        ("six 1.15|1.16", "six==1.15.*"),
        ("six=*", "six"),
        ("six[version='>=1']", "six"),
        ("uvicorn[standard]>=0.3", "uvicorn>=0.3"),
    ],
)
def test_a_conda_spec_is_asked_of_pip(spec: str, wanted: str) -> None:
    assert local_channel.requirements([spec, "python>=3.11", "pip"]) == [wanted]
