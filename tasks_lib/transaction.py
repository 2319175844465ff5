"""Put a project's manifests and locks back when the run that was changing them fails."""

from __future__ import annotations

import contextlib
import os
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence


def write(path: Path, data: bytes) -> None:
    """Replace a file whole: a reader sees the old text or the new one, never half of it."""
    target = path.resolve()
    try:
        handle, name = tempfile.mkstemp(dir=target.parent, prefix=f".{target.name}.")
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(data)
            if target.exists():
                Path(name).chmod(target.stat().st_mode & 0o7777)
            Path(name).replace(target)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise
    except OSError as error:
        text = f"{path} cannot be written: {error.strerror}."
        raise LabError(text, code=ExitCode.TOOL_FAILED, file=path, title="cannot be written") from None


def restore(path: Path, data: bytes | None) -> None:
    """Put a file back as it was; `None` means that there was none. One that did not change is not touched."""
    now = path.read_bytes() if path.is_file() else None
    if now == data:
        return
    if data is None:
        path.unlink()
    else:
        write(path, data)


@contextlib.contextmanager
def unchanged_on_failure(paths: Sequence[Path]) -> Iterator[None]:
    """Record `paths`, and put back each one that differs if the block does not end well, however that came."""
    before = {path: path.read_bytes() if path.is_file() else None for path in paths}
    try:
        yield
    except BaseException:
        for path, data in before.items():
            restore(path, data)
        raise
