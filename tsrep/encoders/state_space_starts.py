"""Where the states of a diagonal state space start: decay, frequency and input weight of each.

References
----------
Gu et al., "On the parameterization and initialization of diagonal state space models", NeurIPS 2022: eq. 7
(``legs``), 8 (``inv``), 9 (``lin``) and table 1 (``real``).
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from typing import Literal

import torch
from torch import Tensor

Start = Literal["lin", "inv", "legs", "real"]
LARGEST_INPUT = 2.0  # the authors limit the input weights of `legs`, which grow with the state's number


def state_space_start(kind: Start, states: int) -> tuple[Tensor, Tensor, Tensor]:
    """Decay, frequency and input weight of ``states`` pairs of conjugate states.

    Parameters
    ----------
    kind : {"lin", "inv", "legs", "real"}
        Frequencies that grow linearly (a Fourier series), that fall inversely, those of the scaled Legendre
        polynomials, which are nearly the inverse ones; or no oscillation and decays that grow linearly.
    states : int
        Pairs, half of the size of the state.

    Returns
    -------
    decay, frequency : Tensor, shape (states,), float64
        Minus the real part, and the imaginary part, of the continuous eigenvalues; in radians per unit time.
    weight : Tensor, shape (states, 2), float64
        Real and imaginary part of the input weights.
    """
    decay, frequency, weight = STARTS[kind](torch.arange(states, dtype=torch.float64))
    return decay, frequency, torch.view_as_real(weight.to(torch.complex128)).contiguous()


def _lin(n: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return torch.full_like(n, 0.5), math.pi * n, torch.ones_like(n)


def _inv(n: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    size = 2 * len(n)
    return torch.full_like(n, 0.5), size / math.pi * (size / (2 * n + 1) - 1), torch.ones_like(n)


def _real(n: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    return n + 1, torch.zeros_like(n), torch.ones_like(n)


def _legs(n: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Eigenvalues of the Legendre matrix made normal by a rank-one term; all decay with 1/2."""
    order = torch.arange(2 * len(n), dtype=torch.float64)
    root = (2 * order + 1).sqrt()
    product = torch.outer(root, root)
    skew = (product.triu(1) - product.tril(-1)) / 2  # (order, order); the symmetric part is -1/2
    values, vectors = torch.linalg.eigh(-1j * skew)  # skew has the eigenvalues i * values, ascending
    last = slice(len(n), None)
    frequency, vectors = values[last].flip(0), vectors[:, last].flip(1)
    weight = vectors.mH @ root.to(vectors.dtype)
    # an eigenvector has no phase of its own, and the output weights take up any; so weights are real
    return torch.full_like(n, 0.5), frequency, weight.abs().clamp(max=LARGEST_INPUT)


STARTS: Mapping[Start, Callable[[Tensor], tuple[Tensor, Tensor, Tensor]]] = {
    "lin": _lin,
    "inv": _inv,
    "legs": _legs,
    "real": _real,
}
