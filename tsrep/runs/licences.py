"""Licences of weights: what they allow, which of a chain is the strictest, and which were accepted."""

from __future__ import annotations

import csv
import json
import os
import re
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from pathlib import Path

from tsrep.errors import RunError
from tsrep.files import expanded, write_json
from tsrep.registry import nearest

# from what allows most to what allows least
CLASSES = {
    "permissive": "",
    "share-alike": "derived weights under the same licence",
    "non-commercial": "no commercial use",
    "by agreement": "as agreed with its publishers",
    "no-derivatives": "no derived weights",
    "unknown": "what may be done with them is not stated",
}
UNKNOWN = "unknown"
ASKED = ("by agreement", "no-derivatives", UNKNOWN)  # kinds under which derived weights need a permission


@dataclass(frozen=True)
class Licence:
    """A licence.

    Attributes
    ----------
    name : str
        SPDX identifier in lower case; ``"unknown"`` where none is stated.
    title : str
    kind : str
        A key of ``CLASSES``.
    """

    name: str
    title: str
    kind: str

    @property
    def rank(self) -> int:
        """How much it restricts."""
        return list(CLASSES).index(self.kind)

    def __str__(self) -> str:
        return f"{self.title} ({meaning})" if (meaning := CLASSES[self.kind]) else self.title


@cache
def _known() -> dict[str, Licence]:
    text = (files("tsrep.runs") / "licences.csv").read_text(encoding="utf-8")
    rows = csv.DictReader(text.splitlines())
    return {row["licence"]: Licence(row["licence"], row["title"], row["class"]) for row in rows}


def licence_of(text: str) -> Licence:
    """A licence by its identifier or title; one that is not in the table is of the kind ``unknown``."""
    plain = re.sub(r"[\s_]+", "-", text.strip().casefold())
    if plain in _known():
        return _known()[plain]
    titles = {re.sub(r"[\s_]+", "-", one.title.casefold()): one for one in _known().values()}
    if plain in titles:
        return titles[plain]
    return Licence(plain, text.strip(), UNKNOWN) if plain else _known()[UNKNOWN]


def stated(text: str) -> Licence:
    """A licence that a user states for weights.

    Raises
    ------
    RunError
        When it is not one of the table; the message names the nearest.
    """
    licence = licence_of(text)
    if licence.name not in _known():
        raise RunError(f"there is no licence {text!r}; {nearest(licence.name, list(_known()))}")
    return licence


def strictest(texts: Iterable[str]) -> Licence:
    """Of several licences the one that allows least."""
    return max(map(licence_of, texts), key=lambda one: one.rank, default=licence_of(""))


class LicenceNotAccepted(RunError):
    """The licence of downloaded weights restricts what may be done with them, and was not accepted."""

    def __init__(self, message: str, licence: Licence) -> None:
        super().__init__(message)
        self.licence = licence


def refuse_unaccepted(name: str, revision: str, licence: Licence, accepted: str = "") -> None:
    """Check that a licence that restricts what may be done with downloaded weights was accepted.

    An acceptance is kept in the user's settings for that revision. ``TSREP_ACCEPT_LICENCES``, a list with
    commas, accepts licences wherever they occur.

    Parameters
    ----------
    name, revision : str
        Of the repository.
    licence : Licence
    accepted : str
        Identifier of the licence that the user accepts now.

    Raises
    ------
    LicenceNotAccepted
        When it was not.
    """
    if licence.kind == "permissive":
        return
    anywhere = {one.strip().casefold() for one in os.environ.get("TSREP_ACCEPT_LICENCES", "").split(",")}
    if licence_of(accepted).name == licence.name and accepted:
        _accept(name, revision, licence)
    elif licence.name not in anywhere and _accepted().get(f"{name}@{revision}") != licence.name:
        raise LicenceNotAccepted(
            f"hub:{name} is under {licence}; accept it with: tsrep hub pull hub:{name}@{revision[:7]} "
            f"--accept-licence {licence.name}",
            licence,
        )


def _accept(name: str, revision: str, licence: Licence) -> None:
    write_json(_file(), _accepted() | {f"{name}@{revision}": licence.name})


def _accepted() -> dict[str, str]:
    try:
        found = json.loads(_file().read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError):
        return {}
    return found if isinstance(found, dict) else {}


def _file() -> Path:
    place = os.environ.get("XDG_CONFIG_HOME") or expanded("~") / ".config"
    return Path(place) / "tsrep" / "licences.json"
