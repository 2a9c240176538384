"""Which time steps an encoder may see, drawn for a whole batch at once."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import torch
from torch import Tensor


def continuous_mask(
    rows: int, time: int, *, generator: torch.Generator, segments: int = 5, fraction: float = 0.1
) -> Tensor:
    """Hide a few segments of equal length at uniform places; they may overlap.

    Parameters
    ----------
    rows, time : int
        Shape of the mask.
    generator : torch.Generator
        Source of randomness; the mask lies on its device.
    segments : int
        Per row.
    fraction : float
        Length of a segment, as a fraction of ``time``, rounded down to whole steps.

    Returns
    -------
    Tensor, shape (rows, time), bool
        True where a step is kept.

    References
    ----------
    Wang et al., "Contrast Everything" (COMET), NeurIPS 2023.
    """
    length = int(fraction * time)
    device = generator.device
    starts = torch.randint(time - length + 1, (rows, segments, 1), generator=generator, device=device)
    steps = torch.arange(time, device=device)
    return ((steps < starts) | (steps >= starts + length)).all(dim=1)


def binomial_mask(rows: int, time: int, *, generator: torch.Generator, probability: float = 0.5) -> Tensor:
    """Keep each step on its own with the given probability.

    Returns
    -------
    Tensor, shape (rows, time), bool
        True where a step is kept.

    References
    ----------
    Yue et al., "TS2Vec", AAAI 2022.
    """
    return torch.rand(rows, time, generator=generator, device=generator.device) < probability


TIMESTAMP_MASKS: Mapping[str, Callable[..., Tensor]] = {
    "continuous": continuous_mask,
    "binomial": binomial_mask,
}
