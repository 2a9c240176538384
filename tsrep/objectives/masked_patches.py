"""Masked reconstruction: hidden patches of a signal are predicted from those around them."""

from __future__ import annotations

import math
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.errors import ConfigError
from tsrep.losses.masked_patches import hidden_patches, masked_patch_error, visible_patches
from tsrep.objectives.objective import Objective
from tsrep.objectives.whole_patches import refuse_rest
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Panel


@OBJECTIVES.register("masked-patches", runtime=("dim", "stride", "channels"))
class MaskedPatches(Objective):
    """Hide patches of the signal and predict them by a linear map of the representation there.

    Parameters
    ----------
    dim, stride : int
        Of the representation.
    channels : int
        Of the signal.
    form : {"corrected", "published"}
        Hide a patch in all channels, and tell the encoder which steps are hidden; or, as published, hide
        patches of each channel by themselves and put zeros in their place, which look like a flat line.
    patch : int, optional
        Input steps of a patch; a multiple of the encoder's stride, the one nearest to 10 when missing.
    share : float
        Of patches that are hidden.

    Raises
    ------
    ConfigError
        When the stride does not divide ``patch``, ``patch`` does not divide a signal, a signal has fewer
        than two patches, or all of them would be hidden.

    References
    ----------
    Nie et al., "A time series is worth 64 words", ICLR 2023, section 3.2 (self-supervised PatchTST).
    Deviations: the run standardises, not the method; whole patches from the start of the signal.
    """

    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "patch-transformer", "patch": 10, "stride": 10}}

    def __init__(
        self,
        dim: int,
        stride: int,
        channels: int,
        form: Literal["corrected", "published"] = "corrected",
        patch: Positive | None = None,
        share: Annotated[float, Field(gt=0, lt=1)] = 0.4,
    ) -> None:
        super().__init__()
        patch = patch or max(1, round(10 / stride)) * stride
        if patch % stride:
            raise ConfigError(
                f"objective.patch is {patch} steps, which the encoder's stride of {stride} does not divide; "
                f"give a multiple of {stride}"
            )
        self.published, self.patch, self.share = form == "published", patch, share
        self.stride = stride
        self.channels = channels
        self.head = nn.Linear(dim * (patch // stride), channels * patch)

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: fewer than two patches, steps that are in none, or no visible patch."""
        if train.length < 2 * self.patch:
            raise ConfigError(
                f"objective masked-patches has signals of {train.length} steps, fewer than two patches of "
                f"{self.patch}; raise window.seconds or give a smaller objective.patch"
            )
        refuse_rest("masked-patches", train.length, self.patch, "objective.patch", step=self.stride, fewest=2)
        count = train.length // self.patch
        if visible_patches(count, self.share) == 0:
            most = math.floor(100 - 100 / count) / 100
            raise ConfigError(
                f"objective masked-patches hides {self.share:g} of {count} patches, which leaves none to "
                f"predict them from; lower objective.share to {most:g}, or give a smaller objective.patch"
            )

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``reconstruction``; see :class:`Objective`."""
        count = batch.x.shape[-1] // self.patch
        # (batch, channel, patch, step) to (batch, patch, channel, step)
        whole = batch.x[..., : count * self.patch]
        patches = whole.reshape(*whole.shape[:2], count, self.patch).transpose(1, 2)
        apart = self.channels if self.published else 1
        order = torch.rand(len(batch.x), count, apart, generator=generator, device=batch.x.device)
        hidden = hidden_patches(order, self.share)  # (batch, patch, channel or 1)
        z = self._encoded(encoder, batch.x, hidden)
        return {"reconstruction": masked_patch_error(self._predicted(z, count), patches, hidden)}

    def _encoded(self, encoder: Encoder, x: Tensor, hidden: Tensor) -> Tensor:
        """Representation of signals whose hidden patches are not seen."""
        steps = hidden.repeat_interleave(self.patch, dim=1).mT  # (batch, channel or 1, step)
        rest = x.shape[-1] - steps.shape[-1]
        steps = torch.cat([steps, steps.new_zeros(*steps.shape[:2], rest)], dim=-1)
        if self.published:
            return encoder(x.masked_fill(steps, 0.0))
        return encoder(x, ~steps[:, 0])

    def _predicted(self, z: Tensor, count: int) -> Tensor:
        """Patches from the representation, shape (batch, patch, channel, step)."""
        of_patch = self.head.in_features // z.shape[1]  # output steps
        whole = z[..., : count * of_patch].reshape(*z.shape[:2], count, of_patch)
        rows = whole.transpose(1, 2).flatten(2)  # (batch, patch, dim * output steps)
        predicted: Tensor = self.head(rows)
        return predicted.reshape(len(rows), count, self.channels, self.patch)
