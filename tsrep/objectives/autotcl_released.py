"""AutoTCL in the form that its public code effectively trains."""

from __future__ import annotations

from typing import Annotated, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import pool
from tsrep.losses.autotcl_mask import released_consistency, released_sparseness
from tsrep.losses.mmd import rbf_mmd
from tsrep.objectives.autotcl import (
    FORMS,
    Above,
    Form,
    ViewContrast,
    Weight,
)
from tsrep.views.autotcl_augmenter import ReleasedAugmenter


@FORMS.register("released", runtime=("trunk", "channels"))
class ReleasedForm(Form):
    """Mask and gain on every channel, covariates included, no latent noise, no hinge against saturation.

    The divergence is on the convolutional features of an encoder that has such a stage before its experts
    (``convolved``), the contrast on its representations. The contrast between segments sees the first
    sample of the batch alone, unaugmented. Defaults are those for ETTh1, univariate; the trunk there is a
    ``dilated-conv-ar`` of hidden 64, dim 16, depth 3.

    Parameters
    ----------
    trunk, channels
        See :class:`tsrep.views.autotcl_augmenter.ReleasedAugmenter`, as are the next three.
    gumbel_bias, gamma_zeta : float
        Bias and limits of the stretched gate.
    hard_mask : bool
    local_weight : float
    divergence : {"rbf", "adversarial"}
        As in the paper's form; the public adversarial variant has ``sparseness`` and ``consistency`` 0.
    sparseness : float
        Weight of the hinge that stands for the entropy (``reg_weight``).
    consistency : float
        ``regular_weight``.
    lr : float
        Of the augmenter (``meta_lr``).
    every : int
        ``ratio_step``.

    References
    ----------
    The public code of Zheng et al., ICLR 2024, as of March 2024, with what its call sites do by accident.
    """

    def __init__(
        self,
        trunk: Encoder,
        channels: int,
        gumbel_bias: Annotated[float, Field(ge=0, lt=0.5)] = 0.05,
        gamma_zeta: Annotated[float, Field(ge=0, le=1)] = 0.05,
        hard_mask: bool = True,
        local_weight: Weight = 0.3,
        divergence: Literal["rbf", "adversarial"] = "rbf",
        sparseness: Weight = 0.003,
        consistency: Weight = 0.0,
        lr: Above = 0.01,
        every: PositiveInt = 1,
    ) -> None:
        super().__init__()
        self.augmenter = ReleasedAugmenter(
            trunk, channels, bias=gumbel_bias, stretch=gamma_zeta, hard=hard_mask
        )
        self.contrast = ViewContrast(local_weight=local_weight, released=True)
        self.divergence, self.sparseness, self.consistency = divergence, sparseness, consistency
        self.lr, self.every = lr, every

    def augmenter_terms(
        self, encoder: Encoder, x: Tensor, *, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """Terms ``divergence`` or ``adversarial``, ``sparseness``, ``consistency``."""
        made = self.augmenter(x, generator=generator)
        with torch.no_grad():  # only the views move
            z = convolved(encoder, x)
        z_view = convolved(encoder, made.view)
        if self.divergence == "adversarial":
            terms = {"adversarial": -self.contrast.pooled(z, z_view)}
        else:
            # Raw features, neither normalised nor from the experts: an argument was taken for a flag.
            terms = {"divergence": rbf_mmd(pool(z, "max"), pool(z_view, "max"))}
        if self.sparseness > 0:
            terms["sparseness"] = self.sparseness * released_sparseness(made.keep)
        time = x.shape[-1]
        if self.consistency > 0 and time > 3:
            # (2, anchor): as many anchors as samples, shared by all of them
            draws = torch.randint(1, time - 2, (2, len(x)), generator=generator, device=x.device)
            terms["consistency"] = self.consistency * released_consistency(made.keep, *draws)
        return terms


def convolved(encoder: Encoder, x: Tensor) -> Tensor:
    """Features before the encoder's experts where it has any, else its representation."""
    features: Tensor = getattr(encoder, "convolved", encoder)(x)
    return features
