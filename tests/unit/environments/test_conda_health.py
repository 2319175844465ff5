"""Whether a conda environment is sound: each kind of damage."""

from __future__ import annotations

import hashlib
import json
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import conda_health
from tasks_lib.errors import LabError
from tasks_lib.results import Result, Status
from tests.cases import cases

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.unit.conftest import Link

CHECKS = [
    "doctor.conda-meta",
    "doctor.missing-files",
    "doctor.altered-files",
    "doctor.consistent",
    "doctor.machine",
    "doctor.pinned",
    "doctor.moved",
]


@pytest.fixture
def sound(conda_env: Path, link: Link) -> Path:
    """Return an environment with a Python, a plain package and a noarch one."""
    link(
        conda_env,
        "python",
        "3.11.7",
        files={"lib/libpython.so": "elf", "lib/python3.11/x.pyc": "code"},
    )
    link(
        conda_env,
        "tool",
        "1.0",
        files={"bin/tool": "#!/bin/sh\n", "lib/tool.txt": "a", "lib/tool.so": "a"},
        depends=("python >=3.11",),
    )
    _links(conda_env / "lib/tool.so", "tool.txt")
    digest = hashlib.sha256(b"a").hexdigest()
    _item(conda_env, "tool", "lib/tool.so", path_type="softlink", sha256=digest)
    files = {
        "site-packages/six.py": "six",
        "site-packages/six-1.17.0.dist-info/METADATA": "Name: six",
    }
    link(
        conda_env,
        "six",
        "1.17.0",
        files=files,
        depends=("python >=2.7,!=3.0.*", "__glibc >=2.17"),
        noarch=True,
    )
    return conda_env


def found(prefix: Path) -> dict[str, Result]:
    """Return the results of the health check by their ids."""
    return {result.id: result for result in conda_health.verify(prefix)}


def test_sound_environment_passes_every_check(sound: Path) -> None:
    results = found(sound)
    assert list(results) == CHECKS
    assert {result.status for result in results.values()} == {Status.PASS}
    assert results["doctor.conda-meta"].detail == "3 packages"


def _record(prefix: Path, name: str) -> Path:
    return next((prefix / "conda-meta").glob(f"{name}-*.json"))


def _change(path: Path, **values: object) -> None:
    path.write_text(json.dumps({**json.loads(path.read_text()), **values}))


def _without(path: Path, key: str) -> None:
    record = json.loads(path.read_text())
    del record[key]
    path.write_text(json.dumps(record))


DAMAGE: dict[str, tuple[Callable[[Path], object], str, str]] = {
    "missing file": (
        lambda p: (p / "lib/tool.txt").unlink(),
        "doctor.missing-files",
        "tool 1 (lib/tool.txt)",
    ),
    "missing file of a noarch package": (
        lambda p: (p / "lib/python3.11/site-packages/six.py").unlink(),
        "doctor.missing-files",
        "six 1 (lib/python3.11/site-packages/six.py)",
    ),
    "file that became a folder": (
        lambda p: (
            (p / "lib/tool.txt").rename(p / "x").with_name("lib").joinpath("tool.txt").mkdir()
        ),
        "doctor.missing-files",
        "tool 1",
    ),
    "altered file": (
        lambda p: (p / "lib/tool.txt").write_text("b"),
        "doctor.altered-files",
        "tool 1 (lib/tool.txt)",
    ),
    "altered file of the same length": (
        lambda p: (p / "bin/tool").write_text("#!/bin/zh\n"),
        "doctor.altered-files",
        "tool 1",
    ),
    "emptied file": (
        lambda p: (p / "lib/libpython.so").write_text(""),
        "doctor.altered-files",
        "python 1",
    ),
    "altered noarch file": (
        lambda p: (p / "lib/python3.11/site-packages/six.py").write_text("7"),
        "doctor.altered-files",
        "six 1",
    ),
    "file that became a link to another one": (
        lambda p: _links(p / "lib/tool.txt", "libpython.so"),
        "doctor.altered-files",
        "tool 1 (lib/tool.txt)",
    ),
    "link that leads to another file of the package": (
        lambda p: _links(p / "lib/tool.so", "../bin/tool"),
        "doctor.altered-files",
        "tool 1 (lib/tool.so)",
    ),
    "link that leads to a file that no package brought": (
        lambda p: _links(p / "lib/tool.so", "/etc/passwd"),
        "doctor.altered-files",
        "tool 1 (lib/tool.so)",
    ),
    "dangling link": (
        lambda p: _links(p / "lib/tool.so", "tool.so.1"),
        "doctor.missing-files",
        "tool 1 (lib/tool.so)",
    ),
    "missing file that paths_data leaves out": (
        lambda p: _left_out(p).unlink(),
        "doctor.missing-files",
        "tool 1 (share/left-out)",
    ),
    "record cut off": (
        lambda p: _record(p, "six").write_text("{"),
        "doctor.conda-meta",
        "six-1.17.0-py_0.json",
    ),
    "record of zeros": (
        lambda p: _record(p, "six").write_bytes(b"\0" * 9),
        "doctor.conda-meta",
        "six-1.17.0-py_0.json",
    ),
    "record that is no mapping": (
        lambda p: _record(p, "six").write_text("[]"),
        "doctor.conda-meta",
        "six-1.17.0",
    ),
    "record without a name": (
        lambda p: _without(_record(p, "six"), "name"),
        "doctor.conda-meta",
        "six-1.17.0",
    ),
    "record without a version": (
        lambda p: _without(_record(p, "six"), "version"),
        "doctor.conda-meta",
        "six-1.17.0",
    ),
    "record with files of the wrong kind": (
        lambda p: _change(_record(p, "six"), paths_data=[1], files=None),
        "doctor.conda-meta",
        "six-1.17.0",
    ),
    "record with a file that has no path": (
        lambda p: _change(_record(p, "six"), paths_data={"paths": [{}], "paths_version": 1}),
        "doctor.conda-meta",
        "six-1.17.0",
    ),
    "record that is gone": (
        lambda p: _record(p, "python").unlink(),
        "doctor.consistent",
        "six needs python >=2.7,!=3.0.*",
    ),
    "dependency of another version": (
        lambda p: _change(_record(p, "tool"), depends=["python >=3.12"]),
        "doctor.consistent",
        "tool needs python >=3.12",
    ),
    "constraint that is not met": (
        lambda p: _change(_record(p, "tool"), constrains=["absent >=9", "six <1"]),
        "doctor.consistent",
        "tool allows only six <1",
    ),
    "package that is recorded twice": (
        lambda p: _again(p, "tool"),
        "doctor.conda-meta",
        "tool (0 and 1.0)",
    ),
    "record of a distribution that is gone": (
        lambda p: (
            (_site(p) / "six-1.17.0.dist-info/INSTALLER").write_text("conda\n"),
            _record(p, "six").rename(p / "away"),
        ),
        "doctor.conda-meta",
        "has no record of them: six",
    ),
    "entry point of another interpreter": (
        lambda p: _entry(p, "#!/usr/bin/python3\n"),
        "doctor.moved",
        "entry names the interpreter /usr/bin/python3",
    ),
    "entry point of a place that it was in": (
        # a long or spaced path, as conda 26.7.1 writes it
        lambda p: _entry(p, '#!/bin/sh\n\'\'\'exec\' "/an old/place/bin/python" "$0" "$@"\n'),
        "doctor.moved",
        "/an old/place/bin/python",
    ),
    "C library that is too old": (
        lambda p: _change(_record(p, "tool"), depends=["__glibc >=99"]),
        "doctor.machine",
        "tool needs __glibc >=99",
    ),
    "C library that is excluded": (
        lambda p: _change(_record(p, "tool"), constrains=["__glibc <2"]),
        "doctor.machine",
        "tool allows only __glibc <2",
    ),
    "dependency on another system": (
        lambda p: _change(_record(p, "tool"), depends=["__win"]),
        "doctor.machine",
        "tool needs __win",
    ),
    "package for another processor": (
        lambda p: _change(_record(p, "tool"), subdir="linux-aarch64", noarch=None),
        "doctor.machine",
        "tool is for linux-aarch64",
    ),
    "dependency that is no spec": (
        lambda p: _change(_record(p, "tool"), depends=["python >=<"]),
        "doctor.consistent",
        "tool",
    ),
}


@pytest.mark.parametrize(("damage", "check", "words"), DAMAGE.values(), ids=DAMAGE)
def test_each_damage_fails_its_own_check(
    sound: Path, damage: Callable[[Path], object], check: str, words: str
) -> None:
    damage(sound)
    results = found(sound)
    assert results[check].status is Status.FAIL
    assert words in results[check].detail
    assert results[check].remedy


def _again(prefix: Path, name: str) -> None:
    """Write a second record of a package, for its version 0."""
    record = {**json.loads(_record(prefix, name).read_text()), "version": "0"}
    (prefix / f"conda-meta/{name}-0-py_0.json").write_text(json.dumps(record))


@cases(
    "depends, override, status",
    {
        "no driver": ("__cuda >=12", "", Status.WARN),
        "a driver that is too old": ("__cuda >=12", "11.8", Status.WARN),
        "a driver": ("__cuda >=12", "12.4", Status.PASS),
        "another processor of the same kind": ("__archspec 1=nothing", "", Status.WARN),
        "what a plugin of conda's tells": ("__conda >=4", "", Status.PASS),
    },
)
def test_what_another_machine_may_have_is_a_warning(
    sound: Path, monkeypatch: pytest.MonkeyPatch, depends: str, override: str, status: Status
) -> None:
    _change(_record(sound, "tool"), depends=[depends])
    monkeypatch.setenv("CONDA_OVERRIDE_CUDA", override)
    result = found(sound)["doctor.machine"]
    assert (result.status, depends in result.detail) == (status, status is Status.WARN)


@cases(
    "pin, detail",
    {
        "met": ("six 1.*", ""),
        "met, with a channel and a comment": ("# why\n\n conda-forge::six >=1 \n", ""),
        "not met": ("six <1", "not met: six <1 (1.17.0 is installed)."),
        # conda 26.7.1 `health_checks/pinned.py`: "maybe malformed"
        "of what is not installed": ("sixx", "not met: sixx (not installed)."),
        "no spec": ("six >=<", "not met: six >=< (which conda cannot read)."),
    },
)
def test_a_pin(sound: Path, pin: str, detail: str) -> None:
    (sound / "conda-meta/pinned").write_text(pin)
    result = found(sound)["doctor.pinned"]
    assert (result.status, result.detail) == (Status.WARN if detail else Status.PASS, detail)


def test_a_script_as_its_author_wrote_it_is_sound(sound: Path) -> None:
    text = "#!/home/builder/bin/python\n"
    (sound / "bin/script").write_text(text)
    digest = hashlib.sha256(text.encode()).hexdigest()
    _item(sound, "tool", "bin/script", path_type="hardlink", sha256=digest)
    assert {result.status for result in found(sound).values()} == {Status.PASS}


def test_bytecode_that_is_gone_is_no_damage(sound: Path) -> None:
    (sound / "lib/python3.11/x.pyc").unlink()
    assert {result.status for result in found(sound).values()} == {Status.PASS}


def _item(prefix: Path, name: str, path: str, **values: object) -> None:
    """Let a record describe one more file, or another way."""
    record = _record(prefix, name)
    data = json.loads(record.read_text())
    items = [one for one in data["paths_data"]["paths"] if one["_path"] != path]
    data["paths_data"]["paths"] = [*items, {"_path": path, **values}]
    data["files"] = sorted({*data["files"], path})
    record.write_text(json.dumps(data))


def _site(prefix: Path) -> Path:
    return prefix / "lib/python3.11/site-packages"


def _entry(prefix: Path, text: str) -> None:
    """Write an entry point that conda generated."""
    _item(prefix, "tool", "bin/entry", path_type="unix_python_entry_point")
    (prefix / "bin/entry").write_text(text)


def _links(path: Path, target: str) -> None:
    path.unlink()
    path.symlink_to(target)


def _left_out(prefix: Path) -> Path:
    """Return a file that `files` names and `paths_data` leaves out."""
    record = _record(prefix, "tool")
    _change(record, files=[*json.loads(record.read_text())["files"], "share/left-out"])
    (prefix / "share").mkdir()
    (prefix / "share/left-out").write_text("a")
    return prefix / "share/left-out"


def test_a_file_without_a_hash_is_named_and_others_are_not(sound: Path) -> None:
    # as conda 26.7.1 and 24.7.1 record what they make themselves as a package is linked
    _item(sound, "tool", "bin/entry", path_type="unix_python_entry_point", size_in_bytes=1)
    (sound / "bin/entry").write_text("x")
    assert found(sound)["doctor.altered-files"].status is Status.PASS
    _left_out(sound)
    result = found(sound)["doctor.altered-files"]
    assert (result.status, result.detail) == (
        Status.WARN,
        "no hash is recorded of tool 1 (share/left-out).",
    )
    (sound / "lib/tool.txt").write_text("b")
    statuses = [one.status for one in conda_health.verify(sound) if "altered" in one.id]
    assert statuses == [Status.FAIL, Status.WARN]


@cases(
    "target, recorded",
    {
        # the content of what it led to as the package was built, as conda-build records it
        "to a file of the package": ("tool.txt", "a"),
        "to a file of another package, whichever its version": ("libpython.so", "elf of yesterday"),
        "to a folder, or to what another package brings": ("nowhere", ""),
        "to a file outside with this content, as of conda's always_softlink": ("{outside}", "out"),
        # the path to which it leads, as rattler records it
        "anywhere that rattler recorded": ("nowhere", "nowhere"),
    },
)
def test_a_link_is_sound(sound: Path, home: Path, target: str, recorded: str) -> None:
    (home / "outside").write_text("out")
    link = sound / "lib/tool.so"
    _links(link, target.format(outside=home / "outside"))
    digest = hashlib.sha256(recorded.encode()).hexdigest()
    _item(sound, "tool", "lib/tool.so", path_type="softlink", sha256=digest)
    assert {result.status for result in found(sound).values()} == {Status.PASS}


def test_environment_of_nothing_passes(conda_env: Path) -> None:
    assert {result.status for result in found(conda_env).values()} == {Status.PASS}


@pytest.mark.parametrize(
    ("names", "version"),
    [
        (
            ("python-3.12.4-h1_0.json", "python-dateutil-2.9-py_0.json", "python_abi-3.12-x.json"),
            "3.12.4",
        ),
        (("python-3.12.4-h1_0.json", "python-3.11.7-h1_0.json"), ""),
    ],
    ids=["one", "two"],
)
def test_python_version_of_a_conda_environment(
    root: Path, names: tuple[str, ...], version: str
) -> None:
    (root / "conda-meta").mkdir()
    for name in names:
        (root / "conda-meta" / name).touch()
    assert conda_health.python_version(root) == version


def test_owner_of_each_distribution_is_known_by_its_files(sound: Path, link: Link) -> None:
    link(
        sound,
        "typing_extensions",
        "4",
        files={"site-packages/Typing.Extensions-4.egg-info/PKG-INFO": ""},
        noarch=True,
    )
    found = {name: one.package for name, one in conda_health.owned(sound).items()}
    assert found == {"six": "six", "typing-extensions": "typing_extensions"}


@pytest.mark.parametrize(
    ("spec", "met"),
    [
        ("six", True),
        ("SIX", True),
        ("six=1.17", True),
        ("six>=1.16,<2", True),
        ("six 1.17.0 py_0", True),
        ("conda-forge::six", True),
        ("six=1.16", False),
        ("python=3.11", True),
        ("python=3.1", False),
        ("python", True),
        ("absent", False),
        ("tool[version='>=1']", True),
        # as in real conda files: conda 24.7.1 leaves such brackets out
        ("six[socks] >=1.16", True),
        ("six[socks]=1.16.*", False),
    ],
)
def test_spec_is_met_or_not(sound: Path, spec: str, met: bool) -> None:
    assert conda_health.unsatisfied(sound, [spec], "env.yml") == (() if met else (spec,))


def test_spec_that_is_none_is_a_clear_error(sound: Path) -> None:
    with pytest.raises(LabError, match=r"'six >=<3' is not a conda spec") as caught:
        conda_health.unsatisfied(sound, ["six >=<3"], "env.yml")
    assert (caught.value.file, caught.value.remedy.text) == ("env.yml", "Correct env.yml")


@pytest.mark.parametrize("text", ["{", "[]", "{}"])
def test_damaged_record_is_a_clear_error(sound: Path, text: str) -> None:
    _record(sound, "six").write_text(text)
    for action in (
        lambda: conda_health.packages(sound),
        lambda: conda_health.unsatisfied(sound, ["six"], "env.yml"),
    ):
        with pytest.raises(LabError, match=r"six-1\.17\.0-py_0\.json is damaged"):
            action()
