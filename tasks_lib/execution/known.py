"""Keep what a function says of short texts; strangers wrote them, so both numbers are bounded."""

from __future__ import annotations

import functools
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

    Value = TypeVar("Value")


def known(
    most: int = 1 << 12, longest: int = 1 << 9
) -> Callable[[Callable[[str], Value]], Callable[[str], Value]]:
    """Return a decorator: what is said of the last texts is not to be changed."""

    def keep(read: Callable[[str], Value]) -> Callable[[str], Value]:
        cached = functools.lru_cache(most)(read)
        return lambda text: cached(text) if len(text) <= longest else read(text)

    return keep
