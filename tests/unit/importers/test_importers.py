"""What each kind of file declares comes into `pyproject.toml`; a mistake is one error."""

from __future__ import annotations

import json
import tomllib
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.cli import runner
from tasks_lib.cli.request import Request, Scope
from tasks_lib.errors import ExitCode, LabError
from tasks_lib.importers.metadata import people
from tasks_lib.report.progress import Progress
from tasks_lib.results import Status
from tasks_lib.session.session import Answer
from tasks_lib.workflows import adoption

if TYPE_CHECKING:
    from pathlib import Path

OLD = '[tool.poetry]\nname = "demo"\nversion = "1"\n[tool.poetry.dependencies]\npython = "^3.9"\n'
_BUILT = """[build-system]
requires = ["setuptools"]
build-backend = "setuptools.build_meta"
[project]
name = "a"
"""


def _init(
    root: Path, files: dict[str, str], combo: str = "pip_uv", *, dry_run: bool = False
) -> Answer:
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8", newline="")
    with Progress() as progress:
        session = adoption.opened(combo=combo, engine="rattler", python="")
        return adoption.init(session, progress, dry_run=dry_run)


def _said(answer: Answer) -> str:
    return "\n".join(
        f"{one.status} {one.file}:{one.line} {one.title} {one.detail} {one.remedy}"
        for one in answer.results
    )


def _data(root: Path) -> dict[str, Any]:
    return tomllib.loads((root / "pyproject.toml").read_text("utf-8"))


@pytest.mark.parametrize(
    ("name", "row", "expected"),
    [
        pytest.param(
            "requirements.txt",
            "git+https://h/r.git@v1#egg=some",
            "some @ git+https://h/r.git@v1",
            id="git",
        ),
        pytest.param(
            "requirements.txt",
            "-e git+https://h/r.git#egg=some[x]",
            "some[x] @ git+https://h/r.git",
            id="-e",
        ),
        pytest.param(
            "requirements.txt",
            "https://h/a_b-1.0-py3-none-any.whl",
            "a-b @ https://h/a_b-1.0-py3-none-any.whl",
            id="address of a wheel",
        ),
        pytest.param(
            "requirements.txt",
            "a @ https://h/b-1.0.zip",
            "a @ https://h/b-1.0.zip",
            id="address with a name",
        ),
        pytest.param(
            "requirements.txt", "a==1 --hash=sha256:00 \\\n  --hash=sha256:11", "a==1", id="hashes"
        ),
        pytest.param(
            "requirements.txt",
            "a [x,y] >= 1 ; os_name=='nt' # why",
            "a [x,y] >= 1 ; os_name=='nt'",
            id="all",
        ),
        pytest.param(
            "Pipfile",
            '[packages]\na = {git = "https://h/r", ref = "v1"}',
            "a @ git+https://h/r@v1",
            id="Pipfile git",
        ),
        pytest.param(
            "Pipfile",
            "[packages]\na = {version = '>1', extras = ['x'], os_name = \"== 'nt'\"}",
            "a[x] >1 ; os_name == 'nt'",
            id="Pipfile marker",
        ),
        pytest.param("Pipfile", "[packages]\na = '1.0'", "a ==1.0", id="Pipfile version"),
        pytest.param("pyproject.toml", f"{OLD}a = '^0.2.3'", "a>=0.2.3,<0.3.0", id="caret"),
        pytest.param("pyproject.toml", f"{OLD}a = '~1.2'", "a>=1.2,<1.3", id="tilde"),
        pytest.param("pyproject.toml", f"{OLD}a = '1.0'", "a==1.0", id="plain"),
        pytest.param(
            "pyproject.toml",
            f"{OLD}a = {{git = 'https://h/r', tag = 'v1'}}",
            "a @ git+https://h/r@v1",
            id="old git",
        ),
        pytest.param(
            "pyproject.toml",
            f"{OLD}a = {{git = 'file:///r', tag = 'v1'}}",
            "a @ git+file:///r@v1",
            id="git of here",
        ),
        pytest.param(
            "setup.py",
            "from setuptools import setup\nsetup(name='a', install_requires='x>1\\ny')",
            "x>1",
            id="lines",
        ),
        pytest.param(
            "setup.cfg",
            "[metadata]\nname = a\n[options]\ninstall_requires = x>1; y",
            "x>1",
            id="one line",
        ),
    ],
)
def test_requirement_is_taken_over(root: Path, name: str, row: str, expected: str) -> None:
    _init(root, {name: row})
    assert _data(root)["project"]["dependencies"][0] == expected


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("setup.py", "setup(name='a', tests_require=['b>1'])"),
        ("setup.cfg", "[metadata]\nname = a\n[options]\ntests_require = b>1\n"),
    ],
)
def test_what_tests_require_is_a_group(root: Path, name: str, text: str) -> None:
    _init(root, {name: text})
    assert _data(root)["dependency-groups"] == {"test": ["b>1"]}


@pytest.mark.parametrize(
    ("files", "line", "said"),
    [
        pytest.param(
            {"requirements.txt": "a\nb==\n"}, 2, "'b==' is not a requirement", id="requirement"
        ),
        pytest.param(
            {"requirements.txt": "a\n\n--wrong\n"}, 3, "no such option: --wrong", id="option"
        ),
        pytest.param(
            {"requirements.txt": "-r gone.txt\n"}, 1, "there is no such file", id="include"
        ),
        pytest.param(
            {"requirements.txt": "-r https://u:secret@h/r.txt\n"},
            1,
            "https://h/r.txt",
            id="far away",
        ),
        pytest.param({"requirements.txt": "a\n./gone\n"}, 2, "There is no ./gone", id="folder"),
        pytest.param({"requirements.txt": "https://h/archive\n"}, 1, "has no name", id="no name"),
        pytest.param(
            {"setup.cfg": "[metadata]\nname = a\n[options]\nwrong\n"},
            4,
            "ParsingError",
            id="setup.cfg",
        ),
        pytest.param(
            {"setup.cfg": "[options]\ninstall_requires =\n    a\n    b==x\n"},
            4,
            "b==x",
            id="setup.cfg entry",
        ),
        pytest.param(
            {"setup.cfg": "name = a\n"}, 1, "MissingSectionHeaderError", id="setup.cfg head"
        ),
        pytest.param(
            {"Pipfile": "[requires]\npython_version = 'x'\n"}, 2, "==x.*", id="Pipfile python"
        ),
        pytest.param({"requirements.txt": "a\n./b\0c\n"}, 2, "no program", id="zero byte"),
        pytest.param({"setup.py": "setup(\n  name=)\n"}, 2, "not valid Python", id="setup.py"),
        pytest.param(
            {"Pipfile": '[packages]\na = {path = "b\\u0000"}\n'},
            2,
            "a character that no program can be given",
            id="a NUL in the path of a Pipfile",
        ),
        pytest.param(
            {"Pipfile": '[packages]\na = {git = "https://b.example/\\u0000"}\n'},
            2,
            "a character that no program can be given",
            id="a NUL in an address of a Pipfile",
        ),
        pytest.param({"Pipfile": "[packages]\na = 1 2\n"}, 2, "not valid TOML", id="Pipfile"),
        pytest.param(
            {"Pipfile": "[packages]\na = {extras = 1}\n"},
            2,
            "a: extras must be",
            id="Pipfile extras",
        ),
        pytest.param(
            {"Pipfile": "[packages]\na = 'x'\n"}, 2, "is not a requirement", id="Pipfile entry"
        ),
        pytest.param({"pyproject.toml": f"{OLD}a = '2 || ^3'\n"}, 6, "a = '2 || ^3'", id="choice"),
        pytest.param(
            {"pyproject.toml": f"{OLD}a = 'latest'\n"}, 6, "Could not parse", id="old entry"
        ),
        pytest.param(
            {"pyproject.toml": "[tool.poetry]\ndependencies = 3\n"},
            2,
            "must be a table",
            id="no table",
        ),
        pytest.param(
            {"environment.yml": "name: e\ndependencies:\n- pip:\n  - a\n  - b==x\n"},
            5,
            "b==x",
            id="pip section",
        ),
        pytest.param(
            {"pyproject.toml": "[project]\nname = 'a'\ndynamic = ['dependencies']\n"},
            3,
            "dynamic",
            id="dynamic",
        ),
        pytest.param(
            {
                "pyproject.toml": "[project]\ndependencies = [\n  'a',\n  'b=>8',\n]\n",
                "requirements.txt": "b\n",
            },
            4,
            "'b=>8' is not a requirement",
            id="entry that stands there",
        ),
        pytest.param({}, None, "Nothing in", id="nothing"),
        pytest.param(
            {"environment2.yml": "dependencies: [a]"},
            None,
            "Nothing in",
            id="a conda file of another name",
        ),
    ],
)
def test_what_is_wrong_is_one_error_with_its_place(
    root: Path, files: dict[str, str], line: int | None, said: str
) -> None:
    with pytest.raises(LabError) as caught:
        _init(root, files)
    error = caught.value
    assert (error.exit_code, error.line) == (ExitCode.BAD_REQUEST, line)
    assert error.file == (next(iter(files), None) if line else None)
    assert said in error.message
    assert "secret" not in error.message
    assert str(error.remedy)
    assert line or all(name in str(error.remedy) for name in files)
    assert {path.name for path in root.iterdir() if path.is_file()} == set(files)


@pytest.mark.parametrize(
    ("files", "said"),
    [
        pytest.param(
            {"requirements.txt": "--index-url https://u:pw@h/simple\na"},
            "warn requirements.txt:1",
            id="index",
        ),
        pytest.param(
            {"requirements.txt": "--no-binary :all:\na"},
            "'--no-binary :all:' is not taken over",
            id="binary",
        ),
        pytest.param(
            {"requirements.txt": "a", "requirements_gpu.txt": "b"},
            "does not say whether",
            id="unknown purpose",
        ),
        pytest.param(
            {"requirements-dev.txt": "a\n-e .[dev]"},
            "installed without its extra dev",
            id="own extra",
        ),
        pytest.param(
            {"setup.py": "setup(name='a', install_requires=read())"},
            "install_requires is computed",
            id="computed",
        ),
        pytest.param(
            {"setup.py": "setup(**given)", "requirements.txt": "a"}, "** is computed", id="keywords"
        ),
        pytest.param(
            {"requirements.txt": "a", "environment.yml": "name: e\ndependencies: [r-base]"},
            "r-base",
            id="conda's",
        ),
        pytest.param(
            {"requirements.txt": "a>1", "Pipfile": "[packages]\na='*'"},
            "a>1 (there a)",
            id="rivals",
        ),
        pytest.param(
            {"requirements.txt": "a\n-c c.txt", "c.txt": "b<2"},
            "b<2 holds for uv alone",
            id="constraint",
        ),
        pytest.param(
            {"pyproject.toml": f"{OLD}a = {{version='1', source='x'}}"},
            "a: source stays",
            id="source",
        ),
        pytest.param(
            {
                "pyproject.toml": f"{OLD}a = [{{version='1', source='x'}},"
                " {version='2', source='y'}]"
            },
            "a: {'source': 'y'} is NOT taken over; {'source': 'x'} is used",
            id="second source",
        ),
        pytest.param(
            {
                "pyproject.toml": f"{OLD}a = [{{path='x', python='3.9'}},"
                " {path='y', python='>3.9'}]"
            },
            "a: {'path': 'y'} is NOT taken over; {'path': 'x'} is used",
            id="second path",
        ),
        pytest.param(
            {"conda.yml": "name: a", "environment.yml": "name: b"},
            "environment.yml:None",
            id="two conda files",
        ),
        pytest.param(
            {"requirements.txt": "a", "environment-dev.yml": "dependencies: [b]"},
            "environment-dev.yml needs a look it is a conda file, and is not read "
            "Give environment-dev.yml a name that is read, then run init again: "
            "mv -- environment-dev.yml environment.yml",
            id="a conda file of another name",
        ),
        pytest.param(
            {"environment.yml": "name: e", "dev.yaml": "channels: [c]\ndependencies: [b]"},
            "dev.yaml needs a look it is a conda file, and is not read "
            "Merge it into environment.yml",
            id="a conda file beside the project's",
        ),
    ],
)
def test_what_cannot_come_along_is_said(root: Path, files: dict[str, str], said: str) -> None:
    warned = [one for one in _init(root, files, dry_run=True).results if one.status is Status.WARN]
    text = _said(Answer(warned))
    assert said in text
    assert "pw" not in text
    assert not (root / "pyproject.toml").exists() or "pyproject.toml" in files


@pytest.mark.parametrize(
    ("files", "combo"),
    [
        pytest.param({"requirements.txt": "a"}, "pip_uv", id="requirements"),
        pytest.param({"pyproject.toml": OLD}, "pip_poetry", id="old tables"),
        pytest.param({"requirements.txt": "a", "poetry.lock": ""}, "pip_poetry", id="lock"),
        pytest.param(
            {"environment.yml": "name: e", "pyproject.toml": OLD}, "conda_poetry", id="conda file"
        ),
        pytest.param(
            {"environment.yml": "name: e", ".venv/pyvenv.cfg": ""},
            "conda_uv",
            id="half an environment",
        ),
    ],
)
def test_combo_is_found_out(root: Path, files: dict[str, str], combo: str) -> None:
    _init(root, files, combo="")
    assert _data(root)["tool"]["mlops-lab"]["combo"] == combo


def test_utf_16_is_read_as_pip_and_conda_read_it(root: Path) -> None:
    (root / "requirements.txt").write_bytes("toolz>=0.12\n".encode("utf-16"))
    text = "name: demo\ndependencies: [python=3.11, pip]\n"
    (root / "environment.yml").write_bytes(text.encode("utf-16"))
    _init(root, {})
    project = _data(root)["project"]
    assert (project["name"], project["dependencies"]) == ("demo", ["toolz>=0.12"])


def test_section_that_conda_ignores_is_said(root: Path) -> None:
    text = "name: demo\ndepedencies: [python=3.11]\n"
    found = _init(root, {"environment.yml": text}, dry_run=True)
    (warned,) = [one for one in found.results if one.status is Status.WARN]
    assert "conda ignores the section 'depedencies'" in warned.detail
    assert (warned.file, warned.line) == ("environment.yml", 2)


def test_line_ends_and_what_stands_there_stay(root: Path) -> None:
    kept = "# head\r\n\r\n[tool.black]\r\nline-length = 99  # wide\r\n"
    _init(root, {"pyproject.toml": kept, "requirements.txt": "a\n"})
    data = (root / "pyproject.toml").read_bytes()
    assert b"\n" not in data.replace(b"\r\n", b"")
    assert data.startswith(b"# head\r\n\r\n[project]\r\n")
    assert b"[tool.black]\r\nline-length = 99  # wide\r\n" in data
    assert b'"a"' in data


def test_groups_are_the_same_for_both_managers(root: Path) -> None:
    text = f"{OLD}[tool.poetry.group.docs]\noptional = true\n"
    text += "[tool.poetry.group.docs.dependencies]\na = '*'\n"
    _init(
        root,
        {
            "pyproject.toml": text,
            "requirements-test.txt": "b\n",
            "requirements-dev.txt": "-r requirements-test.txt\n",
        },
    )
    data = _data(root)
    assert data["dependency-groups"] == {
        "docs": ["a"],
        "dev": [{"include-group": "test"}],
        "test": ["b"],
    }
    assert data["tool"]["poetry"]["group"] == {"docs": {"optional": True}}
    assert data["tool"]["uv"]["default-groups"] == ["dev", "test"]


def test_groups_that_a_manager_leaves_out_stay_so(root: Path) -> None:
    text = '[project]\nname = "a"\nversion = "1"\n[dependency-groups]\ndev = ["b"]\nlint = ["c"]\n'
    _init(root, {"pyproject.toml": text})
    assert _data(root)["tool"]["poetry"] == {
        "group": {"lint": {"optional": True}},
        "package-mode": False,
    }
    assert "default-groups" not in _data(root)["tool"]["uv"]


def test_groups_that_stand_far_from_each_other_come_along(root: Path) -> None:
    groups = [f"[tool.poetry.group.{name}.dependencies]\n{name} = '*'\n" for name in ("one", "two")]
    text = f"{OLD}[build-system]\nrequires = []\n{groups[0]}"
    text += f"[tool.black]\nline-length = 99\n{groups[1]}"
    _init(root, {"pyproject.toml": text})
    data = _data(root)
    assert data["dependency-groups"] == {"one": ["one"], "two": ["two"]}
    assert data["tool"]["black"] == {"line-length": 99}


def test_script_may_have_the_name_of_an_address(root: Path) -> None:
    tables = "[tool.poetry.urls]\ndocs = 'https://h'\n[tool.poetry.scripts]\ndocs = 'demo:main'\n"
    _init(root, {"pyproject.toml": f"{OLD}{tables}"})
    project = _data(root)["project"]
    assert (project["urls"], project["scripts"]) == ({"docs": "https://h"}, {"docs": "demo:main"})


def test_plain_requirement_has_no_option_of_any_pip(root: Path) -> None:
    assert "not taken over" not in _said(_init(root, {"requirements.txt": "a"}))


def test_conda_file_loses_its_pip_section_alone(root: Path) -> None:
    text = "# top\nname: e\ndependencies:\n  - r-base  # R\n"
    text += "  - pip:\n    # cli\n    - a>1  # why\n  - six\n"
    _init(root, {"environment.yml": text}, combo="conda_poetry")
    assert (
        root / "environment.yml"
    ).read_text() == "# top\nname: e\ndependencies:\n  - r-base  # R\n  - pip\n  - six\n"
    assert _data(root)["project"]["dependencies"] == ["a>1"]


@pytest.mark.parametrize(
    "files",
    [
        pytest.param(
            {"pyproject.toml": f"{_BUILT}version = '1'\ndependencies = ['six>1']\n"},
            id="[build-system]",
        ),
        pytest.param(
            {"setup.py": "setup(name='a', version='1', install_requires=['six>1'])"}, id="setup.py"
        ),
    ],
)
def test_pip_section_of_a_package_is_for_its_development(root: Path, files: dict[str, str]) -> None:
    text = "name: e\ndependencies:\n- pip:\n  - six\n  - furo>1 # docs\n  - -r more.txt\n"
    answer = _init(
        root,
        {**files, "environment.yml": text, "more.txt": "ray\n", "requirements.txt": "furo>1\n"},
        combo="conda_uv",
    )
    assert _data(root)["project"]["dependencies"] == ["six>1"]
    assert _data(root)["dependency-groups"] == {"dev": ["furo>1", "ray"]}
    assert "comes into the group dev: whoever installs the package does not get it" in _said(answer)
    assert "six (there six>1)" in _said(answer)


def test_comma_in_a_name_leaves_the_address_its_own() -> None:
    assert people(["One, A. <a@h.org>", "B"]) == [
        {"name": "One, A.", "email": "a@h.org"},
        {"name": "B"},
    ]


def test_second_run_finds_nothing_to_do(root: Path) -> None:
    _init(root, {"requirements.txt": "a"})
    before = (root / "pyproject.toml").read_bytes()
    answer = _init(root, {})
    assert answer.data["note"] == "nothing to do"
    assert (root / "pyproject.toml").read_bytes() == before


@pytest.mark.parametrize(
    ("before", "after"),
    [
        pytest.param(
            "[\n    'a',  # b\n\n    'c',\n]",
            "[\n    'a',  # b\n\n    'c',\n    \"x\",\n]",
            id="lines",
        ),
        pytest.param(
            "[\n  'a'  # b\n  # c\n  ] # d",
            "[\n  'a',  # b\n  # c\n  \"x\",\n  ] # d",
            id="no comma",
        ),
        pytest.param("[ 'a' ]", "[\n    'a',\n    \"x\",\n]", id="one line"),
        pytest.param("[ # none\n]", '[ # none\n    "x",\n]', id="comment alone"),
    ],
)
def test_list_keeps_its_layout(root: Path, before: str, after: str) -> None:
    text = f"[project]\nname = 'demo'\ndependencies = {before}\n"
    more = "name: e\ndependencies:\n- pip:\n  - x\n"
    _init(root, {"pyproject.toml": text, "environment.yml": more})
    assert f"\ndependencies = {after}\n" in (root / "pyproject.toml").read_text()


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        pytest.param(
            f"[tool.x]\na = 1\n\n# of old\n{OLD}a = '1' #tight\n\n"
            "# of black\n[tool.black]\nb = 1\n",
            [
                '[project]\n# of old\nname = "demo"\n',
                '"a==1", # tight\n',
                "]\n\n[tool.x]\na = 1\n\n# of black\n[tool.black]\n",
            ],
            id="dropped table",
        ),
        pytest.param(
            "[tool.x]\na = 1\n# of project\n[project] # that\nname = 'a'\n[tool.y]\nb = 1\n",
            [
                "package = false\n\n# of project\n[project] # that\nname = 'a'\n",
                "[]\n\n[tool.y]\nb = 1\n",
            ],
            id="table that stays",
        ),
        pytest.param(
            "[tool.x]\na = [\n  # c\n  ['b']\n]\n  # deep\n[project]\nname = 'a'\n",
            ["[tool.x]\na = [\n  # c\n  ['b']\n]\n  # deep\n"],
            id="no header",
        ),
    ],
)
def test_comments_above_a_table_go_with_it(root: Path, text: str, expected: list[str]) -> None:
    _init(root, {"pyproject.toml": text})
    made = (root / "pyproject.toml").read_text()
    assert [part for part in expected if part not in made] == []


def test_alternatives_of_an_optional_dependency_are_all_kept(root: Path) -> None:
    rows = "a = [{version = '1', python = '<3.10', optional = true},"
    rows += " {version = '2', python = '>=3.10', optional = true}]"
    _init(root, {"pyproject.toml": f"{OLD}{rows}\n[tool.poetry.extras]\nx = ['a']\n"})
    assert [one[:4] for one in _data(root)["project"]["optional-dependencies"]["x"]] == [
        "a==1",
        "a==2",
    ]


def test_source_of_one_alternative_holds_for_that_alone(root: Path) -> None:
    from poetry.core.factory import Factory  # noqa: PLC0415 - it is slow to import

    mac = "markers = 'sys_platform == \"darwin\"'"
    rows = f"[{{version = '2', platform = 'linux', source = 's'}}, {{version = '1', {mac}}}]"
    text = f"{OLD}a = {rows}\n[tool.poetry.group.x.dependencies]\na = {rows}\n"
    warned = [
        one for one in _init(root, {"pyproject.toml": text}).results if one.status is Status.WARN
    ]
    package = Factory().create_poetry(root).package
    for group in ("main", "x"):
        found = package.dependency_group(group).dependencies_for_locking
        assert [(one.to_pep_508(), one.source_name) for one in found] == [
            ('a (==2) ; sys_platform == "linux"', "s"),
            ('a (==1) ; sys_platform == "darwin"', None),
        ]
    assert (
        _said(Answer(warned)).count("a: source stays in Poetry's table, and uv does not read it")
        == len(warned)
        == 2
    )


def test_folder_of_one_platform_keeps_its_marker(root: Path) -> None:
    (root / "b").mkdir()
    _init(root, {"pyproject.toml": f"{OLD}a = {{path = 'b', platform = 'linux'}}\n"})
    assert _data(root)["project"]["dependencies"] == ['a ; sys_platform == "linux"']


def test_files_of_dynamic_dependencies_are_read_once(root: Path) -> None:
    text = f"{_BUILT}dynamic = ['version', 'dependencies']\n"
    text += "[tool.setuptools.dynamic]\ndependencies = {file = ['deps.in']}\n"
    answer = _init(
        root,
        {
            "pyproject.toml": text,
            "deps.in": "x\n-r requirements.txt\n",
            "requirements.txt": "b\n",
        },
    )
    assert _data(root)["project"]["dependencies"] == ["x", "b"]
    assert _said(answer).count("found requirements.txt") == 1


def test_version_that_a_plugin_computes_stays_dynamic(root: Path) -> None:
    _init(root, {"pyproject.toml": _BUILT})
    assert _data(root)["project"]["dynamic"] == ["version"]
    assert "version" not in _data(root)["project"]


def test_group_that_another_includes_is_there(root: Path) -> None:
    _init(
        root,
        {
            "requirements-dev.txt": "-r requirements-test.txt\na\n",
            "requirements-test.txt": "# none yet\n",
        },
    )
    assert _data(root)["dependency-groups"] == {"dev": [{"include-group": "test"}, "a"], "test": []}


def test_project_itself_is_no_dependency(root: Path) -> None:
    _init(
        root,
        {
            "Pipfile": "[packages]\nme = {path = '.', editable = true}\na = '*'\n",
            "setup.py": "setup(name='me')",
        },
    )
    assert _data(root)["project"]["dependencies"] == ["a"]


@pytest.mark.parametrize(
    ("name", "text"),
    [
        pytest.param(
            "environment.yml",
            "name: e\ndependencies:\n- pip:\n  - Sel.fie>=1.0\n  - six\n",
            id="conda",
        ),
        pytest.param("requirements.txt", "Sel.fie>=1.0\nsix\n", id="requirements"),
        pytest.param("Pipfile", "[packages]\n'Sel.fie' = '>=1.0'\nsix = '*'\n", id="Pipfile"),
    ],
)
def test_name_of_the_project_is_no_dependency(root: Path, name: str, text: str) -> None:
    own = "[project]\nname = 'sel-fie'\nversion = '1'\n"
    own += "[project.optional-dependencies]\nall = ['sel-fie[x]']\nx = []\n"
    answer = _init(root, {"pyproject.toml": own, name: text})
    assert _data(root)["project"]["dependencies"] == ["six"]
    assert _data(root)["project"]["optional-dependencies"]["all"] == ["sel-fie[x]"]
    assert "is the project itself, and is left out" in _said(answer)


@pytest.mark.parametrize(
    ("requires", "expected", "said"),
    [
        pytest.param(
            ["setuptools==69.5.0", "poetry-core>=1.0.0,!=1.3,!=2.1.0"],
            ["setuptools==69.5.0", "poetry-core>=2.0.0,<3.0.0,!=2.1.0"],
            "is raised to 'poetry-core>=2.0.0,<3.0.0,!=2.1.0'",
            id="raised",
        ),
        pytest.param(
            ["poetry>=0.12"],
            ["poetry-core>=2.0.0,<3.0.0"],
            "'poetry>=0.12' (line 7)",
            id="whole Poetry",
        ),
        pytest.param(
            ["poetry-core>=2.1", "cython"], ["poetry-core>=2.1", "cython"], "", id="new enough"
        ),
    ],
)
def test_what_the_build_requires_stays(
    root: Path, requires: list[str], expected: list[str], said: str
) -> None:
    build = f"[build-system]\nrequires = {json.dumps(requires)}\n"
    build += "build-backend = 'poetry.core.masonry.api'\n"
    answer = _init(root, {"pyproject.toml": f"{OLD}{build}"})
    assert _data(root)["build-system"]["requires"] == expected
    assert said in _said(answer)
    assert ("is raised" in _said(answer)) == bool(said)


def test_answer_of_a_folder_that_is_gone(root: Path, capfd: pytest.CaptureFixture[str]) -> None:
    root.rmdir()
    request = Request("init", Scope.FOLDER, json=True)
    assert runner.answer(request, lambda *_: Answer()) == ExitCode.TOOL_FAILED
    assert json.loads(capfd.readouterr().out)["project"] == ""
