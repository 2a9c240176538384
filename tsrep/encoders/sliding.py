"""Representation of every step of a series from its own past alone."""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError


@torch.no_grad()
def sliding_last_step(
    encoder: Encoder, x: Tensor, context: int, *, first: int = 0, at_once: int = 128
) -> Tensor:
    """For each step, the last representation of the window of ``context`` earlier steps and the step itself.

    Steps before the start of the signal are missing. Nothing after a step reaches its representation,
    whether or not the encoder is causal.

    Parameters
    ----------
    encoder : Encoder
    x : Tensor, shape (batch, channel, time)
    context : int
        Earlier steps in a window, in steps.
    first : int
        First step to represent; the steps before it are still context.
    at_once : int
        Windows held in memory together.

    Returns
    -------
    Tensor, shape (batch, dim, time - first)
        Without gradient.

    Raises
    ------
    ConfigError
        When there is no step to represent, or a window is shorter than the encoder's stride.

    Notes
    -----
    A causal encoder of stride 1 that sees no further back than the window passes over the series once,
    which gives the same numbers, as its output at a step depends on nothing but the steps it sees.

    References
    ----------
    Yue et al., "TS2Vec", AAAI 2022 (encoding for forecasting); the published code calls it causal encoding.
    """
    refuse_short_context(encoder, context)
    if not 0 <= first < x.shape[-1]:
        raise ConfigError(f"first is {first}, but the signal has the steps 0 to {x.shape[-1] - 1}")
    past = max(0, context - first)
    x = F.pad(x, (past, 0), value=torch.nan)[..., first - context + past :]
    if encoder.causal and encoder.stride == 1 and encoder.receptive_field <= context + 1:
        series = torch.split(x, max(1, at_once * (context + 1) // x.shape[-1]))
        return torch.cat([encoder(part)[..., context:] for part in series])
    last_step = encoder.last_step_reader()
    windows = x.unfold(-1, context + 1, 1).transpose(1, 2)  # (batch, time, channel, context + 1), a view
    parts = [
        last_step(part.flatten(0, 1)).reshape(*part.shape[:2], encoder.dim)
        for part in torch.split(windows, max(1, at_once // len(x)), dim=1)
    ]
    return torch.cat(parts, dim=1).mT


def refuse_short_context(encoder: Encoder, context: int) -> None:
    """Check that a window of ``context`` earlier steps and the step itself holds the encoder's stride.

    Raises
    ------
    ConfigError
        When it does not.
    """
    if context < 0 or context + 1 < encoder.stride:
        raise ConfigError(
            f"context is {context}, but a window of context + 1 steps must hold the encoder's stride of "
            f"{encoder.stride}; give at least {max(0, encoder.stride - 1)}"
        )
