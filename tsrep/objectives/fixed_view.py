"""The contrast of AutoTCL with a view that nobody learns: what the learned one is compared with."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.objectives.autotcl_form import Above, Share, Weight
from tsrep.objectives.objective import Objective
from tsrep.objectives.view_contrast import contrast_terms, represent_pair
from tsrep.registry import OBJECTIVES, VIEWS, Chosen
from tsrep.signals.batch import Batch
from tsrep.views.except_covariates import ExceptCovariates

ChosenView = Annotated[Any, Chosen(VIEWS)]


@OBJECTIVES.register("fixed-view", runtime=("channels", "covariates"))
class FixedView(Objective):
    """Contrast samples with views of a fixed kind, by the encoder's side of ``autotcl``.

    Parameters
    ----------
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known in advance and no view alters them.
    view : name or settings of a view
    noise, temperature, local_weight : float
        See :class:`tsrep.objectives.autotcl_paper.PaperForm`; equal defaults, so that the two differ in
        the view only.

    References
    ----------
    Zheng et al., ICLR 2024, table 4, rows "Cutout", "Jitter" and "Random Aug".
    """

    def __init__(
        self,
        channels: int,
        covariates: int,
        view: ChosenView = "jitter",
        noise: Share = 0.5,
        temperature: Above = 1.0,
        local_weight: Weight = 0.3,
    ) -> None:
        super().__init__()
        settings = TypeAdapter(ChosenView).validate_python(view)
        made = VIEWS.build(settings, channels=channels - covariates, covariates=0)
        self.view = ExceptCovariates(made, covariates)
        self.noise, self.temperature, self.local_weight = noise, temperature, local_weight

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``global`` and ``local``; see :class:`Objective`."""
        view = self.view(batch.x, generator=generator)
        z, z_view = represent_pair(encoder, batch.x, view, noise=self.noise, generator=generator)
        return contrast_terms(
            z,
            z_view,
            z_view,
            temperature=self.temperature,
            local_weight=self.local_weight,
            generator=generator,
        )
