"""How long a tool may take that may download, settable by `MLOPS_LAB_TIMEOUT`.

A tool has limits of its own for silence. None has one for an index that sends a byte a second, and
Poetry sleeps for as long as an index says (`Retry-After`). Standard library alone, as its user.
"""

from __future__ import annotations

import contextlib
import os
import socket
import struct
from pathlib import Path

from tasks_lib.errors import ErrorCode, LabError, Remedy

VARIABLE = "MLOPS_LAB_TIMEOUT"
#: The seconds without that variable, and the most that it may have: a month.
_USUAL = 1800.0
_MOST = 31 * 24 * 3600
#: states of a connection: it stands, it was requested, and the other side has closed it
_OPEN = {"01", "02", "08"}
#: how many addresses an error names
_NAMED = 3


def seconds() -> float:
    """Return how many seconds a tool may take.

    Raises:
        LabError: The variable is not a number of seconds.

    """
    text = os.environ.get(VARIABLE, "")
    if not text:
        return _USUAL
    if not (text.isascii() and text.isdecimal() and 0 < int(text[:9]) <= _MOST):
        said = f"{VARIABLE} is {text!r}, and must be a number of seconds, at most {_MOST}."
        raise LabError(
            said, ErrorCode.INVALID_OPTION, remedy=Remedy("Unset it", ("unset", VARIABLE))
        )
    return float(text)


def exceeded(program: str, limit: float, asked: set[str], known: str) -> LabError:
    """Return the error for a tool that did not end within that limit.

    `asked` are its connections, and `known` is a text with the addresses that it knows.
    """
    from tasks_lib.execution import redaction  # noqa: PLC0415 - the first start needs it only here

    addresses = redaction.addresses(known)
    silent = [one for one in addresses if _host(one) in asked] or [*sorted(asked), *addresses]
    where = " or ".join(silent[-_NAMED:]) or "an index or a channel"
    said = f"{program} did not end within {limit:.0f} s, the limit of {VARIABLE}. It asked {where}."
    remedy = Remedy(f"Check the network and that address; if it is slow, set {VARIABLE} higher")
    return LabError(said, ErrorCode.TOOL_TIMEOUT, remedy=remedy)


def _host(address: str) -> str:
    """Return the host and the port of an address."""
    return address.partition("://")[2].partition("/")[0].rpartition("@")[2]


def connections(group: int) -> set[str]:
    """Return the hosts and ports that a group of processes is connected to, where Linux says it."""
    found: set[str] = set()
    for process in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if os.getpgid(int(process.name)) == group:
                found |= _connected(process)
    return found


def _connected(process: Path) -> set[str]:
    """Return the hosts and ports of a process; see proc_net(5) and proc_pid_fd(5) of Linux."""
    mine = set()
    for path in (process / "fd").iterdir():
        with contextlib.suppress(OSError):
            mine.add(str(path.readlink()))
    found = set()
    for table, family in (("tcp", socket.AF_INET), ("tcp6", socket.AF_INET6)):
        for line in (process / "net" / table).read_text("ascii").splitlines()[1:]:
            words = line.split()
            if words[3] in _OPEN and f"socket:[{words[9]}]" in mine:
                found.add(_peer(words[2], family))
    return found


def _peer(written: str, family: int) -> str:
    """Return the host and port of a row: whole words of the host in the machine's byte order."""
    host, port = written.split(":")
    words = [int(host[start : start + 8], 16) for start in range(0, len(host), 8)]
    name = socket.inet_ntop(family, struct.pack(f"={len(words)}I", *words))
    mapped = "::ffff:"  # how IPv6 writes the hosts of IPv4
    if name.startswith(mapped):
        name = name.removeprefix(mapped)
    elif family == socket.AF_INET6:
        name = f"[{name}]"
    return f"{name}:{int(port, 16)}"
