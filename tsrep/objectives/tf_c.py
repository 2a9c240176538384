"""TF-C: time and frequency encoders whose views of one sample meet in one space."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.encoders.pooling import pool
from tsrep.errors import ConfigError
from tsrep.losses.loss import Loss
from tsrep.losses.nt_xent import NTXent
from tsrep.losses.similarity import Temperature
from tsrep.losses.tf_c import Domains, Form, time_frequency_contrast
from tsrep.objectives.chosen_loss import (
    ChosenLoss,
    chosen_loss,
    needs_of_loss,
    refuse_temperature,
    total,
    two_view_terms,
)
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.combined import ChosenView, ExceptCovariates
from tsrep.views.spectrum import RemoveAndAdd, RemoveOrLift, Sides, amplitude_spectrum
from tsrep.views.view import Share, View


@OBJECTIVES.register("tf-c", runtime=("dim", "channels", "covariates"))
class TfC(Objective):
    """Contrast views in time and in frequency, and keep the two domains of a sample near each other.

    The frequency encoder has the architecture of the encoder, weights of its own, and belongs to the
    objective; what is evaluated is the time encoder.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which no view alters.
    form : {"corrected", "published-2022", "published-2023"}
        Which loss, see :func:`tsrep.losses.tf_c.time_frequency_contrast`, and which spectrum: one-sided and
        logarithmic, or all components as they are; that of 2023 adds a second spectrum to its view.
    share : float
        Weight of the contrasts within domains; the rest goes to the consistency between them.
    margin : float
        By which the domains of a sample are nearer than those of altered pairs, in units of the loss.
    temperature : float
    hidden, projection : int
        Widths of the two projection heads; they serve the loss alone.
    pooling : {"max", "mean"}
        Over time and over frequency.
    time_view : name or settings of a view
    remove, lift : float
        Share of the components of the spectrum that its view removes or raises.
    alpha : float
        Components are raised to at most so much of the largest one.
    loss : name or settings of a loss, or None
        Of all pairs of views, in place of the contrast of the form, such as ``vicreg``.

    References
    ----------
    Zhang et al., "Self-Supervised Contrastive Pre-Training for Time Series via Time-Frequency Consistency",
    NeurIPS 2022. Deviations: pooled representations, the project's encoders, views drawn anew each step, no
    batch normalisation in the projection heads.
    """

    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "resnet1d", "width": 32, "dim": 128}}
    frequency: Encoder | None

    def __init__(
        self,
        dim: int,
        channels: int,
        covariates: int = 0,
        form: Form = "corrected",
        share: Annotated[float, Field(ge=0, lt=1)] = 0.2,
        margin: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 1.0,
        temperature: Temperature = 0.2,
        hidden: Positive = 256,
        projection: Positive = 128,
        pooling: Literal["max", "mean"] = "max",
        time_view: ChosenView = "compose",
        remove: Share = 0.1,
        lift: Share = 0.1,
        alpha: NonNegativeFloat = 0.5,
        loss: ChosenLoss = None,
    ) -> None:
        super().__init__()
        refuse_temperature(TfC, loss, temperature)
        # The contrast of the public forms is none of the registry's.
        self.loss = None if loss is None else chosen_loss(loss, NTXent(temperature))
        self.needs = needs_of_loss(loss)
        self.form, self.share, self.margin, self.temperature = form, share, margin, temperature
        self.pooling, self.sides, self.projection = pooling, _sides(form), projection
        self.time_view = ExceptCovariates.of(time_view, channels=channels, covariates=covariates)
        changed = (
            RemoveAndAdd(remove, lift) if form == "published-2023" else RemoveOrLift(remove, lift, alpha)
        )
        self.frequency_view = ExceptCovariates(changed, covariates)
        self.project_time, self.project_frequency = (
            nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, projection)) for _ in range(2)
        )
        self.register_module("frequency", None)

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Those of the loss."""
        return needs_of_loss(settings.loss)

    def attach(self, encoder: Encoder) -> None:
        """Make the frequency encoder: another of the same architecture."""
        self.frequency = encoder.another()

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``time``, ``frequency`` and ``consistency``; see :class:`Objective`."""
        if self.frequency is None:
            raise RuntimeError("objective tf-c has no frequency encoder; call objective.attach first")
        x = torch.cat([batch.x, self.time_view(batch.x, generator=generator)])  # (2 batch, channel, time)
        spectrum = self.spectrum(batch.x)
        f = torch.cat([spectrum, self.frequency_view(spectrum, generator=generator)])
        h_time, h_frequency = (
            pool(network(seen), self.pooling) for network, seen in ((encoder, x), (self.frequency, f))
        )
        parts = h_time, h_frequency, self.project_time(h_time), self.project_frequency(h_frequency)
        seen = Domains(*(half for part in parts for half in part.chunk(2)))
        return time_frequency_contrast(
            seen,
            form=self.form,
            share=self.share,
            margin=self.margin,
            temperature=self.temperature,
            contrast=None if self.loss is None else partial(self._distance, self.loss, batch, generator),
        )

    @staticmethod
    def _distance(loss: Loss, batch: Batch, generator: torch.Generator, one: Tensor, other: Tensor) -> Tensor:
        return total(two_view_terms(loss, one, other, batch, generator=generator))

    def spectrum(self, x: Tensor) -> Tensor:
        """What the frequency encoder sees of samples: its last components are left out to fit the stride.

        Parameters
        ----------
        x : Tensor, shape (batch, channel, time)

        Returns
        -------
        Tensor, shape (batch, channel, frequency)
        """
        spectrum = amplitude_spectrum(x, self.sides).to(x.dtype)
        stride = 1 if self.frequency is None else self.frequency.stride
        return spectrum[..., : spectrum.shape[2] // stride * stride]

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: spectra shorter than one step of the encoder."""
        components = train.length if self.sides == "two-sided" else train.length // 2 + 1
        if components < encoder.stride:
            raise ConfigError(
                f"the spectrum of a sample has {components} components, fewer than one step of the encoder, "
                f"which has {encoder.stride}; raise window.seconds or use an encoder of smaller stride"
            )
        if self.loss is not None:
            self.loss.refuse_unfit(train)

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`; and what the loss refuses."""
        super().refuse_batches(encoder, train, batches)
        for width, setting in ((encoder.dim, "encoder.dim"), (self.projection, "objective.projection")):
            if self.loss is not None:
                self.loss.refuse_batches(train, batches, width, setting)

    def own_view(self) -> View:
        """The view in time."""
        return self.time_view


def _sides(form: Form) -> Sides:
    return "one-sided" if form == "corrected" else "two-sided"
