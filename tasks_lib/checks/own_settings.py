"""What `[tool.mlops-lab]` asks of a manager's own tables: it counts for typed commands too."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name
from packaging.version import InvalidVersion, Version

from tasks_lib.environments import conda_consistency
from tasks_lib.project.manifests import names_of
from tasks_lib.project.release_age import Limit

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from tasks_lib.managers.base import Manager
    from tasks_lib.managers.tables import Key
    from tasks_lib.project.manifests import PyProject

#: the distributions that PyTorch's indexes have in builds of their own
TORCH = frozenset({"torch", "torchvision", "torchaudio"})
#: the setting that names one of them
BUILD = "torch"
#: the name of the index where the project gives it none
_NAME = "pytorch"
_CPU = "cpu"
#: the builds for CUDA, oldest first: a driver runs those that are no newer than itself
_CUDA = ("11.8", "12.1", "12.4", "12.6", "12.8", "12.9", "13.0")
#: a source that is not an index
_PLACES = {"git", "url", "path", "file", "workspace"}


@dataclass(frozen=True)
class Difference:
    """A key of the manager's tables that says something else: what it has to say, and why.

    The value of an index is its row in the list of this key.
    """

    key: Key
    value: Any
    setting: str

    @property
    def text(self) -> str:
        """Return it as a sentence."""
        where = f"[{'.'.join(self.key[:-1])}] {self.key[-1]}"
        return f"{where} does not say what {self.setting} in [tool.mlops-lab] asks for."


def differences(manager: Manager) -> list[Difference]:
    """Return what the manager's tables do not say; nothing where a file replaces them."""
    other = manager.tables.replaced_by
    if other and (manager.project.root / other).is_file():
        return []
    return [*_limit(manager), *_torch(manager)]


def _limit(manager: Manager) -> Iterator[Difference]:
    """Yield the manager's own limit for the age of a release, where it says something else."""
    limit = manager.project.settings.exclude_newer
    key = manager.tables.limit_key
    if limit is None or not key:
        return
    said = manager.project.pyproject.table(*key[:-1]).get(key[-1])
    try:
        is_same = said is not None and Limit.parse(said) == limit
    except ValueError:
        is_same = False
    if not is_same:
        value = limit.written if limit.age else str(limit)
        yield Difference(key, value, "exclude-newer")


def _torch(manager: Manager) -> Iterator[Difference]:
    """Yield the index of PyTorch's build, and each requirement's source, where they are lacking."""
    build = manager.project.settings.torch
    tables = manager.tables
    keys = dict.fromkeys(declared(manager)) if build and tables.index_key else {}
    if not keys:
        return
    pyproject = manager.project.pyproject
    base = manager.project.settings.pytorch.rstrip("/")
    *parents, last = tables.index_key
    rows = pyproject.table(*parents).get(last, ())
    known = {}
    for row in rows if isinstance(rows, list) else ():
        if isinstance(row, dict):
            url = str(row.get("url")).rstrip("/")
            known[url] = str(row.get("name"))
    if build == "auto":  # another machine's choice stays: the lock is everybody's
        found = [name for url, name in known.items() if url.startswith(f"{base}/")]
    else:
        found = [name for url, name in known.items() if url == f"{base}/{build}"]
    name = next(iter(found), _NAME)
    if not found:
        chosen = _of_driver() if build == "auto" else build
        row = {"name": name, "url": f"{base}/{chosen}", **tables.explicit}
        yield Difference(tables.index_key, row, BUILD)
    for key in keys:
        *parents, last = key
        said = pyproject.table(*parents).get(last)
        value = _with_index(said, tables.index_word, name)
        if value:
            yield Difference(key, value, BUILD)


def _with_index(value: object, word: str, name: str) -> Mapping[str, object] | None:
    """Return what is said of a requirement with its index; None where that stays as it is."""
    if isinstance(value, list):  # by platform: whoever wrote that knows more
        return None
    row: Mapping[str, object] = value if isinstance(value, dict) else {}
    if isinstance(value, str):
        row = {"version": value}
    return None if row.get(word) == name or _PLACES & row.keys() else {**row, word: name}


def declared(manager: Manager) -> Iterator[Key]:
    """Yield the key of the source of each requirement that PyTorch's indexes have."""
    pyprojects = [manager.project.pyproject]
    if not manager.edits_apart:
        pyprojects += [one.pyproject for one in manager.members().values()]
    for pyproject in pyprojects:
        for group, names in _by_group(manager, pyproject):
            for name in sorted(TORCH & names):
                yield manager.tables.source_key(name, group)


def _by_group(manager: Manager, pyproject: PyProject) -> Iterator[tuple[str, set[str]]]:
    """Yield each group and the names that it requires; those of the project have no group."""
    lists = [pyproject.table("project").get("dependencies")]
    lists += pyproject.table("project", "optional-dependencies").values()
    for entries in lists:
        yield "", names_of(entries)
    for group, entries in pyproject.table("dependency-groups").items():
        yield group, names_of(entries)
    for group in ("", *pyproject.table("tool", manager.name, "group")):
        table = pyproject.table(*manager.tables.source_key("", group)[:-1])
        yield group, set(map(canonicalize_name, table))


def _of_driver() -> str:
    """Return the newest build that the driver of this machine runs."""
    cuda = conda_consistency.virtual_packages().get("__cuda", "")
    try:
        fitting = [one for one in _CUDA if Version(one) <= Version(cuda.partition("=")[0])]
    except InvalidVersion:  # there is no driver
        return _CPU
    return f"cu{fitting[-1].replace('.', '')}" if fitting else _CPU
