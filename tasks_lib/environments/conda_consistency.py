"""Whether conda's packages go together, with this machine, and with the environment's pins."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.environments import health_checks
from tasks_lib.environments.distribution_health import listed
from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence
    from pathlib import Path

    import rattler

    from tasks_lib.results import Check, Result

    _Named = Mapping[str, Sequence[rattler.PackageRecord]]

#: Each platform has its own of these; a machine without one is of another kind. Any other that is
#: not found may be a plugin's.
_TELLING = {"__unix", "__linux", "__win", "__osx", "__glibc", "__cuda"}
#: what CONDA_OVERRIDE_* often names for another machine, or a solver on a similar one chose
_OF_OTHERS = {"__cuda", "__archspec"}


def machine() -> list[rattler.PackageRecord]:
    """Return what the solver assumes of this machine (`__cuda`, `__glibc`) and CONDA_OVERRIDE_*."""
    import rattler  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay
    from rattler.exceptions import DetectVirtualPackageError  # noqa: PLC0415 - as above

    found = []
    try:
        detected = rattler.VirtualPackage.detect(rattler.VirtualPackageOverrides.from_env())
    except DetectVirtualPackageError as error:
        text = f"A variable CONDA_OVERRIDE_… has no version: {error}."
        remedy = Remedy("Correct or unset it")
        raise LabError(text, ErrorCode.INVALID_OPTION, remedy=remedy) from None
    for package in detected:
        one = package.into_generic()
        name, version = one.name.normalized, str(one.version)
        found.append(rattler.PackageRecord(name, version, one.build_string, 0, "noarch"))
    return found


def virtual_packages() -> dict[str, str]:
    """Return the same as a version, and the build where it says more."""
    found = {}
    for one in machine():
        found[one.name.normalized] = f"{one.version}={one.build}".removesuffix("=0")
    return found


def verify(prefix: Path, installed: Sequence[rattler.PrefixRecord]) -> Iterator[Result]:
    """Check each package's `depends` and `constrains`, its platform, and the pins."""
    named: dict[str, list[rattler.PackageRecord]] = defaultdict(list)
    for record in (*installed, *machine()):
        named[record.name.normalized].append(record)
    others, fit, agree = (dict[str, str]() for _ in range(3))
    for name, wanted, text in _unmet(installed, named):
        if wanted in _OF_OTHERS:
            others[name] = text
        elif wanted.startswith("__"):
            fit[name] = text
        else:
            agree[name] = text
    fit |= _of_other_platforms(installed, named)
    yield _few(health_checks.CONSISTENT, "unmet:", agree)
    if fit or not others:
        yield _few(health_checks.MACHINE, "not so here:", fit)
    if others:
        result = _few(health_checks.MACHINE, "not so here:", others)
        yield replace(result, status=Status.WARN)
    yield listed(health_checks.PINNED, list(_broken_pins(prefix, named)), "not met:")


def _few(check: Check, text: str, wrong: Mapping[str, str]) -> Result:
    return listed(check, [one for _, one in sorted(wrong.items())], text, more="more packages")


def _unmet(
    installed: Sequence[rattler.PrefixRecord], named: _Named
) -> Iterator[tuple[str, str, str]]:
    """Yield the name of a package, the name of what it needs, and a sentence."""
    known = _TELLING | named.keys()
    for record in installed:
        name = record.name.normalized
        for text in record.depends:
            spec = _spec(text)
            wanted = spec.name.normalized if spec else ""
            can_tell = not wanted.startswith("__") or wanted in known
            if can_tell and not _is_met(spec, named.get(wanted, ())):
                yield name, wanted, f"{name} needs {text}"
        for text in record.constrains:
            spec = _spec(text)
            wanted = spec.name.normalized if spec else ""
            if wanted in named and not _is_met(spec, named[wanted]):
                yield name, wanted, f"{name} allows only {text}"


def _of_other_platforms(installed: Sequence[rattler.PrefixRecord], named: _Named) -> dict[str, str]:
    """Return the packages that are for another platform than the environment's Python."""
    platforms = {record.subdir for record in named.get("python", ())}
    found = {}
    for record in installed:
        if platforms and record.subdir and record.subdir not in {*platforms, "noarch"}:
            name = record.name.normalized
            found[name] = f"{name} is for {record.subdir}"
    return found


def _spec(text: str) -> rattler.MatchSpec | None:
    import rattler  # noqa: PLC0415 - costs 0.05 s, which only the conda layer should pay
    from rattler.exceptions import InvalidMatchSpecError  # noqa: PLC0415 - the same

    try:
        return rattler.MatchSpec(text)
    except InvalidMatchSpecError:
        return None


def _is_met(spec: rattler.MatchSpec | None, records: Iterable[rattler.PackageRecord]) -> bool:
    return spec is not None and any(map(spec.matches, records))


def _broken_pins(prefix: Path, named: _Named) -> Iterator[str]:
    """Yield what is wrong with each line of `conda-meta/pinned`, if there is one."""
    try:
        text = files.regular_text(prefix / "conda-meta" / "pinned")
    except OSError:
        return
    for line in pins(text):
        spec = _spec(line.rpartition("::")[2])
        if spec is None:
            yield f"{line} (which conda cannot read)"
            continue
        records = named.get(spec.name.normalized, ())
        if not records:
            yield f"{line} (not installed)"
        elif not _is_met(spec, records):
            yield f"{line} ({records[0].version} is installed)"


def pins(text: str) -> list[str]:
    """Return the specs in the text of a `pinned` file, read as conda 26.7.1 reads it.

    Source: `PrefixData.get_pinned_specs` in `conda/core/prefix_data.py`.
    """
    lines = map(str.strip, text.splitlines())
    return [line for line in lines if line and not line.startswith("#")]
