"""The variables by which a user steers a tool: which of them stay, and which a command unsets."""

from __future__ import annotations

import os
from dataclasses import dataclass
from enum import Enum
from fnmatch import fnmatchcase
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

#: values with which a variable asks for nothing
_OFF = {"", "0", "false", "no", "off"}


class Use(Enum):
    """What happens to a variable of the user's when a task starts the tool."""

    KEPT = "stays"
    PERSONAL = "stays; a proof unsets it"
    UNSET = "unset; `leak.variables` reports it"
    DECIDED = "unset: the task decides"
    ENVIRONMENT = "unset, for `env.run`, `env.shell` and `env.activate` too"


@dataclass(frozen=True)
class Row:
    """Variables with one effect; `names` are separated by spaces, and `*` stands for any part."""

    use: Use
    effect: str
    names: str


@dataclass(frozen=True)
class Variables:
    """The variables of one tool, each in one row; `prefix` is how all of their names begin."""

    tool: str
    prefix: str
    rows: tuple[Row, ...]

    def named(self, *uses: Use) -> Iterator[str]:
        """Yield the names, or patterns of names, of all variables that are used so."""
        for row in self.rows:
            if row.use in uses:
                for name in row.names.split():
                    yield f"{self.prefix}{name}"

    def classifies(self, variable: str) -> bool:
        """Return whether a row has this variable."""
        return any(fnmatchcase(variable, name) for name in self.named(*Use))

    def set_in(self, variables: Mapping[str, str], *uses: Use) -> list[str]:
        """Return those of `variables` that are used so."""
        patterns = list(self.named(*uses))
        return [name for name in variables if any(fnmatchcase(name, one) for one in patterns)]

    def unset(self) -> dict[str, str | None]:
        """Return what a command lays over this process's variables before its own."""
        uses = (Use.UNSET, Use.DECIDED, Use.ENVIRONMENT)
        return dict.fromkeys(self.set_in(os.environ, *uses))

    def ignored(self) -> list[str]:
        """Return the variables that ask for something now, and that the tasks ignore."""
        found = self.set_in(os.environ, Use.UNSET)
        return [name for name in found if os.environ[name].lower() not in _OFF]
