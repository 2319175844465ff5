"""What of an environment has to be installed again."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    from tasks_lib.execution.plan import Step


@dataclass(frozen=True)
class Damage:
    """What `check.fix` installs again.

    - `records` has the record of each damaged distribution that is not the layer's own, and the
      name of its distribution.
    - `steps` are those in which the layer installs what is its own; each needs `env.keep`.
    """

    records: Mapping[Path, str] = field(default_factory=dict)
    steps: Sequence[Step] = ()

    def __bool__(self) -> bool:
        """Return whether there is any."""
        return bool(self.records or self.steps)
