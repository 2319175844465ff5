"""Native libraries that do not go together: of both layers, or of another architecture."""

from __future__ import annotations

import itertools
import re
from collections import defaultdict
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.checks.base import FactCheck, Finding, listed
from tasks_lib.environments import binaries, site_packages
from tasks_lib.errors import Remedy
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from tasks_lib.ownership.facts import Facts

#: libraries, by the names that conda and the tools that repair wheels give them; no others that
#: begin alike, such as libompl or libomptarget
_RUNTIME = re.compile(
    r"lib(?P<name>gomp|omp|iomp5)(?:md|\d+\.x86_64|-[0-9a-f]{6,})?\.(?:so[.\d]*|dylib|dll)"
)
_MKL = re.compile(r"(?:lib)?mkl_(?:rt|intel_thread)\b.*")
_BLAS = re.compile(r"lib(?:scipy_)?openblas.*\.(?:so[.\d]*|dylib|dll)")
#: LLVM's and Intel's are one library under two names
_MAKERS = {"gomp": "GNU", "omp": "LLVM", "iomp5": "LLVM"}
#: what MKL loads by itself, so that no header names it
_LOADED_BY_MKL = ("libiomp5.so", "libiomp5.dylib", "libiomp5md.dll")
#: an extension module that says for which Python it is: what packages bring for other machines too,
#: such as debuggers do, has other names
_MODULE = re.compile(r"(?P<module>[^/]+?)\.(?:cpython-\d[\w-]*|abi3|cp\d+-\w+)\.(?:so|pyd)")
_MOST_FILES = 20_000


def _look(facts: Facts) -> Iterable[Finding]:
    """Read the headers of both layers' native files."""
    prefix, site = facts.prefix, facts.site
    if prefix is None or site is None:
        return
    wheels = _of_wheels(facts, site)
    modules = []
    for record in facts.conda.values():
        modules += [prefix / name for name in record.get("files", ()) if _is_module(name)]
    yield from _other_machine(facts, itertools.chain(modules, *wheels.values()))
    brought = _brought(wheels)
    if brought:
        yield from _twice(prefix, brought, _loaded(prefix, modules))


def _of_wheels(facts: Facts, site: Path) -> dict[str, list[Path]]:
    """Return the binaries of each distribution that is not conda's."""
    found = {}
    for one in facts.distributions:
        if one.name not in facts.owned:
            names = [row[0] for row in site_packages.record_rows(one) or ()]
            found[one.name] = [site / name for name in names if _is_module(name) or _maker(name)]
    return found


def _is_module(name: str) -> bool:
    return _MODULE.fullmatch(name.rpartition("/")[2]) is not None


def _other_machine(facts: Facts, modules: Iterable[Path]) -> Iterator[Finding]:
    """Compare the headers of extension modules with that of the interpreter.

    A folder may have one module for several machines, one of which fits.
    """
    own = binaries.read(facts.session.environment.python)
    if own is None:
        return
    seen: dict[Path, list[tuple[Path, binaries.Binary]]] = defaultdict(list)
    for path in itertools.islice(modules, _MOST_FILES):
        named = _MODULE.fullmatch(path.name)
        header = binaries.read(path) if named else None
        if named and header:
            seen[path.parent / named["module"]].append((path, header))
    wrong = []
    for versions in seen.values():
        if not any(header.fits(own) for _, header in versions):
            path, header = versions[0]
            wrong.append(f"{path.name} ({header})")
    if wrong:
        text = f"The interpreter is for {own}, and cannot load {listed(sorted(wrong))}."
        remedy = facts.session.environment.renewal()
        yield Finding(text, status=Status.FAIL, count=len(wrong), remedy=remedy)


def _brought(wheels: Mapping[str, Iterable[Path]]) -> list[tuple[str, str, Path]]:
    """Return the distribution, the maker of the library, and the file, of each that exists."""
    found = []
    for name, paths in wheels.items():
        for path in paths:
            maker = _maker(path.name)
            if maker and path.is_file():
                found.append((name, maker, path))
    return found


def _maker(path: str) -> str:
    """Return whose OpenMP a library is, `BLAS` for OpenBLAS, or nothing."""
    name = path.rpartition("/")[2]
    runtime = _RUNTIME.fullmatch(name)
    if runtime:
        return _MAKERS[runtime["name"]]
    return "BLAS" if _BLAS.fullmatch(name) else ""


def _loaded(prefix: Path, modules: Iterable[Path]) -> dict[str, Path]:
    """Return which of these libraries conda's own modules load, by maker; MKL has its own name.

    Nearly every conda environment has some OpenMP, which most leave alone.
    """
    folders = (prefix / "lib", prefix / "Library" / "bin")
    found: dict[str, Path] = {}
    waiting, seen = list(modules), set[Path]()
    while waiting and len(seen) < _MOST_FILES:
        path = waiting.pop()
        real = path.resolve()
        if real in seen:
            continue
        seen.add(real)
        header = binaries.read(real)
        needs = header.needs if header else ()
        maker = _maker(real.name)
        if maker:
            found.setdefault(maker, path)
        elif _MKL.fullmatch(real.name):
            found.setdefault("MKL", path)
            needs = (*needs, *_LOADED_BY_MKL)
        for name in needs:
            waiting += [
                place / name for place in (path.parent, *folders) if (place / name).is_file()
            ]
    return found


def _twice(
    prefix: Path, brought: Iterable[tuple[str, str, Path]], loaded: Mapping[str, Path]
) -> Iterator[Finding]:
    """Compare what the wheels brought with what conda's modules load."""
    for name, maker, path in brought:
        ours = loaded.get(maker)
        if ours and ours.samefile(path):
            continue  # a wheel that puts it into conda's folder: `doctor` reports what it replaced
        text = f"{name} brings {path.name}"
        if ours and maker == "LLVM":
            text += (
                f", and conda's packages load {ours.relative_to(prefix)}, the same OpenMP: where"
            )
            yield Finding(f"{text} both are imported, Python ends with “OMP: Error #15”.")
        elif "MKL" in loaded and maker == "GNU":
            text += (
                f", GNU's OpenMP, and conda's packages load {loaded['MKL'].relative_to(prefix)},"
            )
            yield Finding(f"{text} which refuses to work beside it.")
        elif ours:
            yield Finding(f"{text}, and conda has {ours.name}: both start threads.", count=0)


CHECKS = (
    FactCheck(
        "conda.native",
        "the native libraries of both layers go together",
        "A wheel brings native libraries of its own. Two copies of LLVM's or Intel's OpenMP in "
        "one process end it, and MKL refuses to work beside GNU's. Two copies of GNU's OpenMP or "
        "of OpenBLAS are no fault, and are only mentioned. An extension module of another "
        "architecture than the interpreter's cannot be imported at all.",
        Remedy("Take the packages that load them from one layer: both from conda, or both locked"),
        Status.WARN,
        look=_look,
        applies=lambda facts: facts.owns,
    ),
)
