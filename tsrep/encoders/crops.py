"""An encoder that sees a window in crops, one after the other."""

from __future__ import annotations

from torch import Tensor

from tsrep.encoders.encoder import Encoder, SlowParameters


class Crops(Encoder):
    """The steps of all crops of a window side by side; steps after the last whole crop are not seen.

    Parameters
    ----------
    encoder : Encoder
    crop, hop : int
        Steps of a crop, and from one to the next; a shorter window is one crop.
    """

    def __init__(self, encoder: Encoder, crop: int, hop: int) -> None:
        super().__init__()
        self.encoder, self.crop, self.hop = encoder, crop, hop
        self.dim, self.stride, self.causal = encoder.dim, encoder.stride, encoder.causal
        self.receptive_field = min(encoder.receptive_field, crop)

    def count(self, time: int) -> int:
        """Crops of a window of so many steps."""
        return 1 + max(0, time - self.crop) // self.hop

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        """See :meth:`Encoder.forward`, of shape (batch, dim, crop * (time of a crop // stride))."""
        if x.shape[-1] < self.crop:
            return self.encoder(x, keep)
        pieces = x.unfold(-1, self.crop, self.hop).transpose(1, 2)  # (batch, crop, channel, time)
        kept = None if keep is None else keep.unfold(-1, self.crop, self.hop).flatten(0, 1)
        z = self.encoder(pieces.flatten(0, 1), kept)  # (batch * crop, dim, time')
        return z.reshape(*pieces.shape[:2], *z.shape[1:]).transpose(1, 2).flatten(2)

    def another(self) -> Crops:
        """See :meth:`Encoder.another`."""
        return Crops(self.encoder.another(), self.crop, self.hop)

    def slow_parameters(self) -> list[SlowParameters]:
        """Those of the encoder."""
        return self.encoder.slow_parameters()
