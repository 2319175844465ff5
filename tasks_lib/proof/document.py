"""A proof as a file: write it, read it, and check its shape and its digest."""

from __future__ import annotations

import functools
import hashlib
import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import fastjsonschema

from tasks_lib.errors import ErrorCode, LabError, Remedy
from tasks_lib.execution import files
from tasks_lib.project.manifests import read_text

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

SCHEMA = "mlops-lab-proof/1"
_SCHEMA_FILE = Path(__file__).with_name("proof.schema.json")


def write(path: Path, proof: Mapping[str, Any]) -> None:
    """Write a proof, whole or not at all."""
    text = json.dumps(proof, indent=2, ensure_ascii=False) + "\n"
    files.write(path, text.encode("utf-8", "backslashreplace"))


def digest(proof: Mapping[str, Any]) -> str:
    """Return the SHA-256 of everything in a proof but its digest, in lower-case hex.

    It shows a change by accident or by hand. It does not show who wrote the proof: that takes a
    signature.
    """
    rest = {key: value for key, value in proof.items() if key != "digest"}
    text = json.dumps(rest, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(text.encode("utf-8", "backslashreplace")).hexdigest()


def read(path: Path) -> dict[str, Any]:
    """Return the content of a file that says that it is a proof.

    Raises:
        LabError: `invalid_proof` for any other file.
    """
    text = read_text(path, str(path))
    try:
        proof = json.loads(text, parse_constant=_refuse)
    except (ValueError, RecursionError):
        proof = None
    if not isinstance(proof, dict) or proof.get("schema") != SCHEMA:
        message = f"This is not a JSON document of the schema {SCHEMA}."
        remedy = Remedy("Name a file that proof.run has written")
        raise LabError(message, ErrorCode.INVALID_PROOF, remedy=remedy, file=path)
    return proof


def _refuse(name: str) -> None:
    """Refuse what Python reads and JSON does not have: `NaN`, `Infinity` and `-Infinity`.

    Raises:
        ValueError: always.
    """
    raise ValueError(name)


def load(path: Path) -> dict[str, Any]:
    """Return the content of a proof.

    Raises:
        LabError: `invalid_proof` for a file that does not match the schema.
    """
    proof = read(path)
    reason = fault(proof)
    if reason:
        message = f"The proof does not match the schema {SCHEMA}: {reason}."
        raise LabError(message, ErrorCode.INVALID_PROOF, file=path)
    return proof


def fault(proof: Mapping[str, Any]) -> str:
    """Return where a proof breaks the schema, empty where it matches."""
    try:
        _validator()(proof)
    except fastjsonschema.JsonSchemaValueException as error:
        return str(error.message)
    return ""


@functools.cache
def _validator() -> Callable[[Any], Any]:
    schema = json.loads(_SCHEMA_FILE.read_text(encoding="utf-8"))
    del schema["$id"]  # fastjsonschema would take it for an address
    validate: Callable[[Any], Any] = fastjsonschema.compile(schema)
    return validate
