"""What headers of the 2020 and 2021 challenges say: rate, length, age, sex and diagnoses."""

from __future__ import annotations

import re
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from tsrep.array_files import read_arrays, write_arrays
from tsrep.datasets.conversion import fingerprint
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.ecg.cinc_records import Found
from tsrep.datasets.ecg.scored_classes import Codes
from tsrep.datasets.formats.wfdb_record import WfdbHeader, read_header
from tsrep.errors import DataError, RunError

FORMAT, GAIN = 1, 1000.0
FIELD = re.compile(r"(Age|Sex|Dx)\s*:\s*(.*)")
SEXES = {"male": "M", "m": "M", "female": "F", "f": "F"}


@dataclass(frozen=True)
class Facts:
    """What a header says of a record.

    Attributes
    ----------
    sfreq : float, Hz
    steps : int
    age : float
        Years; NaN when it is not known.
    sex : str
        ``"F"``, ``"M"`` or ``""``.
    codes : frozenset of int
        SNOMED CT codes of the diagnoses.
    """

    sfreq: float
    steps: int
    age: float
    sex: str
    codes: Codes


Read = tuple[dict[str, Facts], tuple[tuple[str, str], ...]]


def headers_of(found: Sequence[Found], folder: Path, cache: Path) -> Read:
    """What the headers of records say by their names, and those that cannot be read, with the reason.

    They are read once and then remembered for as long as no header changes.

    Raises
    ------
    DataError
        When none can be read, or one is of the release of 2020.
    """
    seen = fingerprint(folder, [one.header for one in found])
    memory = cache / f"cinc2021-headers-{FORMAT}-{seen[:20]}.npz"
    with suppress(OSError, ValueError, KeyError):
        return _remembered(memory)
    read = _read(found)
    with suppress(OSError, RunError):  # a cache that cannot be written costs time only
        cache.mkdir(parents=True, exist_ok=True)
        _remember(memory, read)
    return read


def _read(found: Sequence[Found]) -> Read:
    facts: dict[str, Facts] = {}
    faults: list[tuple[str, str]] = []
    for one in found:
        try:
            facts[one.name] = _facts(checked_header(one))
        except Unreadable as error:
            faults.append((one.name, str(error)))
    if not facts:
        name, why = faults[0]
        raise DataError(f"none of {len(found)} headers can be read; the first, {name}: {why}")
    return facts, tuple(faults)


def _remember(memory: Path, read: Read) -> None:
    facts, faults = read
    every = list(facts.values())
    write_arrays(
        memory,
        name=np.array(list(facts)),
        sfreq=np.array([one.sfreq for one in every]),
        steps=np.array([one.steps for one in every]),
        age=np.array([one.age for one in every]),
        sex=np.array([one.sex for one in every], "U1"),
        codes=np.array([" ".join(map(str, sorted(one.codes))) for one in every]),
        faults=np.array(faults, "U").reshape(-1, 2),
    )


def _remembered(memory: Path) -> Read:
    held = {name: values.tolist() for name, values in read_arrays(memory).items()}
    columns = (held[name] for name in ("sfreq", "steps", "age", "sex", "codes"))
    facts = {
        name: Facts(sfreq, steps, age, sex, frozenset(map(int, codes.split())))
        for name, sfreq, steps, age, sex, codes in zip(held["name"], *columns, strict=True)
    }
    return facts, tuple((name, reason) for name, reason in held["faults"])


def checked_header(found: Found) -> WfdbHeader:
    """The header of a record.

    Raises
    ------
    Unreadable
        When it is damaged.
    DataError
        When it is a header of the release of 2020, whose gains are wrong.
    """
    header = read_header(found.header.with_suffix(""))
    gains = {signal.gain for signal in header.signals}
    if gains - {GAIN} or any(signal.baseline for signal in header.signals):
        odd = max(gains, key=lambda gain: abs(gain - GAIN))
        raise DataError(
            f"headers of the 2020 release in {found.header.parent}: gain {odd:g} instead of {GAIN:g} in "
            f"{found.header.name}; replace the .hea files by those of challenge-2021 1.0.3"
        )
    return header


def _facts(header: WfdbHeader) -> Facts:
    said = (match for comment in header.comments if (match := FIELD.match(comment)))
    fields = {match[1]: match[2] for match in said}
    return Facts(
        header.sfreq,
        header.steps,
        _age(fields.get("Age", "")),
        SEXES.get(fields.get("Sex", "").strip().casefold(), ""),
        frozenset(int(code) for code in re.findall(r"\d+", fields.get("Dx", ""))),
    )


def _age(text: str) -> float:
    try:
        age = float(text)
    except ValueError:
        return float("nan")
    return age if 0 <= age <= 120 else float("nan")
