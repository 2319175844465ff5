"""What a class is made of: who handed in what, and what was found in it."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tasks_lib.errors import Remedy
from tasks_lib.execution.redaction import held, without_secrets
from tasks_lib.results import Result, Status

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

#: the check that fails where there is no manifest to read, so that most others cannot be made
MANIFEST = "cohort.manifest"
#: the check that warns where a hand-in has several projects, so that nothing can be judged
PROJECT = "cohort.project"


@dataclass(frozen=True)
class HandIn:
    """One repository of a class.

    `source` is a folder, an archive or an address. `ref` is a commit, branch or tag, `due` an ISO
    8601 date or time; both may be empty. `columns` are all columns of the roster's row, as they
    stand there. `project` is the folder of the project in it, empty where it has to be found.
    """

    id: str
    source: str
    ref: str = ""
    due: str = ""
    name: str = ""
    email: str = ""
    columns: Mapping[str, str] = field(default_factory=dict)
    project: str = ""


@dataclass(frozen=True)
class Finding:
    """One result of a check in one repository, as it is stored: text and numbers alone."""

    check: str
    status: Status
    title: str
    detail: str = ""
    remedy: str = ""
    file: str = ""
    line: int | None = None

    @classmethod
    def of(cls, result: Result) -> Finding:
        """Return what is stored of a result."""
        remedy, file = str(result.remedy), str(result.file or "")
        return cls(result.id, result.status, result.title, result.detail, remedy, file, result.line)

    @property
    def result(self) -> Result:
        """Return it as the renderers take it."""
        remedy, file = Remedy(self.remedy), self.file or None
        return Result(self.check, self.status, self.title, self.detail, remedy, file, self.line)

    @classmethod
    def read(cls, data: Mapping[str, Any]) -> Finding:
        """Return what was stored as JSON."""
        fields: dict[str, Any] = {**data, "status": Status(data["status"])}
        return cls(**fields)


def worst_of(findings: Iterable[Finding]) -> dict[str, Status]:
    """Return the worst status of each check."""
    found: dict[str, Status] = {}
    for one in findings:
        before = found.get(one.check, one.status)
        found[one.check] = max(before, one.status, key=[*Status].index)
    return found


@dataclass(frozen=True)
class Examined:
    """What was found in one repository; `content` is its commit or the hash of its files."""

    id: str
    findings: tuple[Finding, ...]
    content: str = ""
    combo: str = ""
    evidence: str = ""
    seconds: float = 0.0

    @property
    def status(self) -> Status:
        """Return error, fail or pass for the whole."""
        worst = max((one.status for one in self.findings), key=[*Status].index, default=Status.PASS)
        return worst if worst in {Status.ERROR, Status.FAIL} else Status.PASS

    @property
    def unclear(self) -> list[Finding]:
        """Return what says that it is not known which project counts."""
        return [one for one in self.with_status(Status.WARN) if one.check == PROJECT]

    def with_status(self, status: Status) -> list[Finding]:
        """Return the findings of one status."""
        return [one for one in self.findings if one.status is status]


@dataclass(frozen=True)
class Mark:
    """The points for one row of the rubric; `points` is `None` where it could not be judged.

    `text` says why, and `failed` which checks. What is only `advice` has a maximum of 0.
    """

    name: str
    points: float | None
    maximum: float
    text: str = ""
    failed: tuple[str, ...] = ()
    advice: bool = False


@dataclass(frozen=True)
class Graded:
    """The grade of one hand-in: its marks, and their sum after the late policy.

    `score` is `None` where a mark could not be judged: that is nobody's fault, and no zero.
    `penalty` is the number of points that the late policy took, which `score` already lacks;
    `late` says why. `submitted` is the ISO 8601 time of what was examined, where that is known.
    """

    hand_in: HandIn
    examined: Examined
    marks: tuple[Mark, ...]
    score: float | None
    maximum: float
    penalty: float = 0.0
    submitted: str = ""
    late: str = ""


def presentable(graded: Iterable[Graded]) -> list[Graded]:
    """Return the grades without the secrets that the texts of findings may hold."""
    secrets = held()
    shown = []
    for one in graded:
        findings = []
        for finding in one.examined.findings:
            detail = without_secrets(finding.detail, secrets)
            remedy = without_secrets(finding.remedy, secrets)
            if (detail, remedy) != (finding.detail, finding.remedy):
                finding = replace(finding, detail=detail, remedy=remedy)  # noqa: PLW2901 - shown
            findings.append(finding)
        evidence = without_secrets(one.examined.evidence, secrets)
        examined = replace(one.examined, findings=tuple(findings), evidence=evidence)
        shown.append(replace(one, examined=examined))
    return shown
