"""Representations of any recordings by the encoder of a run."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.encoders.pooling import POOLS
from tsrep.errors import RunError
from tsrep.evaluation.embedding import embed as embed_panel
from tsrep.files import write_arrays
from tsrep.runs.folder import Run
from tsrep.runs.prepare import cut_windows
from tsrep.signals import Panel
from tsrep.signals.panel import Ints
from tsrep.signals.standardise import fit_scaler
from tsrep.training.distributed import pick_device


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Pooled representations with the ids of their windows.

    Attributes
    ----------
    x : float32 array, shape (window, dim)
    label : int64 array, shape (window,), or bool array, shape (window, class)
    patient, trial, start : int64 arrays, shape (window,)
        ``start`` in time steps from the beginning of the record.
    classes : str array, shape (class,)
    """

    x: NDArray[np.float32]
    label: NDArray[Any]
    patient: Ints
    trial: Ints
    start: Ints
    classes: NDArray[Any]

    def save(self, path: Path | str) -> None:
        """Write an ``.npz`` file with one array for each attribute."""
        write_arrays(Path(path), **asdict(self))


def embed(run: Run | Path | str, panel: Panel, *, batch_size: int = 256) -> Embeddings:
    """Cut, standardise and encode recordings as the run did with its own.

    Parameters
    ----------
    run : Run or path of a run folder
    panel : Panel
        Whole records in their unit, with the channels and the rate that the encoder was trained on.
    batch_size : int
        Windows at a time.

    Raises
    ------
    RunError
        When channels, rate or unit differ from those of the run.
    """
    run = run if isinstance(run, Run) else Run(run)
    _refuse_other_signals(run, panel)
    windows = cut_windows(run.config, panel)
    scaler = run.scaler() or fit_scaler(windows, "record")
    device = pick_device(run.config.device)
    pool = POOLS[run.config.evaluation.pool]
    x = embed_panel(
        run.encoder().to(device), scaler.apply(windows), pool=pool, batch_size=batch_size, device=device
    )
    ids = (windows.label, windows.patient, windows.trial, windows.start)
    return Embeddings(x, *ids, classes=np.array(windows.classes))


def _refuse_other_signals(run: Run, panel: Panel) -> None:
    trained = run.provenance["data"]
    for what, then, now, remedy in (
        ("channels", trained["channels"], list(panel.channels), "select and order them alike"),
        ("sampling rate in Hz", trained["sfreq"], panel.sfreq, "resample the recordings"),
        ("unit", trained["unit"], panel.unit, "rescale the recordings"),
    ):
        if then != now:
            shown = [", ".join(v) if isinstance(v, list) else v for v in (now, then)]
            raise RunError(
                f"the recordings have the {what} {shown[0]}, {run.path} was trained on {shown[1]}; {remedy}"
            )
