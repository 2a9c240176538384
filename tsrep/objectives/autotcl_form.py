"""What the forms of AutoTCL, that of the paper and that of the public code, have in common."""

from __future__ import annotations

from abc import ABC, abstractmethod
from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.losses.mask_regularity import spread_over_time
from tsrep.registry import Registry
from tsrep.views.parametric import Augmented, Augmenter

FORMS = Registry("form of autotcl", "tsrep.objectives")

Weight = Annotated[float, Field(ge=0, allow_inf_nan=False)]
Above = Annotated[float, Field(gt=0, allow_inf_nan=False)]
Share = Annotated[float, Field(ge=0, lt=1)]
Count = Annotated[int, Field(gt=0)]

SATURATED = 0.01
CONSTANT = 0.01


class Form(nn.Module, ABC):
    """An augmenter, its loss, and the loss of the encoder.

    Attributes
    ----------
    augmenter : Module
    lr : float
        Of the augmenter.
    every : int
        The augmenter moves before every so many steps of the encoder.
    """

    augmenter: Augmenter
    lr: float
    every: int

    @abstractmethod
    def player_terms(self, encoder: Encoder, x: Tensor, *, generator: torch.Generator) -> dict[str, Tensor]:
        """What the augmenter minimises."""

    @abstractmethod
    def encoder_terms(
        self, encoder: Encoder, x: Tensor, view: Tensor, *, generator: torch.Generator
    ) -> dict[str, Tensor]:
        """What the encoder minimises."""


def saturation(made: Augmented) -> dict[str, Tensor]:
    """How near mask and gain are to doing nothing of their own.

    Returns
    -------
    dict of scalars
        ``keep_rate``: mean of the mask as drawn. ``saturated``: share of steps whose mask is all but
        certain. ``keep_spread``, ``gain_spread``: standard deviation over time of the keep probability and of
        the gain, mean over samples. ``constant_masks``: share of maps that are
        constant over time.
    """
    keep, gain = made.keep.float(), made.gain.float()
    spread = spread_over_time(keep)
    return {
        "keep_rate": made.mask.float().mean(),
        "saturated": ((keep < SATURATED) | (keep > 1 - SATURATED)).float().mean(),
        "keep_spread": spread.mean(),
        "gain_spread": spread_over_time(gain).mean(),
        "constant_masks": (spread < CONSTANT).float().mean(),
    }
