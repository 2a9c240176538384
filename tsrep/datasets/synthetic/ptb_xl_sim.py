"""A synthetic cohort read by the loader of PTB-XL: the embedded default, for trying things out."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, ClassVar, Literal

from pydantic import Field

from tsrep.datasets.dataset import About, cache_folder
from tsrep.datasets.ecg.ptb_xl import SYNTHETIC_MARK, PtbXl
from tsrep.datasets.ecg.ptb_xl_labels import Task
from tsrep.datasets.recordings import Channels, Renamed
from tsrep.datasets.synthetic.simulation import VERSION, simulate
from tsrep.registry import DATASETS
from tsrep.signals.panel import Panel


@DATASETS.register("ptb-xl-sim")
class PtbXlSim(PtbXl):
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
    targets : tuple of str
        Numbers to predict by regression: ``"age"`` (years), or ``"heart_rate"`` (1/min), the mean rate that
        the heartbeats of a record were drawn around.
    channels, rename
        As for ``ptb-xl``.
    """

    about = About(
        title="Synthetic ECG cohort in the layout of PTB-XL",
        licence="CC0 (made on this machine)",
        citation=(
            "McSharry PE et al. A dynamical model for generating synthetic electrocardiogram signals. IEEE "
            "Trans Biomed Eng 50, 289 (2003); Sameni R et al. Multichannel ECG and noise modeling. EURASIP J "
            "Adv Signal Process (2007)."
        ),
        default_split="official",
        independence="patient",
        synthetic=True,
        notes="Scores on it say nothing about patients. Nothing to download.",
    )

    files = (*PtbXl.about.needs, SYNTHETIC_MARK)
    # so that any objective is trained and scored within minutes on two cores
    defaults: ClassVar[Mapping[str, Any]] = {
        "encoder": {"name": "resnet1d", "width": 24, "dim": 64},
        "training": {"epochs": 8, "batch_size": 64},
    }

    def __init__(
        self,
        task: Task = "superdiagnostic",
        rate: Literal[100, 500] = 100,
        patients: Annotated[int, Field(ge=10, le=100_000)] = 200,
        records_per_patient: Annotated[float, Field(ge=1, le=10)] = 3.0,
        seed: Annotated[int, Field(ge=0)] = 0,
        targets: tuple[Literal["age", "heart_rate"], ...] = (),
        channels: Channels | None = None,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(task, rate, channels=channels, rename=rename)
        self.targets = targets
        self.patients, self.records_per_patient, self.seed = patients, records_per_patient, seed

    def load(
        self,
        root: Path | str | None,
        *,
        cache: Path | str | None = None,
        strict: bool = False,
        progress: bool = True,
    ) -> Panel:
        """Panel of whole records, in mV; without a ``root``, of a cohort that is simulated in the cache.

        Raises
        ------
        ConfigError
            When ``rename`` names a channel that is not there.
        DataError
            When the cohort cannot be written or read.
        """
        cache = cache_folder(cache)
        root = self._simulated(cache) if root is None else root
        return super().load(root, cache=cache, strict=strict, progress=progress)

    def _simulated(self, cache: Path) -> Path:
        size = f"{self.patients}x{self.records_per_patient:g}"
        folder = cache / "simulated" / f"v{VERSION}-{size}-seed{self.seed}-{self.rate}hz"
        if not (folder / "ptbxl_database.csv").exists():
            simulate(folder, self.patients, self.records_per_patient, seed=self.seed, rates=(self.rate,))
        return folder
