"""Read the files from which setuptools takes dynamic dependencies."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tasks_lib.importers.base import Importer
from tasks_lib.importers.declarations import DYNAMIC, MAIN, Declarations, Target
from tasks_lib.importers.requirements_files import read_file
from tasks_lib.project.manifests import PYPROJECT

if TYPE_CHECKING:
    from collections.abc import Iterator

_FILES: Target = ("tool", "setuptools", "dynamic", "dependencies")


class SetuptoolsDynamic(Importer):
    """`dynamic = ["dependencies"]` with `[tool.setuptools.dynamic]`."""

    def read(self) -> Iterator[Declarations]:
        """Yield the manifest, which loses its dynamic dependencies, and each file."""
        dynamic = self.pyproject.table("project").get("dynamic", ())
        if "dependencies" not in dynamic:
            return
        declared = Declarations(PYPROJECT, dropped=[DYNAMIC, _FILES])
        rest = [name for name in dynamic if name != "dependencies"]
        if rest:
            declared.put(DYNAMIC, rest)
        yield declared
        files = self.pyproject.table(*_FILES).get("file", [])
        if isinstance(files, str):
            files = [files]
        for name in files if isinstance(files, list) else [files]:
            if not isinstance(name, str):
                declared.refuse(f"{name!r} is not a file", self.pyproject.line_of(*_FILES))
            yield from read_file(self.root, name, MAIN)
