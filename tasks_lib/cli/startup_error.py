"""Report why nothing was run, before there is a report. Python 3.6 must be able to read this."""

import os

from tasks_lib.execution import streams

TYPE_CHECKING = False  # typing's own costs 9 ms
if TYPE_CHECKING:
    from tasks_lib.errors import LabError

#: what helps: a sentence, a command as a list of words, and how it is typed; each may be empty
NO_REMEDY = ("", (), None)  # type: tuple[str, tuple[str, ...], str | None]


def refuse(  # noqa: PLR0913 - each is one part of an answer
    argv: "list[str]",
    message: str,
    *,
    code: str,
    exit_code: int,
    remedy: "tuple[str, tuple[str, ...], str | None]" = NO_REMEDY,
    title: str = "tool environment",
    seconds: float = 0.0,
    file: "str | None" = None,
    line: "int | None" = None,
) -> int:
    """Report why nothing was run, and return `exit_code`.

    The sentence goes to stderr. Where `argv` wants JSON, the one document goes to stdout.
    """
    text, command, shown = remedy
    typed = _joined(command) if shown is None else shown
    next_step = ": ".join(part for part in (text, typed) if part)
    said = "mlops-lab: " + message
    if next_step:
        said += " Next: " + next_step[: len(next_step) - len(typed)].rstrip()
    streams.tell(said.rstrip(), typed)
    if not wants_json(argv):
        return exit_code
    import json  # noqa: PLC0415 - 10 ms that only a refusal needs

    took = round(seconds, 3)
    result = {
        "id": "error." + title.replace(" ", "_"),
        "status": "error",
        "title": title,
        "detail": message,
        "remedy": next_step,
        "file": file,
        "line": line,
        "seconds": took,
        "code": code,
        "remedy_argv": list(command),
    }  # type: dict[str, object]
    tasks = [word for word in argv if not word.startswith("-")] or [""]
    document = {
        "schema": "mlops-lab/1",
        "command": tasks[0],
        "status": "error",
        "exit_code": exit_code,
        "project": _here(),
        "combo": None,
        "seconds": took,
        "results": [result],
    }
    said = streams.document(json.dumps(document, indent=2))
    error = streams.put((said + "\n").encode())
    if error is not None:
        streams.tell(f"mlops-lab: the answer cannot be written: {error.strerror}.")
    return exit_code


def refuse_error(
    argv: "list[str]", error: "LabError", *, title: str = "tool environment", seconds: float = 0.0
) -> int:
    """Report an error that came before any task, and return its exit code."""
    return refuse(
        argv,
        error.message,
        code=str(error.code),
        exit_code=int(error.exit_code),
        remedy=error.remedy,
        title=title,
        seconds=seconds,
        file=error.file,
        line=error.line,
    )


def _here() -> str:
    """Return the current folder; empty where it was deleted or cannot be read."""
    try:
        return os.getcwd()  # noqa: PTH109 - no pathlib on the way to a refusal
    except OSError:
        return ""


def _joined(command: "tuple[str, ...]") -> str:
    if not command:
        return ""
    import shlex  # noqa: PLC0415 - only a refusal needs it

    return " ".join(shlex.quote(word) for word in command)


def wants_json(argv: "list[str]") -> bool:
    """Return whether a document is asked for; what stands behind -- is another program's."""
    own, letters = streams.own_words(argv)
    line = " {} ".format(" ".join(own).replace("=", " "))
    forms = (" --json ", " --format json ", " -f json ", " -fjson ")
    return "j" in letters or any(form in line for form in forms)
