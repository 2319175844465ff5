"""Put a project's manifests and locks back when the run that was changing them fails."""

from __future__ import annotations

import contextlib
import functools
import secrets
import shutil
from typing import TYPE_CHECKING

from tasks_lib.errors import ExitCode, LabError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Sequence
    from pathlib import Path


def write(path: Path, data: bytes) -> None:
    """Replace a file whole: a reader sees the old text or the new one, never half of it."""
    target = path.resolve()
    new = target.with_name(f".{target.name}.{secrets.token_hex(4)}")
    try:
        try:
            with new.open("xb") as stream:
                stream.write(data)
            if target.exists():
                shutil.copymode(target, new)
            new.replace(target)
        finally:
            new.unlink(missing_ok=True)
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
    except BaseException as error:
        put_right(error, [(path.name, functools.partial(restore, path, data)) for path, data in before.items()])
        raise


def put_right(error: BaseException, actions: Iterable[tuple[str, Callable[[], None]]]) -> None:
    """Carry out each action, though others fail, and say with the error that ends the run which ones did."""
    stuck = []
    for name, action in actions:
        try:
            action()
        except Exception as fault:  # noqa: BLE001 - the first error is the one that a person must see
            stuck.append(f"{name} ({fault})")
    if stuck:
        text = f"This could not be put back as it was: {', '.join(stuck)}"
        if not isinstance(error, LabError):
            raise LabError(text, code=ExitCode.TOOL_FAILED) from error
        error.message += f" {text}"
