"""Make the tool environment, once for all checkouts, and go on in it. Standard library alone.

Every start passes through here. So a sound environment is found with `os` and `hashlib` alone:
`pathlib`, `typing`, `subprocess` and others cost 5 to 30 ms each, and are imported only where
something is made or refused.
"""
# ruff: noqa: PLC0415 - the same reason: imports stand where they are needed

from __future__ import annotations

import os
import signal
import sys

from tasks_lib.execution import folder_state, streams

TYPE_CHECKING = False  # typing's own costs 9 ms
if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.errors import LabError

#: What the tool environment holds: pinned and hashed, and part of this package.
REQUIREMENTS = os.path.join(os.path.dirname(os.path.abspath(__file__)), "tools.txt")
#: Keeps the user's packages out, as any text does. This one says that the user did not set it.
NO_USER_SITE = "mlops-lab"
#: Names the tool environment to whatever runs inside it.
TOOLS = "MLOPS_LAB_TOOLS"
INDEX = "MLOPS_LAB_INDEX_URL"
CACHE = "MLOPS_LAB_CACHE_DIR"
#: Set for `--offline`: what is needed comes from the caches alone.
OFFLINE = "MLOPS_LAB_OFFLINE"

#: Set on the way into the tool environment, and removed there: the tasks are mlops-lab's own.
OWN_TASKS = "MLOPS_LAB_OWN_TASKS"
#: What the user typed, for the commands that answers name as the next ones.
PROGRAM = "MLOPS_LAB_PROGRAM"

_MARKER = ".complete"
_SECONDS = 20
#: What a step's output means: a pattern, the error's code, its sentence, and what helps. The first
#: match counts.
_FAILURES = (
    (
        "No space left on device|Disk quota exceeded|not enough space on the disk",
        "disk_full",
        "The disk is full: the tool environment does not fit in {cache}.",
        f"Free space there, or set {CACHE} to a folder with more space",
    ),
    (
        r"\A\[(Errno|WinError)",
        "cache_not_writable",
        "The cache folder {cache} cannot be written{reason}.",
        f"Set {CACHE} to a folder that can be written",
    ),
    (
        "ensurepip|No module named '?venv",
        "no_venv",
        "This Python ({python}) lacks the module venv or ensurepip.",
        "Install these modules, e.g. the package python3-venv",
    ),
    (
        "DO NOT MATCH THE HASHES",
        "hash_mismatch",
        "The package index ({index}) sent a file whose hash is not the pinned one.",
        f"Type `python3 -m pip cache purge`, or set {INDEX} to an index that you trust",
    ),
    (
        "connection broken by|Could not fetch URL|Max retries exceeded|ConnectionError|timed out",
        "no_answer",
        "The package index ({index}) does not answer{reason}.",
        f"Check the network, set {INDEX} to an index that answers, or PIP_DEFAULT_TIMEOUT higher",
    ),
    (
        "No matching",
        "tool_environment_failed",
        "The tool environment could not be made: {last}.",
        f"Set {INDEX} to an index that has all packages",
    ),
    ("", "tool_environment_failed", "The tool environment could not be made: {last}.", "Fix that"),
)
_REASON = (
    r"\w+ (denied|refused)|Read-only file system|Not a directory|File exists"
    r"|[Nn]ame (or|res)[ \w]+|timed out"
)


def ensure(requirements: str | os.PathLike[str]) -> str:
    """Return the interpreter of the tool environment for `requirements`, which is made if needed.

    Raises:
        LabError: It cannot be made. Nothing half made is left.

    """
    path = os.path.abspath(requirements)
    home = place(path)
    if not is_sound(home):
        _make(home, path)
    return interpreter(home)


def is_inside() -> bool:
    """Return whether this is the tool environment, or an environment that was named as such."""
    here = os.path.realpath(sys.prefix)
    named = os.environ.get(TOOLS)
    if named and os.path.realpath(named) == here:
        return True
    return sys.prefix != sys.base_prefix and os.path.realpath(place(REQUIREMENTS)) == here


def go_on(python: str, argv: list[str], changes: Mapping[str, str]) -> int:
    """Go on as mlops-lab in the tool environment of the interpreter `python`.

    Only Windows comes back, with the exit code.

    `-I` keeps PYTHONPATH, PYTHONHOME and the current folder from that interpreter, and leaves them
    in the environment for the checks that look at them. What it would ignore, and a user may rely
    on, is passed on as options.
    """
    options = ["-I", "-Xutf8"]
    if os.environ.get("PYTHONUNBUFFERED"):
        options.append("-u")
    if os.environ.get("PYTHONDONTWRITEBYTECODE"):
        options.append("-B")
    env = {
        **os.environ,
        **changes,
        TOOLS: os.path.dirname(os.path.dirname(python)),
        "PYTHONNOUSERSITE": os.environ.get("PYTHONNOUSERSITE") or NO_USER_SITE,
    }
    # macOS: that interpreter would take itself for this one
    env.pop("__PYVENV_LAUNCHER__", None)
    main = os.path.join(os.path.dirname(REQUIREMENTS), "__main__.py")
    command = [python, *options, main, *argv]
    sys.stdout.flush()
    sys.stderr.flush()
    if os.name == "posix":
        # a stop signal waits until the other interpreter has started, which would answer with a
        # traceback
        signal.pthread_sigmask(signal.SIG_BLOCK, stop_signals())
        os.execve(python, command, env)  # noqa: S606 - there is no shell here, and none is wanted
    from tasks_lib.execution import process

    return process.call(command, env)


def accept_stop_signals() -> None:
    """Treat every stop signal as Ctrl-C, and let through those that were held back."""
    for number in stop_signals():
        if signal.getsignal(number) is signal.SIG_DFL:
            signal.signal(number, signal.default_int_handler)
    if os.name == "posix":
        signal.pthread_sigmask(signal.SIG_UNBLOCK, stop_signals())


def ignore_stop_signals() -> None:
    """Let no stop signal disturb an interpreter that is ending."""
    for number in stop_signals():
        signal.signal(number, signal.SIG_IGN)


def stop_signals() -> list[signal.Signals]:
    """Return the signals that ask a run to stop, as far as this system has them."""
    names = ("SIGINT", "SIGTERM", "SIGHUP")
    return [getattr(signal, name) for name in names if hasattr(signal, name)]


def cache_folder() -> str:
    """Return the cache folder: the user's choice, else the one that the system usually has."""
    chosen = os.environ.get(CACHE)
    return os.path.abspath(os.path.expanduser(chosen)) if chosen else _usual_cache()


def own_cache() -> str:
    """Return the cache folder, or the usual one where the chosen one is there only to be read."""
    chosen = cache_folder()
    return _usual_cache() if _is_read_only(chosen) else chosen


def _is_read_only(folder: str) -> bool:
    return os.path.isdir(folder) and not os.access(folder, os.W_OK)


def _usual_cache() -> str:
    if os.name == "nt":
        local = os.environ.get("LOCALAPPDATA") or os.path.expanduser(r"~\AppData\Local")
        return os.path.join(local, "mlops-lab", "Cache")
    base = os.environ.get("XDG_CACHE_HOME", "")
    if not os.path.isabs(base):  # the XDG specification ignores relative ones
        base = os.path.expanduser("~/Library/Caches" if sys.platform == "darwin" else "~/.cache")
    return os.path.join(base, "mlops-lab")


def lock_place(what: str) -> str:
    """Return the file by which all runs of this user wait for each other at the path `what`."""
    from hashlib import sha256

    name = sha256(os.fsencode(what)).hexdigest()[:16]
    return os.path.join(own_cache(), "locks", f"{name}.lock")


def place(requirements: str) -> str:
    """Return the folder of the environment for these requirements and this interpreter.

    Only that of the tools may be in a cache folder that cannot be written.
    """
    from hashlib import sha256

    with open(requirements, "rb") as file:
        key = sha256(file.read() + os.fsencode(os.path.realpath(_base())))
    version = "{}.{}".format(*sys.version_info)
    folder = cache_folder() if requirements == REQUIREMENTS else own_cache()
    return os.path.join(folder, f"tools-{version}-{key.hexdigest()[:16]}")


def interpreter(home: str) -> str:
    """Return the path of the interpreter of the environment `home`."""
    if os.name == "nt":
        return os.path.join(home, "Scripts", "python.exe")
    return os.path.join(home, "bin", "python")


def is_sound(home: str) -> bool:
    """Return whether the environment can be used.

    All its files are looked at once a day, and where a folder has changed since.
    """
    if folder_state.is_as_seen(home, _marker(home)) and os.path.exists(interpreter(home)):
        return True
    seen = folder_state.folders(home)
    if fault(home) is not None:
        return False
    folder_state.remember(home, _marker(home), seen)
    return True


def _marker(home: str) -> str:
    """Return what the mark of a complete environment says; empty where it cannot be read."""
    try:
        with open(os.path.join(home, _MARKER), encoding="ascii") as file:
            return file.read()
    except (OSError, ValueError):
        return ""


def fault(home: str) -> str | None:
    """Return why the environment cannot be used: empty if there is none, `None` if it can."""
    try:
        with open(os.path.join(home, _MARKER), encoding="ascii") as file:
            expected = file.read()
    except (FileNotFoundError, NotADirectoryError, ValueError):
        return "an earlier run did not finish it" if os.path.lexists(home) else ""
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    if not os.path.exists(interpreter(home)):
        return "the Python it was made with is gone"
    try:
        found = fingerprint(home)
    except OSError as error:
        return f"it cannot be read ({error.strerror})"
    return None if found == expected else "its files are not those that were installed"


def fingerprint(home: str) -> str:
    """Return a digest of the names and sizes of the files in `home`; bytecode does not count."""
    return folder_state.digest(home, but=_MARKER)


def _make(home: str, requirements: str) -> None:
    """Make the environment `home`, unless another process has just made it."""
    from tasks_lib.execution import file_lock

    if _is_read_only(os.path.dirname(home)):
        raise _unfit(home)
    try:
        with file_lock.held(f"{home}.lock", "the run that makes the tool environment", _say):
            why = fault(home)
            if why is None:
                return
            how = f"again: {why} (" if why else "(once, "
            _say(f"making the tool environment {how}about {_SECONDS} s) …")
            _build_or_discard(home, requirements)
    except OSError as error:
        raise refusal(str(error), home) from None


def _unfit(home: str) -> LabError:
    """Return the error for a cache folder that is only read, and lacks what this run needs."""
    from tasks_lib.errors import ErrorCode, LabError, Remedy

    cache, why = os.path.dirname(home), fault(home)
    version = "{}.{}.{}".format(*sys.version_info)
    found = f"holds none for this version of mlops-lab with Python {version} ({_base()})"
    if why:
        found = f"holds one that cannot be used: {why}"
    text = f"The tool environment cannot be made in {cache}, which is read-only and {found}."
    remedy = Remedy(
        f"Let the owner of {cache} make it there, with {CACHE}={cache} and this Python, or set "
        f"{CACHE} to a folder that can be written, then run this again"
    )
    return LabError(text, ErrorCode.CACHE_NOT_WRITABLE, remedy=remedy)


def _build_or_discard(home: str, requirements: str) -> None:
    """Build the environment, and leave nothing of it where that fails or is interrupted."""
    try:
        _discard(home)
        _build(home, requirements)
    except BaseException:
        _discard(home)
        raise


def _build(home: str, requirements: str) -> None:
    """Install the requirements into a new environment, then mark it as complete."""
    _run([_base(), "-I", "-m", "venv", home], home)
    pip = [interpreter(home), "-I", "-m", "pip", "--disable-pip-version-check", "--no-input"]
    options = ["--require-hashes", "--no-deps", "--compile", "--progress-bar=off"]
    install = [*pip, "install", *options, "-r", requirements]
    url = os.environ.get(INDEX)
    if url:
        install += ["--index-url", url]
    settings = _run([*pip, "config", "list"], home)
    if "retries=" not in settings:  # a user who set it had a reason
        install += ["--retries", "2"]
    _run(install, home, source=url or settings or "the package index")
    found = fingerprint(home)
    # half a marker is a wrong one
    with open(os.path.join(home, _MARKER), "w", encoding="ascii") as file:
        file.write(found)


def _run(argv: list[str], home: str, source: str = "") -> str:
    """Run one step to its end and return what it printed."""
    from tasks_lib.execution import process
    from tasks_lib.tools.pip_variables import PIP

    # the list is complete and says each version: a constraint can only be in its way
    own = {"PIP_USER": "0", "PIP_CONSTRAINT": None, "PIP_NO_COMPILE": None}
    env: dict[str, str | None] = {**PIP.unset(), **own}
    outcome = process.run(process.Command(tuple(argv), env=env, source=source))
    if not outcome.ok:
        raise refusal(outcome.said, home)
    return outcome.stdout


def refusal(said: str, home: str) -> LabError:
    """Return the error for a step that failed with the output `said`."""
    import re

    from tasks_lib.errors import ErrorCode, LabError, Remedy
    from tasks_lib.execution import redaction

    found = re.search(_REASON, said)
    errors = re.findall("(?m)^ERROR: (.+)", said) or said.splitlines() or ["it did not say why"]
    index = "see `python3 -m pip config list`"
    if os.environ.get(INDEX):
        index = f"{' '.join(redaction.addresses(os.environ[INDEX]))}, from {INDEX}"
    facts = {
        "cache": os.path.dirname(home),
        "python": _base(),
        "index": index,
        "reason": f": {found[0]}" if found else "",
        "last": errors[-1].rstrip("."),
    }
    _, code, text, remedy = next(row for row in _FAILURES if re.search(row[0], said))
    return LabError(
        text.format(**facts),
        ErrorCode[code.upper()],
        remedy=Remedy(f"{remedy}, then run this again"),
    )


def _discard(home: str) -> None:
    """Remove the environment, though a process that was just stopped may still write into it."""
    import shutil
    import time

    if os.path.islink(home) or os.path.isfile(home):
        os.remove(home)
    for pause in (0, 0.1):
        time.sleep(pause)
        shutil.rmtree(home, ignore_errors=True)
        if not os.path.lexists(home):
            return
    time.sleep(0.5)
    shutil.rmtree(home)


def _base() -> str:
    """Return the path of the interpreter outside of any virtual environment."""
    return getattr(sys, "_base_executable", "") or sys.executable


def _say(text: str) -> None:
    """Report what takes its time, unless the task is to be quiet."""
    words, letters = streams.own_words(sys.argv)
    if "--quiet" not in words and "q" not in letters:
        streams.tell(f"mlops-lab: {text}")
