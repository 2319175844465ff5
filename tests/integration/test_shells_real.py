"""The scripts in real shells: what is set while an environment is active, and not afterwards."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING

import pytest

from tasks_lib.environments import shells
from tasks_lib.environments.base import Activation
from tasks_lib.execution.process import Command, environment
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

pytestmark = pytest.mark.processes

POSIX = os.name == "posix"
#: A folder's name with all that the system allows and a shell would read as its own.
ODD = (
    "p é 'q' \"r\" $HOME `touch CANARY` $(touch CANARY) ; touch CANARY #!x !! %y \\z &\n=w"
    if POSIX
    else "p é 'q' & (r)!"
)
VALUE = (
    f"{ODD} ~ * ? [a] {{b}} <c> | ^ \u2019; touch CANARY; \u2018"
    if POSIX
    else f'{ODD} "r" %PATH% <c> | ^'
)
DUMP = """
import json, os, sys
with open(sys.argv[1], "w", encoding="utf-8", errors="surrogateescape") as stream:
    json.dump({"env": dict(os.environ), "args": sys.argv[2:]}, stream)
"""
#: What every shell changes by itself.
NOISE = {"_", "SHLVL", "OLDPWD", "LINES", "COLUMNS", "PS1", "PROMPT", "MLOPS_DUMP", "MLOPS_PYTHON"}


@dataclass(frozen=True)
class Case:
    """How one real shell is started on a file, and the lines that it reads."""

    shell: str
    argv: tuple[str, ...]
    before: str = ""
    dump: str = '"$MLOPS_PYTHON" "$MLOPS_DUMP" {0}.json "$-" "${{PS1-}}"'
    activate: str = 'eval "$(cat {0})"'
    leave: str = "mlops_deactivate"
    on: str = "export {0}={1}"
    off: str = "unset {0}"


_FISH = Case(
    "fish",
    ("fish", "--no-config"),
    dump='"$MLOPS_PYTHON" "$MLOPS_DUMP" {0}.json',
    activate="cat {0} | source",
    on="set -gx {0} {1}",
    off="set -eg {0}",
)
_POWERSHELL = Case(
    "powershell",
    ("pwsh", "-NoProfile", "-File"),
    dump="& $Env:MLOPS_PYTHON $Env:MLOPS_DUMP {0}.json",
    activate="Get-Content -Encoding utf8 {0} | Out-String | Invoke-Expression",
    on="$Env:{0} = '{1}'",
    off="Remove-Item Env:{0}",
)
_CMD = Case(
    "cmd",
    ("cmd", "/C"),
    dump='@"%MLOPS_PYTHON%" "%MLOPS_DUMP%" {0}.json',
    activate="@call {0}",
    leave="@call leave.bat",
    on="@set {0}={1}",
    off="@set {0}=",
)
CASES = [
    pytest.param(Case("bash", ("bash", "--norc")), id="bash"),
    pytest.param(Case("bash", ("bash", "--norc"), before="set -eu"), id="bash -eu"),
    pytest.param(
        Case("bash", ("bash", "--norc"), before="set -euo pipefail -o noclobber -o posix"),
        id="bash posix",
    ),
    pytest.param(
        Case("bash", ("bash", "--norc"), before="set +h; PS1='$ '"),
        id="bash with a prompt, without hashing",
    ),
    pytest.param(Case("zsh", ("zsh", "-f")), id="zsh"),
    pytest.param(
        Case("zsh", ("zsh", "-f"), before="set -eu; setopt rc_quotes warn_create_global"),
        id="zsh -eu",
    ),
    pytest.param(
        Case("zsh", ("zsh", "-f"), before="setopt sh_word_split ksh_arrays glob_subst"),
        id="zsh like ksh",
    ),
    pytest.param(_FISH, id="fish"),
    pytest.param(_POWERSHELL, id="powershell"),
    pytest.param(_CMD, id="cmd"),
]
INTERACTIVE = [
    pytest.param(case, id=case.shell) for case in (Case("bash", ()), Case("zsh", ()), _FISH)
]


def installed(program: str) -> None:
    """Skip the test, with the reason, if the shell is missing."""
    if shutil.which(program) is None:
        pytest.skip(f"{program} is not on this machine")


def make(folder: Path, name: str, case: Case) -> Activation:
    """Make an environment with odd characters everywhere, and scripts that `set -eu` would stop."""
    prefix = folder / name
    suffix = shells.SHELLS[case.shell].suffix
    for place in ("bin", "on", "off"):
        (prefix / place).mkdir(parents=True)
    loose = ": $NOT_SET_ANYWHERE\nfalse\n" if suffix == ".sh" else ""
    first, last = prefix / "on" / f"1 on{suffix}", prefix / "off" / f"1 off{suffix}"
    first.write_text(f"{loose}{case.on.format('BY_SCRIPT', 'yes')}\n")
    last.write_text(
        f"{loose}{case.off.format('BY_SCRIPT')}\n{case.on.format('LEFT', 'by-script')}\n"
    )
    alien = prefix / "on" / "2.csh"
    alien.write_text("this is not a script of this shell\n")
    variables = {"VIRTUAL_ENV": str(prefix), "VIRTUAL_ENV_PROMPT": name, "ODD": VALUE, "GONE": None}
    folders = (prefix / "bin", prefix / "other bin")
    return Activation(prefix, prefix / "bin/python", folders, variables, (first, alien), (last,))


class Lab:
    """A folder in which a shell runs a file and leaves what it saw."""

    def __init__(self, folder: Path, case: Case) -> None:
        """Store both, and write the program that looks at the environment."""
        self.folder, self.case = folder, case
        self.home = folder / "home"
        self.home.mkdir()
        (folder / "dump.py").write_text(DUMP)
        self.env = {
            **{
                key: value
                for key, value in environment({}).items()
                if key not in {"ODD", "LEFT", "ZDOTDIR"}
            },
            "HOME": str(self.home),
            "MLOPS_PYTHON": sys.executable,
            "MLOPS_DUMP": str(folder / "dump.py"),
            "CONDA_PREFIX": "/old conda",
            "PYTHONHOME": sys.base_prefix,  # a home that the program which looks can start with
            "GONE": "was 'here' & \"there\" $X" if POSIX else "was 'here' & there",
            **({"CONDA_PROMPT_MODIFIER": ""} if POSIX else {}),  # set, but empty
        }

    def write(self, name: str, activation: Activation) -> str:
        """Write an activation script, and return the line that runs it."""
        suffix = shells.SHELLS[self.case.shell].suffix
        (self.folder / "leave.bat").write_text(shells.deactivation_script("cmd"))
        text = shells.activation_script(self.case.shell, activation)
        (self.folder / f"{name}{suffix}").write_text(text, encoding="utf-8")
        return self.case.activate.format(f"{name}{suffix}")

    def run(self, *lines: str) -> None:
        """Run the lines as one file, which must end well and say nothing."""
        suffix = shells.SHELLS[self.case.shell].suffix
        file = self.folder / f"main{suffix}"
        file.write_text("\n".join([*([self.case.before] if self.case.before else []), *lines, ""]))
        self.start(Command((*self.case.argv, str(file)), env={}, cwd=self.folder))

    def start(self, command: Command, typed: str = "") -> str:
        """Start a shell, and return what it printed."""
        program = shutil.which(command.argv[0])
        assert program is not None
        env = {
            **self.env,
            **{key: value for key, value in command.env.items() if value is not None},
        }
        done = subprocess.run(
            [program, *command.argv[1:]],
            env=env,
            cwd=command.cwd or self.folder,
            input=typed,
            capture_output=True,
            encoding="utf-8",
            check=False,
            timeout=60,
        )
        assert done.returncode == 0, done.stderr
        assert typed or not done.stderr.strip(), done.stderr
        assert not list(self.folder.rglob("CANARY"))
        return done.stdout + done.stderr

    def dump(self, name: str) -> str:
        """Return the line that looks at the environment."""
        return self.case.dump.format(name)

    def saw(self, name: str) -> dict[str, str]:
        """Return the environment as it was, without what shells change by themselves."""
        seen = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        return {key: value for key, value in seen["env"].items() if key not in NOISE}

    def args(self, name: str) -> list[str]:
        """Return the shell's own options and prompt as they were."""
        seen = json.loads((self.folder / f"{name}.json").read_text(encoding="utf-8"))
        return [str(text) for text in seen["args"]]


@pytest.fixture
def lab(case: Case, tmp_path: Path) -> Lab:
    """Return a folder for one shell."""
    installed(case.argv[0] if case.argv else case.shell)
    return Lab(tmp_path, case)


def active(before: dict[str, str], activation: Activation) -> dict[str, str]:
    """Return what the environment must be while it is active, from what it was."""
    env = less(before, "CONDA_PREFIX", "CONDA_PROMPT_MODIFIER", "PYTHONHOME", "GONE")
    variables = {key: value for key, value in activation.variables.items() if value is not None}
    path = os.pathsep.join([*map(str, activation.path), before["PATH"]])
    return {**env, **variables, "BY_SCRIPT": "yes", "PATH": path}


def less(env: dict[str, str], *names: str) -> dict[str, str]:
    """Leave some variables out."""
    return {key: value for key, value in env.items() if key not in names}


@pytest.mark.parametrize("case", CASES)
def test_once_twice_another_and_back(lab: Lab, tmp_path: Path) -> None:
    one, two = make(tmp_path, ODD, lab.case), make(tmp_path, "other", lab.case)
    on, other = lab.write("one", one), lab.write("two", two)
    steps = [
        on,
        lab.dump("once"),
        on,
        lab.dump("twice"),
        other,
        lab.dump("other"),
        lab.case.leave,
        lab.dump("after"),
    ]
    lab.run(lab.dump("before"), *steps, on, lab.case.leave, lab.dump("again"))
    before = lab.saw("before")
    assert before["CONDA_PREFIX"] == "/old conda"
    assert lab.saw("once") == active(before, one)
    assert less(lab.saw("twice"), "LEFT") == active(before, one)
    assert lab.saw("twice")["LEFT"] == "by-script"
    assert less(lab.saw("other"), "LEFT") == active(before, two)
    assert less(lab.saw("after"), "LEFT") == before
    assert less(lab.saw("again"), "LEFT") == before
    assert lab.args("after") == lab.args("before")
    assert lab.args("once")[:1] == lab.args("before")[:1]  # the shell's options


@pytest.mark.parametrize("case", CASES)
def test_an_environment_that_is_deleted_while_active_can_be_left(lab: Lab, tmp_path: Path) -> None:
    activation = make(tmp_path, "short-lived", lab.case)
    delete = "rmdir /s /q short-lived" if lab.case.shell == "cmd" else "rm -r short-lived"
    on = lab.write("on", activation)
    lab.run(lab.dump("before"), on, delete, lab.case.leave, lab.dump("after"))
    assert less(lab.saw("after"), "BY_SCRIPT") == lab.saw("before")


@pytest.mark.parametrize("case", CASES)
def test_a_shell_within_the_shell_has_an_activation_of_its_own(lab: Lab, tmp_path: Path) -> None:
    one, two = make(tmp_path, "outer", lab.case), make(tmp_path, ODD, lab.case)
    suffix = shells.SHELLS[lab.case.shell].suffix
    inner = [
        lab.dump("inherited"),
        lab.write("two", two),
        lab.dump("inner"),
        lab.case.leave,
        lab.dump("left"),
    ]
    (tmp_path / f"inner{suffix}").write_text("\n".join([*inner, ""]))
    nested = " ".join([*lab.case.argv, f"inner{suffix}"])
    lab.run(
        lab.dump("before"),
        lab.write("one", one),
        nested,
        lab.dump("outer"),
        lab.case.leave,
        lab.dump("after"),
    )
    before = lab.saw("before")
    assert lab.saw("inherited") == lab.saw("outer") == active(before, one)
    # cmd keeps its state in the environment, so that the inner one undoes the outer one
    if lab.case.shell == "cmd":
        assert lab.saw("inner")["VIRTUAL_ENV"] == str(two.prefix)
    else:
        assert lab.saw("inner") == active(lab.saw("inherited"), two)
        assert less(lab.saw("left"), "LEFT") == less(lab.saw("inherited"), "BY_SCRIPT")
    assert less(lab.saw("after"), "LEFT") == before


@cases(
    "case",
    {
        "bash": Case("bash", ("bash", "--norc")),
        "zsh": Case("zsh", ("zsh", "-f")),
    },
)
def test_a_command_that_the_shell_remembers_is_looked_up_anew(lab: Lab, tmp_path: Path) -> None:
    activation = make(tmp_path, "env", lab.case)
    program = tmp_path / "env/bin/cat"
    program.write_text("#!/bin/sh\necho own >own.txt\n")
    program.chmod(0o755)
    lab.run(
        "cat </dev/null",
        lab.write("on", activation),
        "cat",
        lab.case.leave,
        "cat main* >theirs.txt",
    )
    assert (tmp_path / "own.txt").read_text() == "own\n"
    assert (tmp_path / "theirs.txt").read_text().startswith("cat <")


@cases(
    "case",
    {
        "bash": Case("bash", ("bash", "--norc"), before="PS1='$ '"),
        "zsh": Case("zsh", ("zsh", "-f"), before="PS1='%% '"),
    },
)
def test_the_prompt_names_the_environment_while_it_is_active(lab: Lab, tmp_path: Path) -> None:
    on = lab.write("on", make(tmp_path, "my env", lab.case))
    lab.run(lab.dump("before"), on, on, lab.dump("active"), lab.case.leave, lab.dump("after"))
    assert lab.args("active")[1] == f"(my_env) {lab.args('before')[1]}"
    assert lab.args("after") == lab.args("before")
    lab.run("export VIRTUAL_ENV_DISABLE_PROMPT=1", lab.dump("before"), on, lab.dump("active"))
    assert lab.args("active") == lab.args("before")


@pytest.mark.parametrize("case", INTERACTIVE)
def test_a_person_can_evaluate_it_at_the_prompt(lab: Lab, tmp_path: Path) -> None:
    activation = make(tmp_path, ODD, lab.case)
    typed = [
        lab.dump("before"),
        lab.write("on", activation),
        lab.dump("active"),
        lab.case.leave,
        lab.dump("after"),
    ]
    plain = {"bash": "--norc", "zsh": "-f", "fish": "--no-config"}[lab.case.shell]
    said = lab.start(Command((lab.case.shell, plain, "-i")), "\n".join([*typed, "exit", ""]))
    assert "not found" not in said
    before = lab.saw("before")
    assert lab.saw("active") == active(before, activation)
    assert less(lab.saw("after"), "LEFT") == before


@cases("moved", {"home": False, "ZDOTDIR": True})
@pytest.mark.parametrize("case", INTERACTIVE)
def test_a_new_shell_reads_the_persons_own_files_first(
    lab: Lab, tmp_path: Path, *, moved: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    if moved and lab.case.shell != "zsh":
        pytest.skip("only zsh has ZDOTDIR")
    monkeypatch.delenv("ZDOTDIR", raising=False)
    own = lab.home
    if moved:
        own = tmp_path / "dots of 'mine'"
        own.mkdir()
        monkeypatch.setenv("ZDOTDIR", str(own))
    (lab.home / ".config/fish").mkdir(parents=True)
    setting = "FROM_RC=yes; export FROM_RC; PATH=/rc:$PATH; VIRTUAL_ENV=/rc; export VIRTUAL_ENV\n"
    (lab.home / ".bashrc").write_text(setting)
    (own / ".zshenv").write_text('export FROM_ENV="${ZDOTDIR-none}"\n')
    (own / ".zshrc").write_text(setting)
    fish = "set -gx FROM_RC yes\nset -gx PATH /rc $PATH\nset -gx VIRTUAL_ENV /rc\n"
    (lab.home / ".config/fish/config.fish").write_text(fish)
    place = tmp_path / ODD.replace("/", "_")
    place.mkdir()
    activation = make(tmp_path, "env", lab.case)
    command = shells.interactive(lab.case.shell, activation, place)
    lab.env["XDG_CONFIG_HOME"] = str(lab.home / ".config")
    lab.start(
        command, "\n".join([lab.dump("active"), lab.case.leave, lab.dump("after"), "exit", ""])
    )
    seen, after = lab.saw("active"), lab.saw("after")
    assert seen["FROM_RC"] == after["FROM_RC"] == "yes"
    assert seen["VIRTUAL_ENV"] == str(activation.prefix)
    assert after["VIRTUAL_ENV"] == "/rc"
    assert seen["PATH"].startswith(
        f"{os.pathsep.join(map(str, activation.path))}{os.pathsep}/rc{os.pathsep}"
    )
    assert after["PATH"].startswith(f"/rc{os.pathsep}")
    assert "MLOPS_LAB_START" not in seen
    assert seen.get("ZDOTDIR") == (str(own) if moved else None)
    if lab.case.shell == "zsh":
        assert seen["FROM_ENV"] == (str(own) if moved else "none")
