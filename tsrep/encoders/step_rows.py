"""Layers on maps whose memory is one row of widths for each time step.

A map is ``(batch, width, 1, time)`` in channels-last memory, that is rows ``(batch, time, width)``.
Convolutions run in that layout without reordering on CPUs and on tensor cores, and the widths of a step, over
which it is normalised, lie side by side.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def as_rows(x: Tensor) -> Tensor:
    """A signal ``(batch, channel, time)`` as a map ``(batch, channel, 1, time)``."""
    return x.unsqueeze(2).contiguous(memory_format=torch.channels_last)


class StepConv(nn.Conv1d):
    """A convolution over the time of a map, with the parameters of one over a signal."""

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, in, 1, time)`` to ``(batch, out, 1, time)``."""
        assert not isinstance(self.padding, str)
        return F.conv2d(
            x,
            self.weight.unsqueeze(2),
            self.bias,
            stride=(1, *self.stride),
            padding=(0, *self.padding),
            dilation=(1, *self.dilation),
        )


class RectifiedStepNorm(nn.LayerNorm):
    """Standardisation over the widths of each time step, and a ReLU.

    Unlike batch normalisation it knows no batch mates and is the same in training and evaluation;
    unlike group normalisation it does not mix time steps, so masked or missing steps do not move the
    others and the receptive field stays finite.
    """

    def forward(self, x: Tensor) -> Tensor:
        """Map ``(batch, width, 1, time)`` to the same shape."""
        rows = super().forward(x.permute(0, 2, 3, 1))
        return F.relu_(rows).permute(0, 3, 1, 2)  # in place on the view, autograd would copy it


def mean_of_steps(x: Tensor, count: int) -> Tensor:
    """Means of so many neighbouring steps, ``(batch, width, 1, time // count)``."""
    return F.avg_pool2d(x, (1, count)) if count > 1 else x
