"""ECGFounder; put net1d.py of its repository and 12_lead_ECGFounder.pth into the working directory."""

import torch

from tsrep.encoders.adapters.adapter import Adapter, pretrained
from tsrep.encoders.adapters.description import described
from tsrep.encoders.adapters.reading import output_of


def load(variant: str = "authors", checkpoint: str = "12_lead_ECGFounder.pth") -> Adapter:
    """ECGFounder up to its last stage."""
    from net1d import Net1D

    settings = {
        "in_channels": 12, "base_filters": 64, "ratio": 1, "kernel_size": 16, "stride": 2, "groups_width": 16,
        "filter_list": [64, 160, 160, 400, 400, 1024, 1024], "m_blocks_list": [2, 2, 2, 3, 3, 4, 4],
        "use_bn": False, "use_do": False, "verbose": False, "n_classes": 150,
    }  # fmt: skip
    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)["state_dict"]
    return pretrained(
        lambda: Net1D(**settings),
        weights,
        described(__file__, variant),
        read=output_of("stage_list.6"),
        head=["dense"],
    )
