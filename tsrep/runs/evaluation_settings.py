"""What ``fit`` and ``evaluate`` score, with the settings of protocols under their names."""

from __future__ import annotations

from collections.abc import Mapping
from functools import cache
from typing import Annotated, Any, Literal

from pydantic import Field, create_model

from tsrep.encoders.pooling import Pooling
from tsrep.evaluation.heads.rules import FORMS, RuleText
from tsrep.evaluation.heads.settings import CalibrationKind, HeadSettings, Keep
from tsrep.evaluation.labels.aggregate import Aggregation
from tsrep.evaluation.labels.credit import CreditName
from tsrep.evaluation.labels.label_fractions import SubsampleBy
from tsrep.registry import DISTINCT, PROTOCOLS, Settings


class EvaluationSettings(Settings):
    """What all protocols share."""

    pool: Pooling = Field("max-mean", description="from one vector per time step to one per sample")
    protocols: Annotated[tuple[str, ...], DISTINCT] = Field(
        ("probe", "knn"), min_length=1, description="names of protocols"
    )
    labels: Annotated[tuple[Annotated[float, Field(gt=0, le=1)], ...], DISTINCT] = Field(
        (1.0, 0.1, 0.01), min_length=1
    )
    subsample_by: Annotated[tuple[SubsampleBy, ...], DISTINCT] = Field(("sample", "patient"), min_length=1)
    seeds: Annotated[int, Field(ge=1)] | None = Field(
        None,
        description="label draws, and random initialisations beside one encoder; null takes 5; of several "
        "encoders at least one for each",
    )
    n_bootstrap: Annotated[int, Field(ge=100)] = Field(
        1000, description="bootstrap resamples of patients, for intervals"
    )
    aggregate: Aggregation = Field("mean", description="of the probabilities of a record's windows")
    keep_heads: Keep = Field(
        "best", description="which heads to keep: the best on the validation part, all, or none"
    )
    calibration: CalibrationKind = Field(
        "temperature", description="of the probabilities that kept heads give, on validation patients"
    )
    thresholds: RuleText | None = Field(
        None,
        description="rule of decisions; null takes f1 where records may have several classes, and the most "
        f"probable class otherwise; {FORMS}",
    )
    coverage: Annotated[float, Field(gt=0, lt=1)] = Field(
        0.9, description="of the prediction sets of kept heads, by patient"
    )
    credit: CreditName | None = Field(
        None,
        description="partial credit for decisions on related classes, whose metric is added; challenge-2021 "
        "is that of the scored classes of cinc2021",
    )
    part: Literal["test", "validation"] | None = Field(
        None, description="patients to score; null is the test part, or validation where there is none"
    )

    @classmethod
    def known(cls) -> list[str]:
        """See :meth:`Settings.known`; any protocol may have settings."""
        return [*EvaluationSettings.model_fields, *PROTOCOLS.names()]

    @property
    def of_heads(self) -> HeadSettings | None:
        """How heads are made; None where none are kept."""
        if self.keep_heads == "none":
            return None
        return HeadSettings(self.calibration, self.thresholds, self.coverage)

    @property
    def given(self) -> list[str]:
        """Names of the protocols that are used or have settings of their own."""
        return [name for name in type(self).model_fields if name not in EvaluationSettings.model_fields]

    def of(self, protocol: str) -> Any:
        """Settings of a protocol, given or not."""
        return getattr(self, protocol) if protocol in self.given else PROTOCOLS.entry(protocol).settings()

    def refuse_several_classes(self, multilabel: bool) -> None:
        """Check that every protocol scores samples of several classes, where there are such.

        Raises
        ------
        ConfigError
            Naming the first one that does not.
        """
        from tsrep.evaluation.protocols.protocol import protocol_of  # its room loads torch

        for name in self.protocols:
            protocol_of(self.of(name)).refuse_several_classes(multilabel)


def checked_evaluation(values: Any) -> EvaluationSettings:
    """Settings from plain values; of protocols those that are used, or have settings among the values.

    Raises
    ------
    ValidationError
        Naming the first setting that is unknown or out of range.
    ConfigError
        When there is no such protocol.
    """
    given = values if isinstance(values, Mapping) else {}
    used = given.get("protocols", EvaluationSettings.model_fields["protocols"].default)
    names = [name for name in (used if isinstance(used, list | tuple) else ()) if isinstance(name, str)]
    names += [key for key in given if key in PROTOCOLS.names()]
    chosen = tuple((name, PROTOCOLS.entry(name).settings) for name in dict.fromkeys(names))
    return _with_protocols(chosen).model_validate(values)


@cache
def _with_protocols(chosen: tuple[tuple[str, type[Settings]], ...]) -> type[EvaluationSettings]:
    # values, so that a setting without a default is told with its path
    fields: dict[str, Any] = {name: (model, {}) for name, model in chosen}
    return create_model("RunEvaluationSettings", __base__=EvaluationSettings, **fields)
