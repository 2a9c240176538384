"""Records of the 2020 and 2021 challenges on disk, and the source that each is of."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from tsrep.datasets.ecg.scored_classes import SOURCES
from tsrep.errors import DataError

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


def sources_of(found: Sequence[Found]) -> Counter[str]:
    """Number of records of each source."""
    return Counter(one.source for one in found)
