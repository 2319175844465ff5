"""Projects for uv by chance, and changes of them: what uv.lock records, and what it does not."""

from __future__ import annotations

import copy
import re
from collections.abc import Callable
from random import Random
from typing import TYPE_CHECKING, Any

import tomlkit

from tests.default_index import ADDRESS

if TYPE_CHECKING:
    from pathlib import Path

#: A project: the data of each manifest by its folder; and what is written behind the first one.
Files = dict[str, dict[str, Any]]
LOCK = "uv.lock"
Change = Callable[[Files, Random], bool]

_BOUNDS = {
    "six": (">=1.10", ">=1.10,<2", "~=1.16", "", "!=1.15", ">=1.16.0"),
    "idna": (">=3", "", ">=2.8,<4", "==3.7"),
    "iniconfig": ("", ">=1.1", ">=1.1.0,<3", "~=2.0"),
    "packaging": (">=22", ">=20.0", "", "!=24.1,>=23"),
    "pluggy": (">=1.0", "~=1.2", "==1.*", ""),
    "colorama": ("", ">=0.4", ">=0.4.4,<1"),
    "toml": ("", ">=0.10", "==0.10.2"),
    "zipp": (">=3.1", "", ">=3.15,!=3.16"),
    "tomli": ("", ">=1.1", ">=2"),
    "click[x]": (">=8", ""),
}
_MARKERS = (
    "python_version < '3.12'",
    "python_version >= '3.11' and python_version < '3.13'",
    "sys_platform == 'win32'",
    "sys_platform == 'win32' or python_version < '3.12'",
    "sys_platform != 'darwin' and platform_machine == 'x86_64'",
    "platform_system == 'Linux'",
    "python_full_version <= '3.12.3'",
    "python_version == '3.11' or (os_name == 'nt' and implementation_name == 'cpython')",
    "platform_python_implementation != 'PyPy'",
    "'linux' in sys_platform",
    "python_version < '3.8'",
)
_PYTHONS = (
    ">=3.10",
    ">=3.11",
    ">=3.10,<4",
    ">=3.11,<3.14",
    "~=3.11",
    ">=3.10,!=3.12.*",
    "==3.11.*",
)
_SETUPTOOLS = {"requires": ["setuptools"], "build-backend": "setuptools.build_meta"}


def requirement(rng: Random, *, marked: float = 0.3) -> str:
    """Return a requirement of something that the index has."""
    name = rng.choice([*_BOUNDS])
    text = name + rng.choice(_BOUNDS[name])
    if rng.random() < marked:
        text += f"; {rng.choice(_MARKERS)}"
    return text


def requirements(rng: Random, most: int) -> list[str]:
    """Return requirements of different names."""
    found = [requirement(rng) for _ in range(rng.randint(0, most))]
    named = {re.split(r"[^\w\[\]]", one)[0]: one for one in found}
    return [*named.values()]


def generate(rng: Random) -> Files:
    """Return a project with some of what uv.lock records."""
    project: dict[str, Any] = {"name": rng.choice(("demo", "Demo_App", "my.app"))}
    project["version"] = rng.choice(("0.1.0", "1.0", "2.0.0rc1"))
    if rng.random() < 0.96:
        project["requires-python"] = rng.choice(_PYTHONS)
    project["dependencies"] = requirements(rng, 4)
    top: dict[str, Any] = {"project": project}
    uv: dict[str, Any] = {}
    files: Files = {".": top}
    if rng.random() < 0.3:
        top["build-system"] = dict(_SETUPTOOLS)
        if rng.random() < 0.15:
            del project["version"]
            project["dynamic"] = ["version"]
    for add in (_add_lists, _add_workspace, _add_folder, _add_settings, _add_indexes):
        add(files, uv, rng)
    if uv:
        top["tool"] = {"uv": uv}
    return files


def _add_lists(files: Files, uv: dict[str, Any], rng: Random) -> None:
    top = files["."]
    if rng.random() < 0.5:
        extras = {name: requirements(rng, 2) for name in rng.sample(("cli", "Docs", "my_x"), 2)}
        if rng.random() < 0.5:
            extras["all"] = [f"{top['project']['name']}[{','.join(extras)}]"]
        top["project"]["optional-dependencies"] = extras
    if rng.random() < 0.6:
        groups: dict[str, Any] = {"dev": requirements(rng, 3), "lint": requirements(rng, 2)}
        if rng.random() < 0.5:
            groups["dev"].append({"include-group": "lint"})
        if rng.random() < 0.2:
            groups["Empty_One"] = []
        top["dependency-groups"] = groups
        if rng.random() < 0.2:
            uv["dependency-groups"] = {"lint": {"requires-python": ">=3.12"}}
    elif rng.random() < 0.2:
        uv["dev-dependencies"] = ["pluggy>=1.0"]


def _add_workspace(files: Files, uv: dict[str, Any], rng: Random) -> None:
    if rng.random() > 0.3:
        return
    core = {"name": "core", "version": "1.0", "dependencies": requirements(rng, 2)}
    core["requires-python"] = rng.choice((">=3.10", ">=3.11"))
    files["packages/core"] = {"project": core}
    uv["workspace"] = {"members": ["packages/*"]}
    if rng.random() < 0.7:
        files["."]["project"]["dependencies"].append(rng.choice(("core", "core>=1", "Core")))
        uv.setdefault("sources", {})["core"] = {"workspace": True}
    if rng.random() < 0.3:
        files["packages/core"]["build-system"] = dict(_SETUPTOOLS)
    if rng.random() < 0.3:
        files["packages/core"]["dependency-groups"] = {"test": requirements(rng, 2)}
    if rng.random() < 0.2 and "build-system" not in files["."]:
        project = files["."].pop("project")
        files["packages/app"] = {"project": {**project, "optional-dependencies": {}}}
        uv.pop("dependency-groups", None)


def _add_folder(files: Files, uv: dict[str, Any], rng: Random) -> None:
    if rng.random() > 0.2 or "project" not in files["."]:
        return
    files["libs/lib"] = {
        "project": {"name": "lib", "version": "0.2", "dependencies": requirements(rng, 2)}
    }
    entry: dict[str, Any] = {"path": rng.choice(("libs/lib", "./libs/lib/"))}
    if rng.random() < 0.6:
        entry["editable"] = True
    if "packages/core" in files and rng.random() < 0.5:
        core = files["packages/core"]
        core["project"]["dependencies"].append("lib")
        core["tool"] = {"uv": {"sources": {"lib": {**entry, "path": "../../libs/lib"}}}}
        return
    files["."]["project"]["dependencies"].append("lib")
    uv.setdefault("sources", {})["lib"] = entry
    if rng.random() < 0.2:
        files["libs/lib"]["tool"] = {"uv": {"package": False}}


def _add_settings(files: Files, uv: dict[str, Any], rng: Random) -> None:
    del files
    chances: dict[str, tuple[float, Any]] = {
        "constraint-dependencies": (0.15, ["six<1.17.1", "zipp<9; python_version < '3.13'"]),
        "override-dependencies": (0.1, ["colorama>=0.4.1"]),
        "build-constraint-dependencies": (0.1, ["setuptools<90"]),
        "exclude-dependencies": (0.1, ["toml"]),
        "environments": (0.1, ["sys_platform == 'linux'", "sys_platform == 'win32'"]),
        "required-environments": (0.1, ["sys_platform == 'linux'"]),
        "resolution": (0.1, "lowest-direct"),
        "prerelease": (0.1, "allow"),
        "fork-strategy": (0.1, "fewest"),
        "exclude-newer": (0.15, rng.choice(("2025-09-01", "2025-09-01T00:00:00Z", "30 days"))),
        "exclude-newer-package": (0.05, {"six": "2025-10-01T00:00:00Z"}),
        "dependency-metadata": (
            0.1,
            [{"name": "pluggy", "version": "1.6.0", "requires-dist": ["six; extra == 'x'"]}],
        ),
        "package": (0.1, False),
        "required-version": (0.02, ">=0.4"),
    }
    for key, (chance, value) in chances.items():
        if rng.random() < chance:
            uv[key] = copy.deepcopy(value)


def _add_indexes(files: Files, uv: dict[str, Any], rng: Random) -> None:
    project = files["."].get("project")
    if project and rng.random() < 0.1:
        uv["index"] = [{"name": "py", "url": ADDRESS, "explicit": True}]
        uv.setdefault("sources", {})["six"] = {"index": "py"}
        project["dependencies"] = [*_without(project["dependencies"], "six"), "six>=1.12"]
    if rng.random() < 0.1 and "zipp" not in uv.get("sources", {}) and project:
        uv["index"] = [*uv.get("index", []), {"name": "pz", "url": f"{ADDRESS}/"}]
        uv.setdefault("sources", {})["zipp"] = {"index": "pz", "marker": "sys_platform == 'linux'"}
        project["dependencies"] = [*_without(project["dependencies"], "zipp"), "zipp>=3.2"]
    extras = (project or {}).get("optional-dependencies", {})
    is_free = "all" not in extras and "six" not in uv.get("sources", {})
    if "cli" in extras and is_free and rng.random() < 0.3:
        uv["index"] = [*uv.get("index", []), {"name": "px", "url": ADDRESS}]
        uv.setdefault("sources", {})["six"] = [{"index": "px", "extra": "cli"}]
        extras["cli"] = [*_without(extras["cli"], "six"), "six>=1.11"]
    if len(extras) > 1 and rng.random() < 0.2:
        uv["conflicts"] = [[{"extra": name} for name in sorted(extras)[:2] if name != "all"]]
        if len(uv["conflicts"][0]) < 2 or "all" in extras:
            del uv["conflicts"]


def _without(requirements: list[str], name: str) -> list[str]:
    return [one for one in requirements if not one.startswith(name)]


def write(files: Files, root: Path, behind: str = "") -> None:
    """Write the manifests of a project."""
    for place, data in files.items():
        if place == LOCK:
            continue
        (root / place).mkdir(parents=True, exist_ok=True)
        text = tomlkit.dumps(data)
        (root / place / "pyproject.toml").write_text(text + (behind if place == "." else ""))


def lock_again(files: Files, lock: str) -> str:
    """Return the text of a lock after what was changed in it."""
    revision = files.get(LOCK, {}).get("revision")
    if revision is None:
        return lock
    line = f"revision = {revision}\n" if revision else ""
    return re.sub(r"^revision = \d+\n", line, lock, flags=re.MULTILINE)


def _project(files: Files) -> dict[str, Any]:
    """Return the table of a project to change: the first one that has any."""
    found = [data["project"] for data in files.values() if "project" in data]
    return found[0]  # type: ignore[no-any-return]  # a table


def _uv(files: Files) -> dict[str, Any]:
    return files["."].setdefault("tool", {}).setdefault("uv", {})  # type: ignore[no-any-return]  # a table


def _mapped(files: Files, rng: Random, change: Callable[[str], str]) -> bool:
    """Change the first requirement, in some order, for which that makes a difference."""
    lists = []
    for data in files.values():
        project = data.get("project", {})
        lists += [
            project.get("dependencies", []),
            *project.get("optional-dependencies", {}).values(),
        ]
        lists += data.get("dependency-groups", {}).values()
    rng.shuffle(lists)
    for found in lists:
        for number, one in enumerate(found):
            if isinstance(one, str) and change(one) != one:
                found[number] = change(one)
                return True
    return False


def _replaced(pattern: str, by: str) -> Change:
    """Return the change of a requirement by a pattern."""
    return lambda files, rng: _mapped(files, rng, lambda text: re.sub(pattern, by, text, count=1))


def _reorder(files: Files, rng: Random) -> bool:
    del rng
    _project(files)["dependencies"].reverse()
    return True


def _unrelated(files: Files, rng: Random) -> bool:
    _project(files).update(description=f"Number {rng.random()}", authors=[{"name": "A"}])
    files["."].setdefault("tool", {})["ruff"] = {"line-length": 99}
    return True


def _set(key: str, value: object, *, only: bool | None = None) -> Change:
    """Return the change of a key of `[tool.uv]`; `only` where it is there, or is not."""

    def change(files: Files, rng: Random) -> bool:
        del rng
        table = _uv(files)
        if only is not None and (key in table) != only:
            return False
        if table.get(key) == value:
            return False
        if value is None:
            table.pop(key, None)
        else:
            table[key] = copy.deepcopy(value)
        return True

    return change


def _in_project(key: str, change_value: Callable[[Any], Any]) -> Change:
    def change(files: Files, rng: Random) -> bool:
        del rng
        project = _project(files)
        new = change_value(copy.deepcopy(project.get(key)))
        if new == project.get(key):
            return False
        project[key] = new
        return True

    return change


def _add_requirement(files: Files, rng: Random) -> bool:
    has = " ".join(_project(files)["dependencies"])
    new = rng.choice(
        [name for name in ("six", "idna", "toml", "zipp") if name not in has] or ["attrs"]
    )
    _project(files)["dependencies"].append(new)
    return True


def _remove_requirement(files: Files, rng: Random) -> bool:
    found = _project(files)["dependencies"]
    plain = [one for one in found if not one.lower().startswith(("core", "lib"))]
    if not plain:
        return False
    found.remove(rng.choice(plain))
    return True


def _twice(files: Files, rng: Random) -> bool:
    found = _project(files)["dependencies"]
    if not found:
        return False
    found.append(rng.choice(found))
    return True


def _group(name: str, value: object) -> Change:
    def change(files: Files, rng: Random) -> bool:
        del rng
        groups = files["."].setdefault("dependency-groups", {})
        if (value is None) == (name not in groups):
            return False
        if value is None:
            del groups[name]
            text = str(groups) + str(_uv(files))
            return f"'{name}'" not in text
        groups[name] = value
        return True

    return change


def _more_in_group(files: Files, rng: Random) -> bool:
    for found in files["."].get("dependency-groups", {}).values():
        found.append(rng.choice(("attrs", "attrs>=21", "certifi")))
        return True
    return False


def _extra(name: str, *, remove: bool = False) -> Change:
    def change(files: Files, rng: Random) -> bool:
        extras = _project(files).setdefault("optional-dependencies", {})
        if remove != (name in extras) or (remove and "all" in extras):
            return False
        if remove:
            del extras[name]
        else:
            extras[name] = rng.choice(([], ["attrs"]))
        return True

    return change


def _source(name: str, entry: object) -> Change:
    def change(files: Files, rng: Random) -> bool:
        del rng
        sources = _uv(files).get("sources", {})
        if name not in sources or sources[name] == entry:
            return False
        if entry is None:
            del sources[name]
        else:
            sources[name] = entry
        return True

    return change


def _build_system(files: Files, rng: Random) -> bool:
    del rng
    if "project" not in files["."]:
        return False
    if not files["."].pop("build-system", None):
        files["."]["build-system"] = dict(_SETUPTOOLS)
    return True


def _in_folder(files: Files, rng: Random) -> bool:
    places = [place for place in files if place != "."]
    if not places:
        return False
    project = files[rng.choice(places)]["project"]
    if rng.random() < 0.5:
        project["version"] = "7.0"
    else:
        project.setdefault("dependencies", []).append("attrs")
    return True


def _new_member(files: Files, rng: Random) -> bool:
    del rng
    if "workspace" not in _uv(files):
        return False
    files["packages/more"] = {"project": {"name": "more", "version": "1"}}
    return True


def _zeros(files: Files, rng: Random) -> bool:
    def change(text: str) -> str:
        return re.sub(
            r"(?<![~.\d])([<>=!]=?|==)(\d+(?:\.\d+)*)(?=[,;]|$)", r"\1\2.0", text, count=1
        )

    return _mapped(files, rng, change)


def _upper(text: str) -> str:
    return re.sub(r"^\w+", lambda found: found[0].title(), text)


def _revision(number: int) -> Change:
    def change(files: Files, rng: Random) -> bool:
        del rng
        files[LOCK] = {"revision": number}
        return True

    return change


CHANGES: dict[str, Change] = {
    "an older lock": _revision(3),
    "a much older lock": _revision(1),
    "a lock without a revision": _revision(0),
    "nothing": lambda _files, _rng: True,
    "another order": _reorder,
    "unrelated tables": _unrelated,
    "spaces": _replaced(r"([<>=!]=?)", r" \1  "),
    "the case of a name": lambda files, rng: _mapped(files, rng, _upper),
    "zeros behind a version": _zeros,
    "a version's zeros": _in_project(
        "version", lambda value: value and f"{value}.0".replace("rc1.0", "rc01")
    ),
    "the same Pythons": _in_project(
        "requires-python", lambda value: value and value.replace(",", " , ")
    ),
    "a hole in the Pythons": _in_project(
        "requires-python", lambda value: value and f"{value},!=3.11.3"
    ),
    "Pythons with an end": _in_project("requires-python", lambda value: value and f"{value},<3.15"),
    "later Pythons": _in_project("requires-python", lambda value: value and f"{value},>=3.11.2"),
    "no Pythons": _in_project("requires-python", lambda _: ">=3.11.1"),
    "the version": _in_project("version", lambda _: "9.9"),
    "the name": _in_project("name", lambda _: "other-name"),
    "the same name": _in_project(
        "name", lambda value: value.replace("_", "-").replace(".", "-").upper()
    ),
    "scripts": _in_project("scripts", lambda _: {"run": "demo:main"}),
    "full versions": _replaced(
        r"python_version (<|>=) '(3\.\d+)'", r"python_full_version \1 '\2.0'"
    ),
    "a name of the platform": _replaced("sys_platform == 'win32'", "platform_system == 'Windows'"),
    "another name of the platform": _replaced(
        "platform_system == 'Linux'", "'linux' == sys_platform"
    ),
    "parentheses": _replaced(r"; (.*)$", r"; ((\1))"),
    "the order of a marker": _replaced(r"; (\S+ \S+ \S+) (and|or) (\S+ \S+ \S+)$", r"; \3 \2 \1"),
    "a marker that adds nothing": _replaced(r"; (.*)$", r"; (\1) and python_version >= '3.7'"),
    "a marker that adds something": _replaced(r"; (.*)$", r"; (\1) and python_version >= '3.12'"),
    "a marker less": _replaced(r"; .*$", ""),
    "a marker more": _replaced(r"^([a-z]+)([^;]*)$", r"\1\2; os_name == 'posix'"),
    "a marker that always holds": _replaced(r"^([a-z]+)([^;]*)$", r"\1\2; python_version >= '3.0'"),
    "a bound more": _replaced(r"^([a-z]+)([<>=!][^;]*)", r"\1\2,<99"),
    "a bound less": _replaced(r"^([a-z]+)([<>=!~][^;]*)", r"\1"),
    "the order of bounds": _replaced(r"^([a-z]+)([<>=!~][^,;]+),([^,;]+)", r"\1\3,\2"),
    "another bound": _replaced(r">=(\d)", r">=0.\1"),
    "a requirement more": _add_requirement,
    "a requirement less": _remove_requirement,
    "a requirement twice": _twice,
    "an extra of a package": _replaced(r"^(six|idna|zipp|pluggy)\b", r"\1[nothing]"),
    "a group more": _group("new", ["six"]),
    "an empty group more": _group("new", []),
    "a group less": _group("dev", None),
    "another group less": _group("Empty_One", None),
    "a requirement in a group more": _more_in_group,
    "an extra more": _extra("new"),
    "an extra less": _extra("cli", remove=True),
    "older groups": _set("dev-dependencies", ["pluggy>=1.0"]),
    "no older groups": _set("dev-dependencies", None, only=True),
    "default groups": _set("default-groups", []),
    "constraints": _set("constraint-dependencies", ["six<1.17.1"]),
    "the order of constraints": _set(
        "constraint-dependencies", ["zipp<9.0; python_full_version<'3.13'", "six<1.17.1"], only=True
    ),
    "overrides": _set("override-dependencies", ["colorama>=0.4.0"]),
    "no overrides": _set("override-dependencies", None, only=True),
    "constraints of builds": _set("build-constraint-dependencies", ["setuptools<91"]),
    "what is excluded": _set("exclude-dependencies", ["toml", "ToMl"]),
    "nothing excluded": _set("exclude-dependencies", None, only=True),
    "environments": _set("environments", ["platform_system == 'Linux'", "sys_platform == 'win32'"]),
    "one environment": _set("environments", "sys_platform == 'linux'"),
    "no environments": _set("environments", None, only=True),
    "required environments": _set("required-environments", ["sys_platform == 'darwin'"]),
    "the resolution": _set("resolution", "highest"),
    "another resolution": _set("resolution", "lowest-direct"),
    "prereleases": _set("prerelease", "if-necessary-or-explicit"),
    "the strategy": _set("fork-strategy", "fewest"),
    "no limit of time": _set("exclude-newer", None, only=True),
    "the day as a time": _set("exclude-newer", "2025-09-02T00:00:00Z"),
    "the time as a day": _set("exclude-newer", "2025-08-31", only=True),
    "another span": _set("exclude-newer", "4 weeks"),
    "no limit by package": _set("exclude-newer-package", None, only=True),
    "other metadata": _set("dependency-metadata", [{"name": "pluggy", "version": "1.6.0"}]),
    "the same metadata": _set(
        "dependency-metadata",
        [{"name": "Pluggy", "version": "1.6", "requires-dist": ['six ; extra=="x"']}],
        only=True,
    ),
    "another index": _set("index", [{"name": "py", "url": ADDRESS}]),
    "an index that is the default": _set(
        "index", [{"name": "py", "url": ADDRESS, "default": True}]
    ),
    "no package": _set("package", value=False),
    "a package": _set("package", value=True),
    "a build system or none": _build_system,
    "a source that is not editable": _source("lib", {"path": "libs/lib", "editable": False}),
    "a source with a marker": _source("lib", {"path": "libs/lib", "marker": "os_name == 'nt'"}),
    "a member that is not editable": _source("core", {"workspace": True, "editable": False}),
    "no index of a package": _source("six", None),
    "no index by a marker": _source("zipp", None),
    "another marker of a source": _source("zipp", {"index": "pz"}),
    "a folder's manifest": _in_folder,
    "a member more": _new_member,
    "conflicts": lambda files, _rng: _conflict(files),
    "no conflicts": _set("conflicts", None, only=True),
    "no cache": _set("cache-keys", [{"file": "x"}]),
}


def _conflict(files: Files) -> bool:
    extras = [name for name in _project(files).get("optional-dependencies", {}) if name != "all"]
    if len(extras) < 2 or "project" not in files["."]:
        return False
    new = [[{"extra": name} for name in extras[:2]]]
    if _uv(files).get("conflicts") == new:
        return False
    _uv(files)["conflicts"] = new
    return True


def changed(files: Files, name: str, rng: Random) -> Files | None:
    """Return a project after a change; None where it does not apply."""
    new = copy.deepcopy(files)
    return new if CHANGES[name](new, rng) else None
