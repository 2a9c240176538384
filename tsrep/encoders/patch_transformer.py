"""The transformer with one token per patch of time."""

from __future__ import annotations

from typing import Annotated

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.attention import TransformerBlocks, start_linear_maps
from tsrep.encoders.encoder import UNBOUNDED, Positive, StemWeight, TokenEncoder, without_missing
from tsrep.encoders.positions import AddedPositions, Positions
from tsrep.errors import ConfigError, DataError
from tsrep.registry import ENCODERS


@ENCODERS.register("patch-transformer", runtime=("channels",))
class PatchTransformer(TokenEncoder):
    """Attention among patches, which may overlap; all channels of a patch share one token.

    With a single channel per row of the batch this is the channel-independent network of PatchTST.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    width : int
        Of a token.
    dim : int, optional
        Width of the representation; that of a token when missing.
    patch, stride : int
        Length of a patch and distance of neighbouring ones, in steps; a patch is no shorter than the
        stride.
    depth, heads : int
        Blocks, and attention heads in each; ``heads`` divides ``width``.
    feedforward : float
        Hidden width of a block's feedforward part, as a multiple of ``width``.
    positions : str
        Of patches: ``"sinusoid"``, ``"learned"`` (as published), ``"rotary"``, or ``"none"``.
    longest : int
        Steps that learned positions reach; a longer signal is refused. Of no effect on the other kinds.

    Raises
    ------
    ConfigError
        When patches leave gaps, ``heads`` does not divide ``width``, or a signal is longer than learned
        positions.
    DataError
        When a signal is shorter than the stride.

    Notes
    -----
    Patch ``i`` starts at step ``i * stride``; the last step is repeated ``patch - stride`` times after the
    end, so that there are ``time // stride`` patches. Missing steps and those not kept are zero in their
    patch. A patch without a kept step is a zero latent to which no patch attends. A patch can depend on
    the whole signal, so ``receptive_field`` is ``UNBOUNDED``.

    References
    ----------
    Nie et al., "A time series is worth 64 words", ICLR 2023 (PatchTST). Deviations: layer normalisation
    before each part in place of batch normalisation after it, positions that need no longest length by
    default, a linear map at the end, no dropout, no residual attention
    scores; instance normalisation belongs to the forecaster.
    """

    token_overlap: int

    def __init__(
        self,
        channels: int,
        width: Positive = 64,
        dim: Positive | None = None,
        patch: Positive = 16,
        stride: Positive = 8,
        depth: Positive = 2,
        heads: Positive = 4,
        feedforward: Annotated[float, Field(gt=0)] = 2.0,
        positions: Positions = "sinusoid",
        longest: Positive = 1024,
    ) -> None:
        super().__init__()
        if patch < stride:
            raise ConfigError(
                f"patches of {patch} steps every {stride} steps leave gaps; give a patch of at least {stride}"
            )
        self.patch, self.token_overlap = patch, patch - stride
        self.input = nn.Linear(channels * patch, width)
        self.positions = AddedPositions(positions, width, max(1, longest // stride))
        self.dim, self.stride, self.causal, self.receptive_field = dim or width, stride, False, UNBOUNDED
        rotary = positions == "rotary"
        self.blocks = TransformerBlocks(width, depth, heads, feedforward, self.dim, rotary=rotary)
        start_linear_maps(self)

    def tokens(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """One token per patch."""
        tokens: Tensor = self.blocks(*self._patches(x, keep))
        return tokens

    def visible_tokens(self, x: Tensor, visible: Tensor) -> Tensor:
        """Tokens of some patches; see :meth:`Encoder.visible_tokens`."""
        tokens: Tensor = self.blocks(*self._patches(x, None), visible)
        return tokens

    def _patches(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        """Patches with their positions, shape (batch, patch, width), and whether a step of each is kept."""
        if x.shape[-1] < self.stride:
            raise DataError(
                f"a signal of {x.shape[-1]} steps is shorter than the {self.stride} steps from one patch to "
                "the next; raise window.seconds or give a smaller stride"
            )
        x, keep = without_missing(x, keep)
        x, beyond = x * keep[:, None], self.token_overlap
        x = torch.cat([x, x[..., -1:].expand(-1, -1, beyond)], dim=-1)
        patches = x.unfold(-1, self.patch, self.stride).transpose(1, 2).flatten(2)
        kept = F.pad(keep, (0, beyond)).unfold(-1, self.patch, self.stride).any(-1)  # (batch, patch)
        return self.positions(self.input(patches) * kept[..., None]), kept

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("input.weight", block=self.patch)]
