"""What the bench computes from what it has measured."""

from __future__ import annotations

from tests.bench.floor import critical


def test_the_floor_is_the_longest_path_of_calls_that_wait_for_each_other() -> None:
    needs = {
        "env.create": ("env.clear",),  # one that is not in the plan is not waited for
        "deps.lock": (),
        "deps.install": ("env.create", "deps.lock", "guard"),
        "check.compat": ("deps.install",),
    }
    seconds = {"env.create": 3.0, "deps.lock": 1.0, "deps.install": 2.0, "check.compat": 0.5}
    assert critical(seconds, needs) == 5.5
    assert critical({**seconds, "deps.lock": 4.0}, needs) == 6.5
    assert critical({}, {}) == 0
