"""The layers of an environment, as a tree for a terminal and as a Mermaid diagram for a README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.tree import Tree

_PLAIN = re.compile(r"[^\w .+!,:()/-]")


def _plain(text: str) -> str:
    """Return a text without characters that a terminal acts on."""
    letters = [letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in text]
    return "".join(letters)


def _size(number: int) -> str:
    from rich import filesize  # noqa: PLC0415 - rich takes 0.04 s, and JSON needs none of it

    return filesize.decimal(number)


def _title(data: Mapping[str, Any], layer: Mapping[str, Any]) -> str:
    titles = {
        "conda": "conda",
        "lock": str(data["lock"]),
        "pip": "the pip: section, and what it needs",
        "stray": "stray: neither layer names them",
    }
    return titles[layer["owner"]]


def _packages(data: Mapping[str, Any], layer: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Yield the label of each package, its size, and what is wrong with it."""
    in_both = {one["name"]: one for one in data["in_both"]}
    for package in layer["packages"]:
        words = [package["name"], package["version"], package.get("build")]
        label, conflict = " ".join(filter(None, words)), ""
        overlap = in_both.get(canonicalize_name(package["name"]))
        if overlap and overlap["why"]:
            conflict = f"{overlap['why']} ({_versions(overlap)})"
        elif overlap:
            label += f", in {data['lock']} too"
        yield label, _size(package["size"]), conflict


def _versions(overlap: Mapping[str, str]) -> str:
    rows = (("conda", "conda"), ("lock", "locked"), ("installed", "installed"))
    return ", ".join(f"{name} {overlap[key]}" for name, key in rows if overlap[key])


def tree(data: Mapping[str, Any]) -> Tree:
    """Return the tree: environment, layer, package, with conflicts marked."""
    from rich.text import Text  # noqa: PLC0415 - rich takes 0.04 s, and JSON needs none of it
    from rich.tree import Tree  # noqa: PLC0415 - the same

    root = Tree(Text(f"{_plain(data['environment'])}  {_size(data['size'])}", style="bold"))
    for layer in data["layers"]:
        count = len(layer["packages"])
        packages = f"{count} package{'' if count == 1 else 's'}"
        head = f"{_plain(_title(data, layer))}  {packages}, {_size(layer['size'])}"
        branch = root.add(Text(head, style="bold cyan"))
        for label, size, conflict in _packages(data, layer):
            line = Text.assemble(_plain(label), (f"  {size}", "dim"))
            if conflict:
                line.append(f"  ! {_plain(conflict)}", style="red")
            branch.add(line)
    return root


def mermaid(data: Mapping[str, Any]) -> str:
    """Return a Mermaid flowchart.

    Whatever Mermaid or Markdown could read as syntax is an entity.
    """
    rows = ["flowchart LR", f'  env["{_entity(data["environment"])}<br/>{_size(data["size"])}"]']
    marked: list[str] = []
    for layer in data["layers"]:
        owner, title = layer["owner"], _entity(_title(data, layer))
        rows.append(f'  subgraph {owner}["{title}: {_size(layer["size"])}"]')
        for number, (label, *notes) in enumerate(_packages(data, layer)):
            lines = "<br/>".join(_entity(text) for text in (label, *notes) if text)
            rows.append(f'    {owner}{number}["{lines}"]')
            if all(notes):
                marked.append(f"{owner}{number}")
        rows += ["  end", f"  env --> {owner}"]
    if marked:
        rows.append("  classDef conflict stroke:#c00,stroke-width:3px")
        rows.append(f"  class {','.join(marked)} conflict")
    return "\n".join(rows) + "\n"


def _entity(text: str) -> str:
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", text)
