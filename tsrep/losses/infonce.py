"""InfoNCE between samples and their views, in MoCo with a bank; and between the segments of one sample."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.contrast import PLAIN, Contrast, Pairs
from tsrep.losses.kernel import Similarity
from tsrep.losses.relation import Relation
from tsrep.losses.similarity import Learnable, Temperature, single
from tsrep.registry import LOSSES

SEGMENTS = 16


@LOSSES.register("infonce")
class InfoNCE(Contrast):
    """Each row finds the sample's other view among the other views of all samples, and in a bank.

    The mean over i of ``-log(exp(cos(z_i, v_i) / tau) / sum_j exp(cos(z_i, v_j) / tau))``.

    Parameters
    ----------
    temperature : float or "learned"
    directions : {"one-way", "both"}
        Whether the first view alone looks for the others, or each view does (CLIP).
    similarity : {"cosine", "dot"}
    pairs : Pairs
        Which negatives count less; see :class:`tsrep.losses.contrast.Pairs`.

    References
    ----------
    van den Oord et al., "Representation Learning with Contrastive Predictive Coding", 2018; He
    et al., "Momentum Contrast", CVPR 2020, equation 1.
    """

    def __init__(
        self,
        temperature: Learnable = 0.1,
        directions: Literal["one-way", "both"] = "one-way",
        similarity: Similarity = "cosine",
        pairs: Pairs = PLAIN,
    ) -> None:
        super().__init__(temperature, similarity, pairs)
        self.directions = directions

    def related(self, relation: Relation) -> Relation:
        """Views see other views only."""
        one_way = self.directions == "one-way" or relation.view_pairs == "one-way"
        return relation.changed(view_pairs="one-way" if one_way else "cross")


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
