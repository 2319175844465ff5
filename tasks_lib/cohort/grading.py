"""The grades of a class: its latest results, judged by the rubric as it stands now."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.checks import registry
from tasks_lib.cohort import examining, own_checks, requiring, tree_checks
from tasks_lib.cohort.hand_ins import SUBMITTED
from tasks_lib.cohort.rubric import expect_known, grade
from tasks_lib.cohort.settings import Settings

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
    settings = Settings.of(Path(store.source))
    expect_known(settings.rubric, known(settings))
    return settings


def known(settings: Settings) -> list[str]:
    """Return the ids of all checks of a class: the built-in ones and its own."""
    ids = [*registry.KNOWN, *(check.id for check in CHECKS)]
    if settings.checks:
        ids += [one.row.id for one in own_checks.load(settings.checks)]
    return ids


def graded(store: Store, settings: Settings) -> Iterator[Graded]:
    """Yield the grade of each hand-in that was examined, by id."""
    checks = {*known(settings)} - {examining.COHORT_READ.id}  # which ends a run early
    for hand_in, stored in store.latest():
        submitted = hand_in.columns.get(SUBMITTED, "")
        yield grade(
            hand_in, stored.examined, settings.rubric, settings.late, submitted, known=checks
        )
