"""Recurrent encoders."""

from __future__ import annotations

from typing import ClassVar, Self

from torch import Tensor, nn

from tsrep.encoders.encoder import UNBOUNDED, Encoder, Positive, StemWeight, without_missing
from tsrep.registry import ENCODERS


class Recurrent(Encoder):
    """A per-step linear map, and the promises of a network whose state runs over it step by step.

    Notes
    -----
    A step can depend on all steps before it, so ``receptive_field`` is the largest 32-bit number. A
    step that is missing or not kept enters as a zero latent; the state moves on over it all the same.

    The cells stay in training mode, which without dropout differs in nothing from evaluation: cuDNN goes
    backward in no other, and gradients are asked for in evaluation too.
    """

    network: ClassVar[type[nn.LSTM] | type[nn.GRU]]

    def __init__(
        self, channels: int, hidden: Positive = 64, dim: Positive = 320, layers: Positive = 2
    ) -> None:
        super().__init__()
        self.input = nn.Linear(channels, hidden)
        self.cells = self.network(hidden, dim, layers, batch_first=True)
        self.dim, self.stride, self.causal, self.receptive_field = dim, 1, True, UNBOUNDED

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        latent: Tensor = self.input(x.mT) * keep[..., None]  # (batch, time, hidden)
        states: Tensor = self.cells(latent)[0]
        return states.mT

    def layer_groups(self) -> list[tuple[str, list[str]]]:
        """The linear map, then each layer of cells; see :meth:`Encoder.layer_groups`."""
        names = [name for name, _ in self.named_parameters()]
        layers = range(self.cells.num_layers)
        cells = [(f"cells.{k}", [name for name in names if name.endswith(f"_l{k}")]) for k in layers]
        return [("input", [name for name in names if name.startswith("input.")]), *cells]

    def train(self, mode: bool = True) -> Self:
        """Change the mode of all but the cells."""
        super().train(mode)
        self.cells.training = True
        return self

    def stem_weights(self) -> list[StemWeight]:
        """See :meth:`Encoder.stem_weights`."""
        return [StemWeight("input.weight")]


@ENCODERS.register("lstm", runtime=("channels",))
class LSTM(Recurrent):
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
    See :class:`Recurrent`.

    References
    ----------
    Hochreiter & Schmidhuber, "Long short-term memory", 1997, with the forget gate of Gers et al. 2000.
    """

    network = nn.LSTM


@ENCODERS.register("gru", runtime=("channels",))
class GRU(Recurrent):
    """Layers of gated recurrent units over a per-step linear map; causal.

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
    See :class:`Recurrent`.

    References
    ----------
    Cho et al., "Learning phrase representations using RNN encoder-decoder", EMNLP 2014. Deviation: as in
    torch, the reset gate acts after the linear map of the state, not before it.
    """

    network = nn.GRU
