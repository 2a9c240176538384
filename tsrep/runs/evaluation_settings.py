"""What ``fit`` and ``evaluate`` score, with the settings of every registered protocol under its name."""

from __future__ import annotations

from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, create_model, field_validator

from tsrep.encoders.pooling import Pooling
from tsrep.evaluation.labels.aggregate import Aggregation
from tsrep.evaluation.labels.label_fractions import SubsampleBy
from tsrep.registry import PROTOCOLS, Settings


class EvaluationSettings(Settings):
    """What all protocols share."""

    pool: Pooling = Field("max-mean", description="from one vector per time step to one per sample")
    protocols: tuple[str, ...] = Field(("probe", "knn"), min_length=1, description="names of protocols")
    labels: tuple[Annotated[float, Field(gt=0, le=1)], ...] = Field((1.0, 0.1, 0.01), min_length=1)
    subsample_by: tuple[SubsampleBy, ...] = Field(("sample", "patient"), min_length=1)
    seeds: Annotated[int, Field(ge=1)] = Field(5, description="label draws and random initialisations")
    n_bootstrap: Annotated[int, Field(ge=100)] = Field(
        1000, description="bootstrap resamples of patients, for intervals"
    )
    aggregate: Aggregation = Field("mean", description="of the probabilities of a record's windows")
    part: Literal["test", "validation"] | None = Field(
        None, description="patients to score; null is the test part, or validation where there is none"
    )

    @field_validator("protocols")
    @classmethod
    def _known(cls, names: tuple[str, ...]) -> tuple[str, ...]:
        for name in names:
            PROTOCOLS.entry(name)
        return names


def evaluation_settings() -> type[EvaluationSettings]:
    """The full model, with the settings of every registered protocol under its name."""
    return _full(tuple((name, PROTOCOLS.entry(name).settings) for name in PROTOCOLS.names()))


@cache
def _full(protocols: tuple[tuple[str, type[Settings]], ...]) -> type[EvaluationSettings]:
    fields: dict[str, Any] = {name: (model, Field(default_factory=model)) for name, model in protocols}
    return create_model("RunEvaluationSettings", __base__=EvaluationSettings, **fields)
