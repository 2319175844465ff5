"""A proof as a file: how it is written, read, and held to its schema."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

from tasks_lib.errors import ErrorCode, LabError
from tasks_lib.execution import files
from tasks_lib.project.manifests import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMA = "mlops-lab-proof/1"
_SCHEMA_FILE = Path(__file__).with_name("proof.schema.json")


def write(path: Path, made: Mapping[str, Any]) -> None:
    """Write a proof, whole."""
    text = json.dumps(made, indent=2, ensure_ascii=False) + "\n"
    files.write(path, text.encode("utf-8", "backslashreplace"))


def digest(made: Mapping[str, Any]) -> str:
    """Hash a proof less its digest: a change by hand shows, one by somebody who hashes it anew does not."""
    rest = {key: value for key, value in made.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def read(path: Path) -> dict[str, Any]:
    """Read a file that says it is a proof; any other is an error."""
    try:
        made = (
            None
            if path.is_dir()
            else json.loads(read_text(path, str(path)), object_pairs_hook=_once)
        )
    except (ValueError, RecursionError):
        made = None
    if not isinstance(made, dict) or made.get("schema") != SCHEMA:
        text = f"this is no JSON document of the schema {SCHEMA}."
        raise LabError(
            text, ErrorCode.INVALID_PROOF, remedy="make one: invoke proof.run", file=path
        )
    return made


def load(path: Path) -> dict[str, Any]:
    """Read a proof that keeps its schema; any other is an error."""
    made = read(path)
    if found := fault(made):
        text = f"it does not keep the schema {SCHEMA}: {found}."
        raise LabError(
            text,
            ErrorCode.INVALID_PROOF,
            remedy="see what is wrong: invoke proof.verify FILE",
            file=path,
        )
    return made


def fault(made: Mapping[str, Any]) -> str:
    """Say where a document breaks the schema; nothing where it keeps it."""
    from fastjsonschema import JsonSchemaValueException  # noqa: PLC0415 - 0.03 s, and seldom needed

    try:
        _validator()(made)
    except JsonSchemaValueException as error:
        return str(error.message)
    return ""


@functools.cache
def _validator() -> Callable[[Any], Any]:
    from fastjsonschema import compile  # noqa: A004, PLC0415 - the same

    schema = json.loads(_SCHEMA_FILE.read_text(encoding="utf-8"))
    del schema["$id"]  # which it takes for an address
    made: Callable[[Any], Any] = compile(schema)
    return made


def _once(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Refuse a key that stands twice: a person may read the one, and a program the other."""
    made = dict(pairs)
    if len(made) != len(pairs):
        text = "a key stands twice"
        raise ValueError(text)
    return made
