"""A class is checked, looked at, reported and graded as an instructor types it."""

from __future__ import annotations

import json
import os
import shlex
import shutil
import signal
import time
import zipfile
from typing import TYPE_CHECKING

import pytest

from tests.lab import expect_no_traceback
from tests.unit.cohort.test_examining import POETRY, SOUND

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab import Answer, Lab

pytestmark = pytest.mark.processes

COHORT = """\
folder = "hand ins"
combo = ["pip_poetry"]
checks = "our checks.py"

[[rubric]]
check = "lock.fresh"
points = 6

[[rubric]]
own = "own.readme"
points = 4
"""
OWN = """\
from tasks_lib.cohort.own_checks import check

@check("own.readme", title="there is a README", remedy="Write README.md")
def readme(repository):
    if not repository.exists("README.md"):
        yield "There is no README.md."
"""


@pytest.fixture
def course(lab: Lab) -> Path:
    """Return a folder with a class: a sound one, a stale one, and two archives, one broken."""
    folder = lab.project / "my class"
    for name in ("ada", "bob é"):
        for file, text in {**SOUND, "README.md": "# Hello\n"}.items():
            place = folder / "hand ins" / name / file
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text)
    stale = folder / "hand ins" / "bob é"
    (stale / "pyproject.toml").write_text(POETRY + 'idna = "*"\n')
    with zipfile.ZipFile(folder / "hand ins" / "cleo.zip", "w") as archive:
        for file, text in SOUND.items():
            archive.writestr(f"repository-main/{file}", text)
    (folder / "hand ins" / "dan.zip").write_bytes(b"PK no archive")
    (folder / "cohort.toml").write_text(COHORT)
    (folder / "our checks.py").write_text(OWN)
    return folder


def _said(answer: Answer) -> dict[str, str]:
    return {one["title"]: one["status"] for one in answer.results}


def test_a_class(lab: Lab, course: Path) -> None:
    first = lab("cohort.check", "cohort.toml", cwd=course)
    assert first.code == 4  # one could not be opened, which is nobody's fault but ours
    assert _said(first) == {"bob é": "fail", "cleo": "fail", "dan": "error"}
    counts = {"repositories": 4, "checked": 4, "waiting": 0, "pass": 1, "fail": 2, "error": 1}
    assert first.data["cohort"] == {**counts, "store": "cohort.db"}

    again = lab("cohort.check", "cohort.toml", cwd=course)
    assert again.data["cohort"] == {**counts, "checked": 0, "store": "cohort.db"}
    assert _said(again) == _said(first)
    status = lab("cohort.status", cwd=course)
    assert _said(status) == _said(first)
    assert status.data["cohort"] == first.data["cohort"]

    (course / "hand ins" / "bob é" / "pyproject.toml").write_text(POETRY)
    third = lab("cohort.check", "cohort.toml", "--again", "errors", cwd=course)
    assert third.data["cohort"] | {"checked": 2, "pass": 2, "fail": 1} == third.data["cohort"]

    (row,) = [one for one in third.results if one["title"] == "cleo"]
    assert row["remedy_argv"][-2:] == ["cohort.show", "cleo"]
    typed = lab(*row["remedy_argv"][-2:], cwd=course)
    assert [one["id"] for one in typed.results if one["status"] == "fail"] == ["own.readme"]
    explained = lab("check.explain", "files.size", cwd=course)  # there is no project here
    assert (explained.code, explained.data["severity"]) == (0, "warn")
    shown = lab("cohort.show", "bob é", cwd=course)
    assert shown.data["changed"] == [
        "gone: fail lock.fresh: pyproject.toml was changed since poetry.lock was written."
    ]
    mistyped = lab("cohort.show", "cle", cwd=course)
    assert mistyped.error()["code"] == "unknown_hand_in"
    assert mistyped.error()["remedy"] == "Did you mean cleo?"
    unknown = lab("cohort.show", "zacharias", cwd=course)
    assert _said(lab(unknown.error()["remedy_argv"][-1], cwd=course))["cleo"] == "fail"


def test_a_project_below_the_top_is_found_or_named(lab: Lab, course: Path) -> None:
    for folder in ("one/project", "two/lab 1", "two/lab 2"):
        shutil.copytree(course / "hand ins" / "ada", course / folder)
    (course / "two" / "lab 2" / "poetry.lock").unlink()
    roster = course / "students.csv"
    roster.write_text("id,source,project\none,one,\ntwo,two,\n")
    first = lab("cohort.check", "students.csv", cwd=course)
    assert (first.code, _said(first)) == (0, {"two": "warn"})
    assert "2 folders may be the project: lab 1, lab 2." in first.results[0]["detail"]
    assert _said(lab("cohort.status", cwd=course)) == {"two": "warn"}
    roster.write_text("id,source,project\none,one,\ntwo,two,lab 2\n")
    again = lab("cohort.check", "students.csv", cwd=course)
    assert (again.code, _said(again)) == (1, {"two": "fail"})
    assert again.data["cohort"]["checked"] == 1
    shown = lab("cohort.show", "one", cwd=course)
    assert shown.data["since"].endswith("is here, in the folder project")


def test_what_is_written_of_a_class(lab: Lab, course: Path) -> None:
    lab("cohort.check", "cohort.toml", cwd=course)
    for to in ("html", "jsonl"):
        lab.ok("cohort.report", "--to", to, "--file", f"out/{to}", "--project", str(course))
    rows = [json.loads(line) for line in (course / "out" / "jsonl").read_text().splitlines()]
    assert {row["id"]: row["score"] for row in rows} == {
        "ada": 10,
        "bob é": 4,
        "cleo": 6,
        "dan": None,
    }
    assert "cleo" in (course / "out" / "html").read_text()
    exported = lab("cohort.export", "--to", "gradescope", cwd=course)
    assert [one["title"] for one in exported.results if one["status"] == "warn"] == [
        "dan is left out"
    ]
    assert len(list((course / "cohort-gradescope").iterdir())) == 3
    head = "Identifier,ID number,Grade,Maximum Grade,Last modified (grade)\n"
    (course / "w.csv").write_text(f"{head}Participant 7,cleo,,10,-\n")
    lab.ok("cohort.export", "--to", "moodle", "--into", "w.csv", "--project", str(course))
    filled = (course / "cohort-moodle" / "w.csv").read_text().splitlines()
    assert filled == [head.strip(), "Participant 7,cleo,6,10,-"]
    lab.ok("cohort.feedback", "--folder", "pages", "--project", str(course))
    assert len(list((course / "pages").glob("*.md"))) == 4
    secret = course / "whose.json"
    lab.ok("cohort.report", "--to", "csv", "--pseudonyms", str(secret), "--project", str(course))
    hidden = (course / "cohort-report.csv").read_text()
    assert "ada" not in hidden
    assert set(json.loads(secret.read_text())["ids"].values()) == {"ada", "bob é", "cleo", "dan"}


def test_what_this_program_wrote_is_no_hand_in(lab: Lab, course: Path) -> None:
    (course / "hand ins" / "dan.zip").unlink()
    lab("cohort.check", "hand ins", "--store", "hand ins/c.db", cwd=course)
    before = {one.name for one in (course / "hand ins").iterdir()}
    written = ("--store", "hand ins/c.db", "--project", str(course))
    lab.ok("cohort.feedback", "--folder", "hand ins/pages", *written)
    lab.ok("cohort.report", "--to", "csv", "--file", "hand ins/new/in/r.csv", *written)
    lab.ok("cohort.report", "--to", "csv", "--file", "hand ins/ada/r.csv", *written)
    after = lab("cohort.check", "hand ins", "--store", "hand ins/c.db", cwd=course)
    assert after.data["cohort"]["repositories"] == 3  # ada is one still
    told = {one["detail"] for one in after.results if one["id"] == "cohort.left-out"}
    assert told == {f"'{name}': mlops-lab wrote it" for name in ("c.db", "new", "pages")}
    assert {one.name for one in (course / "hand ins").iterdir()} == before | {"new", "pages"}


def test_one_submission_is_graded(lab: Lab, course: Path) -> None:
    words = ("cohort.grade", "--to", "gradescope", "--config", "cohort.toml", "--results", "r.json")
    graded = lab(*words, "--submission", "hand ins/bob é", cwd=course)
    assert graded.code == 0
    assert json.loads((course / "r.json").read_text())["score"] == 4
    (course / "cohort.toml").write_text(COHORT + '\n[late]\nper_day = 1\ngrace = "1 h"\n')
    due = {"due_date": "2026-12-01T22:58:00Z"}  # a day and a minute with the grace
    told = {"created_at": "2026-12-02T23:59:00Z", "users": [], "assignment": due}
    (course / "hand ins" / "submission_metadata.json").write_text(json.dumps(told))
    lab.ok(*words, "--submission", "hand ins/bob é", "--project", str(course))
    late = json.loads((course / "r.json").read_text())
    assert (late["score"], "2 days late" in late["output"]) == (2, True)
    timely = ("--submitted", "2026-12-01", "--due", "2026-12-24")
    lab.ok(*words, "--submission", "hand ins/bob é", *timely, "--project", str(course))
    assert json.loads((course / "r.json").read_text())["score"] == 4
    mistyped = lab(*words, "--submission", "hand ins/bob é", "--due", "tomorrow", cwd=course)
    assert (mistyped.code, mistyped.error()["code"]) == (2, "wrong_setting")
    broken = lab(*words, "--submission", "hand ins/dan.zip", cwd=course)
    assert broken.code == 4
    assert broken.error()["code"] == "tool_failed"


def test_ctrl_c_ends_soon_and_leaves_a_store(lab: Lab, course: Path) -> None:
    for number in range(400):
        shutil.copytree(course / "hand ins" / "ada", course / "many" / f"s{number:03}")
    child = lab.start(lab.argv("cohort.check", "many", json=True), cwd=course)
    store = course / "cohort.db"
    while not store.exists():
        time.sleep(0.05)
    time.sleep(0.5)
    began = time.monotonic()
    os.killpg(child.pid, signal.SIGINT)  # as a terminal does
    out, err = child.communicate(timeout=60)
    assert child.returncode == 130, out + err
    assert time.monotonic() - began < 5  # alone on a machine it is less than one
    assert lab("cohort.status", cwd=course).data["cohort"]["repositories"] == 400


def test_ctrl_c_while_workers_start_is_silent(lab: Lab, course: Path) -> None:
    """Python's server of processes, which they are forked from, printed the import it was in."""
    for seconds in (0, 0.1, 0.2, 0.3, 0.4):
        child = lab.start(
            lab.argv("cohort.check", "hand ins", "--store", f"{seconds}.db", json=False), cwd=course
        )
        while not (course / f"{seconds}.db").exists():
            time.sleep(0.01)
        time.sleep(seconds)
        os.killpg(child.pid, signal.SIGINT)
        _, err = child.communicate(timeout=60)
        assert (child.returncode, "Traceback" in err) == (130, False), err


def test_a_worker_that_dies_takes_one_repository_with_it(lab: Lab, course: Path) -> None:
    own = (
        "import os, time\n"
        + OWN
        + """
    if "kill" in repository.text("README.md"):
        os.kill(os.getpid(), 9)
    if "sleep" in repository.text("README.md"):
        time.sleep(60)
"""
    )
    (course / "our checks.py").write_text(own)
    (course / "cohort.toml").write_text("timeout = 10\n" + COHORT)
    for name, readme in {"eve": "kill", "fay": "sleep"}.items():
        shutil.copytree(course / "hand ins" / "ada", course / "hand ins" / name)
        (course / "hand ins" / name / "README.md").write_text(readme)
    (course / "hand ins" / "cleo.zip").unlink()
    answer = lab("cohort.check", "cohort.toml", cwd=course)
    expect_no_traceback(answer)
    details = {one["title"]: one["detail"] for one in answer.results}
    assert answer.data["cohort"]["pass"] == 1
    assert details["eve"] == "cohort.read: The worker died twice, with code -9."
    assert details["fay"] == "cohort.read: It took longer than 10 seconds."


def test_workers_that_are_still_starting_end_without_a_word(lab: Lab, course: Path) -> None:
    (course / "few" / "ada").mkdir(parents=True)  # it is checked at once
    # no fork: its answer is complete before such a worker prints anything
    argv = lab.argv("cohort.check", "few", "--workers", "16", json=True)
    answer = lab.run(argv, cwd=course)
    assert answer.code == 1
    expect_no_traceback(answer)


def test_the_folder_for_temporary_files_may_have_a_long_path(lab: Lab, course: Path) -> None:
    long = course / ("x" * 90)
    long.mkdir()
    argv = lab.argv("cohort.check", "hand ins", json=True)
    answer = lab.run(argv, cwd=course, env={"TMPDIR": str(long)})
    assert answer.data["cohort"]["pass"] == 2, answer


def test_what_was_typed_wrongly_is_one_error(lab: Lab, course: Path) -> None:
    for words, code in (
        (("cohort.check", "nowhere"), "no_such_path"),
        (("cohort.check", "hand ins", "--again", "eve"), "invalid_option"),
        (("cohort.check", "hand ins", "--workers", "0"), "invalid_option"),
        (("cohort.status",), "no_such_path"),
        (("cohort.status", "--store", "cohort.toml"), "invalid_store"),
    ):
        answer = lab(*words, cwd=course)
        assert (answer.code, answer.error()["code"]) == (2, code), shlex.join(words)
        assert answer.error()["remedy"]
    assert lab("cohort.check", "hand ins", cwd=course).code == 4
    for words, code in (
        (("cohort.export", "--to", "canvas"), "wrong_setting"),  # it has no rubric
        (("cohort.check", "cohort.toml"), "invalid_store"),  # that of another class
    ):
        answer = lab(*words, cwd=course)
        assert (answer.code, answer.error()["code"]) == (2, code), shlex.join(words)
    assert not (course / "cohort-canvas").exists()
