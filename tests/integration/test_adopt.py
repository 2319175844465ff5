"""`init` and `migrate`: projects of many shapes pass all checks, and go from combo to combo."""

from __future__ import annotations

import re
import shlex
import shutil
import tomllib
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

import pytest
from packaging.requirements import Requirement

from tests import tiny_channel
from tests.integration.test_remedies import typed
from tests.lab import ROOT, VERSION, Case, Lab, tools, untouched

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.processes

_SHAPES = ROOT / "tests" / "resources" / "projects"
_QUOTED = re.compile(r"\"[^\"\n]*\"|'[^'\n]*'")


@dataclass(frozen=True)
class Shape:
    """What becomes of a project: the combo (requested, or found), its requirements, the notes."""

    combo: str
    lists: dict[str, list[str]]
    asked: bool = False
    said: tuple[str, ...] = ()
    package: bool = False
    sources: dict[str, str] = field(default_factory=dict)


SHAPES = {
    "plain": Shape("pip_uv", {"": ["click", "six>=1.15"]}),
    "requirements": Shape(
        "pip_uv",
        {
            "": [
                "click>=8,!=8.1.4,<9",
                "toolz==1.0.0",
                'mypy_extensions~=1.0; python_version >= "3.8"',
            ],
            "dev": ["iniconfig>=2"],
            "test": ["six>=1.15,<2"],
        },
        said=("hashes are left out",),
    ),
    "requirements_in": Shape(
        "conda_poetry",
        {"": ["click>=8", "click-default-group>=1.2,<2"], "test": ["iniconfig"]},
        asked=True,
        said=("made from requirements.in",),
    ),
    "setup_cfg": Shape(
        "pip_poetry",
        {
            "": ["click>=8", 'six>=1.15,<2; python_version < "4"'],
            "fast": ["toolz>=0.12", "mypy_extensions"],
            "test": ["iniconfig!=1.0"],
        },
        asked=True,
        package=True,
    ),
    "setup_py": Shape(
        "pip_uv",
        {
            "": [
                "click>=8",
                'six~=1.15; sys_platform != "emscripten"',
                'enum34; python_version < "3.4"',
            ],
            "test": ["iniconfig>=2"],
        },
        said=("version is computed",),
        package=True,
    ),
    "poetry_package": Shape(
        "pip_poetry",
        {
            "": [
                "click>=8.0,<9.0",
                'toolz>=0.12; python_version >= "3.11"',
                'toolz==0.11.*; python_version < "3.11"',
            ],
            "compat": ["six>=1.16,<1.17"],
            "dev": ["iniconfig"],
            "docs": ["mypy-extensions>=1,!=1.0.1"],
        },
        package=True,
    ),
    "poetry_app": Shape(
        "conda_poetry",
        {
            "": [
                (
                    "click-default-group>=1.2,<2.0; "
                    'sys_platform == "linux" or sys_platform == "darwin"'
                ),
                "shape-lib",
            ],
            "dev": ["iniconfig>=2.0,<2.1"],
        },
        sources={"shape-lib": "lib"},
    ),
    "pipfile": Shape(
        "conda_uv",
        {
            "": ["click", 'six>=1.15; python_version >= "3.8"', "mypy_extensions~=1.0"],
            "dev": ['iniconfig!=1.0; sys_platform != "emscripten"'],
        },
        asked=True,
        said=("the source pypi",),
    ),
    "environment": Shape("conda_uv", {"": ["toolz>=0.12", "click>=8,<9"]}, said=("pip: section",)),
    "environment_only": Shape("conda_poetry", {"": []}, asked=True),
    "dynamic": Shape("pip_uv", {"": ["click>=8", "six"]}, package=True),
    "contradiction": Shape(
        "pip_poetry",
        {"": ["click>=8"]},
        asked=True,
        package=True,
        said=("click==8.1.7 (there click>=8), toolz>=0.12",),
    ),
    "tools_only": Shape(
        "conda_uv",
        {"": ["lib", 'iniconfig>=2; sys_platform == "linux"']},
        asked=True,
        said=("the project itself",),
        sources={"lib": "./lib"},
    ),
}


@pytest.fixture
def bare(new_lab: Callable[[Case], Lab]) -> Iterator[Callable[[str], Lab]]:
    """Return the maker of a home with a project of a shape, which is not adopted yet."""
    labs = []

    def make(shape: str, combo: str) -> Lab:
        lab = new_lab(Case(combo, "rattler" if combo.startswith("conda") else ""))
        labs.append(lab)
        lab.case = None  # the project's own settings count
        shutil.rmtree(lab.project)
        shutil.copytree(_SHAPES / shape, lab.project)
        for path in lab.project.glob("Pipfile"):
            path.write_text(path.read_text("utf-8").replace("VERSION", VERSION), "utf-8")
        return lab

    yield make  # type: ignore[misc]  # the fixture's own name for it
    for lab in labs:
        shutil.rmtree(lab.home)


def _comments(path: Path) -> list[str]:
    """Return the comments of a TOML file, found without the code that is tested."""
    rows = [_QUOTED.sub("", row) for row in path.read_text("utf-8").splitlines()]
    found = [re.search(r"(?:^|\s)#+(.*)", row) for row in rows]
    return [match[1].strip() for match in found if match and match[1].strip()]


def _written(path: Path) -> set[str]:
    return {match[1].strip() for match in re.finditer(r"#(.*)", path.read_text("utf-8"))}


def _lists(project: Path) -> dict[str, list[Requirement]]:
    data = tomllib.loads((project / "pyproject.toml").read_text("utf-8"))
    lists = {
        "": data["project"]["dependencies"],
        **data["project"].get("optional-dependencies", {}),
    }
    lists |= data.get("dependency-groups", {})
    return {
        name: [Requirement(one) for one in rows if isinstance(one, str)]
        for name, rows in lists.items()
    }


@pytest.mark.parametrize("name", SHAPES)
def test_init(name: str, bare: Callable[[str, str], Lab]) -> None:
    shape = SHAPES[name]
    lab = bare(name, shape.combo)
    asked = ("--combo", shape.combo) if shape.asked else ()
    manifest = lab.project / "pyproject.toml"
    comments = _comments(manifest) if manifest.exists() else []
    before = lab.manifests()
    with untouched(lab):
        shown = lab.ok("init", "--dry-run", *asked)
    answer = lab.ok("init", *asked)
    assert answer.document["combo"]["id"] == shape.combo
    assert [step["command"] for step in shown.data["plan"]] == [
        step["command"] for step in answer.data["plan"]
    ]
    told = " ".join(f"{result['title']} {result['detail']}" for result in answer.results)
    for text in shape.said:
        assert text in told

    assert {name for name, data in before.items() if lab.manifests()[name] != data} <= {
        "pyproject.toml",
        *(["environment.yml"] if name == "environment" else []),
    }
    assert set(comments) <= _written(manifest)
    lists = _lists(lab.project)
    for key, rows in {**{key: [] for key in lists}, **shape.lists}.items():
        assert sorted(map(str, lists[key])) == sorted(str(Requirement(row)) for row in rows), key
    data = tomllib.loads((lab.project / "pyproject.toml").read_text("utf-8"))
    assert data["tool"]["mlops-lab"]["combo"] == shape.combo
    assert (data["tool"].get("uv", {}).get("package", True), "build-system" in data) == (
        (True, True) if shape.package else (False, "build-system" in data)
    )
    for one, path in shape.sources.items():
        assert data["tool"]["uv"]["sources"][one]["path"] == path
        assert data["tool"]["poetry"]["dependencies"][one]["path"] == path

    lab.ok("setup")
    checked = lab.ok("check.all")
    assert not [result for result in checked.results if result["status"] in {"fail", "error"}]
    other = "uv" if shape.combo.endswith("poetry") else "poetry"
    found = lab("check.config", "--combo", f"pip_{other}")  # the other manager reads it too
    assert not found.ids("fail") | found.ids("error"), found


_LOOSE = """\
# it goes from combo to combo
[project]
name = "traveller"
version = "0.1.0"
requires-python = ">=3.11"
dependencies = [
    "click-default-group>=1.2",  # brings click
]

[dependency-groups]
dev = ["iniconfig==2.0.0"]
docs = ["toolz==0.12.0"]
"""
#: each combo is once what a project comes from, and once what it goes to
_JOURNEY = ("conda_poetry", "pip_poetry", "conda_uv", "pip_uv")


def _versions(lab: Lab) -> dict[str, str]:
    rows = lab.ok("deps.list").data["packages"]
    return {
        row["name"]: row["version"] for row in rows if row["version"] and row["name"] != "python"
    }


@pytest.fixture
def traveller(new_lab: Callable[[Case], Lab]) -> Iterator[Lab]:
    """Return a project that is set up with pip and uv, at versions older than it now allows."""
    lab = new_lab(Case("conda_uv", "rattler"))
    lab.case = None
    (lab.project / "conda.yml").unlink()
    lab.write("pyproject.toml", _LOOSE)
    lab.ok("setup", "--combo", "pip_uv")
    lab.write("pyproject.toml", _LOOSE.replace("==2.0.0", ">=1").replace("toolz==0.12.0", "toolz"))
    lab.ok("setup", "--combo", "pip_uv")
    yield lab
    shutil.rmtree(lab.home)


def test_migrate(traveller: Lab) -> None:
    lab, combo = traveller, "pip_uv"
    before = _versions(lab)
    with untouched(lab):
        plan = [
            step["id"]
            for step in lab.ok("migrate", "--to", "conda_poetry", "--dry-run").data["plan"]
        ]
    assert {"migrate.lock", "deps.lock", "migrate.same"} <= set(plan)
    for to in _JOURNEY:
        asked = [] if combo == "pip_uv" else ["--remove-old"]
        answer = lab.ok("migrate", "--to", to, *asked, "--combo", combo)
        if not asked:
            command = answer.data["note"].partition("remove it: ")[2]
            typed(lab, {"remedy_argv": shlex.split(command)})
        assert "migrate.same" in answer.ids("pass")
        lab.ok("check.all")
        combo = to
        after = _versions(lab)
        assert after["iniconfig"] == "2.0.0"
        # a new environment brings its own versions of these
        tools = {"pip", "setuptools", "wheel", "packaging"}
        assert {one for one in before.items() if one[0] not in tools} <= after.items()
        assert "toolz" not in after  # which uv takes for `docs` alone
        text = (lab.project / "pyproject.toml").read_text("utf-8")
        assert "# it goes from combo to combo" in text
        assert "mlops-lab-migration" not in text
        assert f'combo = "{to}"' in text
        assert {path.name for path in lab.project.glob("*.lock")} == {
            f"{to.partition('_')[2]}.lock"
        }
        assert (lab.project / ".venv").exists() == to.startswith("pip")
        if to == "conda_poetry":
            lab.ok("deps.add", "six", "--layer", "conda")
            before = _versions(lab)
        if to == "pip_poetry":  # what only conda had is declared, and is gone from conda.yml
            assert '"six"' in text
            assert "six" not in (lab.project / "conda.yml").read_text("utf-8")
    assert lab.ok("migrate", "--to", combo).data["note"] == "nothing to do"


@pytest.mark.parametrize(
    ("here", "there"), [("conda_uv", "conda_poetry"), ("pip_uv", "pip_poetry")]
)
def test_migrate_there_and_back_within_one_environment(
    new_lab: Callable[[Case], Lab], here: str, there: str
) -> None:
    lab = new_lab(Case(here, "rattler"))
    lab.case = None
    lab.ok("setup", "--combo", here)
    before = _versions(lab)
    for to in (there, here):
        assert "migrate.same" in lab.ok("migrate", "--to", to).ids("pass")
        assert _versions(lab) == before
        lab.ok("check.all")
    shutil.rmtree(lab.home)


def test_what_cannot_be_moved_changes_nothing(traveller: Lab) -> None:
    lab = traveller
    uv = [str(tools() / "uv"), "pip", "install", "--python", str(lab.project / ".venv/bin/python")]
    assert lab.run([*uv, "six"]).code == 0
    moved = lab.ok("migrate", "--to", "conda_uv", "--combo", "pip_uv")
    (stray,) = [row for row in moved.results if row["id"] == "migrate.strays"]
    typed(lab, stray)
    assert '"six>=' in (lab.project / "pyproject.toml").read_text("utf-8")
    url = tiny_channel.add(lab.channel, "tiny-tool", "1.0")
    conda_yml = (lab.project / "conda.yml").read_text("utf-8")
    lab.write(
        "conda.yml",
        conda_yml.replace("  - conda-forge\n", f"  - conda-forge\n  - {url}\n") + "  - tiny-tool\n",
    )
    lab.ok("setup")
    with untouched(lab):
        answer = lab("migrate", "--to", "pip_poetry")
    assert answer.code == 2
    assert "tiny-tool" in answer.error()["detail"]

    # .venv still exists; it now has something that conda's environment does not have
    assert lab.run([*uv, "toolz==0.12.0"]).code == 0
    before = lab.manifests()
    answer = lab("migrate", "--to", "pip_poetry", "--leave-behind")
    assert answer.code == 1
    (result,) = answer.results
    assert (result["id"], result["status"]) == ("migrate.same", "fail")
    assert "toolz 0.12.0 is new" in result["detail"]
    assert lab.manifests() == before

    (record,) = lab.home.glob(
        ".conda/envs/traveller/lib/python3*/site-packages/iniconfig-2.0.0.dist-info/METADATA"
    )
    text = record.read_text("utf-8").replace("Version: 2.0.0", "Version: 2.0.0.post9")
    record.unlink()  # it is a link into uv's cache
    record.write_text(text, "utf-8")
    typed(lab, result)
    answer = lab("migrate", "--to", "pip_uv", "--leave-behind")  # no such version is in the index
    assert not (lab.project / ".venv").exists()  # it would mark the project as one of pip
    assert answer.code in {2, 4}
    assert "iniconfig" in answer.error()["detail"]
    assert lab.manifests() == before
