"""How series are evaluated by forecasting."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from tsrep.registry import DISTINCT

Horizon = Annotated[int, Field(ge=1)]
Penalty = Annotated[float, Field(gt=0)]
ALPHAS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


@dataclass(frozen=True)
class ForecastSettings:
    """How series are evaluated by forecasting.

    Parameters
    ----------
    horizons : tuple of int
        In steps.
    context : int
        Steps before the last one in the window that is encoded.
    alphas : tuple of float
        Penalties of the ridge; the validation part chooses.
    skip : int or None
        First training steps that are not fitted; None is the context.
    largest : int
        Rows of a fit and of the choice of its penalty; of more a subsample is drawn.
    n_bootstrap : int
        Bootstrap resamples of blocks of time.

    References
    ----------
    The protocol of TS2Vec, CoST and AutoTCL: defaults are theirs for hourly series.
    """

    horizons: Annotated[tuple[Horizon, ...], Field(min_length=1), DISTINCT] = (24, 48, 168, 336, 720)
    context: Annotated[int, Field(ge=0)] = 200
    alphas: Annotated[tuple[Penalty, ...], Field(min_length=1)] = ALPHAS
    skip: Annotated[int, Field(ge=0)] | None = None
    largest: Annotated[int, Field(ge=1)] = 100_000
    n_bootstrap: Annotated[int, Field(ge=100)] = 1000

    @property
    def skipped(self) -> int:
        """First training steps that are not fitted."""
        return self.context if self.skip is None else self.skip
