"""The instructor's own checks: small functions over a repository that is only read.

A file of such checks is the instructor's code, and runs where the repositories are checked:

    from tasks_lib.cohort.own_checks import check

    @check("own.usage", title="the README says how to use it", remedy="Add a section 'Usage'")
    def usage(repository):
        if "## Usage" not in repository.text("README.md"):
            yield "README.md has no section 'Usage'."
"""

from __future__ import annotations

import functools
import importlib.util
import re
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator
    from pathlib import Path
    from types import ModuleType

    from tasks_lib.cohort.repository import Repository

    #: yields a sentence for each fault
    Look = Callable[[Repository], Iterable[str]]

_ID = re.compile(r"own\.[a-z0-9]+(?:-[a-z0-9]+)*")
_MARK = "mlops_lab_check"


@dataclass(frozen=True)
class OwnCheck:
    """A check of the instructor's: its row, and the function that looks."""

    row: Check
    look: Look

    def results(self, repository: Repository) -> Iterator[Result]:
        """Yield a result for each fault, else one pass; what the function raises is our error.

        A file that it reads and that does not exist is a fault of the repository.
        """
        try:
            said = self.look(repository) or ()
            faults = [said] if isinstance(said, str) else [str(text) for text in said]
        except LabError as error:
            yield self.row.of_unread(error, self.row.severity)
            return
        except Exception as error:  # noqa: BLE001 - the instructor's code may raise anything
            text = f"The check itself failed: {type(error).__name__}: {error}."
            remedy = Remedy("Correct the function in the file that `checks` names")
            yield self.row.result(Status.ERROR, text, remedy=remedy)
            return
        for text in faults:
            yield self.row.result(self.row.severity, text)
        if not faults:
            yield self.row.result(Status.PASS)


def check(
    name: str,
    *,
    title: str,
    remedy: str,
    why: str = "The instructor asks for it.",
    warn: bool = False,
) -> Callable[[Look], Look]:
    """Return a decorator that makes a check of a function; its faults are warnings if `warn`.

    Raises:
        LabError: The id `name` is not `own.` and a word.

    """
    if not _ID.fullmatch(name):
        text = f"The id of a check of your own is own.WORD, and it is {name!r:.60}."
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=Remedy("Rename it"))
    row = Check(name, title, why, Remedy(remedy), Status.WARN if warn else Status.FAIL)

    def mark(look: Look) -> Look:
        setattr(look, _MARK, OwnCheck(row, look))
        return look

    return mark


@functools.cache
def load(path: Path) -> tuple[OwnCheck, ...]:
    """Return the checks of an instructor's file, in their order; it is run once in each process.

    Raises:
        LabError: The file does not exist, cannot be run, or has no check or one id twice.

    """
    module = _module(path)
    found = [one for one in map(_marked, vars(module).values()) if one]
    ids = [one.row.id for one in found]
    fault = "" if found else "has no function with @check"
    for name in ids:
        if ids.count(name) > 1:
            fault = f"has two checks {name!r}"
    if fault:
        remedy = Remedy("See `docs cohort`: a check is a function with @check above it")
        text = f"{path} {fault}."
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy, file=path)
    return tuple(found)


def _marked(value: object) -> OwnCheck | None:
    found = getattr(value, _MARK, None)
    return found if isinstance(found, OwnCheck) else None


def _module(path: Path) -> ModuleType:
    spec = importlib.util.spec_from_file_location("own_checks_of_the_class", path)
    if spec is None or spec.loader is None or not path.is_file():
        text = f"There is no file {path}, which `checks` names."
        raise LabError(text, ErrorCode.FILE_MISSING, file=path)
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module  # dataclasses look their module up
    try:
        spec.loader.exec_module(module)
    except LabError:
        raise
    except Exception as error:  # noqa: BLE001 - the instructor's code may raise anything
        text = f"{path} cannot be run: {type(error).__name__}: {error}."
        remedy = Remedy("Correct the file that `checks` names")
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy, file=path) from None
    return module
