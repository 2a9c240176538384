"""From one vector per time step to one vector per sample."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.registry import nearest

Pooling = Literal["max", "mean", "last", "max-mean"]
HeadPooling = Pooling | Literal["tokens"]  # all steps as they are, for a head that pools them itself

POOLS: Mapping[str, Callable[[Tensor], Tensor]] = {
    "max": lambda z: z.amax(dim=-1),
    "mean": lambda z: z.mean(dim=-1),
    "last": lambda z: z[..., -1],
    "max-mean": lambda z: torch.cat([z.amax(dim=-1), z.mean(dim=-1)], dim=-1),
    "tokens": lambda z: z.flatten(1),
}


def pool(z: Tensor, how: str = "max") -> Tensor:
    """Pool over all time steps.

    Parameters
    ----------
    z : Tensor, shape (batch, dim, time)
    how : str
        ``"max"``, ``"mean"``, ``"last"``, ``"max-mean"`` (the first two side by side), or ``"tokens"``
        (all steps, flattened).

    Returns
    -------
    Tensor, shape (batch, dim), for ``"max-mean"`` (batch, 2 * dim), for ``"tokens"`` (batch, dim * time)

    Raises
    ------
    ConfigError
        When ``how`` is none of them.
    """
    if how not in POOLS:
        raise ConfigError(f"unknown pooling {how!r}; {nearest(how, list(POOLS))}")
    return POOLS[how](z)
