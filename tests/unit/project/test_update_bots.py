"""Whether a configuration of Dependabot or Renovate renews a layer, by their own rules."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.errors import LabError
from tasks_lib.execution import git
from tasks_lib.project import jsonc, update_bots
from tasks_lib.project.path_patterns import matches, parts
from tasks_lib.project.update_bots import Dependabot, Layer, Renovate
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

UV = Layer("uv.lock", "pyproject.toml", "uv", "pep621")
POETRY = Layer("poetry.lock", "pyproject.toml", "pip", "poetry")
BELOW = UV._replace(path="packages/app/pyproject.toml")
CONDA = update_bots.conda("conda.yml")
ENVIRONMENT = update_bots.conda("environment.yml")


def dependabot(*entries: str) -> Dependabot:
    """Return one with entries that are checked weekly."""
    rows = [f"- {{{entry}, schedule: {{interval: weekly}}}}\n" for entry in entries]
    return Dependabot(Dependabot.load(f"version: 2\nupdates:\n{''.join(rows)}", "d"), "d")


def written(ecosystem: str, folder: str = "/", before: str = "Write") -> str:
    """Return what is advised."""
    words = f'package-ecosystem: {ecosystem}, directory: "{folder}"'
    return f"{before} under updates: - {{{words}, schedule: {{interval: weekly}}}}"


UV_TOP = "package-ecosystem: uv, directory: /"
CONDA_TOP = "package-ecosystem: conda, directory: /"


@cases(
    "entry, layer, lacks",
    {
        "uv": (UV_TOP, UV, ""),
        "the folder without its slash": ("package-ecosystem: uv, directory: .", UV, ""),
        "one of several folders": ("package-ecosystem: uv, directories: [/x, /]", UV, ""),
        "a folder below": ("package-ecosystem: uv, directory: packages/app/", BELOW, ""),
        "a pattern of one": ("package-ecosystem: uv, directories: [/packages/*]", BELOW, ""),
        "a pattern of all": ("package-ecosystem: uv, directories: ['**/*']", BELOW, ""),
        "a pattern of all at the top": ("package-ecosystem: uv, directories: ['**/*']", UV, ""),
        "another folder": (
            "package-ecosystem: uv, directories: ['/pack*']",
            BELOW,
            written("uv", "/packages/app"),
        ),
        "Poetry is pip": ("package-ecosystem: pip, directory: /", POETRY, ""),
        "Poetry by its name": (
            "package-ecosystem: poetry, directory: /",
            POETRY,
            written("pip"),
        ),
        "pip leaves uv.lock as it is": (
            "package-ecosystem: pip, directory: /",
            UV,
            written("uv"),
        ),
        "conda": (CONDA_TOP, ENVIRONMENT, ""),
        "conda.yml is not read": (
            CONDA_TOP,
            CONDA,
            "Rename it to environment.yml: Dependabot reads no other",
        ),
        "conda.yml without an entry": (
            UV_TOP,
            CONDA,
            written(
                "conda",
                before="Rename it to environment.yml, since Dependabot reads no other, and write",
            ),
        ),
    },
)
def test_dependabot(entry: str, layer: Layer, lacks: str) -> None:
    assert (
        dependabot("package-ecosystem: github-actions, directory: /", entry).lacks(layer) == lacks
    )


def test_the_entry_that_is_advised_is_enough() -> None:
    for layer in (UV, POETRY, BELOW, ENVIRONMENT):
        advised = dependabot(UV_TOP.replace("uv", "docker")).lacks(layer).partition("- ")[2]
        data = Dependabot.load(f"version: 2\nupdates: [{advised}]\n", "d")
        assert Dependabot(data, "d").lacks(layer) == ""


@cases(
    "text, said",
    {
        "no version": ("updates: []\n", "version: 2"),
        "a list": ("[]\n", "version: 2"),
        "empty": ("", "version: 2"),
        "no ecosystem": ("version: 2\nupdates: [{directory: /}]\n", "entry 1"),
        "a word": ("version: 2\nupdates: [x]\n", "no package-ecosystem"),
        "no folder": ("version: 2\nupdates: [{package-ecosystem: uv}]\n", "no directory"),
        "no interval": (f"version: 2\nupdates: [{{{UV_TOP}}}]\n", "no schedule.interval"),
        "no YAML": ("version: 2\nupdates: [\n", "not valid YAML"),
        "too large": ("#" * (2 << 20), "larger"),
    },
)
def test_what_github_ignores_is_told(text: str, said: str) -> None:
    with pytest.raises(LabError, match=said):
        Dependabot(Dependabot.load(text, "d"), "d")


def test_a_group_of_ecosystems_has_the_interval() -> None:
    data = {
        "version": 2,
        "multi-ecosystem-groups": {"all": {"schedule": {"interval": "weekly"}}},
        "updates": [
            {"package-ecosystem": "uv", "directory": "/", "multi-ecosystem-group": "all"},
        ],
    }
    assert Dependabot(data, "d").lacks(UV) == ""


#: as on the page ci
CUSTOM: dict[str, Any] = {
    "customManagers": [
        {
            "customType": "regex",
            "managerFilePatterns": ["conda.yml"],
            "matchStrings": ["x"],
            "datasourceTemplate": "conda",
        }
    ]
}


@cases(
    "data, layer, lacks",
    {
        "all managers": ({}, UV, ""),
        "Renovate's own presets": (
            {"extends": ["config:recommended", ":dependencyDashboard"]},
            UV,
            "",
        ),
        "uv": ({"enabledManagers": ["pep621"]}, UV, ""),
        "Poetry": ({"enabledManagers": ["poetry"]}, POETRY, ""),
        "pep621 leaves poetry.lock as it is": (
            {"enabledManagers": ["pep621"]},
            POETRY,
            'Add "poetry" to enabledManagers',
        ),
        "a manager that is off": (
            {"pep621": {"enabled": False}},
            UV,
            'Take "enabled": false out of "pep621"',
        ),
        "off altogether": ({"enabled": False}, UV, ""),
        "another folder": (
            {"includePaths": ["docs/**"]},
            BELOW,
            'Add "packages/app/pyproject.toml" to includePaths',
        ),
        "its folder": ({"includePaths": ["packages/**"]}, BELOW, ""),
        "its file": ({"includePaths": ["pyproject.toml"]}, UV, ""),
        "ignored": (
            {"ignorePaths": ["**/app/**"]},
            BELOW,
            "Take what matches packages/app/pyproject.toml out of ignorePaths",
        ),
        "ignored by a part of its name": (
            {"ignorePaths": ["packages"]},
            BELOW,
            "Take what matches packages/app/pyproject.toml out of ignorePaths",
        ),
        "others are ignored": ({"ignorePaths": ["**/test/**"]}, BELOW, ""),
        "conda": (
            {},
            CONDA,
            "Write customManagers for conda.yml, as the page ci of the documentation has",
        ),
        "conda by a manager of one's own": (CUSTOM, CONDA, ""),
        "which is not enabled": (
            {**CUSTOM, "enabledManagers": ["pep621"]},
            CONDA,
            'Add "custom.regex" to enabledManagers',
        ),
        "which is enabled": ({**CUSTOM, "enabledManagers": ["custom.regex"]}, CONDA, ""),
        "conda by a preset from elsewhere": ({"extends": ["github>org/presets"]}, CONDA, ""),
        "conda by a preset beside this": ({"extends": ["local>org/presets:x"]}, CONDA, ""),
        "conda by no preset of Renovate's": (
            {"extends": [":assignee(me/you)", "schedule:weekly"]},
            CONDA,
            "Write customManagers for conda.yml, as the page ci of the documentation has",
        ),
        "nothing of the kind that is expected": (
            {"enabledManagers": {}, "includePaths": 1, "ignorePaths": [[]], "pep621": []},
            UV,
            "",
        ),
    },
)
def test_renovate(data: dict[str, Any], layer: Layer, lacks: str) -> None:
    assert Renovate(Renovate.load(json.dumps(data), "r"), "r").lacks(layer) == lacks


JSON5 = """// Renovate's
{
  extends: ['config:recommended'], /* 'all' */
  "quoted": 'it\\'s "so" \\\\"', $key: "a: 'b'", 'single': [1, true,],
  enabledManagers: [
    'pep621', // uv
  ],
}
"""


def test_json5() -> None:
    data = Renovate.load(JSON5, "r")
    assert data == {
        "extends": ["config:recommended"],
        "quoted": 'it\'s "so" \\"',
        "$key": "a: 'b'",
        "single": [1, True],
        "enabledManagers": ["pep621"],
    }
    assert jsonc.as_json('{"a": 1}') == '{"a": 1}'


#: of which each could begin a string that never ends
QUOTES = "\\\"\\'" * 99_999


@cases(
    "text, line",
    {
        "a list": ("[]", None),
        "cut off": ('{\n "a":\n', 3),
        "deep": ("[" * 9999, None),
        "quotes": (f'{{"a": "{QUOTES}', 1),
        "single quotes": (f"{{a: '{QUOTES}", 1),
        "a long word": ("a" * 99_999, 1),
    },
)
def test_what_is_not_json_is_told(text: str, line: int | None) -> None:
    with pytest.raises(LabError, match="not valid JSON") as refused:
        Renovate.load(text, "renovate.json")
    assert (refused.value.file, refused.value.line) == ("renovate.json", line)


def test_files_are_found_at_the_top_of_the_repository(tmp_path: Path) -> None:
    project = tmp_path / "packages" / "app"
    project.mkdir(parents=True)
    assert git.top(project) == project
    (tmp_path / ".git").touch()  # as in a worktree
    assert git.top(project) == tmp_path
    assert [*update_bots.found(tmp_path)] == []
    for name in ("renovate.json5", ".renovaterc", ".github/dependabot.yaml"):
        place = tmp_path / name
        place.parent.mkdir(exist_ok=True)
        place.write_text("{}")
    assert [path.name for _, path in update_bots.found(tmp_path)] == [
        "dependabot.yaml",
        "renovate.json5",
    ]


def test_a_link_out_of_the_repository_is_not_read(tmp_path: Path) -> None:
    top = tmp_path / "top"
    top.mkdir()
    (tmp_path / "x.json").write_text("{}")
    (top / "renovate.json").symlink_to("../x.json")
    with pytest.raises(LabError, match="leads out"):
        update_bots.read(Renovate, top, top / "renovate.json", "renovate.json")


@cases(
    "pattern, path, fits",
    {
        "all": ("**", "a/b", True),
        "all and nothing": ("**", "", True),
        "below": ("a/**", "a/b/c", True),
        "itself": ("a/**", "a", True),
        "between": ("a/**/c", "a/x/y/c", True),
        "nothing between": ("a/**/c", "a/c", True),
        "too short": ("a/*", "a", False),
        "too long": ("a/*", "a/b/c", False),
        "a star is one name": ("*.py", "a/b.py", False),
        "hostile": ("**/a/" * 1000 + "b", "a/" * 200 + "a", False),
    },
)
def test_patterns(pattern: str, path: str, fits: bool) -> None:
    assert matches(parts(path), parts(pattern)) is fits
