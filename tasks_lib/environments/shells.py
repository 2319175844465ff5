"""Activation scripts for a user's own shell, and an interactive shell in an environment."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.environments.base import WINDOWS
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import shell_words
from tasks_lib.execution.process import FOREIGN, Command

if TYPE_CHECKING:
    from collections.abc import Callable

    from tasks_lib.environments.base import Activation

_START = "MLOPS_LAB_START"


@dataclass(frozen=True)
class Shell:
    """One shell's syntax, as templates: `<name>` is checked, `<value>` and `<prompt>` are quoted.

    The lines from `head` to `tail` are the function that undoes everything. cmd has no functions,
    and keeps variables instead.
    """

    name: str
    suffix: str  # of the scripts that are this shell's own
    quote: Callable[[str], str]
    between: str  # two folders of PATH
    begin: str  # undo an earlier activation first
    set: str
    unset: str
    ahead: str
    source: str
    hint: str
    start: Callable[[str, Path], Command]
    save: str = ""
    head: str = ""
    undo: str = ""
    restore: str = ""
    tail: str = ""
    end: str = ""
    leave: str = "mlops_deactivate"
    spoils: str = ""  # what no script's path may have


def _fill(template: str, **values: str) -> str:
    """Fill a template in one pass: a value that looks like a placeholder stays as it is."""
    return re.sub(r"<([a-z]+)>", lambda match: values[match[1]], template)


def _quoted_cmd(value: str) -> str:
    if "\n" in value or "\r" in value:
        text = f"cmd cannot write a line break, and there is one in {value!r}."
        remedy = Remedy("Use PowerShell instead of cmd")
        raise LabError(text, ErrorCode.SHELL_CANNOT_EXPRESS, remedy=remedy)
    return shell_words.for_cmd(value)


def _write(file: Path, text: str, encoding: str = "utf-8") -> str:
    file.write_text(text, encoding, "surrogateescape", newline="")
    return str(file)


def _start_bash(script: str, folder: Path) -> Command:
    text = f'if [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi\n{script}'
    return Command(("bash", "--rcfile", _write(folder / "activate.bash", text), "-i"))


def _start_zsh(script: str, folder: Path) -> Command:
    """Take ZDOTDIR's place only until the user's own files are read."""
    own, ours = os.environ.get("ZDOTDIR"), shell_words.posix(str(folder))
    read = 'if [ -f "${ZDOTDIR:-$HOME}/<name>" ]; then . "${ZDOTDIR:-$HOME}/<name>"; fi'
    env = (
        "unset ZDOTDIR" if own is None else f"export ZDOTDIR={shell_words.posix(own)}",
        _fill(read, name=".zshenv"),
        f'_MLOPS_ZDOTDIR="${{ZDOTDIR-}}"\nZDOTDIR={ours}\n',
    )
    rc = (
        'if [ -n "$_MLOPS_ZDOTDIR" ]; then ZDOTDIR="$_MLOPS_ZDOTDIR"; else unset ZDOTDIR; fi',
        "unset _MLOPS_ZDOTDIR",
        # macOS's /etc/zshrc has put the history into ZDOTDIR by now.
        f'case "${{HISTFILE-}}" in {ours}/*) HISTFILE="${{ZDOTDIR:-$HOME}}/.zsh_history";; esac',
        _fill(read, name=".zshrc"),
        script,
    )
    _write(folder / ".zshenv", "\n".join(env))
    _write(folder / ".zshrc", "\n".join(rc))
    return Command(("zsh", "-i"), env={"ZDOTDIR": str(folder)})


def _start_fish(script: str, folder: Path) -> Command:
    file = _write(folder / "activate.fish", f"set -eg {_START}\n{script}")
    return Command(
        ("fish", "--interactive", "--init-command", f"source ${_START}"), env={_START: file}
    )


def _start_powershell(script: str, folder: Path) -> Command:
    """Mark the file as UTF-8 and allow local files, which Windows PowerShell needs."""
    program = "powershell" if WINDOWS and shutil.which("pwsh") is None else "pwsh"
    policy = ("-ExecutionPolicy", "RemoteSigned") if WINDOWS else ()
    file = _write(folder / "activate.ps1", script, "utf-8-sig")
    return Command((program, "-NoLogo", *policy, "-NoExit", "-File", file))


def _start_cmd(script: str, folder: Path) -> Command:
    """Start in `folder` and go back: cmd would interpret an `&` in a path on its command line."""
    back = str(Path.cwd()).replace("%", "%%")
    text = f'{script}@cd /d "{back}"\n'
    _write(folder / "activate.bat", text.replace("\n", "\r\n"))
    return Command(("cmd", "/K", r".\activate.bat"), cwd=folder)


# No comments inside: `eval` in an interactive zsh takes `#` for a command. Others' scripts may
# break under `set -eu`.
_OPTIONS_ON = (
    'case "$_MLOPS_OPTIONS" in *e*) set -e;; esac\ncase "$_MLOPS_OPTIONS" in *u*) set -u;; esac'
)
_PROMPT_ON = (
    'if [ -n "${PS1-}" ] && [ -z "${VIRTUAL_ENV_DISABLE_PROMPT-}" ]; then PS1=<prompt>"$PS1"; fi'
)
_PROMPT_OFF = 'if [ -n "${PS1-}" ]; then PS1="${PS1#<prompt>}"; fi'
_BASH = Shell(
    name="bash",
    suffix=".sh",
    quote=shell_words.posix,
    between=":",
    begin="if command -v mlops_deactivate >/dev/null 2>&1; then mlops_deactivate; fi\n"
    "_MLOPS_OPTIONS=$-\nset +eu",
    save='if [ -n "${<name>+x}" ]; then _MLOPS_OLD_<name>="$<name>"; '
    "else unset _MLOPS_OLD_<name>; fi",
    head="mlops_deactivate() {\n_MLOPS_OPTIONS=$-\nset +eu",
    restore='if [ -n "${_MLOPS_OLD_<name>+x}" ]; then export <name>="$_MLOPS_OLD_<name>"; '
    "else unset <name>; fi\n"
    "unset _MLOPS_OLD_<name>",
    tail=f"{_PROMPT_OFF}\nhash -r 2>/dev/null\nunset -f mlops_deactivate\n{_OPTIONS_ON}\n"
    "unset _MLOPS_OPTIONS\n}",
    set="export <name>=<value>",
    unset="unset <name>",
    ahead='export PATH=<value>"${PATH:+:$PATH}"',
    source="if [ -f <value> ]; then . <value>; fi",
    end=f"{_PROMPT_ON}\nhash -r 2>/dev/null\n{_OPTIONS_ON}",
    hint='eval "$(<program> env.activate)"',
    start=_start_bash,
)
_FISH = Shell(
    name="fish",
    suffix=".fish",
    quote=shell_words.fish,
    between=" ",
    begin="if functions -q mlops_deactivate; mlops_deactivate; end",
    save="if set -q <name>; set -g _MLOPS_OLD_<name> $<name>; else; set -eg _MLOPS_OLD_<name>; end",
    head="function mlops_deactivate",
    restore="if set -q _MLOPS_OLD_<name>; set -gx <name> $_MLOPS_OLD_<name>; "
    "else; set -eg <name>; end\n"
    "set -eg _MLOPS_OLD_<name>",
    tail="functions -e mlops_deactivate\nend",
    set="set -gx <name> <value>",
    unset="set -eg <name>",
    ahead="set -gx PATH <value> $PATH",
    source="if test -f <value>; source <value>; end",
    hint="<program> env.activate | source",
    start=_start_fish,
)
_POWERSHELL = Shell(
    name="powershell",
    suffix=".ps1",
    quote=shell_words.powershell,
    between=" + [IO.Path]::PathSeparator + ",
    begin="if (Test-Path Function:mlops_deactivate) { mlops_deactivate }\n$global:_MLOPS_OLD = @{}",
    save="$global:_MLOPS_OLD['<name>'] = [Environment]::GetEnvironmentVariable('<name>')",
    head="function global:mlops_deactivate {",
    restore="if ($null -ne $global:_MLOPS_OLD['<name>']) "
    "{ $Env:<name> = $global:_MLOPS_OLD['<name>'] } "
    "elseif (Test-Path Env:<name>) { Remove-Item Env:<name> }",
    tail="Remove-Variable _MLOPS_OLD -Scope Global\nRemove-Item Function:mlops_deactivate\n}",
    set="$Env:<name> = <value>",
    unset="if (Test-Path Env:<name>) { Remove-Item Env:<name> }",
    ahead="$Env:PATH = <value> + [IO.Path]::PathSeparator + $Env:PATH",
    source="if (Test-Path -LiteralPath <value>) { . <value> }",
    hint="<program> env.activate | Out-String | Invoke-Expression",
    start=_start_powershell,
)
# What cmd must undo is in variables, so any later script can. `for` inserts a value after the line
# is parsed, so no character in it does harm. But `call` reads its line twice, which spoils `%` and
# `^`.
_CMD_UNDO = """
@if "!!"=="" (echo mlops-lab: cmd /V:ON alters exclamation marks. Start cmd without it. \
1>&2 & exit /b 2)
@for /f "tokens=2 delims=:." %%C in ('chcp') do @set "_MLOPS_PAGE=%%C"
@chcp 65001 >nul
@if defined __MLOPS_UNDO_000 for /f "tokens=1* delims==" %%A in ('set __MLOPS_UNDO_') do \
@if exist "%%B" call "%%B"
@for %%N in (%__MLOPS_NAMES%) do @set "%%N="
@if defined __MLOPS_OLD_PATH for /f "tokens=1* delims==" %%A in ('set __MLOPS_OLD_') do @set "%%B"
@if defined __MLOPS_NAMES for /f "delims==" %%A in ('set __MLOPS_') do @set "%%A="
""".strip()
_CMD_SAVE = """
@set "__MLOPS_NAMES=<names>"
@for /f "tokens=1* delims==" %%A in ('set') do @for %%N in (<names> PATH) do @if /i "%%A"=="%%N" \
set "__MLOPS_OLD_%%N=%%N=%%B"
""".strip()
_CMD_AHEAD = """
@set __MLOPS_AHEAD=<value>
@for /f "tokens=1* delims==" %%A in ('set __MLOPS_AHEAD') do \
@for /f "tokens=1,2* delims==" %%C in ('set __MLOPS_OLD_PATH') do \
@if "%%C"=="__MLOPS_OLD_PATH" set "PATH=%%B;%%E"
""".strip()
_CMD_END = '@chcp %_MLOPS_PAGE% >nul 2>nul\n@set "_MLOPS_PAGE="'
_CMD = Shell(
    name="cmd",
    suffix=".bat",
    quote=_quoted_cmd,
    between=";",
    begin=f"{_CMD_UNDO}\n{_CMD_SAVE}",
    undo="@set __MLOPS_UNDO_<index>=<value>",
    set="@set <name>=<value>",
    unset='@set "<name>="',
    ahead=_CMD_AHEAD,
    source='@set __MLOPS_FILE=<value>\n@if exist "%__MLOPS_FILE%" call "%__MLOPS_FILE%"',
    end=_CMD_END,
    leave=f"{_CMD_UNDO}\n{_CMD_END}",
    hint='<program> env.activate > "%TEMP%\\mlops-lab.bat" & call "%TEMP%\\mlops-lab.bat"',
    start=_start_cmd,
    spoils="%^",
)
SHELLS = {
    row.name: row
    for row in (_BASH, replace(_BASH, name="zsh", start=_start_zsh), _FISH, _POWERSHELL, _CMD)
}


def activation_script(shell_name: str, activation: Activation) -> str:
    """Return the script that activates an environment, after undoing an earlier activation.

    Raises:
        LabError: The shell is unknown, or cannot hold a value of the environment.
    """
    shell = _shell(shell_name)
    variables = dict(activation.variables)
    for name in activation.variables:
        if name.upper() == "PATH":
            del variables[name]
    foreign = [_checked(name) for name in dict.fromkeys((*FOREIGN, *variables))]
    names = [*foreign, "PATH"]
    prompt = shell.quote(f"({_label(activation)}) ")
    undo = _scripts(shell, activation.undo_scripts)
    lines = [_fill(shell.begin, names=" ".join(foreign))]
    lines += [_fill(shell.save, name=name) for name in names]
    lines.append(shell.head)
    for number, file in enumerate(undo):
        index = f"{number:03}"
        lines.append(_fill(shell.undo or shell.source, value=file, index=index))
    lines += [_fill(shell.restore, name=name) for name in names]
    lines.append(_fill(shell.tail, prompt=prompt))
    lines += [_fill(shell.unset, name=name) for name in foreign if variables.get(name) is None]
    for name, text in variables.items():
        if text is not None:
            lines.append(_fill(shell.set, name=name, value=shell.quote(text)))
    folders = [_folder(shell, path) for path in activation.path]
    if folders:
        lines.append(_fill(shell.ahead, value=shell.between.join(folders)))
    for file in _scripts(shell, activation.scripts):
        lines.append(_fill(shell.source, value=file))
    lines.append(_fill(shell.end, prompt=prompt))
    return "\n".join(filter(None, lines)) + "\n"


def direnv(activation: Activation, root: Path) -> str:
    """Return the lines of an `.envrc` in the folder `root` that activate an environment.

    Source: direnv-stdlib(1). What is in the folder is named from there, so that it can be moved.
    """
    lines = []
    for name in dict.fromkeys((*FOREIGN, *activation.variables)):
        value = activation.variables.get(_checked(name))
        lines.append(f"unset {name}" if value is None else f"export {name}={_from(root, value)}")
    for path in reversed(activation.path):
        _expect_for_path(path)
        lines.append(f"PATH_add {_from(root, str(path))}")
    for file in activation.scripts:
        if file.suffix == _BASH.suffix:
            place = _from(root, str(file))
            lines.append(f"if [ -f {place} ]; then . {place} || true; fi")
    return "\n".join(lines) + "\n"


def _from(root: Path, value: str) -> str:
    inside = value.startswith(f"{root}{os.sep}")
    return f'"$PWD"{_BASH.quote(value[len(str(root)) :])}' if inside else _BASH.quote(value)


def _label(activation: Activation) -> str:
    """Return what the prompt shows, without a character that a prompt would expand."""
    variables = activation.variables
    label = variables.get("VIRTUAL_ENV_PROMPT") or variables.get("CONDA_DEFAULT_ENV")
    return re.sub(r"[^\w.-]", "_", label or activation.prefix.name)


def deactivation_script(shell_name: str) -> str:
    """Return what undoes an activation: for cmd a second script, else a call of the function."""
    return f"{_shell(shell_name).leave}\n"


def interactive(shell_name: str, activation: Activation, folder: Path) -> Command:
    """Return the command for a shell that reads the user's files, then a script in `folder`."""
    return _shell(shell_name).start(activation_script(shell_name, activation), folder)


def hint(shell_name: str, program: str) -> str:
    """Return the line that a user types to activate."""
    return _fill(_shell(shell_name).hint, program=program)


def _shell(name: str) -> Shell:
    if name not in SHELLS:
        text = f"{name!r} is not a supported shell. There are: {', '.join(SHELLS)}."
        remedy = meant(name, SHELLS, Remedy(f"Choose one, e.g. --shell {next(iter(SHELLS))}"))
        raise LabError(text, ErrorCode.UNKNOWN_SHELL, remedy=remedy)
    return SHELLS[name]


def _checked(name: str) -> str:
    """Refuse a name that a shell would read as something else."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        text = f"The environment sets a variable that no shell can hold: {name!r}."
        remedy = Remedy("Rename the variable where the environment sets it")
        raise LabError(text, ErrorCode.SHELL_CANNOT_EXPRESS, remedy=remedy)
    return name


def _scripts(shell: Shell, files: tuple[Path, ...]) -> list[str]:
    """Quote the scripts that are this shell's own."""
    own = [str(file) for file in files if file.suffix == shell.suffix]
    for file in own:
        if set(file) & set(shell.spoils):
            text = f"{shell.name} cannot call {file}, which has one of {shell.spoils} in its name."
            remedy = Remedy("Move the environment to another folder, or use another shell")
            raise LabError(text, ErrorCode.SHELL_CANNOT_EXPRESS, remedy=remedy)
    return [shell.quote(file) for file in own]


def _folder(shell: Shell, folder: Path) -> str:
    """Quote a folder for PATH; Git's bash on Windows has its own way to write one."""
    _expect_for_path(folder)
    quoted = shell.quote(str(folder))
    if WINDOWS and shell.suffix == ".sh":
        return f'"$(cygpath -u {quoted})"'
    return quoted


def _expect_for_path(folder: Path) -> None:
    if os.pathsep in str(folder):
        text = f"PATH cannot hold {folder}, which has {os.pathsep!r} in its name."
        remedy = Remedy("Move the project to another folder")
        raise LabError(text, ErrorCode.SHELL_CANNOT_EXPRESS, remedy=remedy)
