"""ECG-CPC; put the folder clinical_ts of the authors' benchmark and their ECG-CPC folder beside it."""

from tsrep.encoders.adapters.adapter import Adapter
from tsrep.encoders.adapters.description import described


def load(variant: str = "authors", config: str = "ecg_cpc/config.yaml") -> Adapter:
    """ECG-CPC up to its last state; its own loader builds the network that the configuration names."""
    from clinical_ts.models.ecg_foundation_models.ecg_cpc.basic_io import load_model_from_config

    network, _ = load_model_from_config(config_name=config)

    # (batch, time', dim) in its words
    return Adapter(
        network.eval(),
        described(__file__, variant),
        read=lambda network, x, _: network(seq=x)["seq"].mT,
    )
