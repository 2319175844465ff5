"""The user's state folder: what runs record of a checkout, where no repository can put anything."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path

import platformdirs


def of_checkout(root: Path) -> Path:
    """Return the folder with what was recorded of the project in `root`; it need not exist."""
    real = os.path.realpath(root)
    key = hashlib.sha256(os.fsencode(real)).hexdigest()[:16]
    state = platformdirs.user_state_path("mlops-lab", appauthor=False)
    return Path(state) / "checkouts" / key
