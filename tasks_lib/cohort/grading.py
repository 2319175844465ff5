"""The grades of a class: its latest results, judged by the rubric as it stands now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.checks import registry
from tasks_lib.cohort import examining, own_checks, requiring, tree_checks
from tasks_lib.cohort.hand_ins import SUBMITTED
from tasks_lib.cohort.rubric import expect_known, grade
from tasks_lib.cohort.settings import Settings
from tasks_lib.errors import ErrorCode, LabError, Remedy

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tasks_lib.cohort.base import Graded
    from tasks_lib.cohort.store import Store

#: the checks of hand-ins alone, beside those of the registry
CHECKS = (*examining.CHECKS, *requiring.CHECKS, *tree_checks.CHECKS)


def settings_of(store: Store) -> Settings:
    """Return the settings of the class, with a rubric that names checks that exist.

    Raises:
        LabError: The file is gone or wrong, or its rubric names an unknown check.

    """
    path = Path(store.source)
    if not path.exists():
        text = f"{path}, from which the class was read, does not exist any more."
        remedy = Remedy("Put it back, or check the class where it is now, with another --store")
        raise LabError(text, ErrorCode.NO_SUCH_PATH, remedy=remedy, file=path)
    settings = Settings.of(path)
    expect_checks(settings)
    return settings


def expect_checks(settings: Settings) -> None:
    """Refuse own checks that cannot be used, and a rubric that names a check that does not exist.

    Raises:
        LabError: `wrong_setting` or `unknown_check`.

    """
    expect_known(settings.rubric, known(settings))


def known(settings: Settings) -> list[str]:
    """Return the ids of all checks of a class: the built-in ones and its own."""
    ids = [*registry.KNOWN, *(check.id for check in CHECKS)]
    if settings.checks:
        ids += [one.row.id for one in own_checks.load(settings.checks)]
    return ids


def judged(settings: Settings) -> set[str]:
    """Return the ids of the checks whose error says nothing of the others."""
    return {*known(settings)} - {examining.COHORT_READ.id}


def expect_points(settings: Settings) -> None:
    """Refuse to write grades where nothing gives a point.

    Raises:
        LabError: `wrong_setting`.

    """
    if not any(row.points and not row.advice for row in settings.rubric):
        text = "The class has no rubric, so that nothing gives a point."
        remedy = Remedy("Write rows [[rubric]] with points into a cohort.toml, and check it")
        raise LabError(text, ErrorCode.WRONG_SETTING, remedy=remedy)


def graded(store: Store, settings: Settings) -> Iterator[Graded]:
    """Yield the grade of each hand-in that was examined, by id."""
    checks = judged(settings)
    for hand_in, stored in store.latest():
        submitted = hand_in.columns.get(SUBMITTED, "")
        yield grade(
            hand_in, stored.examined, settings.rubric, settings.late, submitted, known=checks
        )
