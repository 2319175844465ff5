"""Whether the installed distributions can be imported: files may be sound, and not fit the machine.

It runs their code, so it runs only where it is selected, and in no checkout that nobody trusts.
"""

from __future__ import annotations

import re
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TYPE_CHECKING

from tasks_lib.environments import site_packages
from tasks_lib.environments.base import MADE, State
from tasks_lib.errors import LabError, Remedy
from tasks_lib.execution import process
from tasks_lib.execution.plan import Step
from tasks_lib.execution.process import Command
from tasks_lib.project import trust
from tasks_lib.results import Check, Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from tasks_lib.environments.base import Activation
    from tasks_lib.environments.site_packages import Distribution
    from tasks_lib.session.session import Session

IMPORTS = Check(
    "imports.modules",
    "every distribution can be imported",
    "A file can be as it was installed and still not work here: a shared library is missing, two "
    "packages were built for different versions of a third, or another instruction set is needed. "
    "Each import runs in a process of its own, which ends after a minute. The check runs the code "
    "of the environment, so it is part of check.all only where it is selected.",
    Remedy("Import it yourself to see the whole error; it may need another version"),
    asked=True,
)
_AT_ONCE = 4
_SECONDS = 60
_FAILED = "mlops-lab cannot import "
_CODE = f"""\
import importlib, os, sys
for name in sys.argv[1:]:
    try:
        importlib.import_module(name)
    except BaseException as error:
        said = " ".join(f"{{type(error).__name__}}: {{error}}".split())
        sys.stderr.write(f"\\n{_FAILED}{{name}}: {{said}}\\n")
        sys.stderr.flush()
        os._exit(1)
os._exit(0)
"""
_SAID = re.compile(rf"^{_FAILED}(?P<module>[\w.]+): (?P<why>.*)", re.MULTILINE)
#: a module of one file, and what makes a folder a package
_FILE = re.compile(r"(?P<name>[^\W\d]\w*)(?:\.(?:cpython|cp\d|abi)[\w-]*)?\.(?:py|so|pyd)")
#: what some distributions install beside their own, and never mean to be imported
_BESIDE = {"benchmarks", "docs", "examples", "scripts", "test", "tests"}


def steps(session: Session) -> Iterable[Step]:
    """Return the step that imports every distribution."""
    yield Step(
        "check.imports", IMPORTS.title, known=partial(_look, session), needs=MADE, check=True
    )


def _look(session: Session, children: process.Children) -> list[Result]:
    """Import every distribution, a few at a time."""
    environment = session.environment
    if environment.state() is not State.PRESENT:
        return [IMPORTS.result(Status.SKIP, f"{environment.prefix} does not exist.")]
    if not session.trusted:
        remedy = Remedy("Add --trust, if you trust its code")
        return [IMPORTS.result(Status.SKIP, f"{trust.WHY}.", remedy=remedy)]
    found = {}
    for one in site_packages.distributions(environment.prefix):
        modules = _modules(one)
        if modules:
            found[one.name] = modules
    look = partial(_fault, environment.activation(), children)
    with ThreadPoolExecutor(max_workers=_AT_ONCE) as pool:
        faults = list(filter(None, pool.map(look, found, found.values())))
    return faults or [IMPORTS.result(Status.PASS, f"{len(found)} distributions")]


def _fault(
    activation: Activation, children: process.Children, name: str, modules: Sequence[str]
) -> Result | None:
    """Import the modules of a distribution, and return what is wrong, if anything is."""
    argv = (str(activation.python), "-I", "-B", "-c", _CODE, *modules)
    command = Command(argv, f"import {name}", env=activation.env(), cwd=activation.prefix)
    module = modules[0]
    try:
        outcome = process.run(command, children=children, timeout=_SECONDS)
    except LabError as error:
        text = f"{name}: {error.message}"
    else:
        if outcome.ok:
            return None
        said = _SAID.search(outcome.stderr)
        text = f"{name}: importing it ended Python with {_ended(outcome.code)}."
        if said:
            module = said["module"]
            text = f"{name}: import {module} fails: {said['why']}"
    words = ("invoke", "env.run", "--", "python", "-c", f"import {module}")
    remedy = Remedy("See the whole error; it may need another version", words)
    return IMPORTS.result(Status.FAIL, text, remedy=remedy)


def _ended(code: int) -> str:
    return f"signal {-code}" if code < 0 else f"exit code {code}"


def _modules(distribution: Distribution) -> list[str]:
    """Return the top-level modules that a distribution brought; of a namespace, what is in it."""
    files, packages = set(), set()
    for path, _, _ in site_packages.record_rows(distribution) or ():
        folder, _, file = path.rpartition("/")
        found = _FILE.fullmatch(file)
        if not found or not all(map(str.isidentifier, filter(None, folder.split("/")))):
            continue
        if found["name"] == "__init__" and folder:
            packages.add(folder)
        elif not folder:
            files.add(found["name"])
    tops = {one for one in packages if not any(one.startswith(f"{top}/") for top in packages)}
    names = sorted(files | {top.replace("/", ".") for top in tops})
    own = [name for name in names if not name.startswith("_") and name not in _BESIDE]
    return own or [name for name in names if not name.startswith("__")]
