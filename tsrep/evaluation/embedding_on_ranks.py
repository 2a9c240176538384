"""Features of a panel by all processes of a run, each on its own part of the samples."""

from __future__ import annotations

import pickle
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
            It is sent to the other processes; one that cannot be is used by the first alone.

        Raises
        ------
        Exception
            Whatever embedding raises in any of the processes.
        """
        message = _pickled(encoder) if self.ranks.world > 1 else None
        if message is None:
            return self._embedded(encoder, self.panel)
        self.ranks.from_first(message)
        return np.concatenate(self._parts(encoder))

    def take_part(self) -> None:
        """Embed this process's part by every encoder that the first one sends, until it sends None."""
        nothing: bytes | None = None
        while (message := self.ranks.from_first(nothing)) is not None:
            self._parts(pickle.loads(message))

    def _parts(self, encoder: Encoder) -> list[Array]:
        """Features of all parts in the first process, where all meet whatever happens in one of them."""
        own: Array | Exception | None = None
        try:
            samples = np.array_split(np.arange(len(self.panel)), self.ranks.world)[self.ranks.rank]
            if len(samples):  # of fewer samples than processes some have none
                own = self._embedded(encoder, self.panel.select(samples))
        except Exception as error:
            own = error
        parts = self.ranks.to_first(own)
        for part in parts:
            if isinstance(part, Exception):
                raise part
        return [part for part in parts if isinstance(part, np.ndarray)]

    def _embedded(self, encoder: Encoder, panel: Panel) -> Array:
        encoder = encoder.to(self.device)
        return embed(encoder, panel, pool=self.pool, device=self.device, amp=self.amp)


def _pickled(encoder: Encoder) -> bytes | None:
    """An encoder as the other processes of a run can read it; None where it holds what they cannot."""
    try:
        return pickle.dumps(encoder.cpu())
    except Exception:  # a local function, a module of a single file: whatever encoders of others hold
        return None
