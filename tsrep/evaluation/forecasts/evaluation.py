"""The series of an evaluation: which part is forecast, and from what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.spans import Part
from tsrep.signals.series import Series
from tsrep.splits.by_time import TimeSplit


@dataclass(frozen=True, eq=False)
class SeriesEvaluation:
    """What protocols on series score.

    Attributes
    ----------
    instances : sequence of Series
        Equally long, with the same channels and period, standardised on the training part.
    split : TimeSplit
        Of every instance.
    part : {"test", "validation"}
        What is scored.
    lookback, horizon : int
        Steps that forecasts are made from and that they cover, where candidates are trained to forecast; 0
        where ridges forecast from frozen representations of single steps.
    seed : int
        Of the bootstrap.
    device : torch.device
    watched : callable
        From a method's own forecasts to the same, for one who counts what they say.
    on_step : callable
        Told what has been scored.
    """

    instances: Sequence[Series]
    split: TimeSplit
    part: Part = "test"
    lookback: int = 0
    horizon: int = 0
    seed: int = 0
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - immutable
    watched: Callable[[Forecast], Forecast] = lambda forecast: forecast
    on_step: Callable[[str], None] = lambda _what: None
