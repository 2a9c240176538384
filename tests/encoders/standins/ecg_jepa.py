"""Stand-in for ECG-JEPA: patches of 50 steps of 8 leads, attention within a lead and within a time."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class Encoder(nn.Module):
    def __init__(self, width: int, heads: int, c: int) -> None:
        super().__init__()
        self.W_P, self.norm = nn.Linear(50, width), nn.LayerNorm(width)
        self.pos_embed = nn.Parameter(torch.linspace(-1, 1, c * 50)[:, None].repeat(1, width), False)
        self.block = nn.TransformerEncoderLayer(width, heads, 64, 0.0, batch_first=True)
        token = torch.arange(c * 50)
        self.hidden = ((token[:, None] - token) % 50 != 0) & (token[:, None] // 50 != token // 50)

    def representation(self, x: Tensor) -> Tensor:
        assert x.shape[1:] == (8, 2500)
        z = self.W_P(x.reshape(len(x), -1, 50)) + self.pos_embed
        return self.norm(self.block(z, src_mask=self.hidden)).mean(1)


class ecg_jepa(nn.Module):
    def __init__(self, encoder_embed_dim: int, encoder_num_heads: int, c: int, **others: Any) -> None:
        super().__init__()
        assert others["pos_type"] == "sincos"
        self.encoder = Encoder(encoder_embed_dim, encoder_num_heads, c)
