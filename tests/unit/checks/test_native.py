"""The native libraries of two layers: what does not go together, and what is no fault."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tasks_lib import checks
from tasks_lib.checks.registry import FACT_CHECKS
from tasks_lib.checks.selection import Selection
from tasks_lib.ownership.facts import Facts
from tasks_lib.results import Result, Status
from tasks_lib.session.session import Session
from tests.cases import cases
from tests.unit.environments.test_binaries import elf

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from tests.conftest import MakeProject
    from tests.unit.conftest import Install, Link

    Looking = Callable[[], list[Result]]

X86, ARM = 62, 183
SITE = "lib/python3.11/site-packages"
NUMPY = f"{SITE}/numpy/_umath.cpython-311-x86_64-linux-gnu.so"
CONDA = "name: demo\nchannels: [conda-forge]\ndependencies:\n  - python=3.11\n"
#: what a module of conda's needs, the libraries of conda's that exist (with what they need, or the
#: one that they link to), the library in a wheel, and a part of what is said, where it is a fault
TOGETHER: dict[str, tuple[list[str], dict[str, list[str] | str], str, str, Status]] = {
    "LLVM's twice": (
        ["libomp.so"],
        {"libomp.so": []},
        "sklearn/.dylibs/libomp.dylib",
        "load lib/libomp.so, the same OpenMP: where both are imported",
        Status.WARN,
    ),
    "conda's GNU is LLVM's": (
        ["libgomp.so.1"],
        {"libgomp.so.1": "libomp.so", "libomp.so": []},
        "functorch/lib/libiomp5-0123456789.so",
        "OMP: Error #15",
        Status.WARN,
    ),
    "by MKL": (
        ["libcblas.so.3"],
        {"libcblas.so.3": "libmkl_rt.so.2", "libmkl_rt.so.2": [], "libiomp5.so": []},
        "torch/lib/libiomp5.so",
        "load lib/libiomp5.so",
        Status.WARN,
    ),
    "MKL beside GNU's": (
        ["libcblas.so.3"],
        {"libcblas.so.3": ["libmkl_rt.so.2"], "libmkl_rt.so.2": []},
        "torch/lib/libgomp-a34b3233.so.1",
        "GNU's OpenMP, and conda's packages load lib/libmkl_rt.so.2",
        Status.WARN,
    ),
    "GNU's twice": (
        ["libgomp.so.1"],
        {"libgomp.so.1": []},
        "torch/lib/libgomp-a34b3233.so.1",
        "conda has libgomp.so.1: both start threads",
        Status.PASS,
    ),
    "OpenBLAS twice": (
        ["libcblas.so.3"],
        {"libcblas.so.3": "libopenblasp-r0.3.28.so", "libopenblasp-r0.3.28.so": []},
        "torch.libs/libscipy_openblas64_-56d6093b.so",
        "both start threads",
        Status.PASS,
    ),
    "not loaded": (["libc.so.6"], {"libomp.so": []}, "torch/lib/libomp.so", "", Status.PASS),
    "GNU's beside LLVM's": (
        ["libomp.so"],
        {"libomp.so": []},
        "torch.libs/libgomp-a34b3233.so.1.0.0",
        "",
        Status.PASS,
    ),
    "another library": (["libomp.so"], {"libomp.so": []}, "torch/libompl.so", "", Status.PASS),
    "not there": (["libomp.so"], {"libomp.so": []}, "", "", Status.PASS),
}


@pytest.fixture
def look(root: Path, project: MakeProject, conda_env: Path, link: Link) -> Looking:
    """Return what makes numpy conda's, and runs the check."""
    project('[project]\nname = "demo"\nversion = "1"\ndependencies = []\n', CONDA)
    metadata = {f"{SITE}/numpy-2.0.dist-info/METADATA": "Name: numpy\nVersion: 2.0\n"}
    link(conda_env, "numpy", "2.0", files={NUMPY: "", **metadata})

    def run() -> list[Result]:
        session = Session.open(combo="conda_uv", engine="rattler", start=root)
        return checks.look_at(FACT_CHECKS["conda.native"], Facts(session), Selection())

    return run


@cases("needs, libraries, brought, said, status", TOGETHER)
def test_two_runtimes(  # noqa: PLR0913 - the columns of the table
    *,
    look: Looking,
    conda_env: Path,
    install: Install,
    needs: list[str],
    libraries: dict[str, list[str] | str],
    brought: str,
    said: str,
    status: Status,
) -> None:
    (conda_env / NUMPY).write_bytes(elf(X86, *needs))
    for name, what in libraries.items():
        path = conda_env / "lib" / name
        if isinstance(what, str):
            path.symlink_to(what)
        else:
            path.write_bytes(elf(X86, *what))
    install(conda_env, "torch", "2.4.0", files=(brought,) if brought else ())
    (result,) = look()
    assert (result.status, said in result.detail) == (status, True), result
    assert bool(result.detail) is bool(said)


def test_a_wheel_that_replaced_condas_own_is_one_library(
    look: Looking, conda_env: Path, install: Install
) -> None:
    (conda_env / NUMPY).write_bytes(elf(X86, "libiomp5.so"))
    install(conda_env, "intel-openmp", "2026.2.0", files=("../../libiomp5.so",))
    (conda_env / "lib/libiomp5.so").write_bytes(elf(X86))
    assert [(one.status, one.detail) for one in look()] == [(Status.PASS, "")]


def test_another_architecture(look: Looking, conda_env: Path, install: Install) -> None:
    (conda_env / NUMPY).write_bytes(elf(X86))
    site = conda_env / SITE
    arm, own = "fast/_x.cpython-311-aarch64-linux-gnu.so", "fast/_x.abi3.so"
    # a debugger's, which is for what it is attached to
    install(conda_env, "fast", "1.0", files=(arm, own, "fast/attach_aarch64.so"))
    for name in (arm, "fast/attach_aarch64.so"):
        (site / name).write_bytes(elf(ARM))
    (site / own).write_bytes(elf(X86))
    assert [one.status for one in look()] == [Status.PASS]
    (site / own).unlink()
    (result,) = look()
    assert (result.status, result.remedy.argv) == (
        Status.FAIL,
        ("invoke", "setup", "--recreate"),
    )
    assert result.detail == (
        "The interpreter is for x86-64, ELF, and cannot load "
        "_x.cpython-311-aarch64-linux-gnu.so (arm64, ELF)."
    )
    (conda_env / NUMPY).write_bytes(elf(ARM))
    (result,) = look()
    assert "_umath.cpython-311-x86_64-linux-gnu.so (arm64, ELF), _x." in result.detail
