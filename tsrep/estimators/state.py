"""What a fitted estimator of instances knows, as plain facts and tensors and back."""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.estimators.epochs import Recorded
from tsrep.estimators.learning import Learned
from tsrep.estimators.saving import Stored
from tsrep.rng import initial_weights
from tsrep.runs.build import blank_encoder
from tsrep.runs.config import Configuration
from tsrep.signals.standardise import Scaler


def stored(learned: Learned, channels: tuple[str, ...], recorded: Recorded | None) -> Stored:
    """Facts and tensors of an encoder and what its signals look like."""
    tensors = prefixed("encoder", learned.encoder)
    if learned.scaler is not None:
        tensors |= {
            "mean": torch.from_numpy(learned.scaler.mean),
            "std": torch.from_numpy(learned.scaler.std),
        }
    facts: dict[str, Any] = {"channels": list(channels), "recorded": None}
    if recorded is not None:
        facts["recorded"] = {"sfreq": recorded.sfreq, "channels": list(recorded.channels)}
    return facts, tensors


def restored(
    config: Configuration, facts: dict[str, Any], tensors: dict[str, Tensor]
) -> tuple[Learned, tuple[str, ...], Recorded | None]:
    """What :func:`stored` was told."""
    channels = tuple(facts["channels"])
    with initial_weights(0, "about to be replaced"):
        encoder: Encoder = blank_encoder(config, len(channels), 0)
    load_prefixed("encoder", encoder, tensors)
    scaler = Scaler(tensors["mean"].numpy(), tensors["std"].numpy()) if "mean" in tensors else None
    told = facts["recorded"]
    recorded = None if told is None else Recorded(told["sfreq"], tuple(told["channels"]))
    return Learned(encoder, scaler), channels, recorded


def prefixed(prefix: str, module: nn.Module) -> dict[str, Tensor]:
    """Weights of a module, copied, with a prefix to their names."""
    return {f"{prefix}.{name}": value.clone() for name, value in module.state_dict().items()}


def load_prefixed(prefix: str, module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Give a module its weights, and put it into evaluation mode."""
    own = {name.removeprefix(f"{prefix}."): v for name, v in tensors.items() if name.startswith(f"{prefix}.")}
    module.load_state_dict(own)
    module.eval()
