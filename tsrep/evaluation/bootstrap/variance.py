"""Variance of a mean over seeds: what patients or blocks of time make of it, and what seeds add."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from tsrep.evaluation.arrays import Array

# of a value, what its resamples vary by where nothing but the last digits of float64 does: sums over ten
# million patients round by 4e-13, and one pair in the other order moves the AUROC of a million by 4e-12
ROUNDING = 1e-12


@dataclass(frozen=True)
class Between:
    """What one kind of seed, or several kinds together, add to the variance of a mean.

    Attributes
    ----------
    seen : float
        Variance that their spread gives the mean.
    added : float
        The part of it that patients do not explain.
    freedom : float
        Degrees of freedom of ``seen``.
    least : float
        Those of the kind that has the fewest.
    """

    seen: float
    added: float
    freedom: float
    least: float

    @classmethod
    def together(cls, kinds: Sequence[Between]) -> Between:
        """All kinds that add something."""
        counted = [kind for kind in kinds if kind.added != 0]
        if not counted:
            return cls(0.0, 0.0, np.nan, np.nan)
        seen, added = sum(kind.seen for kind in counted), sum(kind.added for kind in counted)
        uncertain = sum(kind.seen**2 / kind.freedom for kind in counted)
        return cls(seen, added, seen**2 / uncertain, min(kind.least for kind in counted))


@dataclass(frozen=True)
class Variance:
    """Variance of a mean over seeds, by where it comes from.

    Attributes
    ----------
    resampled : float
        Over patients, or blocks of time; NaN where it cannot be told.
    seeds : float
        What the seeds add: zero with one seed, or where they differ no more than patients make them differ.
    freedom : float
        Degrees of freedom of the sum.
    freedom_resampled : float
        Those of ``resampled`` alone; NaN where only the sum is known.
    between : Between or None
        Of all kinds of seeds together; None where only the sum is known.
    """

    resampled: float
    seeds: float
    freedom: float
    freedom_resampled: float = np.nan
    between: Between | None = None

    @property
    def error(self) -> float:
        """Standard error."""
        return float(np.sqrt(self.resampled + self.seeds))

    @property
    def margin(self) -> float:
        """Half the width of a 95 % interval by Student's t distribution."""
        from scipy.special import stdtrit  # loads slowly, and those who only read scores need none

        return float(stdtrit(self.freedom, 0.975)) * self.error


def variance_of_mean(
    rows: Array, draws: Array, freedom: float, *, share: float, finer: Array | None = None
) -> Variance:
    """Variance over patients or blocks of time, and over seeds.

    Parameters
    ----------
    rows : float64 array, shape (seed,)
        A metric, or a difference of two, on the patients as they are.
    draws : float64 array, shape (seed, resample)
        The same on resamples of the patients.
    freedom : float
        Degrees of freedom of the variance over resamples.
    share : float
        Of the variance between seeds that counts: ``1 / seeds`` for their mean, ``1 + 1 / seeds`` for one
        more of their kind against their mean.
    finer : float64 array, shape (seed, resample), optional
        Draws of blocks a third as long, see :class:`Resampled`.
    """
    resampled, each = resampled_variances(rows, draws, finer)
    return total_variance(resampled, freedom, [between_seeds(rows, each, share)])


def between_seeds(rows: Array, each: float, share: float | None = None) -> Between:
    """What seeds add to the variance of their mean, or of one more of them against it.

    Seeds differ also because each errs on other patients. The bootstrap of the mean holds that part already,
    so that it is taken off the variance between seeds, down to zero.

    Parameters
    ----------
    rows : float64 array, shape (seed,)
    each : float
        Variance between seeds that patients make.
    share : float, optional
        See :func:`variance_of_mean`; by default ``1 / seeds``.
    """
    n = len(rows)
    share = share or 1 / n
    if n < 2:  # nothing tells how far one more would be from it
        return Between(*2 * (np.nan if share > 1 else 0.0,), 1, 1)
    seen = share * float(rows.var(ddof=1))
    return Between(seen, max(seen - share * each, 0.0), n - 1, n - 1)


def total_variance(resampled: float, freedom: float, kinds: Sequence[Between]) -> Variance:
    """Variance over patients, and what each kind of seed adds, with Satterthwaite's degrees of freedom.

    References
    ----------
    Satterthwaite, "An approximate distribution of estimates of variance components", Biometrics Bulletin 2,
    1946, equation 17.
    """
    if np.isnan(resampled):
        return Variance(np.nan, np.nan, np.nan)
    between = Between.together(kinds)
    if between.added == 0:
        return Variance(resampled, 0.0, freedom, freedom, between)
    uncertain = resampled**2 / freedom + between.seen**2 / between.freedom
    found = (resampled + between.added) ** 2 / uncertain
    return Variance(resampled, between.added, max(found, between.least), freedom, between)


def resampled_variances(rows: Array, draws: Array, finer: Array | None = None) -> tuple[float, float]:
    """Over resamples: of the mean over seeds, and of how the seeds differ at the same resample.

    Blocks of time cut dependence at their ends, which makes the variance too small. With blocks a third as
    long it is smaller; the difference is added once more (the lugsail window of a spectral density).

    Parameters
    ----------
    rows, draws, finer
        See :func:`variance_of_mean`.

    References
    ----------
    Vats & Flegal, "Lugsail lag windows for estimating time-average covariance matrices", Biometrika 109,
    2022, equation 5 (r = 3, c = 1/2).
    """
    moved = draws - rows[:, None]  # (seed, resample)
    moved = moved[:, ~np.isnan(moved).any(axis=0)]
    if 2 * moved.shape[1] < draws.shape[1] or moved.shape[1] < 2:
        return np.nan, np.nan
    found = np.array(
        [moved.mean(axis=0).var(ddof=1), moved.var(axis=0, ddof=1).mean() if len(rows) > 1 else 0]
    )
    if finer is not None:
        found = np.maximum(found, 2 * found - resampled_variances(rows, finer))
    return float(found[0]), float(found[1])
