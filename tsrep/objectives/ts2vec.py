"""TS2Vec: two overlapping crops of a sample must agree on the steps that they share."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.losses.gather import gather_rows
from tsrep.losses.hierarchy import hierarchical_contrast
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.views.crops import draw_overlapping_crops
from tsrep.views.functional import dropout
from tsrep.views.timestamp_masks import binomial_mask


@OBJECTIVES.register("ts2vec")
class TS2Vec(Objective):
    """Crop twice, mask time steps of the latent, contrast the overlap over time and over samples.

    Parameters
    ----------
    alpha : float
        Weight of the contrast between samples; ``1 - alpha`` goes to the one between time steps.
    masked_steps : float
        Probability that the latent of a time step is zeroed, drawn anew for each crop.
    dropout : float
        Of single values of the representation.
    temporal_unit : int
        First level of the max-pool pyramid that has a contrast between time steps; crops share at
        least ``2 ** (temporal_unit + 1)`` steps.

    References
    ----------
    Yue et al., AAAI 2022, section 3 and algorithm 1.
    """

    def __init__(
        self,
        alpha: Annotated[float, Field(ge=0, le=1)] = 0.5,
        masked_steps: Annotated[float, Field(ge=0, lt=1)] = 0.5,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        temporal_unit: Annotated[int, Field(ge=0)] = 0,
    ) -> None:
        super().__init__()
        self.alpha = alpha
        self.masked_steps = masked_steps
        self.dropout = dropout
        self.temporal_unit = temporal_unit

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``observation`` and ``sample``, those of weight zero left out; see :class:`Objective`."""
        least = 2 ** (self.temporal_unit + 1)
        drawn = torch.rand(1, 4, generator=generator, device=batch.x.device)
        borders = gather_rows(drawn)[0]  # those of the first rank: all ranks contrast equal lengths
        crops = draw_overlapping_crops(
            batch.x, unit=encoder.stride, least=least, borders=borders, generator=generator
        )
        z1, z2 = crops.overlap(
            self._represent(encoder, crops.first(batch.x), generator),
            self._represent(encoder, crops.second(batch.x), generator),
        )
        weights = {"observation": 1 - self.alpha, "sample": self.alpha}
        return {
            name: hierarchical_contrast(
                z1, z2, **{name: weight}, single_step=True, temporal_unit=self.temporal_unit
            )
            for name, weight in weights.items()
            if weight > 0
        }

    def _represent(self, encoder: Encoder, x: Tensor, generator: torch.Generator) -> Tensor:
        keep = binomial_mask(len(x), x.shape[2], generator=generator, probability=1 - self.masked_steps)
        return dropout(encoder(x, keep), self.dropout, generator=generator)
