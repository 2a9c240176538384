"""From a model of a number to a head: with an interval from validation patients, and how it does."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np

from tsrep.evaluation.bootstrap import Interval, share_interval
from tsrep.evaluation.heads.facts import FittedOn, Performance
from tsrep.evaluation.heads.making import Fitted, estimate, variance_of_patients
from tsrep.evaluation.heads.prediction_sets import by_patient, fewest_patients
from tsrep.evaluation.heads.value_head import ValueHead, fit_interval
from tsrep.evaluation.targets.values import Values, resampled_values


def made_value_head(
    fitted: Fitted, scored: Values, facts: FittedOn, *, target: str, coverage: float, part: str, **told: Any
) -> ValueHead:
    """A head for a number, and its performance on the scored part.

    Parameters
    ----------
    fitted : Fitted
    scored : Values
        Of the windows of the scored part.
    facts : FittedOn
    target : str
        Name of the number.
    coverage : float
        Of the interval.
    part : str
        That is scored.
    **told
        ``unit`` of the number; ``n_bootstrap`` and ``seed`` of the bootstrap over patients.
    """
    unit = told.pop("unit")
    slug = "".join(c if c.isalnum() or c in "-_." else "-" for c in target)
    head = ValueHead(
        name=f"{facts.protocol}-{slug}-{facts.fraction:g}-{facts.seed}",
        classifier=fitted.classifier,
        pool=fitted.pool,
        fitted_on=facts,
        tuned=fitted.tuned,
        target=target,
        unit=unit,
    )
    windows: Values | None = fitted.held()
    if windows is None:
        head = replace(head, notes=(_NOTHING_HELD.format(name=head.name),))
    else:
        held = windows.by_record()
        interval = fit_interval(held.predicted, held.true, held.patient, coverage)
        patients = len(np.unique(held.patient))
        few = _TOO_FEW.format(
            name=head.name, patients=patients, coverage=coverage, fewest=fewest_patients(coverage)
        )
        head = replace(head, interval=interval, notes=() if interval else (few,))
        head = replace(head, validation=performance(head, held, "validation", **told))
    return replace(head, scored=performance(head, scored.by_record(), part, **told))


_NOTHING_HELD = (
    "Head {name} has no interval, as no validation patients are left that it was neither fitted nor scored "
    "on."
)
_TOO_FEW = (
    "Head {name} has no interval, as the validation part has {patients} patients; a coverage of {coverage:g} "
    "takes {fewest}."
)


def performance(head: ValueHead, records: Values, part: str, *, n_bootstrap: int, seed: int) -> Performance:
    """Errors of a head on records, and how often its interval holds the true value; patients weigh alike."""
    found = resampled_values([records], n_bootstrap=n_bootstrap, seed=seed).intervals()
    if head.interval is not None:
        found["coverage"] = _coverage(records, head.interval.margin)
    return Performance(
        part=part,
        records=len(records),
        patients=len(np.unique(records.patient)),
        metrics={name: estimate(each) for name, each in found.items()},
    )


def _coverage(records: Values, margin: float) -> Interval:
    inside = by_patient(np.abs(records.predicted - records.true) <= margin, records.patient)
    return share_interval(float(inside.mean()), variance_of_patients(inside))
