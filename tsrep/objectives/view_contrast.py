"""How an encoder is trained on a sample and its view, whoever makes the view."""

from __future__ import annotations

import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import pool
from tsrep.losses.infonce import global_infonce, local_infonce, spare_steps
from tsrep.views.timestamp_masks import binomial_mask


def represent_pair(
    encoder: Encoder, x: Tensor, view: Tensor, *, noise: float, generator: torch.Generator
) -> tuple[Tensor, Tensor]:
    """Representations of samples and views from one pass of the encoder.

    Parameters
    ----------
    x, view : Tensors, shape (batch, channel, time)
    noise : float
        Probability that the latent of a time step of a view is zeroed; samples are whole.

    Returns
    -------
    Two Tensors, shape (batch, dim, time // stride)
    """
    keep = None
    if noise > 0:
        kept = binomial_mask(len(view), view.shape[2], generator=generator, probability=1 - noise)
        keep = torch.cat([torch.ones_like(kept), kept])
    one, other = encoder(torch.cat([x, view]), keep).chunk(2)
    return one, other


def pooled_contrast(z: Tensor, z_view: Tensor, *, temperature: float) -> Tensor:
    """Global InfoNCE of representations of shape (batch, dim, time), max-pooled over time."""
    return global_infonce(pool(z, "max"), pool(z_view, "max"), temperature=temperature)


def contrast_terms(
    z: Tensor,
    z_view: Tensor,
    z_local: Tensor,
    *,
    temperature: float,
    local_weight: float,
    generator: torch.Generator,
) -> dict[str, Tensor]:
    """Terms ``global`` and, unless its weight is zero, ``local``.

    Parameters
    ----------
    z, z_view : Tensors, shape (batch, dim, time)
    z_local : Tensor, shape (any, dim, time)
        Whose segments are contrasted.
    """
    terms = {"global": pooled_contrast(z, z_view, temperature=temperature)}
    if local_weight > 0:
        room = spare_steps(z_local.shape[-1])
        offset = torch.randint(room + 1, (), generator=generator, device=z.device)
        terms["local"] = local_weight * local_infonce(z_local, offset, temperature=temperature)
    return terms
