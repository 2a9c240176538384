"""TDBRAIN: resting EEG of Parkinson's disease and healthy controls, one of COMET's sets."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Literal, Unpack

from pydantic import Field

from tsrep.datasets.dataset import About, ReadOptions
from tsrep.datasets.eeg.bids_folder import BidsFolder
from tsrep.datasets.eeg.bids_layout import find_recordings, read_participants
from tsrep.datasets.eeg.comet_features import FEATURES, read_features, trials_panel
from tsrep.datasets.eeg.epochs import Left
from tsrep.datasets.eeg.preparation import Band, Hertz, Seconds
from tsrep.datasets.recordings import Renamed
from tsrep.errors import DataError
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel

PARTICIPANTS = "TDBRAIN_participants_V2.tsv"
# fmt: off
CHANNELS = (
    "Fp1", "Fp2", "F7", "F3", "Fz", "F4", "F8", "FC3", "FCz", "FC4", "T7", "C3", "Cz", "C4",
    "T8", "CP3", "CPz", "CP4", "P7", "P3", "Pz", "P4", "P8", "O1", "Oz", "O2",
    "VPVA", "VNVB", "HPHL", "HNHR", "Erbs", "OrbOcc", "Mass",
)
# fmt: on
USED = (*range(1, 26), *range(29, 54))


@DATASETS.register("tdbrain")
class Tdbrain(BidsFolder):
    """Recordings as Brainclinics distributes them, or the trials that COMET made of them.

    Parameters
    ----------
    layout : str
        ``"csv"``: ``derivatives/sub-*/ses-*/eeg/*_eeg.csv``, 500 Hz, µV. ``"brainvision"``: the raw
        ``sub-*/ses-*/eeg/*_eeg.vhdr``. ``"features"``: COMET's ``Feature/feature_01.npy`` and
        ``Label/label.npy``; the other settings then do nothing.
    classes : tuple of str
        Of the column ``indication``.
    task, session : str or None
        ``restEC`` is with closed eyes.
    channels, reference, band, rate, epoch_seconds, rename
        As for ``bids``. The default is COMET's 256 Hz and 10 s, but filtered against aliasing.

    Notes
    -----
    Recordings belong to participants by their id, never by order. COMET numbers participants by the table
    and files by the folder's listing; its features may have other people's labels where the two differ, so
    prefer the recordings.
    """

    about = About(
        title="TDBRAIN: two decades of Brainclinics EEG",
        licence="by agreement with Brainclinics",
        citation=(
            "van Dijk H, van Wingen G, Denys D, et al. The two decades brainclinics research archive for "
            "insights in neurophysiology (TDBRAIN) database. Scientific Data 9, 333 (2022)."
        ),
        url="https://www.brainclinics.com/resources",
        access="agreement",
        independence="subject",
        needs=(PARTICIPANTS, "derivatives/sub-*/ses-*/eeg/*_eeg.csv, or the raw recordings"),
        notes="Signals are in µV; an epoch is a trial. Files that cannot be read are left out and listed.",
    )

    def __init__(
        self,
        layout: Literal["csv", "brainvision", "features"] = "csv",
        classes: Annotated[tuple[str, ...], Field(min_length=2)] = ("HEALTHY", "PARKINSON"),
        task: str | None = "restEC",
        session: str | None = "1",
        channels: Annotated[tuple[str, ...], Field(min_length=1)] | None = None,
        reference: str | tuple[str, ...] | None = None,
        band: Band | None = None,
        rate: Hertz | None = 256.0,
        epoch_seconds: Seconds = 10.0,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(
            label="indication",
            classes=classes,
            task=task,
            session=session,
            channels=channels,
            reference=reference,
            band=band,
            rate=rate,
            epoch_seconds=epoch_seconds,
            rename=rename,
            unreadable="skip",
        )
        self.files = FEATURES if layout == "features" else ()  # the table lies in one of two places
        self.layout = layout

    @property
    def default_split(self) -> str:
        """COMET's parts for its features, else stratified by participant."""
        return "official" if self.layout == "features" else self.about.default_split

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of epochs.

        Raises
        ------
        DataError
            When the folder is not as distributed, or (``strict``) a file cannot be read.
        """
        if self.layout == "features":
            return self._features(folder, options)
        table = next((p for p in (folder, folder / "derivatives") if (p / PARTICIPANTS).is_file()), folder)
        rows = read_participants(table / PARTICIPANTS, "participants_ID", self.label)
        told, contradictory = _agreed(rows)
        csv = self.layout == "csv"
        files = find_recordings(
            folder / "derivatives" if csv else folder,
            task=self.recorded_task,
            session=self.session,
            suffixes=(".csv",) if csv else (".vhdr",),
        )
        files = [file for file in files if file.subject not in dict(contradictory)]
        return self.panel(folder, table / PARTICIPANTS, told, files, options, "TDBRAIN", contradictory)

    def _features(self, folder: Path, options: ReadOptions) -> Panel:
        numbers, label = read_features(folder)
        files = [file for file in numbers if file[0] in USED]
        if not files:
            raise DataError(f"{folder / 'Feature'} has none of the patients that COMET uses, 1-25 and 29-53")
        return trials_panel(
            self.name,
            folder,
            files,
            label,
            options,
            steps=2560,
            validation=(*range(18, 22), *range(46, 50)),
            test=(*range(22, 26), *range(50, 54)),
            classes=("healthy", "Parkinson"),
            channels=CHANNELS,
            source="TDBRAIN, features of COMET",
        )


def _agreed(rows: Sequence[tuple[str, str]]) -> tuple[dict[str, str], Left]:
    """Label by participant; a session has a row of its own, and people whose rows disagree are left out."""
    found: dict[str, set[str]] = {}
    for name, value in rows:
        found.setdefault(name if name.startswith("sub-") else f"sub-{name}", set()).add(value)
    told = {name: next(iter(values)) for name, values in found.items() if len(values) == 1}
    odd = tuple(
        (name, f"its rows have different indications: {', '.join(sorted(values))}")
        for name, values in sorted(found.items())
        if len(values) > 1
    )
    return told, odd
