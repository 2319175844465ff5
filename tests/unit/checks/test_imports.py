"""Which modules of a distribution are imported."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.checks import imports
from tasks_lib.environments.site_packages import distributions
from tests.cases import cases

if TYPE_CHECKING:
    from pathlib import Path

    from tests.unit.conftest import Install


@cases(
    "files, modules",
    {
        "a package": (("tiny/__init__.py", "tiny/more.py", "tiny/sub/__init__.py"), ["tiny"]),
        "a module": (("tiny.py",), ["tiny"]),
        "compiled modules": (
            ("tiny.cpython-311-x86_64-linux-gnu.so", "other.abi3.so", "third.so"),
            ["other", "third", "tiny"],
        ),
        "a namespace": (
            ("ns/cloud/one/__init__.py", "ns/cloud/two/__init__.py"),
            ["ns.cloud.one", "ns.cloud.two"],
        ),
        "tests beside it": (("tiny/__init__.py", "tests/__init__.py", "_tiny.py"), ["tiny"]),
        "nothing public": (("_tiny.py",), ["_tiny"]),
        "a finder of an editable project": (("__editable___tiny_finder.py", "tiny.pth"), []),
        "what cannot be a name": (("6ec57f__mypyc.so", "a-b/__init__.py", "../../../bin/x.py"), []),
    },
)
def test_modules(venv: Path, install: Install, files: tuple[str, ...], modules: list[str]) -> None:
    install(venv, "tiny", "1.0", files=files)
    (found,) = distributions(venv)
    assert imports._modules(found) == modules  # noqa: SLF001 - the names alone; the rest runs them
