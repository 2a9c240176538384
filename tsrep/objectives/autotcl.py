"""AutoTCL: an augmenter learns which view of a sample the encoder must recognise.

This file holds what all forms share: the objective, the promise of a form, and the encoder's side of the
contrast. What the augmenter minimises is in ``autotcl_paper.py`` and ``autotcl_released.py``; the augmenter
itself is :mod:`tsrep.views.autotcl_augmenter`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any

import torch
from pydantic import Field, PositiveInt, TypeAdapter
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import pool
from tsrep.losses.autotcl_mask import spread_over_time
from tsrep.losses.infonce import SEGMENTS, InfoNCE, leftover_steps, local_infonce
from tsrep.losses.loss import Loss
from tsrep.objectives.chosen_loss import two_view_terms
from tsrep.objectives.inner_optimisation import InnerOptimisation
from tsrep.objectives.objective import Objective
from tsrep.registry import ENCODERS, OBJECTIVES, Chosen, Registry
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.autotcl_augmenter import Augmented, Augmenter
from tsrep.views.timestamp_masks import binomial_mask

FORMS = Registry("form of autotcl", "tsrep.objectives")
TRUNK = {"name": "dilated-conv", "hidden": 32, "dim": 16, "depth": 3}
ChosenForm = Annotated[Any, Chosen(FORMS)]
ChosenTrunk = Annotated[Any, Chosen(ENCODERS)]

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Above = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]

SATURATED = 0.01
CONSTANT = 0.01


@dataclass(frozen=True)
class ViewContrast:
    """How an encoder is trained on a sample and its view, whoever makes the view.

    Attributes
    ----------
    noise : float
        Probability that the latent of a time step of a view is zeroed; samples are whole.
    temperature : float
        Of both contrasts.
    loss : Loss, optional
        In place of the global one, of representations pooled over time.
    local_weight : float
        Of the contrast between segments of a view, alpha in the paper.
    released : bool
        The segments are those of the first sample alone, unaugmented, and of 16 steps and more, as in the
        public code.

    References
    ----------
    Zheng et al., ICLR 2024, section 3.4.
    """

    noise: float = 0.0
    temperature: float = 1.0
    local_weight: float = 0.3
    released: bool = False
    loss: Loss | None = None

    def __call__(
        self,
        encoder: Encoder,
        x: Tensor,
        view: Tensor,
        *,
        generator: torch.Generator,
        batch: Batch | None = None,
    ) -> dict[str, Tensor]:
        """Terms ``global`` and, unless its weight is zero, ``local``.

        Parameters
        ----------
        x, view : Tensors, shape (batch, channel, time)
        batch : Batch, optional
            That they come from; without it a loss knows nothing of the samples.
        """
        keep = None
        if self.noise > 0:
            kept = binomial_mask(len(view), view.shape[2], generator=generator, probability=1 - self.noise)
            keep = torch.cat([torch.ones_like(kept), kept])  # (2 batch, time)
        z, z_view = encoder(torch.cat([x, view]), keep).chunk(2)  # (batch, dim, time') each
        terms = {"global": self.pooled(z, z_view, generator=generator, batch=batch)}
        segmented = z[:1] if self.released else z_view
        if self.local_weight > 0 and not (self.released and z.shape[2] < SEGMENTS):
            offset = torch.randint(leftover_steps(z.shape[2]) + 1, (), generator=generator, device=z.device)
            local = local_infonce(segmented, offset, temperature=self.temperature)
            terms["local"] = self.local_weight * local
        return terms

    def pooled(
        self,
        z: Tensor,
        z_view: Tensor,
        *,
        generator: torch.Generator | None = None,
        batch: Batch | None = None,
    ) -> Tensor:
        """The global loss of representations of shape (batch, dim, time), max-pooled over time."""
        z, z_view = pool(z, "max"), pool(z_view, "max")  # (batch, dim)
        loss = InfoNCE(self.temperature) if self.loss is None else self.loss
        if batch is None or generator is None:
            terms = loss(torch.stack([z, z_view]))
        else:
            terms = two_view_terms(loss, z, z_view, batch, generator=generator)
        return torch.stack(list(terms.values())).sum()


class Form(nn.Module, ABC):
    """An augmenter, its loss, and the contrast that the encoder minimises.

    Attributes
    ----------
    augmenter : Augmenter
    contrast : ViewContrast
    lr : float
        Learning rate of the augmenter.
    every : int
        The augmenter moves before every so many steps of the encoder.
    """

    augmenter: Augmenter
    contrast: ViewContrast
    lr: float
    every: int

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """What the contrast must know of every sample."""
        return frozenset()

    @abstractmethod
    def augmenter_terms(
        self, encoder: Encoder, x: Tensor, *, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """What the augmenter minimises, on samples of shape (batch, channel, time)."""


@OBJECTIVES.register("autotcl", runtime=("channels", "covariates"))
class AutoTCL(Objective):
    """Contrast samples with views that an augmenter, trained in alternation, makes of them.

    Parameters
    ----------
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates.
    form : {"paper", "released"}, or settings with one of these names
        What the view is and what augmenter and encoder minimise:
        :class:`tsrep.objectives.autotcl_paper.PaperForm`,
        :class:`tsrep.objectives.autotcl_released.ReleasedForm`. Each has its own settings, so
        ``form: {name: paper, entropy: 0.01}``.
    trunk : name or settings of an encoder
        Of the augmenter; published configurations have 8 to 128 hidden features at the same depth.
    frozen : bool
        Leave the augmenter at its random initialisation: the control that shows whether learning it helps.
    crop : int or None
        Steps of the random segment, the same for the whole batch, that each step trains on.

    References
    ----------
    Zheng et al., "Parametric Augmentation for Time Series Contrastive Learning", ICLR 2024.
    """

    def __init__(
        self,
        channels: int,
        covariates: int,
        form: ChosenForm = "paper",
        trunk: ChosenTrunk = TRUNK,
        frozen: bool = False,
        crop: PositiveInt | None = None,
    ) -> None:
        super().__init__()
        network = ENCODERS.build(TypeAdapter(ChosenTrunk).validate_python(trunk), channels=channels)
        settings = TypeAdapter(ChosenForm).validate_python(form)
        self.form: Form = FORMS.build(settings, trunk=network, channels=channels, covariates=covariates)
        self.needs = self.form.needs_of(settings)
        self.frozen, self.crop = frozen, crop
        self.form.augmenter.requires_grad_(not frozen)

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Those of the form."""
        form: type[Form] = FORMS.entry(settings.form.name).cls
        return form.needs_of(settings.form)

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """Ask the chosen loss."""
        if self.form.contrast.loss is not None:
            self.form.contrast.loss.refuse_unfit(train)

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`; and what the chosen loss refuses."""
        super().refuse_batches(encoder, train, batches)
        if self.form.contrast.loss is not None:
            self.form.contrast.loss.refuse_batches(train, batches, encoder.dim, "encoder.dim")

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``global`` and ``local``; see :class:`Objective`."""
        x = self._cropped(batch.x, generator)
        with torch.no_grad():  # the encoder's step leaves the augmenter alone
            view = self.form.augmenter(x, generator=generator).view
        return self.form.contrast(encoder, x, view, generator=generator, batch=replace(batch, x=x))

    def inner_optimisations(self) -> tuple[InnerOptimisation, ...]:
        """The augmenter, unless it is frozen."""
        form = self.form
        own = InnerOptimisation("augmenter", form.augmenter, self._augmenter_terms, form.lr, every=form.every)
        return () if self.frozen else (own,)

    def augmenter(self) -> Augmenter:
        """The learned augmenter, frozen or not."""
        return self.form.augmenter

    def diagnostics(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """How near mask and gain are to doing nothing of their own.

        Returns
        -------
        dict of scalars
            ``keep_rate``: mean of the mask as drawn. ``saturated``: share of steps whose mask is all but
            certain. ``keep_spread``, ``gain_spread``: standard deviation over time of the keep probability
            and of the gain, mean over samples. ``constant_masks``: share of maps that are constant over time.
        """
        made: Augmented = self.form.augmenter(self._cropped(batch.x, generator), generator=generator)
        keep = made.keep.float()
        spread = spread_over_time(keep)
        return {
            "keep_rate": made.mask.float().mean(),
            "saturated": ((keep < SATURATED) | (keep > 1 - SATURATED)).float().mean(),
            "keep_spread": spread.mean(),
            "gain_spread": spread_over_time(made.gain.float()).mean(),
            "constant_masks": (spread < CONSTANT).float().mean(),
        }

    def _augmenter_terms(
        self, encoder: Encoder, batch: Batch, *, generator: torch.Generator
    ) -> dict[str, Tensor]:
        return self.form.augmenter_terms(encoder, self._cropped(batch.x, generator), generator=generator)

    def _cropped(self, x: Tensor, generator: torch.Generator) -> Tensor:
        """A segment of the batch at a random place, shape (batch, channel, crop)."""
        time = x.shape[-1]
        if self.crop is None or self.crop >= time:
            return x
        start = torch.randint(time - self.crop + 1, (), generator=generator, device=x.device)
        return x.index_select(2, start + torch.arange(self.crop, device=x.device))
