"""Read YAML in bounded time: its size, its depth and its values are counted before it is built."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any

import yaml

from tasks_lib.errors import LabError
from tasks_lib.execution import files
from tasks_lib.project.manifests import Bounds, broken

if TYPE_CHECKING:
    from collections.abc import Callable

#: What ends a line of YAML.
BREAK = re.compile("(\r\n|[\n\r\x85\u2028\u2029])")
#: The reader in C, which takes a tenth of the time.
YAML: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
#: The longest text in characters, and the most values, each as often as it is named.
_BOUNDS = Bounds(1 << 20, 20_000)
#: How deep values may lie.
_DEEPEST = 50
#: YAML's own tags, which conda knows; any other is an error there.
_KNOWN = ("null", "bool", "int", "float", "binary", "timestamp", "omap", "pairs", "set", "str")
_TAGS = {None, "!", *(f"tag:yaml.org,2002:{name}" for name in (*_KNOWN, "seq", "map"))}


def parse_yaml(
    text: str,
    shown: str,
    parse: Callable[[str], Any],
    *,
    follows: bool = True,
    bounds: Bounds = _BOUNDS,
) -> Any:  # noqa: ANN401 - what YAML holds
    """Return what `parse` makes of YAML.

    Every error names the file, and the line where it is known.
    """
    if len(text) > bounds.size:
        raise files.too_large(shown, f"larger than {bounds.size >> 20} MiB")
    try:
        measure = _Measure(shown, bounds.values, follows=follows)
        for event in yaml.parse(text, Loader=YAML):
            measure.add(event)
        return parse(text)
    except LabError:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        line = None if mark is None else mark.line + 1
        raise broken(shown, "YAML", line, error.problem or error.context) from None
    except yaml.reader.ReaderError as error:
        line = len(BREAK.findall(text[: error.position])) + 1
        raise broken(shown, "YAML", line, error.reason) from None
    except Exception as error:  # noqa: BLE001 - PyYAML passes on whatever Python raises for a bad number, date or escape
        raise broken(shown, "YAML", None, error) from None


def compose(text: str, shown: str) -> yaml.Node | None:
    """Return YAML as nodes, which know their positions; `shown` names the file in errors.

    As in conda no key may occur twice, and a mapping has what its key `<<` names.
    """
    node: yaml.Node | None = parse_yaml(text, shown, _compose, follows=False)
    return node


def _compose(text: str) -> yaml.Node | None:
    # behind a byte order mark the positions of the reader in C are wrong
    has_mark = text.startswith("\ufeff")
    top = yaml.compose(text, Loader=yaml.SafeLoader if has_mark else YAML)
    flatten = yaml.constructor.SafeConstructor().flatten_mapping
    waiting, seen = [top], set[int]()
    mappings: list[yaml.MappingNode] = []
    while waiting:
        node = waiting.pop()
        if id(node) in seen or not isinstance(node, yaml.CollectionNode):
            continue
        seen.add(id(node))
        if not isinstance(node, yaml.MappingNode):
            waiting += node.value
            continue
        mappings.append(node)
        keys = set[tuple[str, str]]()
        for key, value in node.value:
            waiting += (key, value)
            if isinstance(key, yaml.ScalarNode):
                if (key.tag, key.value) in keys:
                    said = f"the key {key.value!r} occurs twice"
                    raise yaml.composer.ComposerError(None, None, said, key.start_mark)
                keys.add((key.tag, key.value))
    for mapping in mappings:
        flatten(mapping)
    return top


class _Measure:
    """What is open while the parser tells what comes next, and how many values each part has.

    A value counts as often as it is named where names are followed: by settings, and by the key
    `<<`.
    """

    def __init__(self, shown: str, most: int, *, follows: bool) -> None:
        self.shown = shown
        self.most = most
        self.follows = follows
        self.values = 0
        self.sizes = [0]
        self.names: list[str | None] = []
        self.known: dict[str | None, int] = {}

    def add(self, event: yaml.Event) -> None:
        """Count one event."""
        if isinstance(event, yaml.AliasEvent):
            if self.follows and event.anchor in self.names:
                raise self.wrong(event, f"{event.anchor!r} contains itself")
            self.sizes[-1] += self.known.get(event.anchor, 1)
        elif isinstance(event, yaml.CollectionStartEvent):
            self.sizes.append(1)
            self.names.append(event.anchor)
        elif isinstance(event, yaml.CollectionEndEvent):
            size = self.known[self.names.pop()] = min(self.sizes.pop(), self.most)
            self.sizes[-1] += size
        elif isinstance(event, yaml.ScalarEvent):
            self.sizes[-1] += 1
            self.follows = self.follows or event.value == "<<"
        self.values += isinstance(event, yaml.NodeEvent)
        tag = getattr(event, "tag", None)
        if tag not in _TAGS:
            raise self.wrong(event, f"nothing knows the tag {tag}")
        if len(self.sizes) > _DEEPEST:
            raise self.wrong(event, "it is nested too deeply")
        if self.values > self.most or (self.follows and self.sizes[-1] > self.most):
            raise files.too_large(self.shown, f"longer than {self.most} values")

    def wrong(self, event: yaml.Event, why: str) -> LabError:
        """Return the error for what cannot be built, with its line."""
        mark = event.start_mark
        return broken(self.shown, "YAML", mark.line + 1 if mark else None, why)
