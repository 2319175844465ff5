"""What reading tells of poetry.lock; each answer is that of `poetry check --lock`, Poetry 2.5.1."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.managers.base import LOCK_FRESH
from tasks_lib.managers.poetry import Poetry
from tasks_lib.managers.poetry_check import CHANGED, CONFIG_POETRY
from tasks_lib.results import Status
from tests.cases import cases
from tests.unit.cohort.test_examining import POETRY, POETRY_LOCK

if TYPE_CHECKING:
    from tests.conftest import MakeProject

_HASH = POETRY_LOCK.rpartition("content-hash = ")[2]
_GROUPS = POETRY + '\n[dependency-groups]\ndev = ["six"]\n'
_UNREAD = "Poetry cannot read pyproject.toml."


@cases(
    "manifest, lock, fits, reason",
    {
        "as it was locked": (POETRY, POETRY_LOCK, Status.PASS, ""),
        "a comment behind": (POETRY + "# the end\n", POETRY_LOCK, Status.PASS, ""),
        "lines as on Windows": (
            POETRY.replace("\n", "\r\n"),
            POETRY_LOCK.replace("\n", "\r\n"),
            Status.PASS,
            "",
        ),
        "a group more": (_GROUPS, POETRY_LOCK, Status.FAIL, CHANGED),
        "a group more, and a lock that covers none": (
            _GROUPS,
            POETRY_LOCK.replace("Poetry 2.5.1", "Poetry 2.2.1"),
            Status.PASS,
            "",
        ),
        "a lock of no Poetry": (
            _GROUPS,
            POETRY_LOCK.replace("Poetry 2.5.1", "Poetry soon"),
            Status.FAIL,
            CHANGED,
        ),
        "no hash": (
            POETRY,
            POETRY_LOCK.replace(f"content-hash = {_HASH}", ""),
            Status.FAIL,
            CHANGED,
        ),
        "a hash that is a number": (POETRY, POETRY_LOCK.replace(_HASH, "3"), Status.FAIL, CHANGED),
        "a hash of odd letters": (
            POETRY,
            POETRY_LOCK.replace(_HASH, '"\U0001f600\\u007f"'),
            Status.FAIL,
            CHANGED,
        ),
        "no metadata": (
            POETRY,
            POETRY_LOCK.partition("[metadata]")[0],
            Status.FAIL,
            CHANGED,
        ),
        "metadata that is no table": (
            POETRY,
            "metadata = 3\n",
            Status.FAIL,
            CHANGED,
        ),
        "a byte order mark": (
            POETRY,
            f"\ufeff{POETRY_LOCK}",
            Status.FAIL,
            "poetry.lock begins with a byte order mark, which Poetry cannot read.",
        ),
        "the manifest's byte order mark": (f"\ufeff{POETRY}", POETRY_LOCK, Status.SKIP, _UNREAD),
        "this Poetry": (
            POETRY.replace("package-mode", 'requires-poetry = ">=2.0"\npackage-mode'),
            POETRY_LOCK,
            Status.PASS,
            "",
        ),
        "another Poetry": (
            POETRY.replace("package-mode", 'requires-poetry = "<2.0"\npackage-mode'),
            POETRY_LOCK,
            Status.SKIP,
            "The project asks for Poetry <2.0, and this is 2.5.1.",
        ),
        "no version of Poetry": (
            POETRY.replace("package-mode", 'requires-poetry = "soon"\npackage-mode'),
            POETRY_LOCK,
            Status.SKIP,
            "requires-poetry: 'soon' is not a version constraint.",
        ),
        "no version": (POETRY.replace('"1"', '"one"'), POETRY_LOCK, Status.SKIP, _UNREAD),
        "no Pythons": (POETRY.replace(">=3.11", "three"), POETRY_LOCK, Status.SKIP, _UNREAD),
        "no marker": (
            POETRY.replace('"^1.16"', '{version = "^1.16", markers = "os_name = 1"}'),
            POETRY_LOCK,
            Status.SKIP,
            _UNREAD,
        ),
        "a license that is not there": (
            POETRY.replace("[project]", '[project]\nlicense = {file = "LICENSE"}'),
            POETRY_LOCK,
            Status.SKIP,
            _UNREAD,
        ),
        "a group of groups that are not there": (
            POETRY + '[dependency-groups]\nall = [{include-group = "x"}]\n',
            POETRY_LOCK,
            Status.SKIP,
            _UNREAD,
        ),
        "a source without an address": (
            POETRY + '[[tool.poetry.source]]\nname = "x"\n',
            POETRY_LOCK,
            Status.SKIP,
            _UNREAD,
        ),
        "two sources of a name": (
            POETRY
            + '[[tool.poetry.source]]\nname = "x"\nurl = "https://x.invalid/"\n'
            + '[[tool.poetry.source]]\nname = "X"\nurl = "https://y.invalid/"\n',
            POETRY_LOCK,
            Status.SKIP,
            _UNREAD,
        ),
        "an address for the index": (
            POETRY + '[[tool.poetry.source]]\nname = "PyPI"\nurl = "https://x.invalid/"\n',
            POETRY_LOCK,
            Status.SKIP,
            _UNREAD,
        ),
        "a source": (
            POETRY + '[[tool.poetry.source]]\nname = "x"\nurl = "https://x.invalid/"\n',
            POETRY_LOCK,
            Status.FAIL,
            CHANGED,
        ),
        "a constraint of builds": (
            POETRY + '[tool.poetry.build-constraints.six]\nsetuptools = "one"\n',
            POETRY_LOCK,
            Status.SKIP,
            _UNREAD,
        ),
        "an unknown key": (
            POETRY.replace("package-mode", "colour = 3\npackage-mode"),
            POETRY_LOCK,
            Status.SKIP,
            _UNREAD,
        ),
        "an error that is none of the lock": (
            POETRY.replace("[project]", '[project]\nclassifiers = ["No :: Such"]'),
            POETRY_LOCK,
            Status.PASS,
            "",
        ),
    },
)
def test_the_lock_by_reading(
    project: MakeProject, manifest: str, lock: str, fits: Status, reason: str
) -> None:
    made = project(manifest, files={"poetry.lock": lock})
    *of_manifest, of_lock = Poetry(made).by_reading()
    assert (of_lock.id, of_lock.status, of_lock.detail) == (LOCK_FRESH.id, fits, reason)
    if reason == _UNREAD:
        assert Status.FAIL in {one.status for one in of_manifest if one.id == CONFIG_POETRY.id}


#: the manifest whose lock Poetry 2.5.1 wrote with `_LIB_HASH`, whatever its member requires
_TOP = """\
[project]
name = "demo"
version = "1"
requires-python = ">=3.10"
dependencies = ["lib"]
[tool.poetry]
package-mode = false
[tool.poetry.dependencies]
lib={path="libs/lib",develop=true}
"""
_LIB_HASH = "fcc2d03b01d8f313caad8e280de22d3fc3150b4593810440a8487478cb090b1b"
_LIB = """\
[[package]]
name = "lib"
version = "1"
{}
[package.source]
type = "directory"
url = "libs/lib"
"""
_REQUIRED = "[package.dependencies]\n"
_FROM_INDEX = '[[package]]\nname = "lib"\nversion = "2"\n'


@cases(
    "member, locked, is_behind",
    {
        "what was locked": ('dependencies = ["Six>=1"]\n', f'{_REQUIRED}six = ">=1"\n', False),
        "a name more": ('dependencies = ["six", "toml"]\n', f'{_REQUIRED}six = "*"\n', True),
        "a name less": ("dependencies = []\n", f'{_REQUIRED}six = "*"\n', True),
        "a marker that may hold": (
            "dependencies = [\"six; sys_platform == 'win32'\"]\n",
            "",
            True,
        ),
        "markers that never hold": (
            "dependencies = [\"six; python_version < '3.9'\", \"toml; extra == 'x'\"]\n",
            "",
            False,
        ),
        "what the build backend finds": (
            'dynamic = ["dependencies"]\n',
            f'{_REQUIRED}six = ">=1.10"\n',
            False,
        ),
        "extras that the build backend finds": (
            'dynamic = ["optional-dependencies"]\n',
            f'{_REQUIRED}six = {{version = "*", optional = true}}\n',
            False,
        ),
    },
)
def test_members(project: MakeProject, member: str, locked: str, *, is_behind: bool) -> None:
    made = project(_TOP)
    (made.root / "libs/lib").mkdir(parents=True)
    (made.root / "libs/lib/pyproject.toml").write_text(f'[project]\nname = "lib"\n{member}')
    lock = f'{_LIB.format(locked)}[metadata]\ncontent-hash = "{_LIB_HASH}"\n'
    (made.root / "poetry.lock").write_text(lock)
    fits, reason = Poetry(made).lock_by_reading()
    assert fits is not is_behind
    assert reason == (
        "libs/lib/pyproject.toml was changed since poetry.lock was written." if is_behind else ""
    )
    # on another platform it is one of the index
    (made.root / "poetry.lock").write_text(lock.replace("[metadata]", f"{_FROM_INDEX}[metadata]"))
    assert Poetry(made).lock_by_reading() == (fits, reason)


def test_what_lies_elsewhere_is_not_looked_at(project: MakeProject) -> None:
    made = project(
        POETRY.replace("[project]", '[project]\nlicense = {file = "../../LICENSE"}').replace(
            "package-mode", 'readme = ["../README.md", "docs.md"]\npackage-mode'
        )
        + 'lib = {path = "../elsewhere"}\nother = {file = "../../a.whl"}\n'
    )
    (made.root / "docs.md").mkdir()
    found = {one.status for one in Poetry(made).manifest_by_reading()}
    assert found == {Status.WARN}  # of the license's form


def test_settings_that_poetry_cannot_read(project: MakeProject) -> None:
    made = project(POETRY, files={"poetry.lock": POETRY_LOCK, "poetry.toml": "[x\n"})
    fits, reason = Poetry(made).lock_by_reading()
    assert fits is None
    assert reason.startswith("Poetry cannot read its settings: poetry.toml is not valid TOML")
