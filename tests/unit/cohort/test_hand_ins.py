"""What an instructor names: a folder of checkouts and archives, or a roster."""

from __future__ import annotations

import os
import re
import time
from typing import TYPE_CHECKING

import jsonschema
import pytest

from tasks_lib.cohort import hand_ins
from tasks_lib.cohort.projects import is_folder
from tasks_lib.cohort.settings import schema
from tasks_lib.errors import ErrorCode, ExitCode, LabError
from tests.cases import cases
from tests.repository import Git

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Return a folder with hand-ins of each kind, and what is none."""
    path = tmp_path / "hand-ins"
    for name in ("zoe", "Émile Ødegård", ".git", "__MACOSX", "old.zip"):
        (path / name).mkdir(parents=True)
    for name in ("bob.tar.gz", "ada.ZIP", "cyd.tgz", "dan.tar", "notes.txt", "eve.7z", ".zip"):
        (path / name).write_bytes(b"")
    os.mkfifo(path / "pipe.zip")
    (path / "gone.zip").symlink_to(path / "nowhere")
    return path


def test_each_folder_and_archive_is_a_hand_in_and_what_is_left_out_is_told(folder: Path) -> None:
    found = hand_ins.read(folder)
    ids = ["ada", "bob", "cyd", "dan", "old.zip", "zoe", "Émile Ødegård"]
    assert [one.id for one in found.hand_ins] == ids
    assert found.hand_ins[0].source == str(folder / "ada.ZIP")
    told = [one.partition(": ")[0].strip("'") for one in found.left_out]
    assert told == [
        ".git",
        ".zip",
        "__MACOSX",
        "eve.7z",
        "gone.zip",
        "notes.txt",
        "pipe.zip",
    ]


def test_two_entries_of_one_id_are_refused(folder: Path) -> None:
    (folder / "ADA").mkdir()
    with pytest.raises(LabError, match=r"ADA and ada\.ZIP would both have the id 'ada'") as caught:
        hand_ins.read(folder)
    assert caught.value.code is ErrorCode.INVALID_MANIFEST


def test_a_folder_with_no_hand_in_is_refused(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    with pytest.raises(LabError, match="has no hand-ins"):
        hand_ins.read(tmp_path / "empty")


@cases(
    "text",
    {
        "commas": 'ID,Source,Name,group\nada,a,"Lovelace, Ada",1\nzoë,https://h/z.git,"a ""b""",\n',
        "semicolons": 'id;source;name;group\nada;a;Lovelace, Ada;1\nzoë;https://h/z.git;a "b";\n',
        "a byte order mark and CRLF": "\ufeffid;source;name;group\r\nada;a;Lovelace, Ada;1\r\n"
        "\r\nzoë;https://h/z.git;'a \"b\"';\r\n".replace("'", ""),
    },
)
def test_a_roster(tmp_path: Path, text: str) -> None:
    path = tmp_path / "students.csv"
    path.write_bytes(text.encode())
    ada, zoe = hand_ins.read(path).hand_ins
    assert (ada.id, ada.source, ada.name) == ("ada", str(tmp_path / "a"), "Lovelace, Ada")
    assert ada.columns["group"] == "1"
    assert (zoe.id, zoe.source, zoe.name) == ("zoë", "https://h/z.git", 'a "b"')


@pytest.mark.processes
def test_a_checkout_was_handed_in_when_its_commit_was_made(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("GIT_COMMITTER_DATE", "2026-11-20T13:00:00+01:00")
    git = Git(tmp_path / "ada")
    git.path.mkdir()
    git.run("init", "--quiet")
    git.commit("a", "a")
    path = tmp_path / "students.csv"
    path.write_text("id,source\nada,ada\nbob,bob\n")
    told = [one.columns["submitted"] for one in hand_ins.read(path).hand_ins]
    assert told == ["2026-11-20T12:00:00+00:00", ""]
    path.write_text("id,source,submitted\nada,ada,2026-11-01\n")
    assert hand_ins.read(path).hand_ins[0].columns["submitted"] == "2026-11-01"


@cases(
    "folder, expected",
    {
        "a folder": ("lab 1/é", True),
        "the top": (".", True),
        "dots in a name": ("a..b/..c", True),
        "above": ("a/..", False),
        "absolute": ("/a", False),
        "a drive": ("C:a", False),
        "a backslash": ("a\\b", False),
        "two lines": ("a\nb", False),
        "nothing": ("", False),
    },
)
def test_what_is_a_folder_in_a_hand_in(folder: str, expected: bool) -> None:
    assert is_folder(folder) is expected
    pattern = schema()["properties"]["project"]["pattern"]
    assert bool(re.search(pattern, folder)) is expected
    pattern = schema("roster")["properties"]["project"]["pattern"]
    assert bool(re.search(pattern, folder)) is (expected or not folder)


def test_the_schema_has_each_column_and_takes_the_ids_that_are_taken(tmp_path: Path) -> None:
    known = schema("roster")
    columns = {*hand_ins._COLUMNS, hand_ins.SUBMITTED}  # noqa: SLF001 - the columns with a meaning
    assert {*known["properties"]} == columns
    assert all(one["title"] and one["description"] for one in known["properties"].values())
    for id_ in (
        "ada",
        "Émile Ø",
        "a" * 120,
        "a" * 121,
        ".ada",
        " ada",
        "a/b",
        "a\\b",
        "a\x1bb",
        "-",
    ):
        path = tmp_path / "students.csv"
        path.write_text(f'id,source\n"{id_}",a\n', encoding="utf-8")
        row = {"id": id_.strip(), "source": "a"}
        try:
            hand_ins.read(path)
        except LabError:
            with pytest.raises(jsonschema.ValidationError):
                jsonschema.validate(row, known)
        else:
            jsonschema.validate(row, known)


HEAD = "id,source,due\n"


@cases(
    "text, line, said",
    {
        "no column source": ("id,sources\n1,a\n", 1, "no column 'source'.*Rename the column"),
        "two columns of one name": ("id,source,ID\n1,a,2\n", 1, "two columns 'id'"),
        "an id twice": (f"{HEAD}ada,a,\n\nAda,b,\n", 4, "'Ada' is in line 2 already"),
        "below a value of two lines": (f'{HEAD}a,"x\ny",\nb,,\n', 4, "b has no source"),
        "no id": (f"{HEAD},a,\n", 2, "The row has no id"),
        "an id that leads out": (f"{HEAD}../x,a,\n", 2, "cannot be an id"),
        "a due of another country": (
            f"{HEAD}ada,a,30.11.2026\n",
            2,
            "due of ada.*2026-11-30T23:59",
        ),
        "a due behind all time": (f"{HEAD}ada,a,9999-12-31\n", 2, "due of ada"),
        "a submitted of another country": (
            "id,source,submitted\nada,a,30.11.2026\n",
            2,
            "submitted of ada.*2026-11-30T23:59",
        ),
        "a comma without quotes": (f"{HEAD}ada,a,2026-11-30,b\n", 2, "4 values.*3 columns"),
        "a quote that never ends": (f'{HEAD}ada,"a,\nb,b,\n', 2, "not valid CSV"),
        "a project elsewhere": (
            "id,source,project\nada,a,lab/../../bob\n",
            2,
            "project of ada is no folder in a hand-in",
        ),
        "a login": (
            f"{HEAD}ada,https://me:s3cret@h/r,\n",
            2,
            r"login in its address: https://\*+@",
        ),
        "no rows": (HEAD, None, "no rows"),
        "nothing": ("", 1, "no column 'id'"),
    },
)
def test_what_is_wrong_in_a_roster_has_its_line(
    tmp_path: Path, text: str, line: int | None, said: str
) -> None:
    path = tmp_path / "students.csv"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(LabError, match=f"(?s){said}") as caught:
        hand_ins.read(path)
    error = caught.value
    assert (error.file, error.line, error.exit_code) == (str(path), line, ExitCode.BAD_REQUEST)


def test_a_roster_of_another_encoding_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "students.csv"
    path.write_bytes("id,source\nzoë,a\n".encode("cp1252"))
    with pytest.raises(LabError) as caught:
        hand_ins.read(path)
    assert (caught.value.code, caught.value.line) == (ErrorCode.NOT_UTF8, 2)


@cases(
    "source, expected",
    {
        "https": ("https://h/r.git", True),
        "ssh in short": ("git@h:r.git", True),
        "a program of git": ("ext::sh -c true", True),
        "a folder": ("hand-ins/ada", False),
        "a drive": ("C:\\ada", False),
        "a colon behind a slash": ("./ada:2", False),
    },
)
def test_what_git_takes_for_an_address(source: str, expected: bool) -> None:
    assert hand_ins.is_address(source) is expected


def test_a_roster_of_ten_thousand_rows_is_read_at_once(tmp_path: Path) -> None:
    path = tmp_path / "students.csv"
    rows = [f"s{number},r/{number},2026-11-30T12:00\n" for number in range(10_000)]
    path.write_text(HEAD + "".join(rows))
    started = time.process_time()
    assert len(hand_ins.read(path).hand_ins) == 10_000
    assert time.process_time() - started < 1
