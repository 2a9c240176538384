"""OpenNeuro ds004504: resting EEG of Alzheimer's disease, frontotemporal dementia and healthy people."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated, Literal, Unpack

from pydantic import Field

from tsrep.datasets.dataset import About, ReadOptions
from tsrep.datasets.eeg.bids_folder import BidsFolder
from tsrep.datasets.eeg.preparation import Band, Hertz, Seconds
from tsrep.datasets.recordings import Channels, Renamed
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel

NAMES = {"A": "Alzheimer", "F": "frontotemporal dementia", "C": "healthy"}
Group = Literal["A", "F", "C"]


@DATASETS.register("ds004504")
class Ds004504(BidsFolder):
    """88 participants with closed eyes, 19 channels at 500 Hz, as OpenNeuro distributes them.

    Parameters
    ----------
    groups : tuple of str
        Of ``A`` (Alzheimer, 36), ``F`` (frontotemporal dementia, 23) and ``C`` (healthy, 29).
    preprocessed : bool
        Read the publishers' cleaned recordings in ``derivatives`` (band-pass, mastoid reference, artefact
        subspace reconstruction, independent components), else the raw ones.
    reference, band, rate, epoch_seconds, channels, rename
        As for ``bids``.
    """

    about = About(
        title="EEG of Alzheimer's disease, frontotemporal dementia and healthy people (OpenNeuro ds004504)",
        licence="CC0",
        citation=(
            "Miltiadous A, Tzimourta KD, Afrantou T, et al. A Dataset of Scalp EEG Recordings of Alzheimer's "
            "Disease, Frontotemporal Dementia and Healthy Subjects from Routine EEG. Data 8(6), 95 (2023)."
        ),
        url="https://openneuro.org/datasets/ds004504",
        records=88,
        patients=88,
        independence="subject",
        needs=("participants.tsv", "derivatives/sub-*/eeg/*_eeg.set"),
        notes="Signals are in µV; an epoch is a trial.",
    )

    def __init__(
        self,
        groups: Annotated[tuple[Group, ...], Field(min_length=2)] = ("A", "F", "C"),
        preprocessed: bool = True,
        reference: str | tuple[str, ...] | None = None,
        band: Band | None = None,
        rate: Hertz | None = 128.0,
        epoch_seconds: Seconds = 10.0,
        channels: Channels | None = None,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(
            label="Group",
            classes=groups,
            derivatives="derivatives" if preprocessed else None,
            reference=reference,
            band=band,
            rate=rate,
            epoch_seconds=epoch_seconds,
            channels=channels,
            rename=rename,
        )
        self.groups = groups

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of epochs, in µV.

        Raises
        ------
        DataError
            When the folder is not as OpenNeuro distributes it.
        """
        panel = super().read(folder, **options)
        names = tuple(NAMES[group] for group in self.groups)
        return replace(panel, classes=names, source="OpenNeuro ds004504")
