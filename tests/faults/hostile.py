"""A repository whose every file that some tool runs, follows or believes tells that it was used."""

from __future__ import annotations

import contextlib
import json
import os
import shlex
import sys
import threading
from dataclasses import dataclass, field
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import TYPE_CHECKING

from tests.lab import PYTHON, VERSION, tools

if TYPE_CHECKING:
    from collections.abc import Iterator

    from tests.lab import Lab

_PYPROJECT = """\
[build-system]
requires = []
build-backend = "hostile"
backend-path = ["backend"]

[project]
name = "demo"
dynamic = ["version"]
requires-python = ">=3.11"
dependencies = ["six", "click"]

[tool.setuptools.dynamic]
version = {{ attr = "demo.version" }}

[tool.mlops-lab.mirror]
index = "{url}/simple/"
channel = "{url}/channels"

[tool.uv]
cache-dir = "{marks}/uv-cache"
keyring-provider = "subprocess"

[[tool.uv.index]]
name = "theirs"
url = "{url}/simple/"
default = true

[tool.poetry]
version = "1.0"

[tool.poetry.requires-plugins]
hostile = {{ path = "plugin" }}

[[tool.poetry.source]]
name = "theirs"
url = "{url}/simple/"
"""
_UV_LOCK = """\
version = 1
revision = 3
requires-python = ">=3.11"

[[package]]
name = "demo"
source = {{ editable = "." }}
dependencies = [{{ name = "six" }}]

[package.metadata]
requires-dist = [{{ name = "six" }}]

[[package]]
name = "six"
version = "1.16.0"
source = {{ registry = "{url}/simple/" }}
wheels = [{{ url = "{url}/six-1.16.0-py2.py3-none-any.whl", hash = "sha256:{zeros}", size = 9 }}]
"""
_POETRY_LOCK = """\
[[package]]
name = "six"
version = "1.16.0"
description = ""
optional = false
python-versions = "*"
groups = ["main"]
files = [{{ file = "six-1.16.0-py2.py3-none-any.whl", hash = "sha256:{zeros}" }}]

[package.source]
type = "legacy"
url = "{url}/simple"
reference = "theirs"

[metadata]
lock-version = "2.1"
python-versions = ">=3.11"
content-hash = "{zeros}"
"""
_CONDA_YML = f"""\
name: tiny_env
channels: ["{{url}}/channel"]
dependencies: ["python={VERSION}", "{{url}}/other::zlib"]
"""
_GIT_CONFIG = """\
[core]
    repositoryformatversion = 0
    bare = false
    fsmonitor = hooks/fsmonitor
"""
_PLUGIN = """\
[build-system]
requires = []
build-backend = "plugged"
backend-path = ["."]
"""
_SETUP = "from setuptools import setup\nsetup(name='hostile', version='1')\n"
_METADATA = "Metadata-Version: 2.1\nName: {name}\nVersion: 1.16.0\n"


@dataclass
class Hostile:
    """The repository, and what it has done so far."""

    lab: Lab
    marks: Path
    url: str = ""
    requests: list[str] = field(default_factory=list)

    @property
    def fired(self) -> set[str]:
        """Return the names of the canaries that fired; `net` where it was connected to."""
        found = {path.name for path in self.marks.iterdir()}
        return found | {one for one in self.requests if one.startswith("net")}

    def forget(self) -> None:
        """Start from nothing."""
        self.requests.clear()
        for path in self.marks.iterdir():
            path.unlink()

    def code(self, name: str) -> str:
        """Return a statement of Python that marks the canary."""
        return f"import os; open({str(self.marks / name)!r}, 'w').close()\n"

    def script(self, name: str, then: str = "exit 0") -> str:
        """Return a script of sh that marks the canary."""
        return f"#!/bin/sh\ntouch {shlex.quote(str(self.marks / name))}\n{then}\n"

    def write(self, place: Path, text: str, *, program: bool = False) -> None:
        """Write a file with the addresses of this repository."""
        place.parent.mkdir(parents=True, exist_ok=True)
        text = text.format(url=self.url, marks=self.marks, zeros="0" * 64)
        place.write_text(text, encoding="utf-8")
        if program:
            place.chmod(0o755)

    def commit(self, name: str, text: str, *, program: bool = False) -> None:
        """Write a file of the repository as it is."""
        place = self.lab.project / name
        place.parent.mkdir(parents=True, exist_ok=True)
        place.write_text(text, encoding="utf-8")
        if program:
            place.chmod(0o755)


def environment(hostile: Hostile, prefix: Path, home: Path) -> None:
    """Write an environment whose every file is a canary; its interpreter works all the same."""
    site = prefix / "lib" / f"python{VERSION}" / "site-packages"
    site.mkdir(parents=True)
    program = prefix / "bin" / "python"
    program.parent.mkdir()
    program.write_text(hostile.script("interpreter", f'exec {shlex.quote(PYTHON)} "$@"'))
    program.chmod(0o755)
    (program.parent / "real").symlink_to(PYTHON)
    (prefix / "pyvenv.cfg").write_text(f"home = {home}\nversion = {sys.version.split()[0]}\n")
    (prefix / ".condarc").write_text(f"channels: [{hostile.url}/environment]\n")
    (site / "hostile.pth").write_text(hostile.code("pth"))
    for name in ("sitecustomize", "usercustomize"):
        (site / f"{name}.py").write_text(hostile.code(name))
    record = site / "six-1.16.0.dist-info"
    record.mkdir()
    (record / "METADATA").write_text(_METADATA.format(name="six"))
    (record / "RECORD").write_text(
        "six-1.16.0.dist-info/METADATA,,\nsix-1.16.0.dist-info/RECORD,,\n"
    )


def plant(hostile: Hostile) -> None:
    """Write the repository, and the environment that its conda file names."""
    lab = hostile.lab
    texts = {"pyproject.toml": _PYPROJECT, "uv.lock": _UV_LOCK, "poetry.lock": _POETRY_LOCK}
    texts |= {"conda.yml": _CONDA_YML, ".condarc": "channels: ['{url}/condarc']\n"}
    texts |= {".git/config": _GIT_CONFIG, "pip.conf": "[global]\nindex-url = {url}/pip/\n"}
    texts |= {"poetry.toml": 'cache-dir = "{marks}/poetry-cache"\n'}
    for name, text in texts.items():
        hostile.write(lab.project / name, text)
    (lab.project / ".git" / "HEAD").write_text("ref: refs/heads/main\n")
    for name in ("objects", "refs"):
        (lab.project / ".git" / name).mkdir()
    for name in ("tasks", "invoke", "noxfile", "sitecustomize", "conftest", "hashlib"):
        hostile.commit(f"{name}.py", hostile.code(f"{name}.py"))
    hostile.commit("invoke.yaml", "run: {shell: /nowhere}\n")
    hostile.commit(".python-version", "3.11\n")
    hostile.commit("setup.py", hostile.code("setup.py") + _SETUP)
    hostile.commit("plugin/pyproject.toml", _PLUGIN)
    hostile.commit("plugin/plugged.py", hostile.code("plugin"))
    hostile.commit("backend/hostile.py", hostile.code("backend"))
    hostile.commit("demo.py", hostile.code("demo") + "version = '1'\n")
    hostile.commit("demo.egg-info/PKG-INFO", _METADATA.format(name="demo"))
    hostile.commit("hooks/fsmonitor", hostile.script("git"), program=True)
    hostile.commit(".poetry/plugins/hostile.pth", hostile.code("poetry-plugin"))
    environment(hostile, lab.project / ".venv", Path(PYTHON).parent)
    prefix = lab.home / ".conda" / "envs" / "tiny_env"
    environment(hostile, prefix, Path(PYTHON).parent)
    (prefix / "conda-meta").mkdir()
    (prefix / "conda-meta" / "history").touch()
    for name, version in (("python", sys.version.split()[0]), ("zlib", "1.2.13")):
        record = {"name": name, "version": version, "build": "0", "build_number": 0, "depends": []}
        record |= {
            "channel": "conda-forge",
            "subdir": "noarch",
            "fn": f"{name}-{version}-0.conda",
            "files": [],
        }
        record |= {"url": f"{hostile.url}/{name}-{version}-0.conda"}
        record |= {"paths_data": {"paths": [], "paths_version": 1}}
        (prefix / "conda-meta" / f"{name}-{version}-0.json").write_text(json.dumps(record))
    index = lab.env.pop("MLOPS_LAB_INDEX_URL", "")
    if index:  # the user's own, which the repository's mirror is not to replace
        settings = lab.home / ".config" / "uv" / "uv.toml"
        settings.parent.mkdir(parents=True)
        settings.write_text(f'index-url = "{index}"\n')
    (lab.home / ".netrc").write_text("machine 127.0.0.1 login ada password s3cr3t\n")
    (lab.home / ".netrc").chmod(0o600)


@contextlib.contextmanager
def repository(lab: Lab, marks: Path) -> Iterator[Hostile]:
    """Yield the repository, and serve the addresses that it names."""
    hostile = Hostile(lab, marks)

    class Handler(BaseHTTPRequestHandler):
        def log_message(self, *_: object) -> None:
            """Stay silent."""

        def do_GET(self) -> None:
            hostile.requests.append("net")
            if self.headers.get("Authorization"):
                hostile.requests.append("net with a login")
            self.send_error(HTTPStatus.NOT_FOUND)

        do_HEAD = do_GET  # noqa: N815 - the names are those of http.server

    with ThreadingHTTPServer(("127.0.0.1", 0), Handler) as server:
        threading.Thread(target=server.serve_forever, daemon=True).start()
        hostile.url = f"http://127.0.0.1:{server.server_port}"
        plant(hostile)
        yield hostile
        server.shutdown()


def fire_all(hostile: Hostile) -> None:
    """Use each canary on purpose, as a user would who trusts the repository."""
    lab, folder = hostile.lab, hostile.lab.project
    venv = folder / ".venv" / "bin"
    env = {"VIRTUAL_ENV": str(folder / ".venv"), "PATH": f"{tools()}{os.pathsep}/usr/bin:/bin"}
    uv, poetry = str(tools() / "uv"), str(tools() / "poetry")
    commands = [
        [str(venv / "python"), "-c", ""],
        [str(venv / "real"), "-c", ""],
        [uv, "lock", "--python", PYTHON],
        [uv, "pip", "install", "--dry-run", "--python", PYTHON, "nowhere-installed"],
        [poetry, "check"],
        [poetry, "install", "--dry-run"],
        [str(tools() / "invoke"), "--list"],
        [PYTHON, "noxfile.py"],
        [PYTHON, "setup.py", "--version"],
        [PYTHON, "-c", "import demo, conftest, sitecustomize, hashlib"],
        ["git", "status"],
    ]
    for argv in commands:
        lab.run(argv, env=env)
