"""The standard streams: a closed or a full one ends in no traceback. Python 3.6 must read this."""

import os
import sys

TYPE_CHECKING = False  # typing's own costs 9 ms
if TYPE_CHECKING:
    from typing import TextIO


NO_MEMORY = "The system gives this process no more memory, or no more threads."
RAISE_LIMITS = "Raise the limits (`ulimit -v`, `ulimit -u`), or close other programs"
#: what the loader, threads and Python itself say where memory is at its end
_NO_MEMORY_SAYS = (
    "can't start new thread",
    "failed to map segment",
    "Cannot allocate memory",
    "cannot allocate memory",
    "error return without exception set",
    "returned NULL without setting an exception",
)
#: the short options without a value, which can be typed together as in -dj
_ALONE = set("dqsj")


def own_words(argv: "list[str]") -> "tuple[list[str], str]":
    """Return the words before `--`, and the letters of their short options without a value.

    What stands behind `--` is another program's.
    """
    words = argv[: argv.index("--")] if "--" in argv else argv
    short = [word[1:] for word in words if word[:1] == "-" and set(word[1:]) <= _ALONE]
    return words, "".join(short)


def lacks_memory(error: BaseException) -> bool:
    """Return whether an error only says that the system gives no more memory, or no threads."""
    said = str(error)
    return isinstance(error, MemoryError) or any(words in said for words in _NO_MEMORY_SAYS)


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


def printable(text: str) -> str:
    """Return a text with visible escapes for what a reader should not get as it is.

    That is what moves a terminal's cursor, ends a line, turns text around, is not allowed in XML or
    UTF-8, and what would make a line a workflow command for GitHub. Line breaks and tabs stay.
    """
    import re  # noqa: PLC0415 - 5 ms that the first start does not need

    found = re.compile(
        r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff\ufffe\uffff]"
        r"|^[ \t\xa0\u1680\u2000-\u200a\u202f\u205f\u3000]*:(?=:)|(?<=##)\[",
        re.MULTILINE,
    )

    def escape(match: "re.Match[str]") -> str:
        spaces, letter = match.group()[:-1], match.group()[-1]
        code = letter.encode("unicode_escape").decode()
        return spaces + (code if len(code) > 1 else f"\\x{ord(letter):02x}")

    return found.sub(escape, text.replace("\r\n", "\n"))


def document(text: str) -> str:
    """Return a JSON document in which no line is a workflow command for GitHub."""
    return text.replace("##[", "##\\u005b")


def cells(text: str) -> int:
    """Return the columns that a terminal takes for a line: two for a wide letter, none for a mark.

    Source: UAX #11, and the general categories of marks and of what formats.
    """
    if max(text, default="") < "\x80":
        return len(text)
    import unicodedata  # noqa: PLC0415 - 1 ms that ASCII does not need

    found = 0
    for letter in text:
        if unicodedata.east_asian_width(letter) in "WF":
            found += 2
        elif unicodedata.category(letter) not in {"Mn", "Me", "Cf"}:
            found += 1
    return found


def folded(text: str, width: int, hang: str = "") -> str:
    """Return a text whose lines have at most `width` columns, as far as its words allow that.

    A line is broken between words alone, and what stands in backticks is one word: it can be
    pasted. What follows a break begins with `hang`.
    """
    import re  # noqa: PLC0415 - 5 ms that the first start does not need

    lines = []
    for line in text.split("\n"):
        made = ""
        words = re.findall(r"\s*(?:`[^`]*`|\S)+", line) if cells(line) > width else [line]
        for word in words:
            if made.strip() and cells(made) + cells(word.rstrip()) > width:
                lines.append(made)
                made = hang + word.lstrip()
            else:
                made += word
        lines.append(made)
    return "\n".join(lines)


def columns(stream: "TextIO") -> int:
    """Return the width of a terminal, 0 where the stream is none or does not say."""
    said = os.environ.get("COLUMNS", "")
    try:
        if not stream.isatty():
            return 0
        return int(said) if said.isdecimal() else os.get_terminal_size(stream.fileno()).columns
    except (OSError, ValueError):
        return 0


def tell(text: str, command: str = "") -> None:
    """Write a line to stderr, however it came here; a terminal gets it in lines of its width.

    The `command` at its end is never broken, so that it can be pasted.
    """
    text, command = printable(text), printable(command)
    whole = " ".join(part for part in (text, command) if part)
    width = columns(sys.stderr)
    if 0 < width < cells(whole):
        whole = "\n".join(part for part in (folded(text, width), command) if part)
    tell_printable(whole)


def tell_printable(text: str) -> None:
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
