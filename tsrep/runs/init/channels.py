"""Weights that read input channels, for other channels than they were trained on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import Tensor

from tsrep.encoders.encoder import StemWeight
from tsrep.errors import ConfigError
from tsrep.rng import torch_generator

TIE = 1e-3  # of the size of a column: noise by which the columns of new channels differ


@dataclass(frozen=True)
class ChannelChange:
    """From the channels that an encoder was trained on to those of a run.

    Attributes
    ----------
    old, new : tuple of str
        Names in order.
    rescale : bool
        Whether the sum over channels keeps its size where some are left out.
    """

    old: tuple[str, ...]
    new: tuple[str, ...]
    rescale: bool = False

    @property
    def kept(self) -> tuple[str, ...]:
        """Channels of the run that the encoder knows."""
        return tuple(name for name in self.new if name in self.old)

    @property
    def added(self) -> tuple[str, ...]:
        """Channels of the run that it does not know."""
        return tuple(name for name in self.new if name not in self.old)

    @property
    def factor(self) -> float:
        """By which every column is multiplied.

        Equal signals on all channels then give the sum that they gave before, but for channels that are left
        out, which count as zero unless :attr:`rescale` is set.
        """
        counted = len(self.new) if self.rescale else len(self.old) + len(self.added)
        return len(self.old) / counted

    def adapted(self, weight: Tensor, stem: StemWeight, seed: int) -> Tensor:
        """The weight for the channels of the run.

        Parameters
        ----------
        weight : Tensor
            With ``block`` columns for each old channel along ``axis``.
        stem : StemWeight
        seed : int
            Of the noise by which the columns of several new channels differ.

        Returns
        -------
        Tensor
            With ``block`` columns for each new channel.
        """
        columns = weight.detach().movedim(stem.axis, 0)
        columns = columns.reshape(len(self.old), stem.block, *columns.shape[1:])
        mean = columns.mean(dim=0)  # (block, ...)
        generator = torch_generator(seed, "init", stem.name)
        found = []
        for name in self.new:
            if name in self.old:
                found.append(columns[self.old.index(name)])
            else:
                noise = torch.randn(mean.shape, generator=generator, dtype=torch.float64)
                found.append(mean + (TIE * mean.square().mean().sqrt() * noise).to(mean.dtype))
        stacked = torch.stack(found).flatten(0, 1).movedim(0, stem.axis)
        return (stacked * self.factor if self.factor != 1 else stacked).contiguous()

    def told(self) -> str:
        """What is done, in a sentence."""
        if not self.added and len(self.new) == len(self.old):
            return f"the weights of the input channels were put into the order {_listed(self.new)}"
        if not self.added:
            scaled = f", multiplied by {self.factor:.3g}" if self.factor != 1 else ", not rescaled"
            return f"of {len(self.old)} input channels the weights of {_listed(self.new)} were taken{scaled}"
        return (
            f"the channels {_listed(self.added)} are new to the encoder and start from the mean weights of "
            f"its {len(self.old)} channels, all multiplied by {self.factor:.3g}"
        )

    def refuse(self, source: str) -> None:
        """Refuse any change.

        Raises
        ------
        ConfigError
        """
        raise ConfigError(
            f"the data have the channels {_listed(self.new)}, and {source} was trained on "
            f"{_listed(self.old)}; select them with dataset.channels, or set init.channels to adapt"
        )


def _listed(names: Sequence[str]) -> str:
    shown = ", ".join(names[:6])
    return f"{shown}, ... ({len(names)})" if len(names) > 6 else shown
