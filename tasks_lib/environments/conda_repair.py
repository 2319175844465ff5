"""Link the damaged packages of conda's again, and no others."""

from __future__ import annotations

import contextlib
import json
import os
from dataclasses import dataclass, replace
from functools import partial
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.environments import (
    conda_explicit,
    conda_files,
    conda_health,
    distribution_health,
    package_cache,
    setting_aside,
    site_packages,
)
from tasks_lib.environments.conda_platforms import here
from tasks_lib.environments.damage import Damage
from tasks_lib.errors import LabError
from tasks_lib.execution import failures, files, shell_words
from tasks_lib.execution.plan import Step
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.conda_lock import CondaLock

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.environments.conda import Conda
    from tasks_lib.execution.process import Command, Outcome
    from tasks_lib.results import Result

    _Records = Mapping[str, dict[str, Any]]

_SAFE = "each package in the version and build that was there"


def damage(environment: Conda) -> Damage:
    """Return what is damaged of either layer, but for what took the place of conda's packages."""
    prefix = environment.prefix
    sound: dict[str, dict[str, Any]] = {}
    broken: list[Path] = []
    for path in conda_health.paths_of_records(prefix):
        record = conda_health.read(path)
        if record is None:
            broken.append(path)
        else:
            sound[record["name"]] = record
    owned = conda_health.owned(prefix, sound)
    # what a record that cannot be read was of, or one that is gone, is conda's still
    theirs = {*owned, *conda_health.of_conda(prefix)}
    theirs |= {canonicalize_name(path.stem.rsplit("-", 2)[0]) for path in broken}
    theirs |= {canonicalize_name(spec_name(spec)) for spec in environment.file.dependencies}
    records = distribution_health.to_install_again(prefix, theirs)
    names = _damaged(prefix, sound)
    for one in site_packages.distributions(prefix):
        if one.name in owned and one.folder.name != owned[one.name].folder:
            names.discard(owned[one.name].package)
    if not names and not broken:
        return Damage(records)
    return Damage(records, list(_Repair(environment, sound, sorted(names), broken).steps()))


def _damaged(prefix: Path, installed: _Records) -> set[str]:
    """Return the names of the packages whose files are not as they were linked."""
    states = conda_files.wrong(prefix, installed)
    missing = states[conda_files.State.MISSING]
    altered = states[conda_files.State.ALTERED]
    names = {*missing, *altered}
    scripts = conda_files.entry_points(prefix, installed)
    generated = [name for name, is_generated in scripts.items() if is_generated]
    others = scripts.keys() - {*generated}
    strange = set()
    for script, _ in distribution_health.strangers(prefix, generated, others):
        strange.add(f"bin/{script.name}")
    for name, record in installed.items():
        compiled = conda_files.compiled(prefix, {name: record})
        is_left = any(distribution_health.is_left_over(prefix, path) for path in compiled)
        is_strange = not strange.isdisjoint(conda_files.paths(prefix, record))
        if is_left or is_strange or (strange and _is_of_another_place(prefix, record)):
            names.add(name)
    return names


def _is_of_another_place(prefix: Path, record: Mapping[str, Any]) -> bool:
    """Return whether a file does not name the environment, and was written for the one it is in."""
    for item in conda_files.listed(record):
        if item.get("prefix_placeholder"):
            with contextlib.suppress(OSError):
                if os.fsencode(prefix) not in files.regular(prefix / item["_path"]):
                    return True
    return False


@dataclass(frozen=True)
class _Repair:
    """The packages of an environment, by name, and what of them is damaged.

    What a damaged record was of is in its file's name; where from, in the lock or the channels.
    """

    environment: Conda
    installed: _Records
    names: Sequence[str]
    broken: Sequence[Path]

    @property
    def _listed(self) -> Path:
        """Return the file that lists what is linked; it is deleted at the end."""
        return self.environment.prefix.with_name(f".{self.environment.name}.repair.txt")

    @property
    def _cache(self) -> Path:
        """Return the folder for what is fetched again; it is deleted at the end."""
        return self.environment.prefix.with_name(f".{self.environment.name}.packages")

    @property
    def _known(self) -> list[dict[str, Any]]:
        return [self.installed[name] for name in self.names]

    @property
    def _records(self) -> list[Path]:
        """Return the records in `conda-meta` of all that is installed again."""
        names = [f"{_spec(record).replace('=', '-')}.json" for record in self._known]
        return [*(self.environment.marker / name for name in names), *self.broken]

    def steps(self) -> Iterator[Step]:
        """Yield the steps that take out the damaged packages, and link them again."""
        prefix, maker = self.environment.prefix, self.environment.maker
        locked = _locked(self.environment)
        linked: list[Mapping[str, Any]] = []
        specs: list[str] = []
        for one in self._known:
            if "url" in one:
                linked.append(conda_health.public(one))
            else:
                specs.append(_spec(one))
        for path in self.broken:
            if path.stem in locked:
                linked.append(locked[path.stem])
            else:
                name, version, build = path.stem.rsplit("-", 2)
                specs.append(f"{name}={version}={build}")
        specs += self._lost()
        lines = [shell_words.joined(["rm", *map(str, self._records)])]
        if linked:
            lines.append(f"# write {self._listed}")
        yield Step(
            "env.explicit",
            "take out the damaged packages",
            work=partial(self._take_out, linked),
            shown="\n".join(lines),
            needs=("env.keep",),
            safe=_SAFE,
        )
        if linked:
            command = maker.explicit(prefix, self.environment.file, self._listed, new=False)
            yield Step(
                "env.link",
                f"link {', '.join(one['name'] for one in linked)} again",
                self._apart(command),
                reads=self._linked,
                undo=self._clear,
                needs=("env.explicit",),
                safe=_SAFE,
            )
        if specs:
            yield Step(
                "env.repair",
                f"install {', '.join(specs)} again",
                self._apart(maker.install(prefix, self.environment.file, specs)),
                reads=self._linked,
                undo=self._clear,
                needs=("env.explicit", "env.link"),
                safe=_SAFE,
            )

    def _apart(self, command: Command) -> Command:
        """Let a command fetch packages again, unless those in the cache are known to be sound.

        A cache may be that of others, and so it is not changed.
        """
        maker = self.environment.maker
        is_known = not self.broken and all(map(package_cache.is_sound, self._known))
        if is_known or maker.options.offline:
            return command
        return replace(command, env={**command.env, maker.cache: str(self._cache)})

    def _lost(self) -> list[str]:
        """Return what the conda file names and no record is of, where others cannot tell that."""
        if not self.broken:
            return []
        file = self.environment.file
        known = [one for one in self.installed.values() if one.keys() >= conda_health.RECORDED]
        broken = {path.stem.rsplit("-", 2)[0] for path in self.broken}
        lacking = conda_health.unmatched(known, file.dependencies, file.path.name)
        return [spec for spec in lacking if spec_name(spec) not in broken]

    def _take_out(self, linked: Sequence[Mapping[str, Any]]) -> None:
        """Delete the files and the records of the damaged packages, and list what is linked."""
        prefix = self.environment.prefix
        own = {path for one in self._known for path in conda_files.paths(prefix, one)}
        for name, record in self.installed.items():
            if name not in self.names:
                own.difference_update(conda_files.paths(prefix, record))
        for name in own:
            place = prefix / name
            if files.leads_inside(prefix, place.parent):
                place.unlink(missing_ok=True)
        for path in self._records:
            path.unlink(missing_ok=True)
        if self.environment.maker.is_cli:
            conda_explicit.write_list(self._listed, linked)
        else:
            files.write(self._listed, json.dumps({"conda": linked}).encode())

    def _clear(self) -> None:
        """Delete what only this repair needed."""
        self._listed.unlink(missing_ok=True)
        setting_aside.delete(self._cache)

    def _linked(self, outcome: Outcome) -> Iterable[Result]:
        """Expect that the engine ended well.

        Raises:
            LabError: It did not.

        """
        self._clear()
        failures.demand(outcome, title="link the damaged packages again")
        return ()


def _spec(record: Mapping[str, Any]) -> str:
    """Return the specification of one build of a package, as conda and rattler read it."""
    return f"{record['name']}={record['version']}={record['build']}"


def _locked(environment: Conda) -> dict[str, dict[str, Any]]:
    """Return the records of the lock by the names of their files, nothing without a lock."""
    try:
        packages = CondaLock.read(environment.layer_lock.path).of(here()).values()
    except (LabError, OSError):
        return {}
    return {one.dist.replace("=", "-"): one.record() for one in packages}
