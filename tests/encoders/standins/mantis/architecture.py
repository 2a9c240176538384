"""Stand-in for Mantis: 32 tokens of a series and its differences, read by a class token."""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Mantis8M(nn.Module):
    def __init__(self, seq_len: int = 512, device: str = "cuda") -> None:
        super().__init__()
        assert device == "cpu"
        step = seq_len // 32
        self.convs = nn.ModuleList([nn.Conv1d(1, 256, step + 1, padding=step // 2) for _ in range(2)])
        self.statistics, self.mix = nn.Linear(2, 64), nn.Linear(2 * 256 + 64, 256)
        self.cls_token = nn.Parameter(torch.randn(256))
        self.block = nn.TransformerEncoderLayer(256, 8, 512, 0.1, batch_first=True)
        self.prj = nn.Sequential(nn.LayerNorm(256), nn.Linear(256, 256))

    def forward(self, x: Tensor) -> Tensor:
        assert x.shape[1] == 1
        patches = x.reshape(len(x), 32, -1)
        statistics = self.statistics(torch.stack([patches.mean(-1), patches.std(-1)], -1) / 1e3)
        scaled = [
            (s - s.mean(-1, keepdim=True)) / (s.std(-1, keepdim=True) + 1e-5)
            for s in (F.pad(x.diff(dim=-1), (0, 1)), x)
        ]
        parts = [F.adaptive_avg_pool1d(c(s), 32).mT for c, s in zip(self.convs, scaled, strict=True)]
        tokens = self.mix(torch.cat([*parts, statistics], -1))
        return self.block(torch.cat([self.cls_token.expand(len(x), 1, -1), tokens], 1))[:, 0]
