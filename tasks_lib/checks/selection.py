"""Which checks run and how much each counts, by options and by `[tool.mlops-lab.checks]`."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.checks.registry import FACT_CHECKS, KNOWN, families, family, listing
from tasks_lib.errors import ErrorCode, LabError, Remedy, meant
from tasks_lib.project import included
from tasks_lib.project.manifests import PYPROJECT
from tasks_lib.results import Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from tasks_lib.project.project import Project

_TABLE = "[tool.mlops-lab.checks]"
_SCHEMA = Path(__file__).with_name("settings_schema.json")


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
        """Read the settings; an option replaces the setting of its name.

        Raises:
            LabError: `wrong_setting` or `unknown_check`.
        """
        table = _settings(project)
        for name, text in (("select", select), ("ignore", ignore)):
            words = included.names([text])
            _refuse_unknown(words, f"--{name}")
            table[name] = frozenset(words or table.get(name, ()))
        return cls(**table)

    def wants(self, check: str) -> bool:
        """Return whether a check is selected."""
        names = {check, family(check)}
        if names & self.ignore:
            return False
        return bool(names & self.select) if self.select else not KNOWN[check].asked

    def keeps(self, check: str) -> bool:
        """Return whether a result is shown.

        `env.exists` is shown with every check of the environment.
        """
        if check == "env.exists":
            return check not in self.ignore
        return check not in KNOWN or self.wants(check)

    def allowed(self, check: str) -> int:
        """Return the number of findings to allow: the check's own setting, else its family's."""
        return self.threshold.get(check, self.threshold.get(family(check), 0))

    def judged(self, check: str, status: Status) -> Status:
        """Return the status of a finding by the project's settings.

        No setting changes any other result.
        """
        setting = self.severity.get(check) or self.severity.get(family(check))
        if setting and status in {Status.WARN, Status.FAIL}:
            return Status(setting)
        return status


def _settings(project: Project) -> dict[str, Any]:
    """Return the table.

    Raises:
        LabError: `wrong_setting` or `unknown_check`, with the file and the line.
    """
    import fastjsonschema  # noqa: PLC0415 - 0.05 s, for the commands that check

    settings = json.loads(_SCHEMA.read_text(encoding="utf-8"))["properties"]
    table: Any = project.pyproject.table("tool", "mlops-lab").get("checks", {})
    if not isinstance(table, dict):
        raise _wrong(project, "", f"{_TABLE} must be a table, not {table!r:.60}.")
    for name, value in table.items():
        if name not in settings:
            text = f"{_TABLE} has no setting {name!r}. The settings are {', '.join(settings)}."
            remedy = meant(name, settings, Remedy(f"Fix {PYPROJECT}"))
            raise _wrong(project, name, text, str(remedy))
        try:
            fastjsonschema.validate(settings[name], value)
        except fastjsonschema.JsonSchemaValueException:
            wanted = settings[name]["description"]
            text = f"{_TABLE} {name} must be {wanted}, not {value!r:.60}."
            raise _wrong(project, name, text) from None
        if name != "strict":
            _refuse_unknown(value, f"{_TABLE} {name}", PYPROJECT, _line(project, name))
        if name == "threshold":
            _refuse_uncounted(project, value)
    return dict(table)


def _line(project: Project, key: str) -> int | None:
    found = project.pyproject.line_of("checks", key)
    return found or project.pyproject.line_of("mlops-lab", "checks")


def _wrong(project: Project, key: str, text: str, remedy: str = f"Fix {PYPROJECT}") -> LabError:
    return LabError(
        text,
        ErrorCode.WRONG_SETTING,
        remedy=Remedy(remedy),
        file=PYPROJECT,
        line=_line(project, key),
    )


def _refuse_uncounted(project: Project, names: Iterable[str]) -> None:
    """Refuse a threshold for a check that does not count its findings."""
    counted = {*FACT_CHECKS, *map(family, FACT_CHECKS)}
    for name in names:
        if name not in counted:
            text = f"{_TABLE} threshold: {name} passes or fails as a whole and counts no findings."
            remedy = f'Remove it, or let the check warn: severity = {{ "{name}" = "warn" }}'
            raise _wrong(project, "threshold", text, remedy)


def _refuse_unknown(
    names: Iterable[str], where: str, file: str | None = None, line: int | None = None
) -> None:
    """Refuse a name that is neither a check nor a family, and list those that exist."""
    groups = families()
    for name in names:
        if name not in KNOWN and name not in groups:
            text = f"{where}: there is no check {name!r}."
            otherwise = Remedy("Correct the name; check.explain says what one of them does")
            remedy = meant(name, (*KNOWN, *groups), otherwise)
            if remedy is otherwise:
                text += f" The families are {', '.join(groups)}. {listing()}"
            raise LabError(text, ErrorCode.UNKNOWN_CHECK, remedy=remedy, file=file, line=line)
