"""Names of channels: one spelling for each, whatever the file calls it."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import cache

from tsrep.signals.montage import electrodes
from tsrep.signals.panel_checks import Modality

LIMB = ("I", "II", "III", "aVR", "aVL", "aVF")
CHEST = ("V1", "V2", "V3", "V4", "V5", "V6")
TWELVE = (*LIMB, *CHEST)
FRANK = ("VX", "VY", "VZ")
ECG = (*TWELVE, "V3R", "V4R", "V7", "V8", "V9", *FRANK)
MASTOIDS = ("M1", "M2")
_PREFIX = re.compile(r"^(?:eeg|ecg|ekg|lead)[\s:_]+", re.IGNORECASE)
_REFERENCE = re.compile(r"[-:\s](ref|le|ar|a1|a2|m1|m2|avg)$", re.IGNORECASE)
_ROMAN = {"1": "I", "2": "II", "3": "III"}
_SYNONYMS: dict[str, dict[str, str]] = {
    "ecg": {f"l{n}": name for n, name in _ROMAN.items()}
    | {f"d{name.lower()}": name for name in _ROMAN.values()}
    | {f"c{n}": f"V{n}" for n in range(1, 7)}
    | {f"chest{n}": f"V{n}" for n in range(1, 7)},
    "eeg": {"t3": "T7", "t4": "T8", "t5": "P7", "t6": "P8"},
}
_MODIFIED = {f"ml{name.lower()}": name for name in _ROMAN.values()}


@dataclass(frozen=True)
class Named:
    """What the name of a recorded channel says.

    Attributes
    ----------
    name : str
        Canonical, or as it was stripped where it is not known.
    known : bool
    sign : {1, -1}
        -1 for ``-aVR``, which is recorded upside down.
    modified : bool
        A limb lead with its electrodes on the trunk.
    reference : str
        That the name ends with, such as ``"LE"``.
    bipolar : bool
        The difference of two electrodes.
    """

    name: str
    known: bool
    sign: int = 1
    modified: bool = False
    reference: str = ""
    bipolar: bool = False


@cache
def known_names(modality: Modality) -> dict[str, str]:
    """Canonical names of a modality by their spelling in lower case; none for series."""
    names = {"ecg": ECG, "eeg": (*electrodes(), *MASTOIDS, "A1", "A2")}.get(modality, ())
    return {name.casefold(): name for name in names}


def read_names(recorded: Sequence[str], modality: Modality) -> tuple[Named, ...]:
    """What the names of all channels of a recording say.

    Parameters
    ----------
    recorded : sequence of str
    modality : {"ecg", "eeg", "series", "other"}
    """
    found = [_read(name, modality) for name in recorded]
    if modality == "ecg":
        found = _with_numbered_leads(found)
    return tuple(found)


def canonical_names(recorded: Sequence[str], modality: Modality) -> tuple[str, ...]:
    """Names as contracts write them; one that is not known, or that two channels would share, stays."""
    found = read_names(recorded, modality)
    names = [n.name if n.known and n.sign > 0 and not n.modified else None for n in found]
    taken = set(recorded)
    return tuple(
        raw if name is None or names.count(name) > 1 or (name in taken and name != raw) else name
        for raw, name in zip(recorded, names, strict=True)
    )


def modality_of(recorded: Sequence[str]) -> Modality:
    """What channels are of by their names: an EEG or ECG where every one is known as such, else a series."""
    kinds: tuple[Modality, ...] = ("eeg", "ecg")
    return next((kind for kind in kinds if all(_read(n, kind).known for n in recorded)), "series")


def _read(raw: str, modality: Modality) -> Named:
    known = known_names(modality)
    text = raw.strip().strip(".")
    if (exact := known.get(text.casefold())) is not None:
        return Named(exact, True)
    text = _PREFIX.sub("", text).strip().strip(".")
    reference = _REFERENCE.search(text)
    if reference is not None and modality in ("eeg", "ecg"):
        text = text[: reference.start()].strip()
    said = reference[1].upper() if reference is not None else ""
    first, dash, second = text.partition("-")
    if modality == "eeg" and dash and all(_electrode(part) for part in (first, second)):
        return Named(text, False, bipolar=True)
    if modality == "ecg" and text.startswith("-") and (name := known.get(text[1:].casefold())):
        return Named(name, True, sign=-1)
    short = re.sub(r"[\s_]", "", text.partition(":")[0]).casefold()
    if modality == "ecg" and short in _MODIFIED:
        return Named(_MODIFIED[short], True, modified=True)
    name = known.get(short) or _SYNONYMS.get(modality, {}).get(short)
    return Named(name or text, name is not None, reference=said)


def _electrode(text: str) -> bool:
    short = text.strip().casefold()
    return short in known_names("eeg") or short in _SYNONYMS["eeg"]


def _with_numbered_leads(found: list[Named]) -> list[Named]:
    """Names 1, 2, 3 beside three augmented leads are limb leads, and x, y, z alone Frank's."""
    left = sorted(n.name.casefold() for n in found if not n.known)
    augmented = {n.name for n in found} >= {"aVR", "aVL", "aVF"}
    names: dict[str, str] = {}
    if set(left) >= set(_ROMAN) and augmented:
        names = dict(_ROMAN)
    elif left == ["x", "y", "z"]:
        names = dict(zip(left, FRANK, strict=True))
    return [
        replace(n, name=names[n.name.casefold()], known=True)
        if not n.known and n.name.casefold() in names
        else n
        for n in found
    ]
