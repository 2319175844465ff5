"""Who owns an installed distribution: conda, the lock, the `pip:` section, or nobody."""

from __future__ import annotations

from enum import StrEnum
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Container, Mapping

    from tasks_lib.environments.base import Owned
    from tasks_lib.environments.site_packages import Distribution


class Owner(StrEnum):
    """The owner of a distribution, as answers and proofs name it."""

    CONDA = "conda"
    LOCK = "lock"
    PIP = "pip"
    STRAY = "stray"


def owner_of(
    distribution: Distribution,
    *,
    owned: Mapping[str, Owned],
    locked: Container[str],
    project: str,
    section: Container[str] = (),
) -> Owner:
    """Return who owns a distribution.

    `owned` is what conda's records list by file, `locked` the names in the manager's lock.
    `project` is the project's own normalised name: the manager installs it with the lock. `section`
    are the names that the conda file's `pip:` section brings.
    """
    record = owned.get(distribution.name)
    if record is not None and record.folder == distribution.folder.name:
        return Owner.CONDA
    if distribution.name in locked or distribution.name == project:
        return Owner.LOCK
    return Owner.PIP if distribution.name in section else Owner.STRAY
