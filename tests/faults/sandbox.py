"""A home and a project where a task is watched: its writes, time, memory and answer."""

from __future__ import annotations

import contextlib
import io
import json
import os
import re
import resource
import shutil
import signal
import sys
import sysconfig
import tempfile
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.cli import runner
from tasks_lib.cli.request import Request
from tasks_lib.execution import state_folder
from tests.faults.targets import CONDA, CONDARC, POETRY_LOCK, UV_LOCK, Look
from tests.lab import DEAD, PYPROJECT, PYTHON, VERSION, Answer, differences, expect_contract, tree

if TYPE_CHECKING:
    from collections.abc import Iterator

CODES = frozenset(range(6))
DEADLINE = 10.0
_MEBIBYTE = 1 << 10  # ru_maxrss counts in KiB
MEMORY = 300 * _MEBIBYTE
_RAW = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")
_WRITES = os.O_WRONLY | os.O_RDWR | os.O_CREAT | os.O_TRUNC | os.O_APPEND
#: audit events that change the disk, and which arguments are paths, each with the argument that is
#: its folder
_CHANGES: dict[str, tuple[tuple[int, int | None], ...]] = {
    "os.mkdir": ((0, 2),),
    "os.remove": ((0, 1),),
    "os.rmdir": ((0, 1),),
    "os.rename": ((0, 2), (1, 3)),
    "os.link": ((1, 3),),
    "os.symlink": ((1, 2),),
    "os.chmod": ((0, 2),),
    "os.truncate": ((0, None),),
    "os.utime": ((0, 3),),
}


class Hang(BaseException):
    """A task did not end in time."""


class Sandbox:
    """The folders of one fuzzer; each input puts one file in, and takes it out again."""

    def __init__(self, root: Path) -> None:
        """Make a project with all manifests, and an environment of each layer with few records."""
        self.root = root
        self.writes: list[str] = []
        self._watching = False
        # the caches of tools are in .cache, which `tree` leaves out
        for folder in ("home/.cache/uv", "project", "scratch", "states"):
            (root / folder).mkdir(parents=True, exist_ok=True)
        own = root / "states" / "checkouts" / state_folder.of_checkout(root / "project").name
        own.mkdir(parents=True)
        (root / "record").symlink_to(own)
        sound = {
            "project/pyproject.toml": PYPROJECT.encode(),
            "project/conda.yml": CONDA.encode(),
            "project/requirements.txt": b"toolz\n",  # conda.yml names it, else init ends there
            "project/more.txt": b"toolz\n",
            "project/constraints.txt": b"click<9\n",
            "project/README.md": b"# tiny\n",
            "project/uv.lock": UV_LOCK,
            "project/poetry.lock": POETRY_LOCK,
            "home/.condarc": CONDARC.encode(),
        }
        for name, data in sound.items():
            (root / name).write_bytes(data)
        _environment(root / "project/.venv")
        _environment(root / "home/.conda/envs/demo")
        meta = root / "home/.conda/envs/demo/conda-meta"
        meta.mkdir(exist_ok=True)
        record = {
            "name": "python",
            "version": f"{VERSION}.7",
            "build": "0",
            "channel": "x",
            "subdir": "noarch",
        }
        more = {"fn": "python-0", "url": "file:///x", "build_number": 0, "files": [], "depends": []}
        (meta / "python-0.json").write_text(
            json.dumps({**record, **more, "paths_data": {"paths": []}})
        )
        sys.addaudithook(self._audit)

    @contextmanager
    def entered(self) -> Iterator[None]:
        """Be a user with this home in this project's folder; there is no network."""
        before, here, tmp = dict(os.environ), Path.cwd(), tempfile.tempdir
        home = self.root / "home"
        kept: dict[str, str] = {
            name: before[name] for name in ("PATH", "LANG", "LD_LIBRARY_PATH") if name in before
        }
        own = {
            "HOME": str(home),
            "XDG_CONFIG_HOME": str(home / ".config"),
            "XDG_CACHE_HOME": str(home / ".cache"),
        }
        own |= {
            "UV_CACHE_DIR": str(home / ".cache/uv"),
            "UV_OFFLINE": "1",
            "MLOPS_LAB_INDEX_URL": DEAD,
            "MLOPS_LAB_STATE_DIR": str(self.root / "states"),
        }
        own |= {
            "POETRY_CACHE_DIR": str(home / ".cache/poetry"),
            "TMPDIR": str(self.root / "scratch"),
        }
        # MLOPS_LAB_DEBUG shows the traceback of an internal error
        own |= {"MLOPS_LAB_DEBUG": "1", "PYTHONDONTWRITEBYTECODE": "1"}
        os.environ.clear()
        os.environ.update({**kept, **own})
        os.chdir(self.root / "project")
        tempfile.tempdir = None
        # the variable is read as Python starts: a module that is imported here first would write
        writes_none = sys.dont_write_bytecode
        sys.dont_write_bytecode = True
        try:
            yield
        finally:
            os.environ.clear()
            os.environ.update(before)
            os.chdir(here)
            tempfile.tempdir = tmp
            sys.dont_write_bytecode = writes_none

    def attempt(self, path: str, data: bytes, look: Look, combo: str, form: str) -> list[str]:
        """Put `data` in place of one file, run one task, and return all that it did wrong."""
        place = self.root / path
        sound = place.read_bytes() if place.exists() else None
        place.write_bytes(data)
        try:
            return self.watched(look, combo, form)
        finally:
            if sound is None:
                place.unlink()
            else:
                place.write_bytes(sound)

    def watched(self, look: Look, combo: str = "", form: str = "json") -> list[str]:
        """Run one task on what is there, and say all that was wrong with what it did."""
        before, peak = self._tree(), _peak()
        self.writes.clear()
        request = Request(look.command, look.scope, format=form, combo=combo, engine="rattler")
        if look.source:
            request = Request(look.command, format=form, source=look.source)
        out, err = io.TextIOWrapper(io.BytesIO(), "utf-8"), io.StringIO()
        code: int | None = None
        told = ""
        self._watching = True
        try:
            with contextlib.redirect_stdout(out), contextlib.redirect_stderr(err), _deadline():
                code = runner.answer(request, look.work)
        except Hang:
            told = f"no end within {DEADLINE:.0f} s"
        except BaseException as error:  # noqa: BLE001 - nothing may leave the boundary, whatever it is
            told = f"{type(error).__name__} left the boundary: {error}"
        finally:
            self._watching = False
        out.seek(0)
        faults = [told] if told else _answer_faults(code, out.read(), err.getvalue(), form)
        faults += [f"wrote {path}" for path in dict.fromkeys(self.writes)]
        faults += [f"{what}: {names}" for what, names in differences(before, self._tree()).items()]
        if _peak() - peak > MEMORY:
            faults.append(f"took {(_peak() - peak) // _MEBIBYTE} MB of memory")
        return faults

    def _tree(self) -> dict[str, tuple[object, ...]]:
        """Describe every file but the locks that uv keeps among the temporary files."""
        return {
            name: facts
            for name, facts in tree(self.root).items()
            if not name.startswith("scratch/uv-")
        }

    def _audit(self, event: str, args: tuple[Any, ...]) -> None:
        if not self._watching:
            return
        if (
            event == "open"
            and isinstance(args[0], (str, bytes, os.PathLike))
            and (args[2] or 0) & _WRITES
        ):
            self._wrote(args[0], None)
        elif event == "socket.connect":
            self.writes.append(f"to the network: {args[1]!r}")
        for path, folder in _CHANGES.get(event, ()):
            self._wrote(args[path], args[folder] if folder is not None else None)

    def _wrote(self, path: str | bytes | os.PathLike[str], folder: int | None) -> None:
        """Remember a write anywhere but in the folder for temporary files and the tools' caches."""
        if isinstance(path, int):
            return
        text = os.fsdecode(path)
        if folder is not None and folder >= 0 and not os.path.isabs(text):  # noqa: PTH117 - in an audit hook, the cheapest
            text = f"{os.readlink(f'/proc/self/fd/{folder}')}/{text}"  # noqa: PTH115 - the same
        text = os.path.realpath(text)
        allowed = (os.devnull, f"{self.root}/scratch/", f"{self.root}/home/.cache/")
        if not text.startswith(allowed):
            self.writes.append(text)


def _answer_faults(code: int | None, out: str, err: str, form: str) -> list[str]:
    """Return how an answer breaks what is promised of every answer."""
    faults: list[str] = []
    if code not in CODES:
        faults.append(f"exit code {code}")
    if "Traceback (most recent call last)" in out + err:
        faults.append(err[err.index("Traceback") :] if "Traceback" in err else out[-2000:])
    if "error.internal" in out or "a fault of mlops-lab itself" in out:
        faults.append("error.internal")
    if form in {"text", "markdown", "github"} and (found := _RAW.search(out + err)):
        faults.append(f"a raw {found[0]!r} reaches the terminal")
    if form == "json":
        try:
            expect_contract(Answer(code or 0, out, err))
        except (AssertionError, ValueError) as error:
            faults.append(f"no answer by the schema: {error}")
    return faults


@contextmanager
def _deadline() -> Iterator[None]:
    def over(_number: int, _frame: object) -> None:
        raise Hang

    before = signal.signal(signal.SIGALRM, over)
    signal.setitimer(signal.ITIMER_REAL, DEADLINE)
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def _peak() -> int:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss


def _environment(prefix: Path) -> None:
    """Make what readers take for an environment: an interpreter, and two distributions."""
    site = prefix / "lib" / f"python{VERSION}" / "site-packages"
    site.mkdir(parents=True)
    (prefix / "bin").mkdir()
    (prefix / "bin/python").symlink_to(shutil.which(PYTHON) or PYTHON)
    home = sysconfig.get_config_var("BINDIR")
    (prefix / ".lock").touch()  # uv's, as it leaves one in what it made
    (prefix / "pyvenv.cfg").write_text(f"home = {home}\nversion_info = {VERSION}.7\n")
    for name, version in (("click", "8.1.7"), ("toolz", "1.2.0"), ("iniconfig", "2.3.0")):
        record = site / f"{name}-{version}.dist-info"
        record.mkdir()
        (record / "METADATA").write_text(
            f"Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n"
        )
        (record / "RECORD").write_text(f"{record.name}/METADATA,,\n{record.name}/RECORD,,\n")
