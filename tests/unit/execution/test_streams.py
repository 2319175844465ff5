"""What says that the system gives no more memory."""

from __future__ import annotations

from tasks_lib.execution import streams
from tests.cases import cases


@cases(
    "error, lacks",
    {
        "Python": (MemoryError(), True),
        "a thread": (RuntimeError("can't start new thread"), True),
        "the loader": (ImportError("x.so: failed to map segment from shared object"), True),
        "fork": (OSError(12, "Cannot allocate memory"), True),
        # Python's own words where an allocation fails inside a call of C
        "no result": (SystemError("<f> returned NULL without setting an exception"), True),
        "no exception": (SystemError("error return without exception set"), True),
        "another": (OSError(28, "No space left on device"), False),
    },
)
def test_lacks_memory(error: Exception, *, lacks: bool) -> None:
    assert streams.lacks_memory(error) is lacks
