"""A recurrent encoder."""

from __future__ import annotations

from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, without_missing
from tsrep.encoders.sizes import Positive
from tsrep.registry import ENCODERS

UNBOUNDED = 2**31 - 1


@ENCODERS.register("lstm", runtime=("channels",))
class LSTM(Encoder):
    """Layers of long short-term memory over a per-step linear map; causal.

    Parameters
    ----------
    channels : int
        Channels of the signal.
    hidden : int
        Width of the latent.
    dim : int
        Width of the representation, and of the state of every layer.
    layers : int
        Number of layers.

    Notes
    -----
    A step can depend on all steps before it, so ``receptive_field`` is the largest 32-bit number. A
    step that is missing or not kept enters as a zero latent; the state moves on over it all the same.

    Source
    ------
    Hochreiter & Schmidhuber, "Long short-term memory", 1997, with the forget gate of Gers et al. 2000.
    """

    def __init__(
        self, channels: int, hidden: Positive = 64, dim: Positive = 320, layers: Positive = 2
    ) -> None:
        super().__init__()
        self.input = nn.Linear(channels, hidden)
        self.lstm = nn.LSTM(hidden, dim, layers, batch_first=True)
        self.dim, self.stride, self.causal, self.receptive_field = dim, 1, True, UNBOUNDED

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        states: Tensor = self.lstm(self.input(x.mT) * keep[..., None])[0]
        return states.mT
