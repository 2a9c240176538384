"""How representations are evaluated by forecasting."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Horizon = Annotated[int, Field(ge=1)]
Penalty = Annotated[float, Field(gt=0)]
ALPHAS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class ForecastSettings(BaseModel):
    """How representations are evaluated by forecasting.

    References
    ----------
    The protocol of TS2Vec, CoST and AutoTCL: defaults are theirs for hourly series.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    horizons: tuple[Horizon, ...] = Field((24, 48, 168, 336, 720), min_length=1, description="in steps")
    context: Annotated[int, Field(ge=0)] = Field(
        200, description="steps before the last one in the window that is encoded"
    )
    alphas: tuple[Penalty, ...] = Field(
        ALPHAS, min_length=1, description="penalties of the ridge; the validation part chooses"
    )
    skip: Annotated[int, Field(ge=0)] | None = Field(
        None, description="first training steps that are not fitted; null is the context"
    )
    largest: Annotated[int, Field(ge=1)] = Field(
        100_000, description="rows of a fit and of the choice of its penalty; more are drawn from"
    )
    n_bootstrap: Annotated[int, Field(ge=100)] = Field(1000, description="of blocks of time, for intervals")

    @property
    def skipped(self) -> int:
        """First training steps that are not fitted."""
        return self.context if self.skip is None else self.skip
