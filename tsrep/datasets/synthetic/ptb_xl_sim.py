"""A synthetic cohort read by the loader of PTB-XL: the embedded default, for trying things out."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, ClassVar, Literal

from pydantic import Field

from tsrep.datasets.dataset import About
from tsrep.datasets.ecg.ptb_xl import PtbXl, read_ptb_xl
from tsrep.datasets.ecg.ptb_xl_labels import Task
from tsrep.datasets.folders import cache_folder, dataset_folder
from tsrep.datasets.synthetic.simulation import VERSION, simulate
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel


@DATASETS.register("ptb-xl-sim")
class PtbXlSim:
    """Synthetic twelve-lead ECGs in the layout of PTB-XL, simulated on first use.

    Parameters
    ----------
    task : str
        As for ``ptb-xl``; classes are those of the statements that are simulated.
    rate : 100 or 500
        Hz.
    patients : int
    records_per_patient : float
        Mean number.
    seed : int
    """

    about: ClassVar[About] = About(
        title="Synthetic ECG cohort in the layout of PTB-XL",
        licence="CC0 (made on this machine)",
        citation=(
            "McSharry PE et al. A dynamical model for generating synthetic electrocardiogram signals. IEEE "
            "Trans Biomed Eng 50, 289 (2003); Sameni R et al. Multichannel ECG and noise modeling. EURASIP J "
            "Adv Signal Process (2007)."
        ),
        url="",
        default_split="official",
        synthetic=True,
        notes="Scores on it say nothing about patients. Nothing to download.",
    )

    def __init__(
        self,
        task: Task = "superdiagnostic",
        rate: Literal[100, 500] = 100,
        patients: Annotated[int, Field(ge=10, le=100_000)] = 200,
        records_per_patient: Annotated[float, Field(ge=1, le=10)] = 3.0,
        seed: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        self.task, self.rate = task, rate
        self.patients, self.records_per_patient, self.seed = patients, records_per_patient, seed

    @property
    def default_split(self) -> str:
        """The split that goes with the task."""
        return PtbXl(self.task).default_split

    def load(
        self, root: Path | None, *, cache: Path | None = None, strict: bool = False, progress: bool = True
    ) -> Panel:
        """Panel of whole records, in mV; with a ``root``, of a cohort that was simulated there.

        Raises
        ------
        DataError
            When the cohort cannot be written or read.
        """
        cache = cache_folder(cache)
        needs = (*PtbXl.about.needs, "SYNTHETIC.json")
        folder = self._simulated(cache) if root is None else dataset_folder("ptb-xl-sim", root, needs)
        return read_ptb_xl(folder, self.task, self.rate, cache, strict=strict, progress=progress)

    def _simulated(self, cache: Path) -> Path:
        size = f"{self.patients}x{self.records_per_patient:g}"
        folder = cache / "simulated" / f"v{VERSION}-{size}-seed{self.seed}-{self.rate}hz"
        if not (folder / "ptbxl_database.csv").exists():
            simulate(folder, self.patients, self.records_per_patient, seed=self.seed, rates=(self.rate,))
        return folder
