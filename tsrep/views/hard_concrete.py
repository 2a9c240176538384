"""The hard-concrete gate: a random mask in [0, 1] that is exactly 0 or 1 with positive probability.

All functions are pure: uniform numbers come in, so that a draw can be repeated. They work on tensors of
any shape, element by element.
"""

from __future__ import annotations

import math

import torch
from torch import Tensor

SMALLEST = 1e-6


def hard_concrete(logits: Tensor, uniform: Tensor, *, temperature: float, low: float, high: float) -> Tensor:
    """Sample of the gate.

    Parameters
    ----------
    logits : Tensor
        Of the gate being open rather than closed.
    uniform : Tensor
        Uniform numbers in [0, 1), of the same shape.
    temperature : float
        Above zero; the smaller, the more often the gate is exactly 0 or 1.
    low, high : float
        Where the open unit interval is stretched to before it is clipped: ``low <= 0`` and ``high >= 1``.

    Returns
    -------
    Tensor, in [0, 1]

    References
    ----------
    Louizos, Welling & Kingma, ICLR 2018, equations 10 and 11; AutoTCL (ICLR 2024), equations 4 and 5.
    """
    noise = torch.logit(uniform.clamp(SMALLEST, 1 - SMALLEST))
    return _stretched(torch.sigmoid((logits + noise) / temperature), low, high)


def open_probability(logits: Tensor, *, temperature: float, low: float, high: float) -> Tensor:
    """Probability that the gate is not exactly zero; summed over steps it is the expected L0 norm.

    References
    ----------
    Louizos et al., equation 12. AutoTCL's equation 7 multiplies the logit by the temperature too, which is
    not the probability of the gate that it draws unless the temperature is 1.
    """
    return torch.sigmoid(logits - temperature * math.log(-low / high))


def straight_through(gate: Tensor) -> Tensor:
    """The gate rounded to 0 or 1 (one half stays), with the gradient of the gate itself."""
    rounded = 0.5 * (torch.sign(gate.detach() - 0.5) + 1)
    return rounded + (gate - gate.detach())


def released_gate(weight: Tensor, uniform: Tensor | None, *, bias: float, stretch: float) -> Tensor:
    """The gate of AutoTCL's public code.

    It feeds a probability where the logit belongs, at temperature 1, draws its noise from the middle of
    the unit interval only, and extends it downwards only.

    Parameters
    ----------
    weight : Tensor
        Probabilities in (0, 1), used as if they were logits.
    uniform : Tensor or None
        Uniform numbers in [0, 1); without them the gate is without noise.
    bias : float
        The noise is uniform between ``bias`` and ``1 - bias``.
    stretch : float
        The gate is stretched to ``-stretch`` to 1 before it is clipped.
    """
    logits = weight
    if uniform is not None:
        drawn = (1 - bias) + (2 * bias - 1) * uniform
        logits = weight + torch.logit(drawn.clamp(SMALLEST, 1 - SMALLEST))
    return _stretched(torch.sigmoid(logits), -stretch, 1.0)


def _stretched(gate: Tensor, low: float, high: float) -> Tensor:
    return (gate * (high - low) + low).clamp(0, 1)
