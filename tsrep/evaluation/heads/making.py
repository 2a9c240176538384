"""From a fitted classifier to a head: calibrated, with thresholds and prediction sets, and how it does."""

from __future__ import annotations

import hashlib
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

import numpy as np

from tsrep.encoders.pooling import HeadPooling
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import Interval, Variance, resample, share_interval, symmetric_interval
from tsrep.evaluation.heads.calibration import fit_calibration
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.heads.facts import Estimate, FittedOn, Performance
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.heads.prediction_sets import by_patient, fewest_patients, fit_sets
from tsrep.evaluation.heads.rules import Rule
from tsrep.evaluation.heads.settings import HeadSettings
from tsrep.evaluation.heads.thresholds import FEWEST, choose_thresholds
from tsrep.evaluation.labels.aggregate import Aggregation, by_record
from tsrep.evaluation.labels.credit import Credit
from tsrep.evaluation.labels.metrics import positives
from tsrep.evaluation.predictions import Predictions
from tsrep.signals.panel import Ints, Panel

FEWEST_PATIENTS = 50  # of the validation part, for a calibration


@dataclass(frozen=True, eq=False)
class Fitted:
    """What a protocol fitted on labels.

    Attributes
    ----------
    classifier : Classifier
    held : callable
        Gives what the evaluation's ``predictions`` gives, of the windows of validation patients that nothing
        was fitted on, or None where there are none.
    pool : str
        How the encoder's steps became the features of a window.
    tuned : mapping of str to array
        Weights of the encoder, where they were trained with the classifier.
    """

    classifier: Classifier
    held: Callable[[], Any]
    pool: HeadPooling
    tuned: Mapping[str, Array] = field(default_factory=dict)


def fitted_on(panel: Panel, labelled: Ints, **said: object) -> FittedOn:
    """The labels that a head was fitted on.

    Parameters
    ----------
    panel : Panel
    labelled : int64 array, shape (sample,)
    **said
        The other fields of :class:`FittedOn`.
    """
    counts = positives(panel.label[labelled], len(panel.classes)).sum(axis=0)
    return FittedOn.model_validate(
        {
            "source": panel.source,
            "labelled": hashlib.sha256(np.sort(labelled).tobytes()).hexdigest(),
            "samples": len(labelled),
            "records": len(np.unique(panel.trial[labelled])),
            "patients": len(np.unique(panel.patient[labelled])),
            "class_counts": tuple(counts.tolist()),
            **said,
        }
    )


def made_head(
    fitted: Fitted,
    scored: Predictions,
    facts: FittedOn,
    panel: Panel,
    settings: HeadSettings,
    *,
    aggregate: Aggregation,
    part: str,
    n_bootstrap: int,
    seed: int,
    credit: Credit | None = None,
) -> Head:
    """A head with all that validation patients can tell, and its performance on the scored part.

    Parameters
    ----------
    fitted : Fitted
    scored : Predictions
        Uncalibrated, of the windows of the scored part.
    facts : FittedOn
    panel : Panel
        For the names of the classes.
    settings : HeadSettings
    aggregate : {"mean", "max"}
    part : str
        That is scored.
    n_bootstrap, seed : int
        Bootstrap resamples of patients.
    credit : Credit, optional
        Whose metric is told of decisions.
    """
    told = partial(performance, n_bootstrap=n_bootstrap, seed=seed, credit=credit)
    head = Head(
        name=f"{facts.protocol}-{facts.fraction:g}-{facts.seed}",
        classifier=fitted.classifier,
        classes=panel.classes,
        multilabel=panel.multilabel,
        pool=fitted.pool,
        fitted_on=facts,
        aggregate=aggregate,
        tuned=fitted.tuned,
    )
    windows = fitted.held()
    if windows is None:
        head = replace(head, notes=(_NOTHING_HELD.format(name=head.name),))
    else:
        held = by_record(windows, aggregate)
        head = _equipped(head, held, settings, n_bootstrap, seed)
        head = replace(head, validation=told(head, held, "validation"))
    records = by_record(scored, aggregate)
    return replace(head, scored=told(head, records, part))


def _equipped(head: Head, held: Predictions, settings: HeadSettings, n_bootstrap: int, seed: int) -> Head:
    """With calibration, thresholds and prediction sets from records of validation patients."""
    patients = len(np.unique(held.patient))
    calibration = None if patients < FEWEST_PATIENTS else fit_calibration(settings.calibration, held)
    head = replace(head, calibration=calibration, sets=fit_sets(held, settings.coverage))
    rule = settings.thresholds or ("f1" if head.multilabel else None)
    if rule is not None:
        calibrated = replace(held, prob=head.calibrated(held.prob))
        shares = np.array(head.fitted_on.class_counts) / head.fitted_on.samples
        found = choose_thresholds(Rule.of(rule), calibrated, shares, n_bootstrap=n_bootstrap, seed=seed)
        head = replace(head, thresholds=found)
    return replace(head, notes=tuple(_missing(head, settings, patients)))


_NOTHING_HELD = (
    "Head {name} has no calibration, thresholds or prediction sets, as no validation patients are left that "
    "it was neither fitted nor scored on."
)


def _missing(head: Head, settings: HeadSettings, patients: int) -> Iterator[str]:
    """What validation patients were too few for, a sentence each."""
    if head.calibration is None and settings.calibration != "none":
        yield (
            f"Heads are not calibrated, as the validation part has {patients} patients; calibration "
            f"takes {FEWEST_PATIENTS}."
        )
    if head.sets is None:
        yield (
            f"Heads have no prediction sets, as the validation part has {patients} patients; a coverage of "
            f"{settings.coverage:g} takes {fewest_patients(settings.coverage)}."
        )
    chosen = () if head.thresholds is None else zip(head.classes, head.thresholds.classes, strict=True)
    if few := [name for name, each in chosen if each is not None and each.too_few]:
        yield (
            f"Heads assign a class from a probability of 0.5 where fewer than {FEWEST} validation records "
            f"have or lack it: {', '.join(few)}."
        )


def performance(
    head: Head, records: Predictions, part: str, *, n_bootstrap: int, seed: int, credit: Credit | None
) -> Performance:
    """How a head does on records, of which uncalibrated probabilities are given."""
    calibrated = head.calibrated(records.prob)
    decided = positives(head.labels(calibrated), len(head.classes)).astype(float)
    asked = [(records.prob, "", ("auroc", "ece", "brier")), (decided, "_decided", _DECIDED)]
    if head.calibration is not None:
        asked.append((calibrated, "_calibrated", ("ece", "brier")))
    found: dict[str, Interval] = {}
    for prob, suffix, names in asked:
        on = replace(records, prob=prob)
        own = credit if suffix == "_decided" else None
        resampled = resample([on], n_bootstrap=n_bootstrap, seed=seed, names=names, credit=own)
        found |= {name + suffix: interval for name, interval in resampled.intervals().items()}
    return Performance(
        part=part,
        records=len(records),
        patients=len(np.unique(records.patient)),
        metrics={name: estimate(each) for name, each in (found | _of_sets(head, records)).items()},
    )


_DECIDED = ("accuracy", "precision", "recall", "f1")


def _of_sets(head: Head, records: Predictions) -> dict[str, Interval]:
    """Coverage and size of prediction sets, patients weighing alike; empty without sets."""
    sets = head.prediction_sets(records.prob)
    if sets is None:
        return {}
    right = np.asarray((sets | ~positives(records.target, len(head.classes))).all(axis=1))
    size = by_patient(sets.sum(axis=1), records.patient)
    coverage, shown = by_patient(right, records.patient), variance_of_patients
    return {
        "coverage": share_interval(float(coverage.mean()), shown(coverage)),
        "set_size": symmetric_interval(float(size.mean()), shown(size)),
    }


def variance_of_patients(values: Array) -> Variance:
    """Of the mean of values of patients."""
    if len(values) < 2:
        return Variance(np.nan, np.nan, np.nan)
    return Variance(float(values.var(ddof=1)) / len(values), 0.0, len(values) - 1.0)


def estimate(interval: Interval) -> Estimate:
    """An interval as files hold it."""
    ends = (interval.value, interval.low, interval.high)
    value, low, high = (None if np.isnan(each) else float(each) for each in ends)
    return Estimate(value=value, low=low, high=high)
