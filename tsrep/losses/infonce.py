"""InfoNCE between samples and their views, and between the segments of one sample."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.gather import first_row, gather_rows
from tsrep.losses.similarity import Temperature, cosines, single

SEGMENTS = 16


def global_infonce(anchors: Tensor, views: Tensor, *, temperature: Temperature = 1.0) -> Tensor:
    """Each sample must find its own view among the views of all samples.

    The mean over i of ``-log(exp(cos(z_i, v_i) / tau) / sum_j exp(cos(z_i, v_j) / tau))``.

    Parameters
    ----------
    anchors, views : Tensors, shape (batch, dim)
        Pooled over time; compared by the cosine. In a distributed run the candidates are the views of all
        ranks.
    temperature : float

    Returns
    -------
    Tensor, scalar, between ``log(1 + (batch - 1) * exp(-2 / temperature))`` and
    ``log(1 + (batch - 1) * exp(2 / temperature))``

    References
    ----------
    Zheng et al., "AutoTCL", ICLR 2024, section 3.4. One direction only: views are no anchors, samples no
    negatives.
    """
    logits = cosines(anchors, gather_rows(views)) / temperature  # (batch, ranks * batch)
    own = torch.arange(len(anchors), device=anchors.device) + first_row(len(anchors))
    return F.cross_entropy(logits, own)


def local_infonce(
    z: Tensor,
    offset: Tensor | int = 0,
    *,
    segments: Annotated[int, Field(gt=0)] = SEGMENTS,
    temperature: Temperature = 1.0,
) -> Tensor:
    """Neighbouring segments of a sample must be closer than distant ones; mean over all samples.

    Steps are normalised, cut into equal segments and max-pooled in each. The positive of a segment is the
    next one (of the last, the one before it); its negatives are those that are not its neighbours.

    Parameters
    ----------
    z : Tensor, shape (batch, dim, time)
    offset : int, or int64 Tensor of shape ()
        First step of the first segment, up to ``time % segments``; see :func:`leftover_steps`.
    segments : int
        A shorter sample has one segment a step instead. With fewer than four of them no segment has a
        negative, and the loss is zero.
    temperature : float

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Zheng et al., "AutoTCL", ICLR 2024, section 3.4. The public code takes the first sample of the batch only.
    """
    count = min(segments, z.shape[-1])
    if count < 4:
        return single(z).sum() * 0.0  # no loss, and still a part of every rank's graph
    length = z.shape[-1] // count
    steps = torch.arange(count * length, device=z.device) + offset
    unit = F.normalize(single(z), dim=1).index_select(2, steps)  # (batch, dim, count * length)
    pooled = unit.reshape(*z.shape[:2], count, length).amax(dim=3)  # (batch, dim, segment)
    with torch.autocast(z.device.type, enabled=False):
        logits = pooled.mT @ pooled / temperature  # (batch, segment, segment)
    positive, candidate = _pairs(count, z.device)
    chosen = logits.gather(2, positive[None, :, None].expand(len(z), -1, -1))[..., 0]
    return (logits.masked_fill(~candidate, -torch.inf).logsumexp(dim=2) - chosen).mean()


def leftover_steps(time: int) -> int:
    """Steps that are left over when so many are cut into equal segments."""
    return time % min(SEGMENTS, max(time, 1))


def _pairs(count: int, device: torch.device) -> tuple[Tensor, Tensor]:
    """The positive of each segment, and which segments are a candidate (the positive among them).

    At both ends one more segment is left out, so that all rows have as many candidates.
    """
    index = torch.arange(count, device=device)
    positive = torch.where(index < count - 1, index + 1, index - 1)
    candidate = (index[:, None] - index).abs() > 1
    candidate[0, 2] = candidate[-1, -3] = False
    candidate[index, positive] = True
    return positive, candidate
