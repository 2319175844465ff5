"""What an instructor says in a `cohort.toml`, and what is wrong in one."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.cohort import settings
from tasks_lib.cohort.rubric import Late, Row
from tasks_lib.cohort.settings import Settings
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.workflows import documentation
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def cohort_toml(tmp_path: Path) -> Path:
    """Return where the file is."""
    return tmp_path / "cohort.toml"


def test_the_example_of_the_reference_is_valid(cohort_toml: Path) -> None:
    page = (documentation.FOLDER / "reference" / "cohort-toml.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"(?s)```toml\n(.*?)```", page)
    cohort_toml.write_text(block, encoding="utf-8")
    found = Settings.of(cohort_toml)
    assert found.source == cohort_toml.with_name("hand-ins")
    assert found.checks == cohort_toml.with_name("our_checks.py")
    assert found.combo == ("pip_uv", "conda_uv")
    assert found.require.packages == ("pandas>=2.2",)
    assert found.require.python == ">=3.11,<3.14"
    assert (found.level, found.timeout, found.memory) == ("read", 60, 1024)
    assert found.rubric == (
        Row("The lock is up to date", ("lock.fresh",), 4),
        Row("Both layers agree", ("agreement",), 4, partial=True),
        Row("It has a model card", ("own.model-card",), 2),
        Row("leak", ("leak",), advice=True),
    )
    assert (found.late, found.as_it_stood) == (Late(10, is_percent=True, grace=30, most=50), False)
    assert found.grace == 30


@cases(
    "text, late, as_it_stood",
    {
        "points": ('per_day = 1.5\ngrace = "1 h 30 min"', Late(1.5, grace=90), False),
        "hours": ('per_day = 1\nmaximum = 4\ngrace = "2h"', Late(1, grace=120, most=4), False),
        "as it stood": ("as_it_stood = true", None, True),
        "as it stood, with a grace": ('as_it_stood = true\ngrace = "1 h"', None, True),
    },
)
def test_a_late_policy(
    cohort_toml: Path, text: str, late: Late | None, *, as_it_stood: bool
) -> None:
    cohort_toml.write_text(f"[late]\n{text}\n")
    found = Settings.of(cohort_toml)
    assert (found.late, found.as_it_stood) == (late, as_it_stood)
    assert found.grace == (late.grace if late else 60 * ("grace" in text))


def test_each_key_is_explained_and_is_an_attribute() -> None:
    known = settings.schema()["properties"]
    assert {*known} == {*Settings.__dataclass_fields__} - {"file", "as_it_stood", "grace"}
    tables = [known, known["require"]["properties"], known["late"]["properties"]]
    for table in [*tables, known["rubric"]["items"]["properties"]]:
        assert not [key for key, value in table.items() if not value.get("description")]
    defaults = {key: one["default"] for key, one in known.items() if "default" in one}
    assert defaults == {key: getattr(Settings(), key) for key in defaults}


def test_a_folder_and_a_roster_stand_for_themselves(tmp_path: Path) -> None:
    assert Settings.of(tmp_path).source == tmp_path
    assert Settings.of(tmp_path / "students.csv").source == tmp_path / "students.csv"


def test_a_file_that_names_no_hand_ins_says_so_where_they_are_needed(cohort_toml: Path) -> None:
    cohort_toml.write_text("")
    found = Settings.of(cohort_toml)
    with pytest.raises(LabError, match="needs roster or folder"):
        _ = found.source


ROW = '[[rubric]]\ncheck = "lock.fresh"\npoints = 1\n'


@cases(
    "text, line, said",
    {
        "an unknown key": (
            '\nfoldr = "x"\n',
            2,
            "no key 'foldr'; the keys are roster.*mean folder",
        ),
        "an unknown key of a table": ("[require]\npakages = []\n", 2, "require: .*mean packages"),
        "an unknown key of a row": (f"{ROW}{ROW}point = 1\n", 7, "rubric 2: has no key 'point'"),
        "a word for a number": ('[late]\nper_day = "much"\n', 2, "late per_day: must be a number"),
        "a wrong entry": ("combo = [1]\n", 1, r"combo: must be a list of combos, .* \[1\]"),
        "a wrong entry of a row": (f'{ROW}{ROW}partial = "yes"\n', 7, "rubric 2 partial: must be"),
        "a row that is no table": ("rubric = [1]\n", 1, "rubric 1: must be a table"),
        "a level that does not exist": ('level = "run"\n', 1, "level: must be \"read\", .* 'run'"),
        "a combo that does not exist": (
            'combo = ["uv-pip"]\n',
            1,
            "no combo 'uv-pip'.*mean pip_uv",
        ),
        "roster and folder": ('roster = "a.csv"\nfolder = "b"\n', 2, "both a roster and a folder"),
        "a requirement": ('[require]\npackages = ["a b"]\n', 2, "'a b' is no name with versions"),
        "an address": (
            '[require]\npackages = ["a @ https://h/a.whl"]\n',
            2,
            "no name with versions",
        ),
        "a range": ('[require]\npython = "3.11"\n', 2, "'3.11' is no range"),
        "a row about nothing": (f"{ROW}[[rubric]]\npoints = 1\n", 4, "row 2 needs one of check"),
        "a row about two": (f'{ROW}own = "x"\n', 4, "check and own"),
        "a row without points": ('[[rubric]]\ncheck = "x"\n', 2, "row 1 has no points"),
        "two rows of one name": (f'{ROW}name = "a"\n{ROW}name = "a"\n', 8, "name of a row above"),
        "two rows about one check": (f"{ROW}{ROW}", 4, "'lock.fresh' is the name of a row above"),
        "an own check without a file": ('[[rubric]]\nown = "x"\npoints = 1\n', 2, "names no file"),
        "points and per cent": ('[late]\nper_day = 1\nmaximum = "5 %"\n', 3, "both be points"),
        "a late policy that takes nothing": ('[late]\ngrace = "2 h"\n', 1, "neither per_day"),
        "no number": ("timeout = nan\n", 1, "timeout: nan is no number"),
        "no bound": ("[late]\nper_day = inf\n", 2, "inf is no number"),
        "a folder elsewhere": ('project = "../x"\n', 1, "project: must be the path of a folder in"),
        "a NUL": ('roster = "a\\u0000.csv"\n', 1, "roster: must be the path"),
    },
)
def test_what_is_wrong_has_its_line(cohort_toml: Path, text: str, line: int, said: str) -> None:
    cohort_toml.write_text(text)
    with pytest.raises(LabError, match=f"(?s){said}") as caught:
        Settings.of(cohort_toml)
    error: Any = caught.value
    assert (error.file, error.line) == (str(cohort_toml), line)
    assert error.code is ErrorCode.WRONG_SETTING


def test_the_remedy_shows_the_keys(cohort_toml: Path) -> None:
    cohort_toml.write_text('late = "no"')
    with pytest.raises(LabError) as caught:
        Settings.of(cohort_toml)
    *_, task, topic = caught.value.remedy.argv
    assert task == "docs"
    assert "`as_it_stood`" in documentation.show(topic).data["markdown"]


def test_what_is_no_toml_is_refused(cohort_toml: Path) -> None:
    cohort_toml.write_text("a = 1\nb =\n")
    with pytest.raises(LabError, match="not valid TOML") as caught:
        Settings.of(cohort_toml)
    assert (caught.value.line, caught.value.code) == (2, ErrorCode.INVALID_MANIFEST)
