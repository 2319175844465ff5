"""How each shell's script is quoted and built, which shell a user has, and how one is started."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from tasks_lib.environments import shells
from tasks_lib.environments.base import Activation
from tasks_lib.errors import LabError
from tasks_lib.execution.process import Command
from tests.cases import cases

PREFIX = Path("/home/me/a project")


def activation(
    variables: dict[str, str | None] | None = None,
    *,
    scripts: tuple[str, ...] = (),
    undo: tuple[str, ...] = (),
) -> Activation:
    """Return an activation with one folder, and scripts by their names."""
    return Activation(
        PREFIX,
        PREFIX / "bin/python",
        (PREFIX / "bin",),
        {"VIRTUAL_ENV": str(PREFIX)} if variables is None else variables,
        tuple(PREFIX / name for name in scripts),
        tuple(PREFIX / name for name in undo),
    )


@cases(
    "name, value, expected",
    {
        "bash space": ("bash", "a b", "'a b'"),
        "bash quotes always": ("bash", "plain", "'plain'"),
        "bash quote": ("bash", "it's", "'it'\"'\"'s'"),
        "bash substitution": ("bash", '$(id) `id` !1 \\ "', "'$(id) `id` !1 \\ \"'"),
        "bash line break": ("bash", "a\nb", "'a\nb'"),
        "zsh equals": ("zsh", "=ls", "'=ls'"),
        "fish": ("fish", "it's \\ $HOME (id)", "'it\\'s \\\\ $HOME (id)'"),
        "fish backslash before a quote": ("fish", "\\'", "'\\\\\\''"),
        "powershell": ("powershell", "it's $Env:X `n", "'it''s $Env:X `n'"),
        "powershell typographic quotes": (
            "powershell",
            "\u2018\u2019\u201a\u201b",
            "'" + "\u2018\u2018\u2019\u2019\u201a\u201a\u201b\u201b'",
        ),
        "cmd plain": ("cmd", "a b!", "a b!"),
        "cmd per cent": ("cmd", "100%PATH%", "100%%PATH%%"),
        "cmd operators": ("cmd", 'a"&b|<>^', 'a^"^&b^|^<^>^^'),
    },
)
def test_a_value_is_quoted_for_its_shell(name: str, value: str, expected: str) -> None:
    assert shells.SHELLS[name].quote(value) == expected


def test_cmd_refuses_a_line_break() -> None:
    with pytest.raises(LabError, match="line break"):
        shells.activation_script("cmd", activation({"X": "a\nb"}))


@pytest.mark.parametrize("name", shells.SHELLS)
def test_a_value_that_looks_like_a_place_in_a_template_is_left_alone(name: str) -> None:
    said = shells.activation_script(name, activation({"X": "<name> <value>"}))
    assert shells.SHELLS[name].quote("<name> <value>") in said


@pytest.mark.parametrize("name", shells.SHELLS)
@pytest.mark.parametrize("variable", ["X; id", "A B", "1X", "X=Y", "$(id)", "X\n", ""])
def test_a_name_that_is_no_name_is_refused(name: str, variable: str) -> None:
    with pytest.raises(LabError, match="no shell can hold"):
        shells.activation_script(name, activation({variable: "1"}))


@pytest.mark.parametrize("name", shells.SHELLS)
def test_a_folder_that_path_cannot_hold_is_refused(name: str) -> None:
    folder = Path(f"a{os.pathsep}b")
    with pytest.raises(LabError, match="PATH cannot hold"):
        shells.activation_script(name, Activation(folder, folder / "python", (folder,)))


@pytest.mark.parametrize("name", shells.SHELLS)
def test_only_scripts_of_its_own_kind_are_run(name: str) -> None:
    kinds = {shell.suffix for shell in shells.SHELLS.values()}
    scripts = (*(f"on{kind}" for kind in kinds), "README")
    undo = tuple(f"off{kind}" for kind in kinds)
    said = shells.activation_script(name, activation(scripts=scripts, undo=undo))
    own = shells.SHELLS[name].suffix
    assert {kind for kind in kinds if f"on{kind}" in said} == {own}
    assert {kind for kind in kinds if f"off{kind}" in said} == {own}
    assert "README" not in said


@pytest.mark.parametrize("name", ["bash", "zsh", "fish", "powershell", "cmd"])
def test_the_other_layer_and_pythonhome_are_unset_and_its_own_is_not(name: str) -> None:
    said = shells.activation_script(name, activation()).splitlines()
    shell = shells.SHELLS[name]
    assert shell.unset.replace("<name>", "CONDA_PREFIX") in said
    assert shell.unset.replace("<name>", "PYTHONHOME") in said
    assert shell.unset.replace("<name>", "VIRTUAL_ENV") not in said


def test_path_comes_from_the_folders_and_not_from_the_variables() -> None:
    said = shells.activation_script("bash", activation({"PATH": "/elsewhere"}))
    assert "/elsewhere" not in said
    assert f"""export PATH='{PREFIX}/bin'"${{PATH:+:$PATH}}\"""" in said


def test_an_environment_without_folders_puts_nothing_ahead_of_path() -> None:
    assert "PATH:+" not in shells.activation_script(
        "bash", Activation(PREFIX, PREFIX / "python", ())
    )


@pytest.mark.parametrize("name", ["bash", "zsh"])
def test_nothing_that_an_interactive_zsh_would_take_for_a_command(name: str) -> None:
    assert "#" not in shells.activation_script(name, activation()).replace("${PS1#", "")


@cases(
    "label, expected",
    {
        "plain": ("mlops_env", "'(mlops_env) '"),
        "accents": ("my été", "'(my_été) '"),
        "nothing that a prompt expands": ("$(id)`id`\\u%n'", "'(__id__id__u_n_) '"),
    },
)
def test_the_prompt_names_the_environment(label: str, expected: str) -> None:
    said = shells.activation_script("bash", activation({"VIRTUAL_ENV_PROMPT": label}))
    assert f'PS1={expected}"$PS1"' in said
    assert f'PS1="${{PS1#{expected}}}"' in said


@pytest.mark.parametrize("odd", ["100%", "a^b"])
def test_cmd_refuses_a_script_that_it_could_not_call(odd: str) -> None:
    with pytest.raises(LabError, match="cannot call"):
        shells.activation_script("cmd", activation(scripts=(f"{odd}.bat",)))
    shells.activation_script("cmd", activation(scripts=(f"{odd}.sh",)))


def test_an_unknown_shell_lists_those_there_are(tmp_path: Path) -> None:
    said = r"'csh' is not a supported shell\. There are: bash, zsh, fish, powershell, cmd\."
    with pytest.raises(LabError, match=said):
        shells.activation_script("csh", activation())
    with pytest.raises(LabError, match=said):
        shells.deactivation_script("csh")
    with pytest.raises(LabError, match=said):
        shells.interactive("csh", activation(), tmp_path)
    with pytest.raises(LabError, match=said):
        shells.hint("csh", "invoke")


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bash", 'eval "$(invoke env.activate)"'),
        ("zsh", 'eval "$(invoke env.activate)"'),
        ("fish", "invoke env.activate | source"),
        ("powershell", "invoke env.activate | Out-String | Invoke-Expression"),
        ("cmd", r'invoke env.activate > "%TEMP%\mlops-lab.bat" & call "%TEMP%\mlops-lab.bat"'),
    ],
)
def test_the_hint_is_what_a_person_types(name: str, expected: str) -> None:
    assert shells.hint(name, "invoke") == expected


@pytest.mark.parametrize(
    ("name", "expected"),
    [
        ("bash", Command(("bash", "--rcfile", "{0}/activate.bash", "-i"))),
        ("zsh", Command(("zsh", "-i"), env={"ZDOTDIR": "{0}"})),
        (
            "fish",
            Command(
                ("fish", "--interactive", "--init-command", "source $MLOPS_LAB_START"),
                env={"MLOPS_LAB_START": "{0}/activate.fish"},
            ),
        ),
        ("powershell", Command(("pwsh", "-NoLogo", "-NoExit", "-File", "{0}/activate.ps1"))),
        ("cmd", Command(("cmd", "/K", r".\activate.bat"), cwd=Path("{0}"))),
    ],
)
def test_a_new_shell_gets_arguments_and_files(
    name: str, expected: Command, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shells, "WINDOWS", False)
    folder = tmp_path / "start"
    folder.mkdir()
    command = shells.interactive(name, activation(), folder)
    here = str(folder)
    assert command.argv == tuple(part.replace("{0}/", f"{here}{os.sep}") for part in expected.argv)
    assert command.env == {
        key: (value or "").replace("{0}/", f"{here}{os.sep}").replace("{0}", here)
        for key, value in expected.env.items()
    }
    assert command.cwd == (folder if expected.cwd else None)
    written = [path.read_bytes() for path in folder.iterdir()]
    assert any(b"VIRTUAL_ENV" in text for text in written)


def test_powershell_on_windows_allows_the_file_and_reads_it_as_utf8(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shells, "WINDOWS", True)
    monkeypatch.setenv("PATH", str(tmp_path))
    command = shells.interactive("powershell", activation(), tmp_path)
    assert command.argv[:4] == ("powershell", "-NoLogo", "-ExecutionPolicy", "RemoteSigned")
    assert (tmp_path / "activate.ps1").read_bytes().startswith(b"\xef\xbb\xbf")


def test_cmd_goes_back_to_where_it_was_called(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    place = tmp_path / "100% & more"
    place.mkdir()
    monkeypatch.chdir(place)
    shells.interactive("cmd", activation(), tmp_path)
    text = (tmp_path / "activate.bat").read_bytes().decode()
    assert text.endswith(f'@cd /d "{tmp_path}{os.sep}100%% & more"\r\n')


def test_git_bash_on_windows_gets_paths_in_its_own_way(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(shells, "WINDOWS", True)
    assert f"""export PATH="$(cygpath -u '{PREFIX}{os.sep}bin')\"""" in shells.activation_script(
        "bash", activation()
    )
