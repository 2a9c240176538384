"""AD (APAVA): EEG trials of Alzheimer's disease and healthy controls, one of COMET's sets."""

from __future__ import annotations

from pathlib import Path
from typing import ClassVar, Literal

from tsrep.datasets.dataset import About
from tsrep.datasets.eeg.comet_features import Trials, numbered, read_labels, trials_panel
from tsrep.datasets.folders import dataset_folder
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel

ALZHEIMER = (1, 3, 6, 8, 9, 11, 12, 13, 15, 17, 19, 21)
PATIENTS = range(1, 24)
CHANNELS = ("C3", "C4", "F3", "F4", "F7", "F8", "Fp1", "Fp2", "O1", "O2", "P3", "P4", "T3", "T4", "T5", "T6")


@DATASETS.register("apava")
class Apava:
    """23 people, 663 trials of 5 s, 16 channels at 256 Hz.

    Parameters
    ----------
    layout : str
        ``"mat"``: the publishers' ``preproctrials01.mat`` to ``23``, FieldTrip structures.
        ``"features"``: COMET's ``Feature/feature_01.npy`` and ``Label/label.npy``.

    Notes
    -----
    A file belongs to the patient whose number its name has, never to one by its place in a list. Folds are
    COMET's parts: 9 (patients 17, 18) validates, 10 (19, 20) tests, 1 trains.
    """

    about: ClassVar[About] = About(
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
        needs=("preproctrials01.mat to preproctrials23.mat, or Feature/ and Label/",),
        notes="The unit is taken to be µV; the publishers do not give it. A trial is 5 s.",
    )

    def __init__(self, layout: Literal["mat", "features"] = "mat") -> None:
        self.layout = layout

    @property
    def default_split(self) -> str:
        """COMET's parts."""
        return self.about.default_split

    def load(
        self, root: Path | None, *, cache: Path | None = None, strict: bool = False, progress: bool = True
    ) -> Panel:
        """Panel of trials.

        Raises
        ------
        DataError
            When the folder is not as distributed, or (``strict``) a file cannot be read.
        """
        if self.layout == "mat":
            folder = dataset_folder("apava", root)
            files = numbered(folder, "preproctrials01.mat")
            label = {number: int(number in ALZHEIMER) for number in PATIENTS}
        else:
            folder = dataset_folder("apava", root, ("Feature", "Label/label.npy"))
            files = numbered(folder / "Feature", "feature_01.npy")
            label = read_labels(folder / "Label/label.npy")
        trials = Trials(
            name="apava",
            files=files,
            label=label,
            classes=("healthy", "Alzheimer"),
            channels=CHANNELS,
            sfreq=256.0,
            steps=1280,
            unit="µV",
            source="AD / APAVA",
            validation=(17, 18),
            test=(19, 20),
        )
        return trials_panel(trials, folder, cache=cache, strict=strict, progress=progress)
