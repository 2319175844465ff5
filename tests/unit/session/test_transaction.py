"""A run happens whole or not at all; the next run restores what a killed one changed."""

from __future__ import annotations

import json
import os
import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments.base import State
from tasks_lib.environments.venv import Venv
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import file_lock, process, state_folder
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.managers.base import Manager
from tasks_lib.results import Status
from tasks_lib.session import combos, journal, transaction
from tasks_lib.session.session import Session
from tests.cases import cases
from tests.unit.execution.test_plan import Log

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from tasks_lib.results import Result
    from tests.conftest import MakeProject
    from tests.unit.conftest import Install

CHANGED, DELETED, SAME, MADE = "conda.yml", "uv.lock", "env.yml", "poetry.lock"
FILES = {CHANGED: "# mine\nold\r\n", DELETED: "old", SAME: "same"}
NAMES = (*FILES, MADE)


@pytest.fixture
def session(project: MakeProject) -> Session:
    """Return a session of pip and uv, in a folder with manifests of the test's own."""
    found = project(files=FILES)
    return Session.of(found, combos.parse("pip_uv", "flag", "the test says so"), "deps.add")


def _change(root: Path) -> None:
    (root / CHANGED).write_text("new")
    (root / DELETED).unlink()
    (root / MADE).write_text("new")


def _carry_out(
    session: Session,
    work: Callable[[], object],
    *,
    writes: Writes = Writes.PROJECT,
    kept: tuple[str, ...] = (),
) -> None:
    root = session.project.root

    def run() -> tuple[()]:
        work()
        return ()

    transaction.carry_out(
        session,
        [Step("deps.edit", "change", work=run, writes=writes)],
        Log(),
        manifests=[root / name for name in NAMES],
        kept=[root / name for name in kept],
    )


def _be_killed(session: Session) -> None:
    """Leave the journal and the changes of a run that did not end."""
    root = session.project.root
    manifests = [root / name for name in NAMES]
    journal.Journal.of(session, manifests).save(root, manifests=manifests)
    _change(root)


def _run_again(root: Path) -> Sequence[Result]:
    """Begin another run, and return what it put right."""
    with transaction.alone(root, "setup", lambda _: None) as found:
        return found


def _texts(root: Path) -> dict[str, str]:
    return {name: (root / name).read_bytes().decode() for name in NAMES if (root / name).exists()}


def _fail(root: Path, error: BaseException) -> Callable[[], None]:
    def work() -> None:
        _change(root)
        raise error

    return work


def _place(path: Path) -> tuple[int, int]:
    """Return what differs where another file was written in its place."""
    return path.stat().st_ino, path.stat().st_mtime_ns


@pytest.mark.parametrize(
    "error",
    [
        LabError("no", ErrorCode.TOOL_FAILED),
        KeyboardInterrupt(),
        process.Interrupted(),
        RuntimeError("no"),
    ],
)
def test_every_failure_puts_all_back(session: Session, root: Path, error: BaseException) -> None:
    untouched = _place(root / SAME)
    with pytest.raises(type(error)):
        _carry_out(session, _fail(root, error))
    assert _texts(root) == FILES
    assert _place(root / SAME) == untouched
    assert not journal.exists(root)


def test_what_uv_was_writing_when_it_was_ended_is_deleted(session: Session, root: Path) -> None:
    """It (0.13.9) writes uv.lock by such a name first, which stayed where another step failed."""
    (root / ".tmpAAAAAA").write_text("the user's")

    def work() -> None:
        (root / ".tmp45jUkE").write_text("version = 1")
        (root / ".tmp-mine").write_text("another program's")
        _fail(root, KeyboardInterrupt())()

    with pytest.raises(KeyboardInterrupt):
        _carry_out(session, work)
    assert {path.name for path in root.glob(".tmp*")} == {".tmpAAAAAA", ".tmp-mine"}


@pytest.mark.parametrize(
    ("code", "is_forgotten"),
    [
        (ErrorCode.BROKEN_DOWNLOAD, True),
        (ErrorCode.HASH_MISMATCH, True),
        (ErrorCode.TOOL_FAILED, False),
    ],
)
def test_what_an_index_said_that_sent_damaged_data_is_forgotten(
    session: Session,
    root: Path,
    monkeypatch: pytest.MonkeyPatch,
    code: ErrorCode,
    is_forgotten: bool,
) -> None:
    """Poetry was ended while it locked, since uv failed first; the next run had wrong hashes."""
    forgotten: list[str] = []
    monkeypatch.setattr(Manager, "distrust_index", lambda self: forgotten.append(self.name))
    with pytest.raises(LabError):
        _carry_out(session, _fail(root, LabError("no", code)))
    assert forgotten == ["uv"] * is_forgotten


def test_success_keeps_the_changes_and_leaves_no_journal(session: Session, root: Path) -> None:
    _carry_out(session, lambda: _change(root))
    assert _texts(root) == {CHANGED: "new", SAME: "same", MADE: "new"}
    assert not journal.exists(root)
    assert not journal.copies(root).exists()


def test_what_is_to_be_kept_stays_where_the_guard_refuses_and_only_there(
    session: Session, root: Path
) -> None:
    refused = LabError("the guard refused", ErrorCode.GUARD_REFUSED)
    with pytest.raises(LabError):
        _carry_out(session, _fail(root, refused), kept=(CHANGED,))
    assert _texts(root)[CHANGED] == "new"
    with pytest.raises(LabError):
        _carry_out(session, _fail(root, LabError("no", ErrorCode.TOOL_FAILED)), kept=(DELETED,))
    assert DELETED in _texts(root)


def test_file_that_cannot_be_put_back_is_said_and_the_others_are(
    session: Session, root: Path
) -> None:
    def work() -> None:
        _change(root)
        (root / CHANGED).unlink()
        (root / CHANGED).mkdir()
        text = "no."
        raise LabError(text, ErrorCode.TOOL_FAILED)

    with pytest.raises(
        LabError, match=r"no\. This could not be restored: conda\.yml .*a folder stands there"
    ):
        _carry_out(session, work)
    assert (root / DELETED).read_text() == "old"
    assert journal.exists(root)  # for the next run


def test_next_run_puts_right_what_a_killed_one_left_and_says_so(
    session: Session, root: Path, venv: Path, install: Install
) -> None:
    install(venv, "pip", "26.0")
    _be_killed(session)
    (root / f".{CHANGED}.0123abcd").touch()  # a write that was cut short
    said: list[str] = []
    with transaction.alone(root, "setup", said.append) as found:
        assert [(result.id, result.status) for result in found] == [("recovered", Status.PASS)]
    assert "deps.add (process " in said[0]
    assert _texts(root) == FILES
    assert [path.name for path in state_folder.of_checkout(root).iterdir()] == ["checkout"]
    assert not (root / f".{CHANGED}.0123abcd").exists()
    with transaction.alone(root, "setup", said.append) as found:
        assert not found
    assert len(said) == 1


def test_copies_stay_where_the_next_run_cannot_put_them_back_either(
    session: Session, root: Path
) -> None:
    _be_killed(session)
    (root / CHANGED).unlink()
    (root / CHANGED).mkdir()
    for _ in range(2):
        with pytest.raises(LabError, match=r"cannot be restored: conda\.yml") as caught:
            _run_again(root)
        assert "before" in str(caught.value.remedy)
    (root / CHANGED).rmdir()
    _run_again(root)
    assert _texts(root) == FILES


def test_what_a_run_wrote_that_left_its_journal_is_not_a_persons(
    session: Session, root: Path
) -> None:
    """A second Ctrl-C, while all is restored, releases the lock and leaves the journal."""
    manifests = [root / name for name in NAMES]
    with transaction.alone(root, "setup", lambda _: None):
        journal.Journal.of(session, manifests).save(root, manifests=manifests)
        os.utime(journal.place(root), (10**9, 10**9))  # long ago, as the run began
        _change(root)
    assert [result.status for result in _run_again(root)] == [Status.PASS]
    assert _texts(root)[CHANGED] == FILES[CHANGED]


def test_what_a_person_wrote_after_the_death_of_a_run_stays(session: Session, root: Path) -> None:
    _be_killed(session)
    lock = state_folder.made(root) / transaction.LOCK
    lock.write_text("1\nsetup\n")
    for path in (lock, root / MADE):
        os.utime(path, (10**9, 10**9))  # long ago
    (result,) = _run_again(root)
    assert (result.id, result.status) == ("recovered", Status.WARN)
    assert "conda.yml was changed since, and is left as it is" in result.detail
    assert _texts(root) == {CHANGED: "new", DELETED: "old", SAME: "same"}


def test_putting_right_can_itself_be_cut_short(session: Session, root: Path) -> None:
    _be_killed(session)
    shutil.move(journal.copies(root) / CHANGED, root / CHANGED)  # done already
    _run_again(root)
    assert _texts(root) == FILES


@pytest.mark.parametrize("touched", [True, False])
def test_environment_that_was_not_made_to_its_end_is_discarded(
    session: Session, root: Path, *, touched: bool
) -> None:
    before = journal.Journal.of(session, [])
    replace(before, touched=touched).save(root)
    (root / ".venv" / "bin").mkdir(parents=True)  # no pyvenv.cfg yet
    _run_again(root)
    assert (root / ".venv").exists() is not touched


@pytest.mark.parametrize("stays", [True, False])
def test_new_environment_that_is_whole_stays_where_it_may(
    session: Session, root: Path, venv: Path, install: Install, *, stays: bool
) -> None:
    install(venv, "pip", "26.0")
    (venv / "bin/activate").write_text(f"VIRTUAL_ENV={venv}\n")
    before = journal.Journal.of(session, [], stays=stays)
    replace(before, state=State.ABSENT, packages={}, touched=True).save(root)
    _run_again(root)
    assert venv.exists() is stays


def test_environment_of_another_machine_is_left_alone(session: Session, root: Path) -> None:
    """A journal may come with a repository, and knows nothing of this machine's environment."""
    before = replace(journal.Journal.of(session, []), touched=True, machine="another")
    before.save(root)
    (root / ".venv").mkdir()
    (root / ".venv" / "thesis.tex").touch()
    _run_again(root)
    assert (root / ".venv" / "thesis.tex").exists()


def test_environment_that_went_away_under_a_tool_is_an_error_and_its_rest_is_deleted(
    session: Session, root: Path, venv: Path
) -> None:
    """Poetry installs into the folder of an environment that somebody deletes, and ends well."""

    def work() -> None:
        _change(root)
        shutil.rmtree(venv)
        (venv / "lib" / "python3.11" / "site-packages" / "six").mkdir(parents=True)

    with pytest.raises(LabError, match="was removed while this run used it") as caught:
        _carry_out(session, work, writes=Writes.ENVIRONMENT)
    assert caught.value.code is ErrorCode.NO_ENVIRONMENT
    assert not venv.exists()
    assert _texts(root)[CHANGED] == FILES[CHANGED]


def test_environment_that_was_set_aside_comes_back(
    session: Session, root: Path, venv: Path
) -> None:
    (venv / "mine").touch()

    def work() -> None:
        session.environment.set_aside()
        venv.mkdir()
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _carry_out(session, work, writes=Writes.NEW_ENVIRONMENT)
    assert (venv / "mine").exists()
    assert not session.environment.aside.exists()
    assert not journal.exists(root)


@cases(
    "change",
    {
        "another schema": {"schema": "mlops-lab-journal/9"},
        "a path that leaves the project": {"files": {"../../uv.lock": True}},
        "no bool": {"files": {"pyproject.toml": 1}},
        "no bool either": {"stays": "no"},
        "an option": {"packages": {"click": "--index-url=https://example.org"}},
        "an option behind a name": {"packages": {"click": "click @ --pre"}},
        "an option behind a version": {"packages": {"click": "click==1 --pre"}},
        "an option as a name": {"packages": {"-r": "x==1"}},
        "another state": {"state": "unheard of"},
        "no combo": {"combo": None},
        "another key": {"more": 1},
        "a file elsewhere": {"files": {"a/../../uv.lock": True}},
        "a file at the top": {"files": {"/uv.lock": True}},
        "a file behind a link": {"files": {"link/uv.lock": True}},
        "no record": {"conda": [{"name": 1}]},
        "no manifest": {"files": {".git/HEAD": False}},
        "a hook": {"files": {".git/hooks/pre-commit": True}},
    },
)
def test_journal_that_is_none_is_a_clear_error(
    session: Session, root: Path, change: dict[str, object]
) -> None:
    (root / "link").symlink_to(root.parent)
    (root / "a").mkdir()
    journal.Journal.of(session, [root / "a" / "pyproject.toml"]).save(root)
    assert journal.read(root) is not None
    path = journal.place(root)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))
    with pytest.raises(LabError, match="is damaged") as caught:
        _run_again(root)
    assert "delete" in str(caught.value.remedy)
    assert path.exists()


def test_environment_that_this_run_holds_is_not_waited_for(
    session: Session, root: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = root / "cache" / "lock"
    said: list[str] = []
    monkeypatch.setattr(Venv, "lock_path", place)
    with transaction.environment_alone(session, said.append):
        with transaction.environment_alone(session, said.append):
            pass
        assert file_lock.is_held(str(place))  # the first one has it still
    assert not file_lock.is_held(str(place))
    assert not said
