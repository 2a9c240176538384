"""MIT-BIH Arrhythmia Database: 48 half-hour recordings of 47 persons with every heartbeat annotated."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.dataset import About, ReadOptions, Unreadable
from tsrep.datasets.ecg.heartbeats import AAMI, Aami, Beats, beats_panel
from tsrep.datasets.formats.wfdb_record import read_header
from tsrep.datasets.recordings import Channels, Recordings, Renamed
from tsrep.datasets.tables.reading import codes, read_listing
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel

RATE = 360.0
# inter-patient division of de Chazal et al. 2004; of the first part some recordings validate
DS1 = (
    "101", "106", "108", "109", "112", "114", "115", "116", "118", "119", "122",
    "124", "201", "203", "205", "207", "208", "209", "215", "220", "223", "230",
)  # fmt: skip
DS2 = (
    "100", "103", "105", "111", "113", "117", "121", "123", "200", "202", "210",
    "212", "213", "214", "219", "221", "222", "228", "231", "232", "233", "234",
)  # fmt: skip
VALIDATES = ("118", "124", "205", "215", "220")
PACED = ("102", "104", "107", "217")
TWIN = "202"  # of the person of 201, who is in the other part
TRAIN, VALIDATE, TEST = 1, 9, 10
Division = Literal["ds1-ds2-clean", "ds1-ds2", "persons"]
Seconds = Annotated[float, Field(gt=0, le=5)]


@DATASETS.register("mitdb")
class MitBih(Recordings):
    """Heartbeats of MIT-BIH Arrhythmia in the classes of ANSI/AAMI EC57.

    Parameters
    ----------
    division : {"ds1-ds2-clean", "ds1-ds2", "persons"}
        ``"ds1-ds2"`` is the inter-patient division of de Chazal et al., whose two parts share a person
        (recordings 201 and 202); ``"ds1-ds2-clean"`` leaves 202 out. ``"persons"`` divides persons by the
        split that is asked for.
    lead : {"MLII", "both"}
        ``"both"`` takes the two recorded leads, whatever they are, as ``upper`` and ``lower``.
    classes : tuple of str
        Of N (normal), S (supraventricular), V (ventricular), F (fusion) and Q (paced or unknown).
    before, after : float, s
        Of a sample around the R peak.
    channels : tuple of str or None
        To keep, by name, in this order.
    rename : mapping of str to str, or None
        New names by recorded ones.

    Notes
    -----
    Beats of one recording resemble each other, so a division by beats (which many published results use)
    tells little; recordings are never divided here.

    References
    ----------
    de Chazal, O'Dwyer and Reilly, "Automatic classification of heartbeats using ECG morphology and heartbeat
    interval features", IEEE TBME 2004.
    """

    about = About(
        title="MIT-BIH Arrhythmia Database",
        licence="ODC-By 1.0",
        citation=(
            "Moody GB, Mark RG. The impact of the MIT-BIH Arrhythmia Database. IEEE Eng Med Biol 20, 45 "
            "(2001)."
        ),
        url="https://physionet.org/content/mitdb/1.0.0/",
        base_url="https://physionet.org/files/mitdb/1.0.0/",
        size_mb=100,
        records=48,
        patients=47,
        default_split="official",
        independence="patient",
        needs=("RECORDS",),
        layout=("100.hea", "100.dat", "100.atr", "... of each record"),
        notes=(
            "The four recordings with paced beats are left out, and 102 and 104 have no lead MLII. "
            "Recordings 201 and 202 are of one person."
        ),
    )

    # a sample is a beat already
    defaults: ClassVar[dict[str, Any]] = {"window": {"seconds": None}}

    def __init__(
        self,
        division: Division = "ds1-ds2-clean",
        lead: Literal["MLII", "both"] = "MLII",
        classes: Annotated[tuple[Aami, ...], Field(min_length=2)] = ("N", "S", "V", "F", "Q"),
        before: Seconds = 0.25,
        after: Seconds = 0.45,
        channels: Channels | None = None,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(channels=channels, rename=rename)
        self.division = division
        leads = () if lead == "both" else (lead,)
        ordered = tuple(name for name in AAMI if name in classes)
        self.beats = Beats(leads, RATE, before, after, "atr", ordered)

    @property
    def default_split(self) -> str:
        """The division by recordings, or a stratified one of persons."""
        return "stratified" if self.division == "persons" else "official"

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of heartbeats, in mV, with age (years) and sex.

        Raises
        ------
        DataError
            When the folder is not as published, or (``strict``) a record cannot be read.
        """
        names = read_listing(folder / "RECORDS")
        strange = [name for name in names if name not in {*DS1, *DS2, *PACED}]
        if strange or not names:
            what = f"lists {strange[0]}" if strange else "is empty"
            raise DataError(f"{folder / 'RECORDS'} {what}; it is not that of the MIT-BIH Arrhythmia Database")
        told = [_person(folder / name) for name in names]
        tapes = [tape or name for name, (tape, _, _) in zip(names, told, strict=True)]
        left_out = dict.fromkeys((name for name in names if name in PACED), "paced beats")
        source = "MIT-BIH"
        of_record: dict[str, NDArray[Any]] = {}
        if self.division != "persons":
            of_record["fold"] = np.array([_fold(name) for name in names])
        if self.division == "ds1-ds2":
            # as published: the two recordings of one person count as two persons
            tapes = [name if name in ("201", TWIN) else tape for name, tape in zip(names, tapes, strict=True)]
            source = "MIT-BIH (DS1 and DS2 as published, with one person in both: recordings 201 and 202)"
        if self.division == "ds1-ds2-clean" and TWIN in names:
            left_out[TWIN] = "of the person of recording 201, who is in the other part"
        patient, patient_names = codes([f"tape {tape}" for tape in tapes])
        return beats_panel(
            self.name,
            folder,
            names,
            of_record | {"patient": patient},
            self.beats,
            left_out=left_out,
            options=options,
            patient_names=patient_names,
            meta={
                "age": np.array([age for _, age, _ in told]),
                "sex": np.array([sex for *_, sex in told]),
            },
            source=source,
        )


def _fold(name: str) -> int:
    return VALIDATE if name in VALIDATES else TEST if name in DS2 else TRAIN


def _person(stem: Path) -> tuple[str, float, str]:
    """Number of the tape, which tells the person, age (NaN unknown) and sex, from the header."""
    try:
        comments = read_header(stem).comments
    except Unreadable:
        return "", float("nan"), ""  # listed when it is decoded
    words = comments[0].split() if comments else []
    if len(words) < 3 or not words[2].isdigit():
        return "", float("nan"), ""
    age = float(words[0]) if words[0].isdigit() else float("nan")
    return words[2], age, words[1] if words[1] in ("M", "F") else ""
