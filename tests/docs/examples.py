"""Run the console blocks of a page, and put the real output in the place of the old one.

The comments of a page prepare a run, and a reader does not see them:

- `<!-- file: NAME -->` above a block: the block is the content of a file of the project.
- `<!-- file: NAME` and lines up to `-->`: the same, for a file that the page does not show.
- `<!-- copy: NAME -->`: a folder of this checkout is copied into the project.
- `<!-- not run: REASON -->` above a console block: it is left as it is.
"""

from __future__ import annotations

import re
import shutil
import sys
from typing import TYPE_CHECKING

from tasks_lib.workflows.documentation import FOLDER
from tests.lab import PYTHON, ROOT

if TYPE_CHECKING:
    from pathlib import Path

    from tests.lab import Lab

PAGES = [ROOT / "README.md", *sorted(FOLDER.glob("*/*.md"))]
_ITEM = re.compile(
    r"(?ms)^<!-- (?P<hidden>file): (?P<path>\S+)\n(?P<text>.*?)^-->$"
    r"|^<!-- (?P<copy>copy): (?P<folder>\S+) -->$"
    r"|^(?P<mark><!-- (?P<word>file|not run): (?P<rest>[^\n]*) -->\n)?"
    r"```(?P<kind>\w+)\n(?P<body>.*?)^```$"
)
_COMMAND = re.compile(r"(?m)^\$ ((?:.*\\\n)*.*)\n?")
_PADDING = re.compile(r"(?m) +$")
_PROGRESS = re.compile(r"(?m)^… .*\n")
#: What differs from one run or machine to the next, and what replaces it in a comparison.
_VARYING = (
    (re.compile(r"  \d+\.\d s$", re.MULTILINE), ""),
    (re.compile(r"\b[0-9a-f]{12,64}\b"), "HASH"),
    (re.compile(r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d:\d\d(\+\d\d:\d\d)?"), "TIME"),
    (re.compile(r"\b\d+(\.\d+)+(\.?(post|rc|a|b)\d+)?"), "NUMBER"),
    (re.compile(r"python3\.\d+"), "python3"),
    (re.compile(r" +"), " "),
)
#: A program that acts as an installed `mlops-lab`.
_MLOPS_LAB = """\
#!{python}
import sys
sys.path.insert(0, {root!r})
from tasks_lib.__main__ import main
raise SystemExit(main())
"""


def has_examples(page: Path) -> bool:
    """Return whether a page has a console block that can be run."""
    return any(_is_run(item) for item in _ITEM.finditer(page.read_text(encoding="utf-8")))


def not_run() -> dict[str, str]:
    """Return why a console block is not run, by its page and line."""
    found = {}
    for page in PAGES:
        text = page.read_text(encoding="utf-8")
        for item in _ITEM.finditer(text):
            if item["kind"] == "console" and item["word"] == "not run":
                line = text.count("\n", 0, item.start()) + 1
                found[f"{page.relative_to(ROOT).as_posix()}:{line}"] = item["rest"]
    return found


def rerun(text: str, lab: Lab) -> str:
    """Run a page's blocks in the lab in their order, and return the page with the real output."""
    programs = lab.home / "bin"
    programs.mkdir()
    (programs / "python3").symlink_to(PYTHON)
    program = programs / "mlops-lab"
    program.write_text(_MLOPS_LAB.format(python=PYTHON, root=str(ROOT)), encoding="utf-8")
    program.chmod(0o755)
    lab.env["PATH"] = f"{programs}:{lab.env['PATH']}"
    return _ITEM.sub(lambda item: _done(item, lab), text)


def normalised(text: str) -> str:
    """Return a page without what differs between two runs."""
    for pattern, word in _VARYING:
        text = pattern.sub(word, text)
    return text


def _is_run(item: re.Match[str]) -> bool:
    return item["kind"] == "console" and item["word"] != "not run"


def _done(item: re.Match[str], lab: Lab) -> str:
    """Carry out one item of a page, and return what replaces it."""
    if item["copy"]:
        ignored = shutil.ignore_patterns("__pycache__")
        shutil.copytree(ROOT / item["folder"], lab.project / item["folder"], ignore=ignored)
    elif item["hidden"]:
        lab.write(item["path"], item["text"])
    elif item["word"] == "file":
        lab.write(item["rest"], item["body"])
    elif _is_run(item):
        parts = [_typed(command, lab) for command in _COMMAND.findall(item["body"])]
        return f"{item['mark'] or ''}```console\n{''.join(parts)}```"
    return item[0]


def _typed(command: str, lab: Lab) -> str:
    """Return a command and what it prints, as on a terminal in the home of a student."""
    answer = lab.run(["bash", "-c", f"exec 2>&1\n{command}"])
    text = _PADDING.sub("", _PROGRESS.sub("", answer.stdout))
    places = {
        str(lab.home): "/home/student",
        lab.env["MLOPS_LAB_CACHE_DIR"]: "/home/student/.cache/mlops-lab",
        PYTHON: f"/usr/bin/python{sys.version_info[0]}.{sys.version_info[1]}",
    }
    for place, shown in places.items():
        text = text.replace(place, shown)
    end = "" if not text or text.endswith("\n") else "\n"
    return f"$ {command}\n{text}{end}"
