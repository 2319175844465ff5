"""Point VS Code at the environment in the files that it reads, and take that back."""

from __future__ import annotations

import json
import os
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files, state_folder
from tasks_lib.execution.plan import Step, Writes
from tasks_lib.project import jsonc
from tasks_lib.project.manifests import MANIFEST, read_text
from tasks_lib.session.session import Answer, passed
from tasks_lib.workflows.changes import carry_out

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence
    from pathlib import Path

    from tasks_lib.execution.plan import Watcher
    from tasks_lib.session.session import Session

SETTINGS = ".vscode/settings.json"
#: the file outside of the project that says what was written, and what was there before
_MEMORY = "editor.json"
_FOLDER = "${workspaceFolder}"


@dataclass
class _File:
    """One file of the editor's: its text, and each value that was put into it.

    A row is a path, the value that was written, and where there was one the value before.
    """

    place: Path
    shown: str
    text: str
    is_new: bool = False
    rows: list[list[Any]] = field(default_factory=list)

    @classmethod
    def read(cls, root: Path, shown: str, kept: Mapping[str, Any]) -> _File:
        """Read a file that need not exist; `kept` is what was recorded of it."""
        place = files.inside(root, root / shown)
        text = ""
        if os.path.lexists(place):
            text = read_text(place, shown, bom=True)
            MANIFEST.expect(text.encode(), shown)
        is_new = kept.get("is_new", not os.path.lexists(place)) is True
        return cls(place, shown, text, is_new, list(kept.get("rows", ())))

    @property
    def data(self) -> Any:  # noqa: ANN401 - whatever the file holds
        """Return what the text says."""
        return self._edited(jsonc.parse, self.text)

    def put(self, path: Sequence[str], value: object) -> None:
        """Put a value at a path; what this program wrote before is no value of the user's."""
        had = jsonc.get(self.data, path)
        row: list[Any] = [list(path), value] if had is None else [list(path), value, had]
        for earlier in self.rows:
            if earlier[:2] == [list(path), had]:
                row[2:] = earlier[2:]
        self.rows = [*(one for one in self.rows if one[0] != list(path)), row]
        if had != value:
            self.text = self._edited(jsonc.put, self.text, path, value)

    def take_back(self) -> None:
        """Restore the value before where the one that was written is still there."""
        for path, value, *before in reversed(self.rows):
            if jsonc.get(self.data, path) != value:
                continue
            if before:
                self.text = self._edited(jsonc.put, self.text, path, before[0])
            else:
                self.text = self._edited(jsonc.drop, self.text, path)

    def _edited(self, how: Callable[..., Any], *words: object) -> Any:  # noqa: ANN401 - as `how`
        try:
            return how(*words)
        except (ValueError, RecursionError, TypeError, LookupError) as error:
            line = getattr(error, "lineno", None)
            text = f"{self.shown} cannot be edited: {getattr(error, 'msg', error)}."
            code, remedy = ErrorCode.CANNOT_EDIT, Remedy(f"Correct {self.shown}")
            raise LabError(text, code, file=self.shown, line=line, remedy=remedy) from None

    def write(self) -> None:
        """Write it; one that was made here, and has nothing left, is deleted."""
        if self.is_new and self.text.split() in ([], ["{", "}"]):
            self.place.unlink(missing_ok=True)
        else:
            files.write(self.place, self.text.encode())


def make(session: Session, watcher: Watcher, *, workspace: bool, dry_run: bool = False) -> Answer:
    """Put the interpreter, and the environment file where there is one, into the settings.

    With `workspace`, into a workspace file too, which is made where there is none.

    Raises:
        LabError: There is no environment, or a file cannot be edited.
    """
    session.environment.require()
    root = session.project.root
    kept, values = _kept(root), _values(session)
    chosen = [_File.read(root, SETTINGS, kept.get(SETTINGS, {}))]
    for name, value in values.items():
        chosen[0].put((name,), value)
    if workspace:
        shown = f"{root.name}.code-workspace"
        chosen.append(_File.read(root, shown, kept.get(shown, {})))
        _fill_workspace(chosen[1], values)
    steps = [_step(one, f"point VS Code at {session.environment.where}") for one in chosen]
    if not dry_run:
        _keep(root, {**kept, **{one.shown: one for one in chosen}})
    return _carried_out(session, watcher, steps, chosen, dry_run=dry_run)


def _values(session: Session) -> dict[str, str]:
    """Return the settings of VS Code's extension for Python."""
    root, python = session.project.root, session.environment.python
    place = str(python)
    if python.is_relative_to(root):
        place = f"{_FOLDER}/{python.relative_to(root).as_posix()}"
    found = {"python.defaultInterpreterPath": place}
    if (root / ".env").is_file():
        found["python.envFile"] = f"{_FOLDER}/.env"
    return found


def _fill_workspace(file: _File, values: Mapping[str, str]) -> None:
    for name, empty in (("folders", [{"path": "."}]), ("settings", {})):
        if name not in file.data:
            file.put((name,), empty)
    for name, value in values.items():
        file.put(("settings", name), value)


def remove(session: Session, watcher: Watcher, *, dry_run: bool = False) -> Answer:
    """Take back what was written, as far as it is still there; all else stays."""
    root = session.project.root
    rows = [[[name], value] for name, value in _values(session).items()]
    kept = _kept(root) or {SETTINGS: {"is_new": False, "rows": rows}}
    chosen = []
    for shown, record in kept.items():
        if os.path.lexists(root / shown):
            file = _File.read(root, shown, record)
            before = file.text
            file.take_back()
            chosen += [file] if file.text != before else []
    if not chosen:
        return passed("env.editor", "no file of VS Code has what this task writes", "nothing to do")
    steps = [_step(one, f"take the environment out of {one.shown}") for one in chosen]
    answer = _carried_out(session, watcher, steps, chosen, dry_run=dry_run)
    if not dry_run:
        _keep(root, {})
    return answer


def _step(file: _File, title: str) -> Step:
    """Return the step that writes one file, and shows each value."""
    lines = []
    for path, value, *_ in file.rows:
        lines.append(f"# in {file.shown}, {' '.join(path)}: {json.dumps(value)}")
    return Step(
        "env.editor" if file.shown == SETTINGS else "env.editor.workspace",
        title if file.shown == SETTINGS else f"{title} in {file.shown}",
        work=file.write,
        shown="\n".join(lines),
        writes=Writes.PROJECT,
        safe="all else in the file stays, and it is put back if the run fails",
    )


def _carried_out(
    session: Session,
    watcher: Watcher,
    steps: Sequence[Step],
    chosen: Sequence[_File],
    *,
    dry_run: bool,
) -> Answer:
    """Write all of the files or none; an empty folder is not left."""
    if dry_run:
        return carry_out(session, watcher, steps, dry_run=True)
    places = [one.place for one in chosen]
    with files.folder_for_files((session.project.root / SETTINGS).parent):
        answer = carry_out(session, watcher, steps, changes=places, dry_run=False)
    return replace(answer, data={"files": [one.shown for one in chosen]})


def _kept(root: Path) -> dict[str, Any]:
    try:
        data = json.loads(state_folder.kept(root, _MEMORY) or "{}")
    except ValueError:
        return {}
    return data if isinstance(data, dict) else {}


def _keep(root: Path, records: Mapping[str, Any]) -> None:
    found = {}
    for shown, one in records.items():
        found[shown] = {"is_new": one.is_new, "rows": one.rows} if isinstance(one, _File) else one
    state_folder.keep(root, _MEMORY, json.dumps(found))
