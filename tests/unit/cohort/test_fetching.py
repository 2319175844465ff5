"""Which addresses are fetched, and how long a server's answer lets us wait."""

from __future__ import annotations

import pytest

from tasks_lib.cohort import fetching
from tasks_lib.cohort.base import HandIn
from tasks_lib.errors import LabError
from tests.cases import cases

#: what git 2.39.5 printed with GIT_TRACE_CURL, the address shortened
BUSY = """\
12:21:47.381314 http.c:684              => Send header: GET /x/info/refs HTTP/1.1
12:21:47.381917 http.c:684              <= Recv header: HTTP/1.0 429 Too Many Requests
12:21:47.381928 http.c:684              <= Recv header: Retry-After: 7
fatal: unable to access 'https://h/x/': The requested URL returned error: 429
"""


@cases(
    "said, number, seconds",
    {
        "as the server says": (BUSY, 1, 7.0),
        "longer each time": (BUSY.replace("Retry-After", "X"), 2, 8.0),
        "longer than anyone waits": (BUSY.replace(": 7", ": 86400"), 1, None),
        "a server that is not well": (BUSY.replace("429", "503"), 1, 7.0),
        "none there": (BUSY.replace("429", "404"), 1, None),
        "no login": ("fatal: could not read Username for 'https://h'", 1, None),
        "cut off": ("error: RPC failed; curl 92\nfatal: early EOF", 1, 2.0),
    },
)
def test_how_long_to_wait(said: str, number: int, seconds: float | None) -> None:
    assert fetching._wait(said, number) == seconds  # noqa: SLF001 - as a table, without a server


@cases(
    "source, ref, allowed",
    {
        "https": ("https://h/r.git", "", True),
        "ssh": ("ssh://git@h:22/r.git", "main", True),
        "ssh in short": ("git@h.org:ada/r.git", "feature/a-b", True),
        "a host alone": ("host:r.git", "v1.0", True),
        "a folder": ("file:///r.git", "a" * 40, True),
        "http": ("http://h/r.git", "", False),
        "git's own, without a check of who answers": ("git://h/r.git", "", False),
        "a program": ("ext::sh -c x", "", False),
        "a program with a host": ("ext::ssh://h/x", "", False),
        "a descriptor": ("fd::3", "", False),
        "an option for ssh": ("ssh://-oProxyCommand=x/r", "", False),
        "an option for ssh in short": ("-oProxyCommand=x:r", "", False),
        "an option as a path": ("host:-x", "", False),
        "an option as a ref": ("https://h/r", "--upload-pack=x", False),
        "two refs": ("https://h/r", "a:b", False),
        "all refs": ("https://h/r", "refs/heads/*", False),
        "a forced ref": ("https://h/r", "+main", False),
        "a way in history": ("https://h/r", "main~1", False),
    },
)
def test_what_is_fetched(source: str, ref: str, *, allowed: bool) -> None:
    hand_in = HandIn("ada", source, ref)
    if allowed:
        fetching._expect_allowed(hand_in)  # noqa: SLF001 - as a table, without git
        return
    with pytest.raises(LabError):
        fetching._expect_allowed(hand_in)  # noqa: SLF001 - the same
