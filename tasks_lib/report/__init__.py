"""Answers: one result model, and a renderer for each format. The only place that prints."""

from __future__ import annotations

import contextlib
import importlib
import sys
from dataclasses import replace
from typing import TYPE_CHECKING, Any, cast

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import files, streams
from tasks_lib.execution.redaction import held, without_secrets
from tasks_lib.report.remedies import Told, typable

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tasks_lib.results import Report

#: each is a module here that renders a report as a string
FORMATS = ("text", "json", "junit", "sarif", "github", "markdown", "html")


def renderer(name: str) -> Callable[..., str]:
    """Import the one format that is used: rich takes 0.04 s."""
    return cast("Callable[..., str]", importlib.import_module(f"tasks_lib.report.{name}").render)


def import_ahead(name: str) -> None:
    """Import a renderer while the tools run; what fails is told where the answer is shown."""
    with contextlib.suppress(Exception):
        renderer(name)


def choose(*, json: bool, asked: str, output: str) -> tuple[str, str]:
    """Return the format for stdout, and the one for the file `output`, empty where there is none.

    Raises:
        LabError: `unknown_format`, or `two_formats` for one stdout.
    """
    if asked and asked not in FORMATS:
        text = f"There is no format {asked!r}. The formats are {', '.join(FORMATS)}."
        remedy = meant(asked, FORMATS, Remedy("Choose one of them"))
        raise LabError(text, ErrorCode.UNKNOWN_FORMAT, remedy=remedy)
    plain = "json" if json else "text"
    if output:
        return plain, asked or plain
    if json and asked not in {"", "json"}:
        text = f"--json and --format {asked} both write to stdout."
        remedy = Remedy(f"Leave out one of them, or give --output FILE for {asked}")
        raise LabError(text, ErrorCode.TWO_FORMATS, remedy=remedy)
    return asked or plain, ""


def show(report: Report, name: str, *, is_for_eval: bool = False, is_quiet: bool = False) -> None:
    """Print a report on stdout; what went wrong `is_for_eval` of a shell goes to stderr.

    Documents are UTF-8 everywhere, a script has the bytes of its paths. A text that `is_quiet` says
    nothing of what went well.

    Raises:
        LabError: `cannot_write`.
    """
    report = _presentable(report)
    if name == "text" and is_for_eval and report.code:
        streams.tell_printable(renderer(name)(report, stderr=True).rstrip())
        return
    if name == "text" and "markdown" in report.data and sys.stdout.isatty():
        from tasks_lib.report import pager  # noqa: PLC0415 - rich takes 0.04 s

        pager.show(str(report.data["markdown"]))
        return
    encoding = sys.stdout.encoding if name == "text" and report.script is None else "utf-8"
    options = {"is_quiet": True} if name == "text" and is_quiet else {}
    data = renderer(name)(report, **options).encode(encoding, _unencodable(report))
    error = streams.put(data)
    if error is not None:
        text = f"The answer cannot be written to stdout: {error.strerror}."
        raise LabError(text, ErrorCode.CANNOT_WRITE, remedy=Remedy("Send it elsewhere"))


def save(report: Report, name: str, path: Path) -> None:
    """Write a report to a file, which is replaced whole; a device or a pipe is written to.

    Raises:
        LabError: `cannot_write`.
    """
    report = _presentable(report)
    options = {"plain": True} if name == "text" else {}
    data = renderer(name)(report, **options).encode("utf-8", _unencodable(report))
    try:
        if path.exists() and not path.is_file():
            path.write_bytes(data)
        else:
            files.write(path, data)
    except (OSError, RuntimeError) as error:  # a loop of links is a RuntimeError
        reason = getattr(error, "strerror", None) or error
        message = f"{path} cannot be written: {reason}."
        raise LabError(message, ErrorCode.CANNOT_WRITE, file=path) from None


def _presentable(report: Report) -> Report:
    """Return the report without secrets and with typable remedies.

    A script stays as it is, since it is run.
    """
    results, secrets = [], held()
    for one in report.results:
        title, detail = (without_secrets(text, secrets) for text in (one.title, one.detail))
        results.append(replace(one, title=title, detail=detail, remedy=typable(one.remedy)))
    if report.script is not None:
        return replace(report, results=results)
    return replace(report, results=results, data=presentable(report.data))


def presentable(value: Any) -> Any:  # noqa: ANN401 - what a document may hold
    """Return a document without the secrets in its texts; a remedy becomes a text."""
    if isinstance(value, Remedy):
        return Told(value)
    if isinstance(value, str):
        return without_secrets(value)
    if isinstance(value, dict):
        return {key: presentable(inner) for key, inner in value.items()}
    if isinstance(value, (list, tuple)):
        return [presentable(inner) for inner in value]
    return value


def _unencodable(report: Report) -> str:
    """Return how to write a character without a code: as an escape, which JSON reads back.

    In a script, as its byte.
    """
    return "backslashreplace" if report.script is None else "surrogateescape"
