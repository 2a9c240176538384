"""Which tokens of a signal are hidden from an encoder, and the error of predicting them.

References
----------
Weimann and Conrad, "Self-supervised pre-training with joint-embedding predictive architecture boosts ECG
classification performance", Computers in Biology and Medicine 2025 (spans); Kim, "Learning general
representation of 12-lead electrocardiogram with a joint-embedding predictive architecture", 2024 (union).
"""

from __future__ import annotations

import math
from typing import Literal

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.similarity import single

Error = Literal["l1", "smooth-l1"]
UNION, SHARES = 4, (0.175, 0.225)  # spans of the second kind, and which part of all tokens each has


def drawn_spans(
    batch: int, tokens: int, keep: tuple[float, float], least: int, *, generator: torch.Generator
) -> Tensor:
    """Visible tokens where the hidden ones lie in spans, which each sample has elsewhere.

    Parameters
    ----------
    batch, tokens : int
        Two tokens at least.
    keep : (float, float)
        Smallest and largest share of visible tokens; one share is drawn for the batch.
    least : int
        Tokens of a hidden span; one that is shorter ends up beside another.
    generator : torch.Generator

    Returns
    -------
    int64 Tensor, shape (batch, visible), ascending
    """
    drawn: Tensor = torch.rand((), generator=generator, device=generator.device)
    visible = min(max(1, math.ceil(tokens * (keep[0] + drawn.item() * (keep[1] - keep[0])))), tokens - 1)
    hidden = tokens - visible
    most = max(1, hidden // least)
    chance = torch.rand(2, most, batch, generator=generator, device=generator.device)
    rest, sizes = torch.full((batch,), hidden, device=chance.device), []
    for size in chance[0]:
        free = rest - least + 1  # sizes that the next span may have
        sizes.append(torch.where(free > 0, least + (size * free).long(), 0))
        rest = rest - sizes[-1]
    sizes[0] = sizes[0] + rest
    before = (chance[1] * (visible + 1)).long()  # visible tokens before each span, (span, batch)
    order = torch.arange(visible, device=chance.device)
    passed = (torch.stack(sizes)[..., None] * (before[..., None] <= order)).sum(0)  # (batch, visible)
    return order + passed


def drawn_union(batch: int, tokens: int, *, last: bool, generator: torch.Generator) -> Tensor:
    """Visible tokens outside of four spans that may overlap, one at least, the same in all samples.

    Parameters
    ----------
    batch, tokens : int
        Two tokens at least.
    last : bool
        Whether the last token may be hidden; in the public code it never is.
    generator : torch.Generator

    Returns
    -------
    int64 Tensor, shape (batch, visible), ascending
    """
    size, place = torch.rand(2, UNION, generator=generator, device=generator.device)
    size = ((SHARES[0] + (SHARES[1] - SHARES[0]) * size) * tokens).round().clamp(min=1)
    start = (place * (tokens - size + last)).long()  # (span,)
    at = torch.arange(tokens, device=size.device)
    hidden = ((at >= start[:, None]) & (at < (start + size)[:, None])).any(0)
    if bool(hidden.all()):  # four spans can cover a handful of tokens
        hidden[torch.randint(tokens, (), generator=generator, device=size.device)] = False
    visible: Tensor = (~hidden).nonzero()[:, 0]
    return visible.expand(batch, -1)


def others(visible: Tensor, tokens: int) -> Tensor:
    """The tokens that are not visible, ascending, shape (batch, hidden), int64."""
    seen = torch.zeros(len(visible), tokens, dtype=torch.int8, device=visible.device)
    return seen.scatter(1, visible, 1).argsort(dim=1, stable=True)[:, : tokens - visible.shape[1]]


def hidden_token_error(prediction: Tensor, target: Tensor, known: Tensor, error: Error = "l1") -> Tensor:
    """Mean over samples of the mean error of their hidden tokens.

    Parameters
    ----------
    prediction, target : Tensor, shape (batch, hidden, dim)
    known : Tensor, shape (batch, hidden), bool
        Tokens with a signal; a sample without any counts as zero.
    error : {"l1", "smooth-l1"}

    Returns
    -------
    Tensor, scalar
    """
    score = F.l1_loss if error == "l1" else F.smooth_l1_loss
    each = score(single(prediction), single(target), reduction="none").mean(-1)  # (batch, hidden)
    return ((each * known).sum(1) / known.sum(1).clamp(min=1)).mean()
