"""The layers of an environment, as a tree for a terminal and as a Mermaid diagram for a README."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from rich.tree import Tree

_PLAIN = re.compile(r"[^\w .+!,:()/-]")
_TITLES = {"conda": "conda", "stray": "stray: neither layer names them"}


def _plain(text: object) -> str:
    """Show what no terminal should act on as what it is: a character that cannot be printed."""
    return "".join(
        letter if letter.isprintable() else "\N{REPLACEMENT CHARACTER}" for letter in str(text)
    )


def _size(number: int) -> str:
    from rich import filesize  # noqa: PLC0415 - rich costs 0.04 s, and JSON needs none of it

    return filesize.decimal(number)


def _title(data: Mapping[str, Any], layer: Mapping[str, Any]) -> str:
    return _TITLES.get(str(layer["owner"]), str(data["lock"]))


def _packages(data: Mapping[str, Any], layer: Mapping[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Give the label of each package, its size, and what is wrong with it."""
    both = {one["name"]: one for one in data["in_both"]}
    for package in layer["packages"]:
        build = f" {package['build']}" if package.get("build") else ""
        name = re.sub(r"[-_.]+", "-", package["name"]).lower()
        why = also = ""
        if name in both:
            one = both[name]
            versions = {"conda": one["conda"], "lock": one["locked"], "installed": one["installed"]}
            said = ", ".join(f"{key} {value}" for key, value in versions.items() if value)
            why, also = (
                (f"{one['why']} ({said})", "") if one["why"] else ("", f", in {data['lock']} too")
            )
        yield f"{package['name']} {package['version']}{build}{also}", _size(package["size"]), why


def tree(data: Mapping[str, Any]) -> Tree:
    """Give the tree: environment, layer, package, with what is in conflict marked."""
    from rich.text import Text  # noqa: PLC0415 - rich costs 0.04 s, and JSON needs none of it
    from rich.tree import Tree  # noqa: PLC0415 - the same

    root = Tree(Text(f"{_plain(data['environment'])}  {_size(data['size'])}", style="bold"))
    for layer in data["layers"]:
        count = len(layer["packages"])
        head = f"{_plain(_title(data, layer))}  {count} package{'' if count == 1 else 's'}, {_size(layer['size'])}"
        branch = root.add(Text(head, style="bold cyan"))
        for label, size, why in _packages(data, layer):
            line = Text.assemble(_plain(label), (f"  {size}", "dim"))
            branch.add(line.append(f"  ! {_plain(why)}", style="red") if why else line)
    return root


def mermaid(data: Mapping[str, Any]) -> str:
    """Give a Mermaid flowchart; whatever Mermaid or Markdown could read as syntax is an entity."""
    rows = ["flowchart LR", f'  env["{_entity(data["environment"])}<br/>{_size(data["size"])}"]']
    marked: list[str] = []
    for layer in data["layers"]:
        owner = layer["owner"]
        rows.append(f'  subgraph {owner}["{_entity(_title(data, layer))}: {_size(layer["size"])}"]')
        for number, (label, size, why) in enumerate(_packages(data, layer)):
            rows.append(
                f'    {owner}{number}["{_entity(label)}<br/>{size}{f"<br/>{_entity(why)}" if why else ""}"]'
            )
            marked += [f"{owner}{number}"] if why else []
        rows += ["  end", f"  env --> {owner}"]
    if marked:
        rows += [
            "  classDef conflict stroke:#c00,stroke-width:3px",
            f"  class {','.join(marked)} conflict",
        ]
    return "\n".join(rows) + "\n"


def _entity(text: object) -> str:
    return _PLAIN.sub(lambda found: f"#{ord(found[0])};", str(text))
