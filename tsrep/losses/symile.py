"""Symile: several signals of one sample find one another by a product of all of them."""

from __future__ import annotations

from itertools import combinations

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.gather import first_row, gather_rows, world_size
from tsrep.losses.similarity import unit_rows


def symile(
    rows: Tensor, scale: Tensor | float, *, present: Tensor | None = None, moves: Tensor | None = None
) -> Tensor:
    """Each signal looks for the tuple of a sample's other signals; mean over signals and samples.

    The similarity of signals ``x^1 ... x^M`` is ``scale * sum_d prod_m x^m_d``, which is large for what all
    of them say together, not for what pairs say. With two signals this is CLIP. In a distributed run the
    candidates are those of all ranks.

    Parameters
    ----------
    rows : Tensor, shape (signal, batch, dim)
        Made to have unit length.
    scale : Tensor or float
    present : Tensor, shape (batch,), bool, optional
        Samples with all their signals; others are neither anchors nor candidates.
    moves : int64 Tensor, shape (signal, signal - 1, batch of all ranks), optional
        The sample from which each other signal of a candidate is taken, for every anchor signal: as many
        candidates as samples, the own tuple in the place of the own sample. Without it all ``batch ** (signal
        - 1)`` tuples are candidates.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Saporta et al., "Contrasting with Symile: Simple Model-Agnostic Representation Learning for Unlimited
    Modalities", NeurIPS 2024, equations 4 and 5.
    """
    with torch.autocast(rows.device.type, enabled=False):
        rows = unit_rows(rows)
        everyone = gather_rows(rows.transpose(0, 1).contiguous()).transpose(0, 1)  # (signal, all, dim)
        here = (
            torch.ones(rows.shape[1:2], dtype=torch.bool, device=rows.device) if present is None else present
        )
        allowed = gather_rows(here)  # (all,)
        losses = [
            _of_anchor(rows, everyone, allowed, scale, anchor, None if moves is None else moves[anchor])
            for anchor in range(len(rows))
        ]
        found = torch.stack(losses) * here  # (signal, batch)
        # ranks may hold unequal numbers of anchors; their gradients are averaged
        return world_size() * found.sum() / (len(rows) * allowed.sum()).clamp(min=1)


def _of_anchor(
    rows: Tensor, everyone: Tensor, allowed: Tensor, scale: Tensor | float, anchor: int, moves: Tensor | None
) -> Tensor:
    """Loss of every sample of one anchor signal, shape (batch,)."""
    others = [signal for signal in range(len(rows)) if signal != anchor]
    size, count = rows.shape[1], everyone.shape[1]
    own = torch.arange(size, device=rows.device) + first_row(size)
    if moves is None:
        candidates, allowed = _all_tuples(everyone[others], allowed)
        target = own * sum(count**power for power in range(len(others)))
        logits = scale * rows[anchor] @ candidates.mT  # (batch, all ** (signal - 1))
    else:
        taken = [everyone[signal, move] for signal, move in zip(others, moves, strict=True)]
        allowed = allowed[moves].all(dim=0)
        logits, target = scale * rows[anchor] @ torch.stack(taken).prod(0).mT, own
        true = scale * (rows[anchor] * rows[others].prod(0)).sum(1)
        logits = logits.scatter(1, own[:, None], true[:, None])  # (batch, all)
    itself = F.one_hot(target, logits.shape[1]).bool()
    return F.cross_entropy(logits.masked_fill(~(allowed | itself), -torch.inf), target, reduction="none")


def _all_tuples(signals: Tensor, allowed: Tensor) -> tuple[Tensor, Tensor]:
    """Products of all tuples, shape (tuple, dim), the first signal slowest, and which are allowed."""
    products, fine = signals[0], allowed
    for signal in signals[1:]:
        products = (products[:, None] * signal).flatten(0, 1)
        fine = (fine[:, None] & allowed).flatten()
    return products, fine


def pairwise_clip(rows: Tensor, scale: Tensor | float, *, present: Tensor | None = None) -> Tensor:
    """Sum over pairs of signals of CLIP's loss, both directions averaged: what pairs alone can say.

    Parameters
    ----------
    rows : Tensor, shape (signal, batch, dim)
    scale : Tensor or float
    present : Tensor, shape (batch,), bool, optional
        As in :func:`symile`.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Radford et al., "Learning Transferable Visual Models From Natural Language Supervision", ICML 2021.
    """
    pairs = [rows[[one, other]] for one, other in combinations(range(len(rows)), 2)]
    return torch.stack([symile(pair, scale, present=present) for pair in pairs]).sum()


def cyclic_moves(signals: int, size: int, *, generator: torch.Generator) -> Tensor:
    """Draws for ``moves`` of :func:`symile` that never put the signals of one sample together.

    For every anchor the other signals are shifted by different numbers of samples, none of them zero.

    Parameters
    ----------
    signals, size : int
        ``size``, of all ranks, is at least ``signals``.
    generator : torch.Generator

    Returns
    -------
    Tensor, int64, shape (signal, signal - 1, size)
    """
    # the first of a random order of all offsets, for each anchor
    drawn = torch.rand(signals, size - 1, generator=generator, device=generator.device)
    offsets = 1 + drawn.argsort(dim=1)[:, : signals - 1]
    return (torch.arange(size, device=generator.device) + offsets[..., None]) % size


def random_moves(signals: int, size: int, *, generator: torch.Generator) -> Tensor:
    """The published draws: independent permutations, by which a candidate may be the own tuple again.

    Parameters and result are those of :func:`cyclic_moves`.
    """
    drawn = torch.rand(signals, signals - 1, size, generator=generator, device=generator.device)
    return drawn.argsort(dim=2)
