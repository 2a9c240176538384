"""What of a run has a receptive field: forecaster, classifier or encoder; and windows to look at it with."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.forecasting.joint_objective import Forecast
from tsrep.objectives.forecaster import Forecaster
from tsrep.inspect.receptive_field.field import DRAWS, EXACT
from tsrep.objectives.supervised import Supervised
from tsrep.runs.folder import Run
from tsrep.runs.prepare import Prepared
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.signals.series import Series

MOST_STEPS = 96  # output steps of a map; more rows than that cannot be told apart
ENCODER_STEPS = 12
CLEAN = "with every value; choose another part or fill the gaps"


@dataclass(frozen=True, eq=False)
class Subject:
    """A model of a run and the windows that it is looked at with.

    Attributes
    ----------
    model : Module
        ``model(x, *given) -> (batch, output, horizon)``.
    x : Tensor, shape (window, channel, time)
    given : tuple of Tensor
        Covariates of the windows.
    target : Tensor, shape (window, channel, horizon), optional
        Truth, where the model forecasts.
    steps : list of int
        Positions on the horizon to look at.
    ahead : list of int
        Steps from the last input step to each position on the horizon.
    channels : tuple of str
        Of ``x``.
    exact, draws : int
        See :func:`tsrep.inspect.receptive_field.field.receptive_field`.
    period : int
        Steps of the main season; 1 for none.
    scale, axis, rows : float, str, str
        Length and name of a step, and what output steps are called.
    """

    model: nn.Module
    x: Tensor
    given: tuple[Tensor, ...]
    target: Tensor | None
    steps: list[int]
    ahead: list[int]
    channels: tuple[str, ...]
    exact: int = EXACT
    draws: int = DRAWS
    period: int = 1
    scale: float = 1.0
    axis: str = "steps"
    rows: str = "steps ahead"

    @property
    def forecasts(self) -> bool:
        """Whether the outputs are the channels of the input later on."""
        return self.target is not None


class _Values(nn.Module):
    """A forecaster as a map of the values alone; covariates are given."""

    def __init__(self, forecaster: Forecaster) -> None:
        super().__init__()
        self.forecaster = forecaster

    def forward(self, values: Tensor, known: Tensor, ahead: Tensor) -> Tensor:
        return self.forecaster(torch.cat([known, values], dim=1), ahead)


class _Classes(nn.Module):
    """A classifier with a horizon of 1."""

    def __init__(self, encoder: Encoder, objective: Supervised) -> None:
        super().__init__()
        self.encoder, self.objective = encoder, objective

    def forward(self, x: Tensor) -> Tensor:
        return self.objective.logits(self.encoder, x)[..., None]


def subject_of(
    run: Run, prepared: Prepared | PreparedSeries, *, part: str, windows: int, step: int | None
) -> Subject:
    """The model of a run, with windows of a part at even distances.

    Parameters
    ----------
    run : Run
    prepared : Prepared or PreparedSeries
        Its data.
    part : {"train", "validation", "test"}
    windows : int
        How many, if there are so many; windows with a missing value are left out.
    step : int, optional
        One step of the output, counted from 1; by default some at even distances.

    Raises
    ------
    RunError
        When there is no such step or part, or no window is complete.
    """
    encoder = run.encoder()
    objective = run.objective(encoder)
    if isinstance(prepared, Prepared):
        return _of_panel(run, prepared, encoder, objective, part, windows, step)
    if isinstance(objective, Forecast):
        return _of_forecaster(run, prepared, encoder, objective, part, windows, step)
    encoded = max(run.config.evaluation.forecast.context + 1, encoder.stride)  # as when it is evaluated
    x = _series_windows(prepared, part, encoded - encoded % encoder.stride, 0, windows)
    outputs = x.shape[-1] // encoder.stride
    _refuse_step(run, step, outputs)
    at = outputs - 1 if step is None else step - 1  # representations of series are those of the last step
    return Subject(
        encoder, x, (), None, [at], _ends(outputs, encoder.stride, x.shape[-1]), prepared.panel.channels,
        period=prepared.records.period, axis=_steps(prepared), rows="output step",
    )  # fmt: skip


def _of_forecaster(
    run: Run,
    prepared: PreparedSeries,
    encoder: Encoder,
    objective: Forecast,
    part: str,
    windows: int,
    step: int | None,
) -> Subject:
    objective.frozen = False  # keeps gradients from weights in training, here from the input
    forecaster = Forecaster(encoder, objective).eval()
    lookback, horizon = forecaster.lookback, forecaster.horizon
    _refuse_step(run, step, horizon)
    whole = _series_windows(prepared, part, lookback, horizon, windows)
    covariates = prepared.panel.covariates
    known, values = whole[:, :covariates], whole[:, covariates:]
    # of independent channels, one sum with random signs holds the gradients of all
    exact, draws = (0, 1) if objective.independent else (EXACT, DRAWS)
    return Subject(
        _Values(forecaster),
        values[..., :lookback],
        (known[..., :lookback], known[..., lookback:]),
        values[..., lookback:],
        _even(horizon, MOST_STEPS) if step is None else [step - 1],
        list(range(1, horizon + 1)),
        prepared.panel.channels[covariates:],
        exact=exact,
        draws=draws,
        period=prepared.records.period,
        axis=_steps(prepared),
    )


def _of_panel(
    run: Run,
    prepared: Prepared,
    encoder: Encoder,
    objective: nn.Module,
    part: str,
    windows: int,
    step: int | None,
) -> Subject:
    panel = prepared.panel
    index = getattr(prepared.split, part, np.zeros(0, np.int64))
    if not len(index):
        raise RunError(f"{run.path} has no {part} part; use train, validation or test, whichever it has")
    x = torch.from_numpy(panel.take(index[_even(len(index), windows)]))
    x = x[~torch.isnan(x).any(dim=(1, 2))]
    if not len(x):
        raise RunError(f"the {part} part of {run.path} has no window {CLEAN}")
    told: dict[str, Any] = {
        "channels": panel.channels, "scale": 1 / panel.sfreq, "axis": "s", "rows": "time of the output (s)",
    }  # fmt: skip
    if isinstance(objective, Supervised):
        _refuse_step(run, step, 1)
        return Subject(_Classes(encoder, objective).eval(), x, (), None, [0], [0], **told)
    x = x[..., x.shape[-1] % encoder.stride :]
    outputs = x.shape[-1] // encoder.stride
    _refuse_step(run, step, outputs)
    steps = _even(outputs, ENCODER_STEPS) if step is None else [step - 1]
    return Subject(encoder, x, (), None, steps, _ends(outputs, encoder.stride, x.shape[-1]), **told)


def _series_windows(prepared: PreparedSeries, part: str, lookback: int, horizon: int, windows: int) -> Tensor:
    """Windows whose horizon lies in a part; shape (window, covariate + channel, lookback + horizon)."""
    if part not in ("train", "validation", "test"):
        raise RunError(f"there is no part {part!r}; use train, validation or test")
    start, stop = getattr(prepared.spans, part)
    origins = np.arange(max(start, lookback), stop - horizon + 1)
    found = [
        (i, o)
        for i, series in enumerate(prepared.instances)
        for o in _complete(series, origins, lookback, horizon)
    ]
    if not found:
        raise RunError(f"the {part} part of the series has no window of {lookback + horizon} steps {CLEAN}")
    chosen = [found[k] for k in _even(len(found), windows)]
    return torch.from_numpy(
        np.stack([prepared.instances[i].x[:, o - lookback : o + horizon] for i, o in chosen]).astype(
            np.float32
        )
    )


def _complete(series: Series, origins: NDArray[np.int64], lookback: int, horizon: int) -> list[int]:
    """Origins, the first steps that are forecast, of windows without a missing value."""
    missing = np.concatenate([[0], np.cumsum(np.isnan(series.x).any(axis=0))])
    kept: list[int] = origins[missing[origins + horizon] == missing[origins - lookback]].tolist()
    return kept


def _even(count: int, most: int) -> list[int]:
    """At most so many of ``count`` positions, the first and the last among them."""
    chosen: list[int] = np.unique(np.linspace(0, count - 1, min(count, most)).round().astype(int)).tolist()
    return chosen


def _ends(outputs: int, stride: int, time: int) -> list[int]:
    """Last input step that each output step covers, counted from the end of the window."""
    return [(j + 1) * stride - time for j in range(outputs)]


def _steps(prepared: PreparedSeries) -> str:
    return f"steps of {prepared.records.freq}" if prepared.records.freq else "steps"


def _refuse_step(run: Run, step: int | None, outputs: int) -> None:
    if step is not None and not 1 <= step <= outputs:
        raise RunError(f"the output of {run.path} has the steps 1 to {outputs}, so there is no step {step}")
