"""What `init` writes is what the standards allow, and says what the project said before."""

from __future__ import annotations

import tomllib
from typing import TYPE_CHECKING, Any

import pytest
from packaging.requirements import Requirement
from poetry.core.factory import Factory

from tasks_lib.importers.metadata import authors
from tasks_lib.report.progress import Progress
from tasks_lib.workflows import adoption
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tasks_lib.session.session import Answer


def _init(root: Path, files: dict[str, str], combo: str = "pip_uv") -> Answer:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")
    with Progress() as progress:
        session = adoption.opened(combo=combo, engine="rattler", python="")
        return adoption.init(session, progress)


def _data(root: Path) -> dict[str, Any]:
    data = tomllib.loads((root / "pyproject.toml").read_text("utf-8"))
    assert Factory.validate(data)["errors"] == []
    return data


def _same(found: list[str], expected: list[str]) -> None:
    """Compare requirements by what they mean, in their order."""
    assert list(map(Requirement, found)) == list(map(Requirement, expected))


_BOTH = """\
[project]
name = "demo"
version = "1"
requires-python = ">=3.11"
{dependencies}
[project.optional-dependencies]
# for us
dev = ["pytest", "jaraco.classes", "ruff<1"]
[dependency-groups]
docs = ["sphinx", "furo"]
[tool.poetry.dependencies]
click = ">=8"
pytest = {{ version = ">=8", python = "<3.14", optional = true }}
# about the dotted one
"jaraco.classes" = {{ version = ">=3", optional = true }}
ruff = {{ version = ">=0.5", optional = true, extras = ["x"] }}
{more}
[tool.poetry.group.docs.dependencies]
sphinx = "^7"  # the old one
furo = {{ source = "private" }}
"""


@cases(
    "dependencies, expected",
    {
        "dynamic": ('dynamic = ["dependencies"]', ["click>=8"]),
        "in both": ('dependencies = ["click!=8.1"]', ["click!=8.1,>=8"]),
    },
)
def test_what_poetrys_table_adds_comes_into_the_list(
    root: Path, dependencies: str, expected: list[str]
) -> None:
    text = _BOTH.format(dependencies=dependencies, more="")
    _init(root, {"pyproject.toml": text})
    data = _data(root)
    _same(data["project"]["dependencies"], expected)
    assert list(data["project"]["optional-dependencies"]) == ["dev"]
    dev = ['pytest>=8; python_version < "3.14"', "jaraco.classes>=3", "ruff[x]>=0.5,<1"]
    _same(data["project"]["optional-dependencies"]["dev"], dev)
    _same(data["dependency-groups"]["docs"], ["sphinx>=7,<8", "furo"])
    rows = (root / "pyproject.toml").read_text().split("\n")
    above = rows.index("    # about the dotted one")
    assert rows[above + 1].startswith('    "jaraco.classes')
    assert '    "sphinx<8,>=7", # the old one' in rows
    assert data["tool"]["poetry"]["group"]["docs"]["dependencies"] == {
        "furo": {"source": "private"}
    }
    assert _init(root, {}).data["note"] == "nothing to do"


def test_what_is_optional_and_in_no_extra_gets_none(root: Path) -> None:
    more = 'lonely = { version = "1", optional = true }'
    text = _BOTH.format(dependencies='dynamic = ["dependencies"]', more=more)
    answer = _init(root, {"pyproject.toml": text})
    assert list(_data(root)["project"]["optional-dependencies"]) == ["dev"]
    assert any("lonely is optional and in no extra" in one.detail for one in answer.results)


_POETRY = (
    '[tool.poetry]\nname = "demo"\nversion = "1"\n[tool.poetry.dependencies]\npython = "^3.11"\n'
)


def test_comments_and_order_of_requirements_stay(root: Path) -> None:
    rows = 'click = "*"  # beside\n# two\n# above\n"jaraco.classes" = "^3"\n# for old\nsix = "*"\n'
    _init(root, {"pyproject.toml": _POETRY + rows})
    text = (root / "pyproject.toml").read_text()
    expected = """dependencies = [
    "click", # beside
    # two
    # above
    "jaraco.classes>=3,<4",
    # for old
    "six",
]
"""
    assert expected in text


def test_a_group_that_includes_another(root: Path) -> None:
    more = '[tool.poetry.group.a.dependencies]\nsix = "*"\n'
    more += '[tool.poetry.group.b]\ninclude-groups = ["a"]\n'
    _init(root, {"pyproject.toml": _POETRY + more})
    assert _data(root)["dependency-groups"] == {"a": ["six"], "b": [{"include-group": "a"}]}


@cases(
    "files, more, is_package",
    {
        "package": (["demo/__init__.py"], "", True),
        "module in src": (["src/demo.py"], "", True),
        "package elsewhere": (
            ["lib/x/__init__.py"],
            'packages = [{include = "x", from = "lib"}]',
            True,
        ),
        "nothing to install": ([], "", False),
        "off": (["demo.py"], "package-mode = false", False),
    },
)
def test_what_poetry_installs_without_a_build_system_stays_a_package(
    root: Path, files: list[str], more: str, *, is_package: bool
) -> None:
    text = _POETRY.replace('version = "1"', f'version = "1"\n{more}')
    text += '[tool.poetry.scripts]\nrun-it = "demo:main"\n'
    _init(root, {"pyproject.toml": text, **dict.fromkeys(files, "")})
    data = _data(root)
    assert data["project"]["scripts"] == {"run-it": "demo:main"}
    assert data["tool"].get("uv", {}).get("package", True) is is_package
    assert data["tool"].get("poetry", {}).get("package-mode", True) is is_package
    assert ("build-system" in data) is is_package


@pytest.mark.parametrize(
    ("names", "addresses", "expected"),
    [
        ("A, B", "a@h.org, b@h.org", [("A", "a@h.org"), ("B", "b@h.org")]),
        ("A", "a@h.org; b@h.org", [("A", "a@h.org"), ("", "b@h.org")]),
        ("A, B, C", "a@h.org b@h.org", [("A", "a@h.org"), ("B", "b@h.org"), ("C", "")]),
        ("", "a@h.org", [("", "a@h.org")]),
        ("One, A.", "a@h.org", [("One, A.", "a@h.org")]),
        ("A", "", [("A", "")]),
        ("A", "unknown", [("A", "")]),
        ("A", "A <a@h.org>, B <b@h.org>", [("A", "a@h.org"), ("B", "b@h.org")]),
        ("C", '"A" <a@h.org>', [("C", ""), ("A", "a@h.org")]),
        ("", "", []),
    ],
)
def test_there_is_an_author_for_each_address(
    names: str, addresses: str, expected: list[tuple[str, str]]
) -> None:
    found = [(one.get("name", ""), one.get("email", "")) for one in authors(names, addresses)]
    assert found == expected


def test_what_the_standard_does_not_allow_is_left_out_and_said(root: Path) -> None:
    text = (
        "[metadata]\nname = my project\nversion = 1.0-final\nurl = no address\nauthor = A\n"
        "author_email = a at h.org\nkeywords = a,,b\nproject_urls =\n  Docs = www.h.org\n"
        "  Code = https://h.org/\n[options.extras_require]\nmy extra = six\n"
    )
    answer = _init(root, {"setup.cfg": text})
    project = _data(root)["project"]
    assert (project["name"], project["version"]) == ("my-project", "0.1.0")
    assert project["authors"] == [{"name": "A"}]
    assert project["urls"] == {"Code": "https://h.org/"}
    assert project["keywords"] == ["a", "b"]
    assert project["optional-dependencies"] == {"my-extra": ["six"]}
    said = "\n".join(one.detail for one in answer.results)
    for what in ("version '1.0-final'", "urls.Homepage 'no address'", "urls.Docs 'www.h.org'"):
        assert f"{what} is not taken over" in said


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (
            "# mine\ndependencies:\n- python=3.11\n- pip\n- pip:\n  - six\n",
            "# mine\nname: demo\ndependencies:\n- python=3.11\n- pip\n",
        ),
        ("# mine\ndependencies: [python=3.11]\n", "# mine\nname: demo\ndependencies:"),
        ("---\ndependencies: [python=3.11]\n", "---\nname: demo\ndependencies:"),
        ("name:  # none\ndependencies: [python=3.11]\n", "name: demo  # none\ndependencies:"),
        ("\ufeffname: own\ndependencies: [python=3.11]\n", "\ufeffname: own\ndep"),
        ("dependencies: [python=3.11]\nname: own\n", "dependencies: [python=3.11]\nname: own\n"),
    ],
)
@pytest.mark.parametrize("combo", ["conda_uv", "conda_poetry"])
def test_a_conda_file_without_a_name_gets_that_of_the_project(
    root: Path, text: str, expected: str, combo: str
) -> None:
    manifest = '[project]\nname = "demo"\nversion = "1"\n'
    _init(root, {"environment.yml": text, "pyproject.toml": manifest}, combo)
    assert (root / "environment.yml").read_text().startswith(expected)
    assert _data(root)["project"]["name"] == "demo"


def test_a_conda_file_without_a_name_is_read_for_a_combo_without_conda(root: Path) -> None:
    text = "dependencies: [python=3.11, pip, {pip: [six]}]\n"
    _init(root, {"environment.yml": text})
    assert _data(root)["project"]["dependencies"] == ["six"]
