"""Stand-in for the network of ECGFounder: grouped convolutions, squeeze and excitation, seven stages."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn
from torch.nn import functional as F


class Same(nn.Conv1d):
    """A convolution whose output has ``ceil(time / stride)`` steps."""

    def forward(self, x: Tensor) -> Tensor:
        (kernel,), (stride,), time = self.kernel_size, self.stride, x.shape[-1]
        missing = max((-(-time // stride) - 1) * stride + kernel - time, 0)
        return super().forward(F.pad(x, (missing // 2, missing - missing // 2)))


class Block(nn.Module):
    def __init__(self, before: int, width: int, kernel: int, stride: int, group: int) -> None:
        super().__init__()
        self.conv1, self.conv3 = nn.Conv1d(before, width, 1), nn.Conv1d(width, width, 1)
        self.conv2 = Same(width, width, kernel, stride, groups=width // group)
        self.se_fc1, self.se_fc2 = nn.Linear(width, width // 2), nn.Linear(width // 2, width)
        self.stride, self.wider = stride, width - before

    def forward(self, x: Tensor) -> Tensor:
        z = self.conv3(F.silu(self.conv2(F.silu(self.conv1(F.silu(x))))))
        z = z * self.se_fc2(F.silu(self.se_fc1(z.mean(-1)))).sigmoid()[..., None]
        if self.stride > 1:
            x = F.max_pool1d(F.pad(x, (0, -x.shape[-1] % self.stride)), self.stride)
        return z + F.pad(x, (0, 0, self.wider // 2, self.wider - self.wider // 2))


class Net1D(nn.Module):
    def __init__(
        self, in_channels: int, base_filters: int, ratio: float, filter_list: list[int], n_classes: int,
        m_blocks_list: list[int], kernel_size: int, stride: int, groups_width: int, **off: Any,
    ) -> None:  # fmt: skip
        super().__init__()
        assert ratio == 1
        assert not any(off.values())
        self.first_conv, before, stages = (
            Same(in_channels, base_filters, kernel_size, stride),
            base_filters,
            [],
        )
        for width, blocks in zip(filter_list, m_blocks_list, strict=True):
            made = [
                Block(width if k else before, width, kernel_size, 1 if k else stride, groups_width)
                for k in range(blocks)
            ]
            stages, before = [*stages, nn.Sequential(*made)], width
        self.stage_list, self.dense = nn.ModuleList(stages), nn.Linear(before, n_classes)

    def forward(self, x: Tensor) -> Tensor:
        z = F.silu(self.first_conv(x))
        for stage in self.stage_list:
            z = stage(z)
        return self.dense(z.mean(-1))
