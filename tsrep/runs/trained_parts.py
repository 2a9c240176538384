"""Encoder, objective and forecaster as the folder of a run keeps them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.evaluation.candidate import Model
from tsrep.objectives.forecaster import Forecaster
from tsrep.objectives.objective import Objective
from tsrep.rng import initial_weights
from tsrep.runs.build import architecture_of, blank_encoder, blank_objective
from tsrep.runs.config import Configuration
from tsrep.runs.encoder_file import EncoderFile, read_encoder_file, write_encoder_file
from tsrep.runs.kept_models import KeptModels
from tsrep.runs.manifest import refuse_changed
from tsrep.runs.weights import fill
from tsrep.signals.contract import SignalContract
from tsrep.training.checkpoint import kept_file, load_weights

ENCODER_FILE, WEIGHTS = "encoder.safetensors", "weights.safetensors"
ENCODER, OBJECTIVE = "encoder.", "objective."  # of the names in the latter


@dataclass(frozen=True)
class TrainedParts:
    """What one training left behind; modules are on the CPU and in evaluation mode.

    Attributes
    ----------
    folder : Path
        Of a run of one seed.
    config : Configuration
    data : mapping
        What the provenance says of the data: ``channels``, ``covariates``, ``classes``.
    """

    folder: Path
    config: Configuration
    data: Mapping[str, Any]

    @property
    def counts(self) -> dict[str, int]:
        """Numbers of channels, covariates and classes that it was trained on."""
        return {key: len(self.data.get(key, [])) for key in ("channels", "covariates", "classes")}

    @property
    def file(self) -> EncoderFile:
        """What the file of the encoder says of it."""
        refuse_changed(self.folder, ENCODER_FILE)
        return read_encoder_file(self.folder / ENCODER_FILE)

    def encoder(self) -> Encoder:
        """The encoder with its weights."""
        return self._filled_encoder(self.file.weights(), ENCODER_FILE)

    def objective(self, encoder: Encoder) -> Objective:
        """The objective with what it learned."""
        return self._filled_objective(encoder, self._weights(WEIGHTS))

    def forecaster(self) -> Forecaster:
        """Encoder and head as one module.

        Raises
        ------
        RunError
            When the objective makes no forecasts.
        """
        encoder = self.encoder()
        objective = self.objective(encoder)
        if not objective.forecasts:
            raise RunError(
                f"{self.folder} was trained by {self.config.objective.name}, which makes no forecasts; train "
                "one that does with: tsrep fit --objective forecast"
            )
        if not objective.has_forecasts:
            raise RunError(
                f"{self.folder} was trained by its contrast alone (objective.weight is 1), so its head says "
                "nothing; train one with a smaller weight"
            )
        return Forecaster(encoder, objective).eval()

    def models(self, training: Mapping[str, Any]) -> KeptModels:
        """What makes encoder and objective of the epoch that was kept for each draw of labels.

        Parameters
        ----------
        training : mapping
            What the provenance says of it: ``kept`` and ``epoch``.
        """
        files = {epoch: kept_file(self.folder, epoch) for epoch in training["kept"].values()}
        files[training["epoch"]] = self.folder / WEIGHTS
        made = {epoch: partial(self._model, file) for epoch, file in files.items()}
        return KeptModels(self.folder, {draw: made[epoch] for draw, epoch in training["kept"].items()})

    def write_encoder(self, encoder: Encoder, contract: SignalContract) -> None:
        """Keep the weights with all that it takes to use them elsewhere."""
        made = architecture_of(self.config, self.counts["channels"], self.counts["covariates"])
        write_encoder_file(self.folder / ENCODER_FILE, encoder.state_dict(), made, contract)

    def _model(self, file: Path) -> Model:
        name = str(file.relative_to(self.folder))
        weights = self._weights(name)
        encoder = self._filled_encoder(_beginning(ENCODER, weights), name)
        return encoder, self._filled_objective(encoder, weights)

    def _weights(self, name: str) -> dict[str, Tensor]:
        refuse_changed(self.folder, name)
        return load_weights(self.folder / name)

    def _filled_encoder(self, weights: dict[str, Tensor], file: str) -> Encoder:
        with initial_weights(0, "about to be replaced"):
            encoder = blank_encoder(self.config, self.counts["channels"], self.counts["covariates"])
        self._fill(encoder, weights, file)
        return encoder.eval()

    def _filled_objective(self, encoder: Encoder, weights: Mapping[str, Tensor]) -> Objective:
        with initial_weights(0, "about to be replaced"):
            objective = blank_objective(
                self.config,
                encoder,
                **dict[str, Any](self.counts),
                channel_names=tuple(self.data.get("channels", ())),
                class_names=tuple(self.data.get("classes", ())),
                multilabel=bool(self.data.get("multilabel")),
            )
        self._fill(objective, _beginning(OBJECTIVE, weights), WEIGHTS)
        return objective.eval()

    def _fill(self, module: nn.Module, weights: dict[str, Tensor], file: str) -> None:
        fill(module, weights, f"{self.folder}/{file}", "config.yaml")


def _beginning(word: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights whose names begin so, without that."""
    return {name.removeprefix(word): value for name, value in weights.items() if name.startswith(word)}
