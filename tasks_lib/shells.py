"""Activation scripts for a person's own shell, and an interactive shell with the environment active."""

from __future__ import annotations

import os
import re
import shutil
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.environments.base import WINDOWS
from tasks_lib.errors import LabError
from tasks_lib.process import Command

if TYPE_CHECKING:
    from collections.abc import Callable

#: How a PowerShell session differs on Windows: it puts the user's own folder before the two of the machine.
_POWERSHELL_FOLDERS = 3
_START = "MLOPS_LAB_START"


@dataclass(frozen=True)
class Shell:
    """One shell's syntax: `str.format` templates, filled with quoted values and checked names of variables.

    `begin`, `tail` and `end` also get `{names}` and `{prompt}`. From `head` to `tail` runs the function that undoes all.
    """

    name: str
    suffix: str
    quote: Callable[[str], str]
    between: str
    begin: str
    save: str
    head: str
    undo: str
    restore: str
    tail: str
    set: str
    unset: str
    ahead: str
    source: str
    end: str
    leave: str
    hint: str
    start: Callable[[str, Path], Command]


def _quoted_posix(value: str) -> str:
    """Quote always: zsh expands `=word`, which `shlex.quote` leaves bare."""
    return "'" + value.replace("'", "'\"'\"'") + "'"


def _quoted_fish(value: str) -> str:
    return "'" + re.sub(r"(['\\])", r"\\\1", value) + "'"


def _quoted_powershell(value: str) -> str:
    """Double every quote; PowerShell takes the typographic ones for quotes too."""
    return "'" + re.sub("(['\u2018-\u201b])", r"\1\1", value) + "'"


def _quoted_cmd(value: str) -> str:
    """Escape outside of quotes, since a quote in the value would end them."""
    if "\n" in value or "\r" in value:
        text = f"cmd has no way to write a line break, which this value has: {value!r}."
        raise LabError(text, remedy="use PowerShell: invoke env.activate --shell powershell")
    return re.sub(r"([\^&|<>\"])", r"^\1", value).replace("%", "%%")


def _write(file: Path, text: str, encoding: str = "utf-8") -> Path:
    with file.open("w", encoding=encoding, errors="surrogateescape", newline="") as stream:
        stream.write(text)
    return file


def _start_bash(script: str, folder: Path) -> Command:
    text = f'if [ -f "$HOME/.bashrc" ]; then . "$HOME/.bashrc"; fi\n{script}'
    return Command(("bash", "--rcfile", str(_write(folder / "activate.bash", text)), "-i"))


def _start_zsh(script: str, folder: Path) -> Command:
    """Stand in for the user's ZDOTDIR until the user's own files are read."""
    own, ours = os.environ.get("ZDOTDIR"), _quoted_posix(str(folder))
    first = "unset ZDOTDIR" if own is None else f"export ZDOTDIR={_quoted_posix(own)}"
    read = 'if [ -f "${ZDOTDIR:-$HOME}/%s" ]; then . "${ZDOTDIR:-$HOME}/%s"; fi'
    env = [first, read % (".zshenv", ".zshenv"), '_MLOPS_ZDOTDIR="${ZDOTDIR-}"', f"ZDOTDIR={ours}", ""]
    rc = [
        'if [ -n "$_MLOPS_ZDOTDIR" ]; then ZDOTDIR="$_MLOPS_ZDOTDIR"; else unset ZDOTDIR; fi',
        "unset _MLOPS_ZDOTDIR",
        # macOS's /etc/zshrc has just put the history into ZDOTDIR
        f'case "${{HISTFILE-}}" in {ours}/*) HISTFILE="${{ZDOTDIR:-$HOME}}/.zsh_history";; esac',
        read % (".zshrc", ".zshrc"),
        script,
    ]
    _write(folder / ".zshenv", "\n".join(env))
    _write(folder / ".zshrc", "\n".join(rc))
    return Command(("zsh", "-i"), env={"ZDOTDIR": str(folder)})


def _start_fish(script: str, folder: Path) -> Command:
    file = _write(folder / "activate.fish", f"set -eg {_START}\n{script}")
    return Command(("fish", "--interactive", "--init-command", f"source ${_START}"), env={_START: str(file)})


def _start_powershell(script: str, folder: Path) -> Command:
    """Mark the file as UTF-8 for Windows PowerShell, whose first policy allows no file at all."""
    file = str(_write(folder / "activate.ps1", script, "utf-8-sig"))
    policy = ("-ExecutionPolicy", "RemoteSigned") if WINDOWS else ()
    program = "powershell" if WINDOWS and not shutil.which("pwsh") else "pwsh"
    return Command((program, "-NoLogo", *policy, "-NoExit", "-File", file))


def _start_cmd(script: str, folder: Path) -> Command:
    """Start in `folder`, since cmd would read `&` in a path as its own, and go back from there."""
    text = f"{script.removesuffix(_CMD_EXIT)}@set __MLOPS_CD={_quoted_cmd(str(Path.cwd()))}\n{_CMD_BACK}{_CMD_EXIT}"
    _write(folder / "activate.bat", text.replace("\n", "\r\n"))
    return Command(("cmd", "/K", r".\activate.bat"), cwd=folder)


# No comments in it: `eval` in an interactive zsh takes `#` for a command. Other people's scripts break `set -eu`.
_OPTIONS_BACK = (
    'case "$_MLOPS_OPTIONS" in *e*) set -e;; esac\ncase "$_MLOPS_OPTIONS" in *u*) _MLOPS_OPTIONS=; set -u;; esac'
)
_BASH = Shell(
    name="bash",
    suffix=".sh",
    quote=_quoted_posix,
    between=":",
    begin="if typeset -f mlops_deactivate >/dev/null; then mlops_deactivate; fi\n_MLOPS_OPTIONS=$-\nset +eu",
    save='if [ -n "${{{name}+x}}" ]; then _MLOPS_OLD_{name}="${name}"; else unset _MLOPS_OLD_{name}; fi',
    head="mlops_deactivate() {{\n_MLOPS_OPTIONS=$-\nset +eu",
    undo="if [ -f {value} ]; then . {value}; fi",
    restore='if [ -n "${{_MLOPS_OLD_{name}+x}}" ]; then export {name}="$_MLOPS_OLD_{name}"; else unset {name}; fi\n'
    "unset _MLOPS_OLD_{name}",
    tail='if [ -n "${{PS1-}}" ]; then PS1="${{PS1#{prompt}}}"; fi\nunset -f mlops_deactivate\n'
    f"hash -r 2>/dev/null\n{_OPTIONS_BACK}\n}}}}",
    set="export {name}={value}",
    unset="unset {name}",
    ahead='export PATH={value}"${{PATH:+:$PATH}}"',
    source="if [ -f {value} ]; then . {value}; fi",
    end=f'if [ -n "${{{{PS1-}}}}" ]; then PS1={{prompt}}"$PS1"; fi\nhash -r 2>/dev/null\n{_OPTIONS_BACK}',
    leave="mlops_deactivate",
    hint='eval "$({program} env.activate)"',
    start=_start_bash,
)
_FISH = Shell(
    name="fish",
    suffix=".fish",
    quote=_quoted_fish,
    between=" ",
    begin="if functions -q mlops_deactivate; mlops_deactivate; end",
    save="if set -q {name}; set -g _MLOPS_OLD_{name} ${name}; else; set -eg _MLOPS_OLD_{name}; end",
    head="function mlops_deactivate",
    undo="if test -f {value}; source {value}; end",
    restore="if set -q _MLOPS_OLD_{name}; set -gx {name} $_MLOPS_OLD_{name}; else; set -eg {name}; end\n"
    "set -eg _MLOPS_OLD_{name}",
    tail="functions -e mlops_deactivate\nend",
    set="set -gx {name} {value}",
    unset="set -eg {name}",
    ahead="set -gx PATH {value} $PATH",
    source="if test -f {value}; source {value}; end",
    end="",
    leave="mlops_deactivate",
    hint="{program} env.activate | source",
    start=_start_fish,
)
_POWERSHELL = Shell(
    name="powershell",
    suffix=".ps1",
    quote=_quoted_powershell,
    between=" + [IO.Path]::PathSeparator + ",
    begin="if (Test-Path Function:mlops_deactivate) {{ mlops_deactivate }}\n$global:_MLOPS_OLD = @{{}}",
    save="$global:_MLOPS_OLD['{name}'] = [Environment]::GetEnvironmentVariable('{name}')",
    head="function global:mlops_deactivate {{",
    undo="if (Test-Path -LiteralPath {value}) {{ . {value} }}",
    restore="if ($null -ne $global:_MLOPS_OLD['{name}']) {{ $Env:{name} = $global:_MLOPS_OLD['{name}'] }} "
    "elseif (Test-Path Env:{name}) {{ Remove-Item Env:{name} }}",
    tail="Remove-Variable _MLOPS_OLD -Scope Global\nRemove-Item Function:mlops_deactivate\n}}",
    set="$Env:{name} = {value}",
    unset="if (Test-Path Env:{name}) {{ Remove-Item Env:{name} }}",
    ahead="$Env:PATH = {value} + [IO.Path]::PathSeparator + $Env:PATH",
    source="if (Test-Path -LiteralPath {value}) {{ . {value} }}",
    end="",
    leave="mlops_deactivate",
    hint="{program} env.activate | Out-String | Invoke-Expression",
    start=_start_powershell,
)
# cmd has no functions: what must be undone stands in variables, and any script can undo it. `for` and delayed expansion
# read a value after the line is parsed, so no character of it can do harm; `call "%%X%%"` keeps `%` and `^` in a path.
_CMD_PAGE = (
    '@for /f "tokens=2 delims=:." %%C in (\'chcp\') do @set "_MLOPS_PAGE=%%C"\n@chcp 65001 >nul\n'
    "@for /f \"tokens=1* delims==\" %%A in ('set __MLOPS_UNDO_ 2^>nul') do "
    '@if exist "%%B" set "__MLOPS_SCRIPT=%%B" & call "%%__MLOPS_SCRIPT%%"\n'
    '@for %%N in (%__MLOPS_NAMES%) do @set "%%N="\n'
    '@for /f "tokens=1* delims==" %%A in (\'set __MLOPS_OLD_ 2^>nul\') do @set "%%B"\n'
    '@for /f "delims==" %%A in (\'set __MLOPS_ 2^>nul\') do @set "%%A="\n'
)
_CMD_EXIT = '@if defined _MLOPS_PAGE chcp %_MLOPS_PAGE% >nul\n@set "_MLOPS_PAGE="\n@exit /b 0\n'
_CMD_BACK = (
    "@setlocal EnableDelayedExpansion\n"
    '@for /f "delims=" %%? in ("!__MLOPS_CD!") do @endlocal & cd /d "%%?"\n@set "__MLOPS_CD="\n'
)
