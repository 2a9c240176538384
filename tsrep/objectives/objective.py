"""What every training objective promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import TYPE_CHECKING, ClassVar

import torch
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.objectives.player import Player
from tsrep.signals.batch import Batch


class Objective(nn.Module, ABC):
    """Views, encoder and losses of one method tied together.

    Attributes
    ----------
    needs : frozenset of {"label", "trial", "patient"}
        Fields of the batch that must carry meaning.
    sampler : str
        Name of the batch sampler that suits the method.
    """

    needs: frozenset[str] = frozenset()
    sampler: ClassVar[str] = "random"

    @abstractmethod
    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Named, already weighted scalar terms whose sum is minimised.

        Parameters
        ----------
        encoder : Encoder
        batch : Batch
        generator : torch.Generator
            On the device of the batch; the only source of randomness.
        """

    def after_step(self) -> None:
        """Move whatever moves once per optimiser step, such as averaged copies and queues."""
        return

    def players(self) -> tuple[Player, ...]:
        """Inner players; the terms of :meth:`forward` give their parameters no gradient."""
        return ()

    def readings(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Scalars for the log that are no part of a loss; asked for without gradients."""
        del encoder, batch, generator
        return {}

    if TYPE_CHECKING:

        def __call__(
            self, encoder: Encoder, batch: Batch, *, generator: torch.Generator
        ) -> dict[str, Tensor]: ...
