"""The tasks of this project; `invoke --list` names them."""

from __future__ import annotations

import sys
from importlib.util import find_spec

if "--complete" in sys.argv or any(
    find_spec(name) is None
    for name in ("packaging", "poetry", "rattler", "rich", "tomlkit", "uv", "yaml")
):
    from tasks_lib.__main__ import rerun

    rerun(sys.argv[1:])

from tasks_lib.tasks import namespace, project

ns = project.extend(namespace())
