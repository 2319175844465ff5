"""Which package index is used: resolved once, for pip, uv and Poetry alike."""

from __future__ import annotations

import configparser
import functools
import os
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING
from urllib.parse import unquote

from tasks_lib import bootstrap
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project.manifests import read_text, read_toml
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Mapping, MutableMapping

    from tasks_lib.project.project import Project

VARIABLE = bootstrap.INDEX
#: What `--offline` sets, each for the tools that know of it; Poetry knows nothing of it.
_OFFLINE = {bootstrap.OFFLINE: "1", "UV_OFFLINE": "1", "CONDA_OFFLINE": "true", "PIP_NO_INDEX": "1"}


@dataclass(frozen=True)
class Index:
    """An index's address and who set it; `source` is empty where it is pip's own default."""

    url: str
    source: str


def resolve(variables: Mapping[str, str]) -> Index:
    """Take `MLOPS_LAB_INDEX_URL`, else what uv or pip is configured with, else pip's own default."""
    for name in (VARIABLE, "UV_DEFAULT_INDEX", "UV_INDEX_URL", "PIP_INDEX_URL"):
        if variables.get(name):
            return Index(variables[name], name)
    for files, read in ((_uv_files, _uv_index), (_pip_files, _pip_index)):
        for path in files(variables):
            if path.is_file() and (url := read(path)):
                return Index(url, str(path))
    return Index(default(), "")


def go_offline(variables: MutableMapping[str, str], *, asked: bool) -> None:
    """Have every tool that this process starts take what it needs from its cache alone, if that is asked for."""
    if asked or variables.get(bootstrap.OFFLINE):
        variables.update(_OFFLINE)


def for_uv(project: Project) -> dict[str, str | None]:
    """Give uv the index only where somebody set one, and not in the project: uv.lock records the address."""
    if project.pyproject.table("tool", "uv").get("index") or project.pyproject.table(
        "tool", "uv"
    ).get("index-url"):
        return {}
    found = resolve(os.environ)
    return (
        {"UV_DEFAULT_INDEX": found.url}
        if found.source and not found.source.startswith("UV_")
        else {}
    )


def for_poetry() -> dict[str, str | None]:
    """Give Poetry the index always, through its mirror plugin: its own client needs more than an index must serve.

    A login goes beside the address, under the name that the plugin gives the mirror: Poetry would write the address
    whole into its cache and its exports.
    """
    url = os.environ.get("POETRY_PYPI_MIRROR_URL") or resolve(os.environ).url
    login, at, host = url.partition("://")[2].partition("/")[0].rpartition("@")
    if not at:
        return {"POETRY_PYPI_MIRROR_URL": url}
    user, _, password = login.partition(":")
    return {
        "POETRY_PYPI_MIRROR_URL": url.replace(f"{login}@{host}", host, 1),
        "POETRY_HTTP_BASIC_PYPI_USERNAME": unquote(user),
        "POETRY_HTTP_BASIC_PYPI_PASSWORD": unquote(password),
    }


@functools.cache
def default() -> str:
    """Give pip's own default, which is written down nowhere here."""
    from pip._internal.models.index import PyPI  # noqa: PLC0415 - pip is slow to import, and seldom needed

    return str(PyPI.simple_url)


def _uv_files(variables: Mapping[str, str]) -> list[Path]:
    config = Path(variables.get("XDG_CONFIG_HOME") or executables.home() / ".config")
    own = [Path(variables["UV_CONFIG_FILE"])] if variables.get("UV_CONFIG_FILE") else []
    return [*own, config / "uv" / "uv.toml", Path("/etc/uv/uv.toml")]


def _uv_index(path: Path) -> str:
    data, _ = read_toml(path, str(path))
    try:
        urls = [entry["url"] for entry in data.get("index", ()) if entry.get("default")]
    except (TypeError, AttributeError, KeyError):
        text = f"{path} has an index that is no table with a url."
        raise LabError(text, ErrorCode.INVALID_MANIFEST, file=path, remedy=f"mend {path}") from None
    return str([*urls, data.get("index-url", "")][0])


def _pip_files(variables: Mapping[str, str]) -> list[Path]:
    """List pip's configuration files, the strongest first (pip's documentation, 'Configuration')."""
    from platformdirs import PlatformDirs  # noqa: PLC0415 - seldom needed

    name = "pip.ini" if os.name == "nt" else "pip.conf"
    own = [Path(variables["PIP_CONFIG_FILE"])] if variables.get("PIP_CONFIG_FILE") else []
    user, *every = PlatformDirs(
        "pip", appauthor=False, roaming=True, multipath=True
    ).iter_config_paths()
    older = {"darwin": (".config/pip", ".pip"), "win32": ("pip",)}.get(sys.platform, (".pip",))
    folders = (user, *(executables.home() / folder for folder in older), *every, Path("/etc"))
    return [*own, *(folder / name for folder in folders)]


def _pip_index(path: Path) -> str:
    parser = configparser.RawConfigParser()
    try:
        parser.read_string(read_text(path, str(path)))
    except configparser.Error as error:
        text = f"{path} cannot be read: {str(error).splitlines()[0]}"
        raise LabError(
            text,
            ErrorCode.INVALID_MANIFEST,
            file=path,
            line=getattr(error, "lineno", None),
            remedy=f"mend {path}",
        ) from None
    items = [item for name in parser.sections() for item in parser.items(name)]
    return next((value for key, value in items if key.replace("_", "-") == "index-url"), "")
