"""Metadata of a distribution as the `[project]` table has it."""

from __future__ import annotations

import re
from email.utils import parseaddr
from typing import TYPE_CHECKING

from packaging.licenses import InvalidLicenseExpression, canonicalize_license_expression

if TYPE_CHECKING:
    from collections.abc import Sequence

_NAME = re.compile(r"[A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?")
_PERSON = re.compile(r'\s*"?([^"<>]*?)"?\s*<([^<>]*)>\s*')


def distribution(text: str) -> str:
    """Return `text` as a distribution may be named, empty where nothing is left of it."""
    if _NAME.fullmatch(text):
        return text
    return re.sub(r"[^A-Za-z0-9]+", "-", text).strip("-")


def people(texts: Sequence[str]) -> list[dict[str, str]]:
    """Return each `Name <address>` as a table with `name` and `email`."""
    return [_person(str(text)) for text in texts]


def _person(text: str) -> dict[str, str]:
    """Return one person, under `name` alone if the text has another form."""
    name, address = parseaddr(text)
    found = _PERSON.fullmatch(text)  # a name may have a comma, which parseaddr() does not allow
    if found:
        name, address = found.groups()
    person = {}
    if name:
        person["name"] = name
    if "@" in address:
        person["email"] = address
    return person or {"name": text}


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
