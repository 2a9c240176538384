"""Records of the 2020 and 2021 challenges on disk: which there are, and what their headers say."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.ecg.scored_classes import SOURCES, Codes
from tsrep.datasets.formats.wfdb_record import WfdbHeader, read_header
from tsrep.errors import DataError

GAIN, MAT_HEADER = 1000.0, 24
PATTERNS = {
    "cpsc_2018": r"A\d{4}",
    "cpsc_2018_extra": r"Q\d{4}",
    "st_petersburg_incart": r"I\d{4}",
    "ptb": r"S\d{4}",
    "ptb-xl": r"HR\d{5}",
    "georgia": r"E\d{5}",
}
OLD_FOLDERS = {
    "WFDB_CPSC2018": "cpsc_2018",
    "WFDB_CPSC2018_2": "cpsc_2018_extra",
    "WFDB_StPetersburg": "st_petersburg_incart",
    "WFDB_PTB": "ptb",
    "WFDB_PTBXL": "ptb-xl",
    "WFDB_Ga": "georgia",
    "WFDB_ChapmanShaoxing": "chapman_shaoxing",
    "WFDB_Ningbo": "ningbo",
} | {source: source for source in SOURCES}
LAST_OF_CHAPMAN = 10646
FIELD = re.compile(r"(Age|Sex|Dx)\s*:\s*(.*)")
SEXES = {"male": "M", "m": "M", "female": "F", "f": "F"}


@dataclass(frozen=True)
class Found:
    """A record: its name, the paths of header and signal file, and the source that it is of."""

    name: str
    header: Path
    source: str

    @property
    def signals(self) -> Path:
        """The MATLAB file; one header of Ningbo, S23074, lacks the first letter of its record's name."""
        own = self.header.with_suffix(".mat")
        return own if own.stem == self.name else own.with_name(f"{self.name}.mat")


@dataclass(frozen=True)
class Facts:
    """What a header says of a record.

    Attributes
    ----------
    header : WfdbHeader
    age : float
        Years; NaN when it is not known.
    sex : str
        ``"F"``, ``"M"`` or ``""``.
    codes : frozenset of int
        SNOMED CT codes of the diagnoses.
    """

    header: WfdbHeader
    age: float
    sex: str
    codes: Codes


def find_records(folder: Path) -> list[Found]:
    """All records below a folder, by source and name.

    Raises
    ------
    DataError
        When there are none, or one lies in two places.
    """
    found = sorted(_walk(folder), key=lambda one: (SOURCES.index(one.source), one.name))
    if not found:
        raise DataError(
            f"{folder} has no records of the 2021 challenge (such as georgia/g1/E00001.hea); "
            "check --root, or fetch them by `tsrep data fetch cinc2021`"
        )
    twice = [name for name, count in Counter(one.name for one in found).items() if count > 1]
    if twice:
        places = [str(one.header.parent) for one in found if one.name == twice[0]]
        raise DataError(f"record {twice[0]} lies in {' and '.join(places[:2])}; keep one of the two folders")
    return found


def _walk(folder: Path) -> Iterator[Found]:
    for path, folders, names in os.walk(folder):
        folders.sort()
        here, files = Path(path), set(names)
        parts = reversed(here.relative_to(folder.parent).parts)
        of_folder = next((OLD_FOLDERS[part] for part in parts if part in OLD_FOLDERS), None)
        for name in names:
            if not name.endswith(".hea"):
                continue
            stem = name.removesuffix(".hea")
            if f"{stem}.mat" not in files and f"J{stem}.mat" in files:
                stem = f"J{stem}"
            source = of_folder or _source_of(stem)
            if source is not None:
                yield Found(stem, here / name, source)


def _source_of(name: str) -> str | None:
    """The source that a record is of by its name."""
    if match := re.fullmatch(r"JS(\d{5})", name):
        return "chapman_shaoxing" if int(match[1]) <= LAST_OF_CHAPMAN else "ningbo"
    return next((source for source, pattern in PATTERNS.items() if re.fullmatch(pattern, name)), None)


def read_facts(found: Found) -> Facts:
    """What the header of a record says.

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
    said = (match for comment in header.comments if (match := FIELD.match(comment)))
    fields = {match[1]: match[2] for match in said}
    return Facts(
        header,
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


def read_signals(found: Found, header: WfdbHeader) -> NDArray[np.int16]:
    """Counts of a record, 1000 to a millivolt, shape (lead, time).

    Raises
    ------
    Unreadable
        When the file is missing, of another format, or not as long as the header says.
    """
    path, leads = found.signals, len(header.channels)
    if not path.is_file():
        raise Unreadable(f"no signal file: {path.name} is missing")
    with path.open("rb") as stream:
        start = stream.read(MAT_HEADER)
    if start.startswith(b"MATLAB"):
        version = "7.3" if start.startswith(b"MATLAB 7.3") else "5"
        raise Unreadable(
            f"{path.name} is a MATLAB {version} file; those of the challenge are of version 4: get the "
            "originals"
        )
    size, wanted = path.stat().st_size, MAT_HEADER + 2 * leads * header.steps
    if size != wanted:
        raise Unreadable(f"{path.name} has {size:,} bytes, its header says {wanted:,}: cut off?")
    # MATLAB stores columns one after the other, (lead, time) as time after time
    return np.fromfile(path, "<i2", offset=MAT_HEADER).reshape(header.steps, leads).T


def sources_of(found: Sequence[Found]) -> Counter[str]:
    """Number of records of each source."""
    return Counter(one.source for one in found)
