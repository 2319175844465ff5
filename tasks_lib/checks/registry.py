"""Which checks there are, which run, and how much each counts: by the options, and by `[tool.mlops-lab.checks]`."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tasks_lib.checks import agreement, conda_rules, drift, leaks, ownership
from tasks_lib.checks.tools import TOOLS
from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from tasks_lib.checks.base import Told
    from tasks_lib.project.project import Project

#: The checks that read for themselves, in the order of their results.
HYBRID = {
    **ownership.CHECKS,
    **drift.CHECKS,
    **agreement.CHECKS,
    **leaks.CHECKS,
    **conda_rules.CHECKS,
}
KNOWN: dict[str, Told] = {**TOOLS, **HYBRID}

_SEVERITIES = ("warn", "fail")
_TABLE = "[tool.mlops-lab.checks]"
#: what each setting must be, in words and as a test
_SETTINGS: dict[str, tuple[str, Callable[[Any], bool]]] = {
    **dict.fromkeys(
        ("select", "ignore"),
        (
            "a list of ids and families",
            lambda v: isinstance(v, list) and all(isinstance(one, str) for one in v),
        ),
    ),
    "severity": (
        'a table of id = "warn" or "fail"',
        lambda v: isinstance(v, dict) and all(one in _SEVERITIES for one in v.values()),
    ),
    "threshold": (
        "a table of id = the number of findings to let pass",
        lambda v: isinstance(v, dict) and all(type(one) is int and one >= 0 for one in v.values()),
    ),
    "strict": ("true or false", lambda v: isinstance(v, bool)),
}


def family(check: str) -> str:
    """Give the family of an id: its first part."""
    return check.partition(".")[0]


@dataclass(frozen=True)
class Selection:
    """What is chosen: ids and families, and those left out; an empty `select` is every check."""

    select: frozenset[str] = frozenset()
    ignore: frozenset[str] = frozenset()
    severity: Mapping[str, str] = field(default_factory=dict)
    threshold: Mapping[str, int] = field(default_factory=dict)
    strict: bool = False

    @classmethod
    def of(cls, project: Project, select: str = "", ignore: str = "") -> Selection:
        """Read the settings; an option stands in place of the setting of its name."""
        table = _settings(project)
        for name, text in (("select", select), ("ignore", ignore)):
            words = [word.strip() for word in text.split(",") if word.strip()]
            _known(words, f"--{name}")
            table[name] = frozenset(words or table.get(name, ()))
        return cls(**table)

    def wants(self, check: str) -> bool:
        """Tell whether a check's results are asked for."""
        names = {check, family(check)}
        return not names & self.ignore and (not self.select or bool(names & self.select))

    def keeps(self, check: str) -> bool:
        """Tell whether a result is given; that there is an environment is said with whatever was looked at in it."""
        return (
            check not in self.ignore
            if check == "env.exists"
            else check not in KNOWN or self.wants(check)
        )

    def allowed(self, check: str) -> int:
        """Give the number of findings that are let pass: of the check itself, else of its family."""
        return self.threshold.get(check, self.threshold.get(family(check), 0))

    def judged(self, result: Result) -> Result:
        """Give a finding the severity that the project's settings say."""
        told = self.severity.get(result.id) or self.severity.get(family(result.id))
        return (
            replace(result, status=Status(told))
            if told and result.status in {Status.WARN, Status.FAIL}
            else result
        )


def _settings(project: Project) -> dict[str, Any]:
    """Give the table; what is wrong in it is an error with its line."""
    pyproject = project.pyproject
    table: Any = pyproject.table("tool", "mlops-lab").get("checks", {})
    for key, value in table.items() if isinstance(table, dict) else [("", table)]:
        line = pyproject.line_of("checks", key) or pyproject.line_of("mlops-lab", "checks")
        if text := _fault(key, value):
            raise LabError(
                text, ErrorCode.WRONG_SETTING, file=PYPROJECT, line=line, remedy=f"mend {PYPROJECT}"
            )
        if key == "threshold" and (
            uncounted := [one for one in value if one in {*TOOLS, *map(family, TOOLS)}]
        ):
            text = f"{_TABLE} threshold: {uncounted[0]} passes or fails as a whole, and has no findings to count."
            remedy = f'take it out, or let it warn: severity = {{ "{uncounted[0]}" = "warn" }}'
            raise LabError(text, ErrorCode.WRONG_SETTING, file=PYPROJECT, line=line, remedy=remedy)
        if key != "strict":
            _known(value, f"{_TABLE} {key}", PYPROJECT, line)
    return dict(table)


def _fault(key: str, value: object) -> str:
    """Say what is wrong with one setting, in no words if nothing is."""
    if not key:
        return f"{_TABLE} must be a table, and it is {value!r:.60}."
    if key not in _SETTINGS:
        return f"{_TABLE} has no setting {key!r}; it has {', '.join(_SETTINGS)}."
    words, fits = _SETTINGS[key]
    return "" if fits(value) else f"{_TABLE} {key} must be {words}, and it is {value!r:.60}."


def _known(
    names: Iterable[str], where: str, file: str | None = None, line: int | None = None
) -> None:
    """Refuse a name that is no check, and list those there are."""
    families = dict.fromkeys(map(family, KNOWN))
    for name in names:
        if name not in {*KNOWN, *families}:
            text = f"{where}: there is no check {name!r}. The families are {', '.join(families)}; {listing()}."
            raise LabError(
                text,
                ErrorCode.UNKNOWN_CHECK,
                remedy="see invoke check.explain ID",
                file=file,
                line=line,
            )


def listing() -> str:
    """Name all checks."""
    return f"the checks are {', '.join(KNOWN)}"
