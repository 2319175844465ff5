"""What a conda file lists that does not go with the other layer, or with this machine."""

from __future__ import annotations

import os
import re
from collections import defaultdict
from typing import TYPE_CHECKING

from tasks_lib.checks.base import FactCheck, Finding, conda_line, has_conda_file, listed
from tasks_lib.environments import conda_consistency, site_packages
from tasks_lib.errors import Remedy
from tasks_lib.ownership import graph
from tasks_lib.project.manifests import read_text
from tasks_lib.project.requirements import parse
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from tasks_lib.ownership.facts import Facts

_TERMS = "Its terms of service apply in CI: an organisation may need a paid licence."
_DEFAULTS = re.compile(
    r"defaults|anaconda|main|(?:\w+://)?repo\.anaconda\.com/.*|(?:\w+://)?anaconda\.org/anaconda"
)
_FORGE = re.compile(r"(?:.*/)?conda-forge/?")
_TORCH = {"torch", "torchvision", "torchaudio"}
_CONDA_TORCH = {"pytorch", "libtorch", "pytorch-cuda", "pytorch-gpu", "pytorch-cpu", "cpuonly"}
_CUDA = re.compile(
    r"cuda(?:toolkit|nn)?(?:-.+)?|pytorch-(?:cuda|gpu)|tensorflow-gpu|cudnn|jaxlib-cuda"
)

#: tools whose own commands start pip, which their metadata does not say
_STARTS_PIP = {"ipykernel": "%pip", "spacy": "spacy download"}


def _defaults(facts: Facts) -> Iterable[Finding]:
    file = facts.conda_file
    if file is None:
        return
    in_ci = os.environ.get("CI", "").lower() not in {"", "0", "false"}
    mixed = any(_FORGE.fullmatch(channel) for channel in file.channels)
    faults = []
    if mixed:
        faults.append("It is mixed with conda-forge: their builds do not go together.")
    if in_ci:
        faults.append(_TERMS)
    for channel in filter(_DEFAULTS.fullmatch, file.channels):
        if faults:
            text = " ".join((f"The conda file lists the channel {channel}.", *faults))
            yield Finding(text, file.path.name, _channel_line(file.path, channel))


def _channel_line(path: Path, channel: str) -> int | None:
    """Return the line of a channel in the conda file, counted from 1."""
    entry = re.compile(rf"[-\[,]\s*['\"]?{re.escape(channel)}")
    for number, row in enumerate(read_text(path).splitlines(), 1):
        if entry.search(row):
            return number
    return None


def _torch(facts: Facts) -> Iterable[Finding]:
    """Report where no kind is left that all packages may have.

    A lock with one package at several versions keeps these apart: only one of them is installed.
    """
    kinds: dict[str, list[str]] = {"CPU": [], "GPU": []}
    choices: dict[str, set[str]] = defaultdict(set)
    for name, kind, evidence in (*_torch_of_conda(facts), *_torch_of_python(facts)):
        kinds[kind].append(evidence)
        choices[name].add(kind)
    if choices and not kinds.keys() & set.intersection(*choices.values()):
        cpu, gpu = listed(dict.fromkeys(kinds["CPU"])), listed(dict.fromkeys(kinds["GPU"]))
        yield Finding(f"for the CPU: {cpu}; for the GPU: {gpu}.")


def _torch_of_conda(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """Yield the name of a conda package, CPU or GPU, and what shows it."""
    known = dict(facts.conda_specs) if facts.conda_layer else {}
    for name, record in facts.conda.items():
        known[name] = f"{name} {record['version']} {record.get('build', '')}"
    for name in sorted((_CONDA_TORCH | _TORCH) & known.keys()):
        text = known[name]
        if re.search(r"cuda|gpu", text):
            yield f"conda's {name}", "GPU", f"{text} (conda)"
        elif "cpu" in text:
            yield f"conda's {name}", "CPU", f"{text} (conda)"


def _torch_of_python(facts: Facts) -> Iterator[tuple[str, str, str]]:
    """Yield the name of a distribution, CPU or GPU, and the version whose local part shows it.

    On Linux PyPI's own torch is for the GPU, and brings NVIDIA's packages.
    """
    beside = facts.installed.keys() - facts.owned.keys()
    nvidia = any(name.startswith("nvidia-cuda-runtime") for name in beside)
    for name in sorted(_TORCH):
        versions, place = facts.locked.get(name, set()), facts.session.manager.lock_name
        if name in beside:
            versions, place = {facts.installed[name]}, "installed"
        for version in sorted(versions):
            local = version.partition("+")[2]
            if local.startswith("cpu"):
                yield name, "CPU", f"{name} {version} ({place})"
            elif local.startswith(("cu", "rocm")) or (nvidia and not local):
                yield name, "GPU", f"{name} {version} ({place})"


def _has_torch(facts: Facts) -> bool:
    return bool(_TORCH & (facts.installed.keys() | facts.locked.keys()))


def _is_for_this_machine(facts: Facts) -> bool:
    return facts.conda_layer and has_conda_file(facts) and not facts.by_reading


def _cuda(facts: Facts) -> Iterable[Finding]:
    needed: dict[str, str] = {}
    for name, spec in facts.conda_specs.items():
        if _CUDA.fullmatch(name) or re.search(r"[=\s\[]\S*\*?cuda", spec):
            needed[name] = f"{spec} needs CUDA"
    for name, record in facts.conda.items():
        for text in record.get("depends") or ():
            if text.split()[:1] == ["__cuda"]:
                needed.setdefault(name, f"{name} {record['version']} needs __cuda")
    if needed and "__cuda" not in conda_consistency.virtual_packages():
        for name, text in needed.items():
            yield Finding(f"{text}, and this machine has no CUDA driver.", *conda_line(facts, name))


def _pip_section(facts: Facts) -> Iterable[Finding]:
    entries = facts.pip_entries
    if entries:
        text = f"The pip: section lists {listed(entries)}, which no lock pins."
        remedy = None
        if facts.conda_layer:
            remedy = Remedy("Move the pip: section to pyproject.toml", ("invoke", "init"))
        yield Finding(text, *conda_line(facts, "pip:"), count=len(entries), remedy=remedy)


def _pip(facts: Facts) -> Iterable[Finding]:
    """Name what needs pip where neither the conda file, a conda package nor the lock brings it."""
    if "pip" in facts.conda_specs.keys() | facts.locked.keys() or _conda_needs_pip(facts):
        return
    is_missing = "pip" not in facts.installed
    who = {}
    for one in facts.distributions:
        needs = graph.needs_of(facts, map(parse, site_packages.requires(one)))
        if ("pip", "") in needs and one.name != "pip":
            who[one.name] = one.name
        elif is_missing and one.name in _STARTS_PIP:
            who[one.name] = f"{one.name} ({_STARTS_PIP[one.name]})"
    if who:
        text = (
            "it is not installed" if is_missing else "an engine that adds it unasked installed it"
        )
        text = f"{listed(sorted(who.values()))} needs pip, which no manifest names: {text}."
        remedy = Remedy("Declare it", ("invoke", "deps.add", "pip", "--layer", "conda"))
        yield Finding(text, *conda_line(facts, "python"), remedy=remedy)


def _conda_needs_pip(facts: Facts) -> bool:
    """Return whether a package of conda's needs it; conda writes so of Python where it adds pip."""
    for name, record in facts.conda.items():
        names = (text.partition(" ")[0] for text in record.get("depends") or ())
        if name != "python" and "pip" in names:
            return True
    return False


CHECKS = (
    FactCheck(
        "conda.pip",
        "the conda file names pip where something needs it",
        "conda, mamba and micromamba install pip with Python unless add_pip_as_python_dependency "
        "is false, and rattler never does. Where a tool starts pip, the same conda file works with "
        "one and not with another.",
        Remedy("Declare pip in the conda file"),
        Status.WARN,
        look=_pip,
        applies=lambda facts: facts.owns and has_conda_file(facts),
    ),
    FactCheck(
        "conda.defaults",
        "conda-forge is not mixed with the defaults channel",
        "conda-forge and Anaconda's defaults build against different libraries, and an environment "
        "of both breaks in "
        "ways that no solver sees. The terms of service of the defaults also ask larger "
        "organisations for a paid "
        "licence, and a CI run has nobody who accepts them.",
        Remedy("Remove it from the channels; nodefaults keeps it out"),
        Status.WARN,
        look=_defaults,
        applies=has_conda_file,
    ),
    FactCheck(
        "conda.torch",
        "all of torch is for the CPU, or all for the GPU",
        "torch, torchvision and torchaudio are built for one CUDA version or for none. Where conda "
        "brings one kind and "
        "the manager another, the import fails, or the GPU is not found.",
        Remedy("Take torch and its companions from one layer, built for one kind"),
        look=_torch,
        applies=_has_torch,
    ),
    FactCheck(
        "conda.cuda",
        "CUDA exists where it is needed",
        "conda resolves packages for the CUDA driver that it finds (the virtual package __cuda). "
        "Without one the "
        "environment cannot be created, or gets builds that do not run. CONDA_OVERRIDE_CUDA tells "
        "conda, and this "
        "check, about the driver of another machine.",
        Remedy(
            "Use builds for the CPU, or set CONDA_OVERRIDE_CUDA=12.4 if it is for another machine"
        ),
        Status.WARN,
        look=_cuda,
        applies=_is_for_this_machine,
    ),
    FactCheck(
        "conda.pip-section",
        "the conda file leaves Python packages to the lock",
        "pip resolves the `pip:` section of a conda file again each time, without a lock and "
        "without regard to the "
        "manager's. The same file gives another environment next month.",
        Remedy("Delete the section from the conda file, then declare them with deps.add"),
        Status.WARN,
        look=_pip_section,
        applies=has_conda_file,
    ),
)
