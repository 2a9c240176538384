"""The series of an evaluation: which part is forecast, and from what."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import torch

from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.forecasts.errors import Forecast
from tsrep.evaluation.forecasts.spans import Part
from tsrep.evaluation.scores import RANDOM_INIT
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
    control : str
        The method, if there is one of that name, that all others get a paired difference from.
    seed : int
        Of the bootstrap.
    device : torch.device
    watched : callable
        From a method's own forecasts to the same, for one who counts what they say.
    on_step : callable
        Told what has been scored.

    Raises
    ------
    ConfigError, DataError
        When there is no such part or no series, they differ in shape, or they are shorter than the split.
    """

    instances: Sequence[Series]
    split: TimeSplit
    part: Part = "test"
    lookback: int = 0
    horizon: int = 0
    control: str = RANDOM_INIT
    seed: int = 0
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - immutable
    watched: Callable[[Forecast], Forecast] = lambda forecast: forecast
    on_step: Callable[[str], None] = lambda _what: None

    def __post_init__(self) -> None:
        if self.part not in ("test", "validation"):
            raise ConfigError(f"the part {self.part!r} cannot be forecast; use test or validation")
        if not self.instances:
            raise DataError("there is no series to forecast; give at least one")
        first, needed = self.instances[0], getattr(self.split, self.part)[1]
        for series in self.instances:
            if (len(series), series.channels, series.period) != (len(first), first.channels, first.period):
                raise DataError(
                    f"series {series.source or 'without a name'} differs from the first one in length, "
                    "channels or period; forecast them apart"
                )
        if len(first) < needed:
            raise DataError(
                f"the series has {len(first)} steps, fewer than the {needed} of the split; split it anew"
            )
