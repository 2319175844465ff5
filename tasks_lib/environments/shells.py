"""Activation scripts for a person's own shell, and an interactive shell with the environment active."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution.process import FOREIGN, Command

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from tasks_lib.environments.base import Activation

WINDOWS = os.name == "nt"  # not from `environments`, whose import costs a YAML parser
#: PowerShell puts folders of the user ahead of the two that Windows itself lists in PSModulePath.
_POWERSHELL_FOLDERS = 3
_START = "MLOPS_LAB_START"


@dataclass(frozen=True)
class Shell:
    """One shell's syntax, as templates: `<name>` is a checked name, `<value>` a quoted value, `<prompt>` quoted too.

    The lines from `head` to `tail` make the function that undoes everything; cmd, which has none, keeps variables.
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
    """Fill a template in one pass, so that a value which looks like a place is left alone."""
    return re.sub(r"<([a-z]+)>", lambda match: values[match[1]], template)


def _quoting(special: str, by: str) -> Callable[[str], str]:
    """Put quotes around every value: zsh expands `=word`, which `shlex.quote` leaves bare."""
    return lambda value: "'" + re.sub(special, by, value) + "'"


_quoted_posix = _quoting("'", "'\"'\"'")


def _quoted_cmd(value: str) -> str:
    """Escape each character by itself: a quote in the value would end quotes around it."""
    if "\n" in value or "\r" in value:
        text = f"cmd has no way to write a line break, and there is one in {value!r}."
        remedy = Remedy("Use PowerShell instead of cmd")
        raise LabError(text, ErrorCode.SHELL_CANNOT_EXPRESS, remedy=remedy)
    return re.sub(r'([\^&|<>"])', r"^\1", value).replace("%", "%%")


def _write(file: Path, text: str, encoding: str = "utf-8") -> str:
    file.write_text(text, encoding, "surrogateescape", newline="")
    return str(file)


def _start_bash(script: str, folder: Path) -> Command:
    text = f'if [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi\n{script}'
    return Command(("bash", "--rcfile", _write(folder / "activate.bash", text), "-i"))


def _start_zsh(script: str, folder: Path) -> Command:
    """Take ZDOTDIR's place only until the user's own files are read."""
    own, ours = os.environ.get("ZDOTDIR"), _quoted_posix(str(folder))
    read = 'if [ -f "${ZDOTDIR:-$HOME}/<name>" ]; then . "${ZDOTDIR:-$HOME}/<name>"; fi'
    env = (
        "unset ZDOTDIR" if own is None else f"export ZDOTDIR={_quoted_posix(own)}",
        _fill(read, name=".zshenv"),
        f'_MLOPS_ZDOTDIR="${{ZDOTDIR-}}"\nZDOTDIR={ours}\n',
    )
    rc = (
        'if [ -n "$_MLOPS_ZDOTDIR" ]; then ZDOTDIR="$_MLOPS_ZDOTDIR"; else unset ZDOTDIR; fi\nunset _MLOPS_ZDOTDIR',
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
    """Start in `folder`, since cmd takes `&` in a path on its command line for its own, and go back from there."""
    back = str(Path.cwd()).replace("%", "%%")
    text = f'{script}@cd /d "{back}"\n'
    _write(folder / "activate.bat", text.replace("\n", "\r\n"))
    return Command(("cmd", "/K", r".\activate.bat"), cwd=folder)


# No comments inside: `eval` in an interactive zsh takes `#` for a command. Other people's scripts break `set -eu`.
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
    quote=_quoted_posix,
    between=":",
    begin="if typeset -f mlops_deactivate >/dev/null; then mlops_deactivate; fi\n_MLOPS_OPTIONS=$-\nset +eu",
    save='if [ -n "${<name>+x}" ]; then _MLOPS_OLD_<name>="$<name>"; else unset _MLOPS_OLD_<name>; fi',
    head="mlops_deactivate() {\n_MLOPS_OPTIONS=$-\nset +eu",
    restore='if [ -n "${_MLOPS_OLD_<name>+x}" ]; then export <name>="$_MLOPS_OLD_<name>"; else unset <name>; fi\n'
    "unset _MLOPS_OLD_<name>",
    tail=f"{_PROMPT_OFF}\nhash -r 2>/dev/null\nunset -f mlops_deactivate\n{_OPTIONS_ON}\nunset _MLOPS_OPTIONS\n}}",
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
    quote=_quoting(r"(['\\])", r"\\\1"),
    between=" ",
    begin="if functions -q mlops_deactivate; mlops_deactivate; end",
    save="if set -q <name>; set -g _MLOPS_OLD_<name> $<name>; else; set -eg _MLOPS_OLD_<name>; end",
    head="function mlops_deactivate",
    restore="if set -q _MLOPS_OLD_<name>; set -gx <name> $_MLOPS_OLD_<name>; else; set -eg <name>; end\n"
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
    quote=_quoting("(['\u2018-\u201b])", r"\1\1"),  # it takes the typographic ones for quotes too
    between=" + [IO.Path]::PathSeparator + ",
    begin="if (Test-Path Function:mlops_deactivate) { mlops_deactivate }\n$global:_MLOPS_OLD = @{}",
    save="$global:_MLOPS_OLD['<name>'] = [Environment]::GetEnvironmentVariable('<name>')",
    head="function global:mlops_deactivate {",
    restore="if ($null -ne $global:_MLOPS_OLD['<name>']) { $Env:<name> = $global:_MLOPS_OLD['<name>'] } "
    "elseif (Test-Path Env:<name>) { Remove-Item Env:<name> }",
    tail="Remove-Variable _MLOPS_OLD -Scope Global\nRemove-Item Function:mlops_deactivate\n}",
    set="$Env:<name> = <value>",
    unset="if (Test-Path Env:<name>) { Remove-Item Env:<name> }",
    ahead="$Env:PATH = <value> + [IO.Path]::PathSeparator + $Env:PATH",
    source="if (Test-Path -LiteralPath <value>) { . <value> }",
    hint="<program> env.activate | Out-String | Invoke-Expression",
    start=_start_powershell,
)
# What cmd must undo stands in variables, so any later script can. `for` puts a value in after the line is parsed, so
# that no character in it does harm; but `call` reads its line twice, which spoils `%` and `^`.
_CMD_UNDO = """
@if "!!"=="" (echo mlops-lab: cmd /V:ON alters exclamation marks. Start cmd without it. 1>&2 & exit /b 2)
@for /f "tokens=2 delims=:." %%C in ('chcp') do @set "_MLOPS_PAGE=%%C"
@chcp 65001 >nul
@if defined __MLOPS_UNDO_000 for /f "tokens=1* delims==" %%A in ('set __MLOPS_UNDO_') do @if exist "%%B" call "%%B"
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


def detect(variables: Mapping[str, str]) -> str:
    """Name the shell that `variables` come from; bash when nothing tells."""
    found = {key.upper(): value for key, value in variables.items()}
    name = (
        re.split(r"[\\/]", found.get("SHELL", ""))[-1]
        .lower()
        .removesuffix(".exe")
        .replace("pwsh", "powershell")
    )
    if name in SHELLS:
        return name
    if "COMSPEC" not in found or "SHELL" in found:
        return "bash"
    folders = [folder for folder in found.get("PSMODULEPATH", "").split(";") if folder]
    return "powershell" if len(folders) >= _POWERSHELL_FOLDERS else "cmd"


def activation_script(shell_name: str, activation: Activation) -> str:
    """Write the script that activates, after undoing what an earlier one activated."""
    shell = _shell(shell_name)
    variables = {
        name: value for name, value in activation.variables.items() if name.upper() != "PATH"
    }
    names = [_checked(name) for name in dict.fromkeys((*FOREIGN, *variables, "PATH"))]
    label = (
        variables.get("VIRTUAL_ENV_PROMPT")
        or variables.get("CONDA_DEFAULT_ENV")
        or activation.prefix.name
    )
    prompt = shell.quote("(" + re.sub(r"[^\w.-]", "_", label) + ") ")
    folders = [_folder(shell, path) for path in activation.path]
    undo = _scripts(shell, activation.undo_scripts)
    lines = [
        _fill(shell.begin, names=" ".join(names[:-1])),
        *(_fill(shell.save, name=name) for name in names),
        shell.head,
        *(
            _fill(shell.undo or shell.source, value=file, index=f"{number:03}")
            for number, file in enumerate(undo)
        ),
        *(_fill(shell.restore, name=name) for name in names),
        _fill(shell.tail, prompt=prompt),
        *(
            _fill(shell.unset, name=name)
            for name in names
            if name != "PATH" and variables.get(name) is None
        ),
        *(
            _fill(shell.set, name=name, value=shell.quote(text))
            for name, text in variables.items()
            if text is not None
        ),
        _fill(shell.ahead, value=shell.between.join(folders)) if folders else "",
        *(_fill(shell.source, value=file) for file in _scripts(shell, activation.scripts)),
        _fill(shell.end, prompt=prompt),
    ]
    return "\n".join(line for line in lines if line) + "\n"


def deactivation_script(shell_name: str) -> str:
    """Write what undoes an activation: for cmd a second script, elsewhere a call of the function."""
    return f"{_shell(shell_name).leave}\n"


def interactive(shell_name: str, activation: Activation, folder: Path) -> Command:
    """Give the command for a shell that reads the user's own files, then activates from a file in `folder`."""
    return _shell(shell_name).start(activation_script(shell_name, activation), folder)


def hint(shell_name: str, program: str) -> str:
    """Give the line that a person types to activate."""
    return _fill(_shell(shell_name).hint, program=program)


def _shell(name: str) -> Shell:
    if name not in SHELLS:
        text = f"{name!r} is no shell that this knows. There are: {', '.join(SHELLS)}."
        raise LabError(text, ErrorCode.UNKNOWN_SHELL)
    return SHELLS[name]


def _checked(name: str) -> str:
    """Refuse a name that a shell would read as something else."""
    if not re.fullmatch(r"[A-Za-z_][A-Za-z0-9_]*", name):
        text = f"The environment sets a variable that no shell can hold: {name!r}."
        raise LabError(text, ErrorCode.SHELL_CANNOT_EXPRESS)
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
    if os.pathsep in str(folder):
        text = f"PATH cannot hold {folder}, which has {os.pathsep!r} in its name."
        remedy = Remedy("Move the project to another folder")
        raise LabError(text, ErrorCode.SHELL_CANNOT_EXPRESS, remedy=remedy)
    quoted = shell.quote(str(folder))
    return f'"$(cygpath -u {quoted})"' if WINDOWS and shell.suffix == ".sh" else quoted
