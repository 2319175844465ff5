"""What an edit of conda.yml changes and keeps."""

from __future__ import annotations

from pathlib import Path

import pytest

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project import conda_edit
from tasks_lib.project.conda_file import CondaFile, spec_name
from tests.cases import cases

PLAIN = "name: demo\nchannels:\n  - conda-forge\ndependencies:\n  - python=3.12\n  - pip\n"

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


@cases("text, specs, expected", ADD)
def test_adding_changes_its_own_lines_alone(
    root: Path, text: str, specs: tuple[str, ...], expected: str
) -> None:
    path = root / "conda.yml"
    path.write_bytes(text.encode())
    found = conda_edit.add(path, conda_edit.read(path), specs)
    if expected:
        assert found == expected
    assert set(specs) <= set(CondaFile.parse(path, found).dependencies)


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


@cases("text, name, expected", DROP)
def test_dropping_takes_its_own_line_alone(root: Path, text: str, name: str, expected: str) -> None:
    path = root / "conda.yml"
    path.write_bytes(text.encode())
    assert conda_edit.remove(path, conda_edit.read(path), [name]) == expected


def test_dropping_what_is_not_there_is_refused() -> None:
    with pytest.raises(LabError, match="'six' is not among the dependencies"):
        conda_edit.remove(Path("conda.yml"), PLAIN, ["six"])


#: Shapes that a line editor may not know: it does the right thing, or refuses with a clear error.
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
    "line separator in a comment": (
        "name: a\n# x\u2028# y\x85# z\ndependencies:\n  - pip\n  - six\n"
    ),
    "of another channel": "name: a\ndependencies:\n  - pip\n  - conda-forge::six\n",
    "nothing": "name: a\ndependencies:\n",
    "null": "name: a\ndependencies: null\n",
    "null before another key": "name: a\ndependencies: ~\nchannels: [b]\n",
}


@cases("text", ODD)
@cases(
    "spec, drop",
    {"set": ("six=1.17", False), "drop": ("six", True), "add": ("numpy", False)},
)
def test_odd_shapes_are_edited_rightly_or_refused(text: str, spec: str, drop: bool) -> None:
    path = Path("conda.yml")
    before = CondaFile.parse(path, text).dependencies
    expected = [one for one in before if spec_name(one) != spec_name(spec)]
    code = ErrorCode.CANNOT_EDIT if before else ErrorCode.NOT_DECLARED
    change = conda_edit.remove if drop else conda_edit.add
    error: LabError | None = None
    found = ""
    try:
        found = change(path, text, [spec])
    except LabError as caught:
        error = caught
    if error is not None:
        assert (error.code, error.file) == (code if drop else ErrorCode.CANNOT_EDIT, "conda.yml")
        return
    if not drop:
        expected.append(spec)
    assert sorted(CondaFile.parse(path, found).dependencies) == sorted(expected)


FLOW = "name: a\ndependencies: [python, six, pip]  # ours\n"
#: edits that a file's shape once did not allow: (text, add, remove, expected)
SHAPES: dict[str, tuple[str, str, str, str]] = {
    "added to a flow list": (FLOW, "attrs", "", FLOW.replace("pip]", "pip, attrs]")),
    "added to an empty flow list": (
        "name: a\ndependencies: []\n",
        "six",
        "",
        "name: a\ndependencies: [six]\n",
    ),
    "added before a section in a flow list": (
        "name: a\ndependencies: [{pip: [x]}]\n",
        "pip",
        "",
        "name: a\ndependencies: [pip, {pip: [x]}]\n",
    ),
    "quoted in a flow list": (FLOW, "attrs>=2,<3", "", FLOW.replace("pip]", 'pip, "attrs>=2,<3"]')),
    "another version in a flow list": (FLOW, "six=1", "", FLOW.replace("six", "six=1")),
    "first of a flow list": (FLOW, "", "python", FLOW.replace("python, ", "")),
    "last of a flow list": (FLOW, "", "pip", FLOW.replace(", pip", "")),
    "only one of a flow list": (
        "name: a\ndependencies: [six]\n",
        "",
        "six",
        "name: a\ndependencies: []\n",
    ),
    "only a section": (
        "name: a\ndependencies:\n- pip:\n  - x\n",
        "pip",
        "",
        "name: a\ndependencies:\n- pip\n- pip:\n  - x\n",
    ),
    "empty list": ("name: a\ndependencies:\n", "six", "", "name: a\ndependencies:\n  - six\n"),
    "listed twice": (
        "name: a\ndependencies:\n  - six\n  - pip\n  - six>=1\n",
        "",
        "six",
        "name: a\ndependencies:\n  - pip\n",
    ),
}


@cases("text, add, remove, expected", SHAPES)
def test_any_shape_of_list_is_edited(text: str, add: str, remove: str, expected: str) -> None:
    path = Path("conda.yml")
    found = conda_edit.add(path, text, [add]) if add else conda_edit.remove(path, text, [remove])
    assert found == expected


#: id: (text, what is left of it)
SECTIONS: dict[str, tuple[str, str]] = {
    "none": (PLAIN, PLAIN),
    "last": (f"{PLAIN}  - pip:\n    # why\n    - six  # x\n", PLAIN),
    "pip in its place": (
        "name: a\ndependencies:\n  - pip:\n    - six # x\n  - r-base\n",
        "name: a\ndependencies:\n  - pip\n  - r-base\n",
    ),
    "flow list": (
        "name: a\ndependencies: [python, {pip: [six]}]\n",
        "name: a\ndependencies: [python, pip]\n",
    ),
    "flow list with pip": (
        "name: a\ndependencies: [pip, {pip: [six]}]\n",
        "name: a\ndependencies: [pip]\n",
    ),
    "two sections": (
        "name: a\ndependencies:\n  - pip: [a]\n  - pip: [b]\n",
        "name: a\ndependencies:\n  - pip\n",
    ),
}


@cases("text, expected", SECTIONS)
def test_the_pip_section_is_taken_out(text: str, expected: str) -> None:
    assert conda_edit.without_pip_section(Path("conda.yml"), text) == expected


def test_a_conda_file_gets_another_name_and_channels_and_nothing_else() -> None:
    text = (
        "# mine\r\nname: 'old'  # its name\r\nchannels:\r\n  - defaults\r\n  - conda-forge\r\n"
        "dependencies: [pip]\r\n"
    )
    channels = {"defaults": "file:///x"}
    made = conda_edit.with_name_and_channels(Path("conda.yml"), text, "new", channels)
    assert made == text.replace("'old'", "new").replace("- defaults", '- "file:///x"')
