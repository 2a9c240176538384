"""Settings of the representation-forecasting protocol."""

from __future__ import annotations

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

ALPHAS = (0.1, 0.2, 0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 50.0, 100.0, 200.0, 500.0, 1000.0)


class ForecastSettings(BaseModel):
    """How a frozen encoder is judged by ridge forecasts.

    Source
    ------
    Yue et al., "TS2Vec", AAAI 2022: the protocol that CoST and AutoTCL share.
    """

    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)

    horizons: tuple[Annotated[int, Field(ge=1)], ...] = Field(
        (24, 48, 168, 336, 720), min_length=1, description="steps ahead"
    )
    context: Annotated[int, Field(ge=0)] = Field(200, description="earlier steps that the encoder sees")
    alphas: tuple[Annotated[float, Field(gt=0)], ...] = Field(
        ALPHAS, min_length=1, description="ridge penalties; the validation part chooses"
    )
    skip: Annotated[int, Field(ge=0)] | None = Field(
        None, description="first training steps left out; null means as many as the context"
    )
    largest: Annotated[int, Field(ge=2)] = Field(
        100_000, description="rows of a part, drawn at random where there are more"
    )
    resamples: Annotated[int, Field(ge=100)] = Field(1000, description="of blocks of origins, for intervals")
