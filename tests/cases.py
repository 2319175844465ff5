"""A table of cases: each row of a test has a name."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from collections.abc import Mapping


def cases(names: str, rows: Mapping[str, object]) -> pytest.MarkDecorator:
    """Run a test once for each row, under the row's name; `names` are those of its parameters."""
    return pytest.mark.parametrize(names, rows.values(), ids=rows)
