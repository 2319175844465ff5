"""Who needs what: edges of both layers, extras, markers, and how a tree of it is drawn."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.ownership import graph
from tasks_lib.ownership.facts import Facts
from tasks_lib.report.tables import shaped, tables
from tasks_lib.results import Report
from tasks_lib.session.session import Session
from tasks_lib.workflows import dependency_info

if TYPE_CHECKING:
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install, Link

CONDA = (
    "name: demo\nchannels: [conda-forge]\ndependencies:\n  - python\n  - libfoo\n  - pip:\n    - "
    "by-pip\n"
)
PYPROJECT = """\
[project]
name = "demo"
version = "0.1.0"
dependencies = ["Http-X[two]>=1", "other; sys_platform == 'nowhere'"]
[project.optional-dependencies]
more = ["six"]
[dependency-groups]
dev = ["six", {include-group = "docs"}]
docs = []
[tool.poetry.group.old.dependencies]
http-x = {extras = ["two"], version = "*"}
"""
LOCK = "".join(
    f'[[package]]\nname = "{name}"\nversion = "1"\n'
    for name in ("http-x", "h2", "other", "core", "six")
)


@pytest.fixture
def session(
    project: MakeProject, conda_env: Path, install: Install, link: Link, root: Path
) -> Session:
    """Return a session on an environment with each kind of package and of edge once."""
    project(PYPROJECT, CONDA, files={"uv.lock": LOCK})
    site = "lib/python3.11/site-packages"
    link(conda_env, "python", "3.11.7", depends=("libbar >=1", "__glibc >=2.17"))
    for name in ("libbar", "libfoo", "libold"):
        link(conda_env, name, "1.0", depends=("python",) if name == "libold" else ())
    six = {f"{site}/six-1.dist-info/METADATA": "Metadata-Version: 2.1\nName: six\nVersion: 1\n"}
    link(conda_env, "six", "1", files=six, depends=("python >=3",))
    wants = {
        "http-x": ("core", "h2 ; extra == 'two'", "other ; extra == 'three'"),
        "core": ("six >=1", "Http_X", "other ; python_version < '3'"),
        "h2": (),
        "by-pip": ("core",),
        "by-hand": ("its-own",),
        "its-own": ("by-hand",),
    }
    for name, requirements in wants.items():
        record = install(conda_env, name.replace("-", "_"), "1")
        with (record / "METADATA").open("a") as stream:
            stream.writelines(f"Requires-Dist: {text}\n" for text in requirements)
    return Session.open(combo="conda_uv", engine="rattler", start=root)


def test_edges_of_both_layers(session: Session) -> None:
    found = graph.read(Facts(session))
    needs = {key[1]: [name for _, name in keys] for key, keys in found.needs.items() if keys}
    assert needs == {
        "python": ["libbar"],
        "libold": ["python"],
        "six": ["python"],
        "http-x": ["core", "h2"],
        "core": ["six", "http-x"],
        "by-pip": ["core"],
        "by-hand": ["its-own"],
        "its-own": ["by-hand"],
    }
    assert {label: [name for _, name in keys] for label, keys in found.roots.items()} == {
        "conda.yml": ["python", "libfoo"],
        "pyproject.toml": ["http-x"],
        "pyproject.toml (group dev)": ["six"],
        "pyproject.toml (extra more)": ["six"],
        "pyproject.toml (group old)": ["http-x"],
        "conda.yml (pip:)": ["by-pip"],
    }
    assert ("conda", "six") in found.packages
    assert {name for _, name in found.packages.keys() - found.reached()} == {
        "libold",
        "other",
        "by-hand",
        "its-own",
    }


@pytest.mark.parametrize(
    "odd", ["dependencies = ['x']", "dependencies = 5", "group = {a = {dependencies = 5}, b = 5}"]
)
def test_tables_that_only_poetry_reads_may_hold_anything(
    session: Session, root: Path, odd: str
) -> None:
    (root / "pyproject.toml").write_text(
        f'[project]\nname = "demo"\nversion = "1"\n[tool.poetry]\n{odd}\n'
    )
    session = Session.open(combo="conda_uv", engine="rattler", start=root)
    assert dependency_info.tree(session).data["tree"]


def test_list(session: Session) -> None:
    rows = {row["name"]: row for row in dependency_info.everything(session).data["packages"]}
    assert {name: row["owner"] for name, row in rows.items() if row["owner"] != "conda"} == {
        **dict.fromkeys(("http-x", "core", "h2", "other"), "lock"),
        "by-pip": "pip",
        **dict.fromkeys(("by-hand", "its-own"), "stray"),
    }
    assert (rows["other"]["version"], rows["other"]["locked"]) == ("", "1")
    assert (rows["six"]["owner"], rows["six"]["locked"]) == ("conda", "1")
    assert rows["six"]["declared"] == "pyproject.toml (group dev), pyproject.toml (extra more)"


def test_tree_has_every_installed_package_once_in_full(session: Session) -> None:
    rows = dependency_info.tree(session).data["tree"]
    whole = [row["name"] for row in rows if row["depth"] and not row["note"]]
    leaves = {"libbar", "libfoo", "h2"}
    assert sorted(set(whole)) == sorted(
        {*leaves, "python", "six", "http-x", "core", "by-pip", "by-hand", "its-own", "libold"}
    )
    assert len([name for name in whole if name not in leaves]) == len(set(whole) - leaves)
    assert [row["name"] for row in rows if not row["depth"]][-1] == "named by no manifest"


def test_why(session: Session) -> None:
    chains = dependency_info.why(session, "Six").data["chains"]
    assert [(row["manifest"], row["chain"]) for row in chains] == [
        ("pyproject.toml", ["http-x", "core", "six"]),
        ("pyproject.toml (group dev)", ["six"]),
        ("pyproject.toml (group old)", ["http-x", "core", "six"]),
        ("pyproject.toml (extra more)", ["six"]),
        ("conda.yml (pip:)", ["by-pip", "core", "six"]),
    ]
    assert "by hand" in dependency_info.why(session, "its_own").data["note"]
    assert "another platform" in dependency_info.why(session, "other").data["note"]
    assert dependency_info.why(session, "libbar").data["chains"][0]["chain"] == ["python", "libbar"]


def test_why_an_unknown_package(session: Session) -> None:
    with pytest.raises(LabError, match="'libfo'") as caught:
        dependency_info.why(session, "libfo")
    assert caught.value.exit_code == ExitCode.BAD_REQUEST
    assert "libfoo" in str(caught.value.remedy)


def test_no_environment(project: MakeProject, root: Path) -> None:
    project(PYPROJECT, CONDA)
    session = Session.open(combo="conda_uv", engine="rattler", start=root)
    with pytest.raises(LabError, match="does not exist yet"):
        dependency_info.tree(session)


def test_branches_are_drawn() -> None:
    names = {"r": 0, "a": 1, "b": 2, "c": 3, "d": 1, "e": 2, "s": 0, "f": 1}
    rows = [{"depth": depth, "name": name, "version": "1"} for name, depth in names.items()]
    drawn = [str(row["name"]).replace("\xa0", " ") for row in shaped({"tree": rows})["tree"]]
    assert drawn == ["r", "├── a", "│   └── b", "│       └── c", "└── d", "    └── e", "s", "└── f"]
    (table,) = tables({"tree": rows})
    assert table.columns == ("name", "version")


def test_a_way_is_one_cell() -> None:
    data = {"chains": [{"manifest": "pyproject.toml", "chain": ["a", "b"]}]}
    (table,) = tables(data)
    assert table.rows == [["pyproject.toml", "a → b"]]
    assert Report("deps.why", "p", data=data).as_dict()["data"] == data
