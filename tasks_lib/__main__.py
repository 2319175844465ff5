"""Start mlops-lab: see that its tool environment exists, and go on in it.

A Python that is too old must get as far as an answer that says so. So nothing here is newer than
Python 3.6, and only `os`, `sys` and `time` are imported before the version is known.
"""

import os
import sys
import time

#: The oldest Python that mlops-lab runs on.
OLDEST = (3, 11)
#: The newest minor version that is looked for where the running Python is too old.
_NEWEST_MINOR = 20
_INTERRUPTED = 130
#: what every shell takes as it is
_PLAIN = set("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-")
_TOOL_MISSING = 3
_TOOL_FAILED = 4
#: Bytes of address space below which no task gets as far as an answer. At the very end of its
#: memory Python may loop for ever: an exception table that keeps the last instruction needs an int
#: (`exception_unwind` in ceval.c, seen with 3.11.7).
_LEAST_MEMORY = 64000000


def main(argv: "list[str] | None" = None, *, own_tasks: bool = True, typed: str = "") -> int:
    """Run `argv` in the tool environment and return the exit code.

    The command `mlops-lab` has `own_tasks`. `typed` is what the user typed before `argv`, where
    that is known.
    """
    _hold_stop_signals()
    # the path is set first where this is run as a file
    import tasks_lib.cli.startup_error  # noqa: F401, PLC0415 - while there is memory for it
    from tasks_lib.execution import streams  # noqa: PLC0415

    streams.open_closed()
    began = time.time()
    argv = sys.argv[1:] if argv is None else argv
    if sys.version_info < OLDEST:
        return _refuse_old_python(argv)
    if not _has_room():
        return _end_without_memory(argv)
    try:
        return _start(argv, own_tasks=own_tasks, typed=typed)
    except (KeyboardInterrupt, Exception) as error:  # noqa: BLE001 - a fault is raised again
        try:
            if not streams.lacks_memory(error):
                return _refuse(argv, error, time.time() - began)
        except MemoryError:  # what the answer imports may not fit
            pass
        del error  # and with it all that its frames hold
    return _end_without_memory(argv)


def _refuse(argv: "list[str]", error: BaseException, seconds: float) -> int:
    """Report what ended the start or the run; a fault of this program is raised again."""
    from tasks_lib.cli.startup_error import refuse, refuse_error  # noqa: PLC0415 - it is imported already
    from tasks_lib.errors import LabError  # noqa: PLC0415 - 5 ms that only a refusal needs

    # Python 3.11 wraps what is raised in __set_name__: python/cpython#77757
    if isinstance(error.__cause__ or error, KeyboardInterrupt):
        text = "Interrupted; nothing was left half made."
        return refuse(argv, text, code="interrupted", exit_code=_INTERRUPTED, seconds=seconds)
    if not isinstance(error, LabError):  # its traceback is wanted
        raise error
    return refuse_error(argv, error, seconds=seconds)


def _has_room() -> bool:
    """Return whether the limit of address space, where there is one, leaves room for a task."""
    try:
        import resource  # noqa: PLC0415 - Windows has none
    except ImportError:
        return True
    limit = resource.getrlimit(resource.RLIMIT_AS)[0]
    return limit == resource.RLIM_INFINITY or limit >= _LEAST_MEMORY


def _end_without_memory(argv: "list[str]") -> int:
    """Report that there is no memory, and end at once: Python's own end may need some."""
    from tasks_lib.cli.startup_error import refuse  # noqa: PLC0415 - it is imported already
    from tasks_lib.execution import streams  # noqa: PLC0415 - it is imported already

    remedy = (streams.RAISE_LIMITS, (), None)  # type: tuple[str, tuple[str, ...], str | None]
    try:
        refuse(
            argv,
            streams.NO_MEMORY,
            code="system_error",
            exit_code=_TOOL_FAILED,
            remedy=remedy,
            title="system",
        )
    except Exception:  # noqa: BLE001 - what that imports may not fit either
        os.write(2, ("mlops-lab: " + streams.NO_MEMORY + "\n").encode())
    os._exit(_TOOL_FAILED)


def _hold_stop_signals() -> None:
    """Let a stop signal wait until it is answered; the module signal takes 5 ms to import."""
    try:
        from _signal import (  # type: ignore[import-not-found]  # noqa: PLC0415 - typeshed has none
            SIG_BLOCK,
            SIGHUP,
            SIGINT,
            SIGTERM,
            pthread_sigmask,
        )
    except ImportError:  # Windows has none
        return
    pthread_sigmask(SIG_BLOCK, (SIGINT, SIGTERM, SIGHUP))


def _start(argv: "list[str]", *, own_tasks: bool, typed: str) -> int:
    """Run the tasks in the tool environment, which is made first where this is another one."""
    from tasks_lib import bootstrap  # noqa: PLC0415 - an old Python cannot read it

    bootstrap.accept_stop_signals()
    own_tasks = bool(os.environ.pop(bootstrap.OWN_TASKS, "")) or own_tasks
    if bootstrap.is_inside():
        import gc  # noqa: PLC0415 - only what lasts longer than this has any use for it

        gc.set_threshold(50_000)  # imports make thousands of objects, and no garbage
        # these need the packages of the tool environment
        from tasks_lib.cli import quick_invoke  # noqa: PLC0415

        quick_invoke.load()
        from tasks_lib.cli import program  # noqa: PLC0415
        from tasks_lib.tasks import namespace  # noqa: PLC0415

        return program.main(argv, namespace, own_tasks=own_tasks)
    if argv[:1] == ["--complete"] and not bootstrap.is_sound(
        bootstrap.place(bootstrap.REQUIREMENTS)
    ):
        return 0  # nobody waits for a tool environment at a tab key
    python = bootstrap.ensure(bootstrap.REQUIREMENTS)
    handed_on = {}
    if own_tasks:
        handed_on[bootstrap.OWN_TASKS] = "1"
    typed = typed or _typed_module("tasks_lib")
    if typed:
        handed_on[bootstrap.PROGRAM] = typed
    return bootstrap.go_on(python, argv, handed_on)


def rerun(argv: "list[str]") -> None:
    """Go on in the tool environment: for a `tasks.py` whose packages are missing here."""
    from tasks_lib import bootstrap  # noqa: PLC0415 - an old Python cannot read it

    is_completion = argv[:1] == ["--complete"]
    if bootstrap.is_inside() and not is_completion:  # it would come back here for ever
        from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy  # noqa: PLC0415

        text = f"The tool environment {sys.prefix} lacks packages that tasks.py needs."
        remedy = Remedy("Delete that folder, then run python3 -m tasks_lib")
        code = ErrorCode.TOOL_ENVIRONMENT_FAILED
        raise LabError(text, code, remedy=remedy, exit_code=ExitCode.TOOL_MISSING)
    raise SystemExit(main(argv, own_tasks=False, typed=_typed_invoke()))


def _typed_invoke() -> str:
    """Return how the user started Invoke: by one of its two names, or as a module."""
    name = os.path.splitext(os.path.basename(sys.argv[0]))[0]
    return _typed_module("invoke") or (name if name == "inv" else "invoke")


def _typed_module(module: str) -> str:
    """Return how the user started a module by a Python; empty where it was started otherwise.

    The Python is named as on PATH, where it is found there.
    """
    words = getattr(sys, "orig_argv", [])  # a Python that is too old has none
    if words[1:3] != ["-m", module]:
        return ""
    typed = words[0]
    name = os.path.basename(typed)
    for folder in os.environ.get("PATH", "").split(os.pathsep):
        found = os.path.join(folder, name)
        if os.path.isfile(found):
            typed = name if found == typed else typed
            break
    if not set(typed) <= _PLAIN:
        import shlex  # noqa: PLC0415 - only an unusual path needs it

        typed = shlex.quote(typed)
    return f"{typed} -m {module}"


def _refuse_old_python(argv: "list[str]") -> int:
    """Report that this Python is too old, and how to type the same with a newer one."""
    from tasks_lib.cli.startup_error import refuse  # noqa: PLC0415 - only a refusal needs it

    needed = ".".join(map(str, OLDEST))
    newer = _newer_python()
    return refuse(
        argv,
        f"mlops-lab needs Python {needed} or newer, and this is {sys.version.split()[0]}.",
        code="python_too_old",
        exit_code=_TOOL_MISSING,
        remedy=(
            "" if newer else f"Install Python {needed} or newer, then type",
            (newer or "python3", "-m", "tasks_lib", *(argv or ["--list"])),
            None,
        ),
    )


def _newer_python() -> str:
    """Return how to call the newest suitable Python on PATH; empty where there is none."""
    import shutil  # noqa: PLC0415 - only a refusal needs it

    folders = os.environ.get("PATH", "").split(os.pathsep)
    for minor in range(_NEWEST_MINOR, OLDEST[1] - 1, -1):
        name = f"python{OLDEST[0]}.{minor}"
        for folder in folders:
            path = shutil.which(name, path=folder)
            if path and not _is_script(path):
                return name if shutil.which(name) == path else path
    return ""


def _is_script(path: str) -> bool:
    """Return whether `path` is a script: pyenv puts one on PATH for each version, usable or not."""
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def _set_path() -> None:
    """Make `tasks_lib` importable; neither its modules nor the folder's may hide Python's.

    In the tool environment (`-I`) its folder comes last: other packages of the same names stand
    beside an installed one.
    """
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if getattr(sys.flags, "safe_path", False):
        sys.path.append(root)
    else:
        sys.path[0] = root


if __name__ == "__main__":
    _set_path()
    raise SystemExit(main(own_tasks=False))
