"""Cross-entropy of labels, for exclusive and for several classes."""

from __future__ import annotations

from torch import Tensor
from torch.nn import functional as F


def classification_loss(logits: Tensor, label: Tensor) -> Tensor:
    """Mean cross-entropy of labels, in float32.

    Parameters
    ----------
    logits : Tensor, shape (batch, class)
    label : Tensor, shape (batch,) int64, or (batch, class) bool
        With flags each class is a question of its own: binary cross-entropy, averaged over classes.

    Returns
    -------
    Tensor, scalar
    """
    if label.ndim == 2:
        return F.binary_cross_entropy_with_logits(logits.float(), label.float())
    return F.cross_entropy(logits.float(), label)
