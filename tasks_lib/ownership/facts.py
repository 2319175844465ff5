"""The facts that checks, graph and workflows share: what is installed, owned, locked and declared, each read once in a run."""

from __future__ import annotations

import contextlib
from functools import cached_property
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.environments import conda_health, site_packages
from tasks_lib.environments.base import State
from tasks_lib.errors import LabError
from tasks_lib.ownership.owners import Owner, owner_of

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from packaging.requirements import Requirement

    from tasks_lib.environments.conda_health import Owned
    from tasks_lib.environments.site_packages import Distribution
    from tasks_lib.project.conda_file import CondaFile
    from tasks_lib.project.workspace import Member
    from tasks_lib.session.session import Session


class Facts:
    """What is installed, owned, locked and declared. Not made for use by two threads at once."""

    def __init__(self, session: Session, prefix: Path | None = None) -> None:
        """Keep the session, and the environment's `prefix` where it is not the session's own.

        Nothing is read before it is asked for.
        """
        self._given_prefix = prefix
        self.session = session
        self.project = session.project

    @cached_property
    def prefix(self) -> Path | None:
        """Give the environment's folder where it is usable; `doctor` reports where it is not."""
        if self._given_prefix is not None:
            return self._given_prefix
        environment = self.session.environment
        try:
            return environment.prefix if environment.state() is State.PRESENT else None
        except LabError:
            return None

    @property
    def owns(self) -> bool:
        """Tell whether conda has packages in the environment."""
        return self.prefix is not None and (self.prefix / "conda-meta").is_dir()

    @property
    def conda_layer(self) -> bool:
        """Tell whether this run's environment is conda's."""
        return self.session.environment.owns_packages

    @cached_property
    def distributions(self) -> tuple[Distribution, ...]:
        """Give every distribution of the environment; what an uninstallation left of a record is none."""
        return (
            tuple(one for one in site_packages.distributions(self.prefix) if one.version)
            if self.prefix
            else ()
        )

    @cached_property
    def installed(self) -> dict[str, str]:
        """Give normalised names and versions of what is installed."""
        return {found.name: found.version for found in self.distributions}

    @cached_property
    def conda(self) -> dict[str, dict[str, Any]]:
        """Give conda's records; a damaged one is an error, which `doctor` reports too."""
        return conda_health.packages(self.prefix) if self.prefix and self.owns else {}

    @cached_property
    def owned(self) -> dict[str, Owned]:
        """Give the distributions that conda owns by file."""
        return conda_health.owned(self.prefix, self.conda) if self.prefix else {}

    def owner(self, one: Distribution) -> Owner:
        """Return who owns a distribution."""
        return owner_of(one, owned=self.owned, locked=self.locked, project=self.own_name)

    @cached_property
    def locked(self) -> dict[str, set[str]]:
        """Give what the manager's lock pins."""
        return self.session.manager.locked()

    @cached_property
    def conda_file(self) -> CondaFile | None:
        """Give the conda file, nothing where there is none or it cannot be read, which `config` reports."""
        try:
            return self.project.conda_file if self.project.conda_path else None
        except LabError:
            return None

    @property
    def own_name(self) -> str:
        """Give the project's own normalised name."""
        return canonicalize_name(self.project.pyproject.name)

    @cached_property
    def python(self) -> str:
        """Give the version of the environment's Python, as far as its folders tell."""
        version = conda_health.python_version(self.prefix) if self.prefix else ""
        site = site_packages.site_packages(self.prefix) if self.prefix and not version else None
        return site.parent.name.removeprefix("python") if site else version

    @cached_property
    def members(self) -> tuple[Member, ...]:
        """Give the members of the project; where one cannot be read, the manager says so."""
        try:
            return tuple(self.session.manager.members().values())
        except LabError:
            return ()

    def declared(self, member: Member | None = None) -> Iterator[tuple[str, Requirement]]:
        """Give each requirement of a `pyproject.toml` with its group (empty: the project's own dependencies)."""
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 0.03 s

        table = (member or self.project).pyproject.table
        lists = {"": table("project").get("dependencies", []), **table("dependency-groups")}
        every = [
            (group, entry) for group, one in lists.items() if isinstance(one, list) for entry in one
        ]
        for group, name, wanted in self.in_poetry(member):
            if not isinstance(wanted, (dict, list)):  # these may be for other platforms
                every.append((group, name))
        for group, entry in every:
            with contextlib.suppress(InvalidRequirement, TypeError):  # `config` reports it
                yield group, Requirement(entry)

    def in_poetry(self, member: Member | None = None) -> Iterator[tuple[str, str, object]]:
        """Give the dependencies in Poetry's own tables, but for the Python: group, name, and what is wanted of it."""
        table = (member or self.project).pyproject.table
        for group in ("", *table("tool", "poetry", "group")):
            place = ("group", group) if group else ()
            for name, wanted in table("tool", "poetry", *place, "dependencies").items():
                if name != "python":
                    yield group, name, wanted

    def asked(
        self, requirements: Iterable[Requirement | str], extra: str = ""
    ) -> Iterator[tuple[str, str]]:
        """Give the names that are asked for on this platform and Python by one who has `extra`, with each extra."""
        from packaging.requirements import InvalidRequirement, Requirement  # noqa: PLC0415 - 0.03 s

        short = ".".join(self.python.split(".")[:2])
        here = {"python_version": short, "python_full_version": self.python, "extra": extra}
        for one in requirements:
            with contextlib.suppress(InvalidRequirement):  # `doctor` looks at the records
                wanted = Requirement(str(one))
                if wanted.marker is None or wanted.marker.evaluate(here):
                    name = canonicalize_name(wanted.name)
                    yield from (
                        (name, more) for more in ("", *map(canonicalize_name, wanted.extras))
                    )
