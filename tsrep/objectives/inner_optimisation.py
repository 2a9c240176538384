"""An inner optimisation: part of an objective, such as an augmenter, with its own loss and optimiser."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

from torch import Tensor, nn

Loss = Callable[..., dict[str, Tensor]]


@dataclass(frozen=True)
class InnerOptimisation:
    """Parameters that the sum of the objective's terms does not move.

    Attributes
    ----------
    name : str
        In the log and in the stored state; no two inner optimisations of an objective share one.
    module : Module
        Whose parameters it moves, and no others.
    loss : callable
        ``loss(encoder, batch, *, generator)`` gives named, already weighted terms whose sum it minimises.
        The encoder is in evaluation mode then and asks for no gradient.
    lr, weight_decay : float
        Of its own AdamW; the learning rate follows the schedule of the run.
    every : int
        It moves before every so many steps of the encoder, from the first on.
    """

    name: str
    module: nn.Module
    loss: Loss
    lr: float = 1e-3
    weight_decay: float = 1e-2
    every: int = 1
