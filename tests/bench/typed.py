"""The steps that a user types by hand."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.bench.place import Place


def by_hand(place: Place, combo: str) -> list[tuple[str, ...]]:
    """Return the guide's eight steps for a combo, in the order in which a user types them."""
    layer, _, manager = combo.partition("_")
    python = place.environment(combo) / "bin" / "python"
    if layer == "conda":
        make = [
            ("conda", "env", "create", "--file", "conda.yml"),
            ("conda", "shell.posix", "activate", "mlops_env"),
        ]
        verify, doctor = [("conda", "env", "list")], [("conda", "doctor", "-n", "mlops_env")]
    else:
        make = [(place.env["BENCH_PYTHON"], "-m", "venv", ".venv")]
        verify, doctor = [], []
    if manager == "uv":
        install = [("uv", "lock"), ("uv", "sync", "--inexact")]
        check, info = [("uv", "lock", "--check")], [("uv", "pip", "list")]
    else:
        install, check = (
            [("poetry", "lock"), ("poetry", "install")],
            [("poetry", "check", "--lock")],
        )
        info = [("poetry", "env", "info")]
    return [*make, *verify, *install, *check, *doctor, (str(python), "-m", "pip", "check"), *info]


def activated(place: Place, combo: str) -> dict[str, str]:
    """Return the variables that the activated shell of a user would have set."""
    prefix = place.environment(combo)
    names = {"VIRTUAL_ENV": str(prefix)}
    if combo.startswith("conda"):
        names = {"CONDA_PREFIX": str(prefix), "CONDA_DEFAULT_ENV": "mlops_env"}
    path = f"{prefix / 'bin'}{os.pathsep}{place.env['PATH']}"
    return {**names, "UV_PROJECT_ENVIRONMENT": str(prefix), "PATH": path}


def type_by_hand(place: Place, combo: str) -> None:
    """Type the steps, from the second on in the activated environment."""
    steps = by_hand(place, combo)
    place.run(*steps[0])
    for step in steps[1:]:
        place.run(*step, env=activated(place, combo))
