"""Which package index is used: resolved once, for pip, uv and Poetry alike."""

from __future__ import annotations

import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib import bootstrap
from tasks_lib.project.manifests import PYPROJECT, invalid, read_text, read_toml
from tasks_lib.project.options import Source
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Mapping

    from tasks_lib.project.options import Options

VARIABLE = bootstrap.INDEX
#: the variables that keep each tool off the network; Poetry and rattler have none
OFFLINE = {
    "pip": {"PIP_NO_INDEX": "1"},
    "uv": {"UV_OFFLINE": "1"},
    "conda": {"CONDA_OFFLINE": "true", "MAMBA_OFFLINE": "true"},
}


@dataclass(frozen=True)
class Index:
    """An index's address and who set it; `source` is empty where it is pip's own default."""

    url: str
    source: str


def resolve(options: Options, variables: Mapping[str, str] = os.environ) -> Index:
    """Return the index that the options name, else that of uv's or pip's files, else the default.

    `variables` say where the configuration files are.
    """
    chosen = options.index
    if chosen.value:
        return Index(chosen.value, chosen.name or PYPROJECT)
    for files, read in ((uv_files, _uv_index), (_pip_files, _pip_index)):
        for path in files(variables):
            if path.is_file() and (url := read(path)):
                return Index(url, str(path))
    return Index(default(), "")


def for_pip(options: Options) -> dict[str, str | None]:
    """Return the variables for pip, which reads its own settings.

    Only what a flag or the project's settings say.
    """
    env: dict[str, str | None] = {**options.limiting("PIP_UPLOADED_PRIOR_TO")}
    if options.offline:
        env |= OFFLINE["pip"]
    if options.index.source is Source.SETTINGS:
        env["PIP_INDEX_URL"] = options.index.value
    return env


def for_programs(options: Options) -> dict[str, str | None]:
    """Return the variables for a program that a user starts, since any tool may run in it."""
    env = {**options.variables, **for_pip(options)}
    if options.offline:
        env |= {**OFFLINE["uv"], **OFFLINE["conda"]}
    return env


@functools.cache
def default() -> str:
    """Return pip's own default, which this project does not repeat."""
    from pip._internal.models.index import PyPI  # noqa: PLC0415 - pip is slow to import, and seldom needed

    return str(PyPI.simple_url)


def uv_files(variables: Mapping[str, str]) -> list[Path]:
    """Return uv's configuration files, strongest first.

    Source: uv's documentation, 'Configuration files'.
    """
    config = Path(variables.get("XDG_CONFIG_HOME") or executables.home() / ".config")
    found = [config / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]
    return _with_named(variables.get("UV_CONFIG_FILE"), found)


def _uv_index(path: Path) -> str:
    """Return the address of the default index in a file of uv's, empty where it has none."""
    data, _ = read_toml(path, str(path))
    try:
        for entry in data.get("index", ()):
            if entry.get("default"):
                return str(entry["url"])
    except (TypeError, AttributeError, KeyError):
        text = f"{path} has an index that is not a table with a url."
        raise invalid(text, path) from None
    return str(data.get("index-url", ""))


def _pip_files(variables: Mapping[str, str]) -> list[Path]:
    """Return pip's configuration files, strongest first (pip's documentation, 'Configuration')."""
    from platformdirs import PlatformDirs  # noqa: PLC0415 - seldom needed

    dirs = PlatformDirs("pip", appauthor=False, roaming=True, multipath=True)
    user, *site = dirs.iter_config_paths()
    if sys.platform == "win32":
        older = ["pip"]
    elif sys.platform == "darwin":
        older = [".config/pip", ".pip"]
    else:
        older = [".pip"]
    home = executables.home()
    folders = [user, *(home / name for name in older), *site, Path("/etc")]
    name = "pip.ini" if os.name == "nt" else "pip.conf"
    found = [folder / name for folder in folders]
    return _with_named(variables.get("PIP_CONFIG_FILE"), found)


def _with_named(named: str | None, found: list[Path]) -> list[Path]:
    """Return the files with the one first that a variable names."""
    if not named:
        return found
    return [Path(named), *found]


def _pip_index(path: Path) -> str:
    """Return the address of the index in a configuration file of pip, empty where it has none."""
    import configparser  # noqa: PLC0415 - few have such a file

    parser = configparser.RawConfigParser()
    try:
        parser.read_string(read_text(path, str(path)))
    except configparser.Error as error:
        text = f"{path} cannot be read: {str(error).splitlines()[0]}"
        raise invalid(text, path, getattr(error, "lineno", None)) from None
    for section in parser.sections():
        for key, value in parser.items(section):
            if key.replace("_", "-") == "index-url":
                return value
    return ""
