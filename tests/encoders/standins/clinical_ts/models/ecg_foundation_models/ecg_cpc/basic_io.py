"""Stand-in for the loader of ECG-CPC: stride 2 in all, causal layers, 512 values a step; narrow between."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

WIDTH, DIM = 32, 512


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(12, WIDTH, 3, 2, padding=1)
        self.decay = nn.Parameter(torch.rand(4, WIDTH))
        self.mixing = nn.ModuleList([nn.Linear(WIDTH, 2 * WIDTH) for _ in range(4)])
        self.last = nn.Linear(WIDTH, DIM)

    def forward(self, seq: Tensor) -> dict[str, Tensor]:
        z = F.relu(self.first(seq))
        steps = torch.arange(32)
        for decay, mixing in zip(self.decay, self.mixing, strict=True):
            kernel = torch.exp(-F.softplus(decay)[:, None] * steps.flip(0))[:, None]  # (state, 1, lag)
            state = F.conv1d(F.pad(z, (31, 0)), kernel, groups=WIDTH)
            z = z + F.glu(mixing(F.gelu(state).mT), dim=-1).mT
        return {"seq": self.last(z.mT)}


def load_model_from_config(config_name: str) -> tuple[Network, dict[str, Any]]:
    network = Network()
    network.load_state_dict(torch.load(Path(config_name).with_name("model.pt"), weights_only=True))
    return network, {}
