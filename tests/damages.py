"""What may happen to an environment: how it is damaged, which check finds that, and what is left.

Each damage is done to an environment that `make` set up.
"""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tests.lab import CONDA_YML, PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.lab import Lab

#: only tabulate has a script
MANIFEST = PYPROJECT.replace(
    '["click-default-group>=1.2"]  # brings click',
    '["idna", "pluggy", "tabulate", "toolz", "zipp"]',
)


def make(lab: Lab) -> None:
    """Set up an environment: with conda, it has click and six.

    Its caches are its own: a file that is edited is often a hard link to one of a cache.
    """
    names = ("UV_CACHE_DIR", "RATTLER_CACHE_DIR", "CONDA_PKGS_DIRS")
    lab.env |= {name: str(lab.home / ".cache" / name.lower()) for name in names}
    lab.write("pyproject.toml", MANIFEST)
    if (lab.project / "conda.yml").exists():
        lab.write("conda.yml", f"{CONDA_YML}  - click\n  - six\n")
    lab.ok("setup")


def site(lab: Lab) -> Path:
    """Return the folder of packages."""
    (found,) = lab.prefix.glob("lib/python3.*/site-packages")
    return found


def _record(lab: Lab, name: str) -> Path:
    (found,) = site(lab).glob(f"{name}-*.dist-info")
    return found


def _conda(lab: Lab, name: str) -> Path:
    (found,) = (lab.prefix / "conda-meta").glob(f"{name}-[0-9]*.json")
    return found


def _other_shebang(script: Path) -> None:
    _, _, rest = script.read_text("utf-8").partition("\n")
    script.write_text(f"#!/gone/bin/python\n{rest}", "utf-8")


def _append(path: Path) -> None:
    """Write into a file, which is that of a cache too if it is a hard link."""
    with path.open("a", encoding="utf-8") as stream:
        stream.write("\nx = 1\n")


def _twice(lab: Lab) -> None:
    record = _record(lab, "iniconfig")
    shutil.copytree(record, record.with_name("iniconfig-0.0.1.dist-info"))


def _bytecode(lab: Lab, name: str, source: str) -> None:
    """Leave bytecode that an installer compiled, as its record says."""
    record = _record(lab, "iniconfig") / "RECORD"
    place = site(lab) / f"iniconfig/__pycache__/{source}.cpython-{name}.pyc"
    place.parent.mkdir(exist_ok=True)
    place.write_bytes(b"x")
    with record.open("a", encoding="utf-8") as stream:
        stream.write(f"{place.relative_to(site(lab))},,\n")


def _dangling(link: Path) -> None:
    link.unlink()
    link.symlink_to("/gone/bin/python")


def _moved(lab: Lab) -> None:
    """Let scripts say what they say after a move, and `activate` too."""
    for path in (lab.prefix / "bin").glob("*"):
        if path.is_file() and not path.is_symlink():
            old = os.fsencode(lab.prefix)
            path.write_bytes(path.read_bytes().replace(old, b"/gone/.venv"))


def _replaced(lab: Lab) -> None:
    """Let an installer put another version in the place of conda's, as plain uv does."""
    from tests.integration.test_hybrid_checks import uv  # noqa: PLC0415 - only for this

    uv(lab, "install", "six==1.16.0")


@dataclass(frozen=True)
class Damage:
    """How an environment is damaged, which check finds it, and whether `check.fix` repairs it."""

    do: Callable[[Lab], object]
    check: str
    repaired: bool = True


def _cut(path: Path, size: int = 300) -> None:
    os.truncate(path, size)


#: of the packages that a manager installed, in either layer
OF_DISTRIBUTIONS = {
    "a module is gone": Damage(
        lambda lab: (site(lab) / "pluggy/__init__.py").unlink(), "doctor.installed-files"
    ),
    "a module was edited": Damage(
        lambda lab: _append(site(lab) / "pluggy/_hooks.py"), "doctor.installed-altered"
    ),
    "a module is empty": Damage(
        lambda lab: _cut(site(lab) / "pluggy/_result.py", 0), "doctor.installed-altered"
    ),
    "RECORD is gone": Damage(
        lambda lab: (_record(lab, "zipp") / "RECORD").unlink(), "doctor.records"
    ),
    "RECORD was cut off": Damage(
        lambda lab: _cut(_record(lab, "idna") / "RECORD"), "doctor.records"
    ),
    "METADATA is gone": Damage(
        lambda lab: (_record(lab, "toolz") / "METADATA").unlink(), "doctor.records"
    ),
    "the whole record is gone": Damage(
        lambda lab: shutil.rmtree(_record(lab, "pluggy")), "drift.lock"
    ),
    "it is recorded twice": Damage(_twice, "doctor.duplicates"),
    "a script names another interpreter": Damage(
        lambda lab: _other_shebang(lab.prefix / "bin/tabulate"), "doctor.moved"
    ),
    "a script is gone": Damage(
        lambda lab: (lab.prefix / "bin/tabulate").unlink(), "doctor.installed-files"
    ),
    "bytecode is of another Python": Damage(
        lambda lab: _bytecode(lab, "38", "__init__"), "doctor.bytecode"
    ),
    "bytecode has no source": Damage(
        lambda lab: _bytecode(
            lab, site(lab).parent.name.removeprefix("python").replace(".", ""), "gone"
        ),
        "doctor.bytecode",
    ),
}
#: of a virtual environment
OF_VENV = {
    "the interpreter's link leads nowhere": Damage(
        lambda lab: _dangling(lab.python), "doctor.interpreter"
    ),
    "the folder was moved": Damage(_moved, "doctor.moved"),
    "a module of pip is gone": Damage(
        lambda lab: (site(lab) / "pip/__main__.py").unlink(), "doctor.installed-files"
    ),
}
#: of conda's packages
OF_CONDA = {
    "a file is gone": Damage(lambda lab: (site(lab) / "six.py").unlink(), "doctor.missing-files"),
    "a file was edited": Damage(lambda lab: _append(site(lab) / "six.py"), "doctor.altered-files"),
    "a file of the standard library is empty": Damage(
        lambda lab: _cut(site(lab).parent / "abc.py", 0), "doctor.altered-files"
    ),
    "the interpreter is gone": Damage(
        lambda lab: lab.python.resolve().unlink(), "doctor.missing-files"
    ),
    "a link leads nowhere": Damage(
        lambda lab: _dangling(lab.prefix / "bin/python3"), "doctor.missing-files"
    ),
    "an entry point names another interpreter": Damage(
        lambda lab: _other_shebang(lab.prefix / "bin/pip"), "doctor.moved"
    ),
    "the METADATA of its distribution is gone": Damage(
        lambda lab: (_record(lab, "click") / "METADATA").unlink(), "doctor.missing-files"
    ),
    "a record was cut off": Damage(lambda lab: _cut(_conda(lab, "six")), "doctor.conda-meta"),
    "a record is empty": Damage(lambda lab: _cut(_conda(lab, "click"), 0), "doctor.conda-meta"),
    "a record is gone": Damage(lambda lab: _conda(lab, "six").unlink(), "doctor.conda-meta"),
    "the record of Python is empty": Damage(
        lambda lab: _cut(_conda(lab, "python"), 0), "doctor.conda-meta"
    ),
    "another version took the place of a package": Damage(
        _replaced, "ownership.clobbered", repaired=False
    ),
}
