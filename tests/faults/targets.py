"""Which files are fuzzed, what sound ones look like, and which tasks read them."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib import checks
from tasks_lib.checks.registry import FACT_CHECKS, family
from tasks_lib.cli.request import Scope
from tasks_lib.environments.base import State
from tasks_lib.ownership import layers
from tasks_lib.session import journal
from tasks_lib.session.session import Answer
from tasks_lib.workflows import (
    adoption,
    editing,
    environment_info,
    installation,
    snapshot,
    snapshot_file,
    synchronizing,
    updating,
)
from tests.lab import PYPROJECT, VERSION

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks_lib.report.progress import Progress
    from tasks_lib.session.session import Session

_CORPUS = Path(__file__).with_name("corpus")
UV_LOCK = (_CORPUS / "uv.toml").read_bytes()
POETRY_LOCK = (_CORPUS / "poetry.toml").read_bytes()
EXPORT = "mlops-lab.export.json"

SETTINGS = """
[tool.mlops-lab]
combo = "conda_uv"
engine = "rattler"
python = "3.11"

[tool.mlops-lab.checks]
select = ["agreement", "drift", "conda", "config"]
ignore = ["leak", "conda.defaults"]
severity = { "agreement.stray-lock" = "fail" }
threshold = { "agreement.both-layers" = 2 }
strict = false

[tool.mlops-lab.mirror]
index = "https://mirror.example/simple"
channel = "https://mirror.example/conda"
"""
POETRY_STYLE = """\
[project]
name = "tiny-lab"
version = "0.1.0"
requires-python = ">=3.11,<4"
dependencies = ["click>=8 ; python_version > '3'", "six[extra]==1.*"]
scripts = { tiny = "tiny:main" }
readme = "../README.md"

[project.optional-dependencies]
plot = ["matplotlib"]

[dependency-groups]
dev = ["iniconfig>=2", { include-group = "lint" }]
lint = ["ruff"]

[tool.poetry]
package-mode = false

[tool.poetry.dependencies]
python = "^3.11"
numpy = "^2"

[tool.poetry.group.docs]
optional = true

[tool.poetry.group.docs.dependencies]
sphinx = { version = "*", markers = "sys_platform == 'linux'" }

[tool.uv]
default-groups = ["dev"]
package = false

[[tool.uv.index]]
url = "https://index.example/simple"
default = true
"""
CONDA = f"""\
# the environment layer
name: demo
channels:
  - conda-forge
  - nodefaults
dependencies:
  - python={VERSION}  # the interpreter
  - conda-forge::numpy >=1.2,<3  # [linux]
  - pip
  - pip:
      - six==1.17.0
      - -r requirements.txt
variables:
  KEY: "value"
prefix: ../../envs/demo
"""
REQUIREMENTS = """\
# what the course needs
-r more.txt
-c constraints.txt
--index-url https://index.example/simple
click>=8 ; python_version > "3"  # the command line
six[extra]==1.17.0 \\
    --hash=sha256:0000000000000000000000000000000000000000000000000000000000000000
toolz @ https://files.example/toolz-1-py3-none-any.whl
git+https://git.example/b.git@1#egg=b
-e .
"""
SETUP_CFG = """\
[metadata]
name = tiny-lab
version = attr: tiny.__version__
description = a small project
author = A. Student
author_email = a@example.org
classifiers =
    Programming Language :: Python :: 3
long_description = file: README.md

[options]
packages = find:
python_requires = >=3.11
install_requires =
    click>=8
    six[extra]==1.* ; python_version > "3"

[options.extras_require]
plot = matplotlib

[options.entry_points]
console_scripts =
    tiny = tiny:main
"""
SETUP_PY = """\
from setuptools import find_packages, setup

NEEDS = ["click>=8", "six[extra]==1.*"]
setup(
    name="tiny-lab",
    version="0.1.0",
    packages=find_packages(),
    python_requires=">=3.11",
    install_requires=NEEDS + ['toolz ; python_version > "3"'],
    extras_require={"plot": ["matplotlib"]},
    entry_points={"console_scripts": ["tiny = tiny:main"]},
    author="A. Student",
)
"""
PIPFILE = """\
[[source]]
url = "https://index.example/simple"
verify_ssl = true
name = "mine"

[packages]
click = ">=8"
six = { version = "==1.*", extras = ["extra"], markers = "python_version > '3'", index = "mine" }
b = { git = "https://git.example/b.git", ref = "1" }
own = { path = ".", editable = true }

[dev-packages]
iniconfig = "*"

[requires]
python_version = "3.11"
"""
CONDA_ALIASES = """\
name: demo
x-common: &common
  channels: &channels [conda-forge, 'https://channel.example/t/abc/x']
channels: *channels
dependencies: [python, "six>=1", {pip: [click]}]
"""
CONDARC = """\
channels: [conda-forge, defaults]
channel_alias: https://channel.example/
default_channels: [https://channel.example/main]
custom_channels: {mine: https://channel.example/mine}
custom_multichannels: {many: [mine, conda-forge]}
mirrored_channels:
  conda-forge: [https://mirror.example/conda-forge]
envs_dirs: [~/.conda/envs, ~/envs]
pkgs_dirs: ~/pkgs
channel_priority: strict
ssl_verify: true
offline: false
proxy_servers: {http: http://proxy.example:3128}
"""


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode()).hexdigest()


def _described(combo: str) -> bytes:
    """Return what `env.export` writes, with the right hashes."""
    texts = {"pyproject.toml": PYPROJECT, "conda.yml": CONDA, "uv.lock": UV_LOCK.decode()}
    record = {
        "name": "click",
        "version": "8.1.7",
        "build": "py_0",
        "build_number": 0,
        "subdir": "noarch",
    }
    record |= {
        "url": "https://channel.example/noarch/click-8.1.7-py_0.conda",
        "sha256": "0" * 64,
        "depends": [],
    }
    owns = combo.startswith("conda")
    document = {
        "schema": snapshot_file.SCHEMA,
        "project": "tiny-lab",
        "combo": combo,
        "platform": snapshot.this_platform(),  # else every input ends at another platform's
        "python": f"{VERSION}.1",
        "groups": ["dev"],
        "packages": [
            *([["conda", "click", "8.1.7", "py_0"]] if owns else []),
            ["lock", "iniconfig", "2.3.0", ""],
            ["stray", "toolz", "1.2.0", ""],
        ],
        "conda": [record] if owns else [],
        "files": {name: {"sha256": _digest(text), "text": text} for name, text in texts.items()},
    }
    return json.dumps(document, indent=2).encode()


def _journal() -> bytes:
    """Return the journal of a run that was killed midway."""
    record = {
        "name": "click",
        "version": "8.1.7",
        "build": "py_0",
        "url": "https://channel.example/click.conda",
    }
    found = journal.Journal(
        command="deps.add",
        combo="conda_uv",
        engine="rattler",
        python="",
        prefix="/home/student/.conda/envs/demo",
        state=State.PRESENT,
        files={"pyproject.toml": True, "uv.lock": True, "conda.yml": False},
        packages={
            "click": "click==8.1.7",
            "mine": "editable:/home/student/mine",
            "b": "b @ git+https://git.example/b@1",
        },
        owned=("click",),
        conda=(record,),
        touched=True,
    )
    return found.text().encode()


def _rehashed(data: bytes) -> bytes:
    """Update the hashes; otherwise every altered text fails the first check."""
    try:
        document = json.loads(data)
        for entry in document["files"].values():
            entry["sha256"] = _digest(entry["text"])
        return json.dumps(document).encode()
    except (ValueError, TypeError, KeyError, AttributeError, RecursionError):
        return data


@dataclass(frozen=True)
class Look:
    """A task that only reads; `slow` where it starts a tool (Poetry takes half a second)."""

    command: str
    work: Callable[[Session, Progress], Answer]
    source: str = ""
    slow: bool = False
    scope: Scope = Scope.PROJECT


_READING = ",".join(dict.fromkeys(family(check) for check in FACT_CHECKS))


def _conda_edit(*, drop: bool) -> Callable[[Session, Progress], Answer]:
    return lambda s, p: editing.edit_layer(
        s, p, ["numpy" if drop else "attrs>=2"], drop=drop, dry_run=True
    )


INFO = Look("env.info", lambda s, _: environment_info.info(s))
LIST = Look("env.list", lambda s, _: environment_info.listing(s))
LAYERS = Look("env.layers", lambda s, _: layers.show(s))
CONFIG = Look("check.config", lambda s, p: checks.run(s, p, ["config"]), slow=True)
LOCK = Look("check.lock", lambda s, p: checks.run(s, p, ["lock"]), slow=True)
HYBRIDS = Look("check.all", lambda s, p: checks.run_all(s, p, select=_READING))
CREATE = Look("env.create", lambda s, p: installation.create(s, p, dry_run=True))
SETUP = Look("setup", lambda s, p: installation.setup(s, p, dry_run=True), slow=True)
UPDATE = Look(
    "deps.update", lambda s, p: updating.update_dependencies(s, p, [], group="dev", dry_run=True)
)
SYNC = Look("deps.sync", lambda s, p: synchronizing.sync(s, p, dry_run=True))
ADD_CONDA = Look("deps.add", _conda_edit(drop=False))
DROP_CONDA = Look("deps.remove", _conda_edit(drop=True))
INIT = Look("init", lambda s, p: adoption.init(s, p, dry_run=True), scope=Scope.FOLDER)
REBUILD = Look(
    "env.create", lambda s, p: snapshot.rebuild(s, p, EXPORT, dry_run=True), source=EXPORT
)


def _read_journal(session: Session, _: Progress) -> Answer:
    """Read the journal as the next run that changes the project would."""
    found = journal.read(session.project.root)
    assert found is None or all(
        (session.project.root / name).parent == session.project.root for name in found.files
    )
    return Answer()


JOURNAL = Look("setup", _read_journal)


@dataclass(frozen=True)
class Target:
    """A file that a user may write, and the tasks that must bear whatever it holds."""

    path: str  # in the sandbox
    kind: str  # toml, yaml or json: how its structure is damaged; text has none
    seeds: tuple[bytes, ...]
    looks: tuple[Look, ...]
    managers: tuple[str, ...] = ("uv", "uv", "poetry")
    head: bytes = b""  # comes before what is damaged
    repair: Callable[[bytes], bytes] = bytes  # makes a damaged file pass its first gate


_LOCK_LOOKS = (INFO, LAYERS, HYBRIDS, HYBRIDS, SYNC, LOCK)
_PYPROJECTS = (PYPROJECT.encode(), POETRY_STYLE.encode(), (PYPROJECT + SETTINGS).encode())
_MANIFEST_LOOKS = (INFO, LIST, CONFIG, HYBRIDS, HYBRIDS, CREATE, SETUP, UPDATE, INIT)
_CONFIG_LOOKS = (INFO, HYBRIDS, HYBRIDS, CONFIG, CREATE)
_CONDA_LOOKS = (INFO, LIST, CONFIG, HYBRIDS, CREATE, SETUP, ADD_CONDA, ADD_CONDA, DROP_CONDA, INIT)

TARGETS: dict[str, Target] = {
    "pyproject.toml": Target("project/pyproject.toml", "toml", _PYPROJECTS, _MANIFEST_LOOKS),
    "configuration": Target(
        "project/pyproject.toml",
        "toml",
        (SETTINGS.encode(),),
        (INFO, HYBRIDS, HYBRIDS, CONFIG, CREATE),
        ("uv",),
        PYPROJECT.encode(),
    ),
    "conda.yml": Target(
        "project/conda.yml", "yaml", (CONDA.encode(), CONDA_ALIASES.encode()), _CONDA_LOOKS
    ),
    ".condarc": Target(
        "home/.condarc", "yaml", (CONDARC.encode(),), (INFO, LIST, CREATE, ADD_CONDA, HYBRIDS)
    ),
    "uv.lock": Target("project/uv.lock", "toml", (UV_LOCK,), _LOCK_LOOKS, ("uv",)),
    "poetry.lock": Target("project/poetry.lock", "toml", (POETRY_LOCK,), _LOCK_LOOKS, ("poetry",)),
    "description": Target(
        f"project/{EXPORT}",
        "json",
        (_described("conda_uv"), _described("pip_uv")),
        (REBUILD,),
        repair=_rehashed,
    ),
    "requirements.txt": Target(
        "project/requirements.txt", "text", (REQUIREMENTS.encode(),), (INIT,)
    ),
    "setup.cfg": Target("project/setup.cfg", "text", (SETUP_CFG.encode(),), (INIT,)),
    "setup.py": Target("project/setup.py", "text", (SETUP_PY.encode(),), (INIT,)),
    "Pipfile": Target("project/Pipfile", "toml", (PIPFILE.encode(),), (INIT,)),
    "journal": Target(
        "record/journal.json",
        "json",
        (_journal(),),
        (JOURNAL, JOURNAL, JOURNAL, HYBRIDS),
    ),
}
