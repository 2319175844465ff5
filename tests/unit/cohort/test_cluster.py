"""Hand-ins are given to workers in groups, and a group that fails in single ones."""

from __future__ import annotations

from tasks_lib.cohort.cluster import Group, Queue
from tasks_lib.cohort.cluster_worker import Sent
from tasks_lib.cohort.packing import Parcel
from tests.cases import cases


def _sent(*sizes: int) -> list[Sent]:
    return [Sent(f"s{n}", "", Parcel("a.tar", bytes(size))) for n, size in enumerate(sizes)]


def _ids(group: Group | None) -> list[str]:
    assert group is not None
    return [one.id for one in group.members]


@cases(
    "sizes, expected",
    {
        "nothing": ((), []),
        "small ones": ((1,) * 10, [8, 2]),
        "large ones": ((3 << 20, 2 << 20, 2 << 20, 1), [1, 2, 1]),
        "one larger than a group": ((1, 9 << 20, 1), [1, 1, 1]),
    },
)
def test_a_group_is_bounded_in_number_and_bytes(
    sizes: tuple[int, ...], expected: list[int]
) -> None:
    queue = Queue(_sent(*sizes))
    found = []
    while group := queue.take(idle=True):
        found.append(group)
    assert [len(group.members) for group in found] == expected
    assert [name for group in found for name in _ids(group)] == [f"s{n}" for n in range(len(sizes))]


def test_what_was_in_a_group_that_failed_comes_again_alone_and_at_the_end() -> None:
    queue = Queue(_sent(*[1] * 10))
    first, second = queue.take(idle=True), queue.take(idle=False)
    assert first
    assert second
    assert queue.lost(second) is None  # a worker that died had both
    assert queue.lost(first) is None
    assert queue.take(idle=False) is None  # another group is still with a worker
    found = []
    while group := queue.take(idle=True):
        assert queue.take(idle=False) is None
        assert group.alone
        found += _ids(group)
    assert sorted(found) == [f"s{n}" for n in range(10)]


def test_only_what_was_alone_is_to_blame() -> None:
    (deadly,) = _sent(1)
    queue = Queue([deadly])
    group = queue.take(idle=True)
    assert group
    assert queue.lost(group) is None  # it was the only one of its group, and others had workers too
    again = queue.take(idle=True)
    assert again
    assert queue.lost(again) == deadly
    assert queue.take(idle=True) is None
