"""The default index of Poetry and uv, as Poetry's library has it: no test names a registry."""

from __future__ import annotations

import inspect

from poetry.repositories.pypi_repository import PyPiRepository

#: the address that uv records in a lock
ADDRESS = inspect.signature(PyPiRepository).parameters["url"].default + "simple"
#: what stands for it in a file of the tests
PLACEHOLDER = "https://default-index.invalid/simple"


def filled(text: str) -> str:
    """Return the text of a file with the address in it."""
    return text.replace(PLACEHOLDER, ADDRESS)
