"""A repository that git itself makes."""

from __future__ import annotations

import subprocess
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path


@dataclass(frozen=True)
class Git:
    """The repository in a folder that exists."""

    path: Path

    def run(self, *words: str) -> str:
        """Return what git prints."""
        who = ("-c", "user.name=a", "-c", "user.email=a@b.c")
        argv = ["/usr/bin/env", "git", "-C", str(self.path), *who, *words]
        return subprocess.run(argv, check=True, stdout=subprocess.PIPE, text=True).stdout.strip()

    def commit(self, name: str, text: str) -> None:
        """Commit a file, be it ignored or not."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
        self.run("add", "--force", name)
        self.run("commit", "--quiet", "--message", name)

    def pull(self) -> None:
        """Pull what was committed where this was cloned from."""
        self.run("pull", "--quiet", "origin", "HEAD")
