# /// script
# requires-python = ">=3.11"
# dependencies = ["nox>=2025.2.9"]
# ///
"""Prove each combo; run this project's tests and benchmarks. `nox -l` lists the sessions.

Thin on purpose: `nox` does not put this folder on `sys.path`, so `tasks_lib` cannot be imported
here. It is started with the Python that runs nox instead, and makes its tool environment itself.
"""

from __future__ import annotations

import sys

import nox

nox.needs_version = ">=2025.2.9"
nox.options.default_venv_backend = "none"

COMBOS = ("pip_poetry", "pip_uv", "conda_poetry", "conda_uv")


def proof(session: nox.Session) -> None:
    """Prove the combo; behind --: --python 3.12, --engine conda, --channel strict, --proof FILE."""
    lab(session, "proof.run", "--combo", session.name, *session.posargs)


for combo in COMBOS:
    nox.session(name=combo)(proof)


@nox.session(default=False)
def proofs(session: nox.Session) -> None:
    """Prove all combos with every engine and Python; behind --: --only pip_uv, --jobs 1."""
    lab(session, "proof.matrix", *session.posargs)


@nox.session(default=False)
def tests(session: nox.Session) -> None:
    """Run the linters and the tests; what follows -- goes to pytest."""
    lab(session, "test", *(["--", *session.posargs] if session.posargs else []))


@nox.session(default=False)
def bench(session: nox.Session) -> None:
    """Measure `setup` against the steps typed by hand."""
    lab(session, "bench", *(["--", *session.posargs] if session.posargs else []))


@nox.session(default=False)
def faults(session: nox.Session) -> None:
    """Try every fault in full, and print how many of each were tried and what was lost."""
    lab(session, "faults", *(["--", *session.posargs] if session.posargs else []))


def lab(session: nox.Session, *words: str) -> None:
    """Run one task of this checkout; stdout is for its --json, so the rest goes to stderr."""
    session.run(sys.executable, "-m", "tasks_lib", *words, external=True, stderr=sys.stderr)
