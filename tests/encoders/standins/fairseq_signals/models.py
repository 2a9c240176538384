"""Stand-in for ECG-FM: four strided convolutions, convolutional positions, a transformer."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ECGTransformer(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.convs = nn.ModuleList([nn.Conv1d(12 if k == 0 else 256, 256, 2, 2) for k in range(4)])
        self.post_extract_proj = nn.Linear(256, 768)
        self.conv_pos = nn.Conv1d(768, 768, 16, padding=8, groups=16)
        self.block = nn.TransformerEncoderLayer(768, 12, 64, 0.1, batch_first=True)
        self.mask_emb = nn.Parameter(torch.rand(768))

    def extract_features(self, source: Tensor, padding_mask: Tensor | None) -> dict[str, Any]:
        z = source
        for conv in self.convs:
            z = F.gelu(conv(z))
        z = self.post_extract_proj(F.layer_norm(z.mT, (256,)))
        z = z + F.gelu(self.conv_pos(z.mT)[..., :-1].mT)
        return {"x": self.block(z), "padding_mask": padding_mask}


def build_model_from_checkpoint(checkpoint_path: str) -> ECGTransformer:
    model = ECGTransformer()
    model.load_state_dict(torch.load(checkpoint_path, weights_only=True)["model"])
    return model.train()
