"""Whether the manifests and the locks of the two layers agree with each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

from packaging.utils import canonicalize_name

from tasks_lib.checks.base import Check, Finding, conda_line, listed
from tasks_lib.managers import MANAGERS
from tasks_lib.project.conda_file import PYPI, spec_name
from tasks_lib.project.version_ranges import conda_specifiers, overlap
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tasks_lib.ownership.facts import Facts

#: what either layer may have for itself
_BOTH_MAY = {"python", "pip", "setuptools", "wheel", "uv", "poetry"}
#: other managers' locks, with the file or table that shows somebody using the manager
_LOCKS = {"poetry.lock": "poetry", "uv.lock": "uv", "pdm.lock": "pdm", "Pipfile.lock": "Pipfile"}


def _python(facts: Facts) -> Iterable[Finding]:
    """Report where no version satisfies both; a spec that cannot be read for certain is not reported."""
    from packaging.specifiers import InvalidSpecifier, SpecifierSet  # noqa: PLC0415 - 0.03 s

    spec = facts.conda_file.python if facts.conda_file else None
    choices = conda_specifiers(spec or "")
    try:
        project = SpecifierSet(facts.project.pyproject.requires_python)
    except InvalidSpecifier:
        return  # `config` reports it
    if choices is None or any(overlap(choice, project) for choice in choices):
        return
    text = f"the conda file asks for {spec}, and pyproject.toml requires Python {project}: no version is both."
    yield Finding(text, *conda_line(facts, "python"))


def _both_layers(facts: Facts) -> Iterable[Finding]:
    file = facts.conda_file
    declared: dict[str, set[str]] = {}
    for _, wanted in facts.declared():
        declared.setdefault(canonicalize_name(wanted.name), set()).add(str(wanted.specifier))
    for name in map(spec_name, file.dependencies if file else ()):
        python = PYPI.get(name, canonicalize_name(name))
        owned = facts.conda.get(name, {}).get("version")
        aligned = declared.get(python) == {f"=={owned}"}  # what `deps.align` writes
        if python in declared and python not in _BOTH_MAY and not aligned:
            yield Finding(
                f"{name} is asked for here, and in pyproject.toml too.", *conda_line(facts, name)
            )


def _locks(facts: Facts) -> Iterable[Finding]:
    ours, mine = facts.locked, facts.session.manager
    for other in (made(facts.project) for name, made in MANAGERS.items() if name != mine.name):
        theirs = other.locked()
        differ = [
            f"{name} ({mine.lock_name}: {' or '.join(sorted(ours[name]))}, "
            f"{other.lock_name}: {' or '.join(sorted(theirs[name]))})"
            for name in sorted(ours.keys() & theirs.keys())
            if ours[name] != theirs[name]
        ]
        if differ:
            yield Finding(
                f"the locks pin other versions: {listed(differ)}.",
                other.lock_name,
                count=len(differ),
            )


def _stray_lock(facts: Facts) -> Iterable[Finding]:
    root, pyproject = facts.project.root, facts.project.pyproject
    backend = str(pyproject.table("build-system").get("build-backend", ""))
    for name, user in _LOCKS.items():
        used = (
            user == facts.session.manager.name
            or user in pyproject.table("tool")
            or backend.startswith(user)
        )
        if (root / name).is_file() and not used and not (root / user).is_file():
            yield Finding(f"{name} lies here, and nothing in this project uses its manager.", name)


CHECKS = {
    "agreement.python": Check(
        "both manifests can have one Python",
        "conda installs the interpreter and the manager resolves for `requires-python`. Where no version is allowed by "
        "both, the environment is made first, and only then does the manager refuse it.",
        "change requires-python in pyproject.toml, or the Python in the conda file",
        _python,
        lambda facts: bool(
            facts.conda_file and facts.conda_file.python and facts.project.pyproject.requires_python
        ),
        Status.FAIL,
    ),
    "agreement.both-layers": Check(
        "each package is declared in one layer",
        "A package that both manifests ask for is resolved twice, by two solvers that do not know each other, and the "
        "one that installs last wins. A pin to the very version that conda has is fine: `deps.align` writes it.",
        "keep it in one: invoke deps.remove PACKAGE, or deps.remove PACKAGE --layer conda",
        _both_layers,
        lambda facts: facts.conda_file is not None,
    ),
    "agreement.locks": Check(
        "poetry.lock and uv.lock pin the same versions",
        "A project with two locks is installed from either, by whoever has that manager. Where they differ, so do "
        "the results, and nobody sees why.",
        "lock anew with both, or keep one: invoke deps.update --combo COMBO",
        _locks,
        lambda facts: all(
            (facts.project.root / made.lock_name).is_file() for made in MANAGERS.values()
        ),
    ),
    "agreement.stray-lock": Check(
        "no lock is left of a manager that nobody uses",
        "A lock whose manager no table of pyproject.toml mentions is never renewed. Scanners read it, and people "
        "install from it, years later.",
        "delete it if nobody installs from it",
        _stray_lock,
        lambda facts: any((facts.project.root / name).is_file() for name in _LOCKS),
    ),
}
