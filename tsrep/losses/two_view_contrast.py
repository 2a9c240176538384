"""Cross-entropy of finding an item's other view among all items of its group, with its gradient in one go."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsrep.losses.similarity import single

LOGITS_AT_ONCE = 2**20


def two_view_contrast(z1: Tensor, z2: Tensor) -> Tensor:
    """Mean over groups, items and views of ``logsumexp(similarities) - similarity to the other view``.

    The candidates of an anchor are all other items of both views of its group; the similarity is the plain
    inner product. A group of one item has nothing to find and gives zero.

    The gradient is computed together with the value, some groups at a time, so that no logits outlive the
    forward pass: memory beyond the two gradients is ``O(LOGITS_AT_ONCE)``, or one group if that is larger.
    For half precision, products, exponentials and sums are in float32, and only the finished softmax is
    rounded to weigh the rows that make up a gradient.

    Parameters
    ----------
    z1, z2 : Tensors, shape (group, item, dim)

    Returns
    -------
    Tensor, scalar, float32 or float64

    Notes
    -----
    Differentiable once.
    """
    loss: Tensor = _TwoViewContrast.apply(z1, z2)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return loss


class _TwoViewContrast(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, z1: Tensor, z2: Tensor) -> Tensor:
        groups, items, _ = z1.shape
        wanted = any(ctx.needs_input_grad)
        grads = [torch.empty(z.shape, dtype=z.dtype, device=z.device) for z in (z1, z2) if wanted]
        total = z1.new_zeros((), dtype=torch.promote_types(z1.dtype, torch.float32))
        step = max(1, LOGITS_AT_ONCE // (items * items))
        with torch.autocast(z1.device.type, enabled=False):
            for start in range(0, groups, step):
                part = slice(start, start + step)
                total += _contrast(z1[part].contiguous(), z2[part].contiguous(), [g[part] for g in grads])
        ctx.save_for_backward(*grads)
        ctx.anchors = anchors = 2 * items * groups
        return total / anchors

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> tuple[Tensor, Tensor]:
        g1, g2 = ctx.saved_tensors
        grad = (grad / ctx.anchors).to(g1.dtype)
        return g1 * grad, g2 * grad


def _contrast(a: Tensor, b: Tensor, grads: list[Tensor]) -> Tensor:
    """Summed loss of some groups; ``grads``, if there are any, receive its gradient."""
    exact, other = single(a), single(b)  # half precision would spoil the exponentials
    aa, ab, bb = exact @ exact.mT, exact @ other.mT, other @ other.mT  # (group, item, item) each
    for own in (aa, bb):
        own.diagonal(dim1=1, dim2=2).fill_(-torch.inf)  # nobody is a candidate of its own
    positive = ab.diagonal(dim1=1, dim2=2).sum()
    # The maximum of each row comes off before the exponentials, so that none overflows.
    top_a = torch.maximum(aa.amax(2), ab.amax(2))[:, :, None]
    top_b = torch.maximum(bb.amax(2), ab.amax(1))[:, :, None]
    ba = (ab - top_b.mT).exp_()  # columns of ab are the rows of b
    aa.sub_(top_a).exp_()
    bb.sub_(top_b).exp_()
    ab.sub_(top_a).exp_()
    sum_a = aa.sum(2, keepdim=True).add_(ab.sum(2, keepdim=True))
    sum_b = bb.sum(2, keepdim=True).add_(ba.sum(1, keepdim=True).mT)
    loss = (top_a + sum_a.log()).sum() + (top_b + sum_b.log()).sum() - 2 * positive
    if grads:
        # d loss / d logits is the softmax of the row, minus one where the other view stands.
        ab.div_(sum_a).add_(ba.div_(sum_b.mT))
        ab.diagonal(dim1=1, dim2=2).sub_(2)
        shares = _symmetric(aa.div_(sum_a)), ab, _symmetric(bb.div_(sum_b))
        aa, ab, bb = (share.to(a.dtype) for share in shares)
        grads[0].copy_(aa.bmm(a).baddbmm_(ab, b))
        grads[1].copy_(bb.bmm(b).baddbmm_(ab.mT, a))
    return loss


def _symmetric(matrix: Tensor) -> Tensor:
    return matrix + matrix.mT
