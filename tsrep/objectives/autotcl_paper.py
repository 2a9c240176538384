"""AutoTCL in the form that its paper means, with hinges against a mask or gain that does nothing."""

from __future__ import annotations

from dataclasses import replace
from typing import Annotated, Any, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import pool
from tsrep.errors import ConfigError
from tsrep.losses.autotcl_mask import keep_rate_hinge, spread_hinge, triplet_consistency
from tsrep.losses.infonce import InfoNCE
from tsrep.losses.mmd import linear_mmd, rbf_mmd
from tsrep.losses.similarity import Temperature
from tsrep.objectives.autotcl import (
    FORMS,
    Above,
    Form,
    Share,
    ViewContrast,
    Weight,
)
from tsrep.objectives.chosen_loss import ChosenLoss, chosen_loss, needs_of_loss
from tsrep.views.autotcl_augmenter import Augmented, MaskPer, PaperAugmenter, Parts

ANCHORS = 16


@FORMS.register("paper", runtime=("trunk", "channels", "covariates"))
class PaperForm(Form):
    """Least entropy of the view at least divergence from the samples; noise in the encoder's latent.

    Parameters
    ----------
    trunk, channels, covariates
        See :class:`tsrep.views.autotcl_augmenter.PaperAugmenter`, as are the next five.
    mask_per : {"time", "time-channel"}
    gate_temperature, stretch : float
    log_gain_bound : float
    parts : {"both", "mask", "gain"}
        Without the gain is the paper's ablation "w/o g", without the mask "w/o h"; entropy and consistency
        are of the mask alone.
    noise : float
        Probability that the latent of a time step of a view is zeroed.
    temperature : float
        Of both contrasts; the paper has 1.
    local_weight : float
        Of the contrast between segments of a view, alpha in the paper.
    divergence : {"linear", "rbf", "adversarial"}
        What the augmenter weighs against entropy: the MMD of representations, or the encoder's own global
        contrast, which it then maximises (for the paper's adversarial row set ``entropy`` and
        ``consistency`` to 0).
    entropy : float
        Weight of the expected share of steps that are not masked, beta in the paper (where it is the
        number of steps).
    consistency : float
        Weight of the triplet over time, lambda in the paper.
    saturation : float
        Weight of the hinges against a mask and a gain that do nothing of their own; 0 is the paper's.
    lr : float
        Learning rate of the augmenter.
    every : int
        Steps of the encoder for one of the augmenter.
    loss : name or settings of a loss, or None
        In place of the global InfoNCE at ``temperature``. With an adversarial divergence, which the augmenter
        maximises, it must be a contrast that needs no labels, as others have no upper bound.

    Raises
    ------
    ConfigError
        When the loss cannot be maximised.

    References
    ----------
    Zheng et al., ICLR 2024, sections 3.3 and 3.4, equations 7 to 9. Deviations: the divergence is that of
    representations of unit length, so that its weight does not drift with their scale; the entropy has the
    right probability (see :func:`tsrep.views.hard_concrete.open_probability`); the triplet is on the keep
    probability, not on the noisy mask; the hinges.
    """

    def __init__(
        self,
        trunk: Encoder,
        channels: int,
        covariates: int,
        mask_per: MaskPer = "time",
        gate_temperature: Above = 2 / 3,
        stretch: Annotated[float, Field(gt=0, le=1)] = 0.1,
        log_gain_bound: Above = 1.0,
        parts: Parts = "both",
        noise: Share = 0.5,
        temperature: Temperature = 1.0,
        local_weight: Weight = 0.3,
        divergence: Literal["linear", "rbf", "adversarial"] = "linear",
        entropy: Weight = 0.1,
        consistency: Weight = 0.1,
        saturation: Weight = 1.0,
        lr: Above = 1e-3,
        every: PositiveInt = 1,
        loss: ChosenLoss = None,
    ) -> None:
        super().__init__()
        self.augmenter = PaperAugmenter(
            trunk,
            channels,
            covariates,
            mask_per=mask_per,
            temperature=gate_temperature,
            stretch=stretch,
            log_gain_bound=log_gain_bound,
            parts=parts,
        )
        self.masked, self.scaled = parts != "gain", parts != "mask"
        chosen = chosen_loss(loss, InfoNCE(temperature))
        if divergence == "adversarial" and not (chosen.takes_bank and not chosen.needs):
            raise ConfigError(
                "objective.form.divergence adversarial maximises the loss, which that chosen does not allow; "
                "choose one such as infonce or dcl"
            )
        self.contrast = ViewContrast(noise, temperature, local_weight, loss=None if loss is None else chosen)
        self.divergence, self.entropy, self.consistency = divergence, entropy, consistency
        self.saturation, self.lr, self.every = saturation, lr, every

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Those of the loss."""
        return needs_of_loss(settings.loss)

    def augmenter_terms(
        self, encoder: Encoder, x: Tensor, *, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Terms ``divergence`` or ``adversarial``, ``entropy``, ``consistency``, ``saturation``."""
        made = self.augmenter(x, generator=generator)
        terms = self._divergence(encoder, x, made.view, generator)
        # A mask that is 1 everywhere has no entropy to weigh and nothing to be consistent about.
        if self.masked and self.entropy > 0:
            terms["entropy"] = self.entropy * made.nonzero.mean()
        if self.masked and self.consistency > 0:
            uniform = torch.rand(len(x), ANCHORS, 3, generator=generator, device=x.device)
            terms["consistency"] = self.consistency * triplet_consistency(made.keep, uniform)
        if self.saturation > 0:
            terms["saturation"] = self.saturation * self._saturation(made)
        return terms

    def _divergence(
        self, encoder: Encoder, x: Tensor, view: Tensor, generator: torch.Generator
    ) -> dict[str, Tensor]:
        if self.divergence == "adversarial":
            # What the encoder minimises, with the sign turned; segments are the encoder's own matter.
            against = replace(self.contrast, local_weight=0.0)
            return {"adversarial": -against(encoder, x, view, generator=generator)["global"]}
        with torch.no_grad():  # only the views move
            z = pool(encoder(x), "max").float()
        z_view = pool(encoder(view), "max").float()
        unit, unit_view = F.normalize(z, dim=1), F.normalize(z_view, dim=1)  # (batch, dim)
        return {"divergence": (linear_mmd if self.divergence == "linear" else rbf_mmd)(unit, unit_view)}

    def _saturation(self, made: Augmented) -> Tensor:
        """Zero for a mask and a gain that vary over time and neither keep nor drop nearly everything."""
        total = torch.zeros((), device=made.view.device)
        if self.masked:
            total = total + keep_rate_hinge(made.keep) + spread_hinge(made.keep)
        return total + spread_hinge(made.log_gain) if self.scaled else total
