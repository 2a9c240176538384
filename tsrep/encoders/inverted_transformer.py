"""The transformer with one token per channel."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.attention import TransformerBlocks, start_linear_maps
from tsrep.encoders.encoder import Encoder, Positive, StemWeight, without_missing
from tsrep.errors import DataError
from tsrep.registry import ENCODERS


@ENCODERS.register("inverted-transformer", runtime=("channels",))
class InvertedTransformer(Encoder):
    """Attention among channels, each a linear map of a whole block of its steps.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    length : int
        Steps of a block, and the stride; the look-back, where the encoder serves a forecaster.
    width : int
        Of a token.
    depth, heads : int
        Blocks of the network, and attention heads in each; ``heads`` divides ``width``.
    feedforward : float
        Hidden width of a block's feedforward part, as a multiple of ``width``.

    Raises
    ------
    ConfigError
        When ``heads`` does not divide ``width``.
    DataError
        When a signal is shorter than a block.

    Notes
    -----
    A signal is cut into blocks of ``length`` steps from its first step on; each block is encoded on its
    own, so ``receptive_field`` is ``length``. The tokens of all channels stand side by side: ``dim`` is
    ``channels * width``, and ``z.unflatten(1, (-1, width))`` gives a head each channel's own token. The
    network knows no order of channels: permuting them permutes the tokens. Missing steps and those not
    kept are zero in all channels; a block without a kept step enters as zero latents.

    References
    ----------
    Liu et al., "iTransformer: inverted transformers are effective for time series forecasting", ICLR 2024.
    Deviations: normalisation first, a linear map at the end, no dropout; instance normalisation belongs to
    the forecaster.
    """

    def __init__(
        self,
        channels: int,
        length: Positive = 24,
        width: Positive = 64,
        depth: Positive = 2,
        heads: Positive = 4,
        feedforward: Annotated[float, Field(gt=0)] = 2.0,
    ) -> None:
        super().__init__()
        self.input = nn.Linear(length, width)
        self.blocks = TransformerBlocks(width, depth, heads, feedforward, width)
        start_linear_maps(self)
        self.dim, self.stride, self.causal, self.receptive_field = channels * width, length, False, length

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        count = x.shape[-1] // self.stride
        if count == 0:
            raise DataError(
                f"a signal of {x.shape[-1]} steps is shorter than a block of {self.stride}; give longer "
                "windows or a smaller length"
            )
        x, keep = without_missing(x, keep)
        size, channels = x.shape[:2]
        x, keep = (part[..., : count * self.stride] for part in (x * keep[:, None], keep))
        blocks = x.reshape(size, channels, count, self.stride).transpose(1, 2)
        kept = keep.reshape(size, count, self.stride).any(-1)
        latent: Tensor = self.input(blocks) * kept[..., None, None]  # (batch, block, channel, width)
        tokens: Tensor = self.blocks(latent.flatten(0, 1))
        return tokens.reshape(size, count, self.dim).mT

    def stem_weights(self) -> list[StemWeight]:
        """None, as every channel is read by the same weights."""
        return []
