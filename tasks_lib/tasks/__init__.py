"""The Invoke namespace: adapters that parse, call one function, and give its exit code.

Invoke imports this for `--list` and for every tab completion, so nothing here imports the library
before a task runs. No module here imports a task of another one, which would add that task to its
own namespace: https://github.com/pyinvoke/invoke/issues/979
"""

from __future__ import annotations

from invoke.collection import Collection

from tasks_lib.tasks import check, cohort, deps, env, pkg, proof
from tasks_lib.tasks.root import completion, docs, explain, init, migrate, setup


def namespace() -> Collection:
    """Return the tasks that work in any project."""
    made = Collection(setup, init, migrate, explain, docs, completion)
    for module in (env, deps, check, pkg, proof, cohort):
        made.add_collection(Collection.from_module(module))
    return made
