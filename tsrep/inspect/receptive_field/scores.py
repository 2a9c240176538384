"""A receptive field in numbers: width, place and period, and whether outputs follow scale and level."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.evaluation.scores import nan_to_none
from tsrep.inspect.receptive_field.field import (
    AT_ONCE,
    Model,
    ReceptiveField,
    Windows,
    passes,
    weighted_error,
)
from tsrep.rng import torch_generator

Floats = NDArray[np.float64]
SHARE = 0.9
NEAR = 1  # steps beside a multiple of the period that count as it
STEP = 1e-2  # of the central difference; exact for maps of degree 1 and 2
WIDEST = 2.0  # gains lie between its inverse and itself, shifts up to so many standard deviations


@dataclass(frozen=True, eq=False)
class Estimate:
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
    def over_windows(cls, each: Floats, weight: Floats) -> Estimate:
        """From the number of every window and output step, both of shape (window, horizon)."""
        each = np.where(weight > 0, each, 0)
        mean, error = _mean(each, weight)
        inside = weight.sum(axis=1)
        whole = (each * weight).sum(axis=1) / np.where(inside > 0, inside, 1)
        value, own = _mean(whole, inside)
        return cls(float(value), float(own), mean, error)


@dataclass(frozen=True, eq=False)
class Periodicity:
    """Whether mass lies at multiples of a period before the output step.

    Attributes
    ----------
    period : int
    share : Estimate
        Mass at distances ``k * period``, a step more or less, for k = 1, 2, ...
    ratio : Estimate
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
    share: Estimate
    ratio: Estimate
    z: float
    p: float
    z_per_step: Floats
    p_per_step: Floats


def shape_scores(field: ReceptiveField) -> dict[str, Estimate]:
    """Width, place and spread of a receptive field, of each window and averaged.

    Returns
    -------
    dict of str to Estimate
        ``"width 90"``: the least number of lags that have 90 % of the mass. ``"centre"``: average lag, in
        steps. ``"entropy"``: of the mass over lags, in nats; ``log(lags)`` when it is even.
    """
    mass = field.each.astype(np.float64)
    lag = np.arange(mass.shape[-1])
    found = {"width 90": width(mass), "centre": mass @ lag, "entropy": entropy(mass)}
    return {name: Estimate.over_windows(each, field.weight) for name, each in found.items()}


def width(mass: Floats) -> Floats:
    """The least number of entries of the last axis whose sum is 90 % of the whole."""
    sums = np.cumsum(-np.sort(-mass, axis=-1), axis=-1)
    needed: Floats = (sums < (SHARE - 1e-9) * sums[..., -1:]).sum(axis=-1) + 1.0
    return np.where(sums[..., -1] > 0, needed, np.nan)


def entropy(mass: Floats) -> Floats:
    """Entropy of the last axis, which sums to 1, in nats."""
    return np.asarray(-np.sum(mass * np.log(np.where(mass > 0, mass, 1)), axis=-1))


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
    overall = shifted[:, some].sum(axis=1, keepdims=True) / max(1, some.sum())
    z, p = (float(each[0]) if some.any() else np.nan for each in _against_shifts(overall, period))
    z_per_step, p_per_step = _against_shifts(shifted, period)
    return Periodicity(
        period,
        Estimate.over_windows(share, reached),
        Estimate.over_windows(share / np.where(chance > 0, chance, 1), reached),
        z,
        p,
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
    return np.asarray((nearest >= 1) & (np.abs(distance - nearest * period) <= NEAR))


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
    shift = np.arange(len(shifted)) - np.array([[0], [len(shifted)]])  # either way round
    other = (np.minimum(shift % period, -shift % period) > 2 * NEAR).all(axis=0)
    as_much = (shifted[other] >= shifted[0] - 1e-9).sum(axis=0)
    return z, (1 + as_much) / (1 + other.sum())


def _mean(each: Floats, weight: Floats) -> tuple[Floats, Floats]:
    """Weighted mean over the first axis and its standard error; NaN where nothing counts."""
    whole = weight.sum(axis=0)
    mean = (each * weight).sum(axis=0) / np.where(whole > 0, whole, 1)
    return np.where(whole > 0, mean, np.nan), weighted_error(each, mean, weight)


def plain_scores(scores: Mapping[str, Estimate | Periodicity]) -> dict[str, Any]:
    """All scores as they go into JSON, where NaN is null."""

    def listed(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
        return {name: value.tolist() if isinstance(value, np.ndarray) else value for name, value in pairs}

    return {name: nan_to_none(asdict(score, dict_factory=listed)) for name, score in scores.items()}


def scale_scores(
    f: Model,
    x: Tensor,
    given: Sequence[Tensor] = (),
    *,
    forecasts: bool,
    draws: int = 4,
    at_once: int = AT_ONCE,
    seed: int = 0,
) -> dict[str, Estimate]:
    """How the output moves when the whole window is scaled or shifted.

    Parameters
    ----------
    f : callable or module
        ``f(x, *given) -> (batch, output, horizon)``.
    x : Tensor, shape (window, channel, time)
    given : sequence of Tensor, each of shape (window, ...)
    forecasts : bool
        Whether the outputs are the channels of ``x`` later on. Those of a forecaster should move as the
        input does; those of a classifier or an encoder are compared with what they were (invariance).
    draws : int
        Random gains and shifts of each window.
    at_once, seed : int
        Windows in memory together; seed of the draws.

    Returns
    -------
    dict of str to Estimate
        ``"scale degree"``: slope of ``f`` along ``x - mean``, over ``f(x) - mean`` of a forecaster
        (``f(x)`` of another model): 1 when forecasts scale with their window, 0 when they ignore its scale.
        It is the ratio of sums over windows and outputs, since single denominators come near 0.
        ``"scale error"``, ``"shift error"``, ``"affine error"``: ``|f(a x + b) - (a f(x) + b)| / |f(x)|``
        with a gain alone, a shift alone, and both; the norms are root mean squares over outputs, below the
        bar also over the horizon. Gains are log-uniform in [1/2, 2], shifts uniform within two standard
        deviations of the window. A window with no output but zeros has no such error and is left out.

    Raises
    ------
    ConfigError
        When ``f`` forecasts, but has not an output for each channel.
    """
    found: dict[str, list[NDArray[Any]]] = {}
    for windows in passes(f, x, given, at_once):
        channels, outs = windows.x.shape[1], windows.y.shape[1]
        if forecasts and outs != channels:
            raise ConfigError(f"a forecast of {channels} channels has an output for each, not {outs}")
        generator = torch_generator("scale scores", seed, windows.rows.start)
        with torch.no_grad():
            told = _degree(windows, forecasts) | _errors(windows, forecasts, draws, generator)
        for name, values in told.items():
            found.setdefault(name, []).append(values.double().cpu().numpy())
    each = {name: np.concatenate(values) for name, values in found.items()}
    along, square = each.pop("along"), each.pop("square")
    degree = along / np.where(square > 0, square, 1)
    scores = {"scale degree": Estimate.over_windows(degree, square)}
    return scores | {name: Estimate.over_windows(v, (~np.isinf(v)).astype(float)) for name, v in each.items()}


def _degree(windows: Windows, forecasts: bool) -> dict[str, Tensor]:
    """Numerator and denominator of the slope, each of shape (batch, horizon)."""
    x, y = windows.x, windows.y
    mean = torch.nan_to_num(x.nanmean(dim=-1, keepdim=True))
    more, less = (windows.again(mean + (1 + sign * STEP) * (x - mean)) for sign in (1, -1))
    slope = (more - less) / (2 * STEP)  # (batch, output, horizon)
    beyond = y - mean if forecasts else y
    return {"along": (slope * beyond).sum(dim=1), "square": beyond.square().sum(dim=1)}


def _errors(windows: Windows, forecasts: bool, draws: int, generator: torch.Generator) -> dict[str, Tensor]:
    """Relative errors averaged over draws, each of shape (batch, horizon)."""
    x, y = windows.x, windows.y
    size = y.square().mean(dim=(1, 2)).sqrt()[:, None]
    deviation = torch.nan_to_num(x - x.nanmean(dim=-1, keepdim=True)).square().mean(dim=(1, 2)).sqrt()
    total: dict[str, Tensor] = {}
    for _ in range(draws):
        drawn = torch.rand(2, len(x), generator=generator).to(x.device) * 2 - 1
        gain = torch.exp(math.log(WIDEST) * drawn[0])[:, None, None]
        shift = (WIDEST * drawn[1] * deviation)[:, None, None]
        for name, a, b in (
            ("scale error", gain, torch.zeros_like(shift)),
            ("shift error", torch.ones_like(gain), shift),
            ("affine error", gain, shift),
        ):
            wanted = a * y + b if forecasts else y
            missed = (windows.again(a * x + b) - wanted).square().mean(dim=1).sqrt()
            missed = torch.where(size == 0, torch.inf, missed / size)
            total[name] = total.get(name, torch.zeros_like(missed)) + missed / draws
    return total
