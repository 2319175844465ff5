"""Run Poetry's commands as forks of one process that has imported it: its start costs a second.

Each line of stdin is a JSON list: the folder, Poetry's words, and the file for what it prints. The
exit code is a line of stdout. `tests/integration/test_poetry_agreement.py` starts this.
"""

from __future__ import annotations

import json
import os
import sys

from poetry.console.application import Application
from poetry.console.commands import check, lock
from poetry.factory import Factory

_IMPORTED = (check.CheckCommand, lock.LockCommand, Factory)  # so that no fork has to


def _run(folder: str, words: list[str], shown: str) -> int:
    """Run Poetry here, as its own `main` does."""
    handle = os.open(shown, os.O_WRONLY | os.O_CREAT | os.O_TRUNC)
    for stream, of in ((os.open(os.devnull, os.O_RDONLY), 0), (handle, 1), (handle, 2)):
        os.dup2(stream, of)
    os.chdir(folder)
    sys.argv = ["poetry", *words]
    application = Application()
    application.auto_exits(auto_exits=False)
    code = application.run()
    sys.stdout.flush()
    sys.stderr.flush()
    return code


if __name__ == "__main__":
    for line in sys.stdin:
        if (child := os.fork()) == 0:
            os._exit(_run(*json.loads(line)))
        _, status = os.waitpid(child, 0)
        sys.stdout.write(f"{os.waitstatus_to_exitcode(status)}\n")
        sys.stdout.flush()
