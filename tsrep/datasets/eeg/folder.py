"""A user's own EEG files in a folder, with a CSV of files or participants, patients and labels."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass, fields
from pathlib import Path
from typing import Unpack

import numpy as np

from tsrep.datasets.dataset import About, Independence, ReadOptions
from tsrep.datasets.eeg.epochs import eeg_panel
from tsrep.datasets.eeg.preparation import Preparation, Recording
from tsrep.datasets.eeg.reading import SUFFIXES, suffix_of
from tsrep.datasets.recordings import Recordings
from tsrep.datasets.tables.own_labels import Records, read_records
from tsrep.datasets.tables.reading import read_table, refuse_duplicates
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.panel import Ints, Panel


@DATASETS.register("eeg")
@dataclass
class EegFolder(Preparation, Recordings):
    """BrainVision, EDF, BDF, EEGLAB or FIF files listed in a CSV, or matched to it by participant.

    Parameters
    ----------
    table : str
        CSV in the folder.
    file : str
        Column with a recording's path in the folder; the table then has one row per recording.
    participant : str or None
        Column with participants instead, one row for each: every recording below the folder belongs to the
        one whose id stands in its path. The order of files and rows never matters.
    patient : str or None
        Column that says whose a recording is; None is ``patient``, or the participant.
    label : str, tuple of str or None
        One column of class names (several to a cell, divided by ``;``, for multi-label), or several
        columns of 0 and 1.
    trial : str or None
        Column; without one each epoch is a trial.
    bad : str or None
        Column with bad channels, divided by ``;``.
    channels : tuple of str or None
        To keep, by name; None keeps the EEG channels that all recordings have.
    rename : mapping of str to str, or None
        New names by recorded ones.
    montage : str or None
        Name of a standard montage of MNE, or a file in the folder.
    reference : "average", tuple of str or None
        What to subtract; named reference channels are left out.
    band : (low, high) or None, Hz
        Zero-phase filter.
    notch, rate : float or None, Hz
        ``rate`` resamples, filtered against aliasing.
    epoch_seconds : float or None
        Cut into epochs; needed when lengths differ. Those that touch a segment marked as bad are left out.
    bads : str
        What becomes of bad channels: ``"interpolate"``, ``"drop"`` from all, or ``"keep"``.
    unreadable : str
        ``"refuse"`` recordings that cannot be used, or ``"skip"`` and list them.
    unit : str or None
        Of channels whose file states none.
    """

    about = About(
        title="Own EEG files with a CSV of patients and labels",
        licence="yours",
        independence="patient",
        needs=("recordings.csv (setting table)", "the recordings: " + " ".join(SUFFIXES)),
        notes="Signals are in µV. With epoch_seconds an epoch is a trial, unless trial names a column.",
    )

    table: str = "recordings.csv"
    file: str = "file"
    participant: str | None = None
    patient: str | None = None
    label: str | tuple[str, ...] | None = "label"
    trial: str | None = None
    bad: str | None = None

    def __post_init__(self) -> None:
        super().__post_init__()
        self.files = (self.table,)

    @property
    def independence(self) -> Independence:
        """See :attr:`Dataset.independence`; a column cannot say both whose a recording is and which."""
        return "recording" if self.patient == self.file else super().independence

    def chosen(self, panel: Panel) -> Panel:
        """As it is: no other channels are read."""
        return panel

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of epochs or recordings, in µV.

        Raises
        ------
        ConfigError, DataError
            When the table is wrong, or recordings and settings do not go together.
        """
        path = folder / self.table
        key = self.participant or self.file
        records = read_records(
            path,
            patient=self.patient or self.participant or "patient",
            label=self.label,
            trial=self.trial,
            record=key,
        )
        refuse_duplicates(path, key, records.names)
        names = [name.strip() for name in records.names]
        row = np.arange(len(names))
        if self.participant is not None:
            names, row = _matched(folder, path, names)
        cells = [""] * len(records.names) if self.bad is None else read_table(path, [self.bad])[self.bad]
        bad = [tuple(name.strip() for name in cell.split(";") if name.strip()) for cell in cells]
        return eeg_panel(
            self.name,
            folder,
            [Recording(folder / name, name, bad[i]) for name, i in zip(names, row.tolist(), strict=True)],
            Records(**records.fields(row)),
            Preparation(**{each.name: getattr(self, each.name) for each in fields(Preparation)}),
            source=f"own EEG in {folder.name}",
            **options,
        )


def _matched(folder: Path, table: Path, ids: Sequence[str]) -> tuple[list[str], Ints]:
    """Recordings below a folder and the row of the table that each belongs to, by the id in its path.

    Raises
    ------
    DataError
        When there are none, or a path has the id of no participant, or of several.
    """
    names = sorted(
        file.relative_to(folder).as_posix()
        for file in folder.rglob("*")
        if suffix_of(file) and not file.name.startswith(".")
    )
    if not names:
        raise DataError(f"{folder} has no EEG recordings ({' '.join(SUFFIXES)}); give the folder that has")
    rows = []
    patterns = [rf"(?<![A-Za-z0-9]){re.escape(key)}(?![A-Za-z0-9])" for key in ids]
    for name in names:
        found = [row for row, pattern in enumerate(patterns) if re.search(pattern, name)]
        if len(found) != 1:
            whose = " and ".join(ids[row] for row in found[:2]) or "no participant"
            raise DataError(
                f"{name} has the id of {whose} of {table.name} in its path; it must have that of one: "
                "add a row, or rename or remove the file"
            )
        rows.append(found[0])
    return names, np.array(rows, np.int64)
