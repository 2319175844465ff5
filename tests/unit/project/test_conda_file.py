"""What a conda file may hold, and where a bad one is said to be wrong."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tasks_lib.errors import ExitCode, LabError
from tasks_lib.project.conda_file import CONDA_FILES, CondaFile, spec_name
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

PLAIN = "name: demo\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.12\n  - pip\n"
BOMB = "a: &a [x, x, x, x, x, x, x, x]\n" + "".join(
    f"{new}: &{new} [{', '.join(f'*{old}' for _ in range(8))}]\n"
    for old, new in zip("abcdefghi", "bcdefghij", strict=True)
)
#: each mapping has all of the one before it twice
MERGES = "a0: &a0 {x: 1}\n" + "".join(
    f"a{n}: &a{n} {{<<: [*a{n - 1}, *a{n - 1}]}}\n" for n in range(1, 40)
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
    "UTF-16 without its mark": ("name: a\n".encode("utf-16-le"), 1, "not valid YAML"),
    "UTF-16 with half a letter": ("name: a\n".encode("utf-16") + b"x", 2, "not UTF-16"),
    "UTF-32": ("name: a\n".encode("utf-32"), 1, "not valid YAML"),
    "deep nesting": (b"name: a\ndependencies: " + b"[" * 20_000, 2, "nested too deeply"),
    "deep mappings": (b"name: a\nx: " + b"{a: " * 20_000, 2, "nested too deeply"),
    "too many keys": (
        b"name: a\n" + b"".join(b"k%d: 1\n" % number for number in range(50_000)),
        None,
        "longer than 20000 values",
    ),
    "merges ever again": (
        f"{MERGES}name: a\n".encode(),
        None,
        "longer than 20000 values",
    ),
    "merge with itself": (b"name: a\nx: &x {<<: *x}\n", 2, "'x' contains itself"),
    "tag of nobody": (b"name: a\nx: !foo 1\n", 2, "nothing knows the tag !foo"),
    "tag of a program": (
        b"name: a\nx: !!python/name:os.system ''\n",
        2,
        "nothing knows the tag tag:yaml.org,2002:python",
    ),
    "key twice in the variables": (b"name: a\nvariables: {A: 1, A: 2}\n", 2, "'A' occurs twice"),
    "key twice in what is ignored": (b"name: a\nx: [{b: 1, b: 2}]\n", 2, "'b' occurs twice"),
    "alias bomb": (f"{BOMB}name: a\ndependencies: [*j]\n".encode(), 10, "must be a string"),
    "list that holds itself": (b"name: a\ndependencies: &d [*d]\n", 2, "must be a string"),
    "empty": (b"", None, "must be a mapping"),
    "only a comment": (b"# nothing\n", None, "must be a mapping"),
    "list at the top": (b"- python\n", 1, "must be a mapping"),
    "text at the top": (b"python\n", 1, "must be a mapping"),
    "no name": (b"channels: [conda-forge]\ndependencies: [python]\n", 1, "no name"),
    "name of nothing": (b"dependencies: [python]\nname:\n", 2, "name must be a string"),
    "name of no length": (b"dependencies: [python]\nname: ''\n", 2, "is not a name"),
    "name that is a list": (b"name: [a]\n", 1, "name must be a string"),
    "name with a slash": (b"channels: []\nname: a/b\n", 2, "is not a name"),
    "name with a backslash": (b"name: a\\b\n", 1, "is not a name"),
    "name with a space": (b"name: a b\n", 1, "is not a name"),
    "name with a colon": (b"name: 'a:b'\n", 1, "is not a name"),
    "name with a line break": (b'name: "a\\nb"\n', 1, "is not a name"),
    "name of two dots": (b"name: ..\n", 1, "is not a name"),
    "base": (b"name: base\n", 1, "base is never changed"),
    "root": (b"name: root\n", 1, "base is never changed"),
    "BASE": (b"name: BASE\n", 1, "base is never changed"),
    "name twice": (b"name: a\nchannels: []\nname: b\n", 3, "'name' occurs twice"),
    "key that is a list": (b"name: a\n? [b]\n: c\n", 2, "A key must be a word"),
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
    "dependency of no length": (b"name: a\ndependencies:\n  - ''\n", 3, "is not a dependency"),
    "dependency without a name": (b"name: a\ndependencies:\n  - '>=3'\n", 3, "is not a dependency"),
    "dependency that is a list": (b"name: a\ndependencies:\n  - [python]\n", 3, "must be a string"),
    "dependency that looks like a mapping": (
        b"name: a\ndependencies:\n  - python: 3.12\n",
        3,
        "Only a 'pip:' section",
    ),
    "section of another tool": (
        b"name: a\ndependencies:\n  - npm: [x]\n",
        3,
        "Only a 'pip:' section",
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
    "variable with a dot": (b"name: a\nvariables:\n  A: x\n  a.b: x\n", 4, "No shell"),
    "variable with code": (b"name: a\nvariables: {'A;id #': x}\n", 2, "No shell"),
    "variable with a line break": (b'name: a\nvariables: {"A\\n": x}\n', 2, "No shell"),
    "variable that begins with a digit": (b"name: a\nvariables: {1A: x}\n", 2, "No shell"),
    "variable in another script": (b"name: a\nvariables: {\xc3\x89: x}\n", 2, "No shell"),
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
    "two pip sections": (b"name: a\ndependencies:\n  - pip: [a]\n  - pip: [b]\n", (), ("b",)),
    "UTF-16": ("name: a\ndependencies: [é]\n".encode("utf-16"), ("é",), ()),
    "UTF-16, the other way": (
        b"\xfe\xff" + "name: a\ndependencies: [b]\n".encode("utf-16-be"),
        ("b",),
        (),
    ),
    "flow": (b"{name: a, dependencies: [b, {pip: [c]}]}", ("b",), ("c",)),
    "list by its name": (b"x: &x [b, c]\nname: a\ndependencies: *x\n", ("b", "c"), ()),
    "merged": (b"x: &x {name: b, dependencies: [c]}\n<<: *x\nname: a\n", ("c",), ()),
    "merged lists": (
        b"x: &x {name: a}\ny: &y {name: b, dependencies: [c]}\n<<: [*x, *y]\n",
        ("c",),
        (),
    ),
    "tags of YAML": (b"name: !!str a\ndependencies: [! b, !!str c]\n", ("b", "c"), ()),
    "document": (b"%YAML 1.1\n---\nname: a\ndependencies: [b]\n...\n", ("b",), ()),
    "line ends of old": (b"name: a\rdependencies: [b]\r", ("b",), ()),
    "channel in a spec": (
        b"name: a\ndependencies:\n  - conda-forge::Numpy >=1.2\n",
        ("conda-forge::Numpy >=1.2",),
        (),
    ),
}


@cases("data, line, words", BAD_CONDA)
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


@cases("data, dependencies, pip", GOOD_CONDA)
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


TEXTS = st.text(st.sampled_from("ab:-#[]{}&*!|>'\"%@`,?\\/=~. \t\n\r\0\x85\u2028é1"), max_size=60)
YAML_LIKE = st.lists(
    st.one_of(
        TEXTS,
        st.sampled_from(
            ["name: a", "dependencies:", "  - python", "  - pip:", "    - six", "channels: [x]"]
        ),
    )
).map("\n".join)


@given(text=YAML_LIKE)
@settings(max_examples=150, deadline=None)
def test_no_text_as_conda_file_gives_another_error(
    tmp_path_factory: pytest.TempPathFactory, text: str
) -> None:
    path = tmp_path_factory.mktemp("text") / "conda.yml"
    path.write_bytes(text.encode())
    named = "conda.yml"
    try:
        CondaFile.read(path)
    except LabError as error:
        named = str(error.file)
    assert named == "conda.yml"
