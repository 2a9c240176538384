"""CoST: trend is contrasted over a queue of keys, season by amplitude and phase of its spectrum."""

from __future__ import annotations

from typing import Annotated, Any

import torch
from pydantic import Field, TypeAdapter
from torch import Tensor
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.losses.hierarchy import sample_contrast
from tsrep.objectives.cost_heads import BandedFourier, TrendHead, amplitude_and_phase
from tsrep.objectives.momentum_queue import Guard, Momentum, MomentumContrast, QueueSize, Temperature
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES, VIEWS, Chosen
from tsrep.signals.batch import Batch
from tsrep.views.except_covariates import ExceptCovariates
from tsrep.views.functional import dropout

ChosenView = Annotated[Any, Chosen(VIEWS)]


@OBJECTIVES.register("cost", runtime=("dim", "channels", "covariates"))
class CoST(Objective):
    """Two branches over the representation, each with a contrast of its own.

    The trend at a random step is contrasted in time against keys of a slow copy of encoder and branch; the
    season is contrasted between the samples of the batch at each frequency, by amplitude and by phase.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known in advance and no view alters them.
    view : name or settings of a view
        Drawn twice for each sample.
    width : int
        Of each branch; published is half of ``dim``.
    experts : int
        Of the trend, with 1, 2, 4, ... taps in steps of the representation.
    bands : int
        Frequencies with a map of their own; see :class:`tsrep.objectives.cost_heads.BandedFourier`.
    alpha : float
        Weight of the season, half of it for amplitudes and half for phases. Spectra are not divided by the
        length, so that amplitude terms grow with it; the default is meant for some 200 steps.
    dropout : float
        Of single values of the season.
    temperature, queue, momentum, guard
        Of the trend; see :class:`tsrep.objectives.moco.MoCo`.

    References
    ----------
    Woo et al., "CoST", ICLR 2022, equations 2 to 5, and its public code for what these leave open.
    Deviations: the branches serve the loss and the representation is what they share, so that any encoder
    will do; the trend is narrowed before the experts; maps of frequencies are interpolated; rows of the
    queue have unit length; the guard.
    """

    def __init__(
        self,
        dim: int,
        channels: int,
        covariates: int = 0,
        view: ChosenView = "scale-shift-jitter",
        width: Positive = 64,
        experts: Annotated[int, Field(gt=0, le=12)] = 8,
        bands: Annotated[int, Field(ge=2)] = 65,
        alpha: Annotated[float, Field(gt=0)] = 5e-4,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        temperature: Temperature = 0.07,
        queue: QueueSize = 256,
        momentum: Momentum = 0.999,
        guard: Guard = None,
    ) -> None:
        super().__init__()
        settings = TypeAdapter(ChosenView).validate_python(view)
        made = VIEWS.build(settings, channels=channels - covariates, covariates=0)
        self.view = ExceptCovariates(made, covariates)
        self.alpha, self.dropout = alpha, dropout
        self.trend = TrendHead(dim, width, experts)
        self.season = BandedFourier(dim, width, bands)
        self.contrast = MomentumContrast(width, queue, temperature, momentum, guard)

    def attach(self, encoder: Encoder) -> None:
        """Make the slow copy of encoder and trend."""
        self.contrast.attach(encoder, self.trend)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``trend``, ``amplitude`` and ``phase``; see :class:`Objective`."""
        both = self.view(torch.cat([batch.x, batch.x]), generator=generator)
        z = encoder(both)
        step = torch.randint(z.shape[2], (1,), generator=generator, device=z.device)
        with torch.no_grad():
            slow_encoder, slow_trend = self.contrast.copies()
            keys = slow_trend(slow_encoder(both[len(batch) :]), step)
        queries = self.trend(z[: len(batch)], step)
        season = F.normalize(dropout(self.season(z), self.dropout, generator=generator), dim=1)
        amplitude, phase = amplitude_and_phase(season)
        return {
            "trend": self.contrast(queries, keys, batch, encoder, self.trend),
            "amplitude": self.alpha / 2 * sample_contrast(*amplitude.chunk(2)),
            "phase": self.alpha / 2 * sample_contrast(*phase.chunk(2)),
        }

    def after_step(self) -> None:
        """Move copy and queue."""
        self.contrast.after_step()
