"""Stand-in for the ResNet-18 of MERL: without a pooling behind the first convolution."""

from __future__ import annotations

from torch import Tensor, nn
from torch.nn import functional as F


class Block(nn.Module):
    def __init__(self, before: int, width: int, stride: int) -> None:
        super().__init__()
        self.conv1 = nn.Conv1d(before, width, 3, stride, 1, bias=False)
        self.conv2 = nn.Conv1d(width, width, 3, 1, 1, bias=False)
        self.bn1, self.bn2, self.shortcut = nn.BatchNorm1d(width), nn.BatchNorm1d(width), nn.Sequential()
        if stride != 1 or before != width:
            self.shortcut = nn.Sequential(
                nn.Conv1d(before, width, 1, stride, bias=False), nn.BatchNorm1d(width)
            )

    def forward(self, x: Tensor) -> Tensor:
        return F.relu(self.bn2(self.conv2(F.relu(self.bn1(self.conv1(x))))) + self.shortcut(x))


class ResNet(nn.Module):
    def __init__(self, num_classes: int) -> None:
        super().__init__()
        self.conv1, self.bn1 = nn.Conv1d(12, 64, 7, 2, 3, bias=False), nn.BatchNorm1d(64)
        for number, (before, width) in enumerate([(64, 64), (64, 128), (128, 256), (256, 512)], 1):
            stage = nn.Sequential(Block(before, width, 1 + (number > 1)), Block(width, width, 1))
            self.add_module(f"layer{number}", stage)
        self.linear = nn.Linear(512, num_classes)

    def forward(self, x: Tensor) -> Tensor:
        z = F.relu(self.bn1(self.conv1(x)))
        for number in range(1, 5):
            z = self.get_submodule(f"layer{number}")(z)
        return self.linear(z.mean(-1))


def ResNet18(num_classes: int) -> ResNet:
    return ResNet(num_classes)
