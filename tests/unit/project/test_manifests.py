"""What each manifest may hold, where a bad one is said to be wrong, and what an edit of conda.yml keeps."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.project.conda_edit import with_specs
from tasks_lib.project.manifests import CONDA_FILES, CondaFile, PyProject, read_text, spec_name

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

PLAIN = "name: demo\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.12\n  - pip\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(f'*{old}' for _ in range(8))}]\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)

#: id: (bytes, the line that is at fault, words of the message)
BAD_CONDA: dict[str, tuple[bytes, int | None, str]] = {
    "flow list that is not closed": (b"name: a\ndependencies: [python\n", 3, "not valid YAML"),
    "tab": (b"name: a\ndependencies:\n\t- python\n", 3, "not valid YAML"),
    "quote that is not closed": (b"name: a\ndependencies:\n  - 'python\n", 4, "not valid YAML"),
    "wrong indent": (b"name: a\ndependencies:\n  - python\n - pip\n", 4, "not valid YAML"),
    "undefined alias": (b"name: a\nchannels: *x\n", 2, "not valid YAML"),
    "two documents": (b"name: a\n---\nname: b\n", 2, "not valid YAML"),
    "NUL byte": (b"name: a\nchannels: [\x00]\n", 2, "not valid YAML"),
    "control character": (b"name: a\nchannels: [\x07]\n", 2, "not valid YAML"),
    "Latin-1": (b"name: a\n# caf\xe9\n", 2, "not UTF-8: byte 0xe9"),
    "UTF-16": ("name: a\n".encode("utf-16"), 1, "not UTF-8"),
    "deep nesting": (b"name: a\ndependencies: " + b"[" * 20_000, None, "not valid YAML"),
    "alias bomb": (f"{BOMB}name: a\ndependencies: [*j]\n".encode(), 10, "must be a string"),
    "list that holds itself": (b"name: a\ndependencies: &d [*d]\n", 2, "must be a string"),
    "empty": (b"", None, "must be a mapping"),
    "only a comment": (b"# nothing\n", None, "must be a mapping"),
    "list at the top": (b"- python\n", 1, "must be a mapping"),
    "text at the top": (b"python\n", 1, "must be a mapping"),
    "no name": (b"channels: [conda-forge]\ndependencies: [python]\n", 1, "no name"),
    "name of nothing": (b"dependencies: [python]\nname:\n", 2, "name must be a string"),
    "name of no length": (b"dependencies: [python]\nname: ''\n", 2, "is no name"),
    "name that is a list": (b"name: [a]\n", 1, "name must be a string"),
    "name with a slash": (b"channels: []\nname: a/b\n", 2, "is no name"),
    "name with a backslash": (b"name: a\\b\n", 1, "is no name"),
    "name with a space": (b"name: a b\n", 1, "is no name"),
    "name with a colon": (b"name: 'a:b'\n", 1, "is no name"),
    "name with a line break": (b'name: "a\\nb"\n', 1, "is no name"),
    "name of two dots": (b"name: ..\n", 1, "is no name"),
    "base": (b"name: base\n", 1, "base environment is never touched"),
    "root": (b"name: root\n", 1, "base environment is never touched"),
    "BASE": (b"name: BASE\n", 1, "base environment is never touched"),
    "name twice": (b"name: a\nchannels: []\nname: b\n", 3, "'name' is there twice"),
    "key that is a list": (b"name: a\n? [b]\n: c\n", 2, "a key must be a word"),
    "channels as a word": (b"name: a\nchannels: conda-forge\n", 2, "channels must be a list"),
    "channels as a mapping": (b"name: a\nchannels:\n  x: y\n", 3, "channels must be a list"),
    "channel that is a mapping": (b"name: a\nchannels:\n  - x: y\n", 3, "must be a string"),
    "dependencies as a word": (
        b"name: a\ndependencies: python\n",
        2,
        "dependencies must be a list",
    ),
    "dependencies as a mapping": (
        b"name: a\ndependencies:\n  python: 3\n",
        3,
        "dependencies must be a list",
    ),
    "dependency of nothing": (b"name: a\ndependencies:\n  - python\n  -\n", 4, "must be a string"),
    "dependency of no length": (b"name: a\ndependencies:\n  - ''\n", 3, "is no dependency"),
    "dependency without a name": (b"name: a\ndependencies:\n  - '>=3'\n", 3, "is no dependency"),
    "dependency that is a list": (b"name: a\ndependencies:\n  - [python]\n", 3, "must be a string"),
    "dependency that looks like a mapping": (
        b"name: a\ndependencies:\n  - python: 3.12\n",
        3,
        "only a 'pip:' section",
    ),
    "section of another tool": (
        b"name: a\ndependencies:\n  - npm: [x]\n",
        3,
        "only a 'pip:' section",
    ),
    "pip section as a word": (b"name: a\ndependencies:\n  - pip: six\n", 3, "must be a list"),
    "pip section as a mapping": (
        b"name: a\ndependencies:\n  - pip: {six: 1}\n",
        3,
        "must be a list",
    ),
    "pip section in a pip section": (
        b"name: a\ndependencies:\n  - pip:\n    - pip: [six]\n",
        4,
        "must be a string",
    ),
    "pip entry of nothing": (b"name: a\ndependencies:\n  - pip:\n    -\n", 4, "must be a string"),
    "NUL in a dependency": (b'name: a\ndependencies: ["six\\0"]\n', 2, "six"),
    "NUL in a pip entry": (b'name: a\ndependencies: [{pip: ["six\\0"]}]\n', 2, "six"),
    "NUL in a channel": (b'name: a\nchannels: ["x\\0"]\n', 2, "x"),
    "NUL in a variable": (b'name: a\nvariables: {A: "x\\0"}\n', 2, "A"),
    "variables as a list": (b"name: a\nvariables: [A]\n", 2, "variables must be a mapping"),
    "variable of nothing": (b"name: a\nvariables:\n  A:\n", 3, "must be a string"),
    "variable without a name": (b"name: a\nvariables: {'': x}\n", 2, "variable"),
    "variable with an equals sign": (b"name: a\nvariables: {'A=B': x}\n", 2, "variable"),
}

#: id: (bytes, dependencies, pip)
GOOD_CONDA: dict[str, tuple[bytes, tuple[str, ...], tuple[str, ...]]] = {
    "nothing but a name": (b"name: a\n", (), ()),
    "byte order mark": (b"\xef\xbb\xbfname: a\ndependencies: [python]\n", ("python",), ()),
    "CRLF": (b"name: a\r\ndependencies:\r\n  - python\r\n  - pip\r\n", ("python", "pip"), ()),
    "list without an indent": (b"name: a\ndependencies:\n- python\n- pip\n", ("python", "pip"), ()),
    "lists of nothing": (b"name: a\nchannels:\ndependencies:\nvariables:\n", (), ()),
    "comments and selectors": (
        b"name: a # b\ndependencies:\n  - six # [win]\n  # - no\n  - pip # why\n",
        ("six", "pip"),
        (),
    ),
    "prefix": (b"name: a\nprefix: /x/y\ndependencies: [python]\n", ("python",), ()),
    "key that is a number": (b"name: a\n1: 2\n", (), ()),
    "huge numbers": (
        b"name: a\nx: " + b"9" * 5000 + b"\ndependencies: [1e99999]\n",
        ("1e99999",),
        (),
    ),
    "impossible date": (b"name: a\nx: 2001-99-99\n", (), ()),
    "alias": (b"name: a\nx: &p python=3.12\ndependencies: [*p]\n", ("python=3.12",), ()),
    "unused alias bomb": (f"{BOMB}name: a\n".encode(), (), ()),
    "pip section": (
        b"name: a\ndependencies:\n  - pip\n  - pip:\n    - six\n    - -e .\n",
        ("pip",),
        ("six", "-e ."),
    ),
    "pip section of nothing": (b"name: a\ndependencies:\n  - pip:\n", (), ()),
    "two pip sections": (b"name: a\ndependencies:\n  - pip: [a]\n  - pip: [b]\n", (), ("a", "b")),
    "channel in a spec": (
        b"name: a\ndependencies:\n  - conda-forge::Numpy >=1.2\n",
        ("conda-forge::Numpy >=1.2",),
        (),
    ),
}


@pytest.mark.parametrize(("data", "line", "words"), BAD_CONDA.values(), ids=BAD_CONDA)
def test_bad_conda_file_is_named_with_its_line(
    root: Path, data: bytes, line: int | None, words: str
) -> None:
    path = root / "conda.yml"
    path.write_bytes(data)
    with pytest.raises(LabError) as caught:
        CondaFile.read(path)
    assert words in caught.value.message
    assert (caught.value.file, caught.value.line) == ("conda.yml", line)
    assert caught.value.exit_code == ExitCode.BAD_REQUEST
    assert str(caught.value.remedy)


@pytest.mark.parametrize(("data", "dependencies", "pip"), GOOD_CONDA.values(), ids=GOOD_CONDA)
def test_sound_conda_file_is_read(
    root: Path, data: bytes, dependencies: tuple[str, ...], pip: tuple[str, ...]
) -> None:
    path = root / "conda.yml"
    path.write_bytes(data)
    found = CondaFile.read(path)
    assert (found.name, found.dependencies, found.pip) == ("a", dependencies, pip)


def test_conda_file_gives_channels_variables_python_and_lines(root: Path) -> None:
    path = root / "conda.yml"
    path.write_text(f"{PLAIN}  - pip:\n    - six\nvariables:\n  A: '1'\n  B: 2\n")
    found = CondaFile.read(path)
    assert found.channels == ("conda-forge",)
    assert found.variables == {"A": "1", "B": "2"}
    assert found.python == "python=3.12"
    assert found.lines == {"python": 5, "pip": 6, "pip:": 7}


@pytest.mark.parametrize(
    ("spec", "name"),
    [
        ("numpy", "numpy"),
        ("conda-forge::numpy >=1.2", "numpy"),
        ("python=3.12.*=*_cpython", "python"),
        ("NumPy<2", "numpy"),
        ("typing_extensions", "typing_extensions"),
        ("typing-extensions~=4.0", "typing-extensions"),
        ("numpy[version='>=1']", "numpy"),
        ("  six  ", "six"),
        ("!=3", ""),
    ],
)
def test_name_of_a_spec(spec: str, name: str) -> None:
    assert spec_name(spec) == name


def test_conda_file_is_found_by_the_names_that_people_use_in_a_stated_order(root: Path) -> None:
    assert CondaFile.find(root) is None
    for name in reversed(CONDA_FILES):
        (root / name).touch()
        assert CondaFile.find(root) == root / name
    (root / "python_env.yaml").touch()
    assert CondaFile.find(root) == root / "conda.yml"


def test_folder_in_the_place_of_a_manifest_is_an_error_with_its_name(root: Path) -> None:
    (root / "conda.yml").mkdir()
    assert CondaFile.find(root) is None
    with pytest.raises(LabError, match="cannot be read") as caught:
        read_text(root / "conda.yml")
    assert caught.value.file == "conda.yml"


HEAD = '[project]\nname = "demo"\n'
BAD_PYPROJECT: dict[str, tuple[bytes, int | None, str]] = {
    "table that is not closed": (f"{HEAD}[tool\n".encode(), 3, "not valid TOML"),
    "string that is not closed": (b'[project]\nname = "demo\n', 2, "not valid TOML"),
    "key twice": (f'{HEAD}name = "other"\n'.encode(), 3, "not valid TOML"),
    "NUL byte": (f"{HEAD}\x00".encode(), 3, "not valid TOML"),
    "lone CR": (b'[project]\rname = "demo"\r', 1, "not valid TOML"),
    "Latin-1": (f"{HEAD}# caf\xe9\n".encode("latin-1"), 3, "not UTF-8"),
    "UTF-16": (HEAD.encode("utf-16"), 1, "not UTF-8"),
    "deep nesting": (f"{HEAD}a = {'[' * 20_000}".encode(), None, "not valid TOML"),
    "huge number": (f"{HEAD}a = {'9' * 5000}\n".encode(), 3, "not valid TOML"),
    "impossible date": (f"{HEAD}a = 2001-99-99\n".encode(), 3, "not valid TOML"),
    "project as a word": (b'project = "demo"\n', 1, "'project' must be a table"),
    "project as an array of tables": (
        b'[[project]]\nname = "demo"\n',
        1,
        "'project' must be a table",
    ),
    "name as a number": (b"[project]\nname = 3\n", 2, "'name' must be a string"),
    "requires-python as a number": (
        f"{HEAD}requires-python = 3.11\n".encode(),
        3,
        "'requires-python' must be",
    ),
    "dependencies as a word": (
        f'{HEAD}dependencies = "six"\n'.encode(),
        3,
        "'dependencies' must be a list",
    ),
    "dependencies as a table": (
        f"{HEAD}[project.dependencies]\nsix = 1\n".encode(),
        3,
        "'dependencies' must be a list",
    ),
    "groups as a list": (
        b'dependency-groups = ["lab"]\n',
        1,
        "'dependency-groups' must be a table",
    ),
    "group as a word": (
        f'{HEAD}[dependency-groups]\nlab = "six"\n'.encode(),
        4,
        "'lab' must be a list",
    ),
    "tool as a word": (b"tool = 3\n", 1, "'tool' must be a table"),
    "own table as a word": (
        f'{HEAD}[tool]\nmlops-lab = "x"\n'.encode(),
        4,
        "'mlops-lab' must be a table",
    ),
    "name behind another table's name": (
        b'[tool.x]\nname = "x"\n[project]\nname = 3\n',
        4,
        "'name' must be a string",
    ),
}


@pytest.mark.parametrize(("data", "line", "words"), BAD_PYPROJECT.values(), ids=BAD_PYPROJECT)
def test_bad_pyproject_is_named_with_its_line(
    root: Path, data: bytes, line: int | None, words: str
) -> None:
    path = root / "pyproject.toml"
    path.write_bytes(data)
    with pytest.raises(LabError) as caught:
        PyProject.read(path)
    assert words in caught.value.message
    assert (caught.value.file, caught.value.line) == ("pyproject.toml", line)
    assert caught.value.exit_code == ExitCode.BAD_REQUEST
    assert str(caught.value.remedy)


@pytest.mark.parametrize(
    "data",
    [
        pytest.param(b"", id="empty"),
        pytest.param(b"\xef\xbb\xbf" + HEAD.encode(), id="byte order mark"),
        pytest.param(HEAD.replace("\n", "\r\n").encode(), id="CRLF"),
        pytest.param(
            b'[tool.poetry]\nname = "demo"\n[tool.poetry.dependencies]\npython = "^3.11"\n',
            id="older Poetry",
        ),
        pytest.param(
            b'[build-system]\nrequires = []\n[project]\nname = "d"\ndynamic = ["version"]\n',
            id="dynamic",
        ),
    ],
)
def test_sound_pyproject_is_read(root: Path, data: bytes) -> None:
    path = root / "pyproject.toml"
    path.write_bytes(data)
    assert PyProject.read(path).requires_python == ""


def test_missing_pyproject_says_where_and_what_to_type(root: Path) -> None:
    with pytest.raises(LabError) as caught:
        PyProject.read(root / "pyproject.toml")
    assert str(root) in caught.value.message
    assert "uv init" in str(caught.value.remedy)


def _fault(action: Callable[[], object]) -> LabError | None:
    """Give the error that an action ends in, if any; every other exception is a failure of the test."""
    try:
        action()
    except LabError as error:
        return error
    return None


TEXTS = st.text(st.sampled_from("ab:-#[]{}&*!|>'\"%@`,?\\/=~. \t\n\r\0\x85\u2028é1"), max_size=60)
YAML_LIKE = st.lists(
    st.one_of(
        TEXTS,
        st.sampled_from(
            ["name: a", "dependencies:", "  - python", "  - pip:", "    - six", "channels: [x]"]
        ),
    )
).map("\n".join)
TOML_LIKE = st.lists(
    st.one_of(
        TEXTS,
        st.sampled_from(
            ["[project]", 'name = "a"', "dependencies = []", "[tool.mlops-lab]", "a = 1e9999"]
        ),
    )
).map("\n".join)


@pytest.fixture(scope="module")
def scratch(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give one folder for all examples of a property."""
    return tmp_path_factory.mktemp("scratch")


@given(text=YAML_LIKE)
@settings(max_examples=150, deadline=None)
def test_no_text_as_conda_file_gives_another_error(scratch: Path, text: str) -> None:
    path = scratch / "conda.yml"
    path.write_bytes(text.encode())
    error = _fault(lambda: CondaFile.read(path))
    assert error is None or error.file == "conda.yml"


@given(data=st.one_of(TOML_LIKE.map(str.encode), st.binary(max_size=60)))
@settings(max_examples=150, deadline=None)
def test_no_bytes_as_pyproject_give_another_error(scratch: Path, data: bytes) -> None:
    path = scratch / "pyproject.toml"
    path.write_bytes(data)
    error = _fault(lambda: PyProject.read(path))
    assert error is None or error.file == "pyproject.toml"


ADD: dict[str, tuple[str, tuple[str, ...], str]] = {
    "behind the last": (PLAIN, ("six",), f"{PLAIN}  - six\n"),
    "two at once": (PLAIN, ("six", "numpy>=2"), ""),
    "before the pip section": (
        f"{PLAIN}  - pip:\n    - x\n",
        ("six",),
        f"{PLAIN}  - six\n  - pip:\n    - x\n",
    ),
    "without an indent": (
        "name: a\ndependencies:\n- pip # [win]\n# end\n",
        ("six=1",),
        "name: a\ndependencies:\n- pip # [win]\n- six=1\n# end\n",
    ),
    "without a last line break": (
        "name: a\ndependencies:\n  - pip",
        ("six",),
        "name: a\ndependencies:\n  - pip\n  - six",
    ),
    "in place of another version": (
        "name: a\ndependencies:\n  - six=1  # why [linux]\n  - pip\n",
        ("six>=2",),
        "name: a\ndependencies:\n  - six>=2  # why [linux]\n  - pip\n",
    ),
    "in quotes that stand there": (
        "name: a\ndependencies:\n  - \"six=1\"\n  - 'pip'\n",
        ("six>=2", "pip<30"),
        "name: a\ndependencies:\n  - \"six>=2\"\n  - 'pip<30'\n",
    ),
    "with a comment that names it": (
        "name: a # six\n# six\ndependencies: # six\n  - six # six\n",
        ("six=1",),
        "name: a # six\n# six\ndependencies: # six\n  - six=1 # six\n",
    ),
    "under CRLF": (
        PLAIN.replace("\n", "\r\n"),
        ("six",),
        f"{PLAIN}  - six\n".replace("\n", "\r\n"),
    ),
    "in the order of the file": (
        "dependencies:\n  - pip\nname: a\n",
        ("six",),
        "dependencies:\n  - pip\n  - six\nname: a\n",
    ),
    "with a byte order mark": (f"\ufeff{PLAIN}", ("six",), f"\ufeff{PLAIN}  - six\n"),
}


@pytest.mark.parametrize(("text", "specs", "expected"), ADD.values(), ids=ADD)
def test_adding_changes_its_own_lines_alone(
    root: Path, text: str, specs: tuple[str, ...], expected: str
) -> None:
    path = root / "conda.yml"
    path.write_bytes(text.encode())
    found = with_specs(CondaFile.read(path), specs)
    if expected:
        assert found == expected
    assert set(specs) <= set(_reread(path, found))


DROP: dict[str, tuple[str, str, str]] = {
    "first": (PLAIN, "python", PLAIN.replace("  - python=3.12\n", "")),
    "last": (PLAIN, "pip", PLAIN.replace("  - pip\n", "")),
    "only one": ("name: a\ndependencies:\n  - six\n", "six", "name: a\ndependencies:\n"),
    "with its comment": (
        "name: a\ndependencies:\n  - six # why\n  # next\n  - pip\n",
        "six",
        "name: a\ndependencies:\n  # next\n  - pip\n",
    ),
    "under CRLF": (
        PLAIN.replace("\n", "\r\n"),
        "pip",
        PLAIN.replace("  - pip\n", "").replace("\n", "\r\n"),
    ),
}


@pytest.mark.parametrize(("text", "name", "expected"), DROP.values(), ids=DROP)
def test_dropping_takes_its_own_line_alone(root: Path, text: str, name: str, expected: str) -> None:
    path = root / "conda.yml"
    path.write_bytes(text.encode())
    assert with_specs(CondaFile.read(path), [name], drop=True) == expected


def test_dropping_what_is_not_there_is_refused(root: Path) -> None:
    path = root / "conda.yml"
    path.write_text(PLAIN)
    with pytest.raises(LabError, match="'six' is not among the dependencies"):
        with_specs(CondaFile.read(path), ["six"], drop=True)


#: Shapes that a line editor cannot know all of: it does the right thing, or refuses with a clear error.
ODD = {
    "flow list": "name: a\ndependencies: [python, six, pip]\n",
    "flow list over lines": "name: a\ndependencies: [\n  python-dateutil, six,\n  pip\n]\n",
    "flow list, one a line": "name: a\ndependencies: [\n  python-dateutil,\n  six,\n  pip\n]\n",
    "flow list with dashes": "name: a\ndependencies:\n  [python-dateutil, six]\n",
    "folded entry": "name: a\ndependencies:\n  - pip\n  - >-\n    six\n    >=1\n",
    "entry over two lines": "name: a\ndependencies:\n  - pip\n  - six\n    >=1\n",
    "alias": "name: a\nx:\n  - &s six\ndependencies:\n  - pip\n  - *s\n",
    "escaped": 'name: a\ndependencies:\n  - pip\n  - "s\\x69x"\n',
    "listed twice": "name: a\ndependencies:\n  - six\n  - pip\n  - six>=1\n",
    "mixed line breaks": "name: a\r\n# x\ndependencies:\n  - pip\r\n  - six\n",
    "lone CR": "name: a\r# x\rdependencies:\r  - pip\r  - six\r",
    "line separator in a comment": "name: a\n# x\u2028# y\x85# z\ndependencies:\n  - pip\n  - six\n",
    "of another channel": "name: a\ndependencies:\n  - pip\n  - conda-forge::six\n",
}


@pytest.mark.parametrize("text", ODD.values(), ids=ODD)
@pytest.mark.parametrize(
    ("spec", "drop"),
    [("six=1.17", False), ("six", True), ("numpy", False)],
    ids=["set", "drop", "add"],
)
def test_odd_shapes_are_edited_rightly_or_refused(
    root: Path, text: str, spec: str, drop: bool
) -> None:
    path = root / "conda.yml"
    path.write_bytes(text.encode())
    file = CondaFile.read(path)
    others = [one for one in file.dependencies if spec_name(one) != spec_name(spec)]
    found: list[str] = []
    error = _fault(lambda: found.append(with_specs(file, [spec], drop=drop)))
    if error is not None:
        assert error.file == "conda.yml"
        return
    assert sorted(_reread(path, found[0])) == sorted([*others, *([] if drop else [spec])])


def _reread(path: Path, text: str) -> tuple[str, ...]:
    path.write_bytes(text.encode())
    return CondaFile.read(path).dependencies
