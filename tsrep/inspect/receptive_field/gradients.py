"""Receptive field by the gradient of the output, and by integrated gradients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Literal

import numpy as np
import torch
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.inspect.receptive_field.field import (
    AT_ONCE,
    Model,
    ReceptiveField,
    Windows,
    chunks,
    measured,
    outputs,
    passes,
)
from tsrep.rng import torch_generator

GradOf = Literal["output", "loss"]
EXACT, DRAWS = 8, 8
POINTS = 16
MOST = 64  # attributions in memory together


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

    def mass(windows: Windows, steps: list[int]) -> Iterator[Tensor]:
        for step in steps:
            if grad_of == "loss" and target is not None:  # its derivative, of each window alone
                missed = (windows.y[..., step] - target[windows.rows, :, step]).detach()
                pulls = [2 * torch.nan_to_num(missed) / windows.y.shape[1]]
            else:
                pulls = cotangents(windows.y, exact, draws, (seed, step, windows.rows.start))
            raw = torch.zeros_like(windows.x)
            for pull in pulls:
                raw += gradient(windows.y[..., step], windows.x, pull).abs()
            yield raw

    windows, method = passes(f, x, given, at_once, differentiate=True), f"gradient of the {grad_of}"
    return measured(windows, x, mass, method, steps=steps, ahead=ahead, weighted=grad_of == "loss")


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

    def mass(windows: Windows, steps: list[int]) -> Tensor:
        pulls = [
            (at, step, pull)
            for at, step in enumerate(steps)
            for pull in cotangents(windows.y, exact, draws, (seed, step, windows.rows.start))
        ]
        raw = torch.zeros(len(steps), *windows.x.shape, device=windows.x.device)
        for some in chunks(len(pulls), MOST):
            weights = [pull[1:] for pull in pulls[some]]
            found = integrated_gradients(f, windows.x, windows.given, weights, points)
            raw.index_add_(0, torch.tensor([at for at, *_ in pulls[some]], device=raw.device), found.abs())
        return raw

    windows = passes(f, x, given, at_once)
    return measured(windows, x, mass, "integrated gradients", steps=steps, ahead=ahead)


def gradient(y: Tensor, x: Tensor, pull: Tensor) -> Tensor:
    """Gradient of ``(y * pull).sum()`` with respect to ``x``; the graph of ``y`` is kept."""
    (found,) = torch.autograd.grad(y, x, pull, retain_graph=True, materialize_grads=True)
    return found


def cotangents(y: Tensor, exact: int, draws: int, key: tuple[int, ...]) -> list[Tensor]:
    """Weights of the outputs of one step, each (batch, output): every output alone, or random signs."""
    batch, width = y.shape[:2]
    if width <= exact:
        return [row.expand(batch, width) for row in torch.eye(width, device=y.device)]
    generator = torch_generator("receptive field", *key)
    signs = torch.randint(0, 2, (draws, batch, width), generator=generator) * 2.0 - 1
    return list(signs.to(y.device))
