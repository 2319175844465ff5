"""Damage a real environment in each way of `tests/damages.py`, and print who finds and repairs it.

Columns: this program, `conda doctor` and `env-repair`. Each tool repairs a copy of the same damage,
and what is repaired is told by the files: all that were there are there again, as they were.

    python tests/bench/repair_table.py --channel DIR --condabin DIR --env-repair PROGRAM
"""

from __future__ import annotations

import argparse
import hashlib
import os
import shutil
import sys
import tempfile
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

ROOT = Path(__file__).resolve().parents[2]
sys.path.insert(0, str(ROOT))

from tests import damages  # noqa: E402 - a script: the project is put on the path first
from tests.lab import Case, Lab, variables  # noqa: E402

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from tests.damages import Damage

#: conda's own doctor has a column of its own
_APART = ("--ignore", "doctor.conda")
#: where a tool does not apply
_NONE = "-"
#: what an installer writes of itself, and what Python writes
_OWN = {"INSTALLER", "REQUESTED", "RECORD", "direct_url.json", ".lock", "uv_cache.json"}


@dataclass
class Bench:
    """A lab that was set up, a copy of it, and the tools beside this program."""

    lab: Lab
    copy: Path
    conda: Path
    env_repair: Path
    before: dict[str, str] = field(default_factory=dict)
    sound: dict[str, set[str]] = field(default_factory=dict)

    def put_back(self) -> None:
        """Bring the environment back, as a copy whose files are in no cache."""
        shutil.rmtree(self.lab.prefix, ignore_errors=True)
        shutil.copytree(self.copy, self.lab.prefix, symlinks=True)

    def tools(self) -> dict[str, Callable[[], object]]:
        """Return what repairs, by the tool's name."""
        prefix, run = str(self.lab.prefix), self.lab.run
        found: dict[str, Callable[[], object]] = {"check.fix": lambda: self.lab("check.fix")}
        if self.is_conda:
            argv = [str(self.conda), "doctor", "--fix", "--yes", "--prefix", prefix]
            found["conda doctor --fix"] = partial(run, argv)
        argv = [str(self.env_repair), "--env", prefix, "--fix"]
        found["env-repair --fix"] = partial(run, argv)
        return found

    @property
    def is_conda(self) -> bool:
        """Return whether conda made the environment."""
        return self.lab.case is not None and self.lab.case.layer == "conda"

    def said(self) -> dict[str, set[str]]:
        """Return what each tool says of the environment."""
        answer = self.lab("check.all", *_APART)
        found = {"ours": answer.ids("fail") | answer.ids("warn") | answer.ids("error")}
        prefix = str(self.lab.prefix)
        if self.is_conda:
            told = self.lab.run([str(self.conda), "doctor", "--prefix", prefix])
            found["conda doctor"] = _lines(f"{told.stdout}\n{told.stderr}")
        told = self.lab.run([str(self.env_repair), "--env", prefix])
        found["env-repair"] = _lines(told.stdout)
        return found

    def row(self, damage: Damage) -> list[str]:
        """Return the cells of a damage's row: who finds it, and who repairs it."""
        self.put_back()
        damage.do(self.lab)
        said = self.said()
        news = {tool: sorted(said[tool] - self.sound[tool]) for tool in said}
        cells = [", ".join(news["ours"])]
        repaired = {}
        for tool, repair in self.tools().items():
            self.put_back()
            damage.do(self.lab)
            repair()
            repaired[tool] = self.is_whole()
        for tool in ("check.fix", "conda doctor --fix", "env-repair --fix"):
            name = tool.removesuffix(" --fix")
            if name in news:
                cells.append("yes" if news[name] else "no")
            elif tool != "check.fix":
                cells.append(_NONE)
            cells.append({True: "yes", False: "no", None: _NONE}[repaired.get(tool)])
        return cells

    def is_whole(self) -> bool:
        """Return whether every file is as it was, and the checks pass."""
        now = _files(self.lab.prefix)
        if any(now.get(name) != digest for name, digest in self.before.items()):
            return False
        again = self.lab("check.all", *_APART)
        return again.ids("fail") | again.ids("warn") <= self.sound["ours"]


def _lines(text: str) -> set[str]:
    """Return the lines that say something about the environment, less those on progress."""
    lines = map(str.strip, text.splitlines())
    return {line for line in lines if line and "ETA" not in line and "✅" not in line}


def _files(prefix: Path) -> dict[str, str]:
    """Return the digest of each file that an installer brought."""
    found = {}
    for folder, folders, names in os.walk(prefix):
        folders[:] = [name for name in folders if name not in {"__pycache__", "conda-meta"}]
        for name in names:
            path = Path(folder, name)
            key = str(path.relative_to(prefix))
            if path.is_symlink():
                found[key] = os.path.realpath(path)
            elif name not in _OWN and path.is_file():
                found[key] = hashlib.sha256(path.read_bytes()).hexdigest()
    return found


def _bench(options: argparse.Namespace, case: Case) -> Bench:
    home = Path(tempfile.mkdtemp(prefix="repair-")) / "home"
    home.mkdir()
    lab = Lab(home, variables(home), case)
    channel = options.channel.resolve().as_uri()
    settings = f"channels: [conda-forge]\nchannel_alias: {channel}\nsolver: classic\n"
    (home / ".condarc").write_text(f"{settings}envs_dirs: [~/.conda/envs]\n")
    if case.layer == "conda":
        lab.write("conda.yml", "")
        lab.env["PATH"] = f"{options.condabin}:{lab.env['PATH']}"
    lab.env["MLOPS_LAB_TRUST"] = "1"
    damages.make(lab)
    copy = home.with_name("copy")
    shutil.copytree(lab.prefix, copy, symlinks=True)
    bench = Bench(lab, copy, options.condabin / "conda", options.env_repair)
    bench.put_back()
    bench.before, bench.sound = _files(lab.prefix), bench.said()
    return bench


def main() -> None:
    """Print the table as Markdown, a row as soon as it is known."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--channel", type=Path, required=True)
    parser.add_argument("--condabin", type=Path, required=True)
    parser.add_argument("--env-repair", type=Path, required=True)
    parser.add_argument("--engine", default="conda")
    parser.add_argument("--part", action="append", help="conda, distributions or venv")
    options = parser.parse_args()
    heads = ("damage", "found by our checks", "check.fix", "conda doctor finds", "--fix")
    _print([*heads, "env-repair finds", "--fix"])
    _print(["---"] * (len(heads) + 2))
    conda = Case("conda_uv", options.engine)
    parts = {
        "conda": (conda, damages.OF_CONDA),
        "distributions": (conda, damages.OF_DISTRIBUTIONS),
        "venv": (Case("pip_uv"), damages.OF_VENV),
    }
    for part in options.part or parts:
        case, table = parts[part]
        bench = _bench(options, case)
        for name, damage in table.items():
            _print([f"{part}: {name}", *bench.row(damage)])
        shutil.rmtree(bench.lab.home.parent)


def _print(cells: Iterable[str]) -> None:
    sys.stdout.write(f"| {' | '.join(cells)} |\n")
    sys.stdout.flush()


if __name__ == "__main__":
    main()
