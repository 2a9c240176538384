"""TS2Vec's hierarchical loss: contrasts over time and over samples, on a max-pool pyramid of lengths."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field, NonNegativeInt
from torch import Tensor
from torch.autograd.function import once_differentiable

from tsrep.losses.gather import gather_rows
from tsrep.losses.two_view_contrast import two_view_contrast

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]


def observation_contrast(z1: Tensor, z2: Tensor) -> Tensor:
    """Find a time step's other view among all other steps of both views of the same sample.

    The mean over steps t of ``-log(exp(r_t r'_t) / (sum_u exp(r_t r'_u) + sum_{u != t} exp(r_t r_u)))``, and
    the same with both views exchanged.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim, time)

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Yue et al., "TS2Vec", AAAI 2022, equation 1; the observation level of COMET.
    """
    return two_view_contrast(z1.mT, z2.mT)  # groups are samples, items time steps


def sample_contrast(z1: Tensor, z2: Tensor) -> Tensor:
    """Find a sample's other view among all other samples of the batch, at each time step.

    As :func:`observation_contrast`, with the samples of the batch in place of the steps of a sample.
    In a distributed run the batch is that of all ranks, and each rank computes the loss of all of it.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim, time)

    Returns
    -------
    Tensor, scalar; zero for a batch of one

    References
    ----------
    Yue et al., "TS2Vec", AAAI 2022, equation 2; the sample level of COMET.
    """
    z1, z2 = gather_rows(z1.mT), gather_rows(z2.mT)  # (ranks * batch, time, dim)
    return two_view_contrast(z1.transpose(0, 1), z2.transpose(0, 1))  # groups are time steps, items samples


def hierarchical_contrast(
    z1: Tensor,
    z2: Tensor,
    *,
    observation: Weight = 0.0,
    sample: Weight = 0.0,
    single_step: bool = False,
    temporal_unit: NonNegativeInt = 0,
) -> Tensor:
    """Weighted observation and sample contrasts, averaged over a pyramid of max-pooled lengths.

    The length halves (an odd last step is dropped) while it exceeds one.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim, time)
        Two views.
    observation, sample : float
        Weights of the two contrasts; one of weight zero costs nothing.
    single_step : bool
        Add the level of length one, where only the sample contrast is defined (TS2Vec).
    temporal_unit : int
        First level, from zero, that has an observation contrast.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Yue et al., "TS2Vec", AAAI 2022, algorithm 1.
    """
    total, levels = z1.new_zeros((), dtype=torch.promote_types(z1.dtype, torch.float32)), 0
    while z1.shape[-1] > (0 if single_step else 1):
        if observation and levels >= temporal_unit and z1.shape[-1] > 1:
            total = total + observation * observation_contrast(z1, z2)
        if sample:
            total = total + sample * sample_contrast(z1, z2)
        z1, z2, levels = halve_time(z1), halve_time(z2), levels + 1
    return total / max(levels, 1)


def ts2vec_contrast(
    z1: Tensor,
    z2: Tensor,
    *,
    alpha: Annotated[float, Field(ge=0, le=1)] = 0.5,
    temporal_unit: NonNegativeInt = 0,
) -> Tensor:
    """The loss of TS2Vec: ``alpha`` of the sample and ``1 - alpha`` of the observation contrast.

    Parameters
    ----------
    z1, z2 : Tensors, shape (batch, dim, time)
    alpha : float
    temporal_unit : int
        See :func:`hierarchical_contrast`.

    Returns
    -------
    Tensor, scalar

    References
    ----------
    Yue et al., "TS2Vec", AAAI 2022, equations 1 to 3 and algorithm 1.
    """
    return hierarchical_contrast(
        z1, z2, observation=1 - alpha, sample=alpha, single_step=True, temporal_unit=temporal_unit
    )


def halve_time(z: Tensor) -> Tensor:
    """Maximum of each two neighbouring steps; an odd last step is dropped.

    Parameters
    ----------
    z : Tensor, shape (batch, dim, time)

    Returns
    -------
    Tensor, shape (batch, dim, time // 2)
    """
    halved: Tensor = _HalveTime.apply(z.mT)  # type: ignore[no-untyped-call]  # torch leaves it untyped
    return halved.mT


class _HalveTime(torch.autograd.Function):
    """Remembers one byte per output, where a pooling layer keeps an index of eight."""

    @staticmethod
    def forward(ctx: Any, z: Tensor) -> Tensor:
        first, second = _pairs(z)
        ctx.save_for_backward(second > first)
        ctx.steps = z.shape[1]
        return torch.maximum(first, second)

    @staticmethod
    @once_differentiable
    def backward(ctx: Any, grad: Tensor) -> Tensor:
        (later,) = ctx.saved_tensors
        whole = grad.new_zeros(len(grad), ctx.steps, grad.shape[2])
        first, second = _pairs(whole)
        torch.mul(grad, later, out=second)
        torch.sub(grad, second, out=first)
        return whole


def _pairs(z: Tensor) -> tuple[Tensor, Tensor]:
    """Even and odd steps of ``(batch, time, dim)`` as views."""
    even = z.shape[1] - z.shape[1] % 2
    return z[:, 0:even:2], z[:, 1:even:2]
