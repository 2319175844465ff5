"""Names that stand for students, so that a report can be shown without saying whose each row is.

A pseudonym is a keyed hash (HMAC) of an id: who has the table can tell whose it is, and a later run
with the same table gives the same pseudonyms; nobody else can try out the ids of a class. The table
is a file of its own that only its owner can read.
"""

from __future__ import annotations

import hashlib
import hmac
import json
import os
import re
import secrets
from dataclasses import replace
from typing import TYPE_CHECKING

from tasks_lib.cohort.base import HandIn
from tasks_lib.execution import files
from tasks_lib.project.manifests import invalid, read_text

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from tasks_lib.cohort.base import Finding, Graded

SCHEMA = "mlops-lab/pseudonyms/1"
_KEY = 32  # bytes
_DIGITS = 12
#: what is shorter stands in too many words to be taken for a name
_SHORTEST = 3


def applied(graded: Sequence[Graded], table: Path) -> list[Graded]:
    """Return a class with pseudonyms in their order, and keep in `table` whose each is.

    What else could tell whose a row is goes too: names, addresses, sources, commits and times, and
    in a text the words that the roster has for the student.

    Raises:
        LabError: The table is not one of this program, or cannot be read or written.

    """
    key, known = _read(table)
    made = []
    for one in graded:
        pseudonym = of(key, one.hand_in.id)
        known[pseudonym] = one.hand_in.id
        made.append(_hidden(one, pseudonym))
    document = {"schema": SCHEMA, "key": key.hex(), "ids": dict(sorted(known.items()))}
    files.write(table, json.dumps(document, indent=2).encode() + b"\n", private=True)
    return sorted(made, key=lambda one: one.hand_in.id)


def of(key: bytes, identifier: str) -> str:
    """Return the pseudonym of an id."""
    data = identifier.encode("utf-8", "surrogatepass")
    return f"s-{hmac.new(key, data, hashlib.sha256).hexdigest()[:_DIGITS]}"


def _read(table: Path) -> tuple[bytes, dict[str, str]]:
    """Return the key and the ids of a table; where there is none, a new key."""
    if not os.path.lexists(table):
        return secrets.token_bytes(_KEY), {}
    try:
        document = json.loads(read_text(table, str(table)))
        key, known = bytes.fromhex(document["key"]), dict(document["ids"])
    except (ValueError, TypeError, KeyError, RecursionError):
        key, known = b"", {}
    if len(key) != _KEY:
        text = f"{table} is not a table of pseudonyms."
        raise invalid(text, str(table), advice="Name another file; a new one gets a new key")
    return key, known


def _hidden(one: Graded, pseudonym: str) -> Graded:
    """Return a grade that says of the student only the pseudonym."""
    words = _words(one.hand_in)
    findings = tuple(_finding(finding, words, pseudonym) for finding in one.examined.findings)
    marks = (replace(mark, text=_without(mark.text, words, pseudonym)) for mark in one.marks)
    evidence = _without(one.examined.evidence, words, pseudonym)
    examined = replace(one.examined, id=pseudonym, findings=findings, content="", evidence=evidence)
    hand_in = HandIn(pseudonym, "", due=one.hand_in.due)
    return replace(one, hand_in=hand_in, examined=examined, marks=tuple(marks), submitted="")


def _words(hand_in: HandIn) -> re.Pattern[str] | None:
    """Return what finds the student's own words in a text, the longest first."""
    said = {hand_in.id, hand_in.name, hand_in.email, hand_in.source, *hand_in.columns.values()}
    said |= {part for word in {*said} for part in re.split(r"[\s,@]+", word)}
    words = sorted((word for word in said if len(word) >= _SHORTEST), key=len, reverse=True)
    if not words:
        return None
    return re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, words))})(?!\w)", re.IGNORECASE)


def _finding(one: Finding, words: re.Pattern[str] | None, pseudonym: str) -> Finding:
    texts = (one.title, one.detail, one.remedy, one.file)
    title, detail, remedy, file = (_without(text, words, pseudonym) for text in texts)
    return replace(one, title=title, detail=detail, remedy=remedy, file=file)


def _without(text: str, words: re.Pattern[str] | None, pseudonym: str) -> str:
    return text if words is None else words.sub(pseudonym, text)
