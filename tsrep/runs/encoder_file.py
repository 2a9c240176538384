"""The file of an encoder: weights, and as metadata all that it takes to use them elsewhere."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from safetensors import safe_open
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.reading import readable, refuse_other_format
from tsrep.runs.architecture import Architecture
from tsrep.runs.weights import weights_digest
from tsrep.signals.contract import SignalContract
from tsrep.training.checkpoint import load_weights, save_weights

FORMAT = 2


@dataclass(frozen=True, eq=False)
class EncoderFile:
    """What a file of an encoder says of itself.

    Attributes
    ----------
    path : Path
    architecture : Architecture
    contract : SignalContract
    digest : str
        Of the weights, as announced.
    """

    path: Path
    architecture: Architecture
    contract: SignalContract
    digest: str

    def weights(self) -> dict[str, Tensor]:
        """The tensors.

        Raises
        ------
        RunError
            When they cannot be read or are not those that the file announces.
        """
        weights = load_weights(self.path)
        if weights_digest(weights) != self.digest:
            raise RunError(
                f"{self.path} does not hold the weights that it announces (SHA-256 {self.digest[:12]}); "
                "restore it"
            )
        return weights

    def encoder(self) -> Encoder:
        """The encoder with its weights, on the CPU, in evaluation mode."""
        return self.architecture.filled(self.weights(), str(self.path), "its own settings")


def read_encoder_file(path: Path) -> EncoderFile:
    """What a file says, without its weights.

    Raises
    ------
    RunError
        When it is no such file, is broken, or was written by another version.
    """
    found = metadata_of(path)
    if "tsrep_format" not in found:
        raise RunError(
            f"{path} does not say which encoder it belongs to; wrap it with a function and give "
            "module:function"
        )
    refuse_other_format(path, found["tsrep_format"], str(FORMAT))
    with readable(path, "an encoder", "restore it, or train it again"):
        settings, channels = json.loads(found["encoder"]), int(found["channels_seen"])
        contract, digest = found["contract"], found["sha256_of_weights"]
    made = Architecture.from_plain(settings, channels, str(path))
    return EncoderFile(path, made, SignalContract.from_json(contract), digest)


def write_encoder_file(
    path: Path,
    weights: Mapping[str, Tensor],
    architecture: Architecture,
    contract: SignalContract,
    **further: str,
) -> None:
    """Write weights with what :func:`read_encoder_file` reads, and further metadata."""
    metadata = {
        "tsrep_format": str(FORMAT),
        "encoder": architecture.to_json(),
        "channels_seen": str(architecture.channels),
        "contract": contract.to_json(),
        "sha256_of_weights": weights_digest(weights),
    }
    save_weights(path, dict(weights), metadata | further)


def metadata_of(path: Path) -> dict[str, str]:
    """Metadata of a safetensors file.

    Raises
    ------
    RunError
        When it cannot be read.
    """
    if not path.is_file():
        raise RunError(f"there is no file {path}; check the path")
    with readable(path, "weights", "restore it, or train the run again"), safe_open(path, "pt") as file:
        return dict(file.metadata() or {})
