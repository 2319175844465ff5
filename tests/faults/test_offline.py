"""Offline, the caches are enough, and nothing asks the network; Poetry cannot, and says so."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.lab import CASES, Case

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.faults.conftest import Counter

_LEAVE_OUT = "Leave out --offline, or unset MLOPS_LAB_OFFLINE"
_CAPABLE = [case for case in CASES if case.manager == "uv"]


@pytest.mark.parametrize("case", _CAPABLE, ids=str)
def test_caches_are_enough(shops: Callable[..., Counter], case: Case) -> None:
    counter = shops(case)
    lab = counter.lab
    lab.ok("setup")
    lab.ok("env.remove")
    counter.shop.requests.clear()
    lab.ok("setup", "--offline")
    assert counter.shop.requests == []
    conda = (("six", "--layer", "conda"),) if case.layer == "conda" else ()
    for words in (("toolz==1.0.0",), *conda):
        missing = lab("deps.add", *words, "--offline")
        assert missing.code == 4, missing
        assert "not in the caches" in missing.error()["detail"]
        assert missing.error()["remedy"] == _LEAVE_OUT
        assert counter.shop.requests == []
    assert "toolz" not in (lab.project / "pyproject.toml").read_text("utf-8")
    assert not conda or "six" not in (lab.project / "conda.yml").read_text("utf-8")
    lab.ok("deps.add", "toolz==1.0.0")
    assert counter.shop.requests  # so it would have been seen
    lab.ok("env.remove")
    counter.clear()
    counter.shop.requests.clear()
    bare = lab("setup", "--offline")
    assert (bare.code, bare.error()["remedy"]) == (
        4,
        _LEAVE_OUT,
    ), bare
    assert counter.shop.requests == []


def test_poetry_says_that_it_cannot(shops: Callable[..., Counter]) -> None:
    counter = shops(Case("pip_poetry"))
    lab = counter.lab
    lab.ok("setup")
    counter.shop.requests.clear()
    assert lab.ok("setup", "--offline").data["note"] == "nothing to do"
    error = lab("deps.add", "toolz==1.0.0", "--offline").error()
    assert "needs the network" in error["detail"]
    assert counter.shop.requests == []
