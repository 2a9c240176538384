"""Representations of any recordings or series by the encoder of a run."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, overload

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS
from tsrep.errors import RunError
from tsrep.evaluation.embedding import embed as embed_panel
from tsrep.evaluation.forecasts.representation import encode
from tsrep.files import write_arrays
from tsrep.forecasting.forecast import Forecast
from tsrep.objectives.objective import Objective
from tsrep.runs.folder import Run
from tsrep.runs.prepare import cut_windows
from tsrep.runs.prepare_series import instances_of
from tsrep.signals import Panel, Series
from tsrep.signals.panel import Floats, Ints
from tsrep.signals.series import Times
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


@dataclass(frozen=True, eq=False)
class StepEmbeddings:
    """A representation of every step of a series, each from its own past alone.

    Attributes
    ----------
    x : float32 array, shape (instance, time, dim)
    time : datetime64[s] array, shape (time,)
    instances : str array, shape (instance,)
        The channel of each, or one entry for all channels together.
    """

    x: NDArray[np.float32]
    time: Times
    instances: NDArray[Any]

    def save(self, path: Path | str) -> None:
        """Write an ``.npz`` file with one array for each attribute."""
        write_arrays(Path(path), **asdict(self))


@overload
def embed(run: Run | Path | str, data: Panel, *, batch_size: int = 256) -> Embeddings: ...
@overload
def embed(run: Run | Path | str, data: Series, *, batch_size: int = 256) -> StepEmbeddings: ...
@overload
def embed(
    run: Run | Path | str, data: Panel | Series, *, batch_size: int = 256
) -> Embeddings | StepEmbeddings: ...


def embed(
    run: Run | Path | str, data: Panel | Series, *, batch_size: int = 256
) -> Embeddings | StepEmbeddings:
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
    run = run if isinstance(run, Run) else Run(run)
    if ("targets" in run.provenance["data"]) != isinstance(data, Series):
        kinds = ("a series", "labelled records")
        mine, given = kinds if "targets" in run.provenance["data"] else kinds[::-1]
        raise RunError(f"{run.path} was trained on {mine}, not on {given}; embed data of that kind")
    if isinstance(data, Series):
        return _embed_series(run, data, batch_size)
    return _embed_panel(run, data, batch_size)


def _embed_series(run: Run, series: Series, batch_size: int) -> StepEmbeddings:
    _refuse_other_series(run, series)
    scaler = run.scaler()
    if scaler is None:
        raise RunError(f"{run.path} does not say how its series was standardised; train it again")
    instances = instances_of(scaler.apply_series(series), run.config)
    device = pick_device(run.config.device)
    encoder = run.encoder()
    if run.config.objective.name == "forecast":
        features = _encode_look_backs(encoder, run.objective(encoder), instances, device, batch_size)
    else:
        context = run.config.evaluation.forecast.context
        features = encode(
            encoder.to(device),
            instances,
            context=context,
            stop=len(series),
            device=device,
            at_once=batch_size,
        )
    x = np.stack(features)
    names = series.channels if len(x) > 1 else (" ".join(series.channels),)
    return StepEmbeddings(x, series.time, np.array(names))


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
    assert isinstance(objective, Forecast)
    encoder.to(device)
    objective.to(device)
    found: list[Floats] = []
    for series in instances:
        padded = F.pad(torch.from_numpy(series.x), (objective.lookback - 1, 0), value=torch.nan)
        windows = padded.unfold(1, objective.lookback, 1).transpose(0, 1)  # (time, channel, lookback), a view
        parts = []
        for part in torch.split(windows, at_once):
            past = part.to(device)
            seen = objective.see(past, past.new_zeros(len(past), objective.leading, 0))
            z = objective.represent(encoder, seen)[..., -1].float()
            parts.append(z.reshape(len(past), -1, encoder.dim).cpu())  # (step, instance, dim)
        found.extend(torch.cat(parts).transpose(0, 1).numpy())
    return found


def _embed_panel(run: Run, panel: Panel, batch_size: int) -> Embeddings:
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


def _refuse_other_series(run: Run, series: Series) -> None:
    trained = run.provenance["data"]
    for what, then, now, remedy in (
        ("channels", trained["targets"], list(series.channels), "select and order them alike"),
        ("covariates", trained["covariates"], list(series.covariate_names), "set dataset.calendar alike"),
        ("step", trained["freq"], series.freq, "resample the series"),
    ):
        if then != now:
            shown = [", ".join(v) or "none" if isinstance(v, list) else v for v in (now, then)]
            raise RunError(
                f"the series has the {what} {shown[0]}, {run.path} was trained on {shown[1]}; {remedy}"
            )


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
