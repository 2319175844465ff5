"""The scripts by which a shell asks for completions, and the start files that load them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.execution import process
from tasks_lib.execution.files import write
from tasks_lib.project.manifests import read_text
from tasks_lib.session.session import Answer, passed
from tasks_lib.tools import executables

if TYPE_CHECKING:
    from collections.abc import Callable

_BASH = """\
_mlops_lab_complete() {
    local IFS=$'\\n' words=("${COMP_WORDS[@]:1:COMP_CWORD}")
    COMPREPLY=($(compgen -W "$("$1" --complete -- "${words[@]}" 2>/dev/null)" -- "$2"))
}
complete -o default -F _mlops_lab_complete invoke inv mlops-lab
"""
_ZSH = """\
_mlops_lab_complete() {
    local -a found
    found=(${(f)"$("${words[1]}" --complete -- "${(@)words[2,CURRENT]}" 2>/dev/null)"})
    if (( $#found )); then compadd -- $found; else _files; fi
}
(( $+functions[compdef] )) || { autoload -Uz compinit && compinit; }
compdef _mlops_lab_complete invoke inv mlops-lab
"""
_FISH = """\
function __mlops_lab_complete
    set -l words (commandline -opc) (commandline -ct)
    set -l program $words[1]
    $program --complete -- $words[2..] 2>/dev/null
end
for program in invoke inv mlops-lab
    complete --command $program --arguments '(__mlops_lab_complete)'
end
"""
_POWERSHELL = """\
Register-ArgumentCompleter -Native -CommandName invoke, inv, mlops-lab -ScriptBlock {
    param($word, $typed, $position)
    $words = @($typed.CommandElements | Select-Object -Skip 1 | ForEach-Object { "$_" })
    if ($word -eq '') { $words += '' }
    & "$($typed.CommandElements[0])" --complete -- @words 2>$null |
        Where-Object { $_ -like "$word*" } |
        ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
"""
_MARKS = ("# >>> mlops-lab completion >>>", "# <<< mlops-lab completion <<<")
_BLOCK = re.compile(rf"\n?{_MARKS[0]}\n.*?{_MARKS[1]}\n", re.DOTALL)


def _bash_start(home: Path) -> Path:
    return home / ".bashrc"


def _zsh_start(home: Path) -> Path:
    return Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"


def _fish_start(home: Path) -> Path:
    settings = os.environ.get("XDG_CONFIG_HOME") or home / ".config"
    return Path(settings, "fish", "config.fish")


def _powershell_start(_: Path) -> Path:
    program = "pwsh" if os.name == "posix" else "powershell"
    argv = (program, "-NoProfile", "-Command", "$PROFILE.CurrentUserAllHosts")
    return Path(process.run(process.Command(argv, "ask where the profile is")).stdout.strip())


#: Each shell's script, and the user's start file that it goes into.
SHELLS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "bash": (_BASH, _bash_start),
    "zsh": (_ZSH, _zsh_start),
    "fish": (_FISH, _fish_start),
    "powershell": (_POWERSHELL, _powershell_start),
}


def install(shell: str, *, undo: bool = False, show: bool = False) -> Answer:
    """Write the script into the shell's start file, between two marks; an older one is replaced.

    With `undo`, remove it; with `show`, only print it.

    Raises:
        LabError: The shell has no completion.

    """
    if shell not in SHELLS:
        text = f"There is no completion for {shell!r}; there is one for {', '.join(SHELLS)}."
        remedy = meant(shell, SHELLS, Remedy("Choose one, e.g. --shell bash"))
        raise LabError(text, ErrorCode.UNKNOWN_SHELL, remedy=remedy)
    script, start_file = SHELLS[shell]
    if show:
        return Answer(data={"script": script})
    file = start_file(executables.home())
    before = read_text(file) if file.is_file() else ""
    after = _BLOCK.sub("", before)
    if not undo:
        if after and not after.endswith("\n"):
            after += "\n"
        after += f"\n{_MARKS[0]}\n{script}{_MARKS[1]}\n"
    if after == before:
        return passed("completion", "nothing to do", str(file))
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file, after.encode())
    title = f"write the completion to {file}"
    if undo:
        title = f"remove the completion from {file}"
    detail = "it takes effect in the next shell that you open"
    return passed("completion", title, detail)
