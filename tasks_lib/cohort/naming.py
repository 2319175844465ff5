"""File names for the ids of a class, whatever is in them."""

from __future__ import annotations

import hashlib
import re

#: names that Windows keeps for devices, whatever stands behind a dot
_DEVICE = re.compile(r"(con|prn|aux|nul|com\d|lpt\d)(\..*)?", re.IGNORECASE)
_LONGEST = 80


def file_name(identifier: str) -> str:
    """Return a name for an id's file: the id itself where it is one on every system.

    Another gets a name that tells it from all others.
    """
    plain = re.sub(r"[^A-Za-z0-9._-]", "_", identifier)[:_LONGEST].strip(".-")
    if plain == identifier and not _DEVICE.fullmatch(plain):
        return plain
    digest = hashlib.sha256(identifier.encode("utf-8", "surrogatepass")).hexdigest()
    return f"{plain or 'id'}-{digest[:12]}"
