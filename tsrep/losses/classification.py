"""Cross-entropy of labels, for exclusive and for several classes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.gather import gather_rows


def classification_loss(logits: Tensor, label: Tensor, known: Tensor | None = None) -> Tensor:
    """Mean cross-entropy of labels, in float32.

    Parameters
    ----------
    logits : Tensor, shape (batch, class)
    label : Tensor, shape (batch,) int64, or (batch, class) bool
        With flags each class is a question of its own: binary cross-entropy, averaged over classes.
    known : Tensor, shape (batch, class), bool, optional
        Entries that are not known take no part: each class is averaged over the samples of all ranks that
        state it, and then over the classes that any of these states.

    Returns
    -------
    Tensor, scalar
    """
    if label.ndim == 1:
        return F.cross_entropy(logits.float(), label)
    if known is None:
        return F.binary_cross_entropy_with_logits(logits.float(), label.float())
    each = F.binary_cross_entropy_with_logits(logits.float(), label.float(), reduction="none")
    # Of all ranks: each may know another number, so a mean of their means would be another one.
    total, count = (gather_rows(some.sum(0, keepdim=True)).sum(0) for some in (each.where(known, 0), known))
    return (total / count.clamp(min=1)).sum() / (count > 0).sum().clamp(min=1)
