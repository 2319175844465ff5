"""Damage a real file as editors, merges, encodings and attackers do, all from one seed."""

from __future__ import annotations

import copy
import json
import tomllib
from typing import TYPE_CHECKING, Any

import tomlkit
import yaml

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from random import Random

_DEEP = 3_000
#: what readers trip over, in whichever of the formats it happens to mean something
TOKENS: tuple[bytes, ...] = (
    b"\0",
    b"\xef\xbb\xbf",
    b"\xff\xfe",
    b"\xe9",
    b"\r\n",
    b"\r",
    b"\t",
    b"\x1b[31m\x07",
    b"\\u001b[2J",
    b"\\ud800",
    b"\xe2\x80\xae",
    b"\xc2\x85",
    b"\xe2\x80\xa8",
    b"&a [*a, *a]\n",
    b"<<: *a\n",
    b"<<: {name: x}\n",
    b"!!python/object/apply:os.system [id]\n",
    b"!!binary aGk=\n",
    b"!!timestamp 2026-99-99\n",
    b"!!int x\n",
    b"? [a]\n: b\n",
    b"---\n",
    b"%YAML 9.9\n",
    b"  - pip:\n",
    b"  - pip: {a: [b]}\n",
    b"  - pip: [-r ../../../etc/passwd]\n",
    b"  - six  # [linux]\n",
    b"prefix: ../../x\n",
    b"name: ../../x\n",
    b"[" * _DEEP,
    b"{" * _DEEP,
    b"[[a]]\n" * 20,
    b"a" * 10_000,
    b"1e999",
    b"-0",
    b"0o8",
    b"9" * 5_000,
    b"nan",
    b"2026-01-01T00:00:00Z",
    b"[package.source]\n",
    b"[project]\n",
    b"[tool.mlops-lab.checks]\nignore = [1]\n",
    b"[tool]\nmlops-lab = 3\n",
    b"'''",
    b'"""',
    b"null",
    b"{}",
    b"../../../../etc/passwd",
    b"%2e%2e%2f",
    b"$(id)",
    b"-e .",
    b"--index-url=x",
    b"${HOME}",
)
#: values for places where another kind is expected
ODD: tuple[Any, ...] = (
    None,
    True,
    0,
    -1,
    10**30,
    1.5,
    float("nan"),
    "",
    " ",
    "x\ny",
    "\x1b[31mred\x07",
    "../../x",
    "/etc/passwd",
    "a/b",
    "-r",
    "==",
    "x" * 5_000,
    "é\u202e\u2028",
    "\ud800",
    "a\0b",
    [],
    [[]],
    [None],
    [1],
    ["", "a", "a"],
    [{}],
    {},
    {"": ""},
    {"a": {"b": []}},
    {"name": 1},
    {"name": ["x"], "version": {}},
)


def mutated(rng: Random, seeds: Sequence[bytes], kind: str) -> bytes:
    """Return one of `seeds` with up to four kinds of damage."""
    data = rng.choice(seeds)
    parses = rng.random() < 0.6 and kind != "text"
    data = _structural(rng, data, kind) if parses else data
    for _ in range(rng.choice((0, 0, 0, 1) if parses else (1, 1, 2, 3))):
        data = rng.choice(_DAMAGES)(rng, data, seeds)
    return data


def _flip(rng: Random, data: bytes, _seeds: Sequence[bytes]) -> bytes:
    made = bytearray(data)
    for _ in range(rng.randint(1, 4) if made else 0):
        made[rng.randrange(len(made))] ^= 1 << rng.randrange(8)
    return bytes(made)


def _truncate(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    return data[: rng.randint(0, len(data))]


def _span(rng: Random, data: bytes) -> tuple[int, int]:
    start = rng.randint(0, len(data))
    return start, min(len(data), start + rng.choice((1, 8, 40, 400)))


def _drop(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:start] + data[end:]


def _duplicate(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    start, end = _span(rng, data)
    return data[:end] + data[start:end] * rng.choice((1, 1, 2, 50)) + data[end:]


def _splice(rng: Random, data: bytes, seeds: Sequence[bytes]) -> bytes:
    start, end = _span(rng, other := rng.choice(seeds))
    at = rng.randint(0, len(data))
    return data[:at] + other[start:end] + data[at:]


def _insert(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    at = rng.randint(0, len(data))
    if rng.random() < 0.5:
        at = data.rfind(b"\n", 0, at) + 1
    return data[:at] + rng.choice(TOKENS) + data[at:]


def _swap_lines(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    lines = data.splitlines(keepends=True)
    if len(lines) > 1:
        one, other = rng.randrange(len(lines)), rng.randrange(len(lines))
        lines[one], lines[other] = lines[other], lines[one]
    return b"".join(lines)


def _encoding(rng: Random, data: bytes, _: Sequence[bytes]) -> bytes:
    text = data.decode("utf-8", "replace")
    forms: tuple[Callable[[], bytes], ...] = (
        lambda: text.encode("utf-16"),
        lambda: text.encode("latin-1", "replace") + b"# caf\xe9",
        lambda: text.encode("utf-8-sig"),
        lambda: text.replace("\n", "\r\n").encode(),
        lambda: text.replace("\n", "\r").encode(),
        lambda: text.replace("\n", "\u2028").encode(),
    )
    return rng.choice(forms)()


_DAMAGES = (_flip, _truncate, _drop, _duplicate, _splice, _insert, _insert, _swap_lines, _encoding)


def _structural(rng: Random, data: bytes, kind: str) -> bytes:
    """Replace, remove or repeat one value somewhere in the file's data, and write it again."""
    text = data.decode("utf-8")
    load: dict[str, Callable[[str], Any]] = {
        "toml": tomllib.loads,
        "yaml": yaml.safe_load,
        "json": json.loads,
    }
    top = load[kind](text)
    for _ in range(rng.randint(1, 3)):
        holder, key = rng.choice(_places(top))
        deed = rng.random()
        if deed < 0.15:
            del holder[key]
        elif deed < 0.25 and isinstance(holder, list):
            holder.append(holder[key])
        elif deed < 0.3 and isinstance(holder, dict):
            holder[str(rng.choice(ODD))[:40]] = holder.pop(key)
        else:
            holder[key] = copy.deepcopy(rng.choice(ODD))
        if not top:
            break
    try:
        return _dumped(top, kind, plain=rng.random() < 0.5).encode("utf-8", "surrogatepass")
    except (TypeError, ValueError, yaml.YAMLError):  # what the format cannot say (TOML has no null)
        return data


def _dumped(top: object, kind: str, *, plain: bool) -> str:
    """Write data out; `plain` escapes all that is not ASCII."""
    if kind == "toml":
        assert isinstance(top, dict)
        return tomlkit.dumps(top)
    if kind == "yaml":
        return yaml.safe_dump(top, sort_keys=False, allow_unicode=not plain)
    return json.dumps(top, ensure_ascii=plain)


def _places(value: object) -> list[tuple[Any, Any]]:
    """List every value below `value` as what holds it and its key."""
    items: list[tuple[Any, Any]] = []
    if isinstance(value, dict):
        items = list(value.items())
    elif isinstance(value, list):
        items = list(enumerate(value))
    return [place for key, inner in items for place in ((value, key), *_places(inner))]
