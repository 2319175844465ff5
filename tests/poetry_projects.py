"""Projects for Poetry by chance, and changes of them: what its lock's hash covers, and what not."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from poetry.packages.locker import Locker

from tests import uv_projects

if TYPE_CHECKING:
    from random import Random

    from tests.uv_projects import Change, Files

#: in a project: which of `EDITS` its manifest and its lock get as texts
TEXT, LOCK = "text", "poetry.lock"
_NOT_MANIFESTS = (TEXT, LOCK)
Edit = Callable[[str], str]

_BOUNDS = {
    "six": ("^1.10", "*", ">=1.10,<2", "~1.16", "!=1.15", "1.16.0"),
    "idna": ("^3", ">=2.8,<4", "3.7", "*"),
    "iniconfig": ("*", "^2", ">=1.1,<3"),
    "packaging": (">=22", "*", ">=23,!=24.1"),
    "colorama": ("^0.4", "*"),
    "toml": ("*", "^0.10", "0.10.*"),
    "zipp": ("^3.1", "*", ">=3.15,!=3.16"),
    "tomli": ("*", ">=2"),
}
_PYTHONS = ("^3.10", ">=3.11", ">=3.10,<4", "~3.11", ">=3.10,<3.12 || >=3.13")
_STANDARD_PYTHONS = (">=3.10", ">=3.11", ">=3.10,<4", "~=3.11", "==3.11.*")
_POETRY_CORE = {"requires": ["poetry-core>=2"], "build-backend": "poetry.core.masonry.api"}


def _own_value(rng: Random, name: str) -> object:
    """Return the value of a dependency in Poetry's own form."""
    version = rng.choice(_BOUNDS[name])
    forms: tuple[Any, ...] = (
        {"version": version, "markers": "sys_platform == 'win32'"},
        {"version": version, "python": ">=3.12"},
        {"version": version, "optional": True},
        {"version": version, "extras": ["x"], "allow-prereleases": True},
        {"version": version, "source": "pypi"},
        [{"version": "*", "python": "<3.12"}, {"version": version, "python": ">=3.12"}],
    )
    return rng.choice(forms) if rng.random() < 0.4 else version


def _own_table(rng: Random, most: int) -> dict[str, Any]:
    names = rng.sample([*_BOUNDS], rng.randint(0, most))
    return {name: _own_value(rng, name) for name in names}


def generate(rng: Random) -> Files:
    """Return a project with some of what Poetry's hash covers."""
    top: dict[str, Any] = {}
    files: Files = {".": top}
    (_add_standard if rng.random() < 0.6 else _add_own)(top, rng)
    if rng.random() < 0.5:
        _add_groups(top, rng)
    if rng.random() < 0.3:
        _add_folder(files, rng)
    if rng.random() < 0.4:
        top["build-system"] = dict(_POETRY_CORE)
    return files


def _poetry(files: Files) -> dict[str, Any]:
    return files["."].setdefault("tool", {}).setdefault("poetry", {})  # type: ignore[no-any-return]  # a table


def _add_standard(top: dict[str, Any], rng: Random) -> None:
    """Add the standard tables, and what Poetry's own add to these."""
    project: dict[str, Any] = {"name": rng.choice(("demo", "Demo_App")), "version": "0.1.0"}
    project["requires-python"] = rng.choice(_STANDARD_PYTHONS)
    project["dependencies"] = uv_projects.requirements(rng, 4)
    top["project"] = project
    own: dict[str, Any] = {}
    if rng.random() < 0.4:
        project["optional-dependencies"] = {
            name: uv_projects.requirements(rng, 2) for name in ("cli", "Docs")
        }
    if rng.random() < 0.15:
        del project["dependencies"]
        project["dynamic"] = ["dependencies"]
        own["dependencies"] = _own_table(rng, 3)
    elif rng.random() < 0.3:
        own["dependencies"] = {"python": ">=3.11,<3.14"}
    if rng.random() < 0.5:
        own["package-mode"] = rng.random() < 0.2
    if rng.random() < 0.1:
        own["source"] = [{"name": "pypi", "priority": "primary"}]
    if own:
        top["tool"] = {"poetry": own}


def _add_own(top: dict[str, Any], rng: Random) -> None:
    """Add the tables of Poetry 1."""
    own: dict[str, Any] = {"name": "demo", "version": "0.1.0", "description": "", "authors": []}
    if rng.random() < 0.3:
        own = {"package-mode": False}
    own["dependencies"] = {"python": rng.choice(_PYTHONS), **_own_table(rng, 4)}
    optional = [
        name
        for name, value in own["dependencies"].items()
        if isinstance(value, dict) and "optional" in value
    ]
    if optional:
        own["extras"] = {"some": optional[:1]}
    if rng.random() < 0.2:
        own["dev-dependencies"] = _own_table(rng, 2)
    top["tool"] = {"poetry": own}


def _add_groups(top: dict[str, Any], rng: Random) -> None:
    """Add groups of the standard table, of Poetry's own, or one in both."""
    own: dict[str, Any] = {}
    if rng.random() < 0.6:
        groups: dict[str, Any] = {"test": uv_projects.requirements(rng, 2)}
        groups["lint"] = uv_projects.requirements(rng, 2)
        if rng.random() < 0.4:
            groups["test"].append({"include-group": "lint"})
        if rng.random() < 0.2:
            groups["Empty_One"] = []
        top["dependency-groups"] = groups
        if rng.random() < 0.4:
            own["lint"] = {"optional": True}
    if rng.random() < 0.6:
        own["docs"] = {"dependencies": _own_table(rng, 2)}
        if rng.random() < 0.4:
            own["docs"]["optional"] = True
        if rng.random() < 0.3:
            own["all"] = {"include-groups": ["docs"], "dependencies": {"toml": "*"}}
    if own:
        top.setdefault("tool", {}).setdefault("poetry", {})["group"] = own


def _add_folder(files: Files, rng: Random) -> None:
    """Add a project in a folder that the first one requires."""
    lib: dict[str, Any] = {"name": "lib", "version": "0.2"}
    if rng.random() < 0.6:
        lib |= {"requires-python": ">=3.10", "dependencies": uv_projects.requirements(rng, 3)}
        if rng.random() < 0.3:
            lib["dependencies"].append("attrs; python_version < '3.8'")
        if rng.random() < 0.4:
            lib["optional-dependencies"] = {"more": uv_projects.requirements(rng, 2)}
        files["libs/lib"] = {"project": lib}
        if rng.random() < 0.3:
            files["libs/lib"]["dependency-groups"] = {"dev": ["pluggy"]}
    else:
        lib |= {"description": "", "authors": []}
        lib["dependencies"] = {"python": ">=3.10", **_own_table(rng, 3)}
        files["libs/lib"] = {"tool": {"poetry": lib}}
        if rng.random() < 0.3:
            lib["group"] = {"dev": {"dependencies": {"pluggy": "*"}}}
    files["libs/lib"]["build-system"] = dict(_POETRY_CORE)
    entry: dict[str, Any] = {"path": rng.choice(("libs/lib", "./libs/lib"))}
    if rng.random() < 0.6:
        entry["develop"] = True
    if rng.random() < 0.2 and "optional-dependencies" in lib:
        entry["extras"] = ["more"]
    own = _poetry(files)
    if "dependencies" in files["."].get("project", {}):
        files["."]["project"]["dependencies"].append("lib")
    if rng.random() < 0.3 and "project" not in files["."]:
        own.setdefault("group", {})["local"] = {"dependencies": {"lib": entry}}
    else:
        own.setdefault("dependencies", {})["lib"] = entry


def write(files: Files, root: Path, lock: str = "") -> None:
    """Write the manifests of a project, and its lock, each as it was edited."""
    manifests = {place: data for place, data in files.items() if place not in _NOT_MANIFESTS}
    uv_projects.write(manifests, root)
    path = root / "pyproject.toml"
    path.write_bytes(_edited(files, TEXT, path.read_text()).encode("utf-8", "surrogateescape"))
    if lock:
        (root / LOCK).write_bytes(_edited(files, LOCK, lock).encode("utf-8", "surrogateescape"))


def _edited(files: Files, place: str, text: str) -> str:
    edit = files.get(place, {})
    if "hash" in edit:
        text = re.sub(r"^content-hash = .*", edit["hash"], text, flags=re.MULTILINE)
    return EDITS[edit["edit"]](text) if edit else text


def _sub(pattern: str, by: str) -> Edit:
    return lambda text: re.sub(pattern, by, text, count=1, flags=re.MULTILINE)


_COMMENT = r"\A#.*\n"
EDITS: dict[str, Edit] = {
    "lines as on Windows": lambda text: text.replace("\n", "\r\n"),
    "a byte order mark": lambda text: f"\ufeff{text}",
    "a comment behind": lambda text: f"{text}\n# the end\n",
    "bytes that are no UTF-8": lambda text: f"{text}\n# \udcff\n",
    "an unfinished line": lambda text: f"{text}\n[tool\n",
    "half of it": lambda text: text[: len(text) // 2],
    "nothing in it": lambda _: "",
    "marks of a merge": _sub(r"^\[metadata\]", "<<<<<<< HEAD\n[metadata]\n======="),
    "no comment": _sub(_COMMENT, ""),
    "a comment of nobody": _sub(_COMMENT, "# Mine\n"),
    "the comment of Poetry 2.2": _sub(r"by Poetry \S+", "by Poetry 2.2.1"),
    "the comment of Poetry 1.8": _sub(r"by Poetry \S+", "by Poetry 1.8.5"),
    "a version of nobody": _sub(r"by Poetry \S+", "by Poetry soon"),
    "a later format": _sub(r'lock-version = "[\d.]+"', 'lock-version = "9.0"'),
    "an older format": _sub(r'lock-version = "[\d.]+"', 'lock-version = "2.0"'),
    "no format": _sub(r"^lock-version = .*\n", ""),
    "no hash": _sub(r"^content-hash = .*\n", ""),
    "a hash that is a number": _sub(r"^content-hash = .*", "content-hash = 3"),
    "a hash of odd letters": _sub(r"^content-hash = .*", 'content-hash = "\U0001f600\x7f"'),
    "a hash in capitals": lambda text: re.sub(
        r'content-hash = "\w+"',
        lambda found: found[0].upper().replace("CONTENT-HASH", "content-hash"),
        text,
    ),
    "another hash": _sub(r'content-hash = ".', 'content-hash = "_'),
    "no metadata": lambda text: text.partition("[metadata]")[0],
    "a package without a name": _sub(r"^name = .*\n", ""),
}


def _edit(place: str, name: str) -> Change:
    def change(files: Files, rng: Random) -> bool:
        del rng
        files[place] = {"edit": name}
        return True

    return change


def _older(files: Files, rng: Random) -> bool:
    """Let the lock have the hash of Poetry before 2.3, which leaves out the standard groups."""
    edit = rng.choice(("the comment of Poetry 2.2", "the comment of Poetry 1.8"))
    digest = Locker(Path(), files["."])._get_content_hash(with_dependency_groups=False)  # noqa: SLF001 - what older ones wrote
    files[LOCK] = {"edit": edit, "hash": f'content-hash = "{digest}"'}
    return True


def _of_poetry(key: str, value: object, *, only: bool | None = None) -> Change:
    """Return the change of a key of `[tool.poetry]`; `only` where it is there, or is not."""

    def change(files: Files, rng: Random) -> bool:
        del rng
        table = _poetry(files)
        if (only is not None and (key in table) != only) or table.get(key) == value:
            return False
        if value is None:
            table.pop(key, None)
        else:
            table[key] = copy.deepcopy(value)
        return True

    return change


def _tables(files: Files) -> list[dict[str, Any]]:
    """Return the tables of dependencies in Poetry's own form, without those that are empty."""
    own = _poetry(files)
    found = [own.get("dependencies"), own.get("dev-dependencies")]
    found += [group.get("dependencies") for group in own.get("group", {}).values()]
    return [table for table in found if table]


def _in_tables(change_entry: Callable[[dict[str, Any], str], None]) -> Change:
    """Return the change of an entry of some table of dependencies that is no folder's."""

    def change(files: Files, rng: Random) -> bool:
        entries = [(table, name) for table in _tables(files) for name in table if name in _BOUNDS]
        if not entries:
            return False
        change_entry(*rng.choice(entries))
        return True

    return change


def _as_table(table: dict[str, Any], name: str) -> None:
    value = table[name]
    table[name] = {"version": value} if isinstance(value, str) else copy.deepcopy([value] * 2)


def _other_case(table: dict[str, Any], name: str) -> None:
    table[name.title()] = table.pop(name)


def _marked(marker: object) -> Change:
    """Return the change of an entry to one with a marker."""
    return _in_tables(lambda table, name: table.update({name: {"version": "*", "markers": marker}}))


def _put(*keys: str, value: object) -> Change:
    """Return the change of a value in the first manifest, below tables that are there."""

    def change(files: Files, rng: Random) -> bool:
        del rng
        table: Any = files["."]
        for key in keys[:-1]:
            table = table.get(key, {})
        if not table or table.get(keys[-1]) == value:
            return False
        table[keys[-1]] = copy.deepcopy(value)
        return True

    return change


def _reverse(files: Files, rng: Random) -> bool:
    """Write all keys of all tables in another order."""
    del rng
    files["."] = _reversed(files["."])  # type: ignore[assignment]  # a table
    return True


def _reversed(data: object) -> object:
    if not isinstance(data, dict):
        return data
    return {key: _reversed(data[key]) for key in reversed(data)}


def _group(name: str, value: object) -> Change:
    def change(files: Files, rng: Random) -> bool:
        del rng
        groups = _poetry(files).setdefault("group", {})
        if groups.get(name) == value:
            return False
        groups[name] = value
        return True

    return change


def _optional(files: Files, rng: Random) -> bool:
    groups = _poetry(files).get("group")
    if not groups:
        return False
    group = groups[rng.choice([*groups])]
    group["optional"] = not group.get("optional", False)
    return True


def _in_folder(key: str, value: object) -> Change:
    """Return the change of the manifest in the folder."""

    def change(files: Files, rng: Random) -> bool:
        del rng
        data = files.get("libs/lib", {})
        table = data.get("project") or data.get("tool", {}).get("poetry")
        if not table:
            return False
        if isinstance(value, str) and isinstance(table.get(key), list):
            table[key].append(value)
        elif isinstance(value, str) and isinstance(table.get(key), dict):
            table[key][value] = "*"
        else:
            table[key] = value
        return True

    return change


def _no_more_in_folder(files: Files, rng: Random) -> bool:
    del rng
    data = files.get("libs/lib", {})
    table = data.get("project") or data.get("tool", {}).get("poetry", {})
    found = table.get("dependencies", {})
    if isinstance(found, dict):
        found = {name: value for name, value in found.items() if name != "python"}
    if not found:
        return False
    table["dependencies"] = [] if isinstance(found, list) else {"python": ">=3.10"}
    return True


def _standard(name: str) -> Change:
    """Return a change of the projects for uv, for a project with the standard table."""

    def change(files: Files, rng: Random) -> bool:
        is_standard = "dependencies" in files["."].get("project", {})
        return is_standard and uv_projects.CHANGES[name](files, rng)

    return change


_OF_UV = """
another order; unrelated tables; spaces; the case of a name; zeros behind a version;
the same Pythons; later Pythons; the version; the name; the same name; scripts; parentheses;
a marker less; a marker more; a bound more; a bound less; the order of bounds; a requirement more;
a requirement less; a requirement twice; a group more; an empty group more; a group less;
a requirement in a group more; an extra more; an extra less; no package
"""
_MANIFEST_EDITS = (
    *("lines as on Windows", "a byte order mark", "a comment behind", "bytes that are no UTF-8"),
    "an unfinished line",
)

CHANGES: dict[str, Change] = {
    **{name: _standard(name) for name in map(str.strip, _OF_UV.replace("\n", " ").split(";"))},
    **{f"pyproject.toml: {name}": _edit(TEXT, name) for name in _MANIFEST_EDITS},
    **{f"poetry.lock: {name}": _edit(LOCK, name) for name in EDITS},
    "an older lock": _older,
    "the order of all": _reverse,
    "a description": _of_poetry("description", "What it does"),
    "authors": _of_poetry("authors", ["B <b@c.de>"]),
    "keywords": _of_poetry("keywords", ["one"]),
    "what is packed": _of_poetry("include", ["CHANGELOG.md"]),
    "package mode": _of_poetry("package-mode", value=True),
    "no package mode": _of_poetry("package-mode", value=False),
    "a source": _of_poetry(
        "source",
        [{"name": "pypi"}, {"name": "x", "url": "https://x.invalid/", "priority": "explicit"}],
    ),
    "plugins": _of_poetry("requires-plugins", {"poetry-plugin-export": ">=1"}),
    "this Poetry": _of_poetry("requires-poetry", ">=2.0"),
    "another Poetry": _of_poetry("requires-poetry", "<2.0"),
    "no version of Poetry": _of_poetry("requires-poetry", "soon"),
    "constraints of builds": _of_poetry("build-constraints", {"six": {"setuptools": "<99"}}),
    "an empty table of dependencies": _of_poetry("dependencies", {}, only=False),
    "an empty table of groups": _of_poetry("group", {}, only=False),
    "an empty table of extras": _of_poetry("extras", {}, only=False),
    "no extras": _of_poetry("extras", None, only=True),
    "older groups": _of_poetry("dev-dependencies", {"six": "*"}),
    "no older groups": _of_poetry("dev-dependencies", None, only=True),
    "an unknown key": _of_poetry("colour", "blue"),
    "a wrong type": _of_poetry("dependencies", "six", only=False),
    "groups of a wrong type": _of_poetry("group", ["docs"]),
    "an extra of nothing": _of_poetry("extras", {"odd": ["nothing"]}),
    "a class that is none": _of_poetry("classifiers", ["No :: Such"]),
    "no such readme": _of_poetry("readme", "MISSING.md"),
    "an entry as a table": _in_tables(_as_table),
    "an entry's case": _in_tables(_other_case),
    "an entry less": _in_tables(lambda table, name: table.pop(name)),
    "another version": _in_tables(lambda table, name: table.update({name: ">=0.1"})),
    "no version": _in_tables(lambda table, name: table.update({name: "one.two"})),
    "a number": _in_tables(lambda table, name: table.update({name: 3})),
    "a bad marker": _marked("sys_platform = 'linux'"),
    "a bad marker of Python": _marked({"python": "3"}),
    "a bad version": _put("project", "version", value="one.two"),
    "a bad version of Poetry's": _put("tool", "poetry", "version", value="one.two"),
    "a bad name": _put("project", "name", value="a b"),
    "bad Pythons": _put("project", "requires-python", value="three"),
    "Pythons of Poetry's form": _put("project", "requires-python", value="^3.11"),
    "a bad Python of Poetry's": _put("tool", "poetry", "dependencies", "python", value="three"),
    "a bad requirement": _put("project", "dependencies", value=["six>>1"]),
    "a bad extra": _put("project", "optional-dependencies", value={"more": ["six>>1"]}),
    "a bad group": _put("dependency-groups", "bad", value=["six>>1"]),
    "a group that is not there": _put("dependency-groups", "bad", value=[{"include-group": "x"}]),
    "a group in a circle": _put("dependency-groups", "bad", value=[{"include-group": "bad"}]),
    "a license and its file": _put("project", "license", value={"file": "LICENSE"}),
    "a license as a text": _put("project", "license", value={"text": "mine"}),
    "a license": _put("project", "license", value="MIT"),
    "files of the license": _put("project", "license-files", value=["../LICENSE"]),
    "a readme without its type": _put("project", "readme", value={"file": "README.md"}),
    "entry points": _put("project", "entry-points", value={"console-scripts": {"x": "x:y"}}),
    "dynamic": _put("project", "dynamic", value=["readme", "classifiers"]),
    "addresses": _put("project", "urls", value={"Homepage": "https://x.invalid/"}),
    "a day in the manifest": _put("tool", "poetry", "dependencies", "six", value=1),
    "a folder that is not there": _put(
        "tool", "poetry", "dependencies", "gone", value={"path": "gone"}
    ),
    "a group of Poetry's more": _group("fresh", {"dependencies": {"six": "*"}}),
    "an empty group of Poetry's more": _group("fresh", {"dependencies": {}}),
    "a group of a wrong type": _group("docs", "six"),
    "a group by two names": _group("Lint", {"dependencies": {"six": "*"}}),
    "an optional group or none": _optional,
    "a folder's version": _in_folder("version", "7.0"),
    "a folder's description": _in_folder("description", "new"),
    "a folder that requires more": _in_folder("dependencies", "attrs"),
    "a folder that requires nothing": _no_more_in_folder,
    "a folder's extras": _in_folder("optional-dependencies", {"new": ["certifi"]}),
}


def changed(files: Files, name: str, rng: Random) -> Files | None:
    """Return a project after a change; None where it does not apply."""
    new = copy.deepcopy(files)
    return new if CHANGES[name](new, rng) else None
