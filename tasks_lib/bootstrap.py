"""Make the tool environment, once for all checkouts, and go on in it. Standard library alone.

Every start passes through here. So a sound environment is found with `os` and `hashlib` alone: `pathlib`, `typing`,
`subprocess` and the like cost 5 to 30 ms each, and are imported only when there is something to make or to refuse.
"""
# ruff: noqa: PLC0415 - the same reason: imports stand where they are needed

from __future__ import annotations

import os
import signal
import sys
from hashlib import sha256

TYPE_CHECKING = False  # typing's own costs 9 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.errors import LabError

#: What the tool environment holds: pinned and hashed, and part of this package.
REQUIREMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools.txt")
#: Keeps the user's packages out, as any text does; this one tells that it was not the user who said so.
NO_USER_SITE = "mlops-lab"
#: Names the tool environment to whatever runs inside it.
TOOLS = "MLOPS_LAB_TOOLS"
INDEX = "MLOPS_LAB_INDEX_URL"
CACHE = "MLOPS_LAB_CACHE_DIR"
#: Set by `--offline`: what is needed comes from the caches alone.
OFFLINE = "MLOPS_LAB_OFFLINE"

#: Set on the way into the tool environment, and taken out again there: the tasks are mlops-lab's own.
OWN_TASKS = "MLOPS_LAB_OWN_TASKS"
#: Names what a person typed, for the commands that answers tell them to type next.
PROGRAM = "MLOPS_LAB_PROGRAM"

_MARKER = ".complete"
_SECONDS = 20
#: Settings of pip that would lead the packages elsewhere, or ask for others.
_NO_PIP = (
    "PIP_TARGET",
    "PIP_PREFIX",
    "PIP_ROOT",
    "PIP_REQUIREMENT",
    "PIP_CONSTRAINT",
    "PIP_DRY_RUN",
    "PIP_NO_COMPILE",
)
_FULL = "No space left on device|Disk quota exceeded|not enough space on the disk"
_SILENT = "connection broken by|Could not fetch URL|Max retries exceeded|ConnectionError|timed out"
_REASON = r"\w+ (denied|refused)|Read-only file system|Not a directory|File exists|[Nn]ame (or|res)[ \w]+|timed out"


def ensure(requirements: str | os.PathLike[str]) -> str:
    """Give the interpreter of the tool environment that `requirements` pins, made or mended if need be.

    Raises `LabError` when it cannot be made; nothing half made is left then.
    """
    path = os.path.abspath(requirements)
    home = place(path)
    if fault(home) is not None:
        _make(home, path)
    return interpreter(home)


def is_inside() -> bool:
    """Tell whether this interpreter is the tool environment's own, or one that was named as such."""
    named = os.environ.get(TOOLS)
    if named and os.path.realpath(named) == os.path.realpath(sys.prefix):
        return True
    return sys.prefix != sys.base_prefix and os.path.realpath(
        place(REQUIREMENTS)
    ) == os.path.realpath(sys.prefix)


def go_on(python: str, argv: list[str], changes: Mapping[str, str]) -> int:
    """Go on as mlops-lab in the tool environment whose interpreter is `python`; come back on Windows only.

    `-I` keeps PYTHONPATH, PYTHONHOME and the current folder from that interpreter, and leaves them in the environment
    for the checks that look at them. What it would ignore and a person may rely on is passed on as options.
    """
    options = ["-I", "-Xutf8"]
    options += ["-u"] if os.environ.get("PYTHONUNBUFFERED") else []
    options += ["-B"] if os.environ.get("PYTHONDONTWRITEBYTECODE") else []
    user_site = os.environ.get("PYTHONNOUSERSITE") or NO_USER_SITE
    env = {
        **os.environ,
        **changes,
        TOOLS: os.path.dirname(os.path.dirname(python)),
        "PYTHONNOUSERSITE": user_site,
    }
    env.pop(
        "__PYVENV_LAUNCHER__", None
    )  # macOS: it would make that interpreter believe to be this one
    command = [python, *options, os.path.join(os.path.dirname(REQUIREMENTS), "__main__.py"), *argv]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        # what asks a run to end waits until the other interpreter has started, which would answer with a traceback
        signal.pthread_sigmask(signal.SIG_BLOCK, ending())
        os.execve(python, command, env)  # noqa: S606 - there is no shell here, and none is wanted
    from tasks_lib.execution import process

    return process.call(command, env)


def hear() -> None:
    """Take what asks a run to end as Ctrl-C, and let through what `go_on` held back."""
    for number in ending():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, ending())


def deafen() -> None:
    """Let nothing that asks a run to end disturb an interpreter that is ending."""
    for number in ending():
        signal.signal(number, signal.SIG_IGN)


def ending() -> list[signal.Signals]:
    """List the signals that ask a run to end, as far as this system has them."""
    return [
        getattr(signal, name) for name in ("SIGINT", "SIGTERM", "SIGHUP") if hasattr(signal, name)
    ]


def cache_folder() -> str:
    """Name the folder for what can be made anew: the user's choice, else the system's custom."""
    chosen = os.environ.get(CACHE)
    if chosen:
        return os.path.abspath(os.path.expanduser(chosen))
    if os.name == "nt":
        local = os.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
        return os.path.join(local, "mlops-lab", "Cache")
    xdg = os.environ.get("XDG_CACHE_HOME", "")
    if os.path.isabs(xdg):  # the XDG specification has relative ones ignored
        return os.path.join(xdg, "mlops-lab")
    return os.path.join(
        os.path.expanduser("~/Library/Caches" if sys.platform == "darwin" else "~/.cache"),
        "mlops-lab",
    )


def lock_place(what: str) -> str:
    """Name the file by which all runs of this user wait for each other at the path `what`."""
    return os.path.join(
        cache_folder(), "locks", f"{sha256(os.fsencode(what)).hexdigest()[:16]}.lock"
    )


def place(requirements: str) -> str:
    """Name the folder of the tool environment for these requirements and this interpreter."""
    with open(requirements, "rb") as file:
        key = sha256(file.read() + os.fsencode(os.path.realpath(_base())))
    version = "{}.{}".format(*sys.version_info)
    return os.path.join(cache_folder(), f"tools-{version}-{key.hexdigest()[:16]}")


def interpreter(home: str) -> str:
    """Name the interpreter of the environment `home`."""
    return (
        os.path.join(home, "Scripts", "python.exe")
        if os.name == "nt"
        else os.path.join(home, "bin", "python")
    )


def fault(home: str) -> str | None:
    """Say why the environment `home` cannot be used, in no words if it was never made; `None` if it can."""
    try:
        with open(os.path.join(home, _MARKER), encoding="ascii") as file:
            expected = file.read()
    except (OSError, ValueError):
        return "an earlier run did not finish it" if os.path.lexists(home) else ""
    if not os.path.exists(interpreter(home)):
        return "the Python it was made with is gone"
    try:
        return (
            None if fingerprint(home) == expected else "its files are not those that were installed"
        )
    except OSError as error:
        return f"it cannot be read ({error.strerror})"


def fingerprint(home: str) -> str:
    """Digest the names and sizes of all files in `home` but the marker and bytecode, which comes and goes."""
    lines = []
    folders = [home]
    while folders:
        with os.scandir(folders.pop()) as entries:
            for entry in entries:
                if not entry.is_dir(follow_symlinks=False):
                    lines.append(f"{entry.path} {entry.stat(follow_symlinks=False).st_size}")
                elif entry.name != "__pycache__":
                    folders.append(entry.path)
    marker = os.path.join(home, _MARKER) + " "
    text = "\n".join(sorted(line for line in lines if not line.startswith(marker)))
    return sha256(text.encode("utf-8", "surrogateescape")).hexdigest()


def _make(home: str, requirements: str) -> None:
    """Make the environment `home` while no other process does, or take the one that another has just made."""
    from tasks_lib.execution import file_lock

    try:
        with file_lock.held(f"{home}.lock", "the run that makes the tool environment", _say):
            why = fault(home)
            if why is not None:
                _say(
                    f"making the tool environment {f'anew: {why} (' if why else '(once, '}about {_SECONDS} s) …"
                )
                _whole_or_not_at_all(home, requirements)
    except OSError as error:
        raise refusal(str(error), home) from None


def _whole_or_not_at_all(home: str, requirements: str) -> None:
    """Build the environment, and leave nothing of it if that fails, is interrupted or is asked to end."""
    try:
        _discard(home)
        _build(home, requirements)
    except BaseException:
        _discard(home)
        raise


def _build(home: str, requirements: str) -> None:
    """Install the requirements into a new environment, then mark it as whole."""
    _run([_base(), "-I", "-m", "venv", home], home)
    pip = [interpreter(home), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    install = [
        *pip,
        "install",
        "--require-hashes",
        "--no-deps",
        "--compile",
        "--progress-bar=off",
        "-r",
        requirements,
    ]
    url = os.environ.get(INDEX)
    if url:
        install += ["--index-url", url]
    if "retries=" not in _run([*pip, "config", "list"], home):  # a person who set it had a reason
        install += ["--retries", "2"]
    _run(install, home)
    found = fingerprint(home)
    with open(
        os.path.join(home, _MARKER), "w", encoding="ascii"
    ) as file:  # half a marker is a wrong one
        file.write(found)


def _run(argv: list[str], home: str) -> str:
    """Run one step to its end and give what it printed."""
    from tasks_lib.execution import process

    env: dict[str, str | None] = {**dict.fromkeys(_NO_PIP), "PIP_USER": "0"}
    outcome = process.run(process.Command(tuple(argv), env=env))
    if not outcome.ok:
        raise refusal(outcome.said, home)
    return outcome.stdout


def refusal(said: str, home: str) -> LabError:
    """Turn what a step said as it failed into one sentence and the next command to type."""
    import re

    from tasks_lib.errors import ErrorCode, LabError

    code, cache = ErrorCode.TOOL_ENVIRONMENT_FAILED, os.path.dirname(home)
    named = (
        f"the one that {INDEX} names"
        if os.environ.get(INDEX)
        else "see `python3 -m pip config list`"
    )
    found = re.search(_REASON, said)
    reason = f": {found[0]}" if found else ""
    last = (re.findall("(?m)^ERROR: (.+)", said) or said.splitlines() or ["it did not say why"])[
        -1
    ].rstrip(".")
    if re.search(_FULL, said):
        code = ErrorCode.DISK_FULL
        text = f"The disk is full: the tool environment does not fit in {cache}."
        remedy = f"make room there, or set {CACHE} to a folder with room"
    elif re.match(r"\[(Errno|WinError)", said):
        code, text = (
            ErrorCode.CACHE_NOT_WRITABLE,
            f"The cache folder {cache} cannot be written{reason}.",
        )
        remedy = f"set {CACHE} to a folder that can be written"
    elif re.search("ensurepip|No module named '?venv", said):
        code, text = (
            ErrorCode.NO_VENV,
            f"This Python ({_base()}) lacks the module venv or ensurepip.",
        )
        remedy = (
            "apt install python3-venv"
            if os.path.exists("/etc/debian_version")
            else "install these modules"
        )
    elif "DO NOT MATCH THE HASHES" in said:
        code = ErrorCode.HASH_MISMATCH
        text = f"The package index ({named}) gave a file whose hash is not the pinned one."
        remedy = f"type python3 -m pip cache purge, or set {INDEX} to an index to be trusted"
    elif re.search(_SILENT, said):
        code = ErrorCode.NO_ANSWER
        text = f"The package index ({named}) does not answer{reason}."
        remedy = f"see to the network, or set {INDEX} to an index that answers"
    else:
        text = f"The tool environment could not be made: {last}."
        remedy = (
            f"set {INDEX} to an index that has all it needs"
            if "No matching" in said
            else "see to that"
        )
    return LabError(text, code, remedy=f"{remedy}, then run this again")


def _discard(home: str) -> None:
    """Remove the environment, also where a process that was just stopped still writes its last file into it."""
    import shutil
    import time

    if os.path.islink(home) or os.path.isfile(home):
        os.remove(home)
    for pause, patient in ((0, True), (0.1, True), (0.5, False)):
        if os.path.lexists(home):
            time.sleep(pause)
            shutil.rmtree(home, ignore_errors=patient)


def _base() -> str:
    """Name the interpreter that is no virtual environment's."""
    return getattr(sys, "_base_executable", "") or sys.executable


def _say(text: str) -> None:
    sys.stderr.write(f"mlops-lab: {text}\n")
    sys.stderr.flush()
