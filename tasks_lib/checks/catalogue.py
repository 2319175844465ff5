"""Every check by its id: those that read for themselves, and what the tools' own checks are there for."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks_lib.checks import agreement, conda_rules, drift, leaks, ownership

if TYPE_CHECKING:
    from tasks_lib.checks.base import Check

#: The checks that read for themselves, in the order of their results.
HYBRID: dict[str, Check] = {
    check.id: check for module in (ownership, drift, agreement, leaks, conda_rules) for check in module.CHECKS
}
_ANEW = "make the environment anew: invoke env.remove setup"
_MEND = "mend the file at the line that the result names"
_AGAIN = "install it anew: invoke deps.install, or " + _ANEW


@dataclass(frozen=True)
class Told:
    """What `check.explain` tells of a check."""

    title: str
    why: str
    remedy: str


#: The results of the tools, and of reading files and records.
TOOLS: dict[str, Told] = {
    "config.conda": Told("the conda file is valid", "conda reads a broken file in its own way, or stops late.", _MEND),
    "config.poetry": Told("poetry check", "Poetry refuses to work on a manifest that it finds invalid.", _MEND),
    "config.pyproject": Told("pyproject.toml is valid", "uv looks at what it declares only as it locks.", _MEND),
    "config.uv": Told("uv can read pyproject.toml", "What uv cannot read, it can neither lock nor install.", _MEND),
    "lock.fresh": Told(
        "the lock fits pyproject.toml",
        "A lock that is older than the manifest installs what nobody asks for any more, and CI refuses it.",
        "lock anew: invoke deps.lock",
    ),
    "env.exists": Told("the environment is there", "Without it there is nothing to check.", "make it: invoke setup"),
    "doctor.conda-meta": Told("conda's records are whole", "conda knows by its records what is installed.", _ANEW),
    "doctor.missing-files": Told(
        "every file that conda installed is there", "`conda doctor` reports them too, and exits 0.", _ANEW
    ),
    "doctor.altered-files": Told(
        "no file that conda installed was altered", "A changed file behaves otherwise than its version says.", _ANEW
    ),
    "doctor.consistent": Told(
        "conda's packages agree with each other", "An update that was forced can leave needs unmet.", _ANEW
    ),
    "doctor.conda": Told("conda doctor", "conda's own look at the environment, read whatever its exit code.", _ANEW),
    "doctor.interpreter": Told("the interpreter is there", "A venv links to a Python that may be gone.", _ANEW),
    "doctor.moved": Told("the folder stands where it was made", "Scripts name the interpreter by its place.", _ANEW),
    "doctor.records": Told("every record is whole", "pip cannot remove what has no whole record.", _AGAIN),
    "doctor.duplicates": Told("no distribution is recorded twice", "Python imports a mixture of both.", _AGAIN),
    "doctor.installed-files": Told("every installed file is there", "An import fails where a file is gone.", _AGAIN),
    "doctor.installed-altered": Told(
        "every installed file is as it was installed",
        "A damaged cache, or a hand, changes what is imported, and the version still says otherwise.",
        _AGAIN,
    ),
    "compat.requirements": Told(
        "the installed packages are compatible",
        "Each distribution says what it needs, and a later installation may have changed that, as `pip check` tells.",
        "lock and install anew: invoke deps.update",
    ),
}
KNOWN: dict[str, Told | Check] = {**TOOLS, **HYBRID}


def family(check: str) -> str:
    """Give the family of an id: its first part."""
    return check.partition(".")[0]
