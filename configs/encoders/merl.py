"""MERL; put finetune/models/resnet1d.py of its repository and its checkpoint into the working directory."""

import torch

from tsrep.encoders.adapters.adapter import Adapter, pretrained
from tsrep.encoders.adapters.description import described
from tsrep.encoders.adapters.reading import output_of


def load(variant: str = "authors", checkpoint: str = "res18_best_encoder.pth") -> Adapter:
    """The ResNet-18 of MERL up to its last stage."""
    from resnet1d import ResNet18

    weights = torch.load(checkpoint, map_location="cpu", weights_only=True)
    return pretrained(
        lambda: ResNet18(num_classes=1),
        weights,
        described(__file__, variant),
        read=output_of("layer4"),
        head=["linear"],
    )
