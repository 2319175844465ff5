"""The tasks `env.*` on every combo and engine; conda's base environment is never a target."""

from __future__ import annotations

import json
import os
import shlex
import shutil
from collections import Counter
from typing import TYPE_CHECKING

import pytest

from tests import image_steps
from tests.lab import (
    CONDA_YML,
    ENGINES,
    HYBRIDS,
    INSTALLED,
    LAYERS,
    MANAGERS,
    PYTHON,
    VERSION,
    Case,
    Lab,
    differences,
    tools,
    tree,
    untouched,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

pytestmark = pytest.mark.processes

BASH = shutil.which("bash") or ""
#: one name and two words that a shell would split or expand
TELL = "import json, os, sys; print(json.dumps([sys.prefix, sys.argv[1:], dict(os.environ)]))"
OTHERS = {"pip": "CONDA_PREFIX", "conda": "VIRTUAL_ENV"}
OWN = {"pip": "VIRTUAL_ENV", "conda": "CONDA_PREFIX"}
MADE_BY = [Case("pip_uv"), *(Case("conda_uv", engine) for engine in ENGINES)]


def layer(lab: Lab) -> str:
    """Name the lab's environment layer."""
    assert lab.case is not None
    return lab.case.layer


@pytest.mark.parametrize(
    "fresh", [Case("conda_uv", engine) for engine in ENGINES], ids=str, indirect=True
)
def test_channel_in_a_spec_is_read_by_the_alias_and_nodefaults_is_none(fresh: Lab) -> None:
    text = CONDA_YML.replace("  - conda-forge\n", "  - conda-forge\n  - nodefaults\n")
    fresh.write("conda.yml", f"{text}  - conda-forge::click\n")
    fresh.ok("env.create")
    fresh.write("conda.yml", f"{text}  - conda-forge::click\n  - conda-forge::six\n")
    fresh.ok("env.update")
    (record,) = fresh.prefix.glob("conda-meta/six-*.json")
    asked = json.loads(record.read_text("utf-8"))
    assert "://" not in str([asked.get("requested_spec"), asked.get("requested_specs")])


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_list_and_info(made: Lab) -> None:
    assert made.case is not None
    with untouched(made):
        rows = made.ok("env.list").data["environments"]
        info = made.ok("env.info").data
        listed = made.ok("deps.list").data["packages"]
        text = made("env.list", json=False)
    (mine,) = [row for row in rows if row["path"] == str(made.prefix)]
    name = ".venv" if layer(made) == "pip" else "tiny_env"
    assert (mine["name"], mine["kind"], mine["state"], mine["project"]) == (
        name,
        layer(made),
        "present",
        True,
    )
    assert mine["python"].startswith(f"{VERSION}.")
    assert not any(row["active"] for row in rows)
    assert made.ok("env.list", "--name", name).data["environments"] == [mine]
    assert made("env.list", "--name", "other").code == 2
    assert name in text.stdout
    assert (info["combo"], info["manager"], info["state"]) == (
        made.case.combo,
        made.case.manager,
        "present",
    )
    assert info["path"] == str(made.prefix)
    counted = Counter(row["owner"] for row in listed if row["version"])
    assert info["packages_by_owner"] == {
        owner: counted[owner] for owner in ("conda", "lock", "stray")
    }
    assert info["packages"] == counted.total()
    assert info["packages_by_owner"]["lock"] == len(INSTALLED)
    if made.case.engine:
        assert info["engine"] == made.case.engine
        virtual = info["virtual_packages"]
        assert {"__unix", "__linux", "__glibc"} <= virtual.keys()
        other = made(
            "env.info", env={"CONDA_OVERRIDE_CUDA": "12.4", "CONDA_OVERRIDE_GLIBC": "2.99"}
        )
        assert other.data["virtual_packages"] == {**virtual, "__cuda": "12.4", "__glibc": "2.99"}
        seen = json.loads(made.conda("info", "--json").stdout)["virtual_pkgs"]
        assert {name: version for name, version, _ in seen if name == "__glibc"} == {
            "__glibc": virtual["__glibc"]
        }
        # the real conda sees the same environments, under the same names
        names = [
            line.split()[0]
            for line in made.conda("env", "list").stdout.splitlines()
            if line.strip()
        ]
        assert {row["name"] for row in rows if row["kind"] == "conda"} - set(names) == set()


@pytest.mark.parametrize("made", MANAGERS, ids=str, indirect=True)
def test_list_names_those_of_other_tools_in_the_projects_folder(made: Lab) -> None:
    folder = made.project / ".nox" / "tests"
    assert made.run([str(tools() / "uv"), "venv", "--python", PYTHON, str(folder)]).code == 0
    try:
        with untouched(made):
            rows = made("env.list").data["environments"]
    finally:
        shutil.rmtree(made.project / ".nox")
    found = {row["kind"]: row for row in rows}
    assert found.keys() == {"pip", "nox"}
    assert all(row["project"] for row in rows)
    assert all(row["python"].startswith(f"{VERSION}.") for row in rows)


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_the_active_one_is_marked(made: Lab) -> None:
    rows = made("env.list", env={OWN[layer(made)]: str(made.prefix)}).data["environments"]
    assert [row["path"] for row in rows if row["active"]] == [str(made.prefix)]


#: as direnv-stdlib(1) says, where the machine has no direnv: the prefixes here are absolute
PATH_ADD = 'PATH_add() { PATH="$1:$PATH"; export PATH; }'


@pytest.mark.parametrize("made", LAYERS[:2], ids=str, indirect=True)
def test_direnv_activates(made: Lab) -> None:
    """With direnv itself where the machine has it, and with bash alone everywhere."""
    script = made.prefix / "etc" / "conda" / "activate.d" / "own.sh"
    if layer(made) == "conda":
        script.parent.mkdir(parents=True, exist_ok=True)
        script.write_text('export OWN="$CONDA_PREFIX\'s"; false\n')
    made.write(".envrc", "export MINE=1\n")
    with untouched(made):
        made.ok("env.direnv", "--dry-run")
    made.ok("env.direnv")
    env = {"VIRTUAL_ENV": "/other", "CONDA_PREFIX": "/other", "PYTHONPATH": "/other"}
    python = ["python", "-c", TELL]
    tries = [[BASH, "-euc", f'{PATH_ADD}\n. ./.envrc; exec "$@"', "bash", *python]]
    if program := shutil.which("direnv"):
        made.run([program, "allow"])
        tries.append([program, "exec", ".", *python])
    for argv in tries:
        ran = made.run(argv, env=env)
        prefix, _, seen = json.loads(ran.stdout or "[0, 0, {}]")
        assert prefix == str(made.prefix) == seen[OWN[layer(made)]], ran
        assert not {OTHERS[layer(made)], "PYTHONPATH"} & seen.keys()
        assert seen["MINE"] == "1"
        assert seen.get("OWN") == (f"{prefix}'s" if script.exists() else None)
    made.ok("env.direnv", "--remove")
    assert (made.project / ".envrc").read_text() == "export MINE=1\n"
    (made.project / ".envrc").unlink()
    shutil.rmtree(script.parents[1], ignore_errors=True)


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_activate_in_bash(made: Lab) -> None:
    start = " ".join(
        f"'{word}'" for word in made.argv("env.activate", "--shell", "bash", json=False)
    )
    undo = " ".join(
        f"'{word}'" for word in made.argv("env.activate", "--shell", "bash", "--undo", json=False)
    )
    show = (
        'python -c "import sys; print(sys.prefix)"; '
        'echo "${VIRTUAL_ENV-none} ${CONDA_PREFIX-none}"; echo "$PATH"'
    )
    folder = made.prefix / "etc" / "conda"
    if layer(made) == "conda":
        for name, text in (("activate", "export TINY_FLAG=up"), ("deactivate", "unset TINY_FLAG")):
            (folder / f"{name}.d").mkdir(parents=True)
            (folder / f"{name}.d" / "tiny.sh").write_text(text)
    script = (
        f'set -eu; before="$PATH"; eval "$({start})"; {show}; '
        f'echo "${{TINY_FLAG-none}}"; eval "$({undo})"; '
        'echo "${VIRTUAL_ENV-none} ${CONDA_PREFIX-none} ${TINY_FLAG-none}"; '
        '[ "$PATH" = "$before" ] && echo same'
    )
    try:
        answer = made.run([BASH, "-c", script])
    finally:
        if layer(made) == "conda":
            shutil.rmtree(folder)
    assert answer.code == 0, answer
    prefix = str(made.prefix)
    names = f"{prefix} none" if layer(made) == "pip" else f"none {prefix}"
    flag = "up" if layer(made) == "conda" else "none"
    lines = answer.stdout.splitlines()
    assert lines[:2] == [prefix, names]
    assert lines[2].startswith(f"{made.prefix / 'bin'}:")
    assert lines[3:] == [flag, "none none none", "same"]


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_run(made: Lab) -> None:
    words = ["a b", "é", "$HOME", "*", ""]
    foreign = {
        "VIRTUAL_ENV": "/another",
        "CONDA_PREFIX": "/another",
        "PYTHONPATH": "/another",
    }
    with untouched(made):
        answer = made("env.run", "--", "python", "-B", "-c", TELL, *words, env=foreign)
    assert answer.code == 0, answer
    prefix, argv, env = json.loads(answer.data["stdout"])
    assert (prefix, argv) == (str(made.prefix), words)
    assert env[OWN[layer(made)]] == str(made.prefix)
    assert not {OTHERS[layer(made)], "PYTHONPATH"} & set(env)
    assert env["PATH"].split(":")[0] == str(made.prefix / "bin")


@pytest.mark.parametrize("made", LAYERS, ids=str, indirect=True)
def test_run_hands_on_what_the_command_says(made: Lab) -> None:
    for code in (0, 1, 7):
        argv = ("--", "python", "-c", f"import sys; print('out'); sys.exit({code})")
        plain, document = made("env.run", *argv, json=False), made("env.run", *argv)
        assert (plain.code, plain.stdout, document.code) == (code, "out\n", code)
        assert document.data["returncode"] == code
    assert made("env.run", "--command", "python -c 'import click'").code == 0
    missing = made("env.run", "--", "no-such-program-here")
    assert missing.code == 3
    assert "no-such-program-here" in missing.error()["detail"]
    assert made("env.run").code == 2


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_nothing_ever_runs_conda_run(made: Lab) -> None:
    assert made.case is not None
    # a conda that does not exist cannot be called
    options = ("--combo", made.case.combo, "--engine", "rattler")
    without = ":".join(part for part in made.env["PATH"].split(":") if part != str(made.condabin))
    answer = made("env.run", *options, "--", "python", "-c", "import click", env={"PATH": without})
    assert answer.code == 0, answer


@pytest.mark.parametrize("case", MADE_BY, ids=str)
def test_create_and_remove(new_lab: Callable[[Case], Lab], case: Case) -> None:
    lab = new_lab(case)
    with untouched(lab):
        plan = lab.ok("env.create", "--dry-run").data["plan"]
        assert lab.ok("env.list").code == 0
        lab.ok("env.info")
        for args in (("env.activate",), ("env.run", "--", "python")):
            error = lab(*args).error()
            assert "setup" in error["remedy"]
    assert plan[0]["id"] == "env.create"
    manifests = lab.manifests()
    assert lab.ok("env.remove").results[0]["detail"] == "nothing to remove"
    assert lab.manifests() == manifests
    lab.ok("env.create")
    with untouched(lab):
        assert "exists already" in lab.ok("env.create").results[0]["title"]
        assert lab.ok("env.remove", "--dry-run").data["plan"][0]["id"] == "env.remove"
    lab.ok("env.remove")
    assert not lab.prefix.exists()
    assert lab.manifests() == manifests
    if lab.condabin is not None:
        assert "tiny_env" not in lab.conda("env", "list").stdout


def refuse(lab: Lab) -> None:
    """Run all that would touch the environment: the guard refuses each, and nothing changes."""
    for args in (
        ("setup",),
        ("setup", "--dry-run"),
        ("env.create",),
        ("env.remove",),
        ("deps.install",),
        ("deps.add", "toolz"),
        ("deps.remove", "click-default-group"),
        ("deps.update",),
        ("deps.sync",),
        ("deps.add", "six", "--layer", "conda"),
    ):
        answer = lab(*args)
        assert answer.code == 5, (args, answer)
        assert "base" in answer.error()["detail"]


@pytest.mark.parametrize("case", MADE_BY[1:], ids=str)
@pytest.mark.parametrize("how", ["by its launchers", "by its folders", "by a link"])
def test_base_is_refused_by_whatever_name(
    new_lab: Callable[[Case], Lab], case: Case, how: str
) -> None:
    lab = new_lab(case)
    assert lab.condabin is not None
    if how == "by a link":
        lab.prefix.parent.mkdir(parents=True)
        lab.prefix.symlink_to(lab.condabin.parent)
    else:
        (lab.prefix / "conda-meta").mkdir(parents=True)
        (lab.prefix / "conda-meta" / "history").touch()
        for name in ("condabin",) if how == "by its launchers" else ("envs", "pkgs"):
            (lab.prefix / name).mkdir()
        if how == "by its launchers":
            (lab.prefix / "condabin" / "conda").write_text("#!/bin/sh\n")
        (lab.prefix / "bin").mkdir()
        (lab.prefix / "bin" / "python").symlink_to(PYTHON)
    lab.write(lab.lock.name, "")
    with untouched(lab):
        refuse(lab)  # CONDA_DEFAULT_ENV is not set
        # the variables now say that this is not base
        lab.env |= {"CONDA_DEFAULT_ENV": "tiny_env", "CONDA_PREFIX": str(lab.prefix)}
        refuse(lab)
    assert (lab.condabin / "conda").is_file()


@pytest.mark.parametrize("case", MADE_BY[1:], ids=str)
def test_base_is_refused_where_settings_lead_to_it(
    new_lab: Callable[[Case], Lab], case: Case
) -> None:
    lab = new_lab(case)
    assert lab.condabin is not None
    root: Path = lab.condabin.parent
    settings = (lab.home / ".condarc").read_text("utf-8")
    text = settings.replace("[~/.conda/envs]", f"['{root.parent}']")
    (lab.home / ".condarc").write_text(text, encoding="utf-8")
    text = (lab.project / "conda.yml").read_text("utf-8").replace("tiny_env", root.name)
    lab.write("conda.yml", text)
    lab.write(lab.lock.name, "")
    with untouched(lab):
        refuse(lab)
    assert (root / "conda-meta" / "history").is_file()


@pytest.fixture
def misled(made: Lab) -> Iterator[tuple[Lab, Path]]:
    """Yield a lab that was set up, and a renamed base to which all but the prefix leads."""
    base = made.home / "meine Python"
    assert (
        made.run(
            [str(tools() / "uv"), "venv", "--quiet", "--seed", "--python", PYTHON, str(base)]
        ).code
        == 0
    )
    (base / "condabin").mkdir()
    (base / "conda-meta").mkdir()
    (base / "conda-meta" / "history").touch()
    env, manifests = dict(made.env), made.manifests()
    yield made, base
    made.env = env
    for name, data in manifests.items():
        (made.project / name).write_bytes(data)
    (made.project / ".venv").unlink(missing_ok=True)


@pytest.mark.parametrize("made", HYBRIDS, ids=str, indirect=True)
def test_nothing_leads_into_base(misled: tuple[Lab, Path]) -> None:
    lab, base = misled
    records = lab.home / "des envs"
    used = lab.run(
        [str(tools() / "poetry"), "env", "use", str(base / "bin/python")],
        env={"POETRY_VIRTUALENVS_PATH": str(records)},
    )
    assert used.code == 0, used
    assert (records / "envs.toml").is_file()
    conda_yml = (lab.project / "conda.yml").read_text("utf-8")
    ways: dict[str, tuple[dict[str, str], Callable[[], object]]] = {
        "base active, CONDA_DEFAULT_ENV unset": (
            {"CONDA_PREFIX": str(base), "CONDA_SHLVL": "1"},
            lambda: None,
        ),
        "base active, renamed": (
            {"CONDA_PREFIX": str(base), "CONDA_DEFAULT_ENV": "tiny_env"},
            lambda: None,
        ),
        "a stale VIRTUAL_ENV": ({"VIRTUAL_ENV": str(base)}, lambda: None),
        "an old envs.toml": ({"POETRY_VIRTUALENVS_PATH": str(records)}, lambda: None),
        "by path": ({}, lambda: lab.write("conda.yml", f"{conda_yml}prefix: {base}\n")),
        "a .venv beside": ({}, lambda: (lab.project / ".venv").symlink_to(base)),
    }
    before = tree(base)
    for number, (way, (env, lead)) in enumerate(ways.items()):
        lab.env |= env
        lead()
        before_it = lab.installed()
        lab.ok("deps.remove" if number % 2 else "deps.add", "toolz")
        assert lab.installed().keys() ^ before_it.keys() == {"toolz"}, way
        assert differences(before, tree(base)) == {}, way
    for task in ("setup", "deps.install", "deps.update", "deps.sync"):  # all of them at once
        lab.ok(task)
        assert differences(before, tree(base)) == {}, task


@pytest.mark.parametrize("case", MANAGERS, ids=str)
def test_a_venv_that_is_base_is_refused(new_lab: Callable[[Case], Lab], case: Case) -> None:
    lab = new_lab(case)
    base = lab.home / "miniforge3"
    for folder in ("bin", "condabin", "conda-meta", "envs", "pkgs"):
        (base / folder).mkdir(parents=True)
    (base / "bin/python").symlink_to(PYTHON)
    (lab.project / ".venv").symlink_to(base)
    with untouched(lab):
        for task in (
            ("setup",),
            ("env.create",),
            ("deps.install",),
            ("deps.add", "toolz"),
            ("deps.sync",),
        ):
            answer = lab(*task)
            assert answer.code in {2, 5}, (task, answer)
            assert ".venv" in answer.error()["detail"]


@pytest.mark.parametrize("name", ["base", "root", "BASE"])
def test_base_is_refused_by_its_name(new_lab: Callable[[Case], Lab], name: str) -> None:
    lab = new_lab(Case("conda_uv", "rattler"))
    lab.write("conda.yml", (lab.project / "conda.yml").read_text("utf-8").replace("tiny_env", name))
    with untouched(lab):
        for task in ("setup", "env.create", "env.remove"):
            answer = lab(task)
            assert answer.code in {2, 5}
            assert "base" in answer.error()["detail"]


@pytest.mark.skipif(os.geteuid() != 0, reason="a root of its own needs the rights of root")
@pytest.mark.parametrize("made", LAYERS[:1], ids=str, indirect=True)
def test_the_steps_of_the_dockerfile(made: Lab, tmp_path: Path) -> None:
    made.write("Dockerfile", "FROM scratch\n")
    error = made("env.container").error()
    assert error["code"] == "path_occupied"
    assert made.run(error["remedy_argv"]).code == 0
    with untouched(made):
        made.ok("env.container", "--dry-run")
    made.ok("env.container")
    steps = image_steps.script(made.project, tmp_path)
    tell = "import click, sys; print(sys.prefix, click.__file__)"
    steps += f"\n$as /home/lab/env/bin/python -Bc {shlex.quote(tell)}; id -un 1000"
    ran = made.run(["unshare", "--mount", "bash", "-c", steps], cwd=tmp_path)
    assert ran.code == 0, ran
    prefix, file, user = ran.stdout.split()[-3:]
    assert (prefix, user) == ("/home/lab/env", "lab")
    assert file.startswith(f"{prefix}/lib/python")
    made.ok("env.container", "--remove")
    (made.project / "Dockerfile.old").unlink()
    left = {path.name for path in made.project.iterdir()}
    assert not {"Dockerfile", ".dockerignore", ".devcontainer"} & left
