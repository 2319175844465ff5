"""Metadata of a distribution as the `[project]` table has it."""

from __future__ import annotations

import re
from itertools import zip_longest
from typing import TYPE_CHECKING

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_ADDRESS = re.compile(r"[^\s,;<>\"]+@[^\s,;<>\"]+")
_NAMED = re.compile(r"([^<>,;]*)<([^<>,;]*)>")
_EDGES = " \t\"',;<>"
_PERSON = re.compile(r'\s*"?([^"<>]*?)"?\s*<([^<>]*)>\s*')


def distribution(text: str) -> str:
    """Return `text` as a distribution may be named, empty where nothing is left of it."""
    if _NAME.fullmatch(text):
        return text
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def people(texts: Sequence[str]) -> list[dict[str, str]]:
    """Return each `Name <address>` as a table with `name` and `email`."""
    found = []
    for text in map(str, texts):
        person = _PERSON.fullmatch(text)  # a name may have a comma
        name, addresses = person.groups() if person else (_ADDRESS.sub("", text), text)
        found += authors(name, addresses)
    return found


def authors(names: str, addresses: str) -> list[dict[str, str]]:
    """Return a person for each address, with its name; several addresses may have several names."""
    found = []
    pairs = [(name.strip(_EDGES), address) for name, address in _NAMED.findall(addresses)]
    if not pairs:
        several = _ADDRESS.findall(addresses)
        alone = names.split(",") if len(several) > 1 else [names]
        pairs = [*zip_longest((name.strip(_EDGES) for name in alone), several, fillvalue="")]
    elif names.strip(_EDGES) not in dict(pairs):
        pairs.insert(0, (names.strip(_EDGES), ""))
    for name, address in pairs:
        person = {"name": name, "email": address if "@" in address else ""}
        found.append({key: text for key, text in person.items() if text})
    return [person for person in found if person]


def license_of(text: str, classifiers: Sequence[str]) -> str | dict[str, str]:
    """Return a licence as an SPDX expression if it is one.

    PEP 639 forbids an expression beside a classifier of a licence.
    """
    try:
        expression = canonicalize_license_expression(text)
    except InvalidLicenseExpression:
        return {"text": text}
    if any(classifier.startswith("License ::") for classifier in classifiers):
        return {"text": text}
    return str(expression)
