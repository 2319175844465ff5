"""Read Poetry's own tables of `pyproject.toml`, and the Pipfile."""

from __future__ import annotations

import re
from collections import Counter
from typing import TYPE_CHECKING, Any

from packaging.utils import canonicalize_name

from tasks_lib.environments import site_packages
from tasks_lib.importers.declarations import (
    EXTRAS,
    GROUPS,
    MAIN,
    Comment,
    Found,
    Target,
    comments,
    distribution,
    license_of,
    people,
)
from tasks_lib.project.manifests import PYPROJECT, PyProject, read_toml
from tasks_lib.tools import package_index

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping
    from pathlib import Path

    from packaging.requirements import Requirement

_POETRY: Target = ("tool", "poetry")
_URLS = {"homepage": "Homepage", "repository": "Repository", "documentation": "Documentation"}
#: what PEP 508 cannot say, and stays in Poetry's table beside the requirement
_KEPT = ("source", "allow-prereleases")
_BACKEND = "poetry.core.masonry.api"
#: the versions of poetry-core that read `[project]`
_CORE = "poetry-core>=2.0.0,<3.0.0"
_WHERE = ("markers", "python", "platform")
_MARKERS = (
    "sys_platform",
    "os_name",
    "platform_system",
    "platform_machine",
    "python_version",
    "python_full_version",
)


def read_poetry(root: Path, pyproject: PyProject) -> Iterator[Found]:
    """Read what `[project]` and `[dependency-groups]` say today."""
    if pyproject.table(*_POETRY):
        yield _Poetry(root, pyproject).read()


class _Poetry:
    """Take the tables over key by key; `drops` names what has a new place."""

    def __init__(self, root: Path, pyproject: PyProject) -> None:
        self.root, self.pyproject, self.found = root, pyproject, Found(PYPROJECT)

    def line(self, *names: str) -> int | None:
        return self.pyproject.line_of(*_POETRY, *names) or self.pyproject.line_of(*names)

    def table(self, *names: str) -> Mapping[str, Any]:
        """Give a table of Poetry's; another thing in its place is an error with its line."""
        value: Any = self.pyproject.table(*_POETRY)
        for name in names:
            value = value.get(name, {})
            if not isinstance(value, dict):
                self.found.refuse(
                    f"[tool.poetry] {'.'.join(names)} must be a table", self.line(*names)
                )
        return value  # type: ignore[no-any-return]  # a table, as was just seen

    def move(self, target: Target, value: object, *names: str) -> None:
        """Give a value its new place."""
        self.found.put(target, value, self.line(*names))
        self.found.drops.append((*_POETRY, *names))

    def read(self) -> Found:
        """Read metadata, then dependencies of each kind; what `[project]` says already stays as it is."""
        project, groups = self.pyproject.table("project"), self.pyproject.table(GROUPS)
        if "name" not in project:
            self.metadata()
        if "dependencies" not in project:
            self.extras(self.dependencies("", "dependencies"))
        self.dependencies("dev", "dev-dependencies")
        for group in self.table("group"):
            if group not in groups:
                self.dependencies(group, "group", group, "dependencies")
        self.build()
        return self.found

    def build(self) -> None:
        """Have a poetry-core build it that reads `[project]`; whatever else the build requires stays."""
        table = self.pyproject.table("build-system")
        backend = str(table.get("build-backend", ""))
        if not (self.found.items and backend.startswith("poetry")):
            return
        line = self.pyproject.line_of("build-system", "requires")
        requires = [self.core(str(text), line) for text in table.get("requires", ())]
        made = {
            "requires": requires,
            "build-backend": _BACKEND if backend.startswith("poetry.") else backend,
        }
        for key, value in made.items():
            if value != table.get(key):
                self.found.put(
                    ("build-system", key), value, self.pyproject.line_of("build-system", key)
                )
                self.found.drops.append(("build-system", key))

    def core(self, text: str, line: int | None) -> str:
        """Raise poetry-core, or the whole of Poetry in its place; what else it is held to stays where it can hold."""
        wanted = self.found.parse(text, line)
        if canonicalize_name(wanted.name) not in {"poetry", "poetry-core"} or wanted.url:
            return text
        old, new = (
            [
                f"{major}.{minor}.{patch}"
                for major in majors
                for minor in range(20)
                for patch in range(20)
            ]
            for majors in ((0, 1), (2,))
        )
        if wanted.name != "poetry" and not any(wanted.specifier.filter(old)):
            return text
        limits = [str(one) for one in wanted.specifier if 0 < len(list(one.filter(new))) < len(new)]
        raised = ",".join([_CORE, *(sorted(limits) if wanted.name != "poetry" else ())])
        raised += f" ; {wanted.marker}" if wanted.marker else ""
        self.found.said.append(
            f"'{text}' (line {line}) is raised to '{raised}': the versions before do not read [project]"
        )
        return raised

    def metadata(self) -> None:
        """Move what `[project]` has a word for."""
        table = self.table()
        made = {
            key: table.get(key)
            for key in ("version", "description", "readme", "keywords", "classifiers")
        }
        made["name"] = distribution(str(table["name"])) if "name" in table else None
        if isinstance(text := table.get("license"), str):
            made["license"] = license_of(text, table.get("classifiers", ()))
        for role in ("authors", "maintainers"):
            made[role] = (
                people([str(one) for one in table[role]])
                if isinstance(table.get(role), list)
                else None
            )
        for key, value in made.items():
            if value is not None and not (key == "readme" and not isinstance(value, str)):
                self.move(("project", key), value, key)
        for key in _URLS.keys() & table.keys():
            self.move(("project", "urls", _URLS[key]), table[key], key)
        for kind, *group in [
            ("urls",),
            ("scripts",),
            *(("plugins", name) for name in self.table("plugins")),
        ]:
            for name, value in self.table(kind, *group).items():
                if isinstance(value, str):
                    target = ("project", "entry-points" if group else kind, *group, name)
                    self.move(target, value, kind, *group, name)

    def dependencies(self, group: str, *names: str) -> dict[str, list[tuple[str, object]]]:
        """Take dependencies over; give those that are optional, by name."""
        optional: dict[str, list[tuple[str, object]]] = {}
        for name, wanted in self.table(*names).items():
            line = self.line(*names, name)
            for one in wanted if isinstance(wanted, list) else [wanted]:
                text = self.requirement(name, one, line)
                if name == "python" and not group:
                    self.found.put(("project", "requires-python"), text.removeprefix(name), line)
                elif isinstance(one, dict) and one.get("optional") and not group:
                    optional.setdefault(name, []).append((text, one))
                else:
                    target = (GROUPS, group) if group else MAIN
                    self.beside(
                        self.found.require(target, text, line, f"{name} = {one!r}"),
                        one,
                        group,
                        line,
                        wanted,
                    )
        if names[0] in self.table():
            self.found.drops.append((*_POETRY, *names))
        return optional

    def extras(self, optional: Mapping[str, list[tuple[str, object]]]) -> None:
        """Give each extra its requirements; an optional one that no extra has gets one of its own name."""
        given = {name: one for name, one in self.table("extras").items() if isinstance(one, list)}
        loose = [name for name in optional if not any(name in names for names in given.values())]
        for extra, names in {**given, **{name: [name] for name in loose}}.items():
            for name in map(str, names):
                line = self.line("dependencies", name)
                for text, one in optional.get(name, [(name, None)]):
                    rows = self.table("dependencies").get(name)
                    self.beside(
                        self.found.require((*EXTRAS, extra), text, line), one, "", line, rows
                    )
        if given:
            self.found.drops.append((*_POETRY, "extras"))

    def requirement(self, name: str, wanted: Any, line: int | None) -> str:  # noqa: ANN401 - what TOML holds
        """Have poetry-core write a constraint of Poetry's as PEP 508; a folder has a table of its own beside it."""
        from poetry.core.factory import Factory  # noqa: PLC0415 - 0.1 s, for this alone

        if isinstance(wanted, dict):
            wanted = {key: value for key, value in wanted.items() if key not in _KEPT}
            if {"path", "file"} & wanted.keys():
                wanted = {"version": "*"} | {
                    k: v for k, v in wanted.items() if k in {"extras", *_WHERE}
                }
        try:
            made = site_packages.spelt(
                Factory.create_dependency(name, wanted, root_dir=self.root).to_pep_508()
            )
        except Exception as error:  # noqa: BLE001 - poetry-core raises errors of many kinds for what is written wrongly
            self.found.refuse(f"{name} = {wanted!r} is no dependency: {error}", line)
        return made if " @ " in made else re.sub(r"\s*\((.*?)\)", r"\1", made, count=1)

    def beside(
        self, parsed: Requirement, wanted: object, group: str, line: int | None, rows: object
    ) -> None:
        """Keep what PEP 508 cannot say, of each alternative in `rows`."""
        if not isinstance(wanted, dict):
            return
        if path := wanted.get("path") or wanted.get("file"):
            self.found.source(parsed, group, str(path), line, editable=bool(wanted.get("develop")))
        if kept := {key: wanted[key] for key in _KEPT if key in wanted}:
            place = (*_POETRY, *(("group", group) if group else ()), "dependencies", parsed.name)
            text = (
                f"{parsed.name}: {', '.join(kept)} stays in Poetry's table, and uv does not read it"
            )
            if (
                self.found.place(place, _alternatives(rows) or kept, line)
                and (text, line) not in self.found.warned
            ):
                self.found.warn(text, line)


def _alternatives(rows: object) -> list[dict[str, Any]]:
    """Give what PEP 508 cannot say of each alternative, and where it holds; nothing where Poetry cannot tell them."""
    tables = (
        [row if isinstance(row, dict) else {} for row in rows] if isinstance(rows, list) else []
    )
    keys = {key for row in tables for key in row}
    if {"path", "file"} & keys or not keys.intersection(_WHERE):
        return []
    return [
        {key: row[key] for key in (*_WHERE, *_KEPT) if key in row} or {"version": "*"}
        for row in tables
    ]


def demand_requirements(pyproject: PyProject) -> None:
    """Stop at an entry of the lists that stand there already which is no requirement, with its line."""
    places = [MAIN, *((*EXTRAS, name) for name in pyproject.table(*EXTRAS))]
    for target in [*places, *((GROUPS, name) for name in pyproject.table(GROUPS))]:
        first = pyproject.line_of(*target) or 1
        rows = pyproject.text.split("\n")[first - 1 :]
        for entry in pyproject.table(*target[:-1]).get(target[-1], ()):
            if isinstance(entry, str):
                line = next(
                    (number for number, row in enumerate(rows, first) if entry in row), first
                )
                Found(PYPROJECT).parse(entry, line)


def lost_comments(before: str, after: str) -> list[Comment]:
    """Give the comments that stood in what was taken out of a TOML file, but for those without a word."""
    kept = Counter(one.words for one in comments(PYPROJECT, after))
    lost = []
    for one in comments(PYPROJECT, before):
        kept[one.words] -= 1
        lost += [one] if one.words and kept[one.words] < 0 else []
    return lost


def read_pipfile(root: Path) -> Iterator[Found]:
    """Read a Pipfile: packages, packages for development, and the Python."""
    path = root / "Pipfile"
    if not path.is_file():
        return
    data, text = read_toml(path)
    lines, found = PyProject(path, data, text), Found(path.name, comments=comments(path.name, text))
    for table in data.keys() - {"source", "requires", "pipenv", "scripts"}:
        _packages(root, found, lines, table)
    requires = lines.table("requires")
    for key, star in (("python_version", ".*"), ("python_full_version", "")):
        if key in requires:
            found.put(
                ("project", "requires-python"),
                f"=={requires[key]}{star}",
                lines.line_of("requires", key),
            )
    for one in data.get("source", []):
        if str(one.get("url", "")).rstrip("/") != package_index.default().rstrip("/"):
            said = f"the source {one.get('name')} ({one.get('url')}) is not taken over: MLOPS_LAB_INDEX_URL takes one"
            found.warn(said, lines.line_of("source", "url"))
    if "scripts" in data:
        found.warn("its scripts are pipenv's, and are not taken over", lines.line_of("scripts"))
    yield found


def _packages(root: Path, found: Found, lines: PyProject, table: str) -> None:
    """Take a table of packages over, but for the project itself."""
    if not isinstance(lines.data[table], dict):
        found.refuse(f"{table} must be a table", lines.line_of(table))
    group = {"packages": "", "dev-packages": "dev"}.get(table, table)
    for name, wanted in lines.data[table].items():
        path = wanted.get("path") if isinstance(wanted, dict) else None
        if path and (root / str(path)).resolve() == root.resolve():
            found.said.append(
                f"{name} is the project itself, which the manager installs if it is a package"
            )
        else:
            _package(found, name, wanted, group, lines.line_of(table, name) or lines.line_of(table))


def _package(found: Found, name: str, wanted: object, group: str, line: int | None) -> None:
    table: dict[str, Any] = wanted if isinstance(wanted, dict) else {"version": wanted}
    extras = f"[{','.join(map(str, table['extras']))}]" if table.get("extras") else ""
    version = str(table.get("version", "*")).strip()
    text = f"{name}{extras} {'' if version == '*' else f'=={version}' if version[:1].isdigit() else version}".strip()
    if kind := next((kind for kind in ("git", "hg", "svn") if kind in table), ""):
        ref = f"@{table['ref']}" if "ref" in table else ""
        folder = f"#subdirectory={table['subdirectory']}" if "subdirectory" in table else ""
        text = f"{name}{extras} @ {kind}+{table[kind]}{ref}{folder}"
    elif "://" in str(table.get("file")):
        text = f"{name}{extras} @ {table.pop('file')}"
    markers = [str(table["markers"])] if "markers" in table else []
    markers += [f"{key} {table[key]}" for key in _MARKERS if key in table]
    text += (
        f" ; {' and '.join(f'({one})' if len(markers) > 1 else one for one in markers)}"
        if markers
        else ""
    )
    parsed = found.require((GROUPS, group) if group else MAIN, text, line, f"{name} = {wanted!r}")
    if path := table.get("path") or table.get("file"):
        found.source(parsed, group, str(path), line, editable=bool(table.get("editable")))
    if "index" in table:
        found.warn(
            f"{name} comes from the index {table['index']!r}: tell that to uv or Poetry", line
        )
