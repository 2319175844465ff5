"""The scripts by which a shell asks `completion` what could stand next, and where a person's shell reads them."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import process
from tasks_lib.execution.files import write
from tasks_lib.project.manifests import read_text
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Answer
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
    & "$($typed.CommandElements[0])" --complete -- @words 2>$null | Where-Object { $_ -like "$word*" } |
        ForEach-Object { [System.Management.Automation.CompletionResult]::new($_) }
}
"""
_MARKS = ("# >>> mlops-lab completion >>>", "# <<< mlops-lab completion <<<")
_BLOCK = re.compile(rf"\n?{_MARKS[0]}\n.*?{_MARKS[1]}\n", re.DOTALL)


def _powershell_profile(_: Path) -> Path:
    program = "pwsh" if os.name == "posix" else "powershell"
    argv = (program, "-NoProfile", "-Command", "$PROFILE.CurrentUserAllHosts")
    return Path(process.run(process.Command(argv, "ask where the profile is")).stdout.strip())


#: each shell's script, and the file of the person's that it goes into
SHELLS: dict[str, tuple[str, Callable[[Path], Path]]] = {
    "bash": (_BASH, lambda home: home / ".bashrc"),
    "zsh": (_ZSH, lambda home: Path(os.environ.get("ZDOTDIR") or home) / ".zshrc"),
    "fish": (
        _FISH,
        lambda home: Path(
            os.environ.get("XDG_CONFIG_HOME") or home / ".config", "fish", "config.fish"
        ),
    ),
    "powershell": (_POWERSHELL, _powershell_profile),
}


def install(shell: str, *, undo: bool = False, show: bool = False) -> Answer:
    """Put the script into the shell's own start file, between two marks; again, it is put there anew."""
    if shell not in SHELLS:
        text = f"there is no completion for {shell!r}; there is one for {', '.join(SHELLS)}."
        raise LabError(text, ErrorCode.UNKNOWN_SHELL, remedy="choose one, e.g. --shell bash")
    script, place = SHELLS[shell]
    if show:
        return Answer(data={"script": script})
    file = place(executables.home())
    before = read_text(file) if file.is_file() else ""
    rest = _BLOCK.sub("", before)
    block = f"\n{_MARKS[0]}\n{script}{_MARKS[1]}\n"
    after = (
        rest if undo else f"{rest}{'' if rest.endswith(chr(10)) or not rest else chr(10)}{block}"
    )
    if after == before:
        return Answer([Result("completion", Status.PASS, "nothing to do", str(file))])
    file.parent.mkdir(parents=True, exist_ok=True)
    write(file, after.encode())
    done = f"take the completion out of {file}" if undo else f"write the completion to {file}"
    return Answer(
        [Result("completion", Status.PASS, done, "it counts in the next shell that you open")]
    )
