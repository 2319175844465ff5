"""Write the parts of the documentation that come from the code; started by `write-docs`."""

from __future__ import annotations

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tests.docs import reference


def main() -> None:
    """Write every page with such a part."""
    for path, text in reference.written().items():
        path.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
