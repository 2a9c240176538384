"""ECG-FM; needs the package fairseq-signals, whose requirements want an environment of its own.

Where they cannot live beside tsrep, write its features to a file there and name it ``features:FILE.npz``.
"""

from tsrep.encoders.adapters.adapter import Adapter
from tsrep.encoders.adapters.description import described


def load(variant: str = "authors", checkpoint: str = "mimic_iv_ecg_physionet_pretrained.pt") -> Adapter:
    """ECG-FM before its quantiser."""
    from fairseq_signals.models import build_model_from_checkpoint

    network = build_model_from_checkpoint(checkpoint_path=checkpoint)

    # (batch, time', dim) in its words
    return Adapter(
        network.eval(),
        described(__file__, variant),
        read=lambda network, x, _: network.extract_features(x, padding_mask=None)["x"].mT,
    )
