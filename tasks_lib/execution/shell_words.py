"""Commands as a user types them: every word is quoted by the rules of the user's own shell."""

from __future__ import annotations

import functools
import os
import re
from pathlib import Path
from typing import TYPE_CHECKING

from tasks_lib.errors import LabError
from tasks_lib.execution import process

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

#: PowerShell puts folders of the user ahead of the two that Windows itself lists in PSModulePath.
_POWERSHELL_FOLDERS = 3
#: The programs that are shells, and whose rules they follow; the last ones have rules of their own.
_PROGRAMS = {
    **dict.fromkeys(("bash", "sh", "dash", "ash", "ksh"), "bash"),
    **dict.fromkeys(("powershell", "pwsh"), "powershell"),
    **{name: name for name in ("zsh", "fish", "cmd", "csh", "tcsh", "nu", "xonsh", "elvish")},
}
#: How many processes are looked at on the way from this one to its shell.
_DEPTH = 20


def quoting(special: str, by: str) -> Callable[[str], str]:
    """Return what puts quotes around every value, and writes `special` characters otherwise."""
    return lambda value: "'" + re.sub(special, by, value) + "'"


def for_cmd(value: str) -> str:
    """Escape each character by itself: a quote in the value would end quotes around it."""
    return re.sub(r'([\^&|<>"])', r"^\1", value).replace("%", "%%")


def _word_for_cmd(word: str) -> str:
    """Quote a word for the program that gets it, then each character that cmd would read itself."""
    doubled = re.sub(r'(\\*)("|\Z)', r"\1\1\2", word).replace('"', r"\"")
    return re.sub(r'([()%!^"<>&|])', r"^\1", f'"{doubled}"')


posix = quoting("'", "'\"'\"'")
fish = quoting(r"(['\\])", r"\\\1")
powershell = quoting("(['\u2018-\u201b])", r"\1\1")  # it takes the typographic ones for quotes too

#: For each shell: the words that mean themselves, and what quotes the others.
_WORDS: dict[str, tuple[str, Callable[[str], str]]] = {
    "bash": (r"[\w@%+=:,./-]+", posix),
    "zsh": (r"(?!=)[\w@%+=:,./-]+", posix),
    "fish": (r"[\w@+=:,./-]+", fish),
    "powershell": (r"(?!-.*[.:])[\w./:+=\\-]+", powershell),
    "cmd": (r"[\w@+:./\\-]+", _word_for_cmd),
}


def of_user() -> str:
    """Return the name of the shell that this run was started from, bash where nothing says so."""
    return _parent() or named(os.environ)


def named(variables: Mapping[str, str]) -> str:
    """Return the name of the shell that variables speak of, bash where they do not."""
    found = {key.upper(): value for key, value in variables.items()}
    program = re.split(r"[\\/]", found.get("SHELL", ""))[-1].lower().removesuffix(".exe")
    name = _PROGRAMS.get(program, "")
    if name in _WORDS:
        return name
    if "COMSPEC" not in found or "SHELL" in found:
        return "bash"
    folders = [folder for folder in found.get("PSMODULEPATH", "").split(";") if folder]
    return "powershell" if len(folders) >= _POWERSHELL_FOLDERS else "cmd"


@functools.cache
def _parent() -> str:
    """Return the shell that is nearest among the parents of this process; empty for none."""
    number = os.getppid() if os.name == "posix" else 0
    for _ in range(_DEPTH):
        if number < 1:
            break
        program, number = _process(number)
        shell = _PROGRAMS.get(Path(program).name.lstrip("-"))
        if shell:
            return shell
    return ""


def _process(number: int) -> tuple[str, int]:
    """Return the program of a process and the number of its parent, 0 where the system is silent.

    A script's program is the script, and not the shell that reads it.
    """
    try:
        said = Path(f"/proc/{number}/stat").read_text("utf-8", "replace")
    except OSError:
        command = process.Command(("ps", "-o", "ppid=,comm=", "-p", str(number)))
        try:
            parent, _, program = process.run(command).stdout.strip().partition(" ")
        except LabError:
            return "", 0
    else:
        program, _, rest = said.partition("(")[2].rpartition(")")
        parent = rest.split()[1]
    return program.strip(), int(parent) if parent.isdecimal() else 0


def joined(words: Sequence[str], shell: str = "") -> str:
    """Return a command as a user types it; empty where the shell cannot express it."""
    name = shell or of_user()
    safe, quote = _WORDS.get(name, _WORDS["bash"])
    if name == "cmd" and re.search(r"[\r\n]", "".join(words)):
        return ""
    typed = []
    for word in words:
        is_plain = re.fullmatch(safe, word, re.ASCII)
        typed.append(word if is_plain else quote(word))
    if name == "powershell" and typed and typed[0] != words[0]:
        typed.insert(0, "&")  # it would show a text that begins a line
    return " ".join(typed)


def shown(command: process.Command, shell: str = "", program: str = "") -> str:
    """Return a command with its variables as a user types it, its program by its name or as given.

    The present PATH is the shell's own variable, and a user's own variables are not shown. Which
    Python it is, only a path says.
    """
    name = shell or of_user()
    settings = []
    for key, value in sorted(command.env.items()):
        if value is not None:
            settings.append(_setting(name, key, *process.visible(key, value)))
    program = program or command.program
    if program.startswith("python"):
        program = command.argv[0]
    return "".join([*settings, joined([program, *command.argv[1:]], name)])


def with_path(folder: str, shell: str = "") -> str:
    """Return what puts a folder behind those in which the shell looks for programs."""
    name = shell or of_user()
    if name == "powershell":
        return f"$Env:PATH += {powershell(os.pathsep + folder)}"
    if name == "cmd":
        return f"set PATH=%PATH%;{for_cmd(folder)}"
    word = joined([folder], name)
    return f"set PATH $PATH {word}" if name == "fish" else f"PATH=$PATH:{word}"


def written(words: Sequence[str], path: Path, *, behind: bool = False, shell: str = "") -> str:
    """Return what writes a command's output to a file, or `behind` what is in it.

    It is empty for the shells that would write it in another encoding.
    """
    name = shell or of_user()
    if name in {"powershell", "cmd"}:
        return ""
    sign = ">>" if behind else ">"
    return f"{joined(words, name)} {sign} {joined([str(path)], name)}"


def _setting(shell: str, name: str, value: str, behind: str) -> str:
    """Return what sets a variable ahead of a command; `behind` is a variable that is put behind."""
    if shell == "powershell":
        rest = f" + '{os.pathsep}' + $Env:{behind}" if behind else ""
        return f"$Env:{name} = {powershell(value)}{rest}; "
    if shell == "cmd":
        return f"set {name}={for_cmd(value)}{f';%{behind}%' if behind else ''}& "
    text = value if value == process.HIDDEN else joined([value], shell)
    if behind:
        text += f'{os.pathsep}"${behind}"' if shell == "fish" else f"{os.pathsep}${behind}"
    return f"{name}={text} "
