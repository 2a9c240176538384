"""How many patients and seeds a gain needs to be significant, from the variance of a comparison."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass

from tsrep.errors import ConfigError, RunError
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
    """

    patients: int
    seeds: int
    per_patient: float
    per_seed: float
    freedom: float

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
        Student's noncentral t distribution with the variance ``per_patient / patients + per_seed / seeds``
        and Satterthwaite's degrees of freedom, of which those over patients grow with their number.

        References
        ----------
        Cohen, "Statistical Power Analysis for the Behavioral Sciences", 1988, chapter 2.
        """
        from scipy.special import nctdtr, stdtrit  # loads slowly, and pages without a power need none

        n, k = patients or self.patients, seeds or self.seeds
        resampled, between = self.per_patient / n, self.per_seed / k
        if n < 2 or (between and k < 2):
            return 0.0  # one alone does not tell how far others differ
        variance = resampled + between
        inverse = resampled**2 / (self.freedom * n / self.patients)
        inverse += between**2 / (k - 1) if between else 0.0
        freedom = variance**2 / inverse
        shift, bound = abs(gain) / math.sqrt(variance), stdtrit(freedom, 1 - ALPHA / 2)
        if shift > bound + 8:  # where the noncentral distribution loses its digits
            return 1.0
        return float(1 - nctdtr(freedom, shift, bound) + nctdtr(freedom, shift, -bound))

    def patients_for(self, gain: float, seeds: int | None = None, power: float = POWER) -> int | None:
        """Fewest patients with which a gain has this power; None where more of them alone would not do."""
        return _least(lambda n: self.power(gain, patients=n, seeds=seeds) >= power, MOST_PATIENTS)

    def seeds_for(self, gain: float, patients: int | None = None, power: float = POWER) -> int | None:
        """Fewest seeds with which a gain has this power; None where more of them alone would not do."""
        return _least(lambda k: self.power(gain, patients=patients, seeds=k) >= power, MOST_SEEDS)


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
    per_seed = found.between * rows
    if found.of_one_encoder:
        per_seed = 2 * found.between / (1 + 1 / rows)  # both sides of a pair vary
    return Design(patients, found.seeds, found.resampled * patients, per_seed, found.freedom_resampled)


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


def _least(enough: Callable[[int], bool], most: int) -> int | None:
    """The smallest number that is enough, where larger ones are too; None above ``most``."""
    low, high = 0, 1
    while not enough(high):
        if high >= most:
            return None
        low, high = high, min(2 * high, most)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (low, middle) if enough(middle) else (middle, high)
    return high
