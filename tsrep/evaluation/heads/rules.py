"""Rules by which thresholds are chosen, as users write them."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Annotated

import numpy as np
from pydantic import AfterValidator, BeforeValidator

from tsrep.evaluation.arrays import Array

_ROUNDING = 1e-9  # of sums of weights


@dataclass(frozen=True)
class Counts:
    """What deciding from each of some thresholds on does, for several weightings of the records.

    Attributes
    ----------
    hits, alarms : float64 arrays, shape (threshold, weighting)
        Records with and without the class that are decided on; thresholds fall.
    with_class, without : float64 arrays, shape (weighting,)
    share : float
        Of training samples with the class.
    """

    hits: Array
    alarms: Array
    with_class: Array
    without: Array
    share: float


def _largest(criterion: Callable[[Counts], Array]) -> Callable[[Counts, float], Array]:
    """The threshold with the largest criterion, of equals the highest."""
    return lambda counts, _wanted: criterion(counts).argmax(axis=0)


def _sensitivity(counts: Counts, wanted: float) -> Array:
    """The highest threshold that reaches the sensitivity."""
    return np.asarray((counts.hits >= (wanted - _ROUNDING) * counts.with_class).argmax(axis=0))


def _specificity(counts: Counts, wanted: float) -> Array:
    """The lowest threshold that reaches the specificity."""
    reached = counts.without - counts.alarms >= (wanted - _ROUNDING) * counts.without
    return np.asarray(len(reached) - 1 - reached[::-1].argmax(axis=0))


def _cheapest(counts: Counts, ratio: float) -> Array:
    cost = ratio * (counts.with_class - counts.hits) + counts.alarms
    return np.asarray(cost.argmin(axis=0))


RULES: Mapping[str, Callable[[Counts, float], Array]] = {
    "f1": _largest(lambda c: 2 * c.hits / (c.hits + c.alarms + c.with_class)),
    "youden": _largest(lambda c: c.hits / c.with_class - c.alarms / c.without),
    "prior": _largest(lambda c: -np.abs((c.hits + c.alarms) / (c.with_class + c.without) - c.share)),
    "sensitivity": _sensitivity,
    "specificity": _specificity,
    "cost": _cheapest,
}
_NUMBER = r"\d*\.?\d+"
_FORM = re.compile(
    rf"(?P<name>f1|youden|prior)|(?P<reach>sensitivity|specificity)=(?P<level>{_NUMBER})"
    rf"|cost=(?P<miss>{_NUMBER}):(?P<alarm>{_NUMBER})|(?P<fixed>{_NUMBER})"
)
FORMS = "f1, youden, prior, sensitivity=0.95, specificity=0.95, cost=5:1 or a number such as 0.5"


@dataclass(frozen=True)
class Rule:
    """How thresholds are chosen.

    Attributes
    ----------
    text : str
        As it was given: ``"f1"`` (largest F1), ``"youden"`` (largest sum of sensitivity and specificity),
        ``"prior"`` (as many decisions as training samples of the class, as a share),
        ``"sensitivity=0.95"`` (highest threshold that reaches it), ``"specificity=0.95"`` (lowest threshold
        that reaches it), ``"cost=5:1"`` (least cost where a miss costs five false alarms), or a number.
    name : str
        Empty for a number.
    value : float
    """

    text: str
    name: str
    value: float

    @classmethod
    def of(cls, text: str) -> Rule:
        """The rule that a text means.

        Raises
        ------
        ValueError
            When it means none.
        """
        found = _FORM.fullmatch(text)
        if found is not None and found["miss"] is not None and float(found["alarm"]) > 0:
            return cls(text, "cost", float(found["miss"]) / float(found["alarm"]))
        if found is not None and found["name"] is not None:
            return cls(text, found["name"], 0.0)
        level = None if found is None else found["level"] or found["fixed"]
        if found is not None and level is not None and float(level) <= 1:
            return cls(text, found["reach"] or "", float(level))
        raise ValueError(f"it is no rule for thresholds; write {FORMS}")


def _checked(text: str) -> str:
    Rule.of(text)
    return text


# a number in YAML is no text
RuleText = Annotated[str, BeforeValidator(str), AfterValidator(_checked)]
