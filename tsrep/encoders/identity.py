"""The signal itself as representation."""

from __future__ import annotations

from torch import Tensor

from tsrep.encoders.encoder import Encoder, without_missing
from tsrep.registry import ENCODERS


@ENCODERS.register("identity", runtime=("channels",))
class Identity(Encoder):
    """Each step represents itself; without parameters, and causal.

    Parameters
    ----------
    channels : int
        Channels of the signal, and width of the representation.

    Notes
    -----
    A step that is missing or not kept is zero. There is nothing to train in it: it is for forecasts, as
    below, and as the floor that a trained representation must rise above.

    References
    ----------
    Under a flatten head and last-value normalisation, channels on their own, it is NLinear of Zeng et al.,
    "Are transformers effective for time series forecasting?", AAAI 2023.
    """

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dim, self.stride, self.causal, self.receptive_field = channels, 1, True, 1

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        return x * keep[:, None]
