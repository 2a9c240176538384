"""Stand-in for the loader of ECG-CPC: convolutions of stride 2 in all, then causal layers of 512 states."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class Network(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.first = nn.Conv1d(12, 512, 3, 2, padding=1)
        self.others = nn.ModuleList([nn.Conv1d(512, 512, 1) for _ in range(3)])
        self.decay = nn.Parameter(torch.rand(4, 512))
        self.mixing = nn.ModuleList([nn.Linear(512, 1024) for _ in range(4)])

    def forward(self, seq: Tensor) -> dict[str, Tensor]:
        z = F.relu(self.first(seq))
        for conv in self.others:
            z = F.relu(conv(z))
        steps = torch.arange(32)
        for decay, mixing in zip(self.decay, self.mixing, strict=True):
            kernel = torch.exp(-F.softplus(decay)[:, None] * steps.flip(0))[:, None]  # (dim, 1, lag)
            state = F.conv1d(F.pad(z, (31, 0)), kernel, groups=512)
            z = z + F.glu(mixing(F.gelu(state).mT), dim=-1).mT
        return {"seq": z.mT}


def load_model_from_config(config_name: str) -> tuple[Network, dict[str, Any]]:
    network = Network()
    network.load_state_dict(torch.load(Path(config_name).with_name("model.pt"), weights_only=True))
    return network, {}
