"""The standard streams: a closed or a full one ends in no traceback. Python 3.6 must read this."""

import os
import sys

TYPE_CHECKING = False  # typing's own costs 9 ms
if TYPE_CHECKING:
    from typing import TextIO


def open_closed() -> None:
    """Open what was closed before the start, so that no file takes a standard stream's number.

    What is printed is lost then; on stdout, writing it is an error.
    """
    for number, name in enumerate(("stdin", "stdout", "stderr")):
        if getattr(sys, name) is None:
            found = os.open(os.devnull, os.O_WRONLY if name == "stderr" else os.O_RDONLY)
            if found != number:
                os.dup2(found, number)
            os.set_inheritable(number, True)  # noqa: FBT003 - it takes no keyword
            mode = "r" if name == "stdin" else "w"
            setattr(sys, name, open(number, mode, encoding="utf-8"))  # noqa: PTH123, SIM115 - a number, and open to the end


def tell(text: str) -> None:
    """Write a line to stderr; where that cannot be written, nobody can be told."""
    try:
        sys.stderr.write(text + "\n")
        sys.stderr.flush()
    except (OSError, ValueError):
        abandon(sys.stderr)


def put(data: bytes) -> "OSError | None":
    """Write to stdout, and return why that is not possible; a reader who has gone is no error."""
    try:
        sys.stdout.flush()
        sys.stdout.buffer.write(data)
        sys.stdout.flush()
    except OSError as error:
        abandon(sys.stdout)
        return None if isinstance(error, BrokenPipeError) else error
    return None


def abandon(stream: "TextIO") -> None:
    """Send the rest nowhere: Python writes it as it ends, and would report the error again."""
    import contextlib  # noqa: PLC0415 - 3 ms that only a failure needs

    with contextlib.suppress(OSError, ValueError):  # it may be no file of the system
        os.dup2(os.open(os.devnull, os.O_WRONLY), stream.fileno())
