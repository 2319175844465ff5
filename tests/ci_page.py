"""The blocks of the page on CI, and what each is."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass
from typing import Any

import yaml

from tasks_lib.project.update_bots import Dependabot, Renovate
from tasks_lib.workflows.documentation import FOLDER

PAGE = FOLDER / "how-to" / "ci.md"
_BLOCK = re.compile(r"(?ms)^(?:<!-- for: (\w+) -->\n)?```(yaml|json)\n(.*?)^```$")


@dataclass(frozen=True)
class Block:
    """One block; `combo` is set for the configuration of a bot."""

    combo: str
    kind: str
    text: str

    @property
    def data(self) -> Any:  # noqa: ANN401 - whatever a block holds
        """Return what it holds; YAML 1.1 takes the key `on` for true."""
        if self.kind == "json":
            return json.loads(self.text)
        data = yaml.safe_load(self.text)
        if isinstance(data, dict) and True in data:
            data["on"] = data.pop(True)
        return data

    @property
    def place(self) -> str:
        """Return the name of the file that a bot's configuration is."""
        return Renovate.places[0] if self.kind == "json" else Dependabot.places[0]


def blocks() -> list[Block]:
    """Return the blocks in their order."""
    return [Block(*found) for found in _BLOCK.findall(PAGE.read_text(encoding="utf-8"))]


def of_bots() -> list[Block]:
    """Return the configurations of bots."""
    return [block for block in blocks() if block.combo]
