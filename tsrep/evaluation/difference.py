"""Difference of two methods, with its interval and p value over patients and over seeds together."""

from __future__ import annotations

import math
from dataclasses import dataclass

import numpy as np

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import (
    ROUNDING,
    Between,
    Interval,
    Resampled,
    Variance,
    between_seeds,
    resampled_variances,
    share_interval,
    symmetric_interval,
    total_variance,
    variance_of_mean,
)

RANDOM_INITS, TRAINING_SEEDS = "random initialisations", "training seeds"


@dataclass(frozen=True)
class Difference(Interval):
    """A difference with its 95 % interval and what that covers.

    Attributes
    ----------
    p : float
        Two-sided, of Student's t distribution; NaN where there is no interval.
    freedom : float
        Degrees of freedom.
    covers : str
        What would be drawn anew in a repetition: ``"patients"``, ``"patients and training seeds"``,
        ``"patients, training seeds and label draws"``, or ``"patients and random initialisations"``; over
        time ``"blocks of time"`` in place of patients.
    seeds, against_seeds : int
        Seeds of the one side and of the other.
    resampled, between : float
        Variance over patients or blocks, and what the seeds add to it.
    freedom_resampled : float
        Degrees of freedom of ``resampled`` alone.
    explained : float
        What patients or blocks make of the spread between seeds, which ``between`` does not hold.
    freedom_between, least_freedom : float
        Degrees of freedom of the whole spread between seeds, and of the kind of seeds with the fewest; NaN
        where seeds add nothing.
    """

    p: float = math.nan
    freedom: float = math.nan
    covers: str = ""
    seeds: int = 1
    against_seeds: int = 1
    resampled: float = math.nan
    between: float = 0.0
    freedom_resampled: float = math.nan
    explained: float = 0.0
    freedom_between: float = math.nan
    least_freedom: float = math.nan

    @property
    def of_one_encoder(self) -> bool:
        """Whether it is of a single encoder against its random initialisations, and not of a method."""
        return self.covers.endswith(RANDOM_INITS)


def paired_difference(one: Resampled, two: Resampled, *, trained: bool = False) -> dict[str, Difference]:
    """Mean difference ``one - two`` on the same patients, for a claim about methods.

    Where all seeds were scored on the same draws of labels, the seeds of each side vary by themselves and the
    draws of labels in pairs; where each seed has a draw of its own, seeds are compared in pairs. A side with
    one seed is compared with every seed of the other.

    Parameters
    ----------
    one, two : Resampled
    trained : bool
        Whether a side with one seed, beside one with several, is an encoder that another training would have
        made otherwise: it varies as those of the other side do, as in :func:`difference_from_random`. By
        default it is a method without randomness.

    Raises
    ------
    DataError
        When the two do not have equally many resamples or draws of labels, or other numbers of seeds than
        one and n, or n and n.
    """
    smaller, larger = sorted((one, two), key=lambda side: side.seeds)
    alone = trained and smaller.seeds == 1 < larger.seeds
    share = alone + 1 / larger.seeds
    if one.by_draw is None or two.by_draw is None:
        return _differences(one, two, share, larger.covers(TRAINING_SEEDS))
    if one.by_draw.seeds != two.by_draw.seeds:
        raise DataError(
            f"{one.by_draw.seeds} draws of labels cannot be paired with {two.by_draw.seeds}; "
            "score both methods on the same draws"
        )
    covers = larger.covers(TRAINING_SEEDS)
    return {
        name: _difference(one, two, name, _variance_by_sides(one, two, name, alone), covers)
        for name in _comparable(one, two)
    }


def difference_from_random(one: Resampled, inits: Resampled) -> dict[str, Difference]:
    """Difference of one encoder from the mean of random initialisations, for a claim about that encoder.

    Parameters
    ----------
    one : Resampled
        Of the encoder: one row, or a row for each random initialisation that was drawn together with it.
    inits : Resampled
        A row for each random initialisation; with one row there is no interval, as nothing tells how far
        random initialisations differ.

    Notes
    -----
    If the encoder were one more random initialisation, its distance from the mean of ``k`` others would
    vary by ``1 + 1 / k`` of the variance among them.

    Raises
    ------
    DataError
        As :func:`paired_difference`.
    """
    return _differences(one, inits, 1 + 1 / inits.seeds, f"{one.over} and {RANDOM_INITS}")


def difference_of_cohorts(one: Resampled, two: Resampled) -> dict[str, Difference]:
    """Difference of the same encoders between two sets of patients, which have nobody in common.

    Parameters
    ----------
    one, two : Resampled
        A row for each encoder, in the same order.

    Notes
    -----
    The variances over patients add up, with Satterthwaite's degrees of freedom; encoders vary in pairs.
    """
    found = {}
    for name in [name for name in one.draws if name in two.draws]:
        (a, each_a), (b, each_b) = one.moments(name), two.moments(name)
        uncertain = a**2 / one.freedom[name] + b**2 / two.freedom[name]
        freedom = (a + b) ** 2 / uncertain if uncertain > 0 else one.freedom[name] + two.freedom[name]
        rows = np.array(one.by_seed[name]) - np.array(two.by_seed[name])
        variance = total_variance(a + b, freedom, [between_seeds(rows, each_a + each_b)])
        found[name] = _difference(one, two, name, variance, one.covers(TRAINING_SEEDS))
    return found


def _differences(one: Resampled, two: Resampled, share: float, covers: str) -> dict[str, Difference]:
    """Seed by seed, of what is compared in pairs."""
    if one.seeds != two.seeds and 1 not in (one.seeds, two.seeds):
        raise DataError(
            f"{one.seeds} seeds cannot be paired with {two.seeds}; give both methods the same seeds, or one"
        )
    found = {}
    for name in _comparable(one, two):
        rows, draws = _gap(one, two, name)
        finer = one.finer[name] - two.finer[name] if name in one.finer else None
        variance = variance_of_mean(rows, draws, one.freedom[name], share=share, finer=finer)
        found[name] = _difference(one, two, name, variance, covers)
    return found


def _comparable(one: Resampled, two: Resampled) -> list[str]:
    """Metrics of both, on the same resamples."""
    names = [name for name in one.draws if name in two.draws]
    if any(one.draws[name].shape[1] != two.draws[name].shape[1] for name in names):
        raise DataError(
            "a paired difference needs the same resamples of both methods; use one seed and number"
        )
    return names


def _gap(one: Resampled, two: Resampled, name: str) -> tuple[Array, Array]:
    """Differences of a metric by seed (seed,), and on resamples (seed, resample)."""
    return np.array(one.by_seed[name]) - np.array(two.by_seed[name]), one.draws[name] - two.draws[name]


def _variance_by_sides(one: Resampled, two: Resampled, name: str, alone: bool) -> Variance:
    """Variance of a difference whose sides have seeds of their own, and draws of labels in common.

    Where one side is ``alone``, it is one more of the kind of the other's seeds against their mean.

    References
    ----------
    Welch, "The generalization of 'Student's' problem when several different population variances are
    involved", Biometrika 34, 1947.
    """
    rows, draws = _gap(one.averaged(one.seeds), two.averaged(two.seeds), name)
    kinds = [side.between(name, share=alone + 1 / side.seeds) for side in (one, two) if side.seeds > 1]
    if one.by_draw is not None and two.by_draw is not None:
        by_draw = _gap(one.by_draw, two.by_draw, name)
        kinds.append(between_seeds(by_draw[0], resampled_variances(*by_draw)[1]))
    return total_variance(resampled_variances(rows, draws)[0], one.freedom[name], kinds)


def _difference(one: Resampled, two: Resampled, name: str, found: Variance, covers: str) -> Difference:
    from scipy.special import stdtr  # loads slowly, and those who only read scores need none

    value = one.value[name] - two.value[name]
    error, resampled = found.error, found.resampled
    least = ROUNDING * max(abs(one.value[name]), abs(two.value[name]))
    if error <= least:  # nothing varied, as where few patients are all separated
        error, resampled = (math.nan if abs(value) > least else 0.0), 0.0
    ends = symmetric_interval(value, found) if not math.isnan(error) else Interval(value, error, error)
    if one.form is share_interval:  # two shares differ by no more than one
        ends = Interval(value, max(ends.low, -1.0), min(ends.high, 1.0))
    seeds = found.between or Between.together([])
    return Difference(
        value,
        ends.low,
        ends.high,
        p=1.0 if error == 0 else float(2 * stdtr(found.freedom, -abs(value / error))),
        freedom=found.freedom,
        covers=covers,
        seeds=one.seeds,
        against_seeds=two.seeds,
        resampled=resampled,
        between=found.seeds,
        freedom_resampled=found.freedom_resampled,
        explained=seeds.seen - seeds.added,
        freedom_between=seeds.freedom,
        least_freedom=seeds.least,
    )
