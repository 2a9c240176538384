"""A receptive field in numbers: how wide it is, where it lies, whether it follows a period."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ConfigError
from tsrep.inspect.receptive_field.field import ReceptiveField, weighted_error

Floats = NDArray[np.float64]
SHARE = 0.9
NEAR = 1  # steps beside a multiple of the period that count as it


@dataclass(frozen=True, eq=False)
class Score:
    """A number of a receptive field with its standard error over windows.

    Attributes
    ----------
    value, error : float
        Average over the output steps; NaN where nothing can be said.
    per_step, per_step_error : float64 arrays, shape (horizon,)
    """

    value: float
    error: float
    per_step: Floats
    per_step_error: Floats

    @classmethod
    def over_windows(cls, each: Floats, weight: Floats) -> Score:
        """From the number of every window and output step, both of shape (window, horizon)."""
        each = np.where(weight > 0, each, 0)
        mean, error = _mean(each, weight)
        inside = weight.sum(axis=1)
        whole = (each * weight).sum(axis=1) / np.where(inside > 0, inside, 1)
        value, own = _mean(whole, inside)
        return cls(float(value), float(own), mean, error)

    def plain(self) -> dict[str, Any]:
        """Values as they go into JSON, where NaN is null."""
        return {
            "value": _or_none(self.value),
            "error": _or_none(self.error),
            "per_step": [_or_none(v) for v in self.per_step],
            "per_step_error": [_or_none(v) for v in self.per_step_error],
        }


@dataclass(frozen=True, eq=False)
class Periodicity:
    """Whether mass lies at multiples of a period before the output step.

    Attributes
    ----------
    period : int
    share : Score
        Mass at distances ``k * period``, a step more or less, for k = 1, 2, ...
    ratio : Score
        That mass over its average under all circular shifts of the lags: 1 is what chance gives, and
        ``period / 3`` or so the most there can be.
    z : float
        Of the share, against the same shifts.
    p : float
        Part of the shifts to other phases of the period that have as much mass, the observed one counted
        too. No shift of the period itself is among them, since it finds what was found before.
    z_per_step, p_per_step : float64 arrays, shape (horizon,)
    """

    period: int
    share: Score
    ratio: Score
    z: float
    p: float
    z_per_step: Floats
    p_per_step: Floats

    def plain(self) -> dict[str, Any]:
        """Values as they go into JSON."""
        return {
            "period": self.period,
            "share": self.share.plain(),
            "ratio": self.ratio.plain(),
            "z": _or_none(self.z),
            "p": _or_none(self.p),
            "z_per_step": [_or_none(v) for v in self.z_per_step],
            "p_per_step": [_or_none(v) for v in self.p_per_step],
        }


def shape_scores(field: ReceptiveField) -> dict[str, Score]:
    """Width, place and spread of a receptive field, of each window and averaged.

    Returns
    -------
    dict of str to Score
        ``"width 90"``: the least number of lags that have 90 % of the mass. ``"centre"``: average lag, in
        steps. ``"entropy"``: of the mass over lags, in nats; ``log(lags)`` when it is even.
    """
    mass = field.each.astype(np.float64)
    lag = np.arange(mass.shape[-1])
    found = {"width 90": width(mass), "centre": mass @ lag, "entropy": entropy(mass)}
    return {name: Score.over_windows(each, field.weight) for name, each in found.items()}


def width(mass: Floats, share: float = SHARE) -> Floats:
    """The least number of entries of the last axis whose sum is ``share`` of the whole."""
    ordered = -np.sort(-mass, axis=-1)
    sums = np.cumsum(ordered, axis=-1)
    needed: Floats = (sums < (share - 1e-9) * sums[..., -1:]).sum(axis=-1) + 1.0
    return np.where(sums[..., -1] > 0, needed, np.nan)


def entropy(mass: Floats) -> Floats:
    """Entropy of the last axis, which sums to 1, in nats."""
    spread: Floats = -np.sum(mass * np.log(np.where(mass > 0, mass, 1)), axis=-1)
    return spread


def periodicity(field: ReceptiveField, period: int) -> Periodicity:
    """Mass at multiples of a period against its circular shifts; see :class:`Periodicity`.

    Distances count from the output step, ``lag + ahead``: a forecaster that repeats the day before reads
    lag 23 for the first hour ahead and lag 13 for the eleventh. All output steps shift together in the
    overall ``z`` and ``p``, so that many steps with one and the same peak are not taken for many finds.

    Raises
    ------
    ConfigError
        When the period is too short to be told from its neighbours, or no multiple of it is in reach.
    """
    refuse_unscorable(field, period)
    on = comb(field.each.shape[-1], field.ahead, period)
    share = np.einsum("whl,hl->wh", field.each.astype(np.float64), on.astype(np.float64))
    chance = on.mean(axis=1)
    reached = np.where(chance > 0, field.weight, 0)
    shifted = _under_shifts(field.curve, on)  # (shift, horizon)
    some = (chance > 0) & (field.weight.sum(axis=0) > 0)
    z, p = _against_shifts(shifted[:, some].mean(axis=1, keepdims=True), period) if some.any() else _NONE
    z_per_step, p_per_step = _against_shifts(shifted, period)
    return Periodicity(
        period,
        Score.over_windows(share, reached),
        Score.over_windows(share / np.where(chance > 0, chance, 1), reached),
        float(z[0]),
        float(p[0]),
        np.where(some, z_per_step, np.nan),
        np.where(some, p_per_step, np.nan),
    )


def refuse_unscorable(field: ReceptiveField, period: int) -> None:
    """Refuse a period that :func:`periodicity` cannot score.

    Raises
    ------
    ConfigError
        As there.
    """
    if period < 2 * NEAR + 3:
        raise ConfigError(f"a period of {period} steps is too short to score; {2 * NEAR + 3} is the least")
    lags = field.each.shape[-1]
    if not comb(lags, field.ahead, period).any():
        raise ConfigError(f"no multiple of the period {period} is within {lags} steps; leave it out")


def comb(lags: int, ahead: NDArray[np.int64], period: int) -> NDArray[np.bool_]:
    """Which lags lie a multiple of the period before each output step; shape (horizon, lag)."""
    distance = ahead[:, None] + np.arange(lags)
    nearest = np.rint(distance / period)
    on: NDArray[np.bool_] = (nearest >= 1) & (np.abs(distance - nearest * period) <= NEAR)
    return on


_NONE = (np.array([np.nan]), np.array([np.nan]))


def _under_shifts(curve: Floats, on: NDArray[np.bool_]) -> Floats:
    """Mass on the comb for each circular shift of the lags; shape (shift, horizon)."""
    teeth = np.fft.rfft(on.astype(np.float64), axis=-1)
    found = np.fft.irfft(np.conj(np.fft.rfft(curve, axis=-1)) * teeth, n=curve.shape[-1], axis=-1)
    return found.T


def _against_shifts(shifted: Floats, period: int) -> tuple[Floats, Floats]:
    """z and p of the first row among all, for each column."""
    spread = shifted.std(axis=0)
    flat = spread < 1e-9
    z = np.where(flat, 0, (shifted[0] - shifted.mean(axis=0)) / np.where(flat, 1, spread))
    shift = np.arange(len(shifted))
    phase = np.minimum(shift % period, -shift % period)
    wrapped = np.minimum((len(shifted) - shift) % period, (shift - len(shifted)) % period)
    other = (phase > 2 * NEAR) & (wrapped > 2 * NEAR)
    as_much = (shifted[other] >= shifted[0] - 1e-9).sum(axis=0)
    return z, (1 + as_much) / (1 + other.sum())


def _mean(each: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted mean over the first axis and its standard error; NaN where nothing counts."""
    whole = weight.sum(axis=0)
    mean = (each * weight).sum(axis=0) / np.where(whole > 0, whole, 1)
    return np.where(whole > 0, mean, np.nan), weighted_error(each, mean, weight)


def _or_none(value: float) -> float | None:
    return float(value) if np.isfinite(value) else None


def plain_scores(scores: Mapping[str, Score | Periodicity]) -> dict[str, Any]:
    """All scores as they go into JSON."""
    return {name: score.plain() for name, score in scores.items()}
