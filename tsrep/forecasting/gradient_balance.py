"""How the gradients of two losses compare on the same weights."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor, nn


def gradient_balance(error: Tensor, contrast: Tensor, weights: Sequence[nn.Parameter]) -> dict[str, Tensor]:
    """Norm of the contrast's gradient over that of the error's, and the cosine between them.

    Parameters
    ----------
    error, contrast : Tensors, shape ()
        As they enter the sum that is minimised.
    weights : sequence of Parameter
    """
    one, other = (_flat(loss, weights) for loss in (error, contrast))
    return {
        "gradient ratio": other.norm() / one.norm(),
        "gradient cosine": (one @ other) / (one.norm() * other.norm()),
    }


def _flat(loss: Tensor, weights: Sequence[nn.Parameter]) -> Tensor:
    """Gradient with respect to all weights, as one vector."""
    return torch.cat([g.flatten() for g in torch.autograd.grad(loss, weights, materialize_grads=True)])
