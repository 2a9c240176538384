"""EEG in a BIDS folder: participants.tsv says who has which label, and a file's name whose it is."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Unpack

import numpy as np
from pydantic import Field

from tsrep.datasets.dataset import About, ReadOptions
from tsrep.datasets.eeg.bids_layout import (
    MISSING,
    BidsFile,
    as_recording,
    find_recordings,
    read_participants,
)
from tsrep.datasets.eeg.epochs import Left, eeg_panel
from tsrep.datasets.eeg.preparation import Bads, Band, Hertz, OnUnreadable, Preparation, Seconds, Volts
from tsrep.datasets.recordings import Recordings, Renamed
from tsrep.datasets.tables.own_labels import Records
from tsrep.datasets.tables.reading import refuse_duplicates
from tsrep.errors import DataError
from tsrep.registry import DATASETS, nearest
from tsrep.signals.panel import Panel


@DATASETS.register("bids")
class BidsFolder(Recordings):
    """BrainVision, EDF, BDF, EEGLAB or FIF recordings in BIDS layout.

    Parameters
    ----------
    label : str
        Column of ``participants.tsv`` with the class.
    classes : tuple of str or None
        Only participants of these, in this order; None takes all that there are.
    task, session : str or None
        Only recordings of this one.
    derivatives : str or None
        Folder below the root to read recordings from, such as ``derivatives``; None reads the raw ones.
    channels : tuple of str or None
        To keep, by name; None keeps the EEG channels that all recordings have.
    montage : str or None
        Name of a standard montage of MNE, or a file in the folder.
    reference : "average", tuple of str or None
        What to subtract; named reference channels are left out.
    band : (low, high) or None, Hz
        Zero-phase filter.
    notch, rate : float or None, Hz
        ``rate`` resamples, filtered against aliasing.
    epoch_seconds : float or None
        Cut into epochs, each a trial; needed when lengths differ. Those that touch a segment marked as bad,
        in the file or by an event called ``BAD...`` in ``events.tsv``, are left out.
    bads : str
        What becomes of channels that ``channels.tsv`` or the file marks as bad: ``"interpolate"``,
        ``"drop"`` from all, or ``"keep"``.
    unreadable : str
        ``"refuse"`` recordings that cannot be used, or ``"skip"`` and list them.
    unit : str or None
        Of channels for which neither their file nor ``channels.tsv`` states one.
    """

    about = About(
        title="Own EEG in BIDS layout",
        licence="yours",
        url="https://bids-specification.readthedocs.io",
        independence="subject",
        needs=("participants.tsv", "sub-*/eeg/*_eeg.* or sub-*/ses-*/eeg/*_eeg.*"),
        notes="Signals are in µV. With epoch_seconds an epoch is a trial, without it a recording.",
    )

    files: Sequence[str] = ("participants.tsv",)

    def __init__(
        self,
        label: str = "group",
        classes: Annotated[tuple[str, ...], Field(min_length=2)] | None = None,
        task: str | None = None,
        session: str | None = None,
        derivatives: str | None = None,
        channels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None,
        montage: str | None = None,
        reference: str | tuple[str, ...] | None = None,
        band: Band | None = None,
        notch: Hertz | None = None,
        rate: Hertz | None = None,
        epoch_seconds: Seconds | None = None,
        bads: Bads = "interpolate",
        unreadable: OnUnreadable = "refuse",
        unit: Volts | None = None,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(channels=channels, rename=rename)
        self.label, self.classes, self.recorded_task, self.session = label, classes, task, session
        self.derivatives = derivatives
        self.preparation = Preparation(
            channels, montage, reference, band, notch, rate, epoch_seconds, bads, unreadable, unit
        )

    def chosen(self, panel: Panel) -> Panel:
        """As it is: no other channels are read."""
        return panel

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of epochs or recordings, in µV.

        Raises
        ------
        ConfigError, DataError
            When tables and recordings do not go together.
        """
        base = folder if self.derivatives is None else folder / self.derivatives
        files = find_recordings(base, task=self.recorded_task, session=self.session)
        table = folder / "participants.tsv"
        rows = read_participants(table, "participant_id", self.label)
        refuse_duplicates(table, "participant", [name for name, _ in rows])
        return self.panel(folder, table, dict(rows), files, options, f"BIDS folder {folder.name}")

    def panel(
        self,
        folder: Path,
        table: Path,
        told: dict[str, str],
        files: Sequence[BidsFile],
        options: ReadOptions,
        source: str,
        notes: Left = (),
    ) -> Panel:
        """Panel of the recordings whose participants have one of the classes.

        Raises
        ------
        ConfigError, DataError
            When tables and recordings do not go together.
        """
        chosen, records, absent = self._matched(table, told, files)
        return eeg_panel(
            self.name,
            folder,
            [as_recording(file) for file in chosen],
            records,
            self.preparation,
            source=source,
            notes=(*notes, *absent),
            **options,
        )

    def _matched(
        self, table: Path, told: dict[str, str], files: Sequence[BidsFile]
    ) -> tuple[list[BidsFile], Records, Left]:
        """Recordings to use, what is known of them by participant, and participants that have no recording.

        Raises
        ------
        DataError
            When a recording's participant has no row or no label, or a class has nobody.
        """
        stranger = next((file for file in files if file.subject not in told), None)
        if stranger is not None:
            raise DataError(
                f"{table} has no row for {stranger.subject}, of whom there is {stranger.name}; "
                "add the row or remove the recording"
            )
        classes, known = self.classes, sorted({told[file.subject] for file in files})
        if classes is None:
            bare = next((file for file in files if told[file.subject].lower() in MISSING), None)
            if bare is not None:
                raise DataError(
                    f"participant {bare.subject} has no {self.label} in {table}; give one, or name "
                    "those to use with dataset.classes"
                )
            classes = tuple(known)
        nobody = next((name for name in classes if name not in known), None)
        if nobody is not None:
            raise DataError(f"no recording has {nobody} as {self.label} in {table}; {nearest(nobody, known)}")
        chosen = [file for file in files if told[file.subject] in classes]
        names, patient = np.unique([file.subject for file in chosen], return_inverse=True)
        records = Records(
            label=np.array([classes.index(told[file.subject]) for file in chosen], np.int64),
            classes=classes,
            patient=patient.astype(np.int64),
            patient_names=tuple(names.tolist()),
        )
        there = {file.subject for file in files}
        absent = sorted(name for name, value in told.items() if value in classes and name not in there)
        return chosen, records, tuple((name, "it has a row but no recording") for name in absent)
