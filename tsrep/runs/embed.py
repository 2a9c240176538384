"""Representations of any recordings or series by the encoder of a run."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS
from tsrep.errors import RunError
from tsrep.evaluation.embedding import embed as embed_panel
from tsrep.evaluation.forecasts.features import encode
from tsrep.files import write_arrays
from tsrep.objectives.objective import Objective
from tsrep.runs.folder import Run, opened
from tsrep.runs.prepare_panel import cut_windows
from tsrep.runs.prepare_series import instances_of
from tsrep.signals import Panel, Series
from tsrep.signals.panel import Floats
from tsrep.signals.standardise import fit_scaler
from tsrep.training.distributed import pick_device


@dataclass(frozen=True, eq=False)
class Embeddings:
    """Representations, and what each of them is of.

    Attributes
    ----------
    x : float32 array
        Of recordings one pooled vector for each window, shape (window, dim); of a series one for each step
        from its own past alone, shape (instance, time, dim).
    ids : mapping of arrays
        Of recordings ``label`` (shape (window,), or (window, class) where there may be several), ``patient``,
        ``trial`` and ``start`` (in time steps from the beginning of the record) of each window, and
        ``classes``. Of a series the ``time`` of each step, and ``instances``: the channel of each, or one
        entry for all channels together.
    """

    x: NDArray[np.float32]
    ids: Mapping[str, NDArray[Any]] = field(default_factory=dict)

    def save(self, path: Path | str) -> None:
        """Write an ``.npz`` file with ``x`` and one array for each of :attr:`ids`."""
        write_arrays(Path(path), x=self.x, **self.ids)


def embed(run: Run | Path | str, data: Panel | Series, *, batch_size: int = 256) -> Embeddings:
    """Cut, standardise and encode recordings or a series as the run did with its own.

    A run that forecasts represents a step of a series by the look-back that ends there, which it normalises
    as it does in a forecast; channels that it forecasts independently are instances of their own.

    Parameters
    ----------
    run : Run or path of a run folder
    data : Panel or Series
        Whole records or all steps, in their unit, with the channels and the rate that the encoder was
        trained on.
    batch_size : int
        Windows at a time.

    Raises
    ------
    RunError
        When channels, rate or unit differ from those of the run, or one is a panel and the other a series.
    """
    run = opened(run)
    return run.task.embed(run, data, batch_size)


def embed_series(run: Run, series: Series, batch_size: int) -> Embeddings:
    """See :func:`embed`."""
    trained = run.provenance["data"]
    _refuse_other(
        run,
        "the series has",
        ("channels", trained["targets"], list(series.channels), "select and order them alike"),
        ("covariates", trained["covariates"], list(series.covariate_names), "set dataset.calendar alike"),
        ("step", trained["freq"], series.freq, "resample the series"),
    )
    instances = instances_of(run.shared_scaler().apply_series(series), run.config)
    device = pick_device(run.config.device)
    encoder = run.encoder().to(device)
    objective = run.objective(encoder).to(device)
    if objective.forecasts:
        features = _encode_look_backs(encoder, objective, instances, device, batch_size)
    else:
        context, stop = run.config.evaluation.of("forecast").context, len(series)
        features = encode(encoder, instances, context=context, stop=stop, device=device, at_once=batch_size)
    x = np.stack(features)
    names = series.channels if len(x) > 1 else (" ".join(series.channels),)
    return Embeddings(x, {"time": series.time, "instances": np.array(names)})


@torch.no_grad()
def _encode_look_backs(
    encoder: Encoder,
    objective: Objective,
    instances: Sequence[Series],
    device: torch.device,
    at_once: int,
) -> list[Floats]:
    """Last vector of the look-back that ends at each step, as a forecast sees it.

    Steps before the first are missing. Where channels are independent each is an instance of its own.

    Returns
    -------
    list of float32 arrays, shape (time, dim)
        One for each instance.
    """
    found: list[Floats] = []
    for series in instances:
        padded = F.pad(torch.from_numpy(series.x), (objective.lookback - 1, 0), value=torch.nan)
        windows = padded.unfold(1, objective.lookback, 1).transpose(0, 1)  # (time, channel, lookback), a view
        parts = [
            objective.encode_look_backs(encoder, part.to(device)).cpu()  # (step, instance, dim)
            for part in torch.split(windows, at_once)
        ]
        found.extend(torch.cat(parts).transpose(0, 1).numpy())
    return found


def embed_recordings(run: Run, panel: Panel, batch_size: int) -> Embeddings:
    """See :func:`embed`."""
    trained = run.provenance["data"]
    _refuse_other(
        run,
        "the recordings have",
        ("channels", trained["channels"], list(panel.channels), "select and order them alike"),
        ("sampling rate in Hz", trained["sfreq"], panel.sfreq, "resample the recordings"),
        ("unit", trained["unit"], panel.unit, "rescale the recordings"),
    )
    windows = cut_windows(run.config, panel)
    scaler = run.scaler() or fit_scaler(windows, "record")
    device = pick_device(run.config.device)
    pool = POOLS[run.config.evaluation.pool]
    x = embed_panel(
        run.encoder().to(device), scaler.apply(windows), pool=pool, batch_size=batch_size, device=device
    )
    ids = {name: getattr(windows, name) for name in ("label", "patient", "trial", "start")}
    return Embeddings(x, ids | {"classes": np.array(windows.classes)})


def _refuse_other(run: Run, have: str, *facts: tuple[str, Any, Any, str]) -> None:
    """Refuse signals that differ from those of the run in (what, then, now, remedy)."""
    for what, then, now, remedy in facts:
        if then != now:
            shown = [", ".join(v) or "none" if isinstance(v, list) else v for v in (now, then)]
            raise RunError(f"{have} the {what} {shown[0]}, {run.path} was trained on {shown[1]}; {remedy}")
