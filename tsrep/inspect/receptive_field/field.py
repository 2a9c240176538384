"""Empirical receptive field: which input steps each step of an output answers to, by its gradient."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsrep.errors import ConfigError, DataError, RunError
from tsrep.files import read_arrays, write_arrays
from tsrep.inspect.receptive_field.gradients import Model, chunks, cotangents, gradient, outputs, undisturbed

GradOf = Literal["output", "loss"]
AT_ONCE, EXACT, DRAWS = 32, 8, 8


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """Shares of the input in each step of an output; lag 0 is the last input step.

    Attributes
    ----------
    mass : float64 array, shape (horizon, channel, lag)
        Average over windows; sums to 1 over channels and lags, or is 0 where no window counts.
    error : float64 array, shape (horizon, lag)
        Standard error over windows of the mass summed over channels; NaN for less than two windows.
    each : float32 array, shape (window, horizon, lag)
        The mass of every window, summed over channels.
    weight : float64 array, shape (window, horizon)
        What a window counts in the average: 1, or 0 when nothing in it reaches the output.
    ahead : int64 array, shape (horizon,)
        How many steps each output lies after the last input step.
    method : str
    """

    mass: NDArray[np.float64]
    error: NDArray[np.float64]
    each: NDArray[np.float32]
    weight: NDArray[np.float64]
    ahead: NDArray[np.int64]
    method: str

    @property
    def windows(self) -> int:
        """Number of windows that any step counts."""
        return int((self.weight > 0).any(axis=1).sum())

    @property
    def curve(self) -> NDArray[np.float64]:
        """Mass of each lag, all channels together; shape (horizon, lag)."""
        curve: NDArray[np.float64] = self.mass.sum(axis=1)
        return curve

    def by_distance(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Mass by how many steps an input lies before the output step, averaged over output steps.

        Returns
        -------
        distance : int64 array, shape (distance,)
            ``lag + ahead``.
        mass : float64 array, shape (distance,)
            Average over those output steps that have an input at this distance.
        """
        horizon, lags = self.curve.shape
        first, last = int(self.ahead.min()), int(self.ahead.max()) + lags
        total, count = np.zeros(last - first), np.zeros(last - first)
        for step in range(horizon):
            there = slice(int(self.ahead[step]) - first, int(self.ahead[step]) - first + lags)
            total[there] += self.curve[step]
            count[there] += 1
        return np.arange(first, last), total / np.maximum(count, 1)

    def save(self, path: Path, **more: NDArray[Any]) -> None:
        """Write an ``.npz`` file with one array for each attribute."""
        write_arrays(path, **(vars(self) | {"method": np.array(self.method)}), **more)

    @classmethod
    def load(cls, path: Path) -> ReceptiveField:
        """Read what :meth:`save` wrote.

        Raises
        ------
        RunError
            When the file is missing or broken.
        """
        try:
            stored = read_arrays(path)
            arrays = {name: stored[name] for name in ("mass", "error", "each", "weight", "ahead")}
            return cls(**arrays, method=str(stored["method"]))
        except (ValueError, TypeError, KeyError, OSError) as error:
            raise RunError(
                f"the receptive field at {path} cannot be read ({type(error).__name__}); draw it again"
            ) from error


def receptive_field(
    f: Model,
    x: Tensor,
    given: Sequence[Tensor] = (),
    *,
    target: Tensor | None = None,
    grad_of: GradOf = "output",
    steps: Sequence[int] | None = None,
    ahead: Sequence[int] | None = None,
    exact: int = EXACT,
    draws: int = DRAWS,
    at_once: int = AT_ONCE,
    seed: int = 0,
) -> ReceptiveField:
    """Absolute gradient of each output step with respect to the input, normalised in every window.

    Parameters
    ----------
    f : callable or module
        ``f(x, *given) -> (batch, output, horizon)``: a forecaster, an encoder (an output for each entry of
        its vector), a classifier (an output for each class, horizon 1). No window may depend on another. A
        module is put in evaluation mode for the time of the call.
    x : Tensor, shape (window, channel, time)
        A missing value (NaN) goes to ``f`` as it is and has no mass.
    given : sequence of Tensor, each of shape (window, ...)
        What else ``f`` needs of every window, such as covariates; gets no mass.
    target : Tensor, shape (window, output, horizon), optional
        Truth, for the loss; where it is missing there is no loss.
    grad_of : {"output", "loss"}
        ``"loss"``: gradient of the mean squared error of each step, the published measure. It is the
        gradient of the output weighted by the residual: a well predicted window hardly counts.
    steps : sequence of int, optional
        Positions on the horizon, from 0; by default all.
    ahead : sequence of int, optional
        Steps from the last input step to each position on the horizon; by default 1, 2, 3, ...
    exact : int
        Up to so many outputs, the absolute gradients of all are added up. Of more outputs, those of
        ``draws`` sums with random signs are: their expectation is that of the root of the summed squares
        up to a factor near .8, and the sum itself where each input reaches one output only.
    draws, at_once, seed : int
        Sums with random signs; windows in memory together; seed of the signs.

    Raises
    ------
    ConfigError
        When there is no target for the loss, no such step, or ``f`` gives another shape or no gradient.
    DataError
        When a gradient is not finite.

    Notes
    -----
    Windows of one forward pass go backward once per output step. A batched backward pass gave the same
    numbers in 4.7 times the time (patch transformer, 16 windows, one core), and lacks rules for some layers.

    References
    ----------
    Zhang et al., "What Constitutes Good Contrastive Learning in Time-Series Forecasting?", 2023, and its
    notebook. Deviations: the output by default instead of the loss; evaluation instead of training mode;
    each step from a fresh gradient instead of adding to those before; ``"output"`` is normalised in every
    window. With ``"loss"`` the absolute gradients of all windows are added before normalising, as
    published.
    """
    if grad_of == "loss" and target is None:
        raise ConfigError("the gradient of the loss needs the truth; give target, or take that of the output")
    tally: Tally | None = None
    with undisturbed(f):
        for rows in chunks(len(x), at_once):
            part = x[rows].detach().float().requires_grad_()
            y = outputs(f, part, [g[rows] for g in given])
            tally = tally or Tally(
                x, y, steps, ahead, f"gradient of the {grad_of}", weighted=grad_of == "loss"
            )
            for at, step in enumerate(tally.steps):
                if grad_of == "loss" and target is not None:
                    pulls = [_residual(y, target[rows], step)]
                else:
                    pulls = cotangents(y, exact, draws, (seed, step, rows.start))
                raw = torch.zeros_like(part)
                for pull in pulls:
                    raw += gradient(y[..., step], part, pull).abs()
                tally.add(rows, at, raw)
    if tally is None:
        raise ConfigError("there is no window to look at; give at least one")
    return tally.field()


class Tally:
    """Adds up the masses of windows, batch by batch and step by step.

    Parameters
    ----------
    x : Tensor, shape (window, channel, time)
        All windows.
    y : Tensor, shape (batch, output, horizon)
        What ``f`` gave for some of them.
    steps, ahead : see :func:`receptive_field`
    method : str
    weighted : bool
        Count windows by their raw total instead of alike.
    """

    def __init__(
        self,
        x: Tensor,
        y: Tensor,
        steps: Sequence[int] | None,
        ahead: Sequence[int] | None,
        method: str,
        *,
        weighted: bool = False,
    ) -> None:
        horizon = y.shape[-1]
        self.steps = list(range(horizon)) if steps is None else list(steps)
        for step in self.steps:
            if not 0 <= step < horizon:
                raise ConfigError(f"there is no output step {step}; the horizon has {horizon}, from 0")
        distance = np.arange(1, horizon + 1) if ahead is None else np.asarray(ahead)
        if len(distance) != horizon:
            raise ConfigError(f"ahead names {len(distance)} steps, but the horizon has {horizon}; name each")
        self.ahead = distance[self.steps].astype(np.int64)
        windows, channels, time = x.shape
        self.missing = torch.isnan(x)
        self.method, self.weighted = method, weighted
        self.total = np.zeros((len(self.steps), channels, time))
        self.each = np.zeros((windows, len(self.steps), time), np.float32)
        self.weight = np.zeros((windows, len(self.steps)))

    def add(self, rows: slice, at: int, raw: Tensor) -> None:
        """Take the unnormalised mass of some windows, shape (batch, channel, time), at one step.

        Raises
        ------
        DataError
            When it is not finite at a step that is there.
        """
        found = (
            raw.detach().double().masked_fill(self.missing[rows].to(raw.device), 0).cpu().numpy()[..., ::-1]
        )
        whole = found.sum(axis=(1, 2))
        if not np.isfinite(whole).all():
            window = rows.start + int(np.flatnonzero(~np.isfinite(whole))[0])
            raise DataError(
                f"the {self.method} is not finite in window {window} at output step {self.steps[at]}; leave "
                "the window out"
            )
        share = found / np.where(whole > 0, whole, 1)[:, None, None]
        weight = whole if self.weighted else (whole > 0).astype(float)
        self.each[rows, at] = share.sum(axis=1)
        self.weight[rows, at] = weight
        self.total[at] += np.tensordot(weight, share, axes=1)

    def field(self) -> ReceptiveField:
        """The average over all windows and its error."""
        whole = self.weight.sum(axis=0)
        mass = self.total / np.where(whole > 0, whole, 1)[:, None, None]
        error = weighted_error(self.each, mass.sum(axis=1), self.weight[..., None])
        return ReceptiveField(mass, error, self.each, self.weight, self.ahead, self.method)


def weighted_error(each: NDArray[Any], mean: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
    """Standard error of a weighted mean over the first axis; NaN for less than two that count."""
    count = (weight > 0).sum(axis=0)
    whole = weight.sum(axis=0)
    square = np.zeros(np.broadcast_shapes(each.shape[1:], mean.shape))
    for row, share in zip(each, weight, strict=True):  # not at once, for all windows may not fit twice
        square += (share * (row - mean)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(square * count / (count - 1)) / whole
    return np.where(count > 1, error, np.nan)


def _residual(y: Tensor, target: Tensor, step: int) -> Tensor:
    """Derivative of the mean squared error over outputs, of each window alone."""
    missed = (y[..., step] - target[..., step]).detach()
    return 2 * torch.nan_to_num(missed) / y.shape[1]
