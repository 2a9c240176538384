"""AD (APAVA): EEG trials of Alzheimer's disease and healthy controls, one of COMET's sets."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Literal, Unpack

from tsrep.datasets.dataset import About, ReadOptions
from tsrep.datasets.eeg.comet_features import FEATURES, numbered, read_features, trials_panel
from tsrep.datasets.recordings import Recordings
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel

ALZHEIMER = (1, 3, 6, 8, 9, 11, 12, 13, 15, 17, 19, 21)
PATIENTS = range(1, 24)
CHANNELS = ("C3", "C4", "F3", "F4", "F7", "F8", "Fp1", "Fp2", "O1", "O2", "P3", "P4", "T3", "T4", "T5", "T6")


@DATASETS.register("apava")
@dataclass
class Apava(Recordings):
    """23 people, 663 trials of 5 s, 16 channels at 256 Hz.

    Parameters
    ----------
    layout : str
        ``"mat"``: the publishers' ``preproctrials01.mat`` to ``23``, FieldTrip structures.
        ``"features"``: COMET's ``Feature/feature_01.npy`` and ``Label/label.npy``.
    channels : tuple of str or None
        To keep, by name, in this order.
    rename : mapping of str to str, or None
        New names by recorded ones.

    Notes
    -----
    A file belongs to the patient whose number its name has, never to one by its place in a list. Folds are
    COMET's parts: 9 (patients 17, 18) validates, 10 (19, 20) tests, 1 trains.
    """

    about = About(
        title="AD / APAVA: EEG of Alzheimer's disease",
        licence="see the publishers",
        citation=(
            "Escudero J, Abásolo D, Hornero R, Espino P, López M. Analysis of electroencephalograms in "
            "Alzheimer's disease patients with multiscale entropy. Physiological Measurement 27(11), 2006."
        ),
        url="https://osf.io/jbysn",
        records=663,
        patients=23,
        default_split="official",
        independence="subject",
        needs=("preproctrials01.mat to preproctrials23.mat, or Feature/ and Label/",),
        notes="The unit is taken to be µV; the publishers do not give it. A trial is 5 s.",
    )

    layout: Literal["mat", "features"] = "mat"

    def __post_init__(self) -> None:
        # the publishers' files are found by their numbers
        self.files = FEATURES if self.layout == "features" else ()

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of trials.

        Raises
        ------
        DataError
            When the folder is not as distributed, or (``strict``) a file cannot be read.
        """
        if self.layout == "mat":
            files = numbered(folder, "preproctrials01.mat")
            label = {number: int(number in ALZHEIMER) for number in PATIENTS}
        else:
            files, label = read_features(folder)
        return trials_panel(
            self.name,
            folder,
            files,
            label,
            options,
            steps=1280,
            validation=(17, 18),
            test=(19, 20),
            classes=("healthy", "Alzheimer"),
            channels=CHANNELS,
            source="AD / APAVA",
        )
