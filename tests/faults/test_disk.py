"""Full and read-only disks, damaged caches, a clock that jumps, links, a deleted environment.

Each ends in one clear error or in a finished run; nothing is lost, and the next run ends well.
"""

from __future__ import annotations

import contextlib
import os
import random
import shutil
import subprocess
import threading
import time
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.cases import cases
from tests.faults.conftest import FULL
from tests.faults.stopping import seconds_of_a_whole_run
from tests.lab import INSTALLED, SAMPLE, Answer, Case, expect_contract, expect_no_traceback, tree

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.faults.conftest import Counter, Tried
    from tests.lab import Lab

_UV, _RATTLER = SAMPLE[1], SAMPLE[2]
_CASES = SAMPLE if FULL else (_UV,)
_KIB = 1024
#: what is left free, in KiB
_LEFT = (0, 8, 64, 512) if FULL else (0,)
_ADD = ("deps.add", "toolz==1.0.0")
_CC, _CLOCK = shutil.which("cc"), Path(__file__).with_name("clock.c")


@pytest.fixture(params=_CASES, ids=str)
def case(request: pytest.FixtureRequest) -> Case:
    """Return each combo that is tried."""
    chosen: Case = request.param
    return chosen


@pytest.fixture
def one(shops: Callable[[Case], Counter], case: Case) -> Iterator[Counter]:
    """Return a lab with a shop, and delete its home at the end, since all of them are large."""
    made = shops(case)
    yield made
    shutil.rmtree(made.lab.home)


def _mount(*words: str) -> None:
    """Run `mount` or `umount`; a machine that forbids it cannot try this."""
    done = subprocess.run(words, check=False, capture_output=True, text=True)
    if done.returncode:
        pytest.skip(f"this machine cannot set it up: {' '.join(words[:3])}: {done.stderr.strip()}")


@contextlib.contextmanager
def _small(folder: Path, mebibytes: int) -> Iterator[None]:
    """Put a small disk where a folder is, with what was in it."""
    kept = folder.with_name(f"{folder.name}.kept")
    folder.mkdir(parents=True, exist_ok=True)
    shutil.copytree(folder, kept, symlinks=True)
    _mount("mount", "-t", "tmpfs", "-o", f"size={mebibytes}m", "tmpfs", str(folder))
    try:
        shutil.copytree(kept, folder, symlinks=True, dirs_exist_ok=True)
        yield
    finally:
        _mount("umount", str(folder))
        shutil.rmtree(kept)


@contextlib.contextmanager
def _full(folder: Path, kibibytes: int) -> Iterator[None]:
    """Leave no more than this much room on a small disk."""
    filler = folder / ".filler"
    free = shutil.disk_usage(folder).free - kibibytes * _KIB
    with filler.open("wb") as stream:
        os.posix_fallocate(stream.fileno(), 0, max(free, 1))
    try:
        yield
    finally:
        filler.unlink()


@contextlib.contextmanager
def _read_only(folder: Path) -> Iterator[None]:
    """Make a folder read-only by a mount, since root ignores what `chmod` sets."""
    _mount("mount", "--bind", str(folder), str(folder))
    try:
        _mount("mount", "-o", "remount,ro,bind", str(folder))
        yield
    finally:
        _mount("umount", str(folder))


def _held(lab: Lab, answer: Answer, before: tuple[object, ...]) -> None:
    """Check that a failed run has one error and changed nothing but a complete environment."""
    if answer.code:
        error = answer.error()
        assert answer.code == 4, error
        assert "could not be restored" not in error["detail"], error
        seen = 3 if before[2] is not None else 2
        assert _looked(lab)[:seen] == before[:seen], answer


def _looked(lab: Lab) -> tuple[object, ...]:
    known = {".filler", ".venv"}
    names = sorted(path.name for path in lab.project.iterdir() if path.name not in known)
    texts = {name: data for name, data in lab.manifests().items() if name != ".filler"}
    return names, texts, lab.installed() if lab.prefix.exists() else None


def _sound(lab: Lab, *task: str) -> None:
    """Check that the next run and every check succeed."""
    lab.ok(*task)
    assert lab.ok("check.all").code == 0
    assert not lab.records()


def _disk(one: Counter, which: str) -> Path:
    lab = one.lab
    return {"project": lab.project, "environment": lab.prefix.parent, "caches": one.caches}[which]


@pytest.mark.parametrize("which", ["project", "environment", "caches"])
def test_full_disk(one: Counter, case: Case, which: str, tried: Tried) -> None:
    if which == "environment" and case.layer == "pip":
        # its environment is in the project: here a whole setup, where `project` tries a change
        which = "project"
    lab = one.lab
    folder = _disk(one, which)
    with _small(folder, 400):
        for left in _LEFT:
            tried(f"full disk, {which}: setup")
            before = _looked(lab)
            with _full(folder, left):
                failed = lab("setup")
                _held(lab, failed, before)
            if failed.code:
                assert failed.error()["title"] in {"disk full", "cannot write"}, failed
            one.clear() if which != "caches" else None
        _sound(lab, "setup")
        for left in _LEFT:
            tried(f"full disk, {which}: deps.add")
            before = _looked(lab)
            with _full(folder, left):
                failed = lab(*_ADD)
                _held(lab, failed, before)
            if not failed.code:
                lab.ok("deps.remove", "toolz")
        _sound(lab, *_ADD)


def test_read_only_project(one: Counter, tried: Tried) -> None:
    lab = one.lab
    tried("read-only project", 4)
    before = _looked(lab)
    with _read_only(lab.project):
        _held(lab, failed := lab("setup"), before)
        assert failed.code == 4, failed
        assert str(lab.project) in failed.error()["detail"], failed
    _sound(lab, "setup")
    before = _looked(lab)
    with _read_only(lab.project):
        assert lab.ok("setup").data["note"] == "nothing to do"
        for task in (_ADD, ("deps.lock",)):
            _held(lab, failed := lab(*task), before)
            assert failed.code == 4, failed
    _sound(lab, *_ADD)


def test_read_only_cache(one: Counter, tried: Tried) -> None:
    lab = one.lab
    _sound(lab, "setup")
    for clear in (False, True):
        tried("read-only cache", 2)
        lab.ok("env.remove")
        if clear:
            one.clear()
        one.caches.mkdir(exist_ok=True)
        before = _looked(lab)
        with _read_only(one.caches):
            for task in (("setup",), ("deps.lock",)):
                _held(lab, lab(*task), before)
                before = _looked(lab)
        _sound(lab, "setup")


def test_damaged_cache(one: Counter, case: Case, tried: Tried) -> None:
    """With any cache, `setup` reports the damage or makes a sound environment, no broken one."""
    lab = one.lab
    _sound(lab, "setup")
    want = lab.installed()
    chance = random.Random(case.combo)  # noqa: S311 - the same files each time
    for number in range(12 if FULL else 1):
        tried("cache damaged by hand")
        lab.ok("env.remove")
        damaged = _damage(one.caches, chance, number)
        answer = lab("setup")
        if answer.code:
            assert answer.code in {1, 4}, (damaged, answer)
        else:
            assert lab.installed() == want, damaged
            lab.imports(*INSTALLED.values())
            assert lab("check.all").code == 0, damaged
        one.clear()
        if lab.prefix.exists():
            lab.ok("env.remove")
        _sound(lab, "setup")


def _damage(caches: Path, chance: random.Random, number: int) -> list[str]:
    """Cut, empty or alter a tenth of the files; each is replaced, since links may share it."""
    found = []
    for path in sorted(caches.rglob("*")):
        if (
            path.is_file()
            and not path.is_symlink()
            and path.stat().st_size
            and chance.random() < 0.1
        ):
            data = bytearray(path.read_bytes())
            path.unlink()
            how = number % 3
            middle = len(data) // 2
            data[middle] ^= 0x40
            path.write_bytes((data[:middle], b"", data)[how])
            found.append(f"{path.relative_to(caches)} {('cut', 'emptied', 'altered')[how]}")
    assert found
    return found


def test_clock_that_jumps(one: Counter, tmp_path: Path, tried: Tried) -> None:
    """Let the clock jump in mid-run, years ahead and back."""
    if _CC is None:
        pytest.skip("no C compiler is on this machine, to make what shifts a clock")
    lab = one.lab
    clock, library = tmp_path / "clock", tmp_path / "clock.so"
    argv = [_CC, "-shared", "-fPIC", "-o", str(library), str(_CLOCK), "-ldl"]
    subprocess.run(argv, check=True)
    fake = {"LD_PRELOAD": str(library), "LAB_CLOCK": str(clock)}
    ahead = 900 * 86_400
    for start, then in ((0, ahead), (ahead, -ahead), (-ahead, 0)):
        for task in (("setup",), _ADD):
            tried("clock that jumps")
            clock.write_text(f"{start}")
            timer = threading.Timer(0.7, clock.write_text, (f"{then}",))
            timer.start()
            answer = lab(*task, env=fake)
            timer.join()
            assert answer.code == 0, answer
        _sound(lab, "setup")
        lab.ok("deps.remove", "toolz")
        lab.ok("env.remove")


@cases("moved", {"deleted": False, "moved": True})
def test_environment_goes_away(one: Counter, tried: Tried, *, moved: bool) -> None:
    lab = one.lab
    _sound(lab, "setup")
    seconds = seconds_of_a_whole_run(lab, _ADD)
    ended = lab.manifests()
    moments = 8 if FULL else 1
    for moment in range(moments):
        tried(f"environment {'moved' if moved else 'deleted'} while in use")
        lab.ok("deps.remove", "toolz")
        begin = lab.manifests()
        child = lab.start(lab.argv(*_ADD, json=True))
        time.sleep(seconds * (moment + 0.5) / moments)
        elsewhere = lab.home / f"elsewhere {moment}"
        refused = False
        try:
            lab.prefix.rename(elsewhere) if moved else shutil.rmtree(lab.prefix)
        except OSError:  # a file was added meanwhile: `rm -r` fails, and a user types it again
            refused = True
        stdout, stderr = child.communicate(timeout=300)
        answer = Answer(child.returncode, stdout, stderr)
        if refused:
            shutil.rmtree(lab.prefix, ignore_errors=True)
        expect_no_traceback(answer)
        expect_contract(answer)
        assert answer.code in {0, 2, 3, 4}, answer
        assert lab.manifests() == (begin if answer.code else ended), answer
        _sound(lab, "setup")
        _sound(lab, *_ADD)


def test_manifests_that_are_links(one: Counter, case: Case, tried: Tried) -> None:
    """A manifest that is a link stays one, when a run ends well and when it fails."""
    lab = one.lab
    _sound(lab, "setup")
    kept = lab.project / "kept"
    kept.mkdir()
    names = [path.name for path in lab.project.iterdir() if path.is_file()]
    for name in names:
        (lab.project / name).rename(kept / name)
        (lab.project / name).symlink_to(kept / name)
    before = {name: (kept / name).read_bytes() for name in names}

    def links() -> list[str]:
        return [name for name in names if (lab.project / name).is_symlink()]

    tried("manifests that are links", 3)
    with one.shop.broken("500", "list"):
        one.clear()
        assert lab(*_ADD).code == 4
    assert links() == names
    assert {name: (kept / name).read_bytes() for name in names} == before
    lab.ok(*_ADD)
    assert links() == names
    assert b"toolz" in (kept / "pyproject.toml").read_bytes()
    assert b"toolz" in (kept / lab.lock.name).read_bytes()
    if case.layer == "conda":
        lab.ok("deps.add", "--layer", "conda", "six")
        assert links() == names
        assert b"six" in (kept / "conda.yml").read_bytes()
    _sound(lab, "setup")


@pytest.mark.parametrize("name", ["folder", "journal", "lock"])
def test_links_in_an_older_journals_place(
    shops: Callable[[Case], Counter], name: str, tried: Tried
) -> None:
    """Nothing is read or written through a link that a repository brings."""
    one = shops(_UV)
    lab = one.lab
    elsewhere = lab.home / "elsewhere"
    elsewhere.mkdir()
    mine = elsewhere / "mine.txt"
    mine.write_text("mine")
    own = lab.project / ".mlops-lab"
    if name == "folder":
        own.symlink_to(elsewhere)
    else:
        own.mkdir()
        (own / {"journal": "journal.json", "lock": "lock"}[name]).symlink_to(mine)
    tried(f"link in place of the {name}")
    before = tree(own)
    found = lab.ok("setup")
    assert "leftover" in found.ids("warn"), found
    assert tree(own) == before
    assert mine.read_text() == "mine"
    assert [path.name for path in elsewhere.iterdir()] == ["mine.txt"]
    _sound(lab, "setup")
    shutil.rmtree(lab.home)
