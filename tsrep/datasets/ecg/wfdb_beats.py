"""Annotated heartbeats of a user's own WFDB records."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, ClassVar, Unpack

from pydantic import Field

from tsrep.datasets.dataset import About, ReadOptions
from tsrep.datasets.ecg.heartbeats import AAMI, Aami, Beats, beats_panel
from tsrep.datasets.ecg.mitdb import Seconds
from tsrep.datasets.recordings import Recordings
from tsrep.datasets.tables.reading import codes, integers, read_table, refuse_duplicates
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel


@DATASETS.register("wfdb-beats")
@dataclass
class WfdbBeats(Recordings):
    """Heartbeats of own WFDB records with annotation files, in the classes of ANSI/AAMI EC57.

    Parameters
    ----------
    leads : tuple of str
        Names that all records have, in this order.
    rate : float, Hz
        Records at another rate are resampled to it.
    table : str
        CSV in the folder with columns ``record`` (path without suffix) and ``patient``.
    annotator : str
        Suffix of the annotation files.
    fold : str or None
        Column of folds.
    classes : tuple of str
        Of N (normal), S (supraventricular), V (ventricular), F (fusion) and Q (paced or unknown).
    before, after : float, s
        Of a sample around the R peak.
    channels : tuple of str or None
        To keep, by name, in this order.
    rename : mapping of str to str, or None
        New names by recorded ones.
    """

    about = About(
        title="Heartbeats of own WFDB records with annotations",
        licence="yours",
        independence="patient",
        needs=("records.csv (setting table)", "the records named in it, with their annotation files"),
        notes="A sample, and a trial, is a window around an annotated beat.",
    )

    # a sample is a beat already
    defaults: ClassVar[dict[str, Any]] = {"window": {"seconds": None}}

    leads: Annotated[tuple[str, ...], Field(min_length=1)]
    rate: Annotated[float, Field(gt=0)]
    table: str = "records.csv"
    annotator: str = "atr"
    fold: str | None = None
    classes: Annotated[tuple[Aami, ...], Field(min_length=2)] = ("N", "S", "V", "F", "Q")
    before: Seconds = 0.25
    after: Seconds = 0.45

    def __post_init__(self) -> None:
        self.files = (self.table,)

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of heartbeats, in mV.

        Raises
        ------
        DataError
            When the table is wrong, no record can be used, or (``strict``) one cannot be read.
        """
        path = folder / self.table
        table = read_table(path, ["record", "patient", *([self.fold] if self.fold else [])])
        names = [name.removesuffix(".hea") for name in table["record"]]
        refuse_duplicates(path, "record", names)
        patient, patient_names = codes(table["patient"])
        of_record = {"patient": patient}
        if self.fold:
            of_record["fold"] = integers(path, self.fold, table[self.fold])
        ordered = tuple(name for name in AAMI if name in self.classes)
        return beats_panel(
            self.name,
            folder,
            names,
            of_record,
            Beats(self.leads, self.rate, self.before, self.after, self.annotator, ordered),
            left_out={},
            options=options,
            patient_names=patient_names,
            source=f"own annotated WFDB records in {folder.name}",
        )
