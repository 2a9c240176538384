"""The transformer with one token per time step."""

from __future__ import annotations

from typing import Annotated

from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.attention import TransformerBlocks, start_linear_maps
from tsrep.encoders.encoder import UNBOUNDED, Positive, StemWeight, TokenEncoder, without_missing
from tsrep.encoders.positions import AddedPositions, Positions
from tsrep.registry import ENCODERS


@ENCODERS.register("transformer", runtime=("channels",))
class Transformer(TokenEncoder):
    """Attention among all time steps, each a linear map of its channels.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    width : int
        Of a token.
    dim : int, optional
        Width of the representation; that of a token when missing.
    depth, heads : int
        Blocks, and attention heads in each; ``heads`` divides ``width``.
    feedforward : float
        Hidden width of a block's feedforward part, as a multiple of ``width``.
    positions : str
        ``"sinusoid"``, ``"rotary"``, ``"learned"``, or ``"none"``: the published models of self-supervised
        forecasting had none, so that the order of the steps was unknown to them.
    longest : int
        Steps that learned positions reach; a longer signal is refused. Of no effect on the other kinds.
    causal : bool
        Whether a step attends to itself and earlier steps alone.

    Raises
    ------
    ConfigError
        When ``heads`` does not divide ``width``, or a signal is longer than learned positions.

    Notes
    -----
    A step that is missing or not kept enters as a zero latent with its position, and no step attends to
    it: its own output tells what the kept steps say of it. A step can depend on all others, so
    ``receptive_field`` is ``UNBOUNDED``. Memory is linear in time where attention runs in
    blocks, but for the mask of a causal one: ``batch * time ** 2`` numbers.

    References
    ----------
    Vaswani et al., "Attention is all you need", NeurIPS 2017. Deviations: normalisation first, GELU, no
    dropout.
    """

    def __init__(
        self,
        channels: int,
        width: Positive = 64,
        dim: Positive | None = None,
        depth: Positive = 2,
        heads: Positive = 4,
        feedforward: Annotated[float, Field(gt=0)] = 2.0,
        positions: Positions = "sinusoid",
        longest: Positive = 1024,
        causal: bool = False,
    ) -> None:
        super().__init__()
        self.input, self.token_overlap = nn.Linear(channels, width), 0
        self.positions = AddedPositions(positions, width, longest)
        self.dim, self.stride, self.causal, self.receptive_field = dim or width, 1, causal, UNBOUNDED
        rotary = positions == "rotary"
        self.blocks = TransformerBlocks(
            width, depth, heads, feedforward, self.dim, causal=causal, rotary=rotary
        )
        start_linear_maps(self)

    def tokens(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """One token per time step."""
        tokens: Tensor = self.blocks(*self._steps(x, keep))
        return tokens

    def visible_tokens(self, x: Tensor, visible: Tensor) -> Tensor:
        """Tokens of some time steps; see :meth:`Encoder.visible_tokens`."""
        tokens: Tensor = self.blocks(*self._steps(x, None), visible)
        return tokens

    def _steps(self, x: Tensor, keep: Tensor | None) -> tuple[Tensor, Tensor]:
        """Steps with their positions, shape (batch, time, width), and which of them are kept."""
        x, keep = without_missing(x, keep)
        return self.positions(self.input(x.mT) * keep[..., None]), keep

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("input.weight")]
