"""One encoder for every lead by itself."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import TypeAdapter
from torch import Tensor

from tsrep.encoders.encoder import Encoder, SlowParameters, StemWeight, without_missing
from tsrep.registry import ENCODERS, Chosen

ChosenTrunk = Annotated[Any, Chosen(ENCODERS)]


@ENCODERS.register("lead-wise")
class LeadWise(Encoder):
    """Encode each channel by the same network, and take the mean of the channels' representations.

    Takes any number of channels, so that an objective may show it single ones. The representation does not
    depend on the order of the channels and says nothing about which of them is which.

    Parameters
    ----------
    trunk : name or settings of an encoder
        Built for one channel.

    References
    ----------
    Kiyasseh et al., "CLOCS", ICML 2021: there a lead is a sample of its own. Deviation: the mean over leads.
    """

    def __init__(self, trunk: ChosenTrunk = "resnet1d") -> None:
        super().__init__()
        self.trunk: Encoder = ENCODERS.build(TypeAdapter(ChosenTrunk).validate_python(trunk), channels=1)
        self.dim, self.stride = self.trunk.dim, self.trunk.stride
        self.receptive_field, self.causal = self.trunk.receptive_field, self.trunk.causal

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        filled, kept = without_missing(x, keep)
        channels = x.shape[1]
        z = self.trunk(filled.flatten(0, 1)[:, None], kept.repeat_interleave(channels, 0))
        return z.reshape(-1, channels, *z.shape[1:]).mean(dim=1)

    def slow_parameters(self) -> list[SlowParameters]:
        """Those of the trunk."""
        return self.trunk.slow_parameters()

    def layer_groups(self) -> list[tuple[str, list[str]]]:
        """Those of the trunk."""
        groups = self.trunk.layer_groups()
        return [(f"trunk.{name}", [f"trunk.{parameter}" for parameter in group]) for name, group in groups]

    def stem_weights(self) -> list[StemWeight]:
        """None, as every channel is read by the same weights."""
        return []
