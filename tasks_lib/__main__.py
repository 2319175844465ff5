"""Start mlops-lab: see that its tool environment is there, and go on in it.

A Python that is too old must get as far as being told so: nothing here is newer than Python 3.6, and nothing but
`os`, `sys` and `time` is imported before the version is known.
"""

import os
import sys
import time

#: The oldest Python that mlops-lab runs on.
OLDEST = (3, 11)
_INTERRUPTED = 130
_TOOL_MISSING = 3


def main(argv: "list[str] | None" = None, *, own_tasks: bool = True) -> int:
    """Run `argv` in the tool environment and give the exit code; `own_tasks` is so for the command `mlops-lab`."""
    from tasks_lib.cli.startup_error import refuse  # noqa: PLC0415 - the path is mended first where this is run as a file

    began = time.time()
    argv = sys.argv[1:] if argv is None else argv
    if sys.version_info < OLDEST:
        message, remedy = _too_old(argv)
        return refuse(
            argv, _TOOL_MISSING, message, remedy, time.time() - began, error_code="python_too_old"
        )

    try:
        from tasks_lib import bootstrap  # noqa: PLC0415 - an old Python cannot read it

        bootstrap.hear()
        own_tasks = bool(os.environ.pop(bootstrap.OWN_TASKS, "")) or own_tasks
        if bootstrap.is_inside():
            # these need the packages of the tool environment
            from tasks_lib.cli import program  # noqa: PLC0415
            from tasks_lib.tasks import namespace  # noqa: PLC0415

            return program.main(argv, namespace, own_tasks=own_tasks)
        if (
            argv[:1] == ["--complete"]
            and bootstrap.fault(bootstrap.place(bootstrap.REQUIREMENTS)) is not None
        ):
            return 0  # nobody waits for a tool environment at a tab key
        python = bootstrap.ensure(bootstrap.REQUIREMENTS)
        return bootstrap.go_on(python, argv, {bootstrap.OWN_TASKS: "1"} if own_tasks else {})
    except KeyboardInterrupt:
        return refuse(
            argv,
            _INTERRUPTED,
            "Interrupted; nothing was left half made.",
            "",
            time.time() - began,
            error_code="interrupted",
        )
    except Exception as error:
        from tasks_lib.errors import LabError  # noqa: PLC0415 - 5 ms that only a refusal needs

        if not isinstance(error, LabError):  # a fault of this program: its traceback is wanted
            raise
        return refuse(
            argv,
            int(error.exit_code),
            error.message,
            str(error.remedy),
            time.time() - began,
            error_code=error.code,
        )


def rerun(argv: "list[str]") -> None:
    """Go on in the tool environment with `argv`: for a `tasks.py` whose packages are missing where it runs."""
    from tasks_lib import bootstrap  # noqa: PLC0415 - an old Python cannot read it
    from tasks_lib.cli.startup_error import refuse  # noqa: PLC0415 - the same

    if bootstrap.is_inside() and argv[:1] != [
        "--complete"
    ]:  # going on would come back here for ever
        message = f"The tool environment {sys.prefix} lacks packages that tasks.py needs."
        raise SystemExit(
            refuse(
                argv,
                _TOOL_MISSING,
                message,
                f"remove the folder {sys.prefix}, then run this again",
                0.0,
            )
        )
    os.environ[bootstrap.PROGRAM] = "invoke"
    raise SystemExit(main(argv, own_tasks=False))


def _too_old(argv: "list[str]") -> "tuple[str, str]":
    """Say that this Python is too old, and how to type the same with a newer one."""
    import shlex  # noqa: PLC0415 - only a refusal needs it
    import shutil  # noqa: PLC0415 - only a refusal needs it

    message = f"mlops-lab needs Python {OLDEST[0]}.{OLDEST[1]} or newer, and this is {sys.version.split()[0]}."
    words = " ".join(shlex.quote(word) for word in argv) or "--list"
    folders = os.environ.get("PATH", "").split(os.pathsep)
    for minor in range(OLDEST[1] + 9, OLDEST[1] - 1, -1):
        name = f"python{OLDEST[0]}.{minor}"
        for path in [shutil.which(name, path=folder) for folder in folders]:
            if path and not _is_script(path):
                return (
                    message,
                    f"{name if shutil.which(name) == path else path} -m tasks_lib {words}",
                )
    return message, f"install Python 3.11 or newer, then type: python3 -m tasks_lib {words}"


def _is_script(path: str) -> bool:
    """Tell whether `path` is a script: pyenv puts one on PATH for every version, whether it may be used or not."""
    with open(path, "rb") as file:
        return file.read(2) == b"#!"


def _mend_path() -> None:
    """Make `tasks_lib` importable when this is run as a file, without its modules hiding those of Python.

    In the tool environment (`-I`) its folder comes last: next to an installed package stand others of the same names.
    """
    root = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
    if getattr(sys.flags, "safe_path", False):
        sys.path.append(root)
    else:
        sys.path[0] = root


if __name__ == "__main__":
    if not __package__:
        _mend_path()
    raise SystemExit(main(own_tasks=False))
