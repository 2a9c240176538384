"""Cross-entropy of labels, for exclusive and for several classes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def classification_loss(logits: Tensor, label: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of labels, in float32.

    Parameters
    ----------
    logits : Tensor, shape (batch, class)
    label : Tensor, shape (batch,) int64, or (batch, class) bool
        With flags each class is a question of its own: binary cross-entropy, averaged over classes.
    known : Tensor, shape (batch, class), bool, optional
        Entries that are not known take no part: each class is averaged over the samples that state it, and
        then over the classes that any sample of the batch states.

    Returns
    -------
    Tensor, scalar
    """
    if label.ndim == 1:
        return F.cross_entropy(logits.float(), label)
    if known is None:
        return F.binary_cross_entropy_with_logits(logits.float(), label.float())
    each = F.binary_cross_entropy_with_logits(logits.float(), label.float(), reduction="none")
    return known_mean(each, known).sum() / known.any(0).sum().clamp(min=1)


def known_mean(each: Tensor, known: Tensor) -> Tensor:
    """Mean of what is known of each class, shape (..., class), of values, shape (..., sample, class).

    It is zero for a class that no sample states.
    """
    return each.where(known, 0).sum(-2) / known.sum(-2).clamp(min=1)
