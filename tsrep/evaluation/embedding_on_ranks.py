"""Features of a panel by all processes of a run, each on its own part of the samples."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.embedding import embed
from tsrep.signals.panel import Panel
from tsrep.training.distributed import Ranks


@dataclass(frozen=True, eq=False)
class EmbeddingOnRanks:
    """Features of every sample; the first process asks for them, and the others take part.

    Parameters
    ----------
    ranks : Ranks
    panel : Panel
        The same in all processes.
    pool : callable
        Representations (batch, dim, time) to features (batch, dim).
    device : torch.device
        Of this process.
    amp : bool
        Run in bfloat16 where autocast does.
    """

    ranks: Ranks
    panel: Panel
    pool: Callable[[Tensor], Tensor]
    device: torch.device
    amp: bool = False

    def __call__(self, encoder: Encoder) -> Array:
        """Features of all samples, shape (sample, feature), in the first process.

        Parameters
        ----------
        encoder : Encoder
            It is sent to the other processes.
        """
        parts = self._parts(self.ranks.from_first(encoder.cpu() if self.ranks.world > 1 else encoder))
        return np.concatenate(parts)

    def take_part(self) -> None:
        """Embed this process's part by every encoder that the first one sends, until it sends None."""
        nothing: Encoder | None = None
        while (encoder := self.ranks.from_first(nothing)) is not None:
            self._parts(encoder)

    def _parts(self, encoder: Encoder) -> list[Array]:
        panel, ranks, own = self.panel, self.ranks, None
        if ranks.world > 1:
            panel = panel.select(np.array_split(np.arange(len(panel)), ranks.world)[ranks.rank])
        if len(panel) or ranks.first:  # of fewer samples than processes some have none
            encoder = encoder.to(self.device)
            own = embed(encoder, panel, pool=self.pool, device=self.device, amp=self.amp)
        return [part for part in ranks.to_first(own) if part is not None]
