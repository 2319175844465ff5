"""The platforms that conda's packages are locked for, and what a machine of each has to have."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from tasks_lib.errors import Remedy, meant

#: the platforms for which channels have packages
KNOWN = (
    "linux-64",
    "linux-aarch64",
    "linux-ppc64le",
    "osx-64",
    "osx-arm64",
    "win-64",
    "win-arm64",
)
#: What a solver takes a machine of each system to have, whichever machine it is: a lock is for all
#: of them. They are pixi's: https://pixi.sh/latest/workspace/system_requirements
_SYSTEMS = {
    "linux": {"__unix": "0", "__linux": "4.18", "__glibc": "2.28"},
    "osx": {"__unix": "0", "__osx": "13.0"},
    "win": {"__win": "0"},
}
#: the names of processors that `__archspec` has and a platform has not
_PROCESSORS = {"64": "x86_64", "arm64": "m1"}
#: each requirement by its key: the systems that it is for, and the virtual package
_REQUIREMENTS = {
    "linux": (("linux",), "__linux"),
    "libc": (("linux",), "__glibc"),
    "macos": (("osx",), "__osx"),
    "cuda": (("linux", "win"), "__cuda"),
}
_VERSION = re.compile(r"\d+(\.\d+)*")
_CORRECT = Remedy("Correct the setting in pyproject.toml")


@dataclass(frozen=True)
class Platforms:
    """What `[tool.mlops-lab]` says of them: `names` is empty where only this one is wanted."""

    names: tuple[str, ...] = ()
    requirements: Mapping[str, str] = field(default_factory=dict)

    def virtual(self, platform: str) -> tuple[str, ...]:
        """Return the virtual packages of a platform, as NAME=VERSION=BUILD."""
        system, _, processor = platform.partition("-")
        found = dict(_SYSTEMS.get(system, {}))
        for key, version in self.requirements.items():
            systems, name = _REQUIREMENTS[key]
            if system in systems:
                found[name] = version
        words = [f"{name}={version}=0" for name, version in found.items()]
        return (*words, f"__archspec=1={_PROCESSORS.get(processor, processor)}")


def fault(names: object, requirements: object) -> tuple[str, str, Remedy] | None:
    """Return the key of a wrong setting, what is wrong, and what to do; None where all is right."""
    if not isinstance(names, list):
        return "platforms", "platforms must be a list", _CORRECT
    for name in names:
        if name not in KNOWN:
            text = f"platforms has no platform {name!r:.40}; there are {', '.join(KNOWN)}"
            return "platforms", text, meant(str(name), KNOWN, _CORRECT)
    key = "system-requirements"
    if not isinstance(requirements, Mapping):
        return key, f"{key} must be a table", _CORRECT
    for name, version in requirements.items():
        if name not in _REQUIREMENTS:
            text = f"{key} has no setting {name!r}; it has {', '.join(_REQUIREMENTS)}"
            return key, text, meant(name, _REQUIREMENTS, _CORRECT)
        if not isinstance(version, str) or not _VERSION.fullmatch(version):
            text = f'{key} {name} must be a version such as "12.4", and it is {version!r:.40}'
            return key, text, _CORRECT
    return None
