"""Whether a model follows scale and level of its input: degree of homogeneity, errors of equivariance."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np
import torch
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.inspect.receptive_field.field import AT_ONCE
from tsrep.inspect.receptive_field.gradients import Model, chunks, outputs, undisturbed
from tsrep.inspect.receptive_field.scores import Score
from tsrep.rng import torch_generator

STEP = 1e-2  # of the central difference; exact for maps of degree 1 and 2
WIDEST = 2.0  # gains lie between its inverse and itself, shifts up to so many standard deviations


def scale_scores(
    f: Model,
    x: Tensor,
    given: Sequence[Tensor] = (),
    *,
    forecasts: bool,
    draws: int = 4,
    at_once: int = AT_ONCE,
    seed: int = 0,
) -> dict[str, Score]:
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
    dict of str to Score
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
    found: dict[str, list[np.ndarray]] = {}
    with undisturbed(f), torch.no_grad():
        for rows in chunks(len(x), at_once):
            part, more = x[rows].detach().float(), [g[rows] for g in given]
            y = outputs(f, part, more)
            if forecasts and y.shape[1] != part.shape[1]:
                raise ConfigError(
                    f"a forecast of {part.shape[1]} channels has an output for each, not {y.shape[1]}"
                )
            generator = torch_generator("scale scores", seed, rows.start)
            told = _degree(f, part, more, y, forecasts) | _errors(
                f, part, more, y, forecasts, draws, generator
            )
            for name, values in told.items():
                found.setdefault(name, []).append(values.double().cpu().numpy())
    each = {name: np.concatenate(values) for name, values in found.items()}
    along, square = each.pop("along"), each.pop("square")
    degree = along / np.where(square > 0, square, 1)
    scores = {"scale degree": Score.over_windows(degree, square)}
    return scores | {name: Score.over_windows(v, (~np.isinf(v)).astype(float)) for name, v in each.items()}


def _degree(f: Model, x: Tensor, given: Sequence[Tensor], y: Tensor, forecasts: bool) -> dict[str, Tensor]:
    """Numerator and denominator of the slope, each of shape (batch, horizon)."""
    mean = torch.nan_to_num(x.nanmean(dim=-1, keepdim=True))
    more, less = (outputs(f, mean + (1 + sign * STEP) * (x - mean), given) for sign in (1, -1))
    slope = (more - less) / (2 * STEP)
    beyond = y - mean if forecasts else y
    return {"along": (slope * beyond).sum(dim=1), "square": beyond.square().sum(dim=1)}


def _errors(
    f: Model,
    x: Tensor,
    given: Sequence[Tensor],
    y: Tensor,
    forecasts: bool,
    draws: int,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Relative errors averaged over draws, each of shape (batch, horizon)."""
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
            missed = (outputs(f, a * x + b, given) - wanted).square().mean(dim=1).sqrt()
            missed = torch.where(size == 0, torch.inf, missed / size)
            total[name] = total.get(name, torch.zeros_like(missed)) + missed / draws
    return total
