"""Negative controls: each breaks one thing in a session; the proof must fail and say why."""

from __future__ import annotations

import contextlib
import json
import os
import subprocess
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tasks_lib.environments import site_packages
from tasks_lib.proof import claims, difference, document, verify
from tasks_lib.proof import run as sessions
from tasks_lib.proof.steps import Proof
from tasks_lib.report.progress import Progress
from tasks_lib.results import Status
from tasks_lib.session.session import Session
from tests.lab import LOCAL_CHANNEL, tools, variables, wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Sequence
    from contextlib import AbstractContextManager

    from tasks_lib.proof.sandbox import Sandbox

    Damage = Callable[["Hit"], AbstractContextManager[None]]

_PYPROJECT = """\
[project]
name = "tiny"
version = "0"
requires-python = ">=3.11,<4"
dependencies = ["click-default-group>=1.2"{more}]

[tool.uv]
package = false
"""
_CONDA = "name: tiny_env\nchannels: [conda-forge]\ndependencies: [python, pip, six]\n"


@dataclass(frozen=True)
class Hit:
    """Where a control strikes: a place of the session, and its environment."""

    place: Sandbox

    @property
    def prefix(self) -> Path:
        """Return the environment's folder."""
        return self.place.prefix

    @property
    def site(self) -> Path:
        """Return the environment's folder of packages."""
        found = site_packages.site_packages(self.prefix)
        assert found is not None
        return found

    def uv(self, *words: str) -> None:
        """Run uv as somebody would by hand."""
        env = {**os.environ, "UV_PROJECT_ENVIRONMENT": str(self.prefix)}
        argv = [
            str(tools() / "uv"),
            *words,
            "--quiet",
            "--python",
            str(self.prefix / "bin" / "python"),
        ]
        subprocess.run(argv, cwd=self.place.project, env=env, check=True)


def stray(hit: Hit) -> None:
    hit.uv("pip", "install", "toolz")


def behind_the_lock(hit: Hit) -> None:
    hit.uv("pip", "install", "click<8.2")


def edited_lock(hit: Hit) -> None:
    hit.uv("lock", "--upgrade-package", "click<8.2")


def foreign_path(hit: Hit) -> None:
    folder = hit.place.project.parent / "elsewhere"
    folder.mkdir()
    (hit.site / "elsewhere.pth").write_text(str(folder))


def user_site(hit: Hit) -> None:
    folder = Path(
        str(hit.place.env["HOME"]),
        ".local",
        hit.site.relative_to(hit.prefix),
        "click-0.1.dist-info",
    )
    folder.mkdir(parents=True)
    (folder / "METADATA").write_text("Metadata-Version: 2.1\nName: click\nVersion: 0.1\n")


def cracked_module(hit: Hit) -> None:
    path = hit.site / "click_default_group.py"
    path.unlink()  # which may be a link into the cache
    path.write_text("raise RuntimeError('it is cracked')\n")


def missing_file(hit: Hit) -> None:
    (hit.site / "click" / "_winconsole.py").unlink()


def altered_conda_file(hit: Hit) -> None:
    path = hit.site.parent / "this.py"
    text = path.read_text()
    path.unlink()  # the same
    path.write_text(f"{text}# altered\n")


def missing_lock(hit: Hit) -> None:
    (hit.place.project / "uv.lock").unlink()


@contextlib.contextmanager
def other_interpreter(hit: Hit) -> Iterator[None]:
    """Replace the environment's Python by another one that finds its packages all the same."""
    python = hit.prefix / "bin" / "python"
    own = python.readlink()
    python.unlink()
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{hit.site}" exec "{own}" "$@"\n')
    python.chmod(0o755)
    yield
    python.unlink()
    python.symlink_to(own)


def before(work: Callable[[Hit], None]) -> Damage:
    @contextlib.contextmanager
    def around(hit: Hit) -> Iterator[None]:
        work(hit)
        yield

    return around


def after(work: Callable[[Hit], None]) -> Damage:
    @contextlib.contextmanager
    def around(hit: Hit) -> Iterator[None]:
        yield
        work(hit)

    return around


@dataclass(frozen=True)
class Control:
    """What is broken around which task, in which environment, and which claims fail, and why."""

    claim: str
    damage: Damage
    task: str
    reason: str
    also: tuple[str, ...] = ()
    combo: str = "pip_uv"
    second: bool = False


CONTROLS = {
    "missing lock": Control(
        "steps", before(missing_lock), "deps.install", "There is no uv.lock", second=True
    ),
    "cracked module": Control(
        "imports", before(cracked_module), "env.run", "it is cracked", ("checks", "steps")
    ),
    "missing file": Control(
        "checks", before(missing_file), "check.all", "doctor.installed-files: fail", ("steps",)
    ),
    "other interpreter": Control(
        "interpreter", other_interpreter, "env.run", "python is ", ("isolated",)
    ),
    "foreign path": Control("isolated", before(foreign_path), "env.run", "/elsewhere"),
    "~/.local": Control(
        "isolated",
        before(user_site),
        "env.run",
        "/.local/lib/",
        ("checks", "steps"),
        combo="conda_uv",
    ),
    "behind the lock": Control(
        "lock.installed",
        before(behind_the_lock),
        "check.all",
        "click is 8.1",
        ("checks", "second.same", "steps"),
    ),
    "edited lock": Control(
        "lock.unchanged",
        after(edited_lock),
        "check.all",
        "uv.lock: click was",
        ("second.same", "steps"),
    ),
    "stray": Control("no-strays", after(stray), "check.all", "toolz", ("second.same", "steps")),
    "altered conda file": Control(
        "conda.untouched",
        after(altered_conda_file),
        "deps.install",
        "this.py is altered",
        combo="conda_uv",
        second=True,
    ),
    "other second": Control(
        "second.same",
        after(behind_the_lock),
        "deps.install",
        "click (first 8",
        ("steps",),
        second=True,
    ),
}


def prove(
    folder: Path,
    combo: str,
    patch: pytest.MonkeyPatch,
    control: Control | None = None,
    clash: str = "",
) -> dict[str, Any]:
    """Run a session of a tiny project in this process, and return the proof that it wrote."""

    class Broken(Proof):
        def lab(self, place: Sandbox, task: str, *words: str) -> dict[str, Any]:
            """Run the task, and break what is to be broken around it."""
            struck = (
                control is not None
                and task == control.task
                and place is (self.second if control.second else self.first)
            )
            if control is None or not struck or not place.python:
                return super().lab(place, task, *words)
            with control.damage(Hit(place)):
                return super().lab(place, task, *words)

    home, project, temporary = (folder / name for name in ("a home", "my project", "t"))
    for one in (home, project, temporary):
        one.mkdir()
    (project / "pyproject.toml").write_text(_PYPROJECT.format(more=', "clash"' if clash else ""))
    if clash:
        name = wheel(project, "clash", {clash: "# another\n"})
        with (project / "pyproject.toml").open("a") as stream:
            stream.write(f'[tool.uv.sources]\nclash = {{ path = "{name}" }}\n')
    (project / "conda.yml").write_text(_CONDA)
    own = {**variables(home), "TMPDIR": str(temporary)}
    for name in os.environ.keys() - own.keys():
        patch.delenv(name)
    for name, value in own.items():
        patch.setenv(name, value)
    patch.setattr(tempfile, "tempdir", None)
    patch.setattr(sessions, "Proof", Broken)
    patch.chdir(project)
    opened = Session.open(combo=combo, engine="rattler")
    found = sessions.run(opened, Progress(), channel=LOCAL_CHANNEL)
    made = document.load(Path(found.data["proof"]))
    # the written document has the same verdict when it is read again
    assert made["verdict"] == claims.judge(made)
    good = made["verdict"]["status"] == "pass"
    assert good == all(result.status in {Status.PASS, Status.WARN} for result in found.results), (
        found.results
    )
    assert good == (list(temporary.glob("mlops-lab*")) == [])
    return made


@pytest.mark.parametrize("name", CONTROLS)
def test_a_session_in_which_something_breaks_fails_by_the_claim_it_breaks(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    control = CONTROLS[name]
    made = prove(tmp_path, control.combo, monkeypatch, control)
    assert made["verdict"]["status"] == "fail"
    broken = {
        row["id"]: row["reason"] for row in made["verdict"]["claims"] if row["status"] == "fail"
    }
    assert set(broken) == {control.claim, *control.also}, broken
    assert control.reason in broken[control.claim]


def test_a_locked_package_that_overwrites_a_file_of_condas_is_found_by_that_files_hash(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    made = prove(tmp_path, "conda_uv", monkeypatch, clash="six.py")
    broken = {
        row["id"]: row["reason"] for row in made["verdict"]["claims"] if row["status"] == "fail"
    }
    assert set(broken) == {"steps", "checks", "conda.untouched"}, broken
    assert "site-packages/six.py is altered" in broken["conda.untouched"]
    assert [step["exit_code"] for step in made["steps"]] == [1, 0, 0, 1, 0, None]
    assert [name for name in made["conda_files"]["after"] if not name.endswith("/six.py")] == []


def test_every_claim_has_a_control() -> None:
    assert {control.claim for control in CONTROLS.values()} == {claim.id for claim in claims.CLAIMS}


@dataclass(frozen=True)
class Kept:
    """A proof that holds, and the session of the project that it is of."""

    made: dict[str, Any]
    session: Session
    folder: Path

    def verify(self, made: dict[str, Any]) -> dict[str, Status]:
        """Write the proof as if by hand, check it again, and return each result's status."""
        path = self.folder / "edited.json"
        path.write_text(json.dumps(made))
        return {
            one.id.removeprefix("proof."): one.status
            for one in verify.verify(self.session.project.root, str(path)).results
        }


@pytest.fixture(scope="module")
def kept(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Kept]:
    """Return the proof of a session in which nothing broke."""
    folder = tmp_path_factory.mktemp("kept")
    with pytest.MonkeyPatch.context() as patch:
        made = prove(folder, "conda_uv", patch)
        yield Kept(made, Session.open(combo="conda_uv"), folder)


def _leaves(value: object, *path: str | int) -> Iterator[tuple[str | int, ...]]:
    """Yield the way to one leaf of each kind: of a list, and of a mapping by name, the first."""
    if isinstance(value, dict) and value:
        named = any(len(key) > _LONGEST_KEY or not key.replace("_", "").isalpha() for key in value)
        for key in [next(iter(value))] if named else value:
            yield from _leaves(value[key], *path, key)
    elif isinstance(value, list) and value:
        yield from _leaves(value[0], *path, 0)
    else:
        yield path


_LONGEST_KEY = 20


def _edited(
    made: dict[str, Any], path: Sequence[str | int], change: Callable[[Any], Any]
) -> dict[str, Any]:
    edited: dict[str, Any] = json.loads(json.dumps(made))
    inner: Any = edited
    for key in path[:-1]:
        inner = inner[key]
    inner[path[-1]] = change(inner[path[-1]])
    return edited


def _other(value: object) -> object:
    """Return another value of the same shape, so that the schema alone finds nothing."""
    if isinstance(value, bool) or value is None:
        return "0" * 64
    if isinstance(value, str):
        return f"{value[:-1]}{'0' if value[-1:] != '0' else '1'}"
    if isinstance(value, (int, float)):
        return value + 1
    return [*value, "more"] if isinstance(value, list) else {**value, "more": "more"}  # type: ignore[dict-item]


def test_any_value_that_is_edited_by_hand_makes_the_proof_fail(kept: Kept) -> None:
    assert set(kept.verify(kept.made).values()) == {Status.PASS}
    paths = [path for path in _leaves(kept.made) if path != ("schema",)]
    assert len(paths) > 60
    for path in paths:
        states = kept.verify(_edited(kept.made, path, _other))
        assert states["digest"] is Status.FAIL, path


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("python", "version"), "3.11.0"),
        (("python", "asked"), "3.10"),
        (("interpreter", "prefix"), "/usr"),
        (("interpreter", "version"), "3.11.0"),
        (("interpreter", "foreign"), ["/usr/lib/python3/dist-packages"]),
        (("imports", "failed"), {"click": "no"}),
        (("checks", "drift.lock"), "fail"),
        (("checks",), {}),
        (("installed", 0, "version"), "99"),
        (("installed", -1, "owner"), "stray"),
        (("installed",), []),
        (("lock", "packages", "click"), ["99"]),
        (("lock", "after", "click"), ["99"]),
        (("lock", "needed"), ["click", "numpy"]),
        (("lock",), None),
        (("kept", "after", "pyproject.toml"), "0" * 64),
        (("conda_files", "after"), {"bin/python": None}),
        (("conda_files",), None),
        (("second", "installed", 0, "version"), "99"),
        (("second",), None),
        (("steps", 0, "status"), "fail"),
        (("steps", 0, "status"), "skip"),
        (("steps", 0, "exit_code"), 1),
        (("steps", 0, "peak_memory_bytes"), -1),
        (("steps",), []),
        (("verdict", "status"), "fail"),
        (("verdict", "claims", 3, "status"), "skip"),
        (("verdict", "claims", 3, "title"), "all is well"),
        (("verdict", "claims", 3, "reason"), "it was not looked at"),
        (("verdict", "claims"), []),
    ],
    ids=str,
)
def test_a_verdict_that_does_not_follow_fails_although_the_digest_fits(
    path: tuple[str | int, ...], value: object, kept: Kept
) -> None:
    edited = _edited(kept.made, path, lambda _: value)
    states = kept.verify({**edited, "digest": document.digest(edited)})
    assert states["digest"] is Status.PASS
    assert Status.FAIL in states.values()


def test_a_digest_does_not_show_who_wrote_the_proof(kept: Kept) -> None:
    edited = {**kept.made, "made": "2020-01-01T00:00:00+00:00"}
    assert set(kept.verify({**edited, "digest": document.digest(edited)}).values()) == {Status.PASS}


def test_a_project_that_has_changed_since_is_a_warning_and_another_one_is_not_compared(
    kept: Kept,
) -> None:
    path = kept.session.project.pyproject.path
    text = path.read_text()
    try:
        path.write_text(f"{text}# changed\n")
        assert kept.verify(kept.made)["project"] is Status.WARN
    finally:
        path.write_text(text)
    edited = _edited(kept.made, ("project", "name"), lambda _: "other")
    assert kept.verify(edited)["project"] is Status.SKIP


def _newer(made: dict[str, Any]) -> None:
    made["lock"]["packages"]["click"] = ["99"]
    made["installed"] = [
        {**row, "version": "99"} if row["name"] == "click" else row for row in made["installed"]
    ]


def _by_hand(made: dict[str, Any]) -> None:
    made["installed"].append({"name": "toolz", "version": "1", "owner": "stray", "bytes": 1})


def _on_a_mac(made: dict[str, Any]) -> None:
    made["platform"] |= {"system": "Darwin", "machine": "arm64"}
    made["installed"] = [row for row in made["installed"] if row["name"] != "click"]


@pytest.mark.parametrize(
    ("changes", "differ", "likely"),
    [
        ((), set(), "the load of the machine"),
        (
            (lambda made: made["caches"].update(uv="cold"),),
            set(),
            "different times follow from cache uv",
        ),
        ((_newer,), {"packages", "lock"}, "at different times or places"),
        (
            (_newer, lambda made: made["manifests"].update({"conda.yml": "0" * 64})),
            {"packages", "lock"},
            "was changed",
        ),
        ((_on_a_mac,), {"packages"}, "follows from platform machine, platform system"),
        ((_by_hand,), {"packages"}, "by hand"),
        (
            (lambda made: made["verdict"].update(status="fail"),),
            {"verdict"},
            "only one of the sessions",
        ),
    ],
)
def test_the_difference_between_two_proofs_is_explained(
    changes: tuple[Callable[[dict[str, Any]], None], ...], differ: set[str], likely: str, kept: Kept
) -> None:
    other = json.loads(json.dumps(kept.made))
    for change in changes:
        change(other)
    paths = [kept.folder / name for name in ("one.json", "other.json")]
    for path, made in zip(paths, (kept.made, other), strict=True):
        document.write(path, made)
    found = difference.explain(*map(str, paths))
    assert {
        one.id.removeprefix("compare.") for one in found.results if one.status is Status.FAIL
    } == differ
    assert likely in found.data["likely"]
    assert [row["step"] for row in found.data["steps"]] == list(claims.STEPS)
