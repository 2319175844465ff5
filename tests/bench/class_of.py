"""Repositories as a class hands them in, made by chance from a seed; a part of them is broken.

Names, versions and hashes are those of tests/requirements.txt, and the locks have the form that
uv 0.13.9 and Poetry 2.5.1 write. Both tools find the sound ones fresh.
"""

from __future__ import annotations

import functools
import hashlib
import json
import re
from dataclasses import dataclass, replace
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.default_index import ADDRESS

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

COMBOS = ("pip_uv", "pip_poetry", "conda_uv", "conda_poetry")
#: the fewest and the most packages of a lock
SIZES = (40, 250)
#: how many of a class are broken
BROKEN_SHARE = 0.15
#: how many repositories of a class differ in more than their names; the others are linked to them
_DIFFERENT = 200
_PINS = Path(__file__).resolve().parents[1] / "requirements.txt"
_FILES = "https://files.example/packages"
_PYTHONS = ">=3.11,<4"
_TABLES = {"uv": "[tool.uv]\npackage = false\n", "poetry": "[tool.poetry]\npackage-mode = false\n"}
_CONDA = """\
name: lab
channels:
  - conda-forge
dependencies:
  - python=3.12
  - pip
  - graphviz
  - openblas=0.3
"""
_CONFLICT = "<<<<<<< HEAD\n[[package]]\n=======\n>>>>>>> main\n"
#: what a committed environment consists of, in small
_VENV = {
    ".venv/pyvenv.cfg": "home = /usr/bin\nversion = 3.12.1\n",
    ".venv/bin/python": "#!/bin/sh\nexit 1\n",
    **{f".venv/lib/python3.12/site-packages/pandas/m{n}.py": "x = 1\n" for n in range(300)},
}


@dataclass(frozen=True)
class Package:
    """A package of a lock; `needs` are the names of those that it requires."""

    name: str
    version: str
    hashes: tuple[str, ...]
    needs: tuple[str, ...] = ()


@dataclass(frozen=True)
class Made:
    """A repository: its combo, what is broken in it, and the text of each file."""

    combo: str
    broken: str
    files: dict[str, str]


@functools.cache
def _pool() -> tuple[Package, ...]:
    """Return the pinned packages, and two of another name for each."""
    found = []
    for block in re.split(r"^(?=\w)", _PINS.read_text(encoding="utf-8"), flags=re.MULTILINE):
        pin = re.match(r"([\w.-]+)==([\w.]+)", block)
        if pin:
            found.append(Package(pin[1], pin[2], tuple(re.findall(r"sha256:(\w+)", block))))
    more = [replace(one, name=f"{one.name}-{end}") for end in ("core", "types") for one in found]
    return (*found, *more)


def packages(rng: Random, count: int) -> list[Package]:
    """Return packages by name, each of which all before the last few lead to."""
    found = rng.sample(_pool(), count)
    needs: dict[str, list[str]] = {one.name: [] for one in found}
    for number, one in enumerate(found[_direct(count) :], _direct(count)):
        for _ in range(rng.randint(1, 3)):
            needs[found[rng.randrange(number)].name].append(one.name)
    return [replace(one, needs=tuple(sorted({*needs[one.name]}))) for one in found]


def _direct(count: int) -> int:
    """Return how many packages of a lock a project names itself."""
    return max(4, count // 8)


def make(seed: int, combo: str, count: int, broken: str = "") -> Made:
    """Return one repository whose lock has `count` packages."""
    layer, _, manager = combo.partition("_")
    found = packages(Random(seed), count)  # noqa: S311 - nothing secret
    direct = found[: _direct(count)]
    main, dev = direct[:-2], direct[-2:]
    manifest = "\n".join(
        [
            "[project]",
            'name = "lab"',
            'version = "0.1.0"',
            'description = "Predict the price of a house"',
            'readme = "README.md"',
            f'requires-python = "{_PYTHONS}"',
            f"dependencies = {json.dumps(_asked(main), indent=4)}",
            "",
            "[dependency-groups]",
            f"dev = {json.dumps(_asked(dev))}",
            "",
            _TABLES[manager],
        ]
    )
    lock = uv_lock(found, main, dev) if manager == "uv" else poetry_lock(found, main, dev)
    files = {
        "pyproject.toml": manifest,
        f"{manager}.lock": lock,
        "README.md": "# Lab\n\nRun `invoke setup`.\n",
        ".gitignore": ".venv/\n__pycache__/\n",
        **{f"src/lab/m{n}.py": f"VALUE = {n}\n" for n in range(12)},
        **{f"tests/test_m{n}.py": f"def test():\n    assert {n} >= 0\n" for n in range(6)},
    }
    if layer == "conda":
        files["conda.yml"] = _CONDA
    if broken:
        BROKEN[broken].breaks(files, f"{manager}.lock")
    return Made(combo, broken, files)


def _asked(named: Sequence[Package]) -> list[str]:
    return [f"{one.name}{_bound(one)}" for one in named]


def _bound(one: Package) -> str:
    """Return what a manifest asks of a version: some name none."""
    return "" if len(one.name) % 4 == 0 else f">={one.version}"


def uv_lock(found: Sequence[Package], main: Sequence[Package], dev: Sequence[Package]) -> str:
    """Return the uv.lock of a project."""
    rows = {one.name: _uv_package(one) for one in found}
    rows["lab"] = "\n".join(
        [
            "[[package]]",
            'name = "lab"',
            'version = "0.1.0"',
            'source = { virtual = "." }',
            _uv_names("dependencies", [one.name for one in main]),
            "\n[package.dev-dependencies]",
            _uv_names("dev", [one.name for one in dev]),
            "\n[package.metadata]",
            f"requires-dist = [{', '.join(map(_uv_asked, _by_name(main)))}]",
            "\n[package.metadata.requires-dev]",
            f"dev = [{', '.join(map(_uv_asked, _by_name(dev)))}]",
        ]
    )
    head = f'version = 1\nrevision = 5\nrequires-python = "{", ".join(_PYTHONS.split(","))}"\n'
    return "\n\n".join([head.rstrip(), *(rows[name] for name in sorted(rows))]) + "\n"


def _by_name(found: Sequence[Package]) -> list[Package]:
    return sorted(found, key=lambda one: one.name)


def _uv_names(key: str, names: Sequence[str]) -> str:
    rows = "".join(f'    {{ name = "{name}" }},\n' for name in sorted(names))
    return f"{key} = [\n{rows}]"


def _uv_asked(one: Package) -> str:
    bound = _bound(one)
    asked = f', specifier = "{bound}"' if bound else ""
    return f'{{ name = "{one.name}"{asked} }}'


def _uv_package(one: Package) -> str:
    lines = ["[[package]]", f'name = "{one.name}"', f'version = "{one.version}"']
    lines.append(f'source = {{ registry = "{ADDRESS}" }}')
    if one.needs:
        lines.append(_uv_names("dependencies", one.needs))
    files = []
    for name, digest in zip(_file_names(one), one.hashes, strict=True):
        place = f"{digest[:2]}/{digest[2:4]}/{digest[4:]}"
        size, time = int(digest[:5], 16), f"2026-10-{1 + int(digest[0], 16):02}T08:30:05.92Z"
        files.append(
            f'{{ url = "{_FILES}/{place}/{name}", hash = "sha256:{digest}", size = {size}, '
            f'upload-time = "{time}" }}'
        )
    if len(files) > 1:
        lines.append(f"sdist = {files.pop()}")
    wheels = "".join(f"    {file},\n" for file in files)
    return "\n".join([*lines, f"wheels = [\n{wheels}]"])


def _file_names(one: Package) -> list[str]:
    """Return the name of each file: wheels, and a source distribution as the last."""
    name = f"{one.name.replace('-', '_')}-{one.version}"
    if len(one.hashes) == 1:
        return [f"{name}-py3-none-any.whl"]
    tags = [f"cp3{11 + n}-cp3{11 + n}-manylinux_2_17_x86_64" for n in range(len(one.hashes) - 1)]
    return [*(f"{name}-{tag}.manylinux2014_x86_64.whl" for tag in tags), f"{name}.tar.gz"]


def poetry_lock(found: Sequence[Package], main: Sequence[Package], dev: Sequence[Package]) -> str:
    """Return the poetry.lock of a project."""
    rows = [
        "# This file is automatically @generated by Poetry 2.5.1 and should not be changed by hand."
    ]
    rows += [_poetry_package(one, is_dev=one in dev) for one in _by_name(found)]
    asked = {
        "project": {"requires-python": _PYTHONS, "dependencies": _asked(main)},
        "dependency-groups": {"dev": _asked(dev)},
        "tool": {"poetry": {}},
    }
    digest = hashlib.sha256(json.dumps(asked, sort_keys=True).encode()).hexdigest()
    rows.append(
        f'[metadata]\nlock-version = "2.1"\npython-versions = "{_PYTHONS}"\n'
        f'content-hash = "{digest}"\n'
    )
    return "\n\n".join(rows)


def _poetry_package(one: Package, *, is_dev: bool) -> str:
    files = [
        f'    {{file = "{name}", hash = "sha256:{digest}"}},'
        for name, digest in zip(_file_names(one), one.hashes, strict=True)
    ]
    lines = [
        "[[package]]",
        f'name = "{one.name}"',
        f'version = "{one.version}"',
        f'description = "What {one.name} is for"',
        "optional = false",
        'python-versions = ">=3.9"',
        f'groups = ["{"dev" if is_dev else "main"}"]',
        "files = [",
        *files,
        "]",
    ]
    if one.needs:
        lines += ["", "[package.dependencies]", *(f'{name} = "*"' for name in one.needs)]
    return "\n".join([*lines, "", "[package.extras]", 'docs = ["sphinx (>=7)", "furo"]'])


def _stale(files: dict[str, str], _: str) -> None:
    text = files["pyproject.toml"]
    files["pyproject.toml"] = text.replace("dependencies = [", 'dependencies = [\n    "rich",', 1)


def _damaged(files: dict[str, str], lock: str) -> None:
    """Leave the marks of a merge in the middle of the lock."""
    head, mark, rest = files[lock].rpartition("[[package]]")
    files[lock] = head + _CONFLICT + mark + rest


def _no_lock(files: dict[str, str], lock: str) -> None:
    del files[lock]


def _bad_toml(files: dict[str, str], _: str) -> None:
    files["pyproject.toml"] = files["pyproject.toml"].replace(
        'version = "0.1.0"', "version = 0.1.0"
    )


def _venv(files: dict[str, str], _: str) -> None:
    files |= _VENV


def _pythons(files: dict[str, str], _: str) -> None:
    files["conda.yml"] = _CONDA.replace("3.12", "3.9")


@dataclass(frozen=True)
class Broken:
    """A way in which repositories are broken, and the check that fails.

    No check is about a committed environment.
    """

    breaks: Callable[[dict[str, str], str], None]
    check: str


BROKEN = {
    "stale lock": Broken(_stale, "lock.fresh"),
    "damaged lock": Broken(_damaged, "lock.fresh"),
    "no lock": Broken(_no_lock, "lock.fresh"),
    "bad TOML": Broken(_bad_toml, "cohort.manifest"),
    "committed .venv": Broken(_venv, ""),
    "conflicting Pythons": Broken(_pythons, "agreement.python"),
}


def write_class(
    folder: Path, count: int, sizes: tuple[int, int] = SIZES, *, seed: int = 14
) -> list[Made]:
    """Write a class of repositories into a new folder, and return those that differ.

    From the 200th on, the files are links to those of an earlier one.
    """
    rng = Random(seed)  # noqa: S311 - nothing secret
    made = []
    for number in range(min(count, _DIFFERENT)):
        broken = rng.choice([*BROKEN]) if rng.random() < BROKEN_SHARE else ""
        size = round(rng.triangular(*sizes, sizes[0] + (sizes[1] - sizes[0]) / 4))
        one = make(rng.getrandbits(32), COMBOS[number % len(COMBOS)], size, broken)
        write(folder / f"s{number:05}", one.files)
        made.append(one)
    for number in range(len(made), count):
        first = number % len(made)
        _link(folder / f"s{first:05}", folder / f"s{number:05}", made[first].files)
    return made


def write(root: Path, files: dict[str, str]) -> None:
    """Write the files of a repository."""
    for name, text in files.items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text, encoding="utf-8")


def _link(source: Path, root: Path, files: dict[str, str]) -> None:
    for folder in sorted({(root / name).parent for name in files}):
        folder.mkdir(parents=True, exist_ok=True)
    for name in files:
        (root / name).hardlink_to(source / name)
