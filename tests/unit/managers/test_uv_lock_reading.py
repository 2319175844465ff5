"""Whether uv.lock fits, by reading: each answer is that of `uv lock --check` of uv 0.13.9.

The resource `uv_locked` is what uv wrote, without the files of the packages. That uv agrees with
the tables here is tried in `tests/integration/test_uv_agreement.py`.
"""

from __future__ import annotations

import shutil
from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.managers import marker_equality, uv_lock_reading
from tasks_lib.project.release_age import Limit
from tests.cases import cases
from tests.conftest import TESTS
from tests.default_index import ADDRESS, filled

if TYPE_CHECKING:
    from pathlib import Path

LOCKED = TESTS / "resources" / "uv_locked"
CORE = "packages/core/pyproject.toml"
LIB = "libs/lib/pyproject.toml"
TOP = "pyproject.toml"

#: A change of the resource: the file, the text that is replaced, the text that replaces it.
Row = tuple[str, str, str]

FRESH: dict[str, Row] = {
    "nothing": (TOP, "", ""),
    "a comment": (TOP, "[tool.uv]\n", "# a comment\n[tool.uv]\n"),
    "an unrelated table": (TOP, "[tool.uv]\n", "[tool.ruff]\nline-length = 9\n[tool.uv]\n"),
    "a description": (
        TOP,
        "[tool.uv]\n",
        "[project.urls]\nHome = 'https://a.example'\n[tool.uv]\n",
    ),
    "the same name": (TOP, '"Demo_App"', '"demo-app"'),
    "a version with zeros": (TOP, '"0.1.0"', '"0.1"'),
    "spaces and another order": (TOP, "six>=1.10.0,<2", "six <2, >= 1.10.0"),
    "bounds with zeros": (TOP, "six>=1.10.0,<2", "SIX>=1.10,<2.0.0"),
    "a bound that adds nothing": (TOP, "six>=1.10.0,<2", "six>=1.10.0,<2,<3,!=0.5"),
    "a compatible release as bounds": (TOP, "pluggy~=1.0", "pluggy>=1.0,<2"),
    "a marker of full versions": (TOP, "python_version < '3.12'", "python_full_version < '3.12.0'"),
    "a marker in another order": (
        TOP,
        "python_version < '3.12' or sys_platform == 'win32'",
        "(platform_system == 'Windows') or ('3.12' > python_version)",
    ),
    "a marker outside of the Pythons": (TOP, "python_version < '3.9'", "python_version < '3.11'"),
    "a marker by another name": (TOP, "platform_system == 'Windows'", "sys_platform == 'win32'"),
    "Pythons with zeros": (TOP, '">=3.11"', '">=3.11.0"'),
    "a hole in the Pythons": (TOP, '">=3.11"', '">=3.11,!=3.11.4"'),
    "bounds of at most": (TOP, "six>=1.10.0,<2", "six>=1.10,<2,<=3"),
    "an extra of a package twice": (TOP, '"demo-app[cli]"', '"demo-app[cli,CLI]"'),
    "a requirement twice": (TOP, '"zipp>=3.1"', '"zipp>=3.1", "zipp >= 3.1.0"'),
    "an extra in another case": (TOP, "All = ", "all = "),
    "a group in another case": (TOP, "Lint = ", "LINT = "),
    "default groups in another order": (TOP, '["dev", "lint"]', '["Lint", "dev"]'),
    "a path in another form": (TOP, '"libs/lib"', '"./libs/../libs/lib/"'),
    "a constraint of what is not locked": (TOP, '["six<1.17.1"]', '["six<1.17.1", "attrs"]'),
    "the end of a day": (TOP, "2026-01-01T00:00:00Z", "2025-12-31"),
    "a time in another form": (TOP, "2026-01-01T00:00:00Z", "2026-01-01T00:00:00+00:00"),
    "an environment by another name": (
        TOP,
        "[\"sys_platform == 'linux'\"",
        "[\"platform_system == 'Linux'\"",
    ),
}
STALE: dict[str, tuple[*Row, str]] = {
    "a bound": (
        TOP,
        "six>=1.10.0",
        "six>=1.11",
        "demo-app: six>=1.11,<2 in pyproject.toml, six>=1.10.0,<2 in uv.lock",
    ),
    "a longer compatible release": (TOP, "pluggy~=1.0", "pluggy~=1.0.0", "pluggy"),
    "a requirement more": (
        TOP,
        '"zipp>=3.1"',
        '"zipp>=3.1", "attrs"',
        "attrs in pyproject.toml, not in",
    ),
    "a requirement less": (TOP, '    "core",\n', "", "(editable packages/core) in uv.lock, not in"),
    "an extra of a package": (TOP, '"zipp>=3.1"', '"zipp[x]>=3.1"', "zipp[x]"),
    "a marker": (TOP, "python_version < '3.12' or", "python_version < '3.13' or", "iniconfig"),
    "a marker less": (TOP, "; python_version < '3.9'", "", "idna"),
    "Pythons": (TOP, '">=3.11"', '">=3.11,<3.15"', "requires-python"),
    "a version": (TOP, '"0.1.0"', '"0.2.0"', "the version of demo-app: 0.2.0"),
    "an extra more": (TOP, "All = ", "more = []\nAll = ", "the extras of demo-app"),
    "an extra of the project less": (TOP, '"demo-app[cli]", ', "", "demo-app[cli]; extra == 'all'"),
    "a group more": (
        TOP,
        "empty = []",
        "empty = []\nnew = ['six']",
        "group new: six in pyproject.toml",
    ),
    "an empty group less": (TOP, "empty = []", "", "group empty"),
    "a group that is not included": (
        TOP,
        ', { include-group = "Lint" }',
        "",
        "group dev: packaging",
    ),
    "the Pythons of a group": (TOP, '">=3.12"', '">=3.13"', "group lint"),
    "default groups": (TOP, '["dev", "lint"]', '["dev"]', "default-groups"),
    "a constraint": (TOP, "six<1.17.1", "six<1.18", "constraint-dependencies: six<1.18"),
    "an override": (
        TOP,
        'override-dependencies = ["colorama>=0.4"]',
        "",
        "colorama>=0.4 in uv.lock",
    ),
    "an environment": (TOP, ", \"sys_platform == 'win32'\"]", "]", "environments"),
    "conflicts": (TOP, '[[{ extra = "cli" }, { group = "lint" }]]', "[]", "conflicts"),
    "a resolution": (TOP, "[tool.uv]\n", '[tool.uv]\nresolution = "lowest-direct"\n', "resolution"),
    "metadata by hand": (TOP, 'version = "0.10.2"', 'version = "0.10.1"', "dependency-metadata"),
    "a build system": (
        TOP,
        "[tool.uv]\n",
        "[build-system]\nrequires = []\n[tool.uv]\n",
        "editable",
    ),
    "a folder that is not editable": (TOP, ", editable = true }", " }", "lib (path=libs/lib)"),
    "a source less": (
        TOP,
        'zipp = { index = "pypi", marker = "sys_platform == \'linux\'" }',
        "",
        "zipp",
    ),
    "a member's requirement": (CORE, '"six"', '"six>1"', "core: six>1 in pyproject.toml"),
    "a member's version": (CORE, 'dynamic = ["version"]', 'version = "1"', "the version of core"),
    "a folder's requirement": (LIB, "six>=1", "six>=1.5", "lib: six>=1.5"),
}
UNSURE: dict[str, tuple[*Row, str]] = {
    "one requirement as two": (
        TOP,
        '"zipp>=3.1"',
        "\"zipp>=3.1; os_name == 'a'\", \"zipp>=3.1; os_name != 'a'\"",
        "means the same as zipp>=3.1",
    ),
    "dynamic requirements": (CORE, '["version"]', '["version", "dependencies"]', "dynamic"),
    "no Pythons": (TOP, 'requires-python = ">=3.11"\n', "", "no requires-python"),
    "a version of uv": (
        TOP,
        "[tool.uv]\n",
        '[tool.uv]\nrequired-version = ">=0.9"\n',
        "required-version",
    ),
    "a source for an extra without it": (
        TOP,
        'index = "pypi", marker',
        'extra = "cli", index = "pypi", marker',
        "does not require",
    ),
    "a newer lock": ("uv.lock", "version = 1\n", "version = 2\n", "form 2.5"),
    "a newer revision": ("uv.lock", "revision = 5\n", "revision = 99\n", "form 1.99"),
    "a folder outside": (TOP, '"libs/lib"', '"../lib"', "outside"),
    "what is not a requirement": (TOP, '"zipp>=3.1"', '"zipp>=?"', "not a requirement"),
    "a group that does not exist": (
        TOP,
        '"Lint" }',
        '"other" }',
        "includes itself, or does not exist",
    ),
    "an archive": (
        "uv.lock",
        '{ editable = "libs/lib" }',
        '{ url = "https://a.example/l.whl" }',
        "archive",
    ),
    "an unknown index": (
        "uv.lock",
        f'{ADDRESS}" }}\n\n[[package]]\nname = "lib',
        'https://mirror.example" }\n\n[[package]]\nname = "lib',
        "https://mirror.example",
    ),
    "another time": (TOP, "2026-01-01T00:00:00Z", "2026-01-02T00:00:00Z", "exclude-newer"),
    "a limit that a user may set": (
        TOP,
        'exclude-newer = "2026-01-01T00:00:00Z"',
        "",
        "does not set",
    ),
    "a date of some zone": ("uv.lock", "2026-01-01T00:00:00Z", "2026-01-01T23:00:00Z", "time zone"),
    "a package twice": (
        "uv.lock",
        'name = "toml"\nversion = "0.10.2"\nsource',
        'name = "core"\nsource',
        "more than once",
    ),
}


def changed(root: Path, row: Row) -> Path:
    """Return a copy of the resource with one change."""
    folder = root / "locked"
    shutil.copytree(LOCKED, folder)
    for file in (TOP, "uv.lock"):
        (folder / file).write_text(filled((LOCKED / file).read_text()))
    name, old, new = row
    text = (folder / name).read_text()
    assert old in text
    (folder / name).write_text(text.replace(old, new, 1))
    return folder


@cases("row", FRESH)
def test_what_uv_takes_for_the_same_is_fresh(tmp_path: Path, row: Row) -> None:
    found = uv_lock_reading.judge(changed(tmp_path, row))
    assert found == uv_lock_reading.Freshness(fits=True)


@cases(
    "written, fits",
    {"the lock's": ("2026-01-01T00:00:00Z", True), "another": ("7 days", False)},
)
def test_limit_of_all_tools_counts_instead_of_that_of_uv(
    tmp_path: Path, written: str, *, fits: bool
) -> None:
    line = 'exclude-newer = "2026-01-01T00:00:00Z"'
    folder = changed(tmp_path, (TOP, line, ""))
    assert uv_lock_reading.judge(folder, Limit.parse(written)).fits is fits


@cases("row", STALE)
def test_what_uv_would_lock_again_is_stale(tmp_path: Path, row: tuple[*Row, str]) -> None:
    found = uv_lock_reading.judge(changed(tmp_path, row[:3]))
    assert found.fits is False
    assert row[3] in found.text


@cases("row", UNSURE)
def test_what_reading_does_not_tell_has_its_reason(tmp_path: Path, row: tuple[*Row, str]) -> None:
    folder = changed(tmp_path, row[:3])
    if row[3] == "time zone":
        text = (folder / TOP).read_text().replace("2026-01-01T00:00:00Z", "2026-01-01")
        (folder / TOP).write_text(text)
    found = uv_lock_reading.judge(folder)
    assert found.fits is None
    assert row[3] in found.text


@cases(
    "one, other, same",
    {
        "equal": ("os_name == 'nt'", "os_name == 'nt'", True),
        "only on impossible machines": (
            "os_name == 'nt'",
            "os_name == 'nt' and sys_platform != 'linux'",
            None,
        ),
        "on every Python of the range": ("python_version >= '3'", "os_name != ''", False),
        "no Python of the range": ("python_version < '3.9'", "python_full_version < '3.11'", True),
        "words that uv does not look into": (
            "'linux' in sys_platform",
            "sys_platform in 'linux'",
            None,
        ),
        "the same words": (
            "'x' in os_name or os_name == 'y'",
            "os_name == 'y' or 'x' in os_name",
            True,
        ),
        "a compatible release": (
            "python_version ~= '3.12'",
            "python_version >= '3.12' and python_version < '4'",
            True,
        ),
        "a patch": ("python_full_version <= '3.12.3'", "python_full_version < '3.12.4'", False),
        "a minor": ("python_version <= '3.12'", "python_full_version < '3.13'", True),
        "an extra": ("extra == 'A_b'", "extra == 'a-b'", True),
        "too many": (
            " or ".join(
                f"(os_name == '{n}' and sys_platform == '{n}' and platform_machine == '{n}')"
                for n in range(30)
            ),
            "os_name == '1'",
            None,
        ),
    },
)
def test_markers_are_compared_by_what_they_mean(one: str, other: str, same: bool | None) -> None:
    here, there = ([marker_equality.parse(text)] for text in (one, other))
    assert marker_equality.same_sets(here, there, ">=3.11") is same


@cases(
    "name, old, new",
    {
        "options": ("uv.lock", "[options]\nexclude-newer", "options = 3\n[other]\nexclude-newer"),
        "a manifest": ("uv.lock", "[manifest]\n", "[[manifest]]\n"),
        "members": ("uv.lock", 'members = [\n    "core"', "members = [3"),
        "a row": ("uv.lock", '{ name = "core", editable = "packages/core" }', "3"),
        "a specifier": ("uv.lock", 'specifier = "~=1.0"', 'specifier = "?"'),
        "conflicts": ("uv.lock", "conflicts = [[", "conflicts = [3, ["),
        "default groups": (TOP, '["dev", "lint"]', "[3]"),
        "environments": (TOP, "environments = [", "environments = [3, "),
        "sources": (TOP, "core = { workspace = true }", "core = 3"),
        "a source": (TOP, "core = { workspace = true }", "core = { workspace = 'x', git = 3 }"),
        "an index": (TOP, f'url = "{ADDRESS}"', "url = 3"),
        "extras": (TOP, 'cli = ["pluggy~=1.0"]', "cli = 3"),
        "an extra": (TOP, 'cli = ["pluggy~=1.0"]', "cli = [3]"),
        "a time": (TOP, '"2026-01-01T00:00:00Z"', "2026-01-01"),
        "a version": (TOP, '"0.1.0"', "3"),
        "nested markers": (TOP, "python_version < '3.9'", f"{'(' * 900}os_name == 'a'{')' * 900}"),
    },
)
def test_what_has_another_shape_is_not_told(tmp_path: Path, name: str, old: str, new: str) -> None:
    assert uv_lock_reading.judge(changed(tmp_path, (name, old, new))).fits is None


def test_no_lock_and_a_damaged_one(tmp_path: Path) -> None:
    (tmp_path / TOP).write_text('[project]\nname = "a"\nversion = "1"\n')
    assert uv_lock_reading.judge(tmp_path).text == "There is no uv.lock."
    for text in (
        "",
        "version = ",
        "version = 1\npackage = 3",
        "version = 1\n[[package]]\nname = 3",
    ):
        (tmp_path / "uv.lock").write_text(text)
        with pytest.raises(LabError) as caught:
            uv_lock_reading.judge(tmp_path)
        assert caught.value.code is ErrorCode.DAMAGED_LOCK


@cases(
    "requirement, says",
    {"the same": ("six", "has no requires-python"), "another": ("toml", "group dev: toml in")},
)
def test_a_manifest_without_a_project_has_groups_alone(
    tmp_path: Path, requirement: str, says: str
) -> None:
    (tmp_path / TOP).write_text(f'[dependency-groups]\ndev = ["{requirement}"]\n')
    (tmp_path / "uv.lock").write_text(
        'version = 1\nrevision = 5\nrequires-python = ">=3.11"\n'
        '[manifest.dependency-groups]\ndev = [{ name = "six" }]\n'
    )
    assert says in uv_lock_reading.judge(tmp_path).text


@cases(
    "source, row, fits",
    {
        "a tag": ('git = "https://a.example/x", tag = "v1"', "https://a.example/x?tag=v1", True),
        "another tag": (
            'git = "https://a.example/x", tag = "v2"',
            "https://a.example/x?tag=v1",
            False,
        ),
        "a branch for a tag": (
            'git = "https://a.example/x", branch = "v1"',
            "https://a.example/x?tag=v1",
            False,
        ),
        "a login": ('git = "https://me:secret@a.example/x"', "https://a.example/x", True),
        "a folder in it": (
            'git = "https://a.example/x", subdirectory = "in", rev = "v1"',
            "https://a.example/x?subdirectory=in&rev=v1",
            True,
        ),
        "another spelling": ('git = "https://a.example/x/"', "https://a.example/x", None),
    },
)
def test_repositories(tmp_path: Path, source: str, row: str, fits: bool | None) -> None:
    (tmp_path / TOP).write_text(
        '[project]\nname = "a"\nversion = "1"\nrequires-python = ">=3.11"\n'
        f'dependencies = ["x>=1"]\n[tool.uv.sources]\nx = {{ {source} }}\n'
    )
    (tmp_path / "uv.lock").write_text(
        'version = 1\nrevision = 3\nrequires-python = ">=3.11"\n[[package]]\nname = "a"\n'
        'version = "1"\nsource = { virtual = "." }\n[package.metadata]\n'
        f'requires-dist = [{{ name = "x", git = "{row}" }}]\n[[package]]\nname = "x"\n'
        f'version = "1"\nsource = {{ git = "{row}#0123456789012345678901234567890123456789" }}\n'
    )
    found = uv_lock_reading.judge(tmp_path)
    assert found.fits is fits
    assert "secret" not in found.text
