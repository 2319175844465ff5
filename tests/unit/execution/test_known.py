"""What strangers wrote is read once, and fills no memory."""

from __future__ import annotations

from tasks_lib.execution.known import known


def test_only_the_last_short_texts_are_kept() -> None:
    read = []

    @known(most=2, longest=3)
    def size(text: str) -> int:
        read.append(text)
        return len(text)

    assert [size(text) for text in ("a", "a", "long", "long", "b", "c", "a")] == [
        1, 1, 4, 4, 1, 1, 1,
    ]  # fmt: skip
    assert read == ["a", "long", "long", "b", "c", "a"]
