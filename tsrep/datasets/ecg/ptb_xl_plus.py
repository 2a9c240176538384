"""PTB-XL+: intervals, axis and amplitudes of PTB-XL's recordings, as numbers to predict."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated, Any, Literal, Unpack

import numpy as np
from numpy.typing import NDArray
from pydantic import Field

from tsrep.datasets.dataset import About, ReadOptions, default_folder
from tsrep.datasets.ecg.ptb_xl import PtbXl
from tsrep.datasets.ecg.ptb_xl_labels import Task, parse_codes
from tsrep.datasets.recordings import Channels, Renamed
from tsrep.datasets.tables.reading import integers, read_table, refuse_duplicates
from tsrep.errors import ConfigError, DataError
from tsrep.files import expanded
from tsrep.registry import DATASETS, nearest
from tsrep.signals.names import TWELVE
from tsrep.signals.panel import Ints, Panel

Provider = Literal["12sl", "unig", "ecgdeli"]
Column = NDArray[np.float64]
# fibrillation and flutter have no P wave that a PR interval could start at
NO_P_WAVE = frozenset({"AFIB", "AFLT"})


@dataclass(frozen=True)
class Measure:
    """A measurement: its unit, what it may be, the column of each provider, and how it follows from that."""

    unit: str
    low: float
    high: float
    columns: Mapping[str, str]
    of: Callable[[Column], Column] = lambda values: values
    p_wave: bool = False


def _per_minute(rr: Column) -> Column:
    return np.divide(60000.0, rr, out=np.full_like(rr, np.nan), where=rr > 0)


def _everywhere(column: str) -> dict[str, str]:
    return dict.fromkeys(("12sl", "unig", "ecgdeli"), column)


_AXIS = {"12sl": "R_AxisFrontal_Global", "unig": "QRS_AxisFront_Global"}
_RR = {"12sl": "RR_Mean_Global", "unig": "HR__Global", "ecgdeli": "RR_Mean_Global"}
MEASURES: dict[str, Measure] = {
    "heart_rate": Measure("1/min", 20, 300, _RR, _per_minute),
    # ECGdeli's PR interval ends at the R peak, its PQ interval at the onset of QRS like those of the others
    "pr": Measure("ms", 60, 500, _everywhere("PR_Int_Global") | {"ecgdeli": "PQ_Int_Global"}, p_wave=True),
    "qrs": Measure("ms", 40, 300, _everywhere("QRS_Dur_Global")),
    "qt": Measure("ms", 180, 800, _everywhere("QT_Int_Global")),
    "p_duration": Measure("ms", 20, 300, _everywhere("P_Dur_Global"), p_wave=True),
    "axis_cos": Measure("1", -1, 1, _AXIS, lambda degrees: np.cos(np.deg2rad(degrees))),
    "axis_sin": Measure("1", -1, 1, _AXIS, lambda degrees: np.sin(np.deg2rad(degrees))),
} | {f"amplitude_{lead}": Measure("mV", -10, 10, _everywhere(f"R_Amp_{lead}")) for lead in TWELVE}
CORRECTIONS: dict[str, Callable[[Column, Column], Column]] = {  # QT in ms, RR in s
    "fridericia": lambda qt, rr: qt / np.cbrt(rr),
    "bazett": lambda qt, rr: qt / np.sqrt(rr),
    "framingham": lambda qt, rr: qt + 154.0 * (1.0 - rr),
}


@DATASETS.register("ptb-xl-plus")
class PtbXlPlus(PtbXl):
    """Recordings of PTB-XL with measurements of PTB-XL+ as targets.

    Parameters
    ----------
    recordings : str or None
        Folder of PTB-XL itself; None looks where ``tsrep data fetch ptb-xl`` puts it.
    targets : tuple of str
        ``"heart_rate"`` (1/min), ``"pr"``, ``"qrs"``, ``"qt"``, ``"qtc"``, ``"p_duration"`` (ms),
        ``"axis_cos"``, ``"axis_sin"`` (of the frontal axis), ``"amplitude_II"`` (of R, mV) and so on.
    provider : {"12sl", "unig", "ecgdeli"}
        Whose measurements: those of the Marquette 12SL program, the University of Glasgow, or ECGdeli.
    correction : {"fridericia", "bazett", "framingham"}
        Of ``"qtc"``, from ``"qt"`` and the heart rate.
    task, rate, channels, rename
        As for ``ptb-xl``.

    Notes
    -----
    Implausible values are unknown, and so are PR and P in atrial fibrillation and flutter.

    References
    ----------
    Strodthoff et al., "PTB-XL+, a comprehensive electrocardiographic feature dataset", Sci Data 2023.
    """

    about = About(
        title="PTB-XL+, a comprehensive electrocardiographic feature dataset",
        licence="CC BY 4.0",
        citation=(
            "Strodthoff N, Mehari T, Nagel C, et al. PTB-XL+, a comprehensive electrocardiographic feature "
            "dataset. Sci Data 10, 279 (2023)."
        ),
        url="https://physionet.org/content/ptb-xl-plus/1.0.1/",
        base_url="https://physionet.org/files/ptb-xl-plus/1.0.1/",
        size_mb=200,
        full_size_mb=4000,
        optional=("median_beats/", "fiducial_points/", "labels/"),
        records=21799,
        patients=18869,
        default_split="official",
        independence="patient",
        needs=("features",),
        layout=("features/12sl_features.csv", "features/unig_features.csv", "features/ecgdeli_features.csv"),
        notes=(
            "Measurements without recordings: these are read from PTB-XL, whose folder is the setting "
            "recordings. Rows are joined by ecg_id, wherever that column stands."
        ),
        kin=("the Physikalisch-Technische Bundesanstalt",),
    )

    def __init__(
        self,
        recordings: str | None = None,
        targets: Annotated[tuple[str, ...], Field(min_length=1)] = ("heart_rate",),
        provider: Provider = "12sl",
        correction: Literal["fridericia", "bazett", "framingham"] = "fridericia",
        task: Task = "superdiagnostic",
        rate: Literal[100, 500] = 100,
        channels: Channels | None = None,
        rename: Renamed | None = None,
    ) -> None:
        super().__init__(task, rate, channels=channels, rename=rename)
        self.recordings, self.measured = recordings, targets
        self.provider, self.correction = provider, correction
        offered = [name for name, one in MEASURES.items() if provider in one.columns] + ["qtc"]
        odd = next((name for name in targets if name not in offered), None)
        if odd is not None:
            raise ConfigError(f"dataset.targets has {odd!r}, which {provider} lacks; {nearest(odd, offered)}")

    @property
    def holds(self) -> tuple[str, ...]:
        """The recordings of PTB-XL."""
        return (PtbXl.name,)

    def read(self, folder: Path, **options: Unpack[ReadOptions]) -> Panel:
        """Panel of whole records with measurements; see :meth:`PtbXl.read`.

        Raises
        ------
        DataError
            When recordings or measurements are missing or broken.
        """
        place = default_folder(PtbXl.name) if self.recordings is None else expanded(self.recordings)
        absent = next((name for name in PtbXl.about.needs if not (place / name).exists()), None)
        if absent is not None:
            raise DataError(
                f"{place} does not look like ptb-xl: {absent} is missing; set dataset.recordings to its "
                "folder"
            )
        panel = super().read(place, **options)
        target = self._targets(folder, panel.trial)
        target[np.ix_(self._without_p_wave(place, panel.trial), self._of_p_wave)] = np.nan
        known = np.isfinite(target)
        if not known.any():
            raise DataError(
                f"no {self.provider} measurement in {folder} is of a recording in {place}; check both folders"
            )
        return replace(
            panel,
            target=target,
            target_known=known,
            target_names=self.measured,
            target_units=tuple("ms" if n == "qtc" else MEASURES[n].unit for n in self.measured),
            source=panel.source.replace("PTB-XL", "PTB-XL+ measurements of PTB-XL", 1),
        ).hashed(panel.digest)

    def _targets(self, folder: Path, ecg_id: Ints) -> NDArray[np.float32]:
        """Measurements of recordings, shape (recording, target), NaN where unknown."""
        path = folder / "features" / f"{self.provider}_features.csv"
        parts = {name: ("qt", "heart_rate") if name == "qtc" else (name,) for name in self.measured}
        names = dict.fromkeys(part for each in parts.values() for part in each)
        columns = dict.fromkeys(MEASURES[name].columns[self.provider] for name in names)
        table = read_table(path, ["ecg_id", *columns])
        ids = integers(path, "ecg_id", table["ecg_id"])
        refuse_duplicates(path, "ecg_id", ids)
        values = {name: self._measured(table[MEASURES[name].columns[self.provider]], name) for name in names}
        if "qtc" in self.measured:
            with np.errstate(invalid="ignore"):
                values["qtc"] = CORRECTIONS[self.correction](values["qt"], 60 / values["heart_rate"])
        order = np.argsort(ids)
        at = order[np.searchsorted(ids, ecg_id, sorter=order).clip(max=len(ids) - 1)]
        every = np.stack([values[name] for name in self.measured], axis=1)
        return np.where((ids[at] == ecg_id)[:, None], every[at], np.nan).astype(np.float32)

    def _measured(self, cells: Sequence[str], name: str) -> Column:
        import pandas as pd

        measure = MEASURES[name]
        values = pd.to_numeric(pd.Series(cells), errors="coerce").to_numpy(np.float64)
        # Glasgow states the rate itself
        direct = measure.columns[self.provider] == "HR__Global"
        values = values if direct else measure.of(values)
        with np.errstate(invalid="ignore"):
            return np.where((values >= measure.low) & (values <= measure.high), values, np.nan)

    @property
    def _of_p_wave(self) -> Ints:
        of_p_wave = [i for i, name in enumerate(self.measured) if name != "qtc" and MEASURES[name].p_wave]
        return np.array(of_p_wave, np.int64)

    def _without_p_wave(self, place: Path, ecg_id: Ints) -> Ints:
        path = place / "ptbxl_database.csv"
        table: dict[str, Any] = read_table(path, ["ecg_id", "scp_codes"])
        codes = parse_codes(path, table["scp_codes"])
        none = [
            number for number, stated in zip(table["ecg_id"], codes, strict=True) if NO_P_WAVE & set(stated)
        ]
        return np.flatnonzero(np.isin(ecg_id, integers(path, "ecg_id", none)))
