"""ECG-JEPA; put the Python files of its repository and the checkpoint into the working directory."""

import torch

from tsrep.encoders.adapters.adapter import Adapter, pretrained
from tsrep.encoders.adapters.description import described


def load(variant: str = "authors", checkpoint: str = "multiblock_epoch100.pth") -> Adapter:
    """The encoder of ECG-JEPA, its tokens averaged as its authors do."""
    from ecg_jepa import ecg_jepa

    settings = {
        "encoder_embed_dim": 768, "encoder_depth": 12, "encoder_num_heads": 16, "predictor_embed_dim": 384,
        "predictor_depth": 6, "predictor_num_heads": 12, "c": 8, "pos_type": "sincos", "mask_scale": (0, 0),
        "leads": list(range(8)),
    }  # fmt: skip
    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)["encoder"]
    return pretrained(
        lambda: ecg_jepa(**settings).encoder,
        weights,
        described(__file__, variant),
        read=lambda network, x, _: network.representation(x),
    )
