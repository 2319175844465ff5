"""What is damaged in the package cache, and that nothing else is deleted."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.environments import package_cache
from tasks_lib.execution.plan import Step, Writes
from tests.cases import cases
from tests.steps import done

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.conftest import Link

SOUND = b"x = 1\n"


@pytest.fixture
def folder(home: Path) -> Path:
    """Return the folder of a package in a cache, with its archive beside it."""
    made = home / "pkgs/tiny-1.0-py_0"
    (made / "info").mkdir(parents=True)
    (made / "tiny.py").write_bytes(SOUND)
    made.with_name("tiny-1.0-py_0.conda").write_bytes(b"archive")
    entry = {"_path": "tiny.py", "sha256": hashlib.sha256(SOUND).hexdigest()}
    linked = {"_path": "bin/tiny", "path_type": "softlink", "sha256": "0" * 64}
    text = json.dumps({"paths": [{**entry, "path_type": "hardlink"}, linked], "paths_version": 1})
    (made / "info/paths.json").write_text(text)
    return made


@pytest.fixture
def named(conda_env: Path, link: Link, folder: Path) -> Callable[..., Path]:
    """Return the maker of an environment whose record names the folder, or what a test says."""

    def make(**words: Any) -> Path:  # noqa: ANN401 - whatever a record holds
        record = link(conda_env, "tiny", "1.0")
        sound = hashlib.sha256(b"archive").hexdigest()
        own = {"extracted_package_dir": str(folder), "sha256": sound, **words}
        record.write_text(json.dumps({**json.loads(record.read_text()), **own}))
        return conda_env

    return make


def _deleted(prefix: Path) -> list[str]:
    """Carry the step out, where there is one, and return what was deleted."""
    *steps, last = package_cache.before(Step("env.clear", "clear"), prefix)
    assert last.needs == tuple(step.id for step in steps)
    for step in steps:
        assert (step.id, step.writes) == ("env.cache", Writes.PROJECT)
        done(step)
    return [step.shown for step in steps]


def test_sound_package_stays(named: Callable[..., Path]) -> None:
    assert _deleted(named()) == []


@cases(
    "change",
    {
        "altered": lambda folder: (folder / "tiny.py").write_bytes(b"x = 2\n"),
        "cut": lambda folder: (folder / "tiny.py").write_bytes(SOUND[:2]),
        "missing": lambda folder: (folder / "tiny.py").unlink(),
        "its list": lambda folder: (folder / "info/paths.json").write_text('{"paths": ['),
        "its list is none": lambda folder: (folder / "info/paths.json").write_text("[]"),
    },
)
def test_damaged_package_goes_and_its_sound_archive_stays(
    named: Callable[..., Path], folder: Path, change: Callable[[Path], object]
) -> None:
    change(folder)
    (shown,) = _deleted(named())
    assert shown == f"rm -r {folder}"
    assert [path.name for path in folder.parent.iterdir()] == ["tiny-1.0-py_0.conda"]


def test_damaged_archive_goes_with_it(named: Callable[..., Path], folder: Path) -> None:
    (folder / "tiny.py").unlink()
    _deleted(named(sha256="0" * 64))
    assert list(folder.parent.iterdir()) == []


@pytest.mark.parametrize("place", ["", "pkgs", "pkgs/another-1.0-py_0", 7, None])
def test_record_that_names_another_folder_is_not_believed(
    named: Callable[..., Path], folder: Path, home: Path, place: object
) -> None:
    (folder / "tiny.py").unlink()
    folder.rename(folder.with_name("another-1.0-py_0"))
    words = str(home / place) if isinstance(place, str) else place
    assert _deleted(named(extracted_package_dir=words)) == []
