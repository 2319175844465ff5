"""What a conda file lists that does not go with the other layer, or with this machine."""

from __future__ import annotations

import os
import re
from typing import TYPE_CHECKING

from tasks_lib.checks.base import FactCheck, Finding, conda_line, has_conda_file, listed
from tasks_lib.environments import conda_health
from tasks_lib.errors import Remedy
from tasks_lib.project.conda_file import spec_name
from tasks_lib.project.manifests import read_text
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tasks_lib.ownership.facts import Facts

_TERMS = "In CI its terms of service count: an organisation may need a paid licence for it."
_DEFAULTS = re.compile(
    r"defaults|anaconda|main|(?:\w+://)?repo\.anaconda\.com/.*|(?:\w+://)?anaconda\.org/anaconda"
)
_FORGE = re.compile(r"(?:.*/)?conda-forge/?")
_TORCH = {"torch", "torchvision", "torchaudio"}
_CONDA_TORCH = {"pytorch", "libtorch", "pytorch-cuda", "pytorch-gpu", "pytorch-cpu", "cpuonly"}
_CUDA = re.compile(
    r"cuda(?:toolkit|nn)?(?:-.+)?|pytorch-(?:cuda|gpu)|tensorflow-gpu|cudnn|jaxlib-cuda"
)


def _defaults(facts: Facts) -> Iterable[Finding]:
    file = facts.conda_file
    if file is None:
        return
    in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    mixed = any(_FORGE.fullmatch(channel) for channel in file.channels)
    terms = f" {_TERMS}" if in_ci else ""
    for channel in file.channels if mixed or in_ci else ():
        if _DEFAULTS.fullmatch(channel):
            text = f"The channel {channel} is listed."
            if mixed:
                text = f"The channel {channel} is mixed with conda-forge: their builds do not go together."
            line = _channel_line(file.path, channel)
            yield Finding(f"{text}{terms}", file.path.name, line)


def _channel_line(path: Path, channel: str) -> int | None:
    """Return the line of a channel in the conda file, counted from 1."""
    entry = re.compile(rf"[-\[,]\s*['\"]?{re.escape(channel)}")
    for number, row in enumerate(read_text(path).splitlines(), 1):
        if entry.search(row):
            return number
    return None


def _torch(facts: Facts) -> Iterable[Finding]:
    kinds: dict[str, list[str]] = {"CPU": [], "GPU": []}
    for kind, evidence in (*_torch_of_conda(facts), *_torch_of_python(facts)):
        kinds[kind].append(evidence)
    if all(kinds.values()):
        cpu, gpu = (listed(dict.fromkeys(found)) for found in kinds.values())
        yield Finding(f"for the CPU: {cpu}; for the GPU: {gpu}.")


def _torch_of_conda(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield CPU or GPU, and the conda package that shows it."""
    known = {}
    if facts.conda_file and facts.conda_layer:
        known = {spec_name(spec): spec for spec in facts.conda_file.dependencies}
    for name, record in facts.conda.items():
        known[name] = f"{name} {record['version']} {record.get('build', '')}"
    for name in sorted((_CONDA_TORCH | _TORCH) & known.keys()):
        text = known[name]
        if re.search(r"cuda|gpu", text):
            yield "GPU", f"{text} (conda)"
        elif "cpu" in text:
            yield "CPU", f"{text} (conda)"


def _torch_of_python(facts: Facts) -> Iterator[tuple[str, str]]:
    """Yield CPU or GPU, and the distribution that shows it by the local part of its version.

    On Linux PyPI's own torch is for the GPU, and brings NVIDIA's packages.
    """
    lock = facts.session.manager.lock_name
    known = {name: (versions, lock) for name, versions in facts.locked.items()}
    nvidia = False
    for name, version in facts.installed.items():
        if name not in facts.owned:
            known[name] = ({version}, "installed")
            nvidia = nvidia or name.startswith("nvidia-cuda-runtime")
    for name in sorted(_TORCH & known.keys()):
        versions, place = known[name]
        for version in sorted(versions):
            local = version.partition("+")[2]
            if local.startswith("cpu"):
                yield "CPU", f"{name} {version} ({place})"
            elif local.startswith(("cu", "rocm")) or (nvidia and not local):
                yield "GPU", f"{name} {version} ({place})"


def _has_torch(facts: Facts) -> bool:
    return bool(_TORCH & (facts.installed.keys() | facts.locked.keys()))


def _cuda(facts: Facts) -> Iterable[Finding]:
    needed: dict[str, str] = {}
    for spec in facts.conda_file.dependencies if facts.conda_file else ():
        name = spec_name(spec)
        if _CUDA.fullmatch(name) or re.search(r"[=\s\[]\S*\*?cuda", spec):
            needed[name] = f"{spec} needs CUDA"
    for name, record in facts.conda.items():
        for text in record.get("depends") or ():
            if text.split()[:1] == ["__cuda"]:
                needed.setdefault(name, f"{name} {record['version']} needs __cuda")
    if needed and "__cuda" not in conda_health.virtual_packages():
        for name, text in needed.items():
            yield Finding(f"{text}, and this machine has no CUDA driver.", *conda_line(facts, name))


def _pip_section(facts: Facts) -> Iterable[Finding]:
    file = facts.conda_file
    if file and file.pip:
        text = f"The pip: section lists {listed(file.pip)}, which no lock pins."
        yield Finding(text, *conda_line(facts, "pip:"), count=len(file.pip))


CHECKS = (
    FactCheck(
        "conda.defaults",
        "conda-forge is not mixed with the defaults channel",
        "conda-forge and Anaconda's defaults build against different libraries, and an environment of both breaks in "
        "ways that no solver sees. The terms of service of the defaults also ask larger organisations for a paid "
        "licence, and a CI run has nobody who accepts them.",
        Remedy("Remove it from the channels; nodefaults keeps it out"),
        Status.WARN,
        look=_defaults,
        applies=has_conda_file,
    ),
    FactCheck(
        "conda.torch",
        "all of torch is for the CPU, or all for the GPU",
        "torch, torchvision and torchaudio are built for one CUDA version or for none. Where conda brings one kind and "
        "the manager another, the import fails, or the GPU is not found.",
        Remedy("Take torch and its companions from one layer, built for one kind"),
        look=_torch,
        applies=_has_torch,
    ),
    FactCheck(
        "conda.cuda",
        "CUDA exists where it is needed",
        "conda resolves packages for the CUDA driver that it finds (the virtual package __cuda). Without one the "
        "environment cannot be created, or gets builds that do not run. CONDA_OVERRIDE_CUDA tells conda, and this "
        "check, about the driver of another machine.",
        Remedy(
            "Use builds for the CPU, or set CONDA_OVERRIDE_CUDA=12.4 if it is for another machine"
        ),
        Status.WARN,
        look=_cuda,
        applies=lambda facts: facts.conda_layer and has_conda_file(facts),
    ),
    FactCheck(
        "conda.pip-section",
        "the conda file leaves Python packages to the lock",
        "pip resolves the `pip:` section of a conda file again each time, without a lock and without regard to the "
        "manager's. The same file gives another environment next month.",
        Remedy(
            "Declare them in pyproject.toml, and remove the section",
            ("invoke", "deps.add", "PACKAGE"),
        ),
        Status.WARN,
        look=_pip_section,
        applies=has_conda_file,
    ),
)
