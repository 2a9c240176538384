"""How many patients and seeds a gain needs to be significant, from the variance of a comparison."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.bootstrap import Between, Variance, total_variance
from tsrep.evaluation.scores import Score

POWER, ALPHA = 0.8, 0.05
MOST_PATIENTS, MOST_SEEDS = 10**7, 10**3  # beyond them the other number is what lacks


@dataclass(frozen=True)
class Design:
    """A paired comparison of two methods over seeds and patients.

    Parameters
    ----------
    patients, seeds : int
        That were there; over time blocks stand for patients.
    per_patient : float
        Variance of the difference if there were one patient; more seeds are not counted on to lower it.
    per_seed : float
        What one seed adds to the variance of the difference.
    freedom : float
        Degrees of freedom of the variance over patients.
    per_both : float
        What patients would make of the spread between seeds if there were one patient and one seed. The
        variance over patients holds it already, but it makes the spread less certain.
    kinds, least : float
        Degrees of freedom of the spread between seeds, and of the kind of seeds that has the fewest, as
        multiples of ``seeds - 1``.
    inits : int
        Random initialisations beside a single encoder; 0 where encoders are compared in pairs.
    """

    patients: int
    seeds: int
    per_patient: float
    per_seed: float
    freedom: float
    per_both: float = 0.0
    kinds: float = 1.0
    least: float = 1.0
    inits: int = 0

    def variance(self, *, patients: int | None = None, seeds: int | None = None) -> Variance | None:
        """Variance of the difference with as many patients and seeds; None where too few show it.

        Parameters
        ----------
        patients, seeds : int, optional
            By default those that were there, with which it is the variance of the comparison itself.

        Notes
        -----
        ``per_patient / patients + per_seed / seeds``, with the degrees of freedom of the comparison, see
        :func:`~tsrep.evaluation.bootstrap.total_variance`. Those over patients grow with their number.
        """
        n, k = patients or self.patients, seeds or self.seeds
        alone = self.inits and k == 1
        share, degrees = (_share_alone(self.inits), self.inits - 1) if alone else (1 / k, k - 1)
        if n < 2 or (self.per_seed and degrees < 1):
            return None  # one alone does not tell how far others differ
        added, explained = self.per_seed * share, self.per_both * share / n
        between = Between(added + explained, added, self.kinds * degrees, self.least * degrees)
        return total_variance(self.per_patient / n, self.freedom * n / self.patients, [between])

    def power(self, gain: float, *, patients: int | None = None, seeds: int | None = None) -> float:
        """Chance that a gain of this size is significant at 5 %, two-sided.

        Parameters
        ----------
        gain : float
            In the unit of the metric.
        patients, seeds : int, optional
            By default those that were there.

        Notes
        -----
        Student's noncentral t distribution with :meth:`variance` and its degrees of freedom.

        References
        ----------
        Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2.
        """
        from scipy.special import nctdtr, stdtrit  # loads slowly, and pages without a power need none

        found = self.variance(patients=patients, seeds=seeds)
        if found is None:
            return 0.0
        freedom, shift = found.freedom, abs(gain) / found.error
        bound = stdtrit(freedom, 1 - ALPHA / 2)
        if shift > bound + 8:  # where the noncentral distribution loses its digits
            return 1.0
        return float(1 - nctdtr(freedom, shift, bound) + nctdtr(freedom, shift, -bound))

    def patients_for(self, gain: float, seeds: int | None = None, power: float = POWER) -> int | None:
        """Fewest patients with which a gain has this power; None where more of them alone would not do."""
        return _least(lambda n: self.power(gain, patients=n, seeds=seeds) >= power, MOST_PATIENTS)

    def seeds_for(self, gain: float, patients: int | None = None, power: float = POWER) -> int | None:
        """Fewest seeds with which a gain has this power; None where more of them alone would not do.

        A single encoder among random initialisations is no number of seeds, so that two are the fewest.
        """
        fewest = 2 if self.inits else 1
        return _least(lambda k: self.power(gain, patients=patients, seeds=k) >= power, MOST_SEEDS, fewest)


def has_variance(score: Score) -> bool:
    """Whether a score says how far its difference to the control would vary."""
    return score.gain is not None and score.gain.resampled > 0 and math.isfinite(score.gain.freedom)


def design_of(score: Score) -> Design:
    """What the difference of a score to its control tells of its variance.

    A single encoder is taken for one of a method whose encoders vary as random initialisations do.

    Raises
    ------
    RunError
        When there is no difference with an interval.
    """
    found = score.gain
    if found is None or not has_variance(score):
        raise RunError(
            f"the {score.protocol} scores of {score.method} have no interval of a gain, so that power cannot "
            "be told; evaluate the run with several random initialisations and patients"
        )
    patients = score.patients or score.blocks
    rows = max(found.seeds, found.against_seeds)
    inits = rows if found.of_one_encoder else 0
    share = _share_alone(inits) if inits else 1 / rows
    known = rows > 1 and not math.isnan(found.freedom_between)
    return Design(
        patients,
        1 if inits else rows,
        found.resampled * patients,
        found.between / share,
        found.freedom_resampled,
        per_both=found.explained / share * patients,
        kinds=found.freedom_between / (rows - 1) if known else 1.0,
        least=found.least_freedom / (rows - 1) if known else 1.0,
        inits=inits,
    )


def _share_alone(inits: int) -> float:
    """Of the variance of one pair, what one encoder against the mean of random initialisations has."""
    return (1 + 1 / inits) / 2


def checked_gain(gain: float) -> float:
    """A gain that power can be told of.

    Raises
    ------
    ConfigError
        When it is not a positive number.
    """
    if not 0 < gain < math.inf:
        raise ConfigError(f"a gain of {gain:g} is none to look for; give a positive number such as 0.02")
    return gain


def _least(enough: Callable[[int], bool], most: int, fewest: int = 1) -> int | None:
    """The smallest number that is enough, where larger ones are too; None above ``most``."""
    low, high = fewest - 1, fewest
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
