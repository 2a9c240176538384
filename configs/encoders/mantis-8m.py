"""Mantis-8M; needs the package mantis-tsfm and model.safetensors of its weights in the working directory."""

from safetensors.torch import load_file

from tsrep.encoders.adapters.adapter import Adapter, pretrained
from tsrep.encoders.adapters.description import described


def load(variant: str = "authors", checkpoint: str = "model.safetensors") -> Adapter:
    """Mantis-8M before the projection that only its pre-training uses."""
    from mantis.architecture import Mantis8M

    return pretrained(
        lambda: Mantis8M(seq_len=512, device="cpu"),
        load_file(checkpoint),
        described(__file__, variant),
        head=["prj"],
    )
