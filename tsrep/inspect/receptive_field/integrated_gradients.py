"""Receptive field by integrated gradients: what each input step adds to the output beyond a flat window."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.inspect.receptive_field.field import AT_ONCE, DRAWS, EXACT, ReceptiveField, Tally
from tsrep.inspect.receptive_field.gradients import Model, chunks, cotangents, gradient, outputs, undisturbed

POINTS = 16
MOST = 64  # attributions in memory together


def integrated_gradients(
    f: Model, x: Tensor, given: Sequence[Tensor], pulls: Sequence[tuple[int, Tensor]], points: int = POINTS
) -> Tensor:
    """``(x - b) * integral of the gradient`` on the straight way from a flat window ``b`` to ``x``.

    Parameters
    ----------
    f : callable
        ``f(x, *given) -> (batch, output, horizon)``.
    x : Tensor, shape (batch, channel, time)
        ``b`` is the mean over time of each channel. Missing values stay missing and add nothing.
    given : sequence of Tensor
    pulls : sequence of (int, Tensor of shape (batch, output))
        Step on the horizon and weights of its outputs, for each attribution.
    points : int
        Of the Gauss-Legendre rule, which is exact where the gradient is a polynomial of degree
        ``2 * points - 1`` along the way.

    Returns
    -------
    Tensor, shape (pull, batch, channel, time)
        Sums over channels and time to ``f(x) - f(b)``, weighted by the pull (completeness).

    References
    ----------
    Sundararajan et al., "Axiomatic attribution for deep networks", ICML 2017.
    """
    flat = flattened(x)
    away = torch.nan_to_num(x - flat)
    nodes, shares = np.polynomial.legendre.leggauss(points)
    total = torch.zeros(len(pulls), *x.shape, device=x.device)
    for node, share in zip((nodes + 1) / 2, shares / 2, strict=True):
        at = (flat + float(node) * away).detach().requires_grad_()
        y = outputs(f, at, given)
        for i, (step, pull) in enumerate(pulls):
            total[i] += float(share) * torch.nan_to_num(gradient(y[..., step], at, pull))
    return total * away


def flattened(x: Tensor) -> Tensor:
    """Every present value replaced by the mean of its channel in its window; NaN stays."""
    mean = torch.nan_to_num(x.nanmean(dim=-1, keepdim=True))
    return torch.where(torch.isnan(x), x, mean)


def integrated_field(
    f: Model,
    x: Tensor,
    given: Sequence[Tensor] = (),
    *,
    steps: Sequence[int] | None = None,
    ahead: Sequence[int] | None = None,
    points: int = POINTS,
    exact: int = EXACT,
    draws: int = DRAWS,
    at_once: int = AT_ONCE,
    seed: int = 0,
) -> ReceptiveField:
    """Absolute integrated gradients in place of the gradient; see :func:`receptive_field`.

    Raises
    ------
    ConfigError
        As there, or when ``points`` is not positive.
    """
    if points < 1:
        raise ConfigError(f"integrated gradients need a point at least, got points={points}")
    tally: Tally | None = None
    with undisturbed(f):
        for rows in chunks(len(x), at_once):
            part, more = x[rows].detach().float(), [g[rows] for g in given]
            with torch.no_grad():
                y = outputs(f, part, more)
            tally = tally or Tally(x, y, steps, ahead, "integrated gradients")
            pulls = [
                (at, step, pull)
                for at, step in enumerate(tally.steps)
                for pull in cotangents(y, exact, draws, (seed, step, rows.start))
            ]
            raw = torch.zeros(len(tally.steps), *part.shape, device=part.device)
            for some in chunks(len(pulls), MOST):
                found = integrated_gradients(f, part, more, [pull[1:] for pull in pulls[some]], points)
                raw.index_add_(0, torch.tensor([p[0] for p in pulls[some]], device=raw.device), found.abs())
            for at, mass in enumerate(raw):
                tally.add(rows, at, mass)
    if tally is None:
        raise ConfigError("there is no window to look at; give at least one")
    return tally.field()
