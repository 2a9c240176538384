"""What training has left in the folder of a run, read as modules."""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.evaluation.candidate import Model
from tsrep.evaluation.heads.kept import FOLDER as HEADS
from tsrep.evaluation.heads.kept import load_heads
from tsrep.files import write_json
from tsrep.objectives.forecaster import Forecaster
from tsrep.objectives.objective import Objective
from tsrep.registry import DATASETS
from tsrep.rng import initial_weights
from tsrep.runs.build import architecture_of, blank_encoder, blank_objective
from tsrep.runs.config import plain
from tsrep.runs.encoder_file import write_encoder_file
from tsrep.runs.kept_models import KeptModels
from tsrep.runs.ledger import FILE as LEDGER
from tsrep.runs.ledger import Ledger
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.manifest import refuse_changed
from tsrep.runs.naming import CONTRACT, ENCODER_FILE, WEIGHTS
from tsrep.runs.prepared import Prepared
from tsrep.runs.weights import fill
from tsrep.signals.standardise import Scaler
from tsrep.training.checkpoint import kept_file, load_weights

if TYPE_CHECKING:
    from tsrep.runs.folder import Run

ENCODER, OBJECTIVE = "encoder.", "objective."  # how names of weights begin in a file of both


def encoder(run: Run) -> Encoder:
    """See :meth:`tsrep.runs.folder.Run.encoder`."""
    run.refuse_unfinished()
    return _encoder(run, run.encoder_file.weights(), ENCODER_FILE)


def objective(run: Run, encoder: Encoder) -> Objective:
    """See :meth:`tsrep.runs.folder.Run.objective`."""
    run.refuse_unfinished()
    refuse_changed(run.folders[0], WEIGHTS)
    return _objective(run, encoder, load_weights(run.folders[0] / WEIGHTS))


def forecaster(run: Run) -> Forecaster:
    """See :meth:`tsrep.runs.folder.Run.forecaster`."""
    own = encoder(run)
    head = objective(run, own)
    if not head.forecasts:
        raise RunError(
            f"{run.path} was trained by {run.config.objective.name}, which makes no forecasts; train "
            "one that does with: tsrep fit --objective forecast"
        )
    if not head.has_forecasts:
        raise RunError(
            f"{run.path} was trained by its contrast alone (objective.weight is 1), so its head says "
            "nothing; train one with a smaller weight"
        )
    return Forecaster(own, head).eval()


def loaded(run: Run) -> LoadedEncoder:
    """See :meth:`tsrep.runs.folder.Run.loaded`."""
    run.refuse_unfinished()
    one, file = run.by_seed[0], run.encoder_file
    refuse_changed(one.path, LEDGER)
    return LoadedEncoder(
        one.encoder(),
        file.contract,
        str(run.path),
        file.digest,
        name=run.config.objective.name,
        heads=load_heads(run.path / HEADS),
        ledger=Ledger.load(one.path),
        citation=DATASETS.entry(run.config.dataset.name).cls.about.citation,
        provenance=one.provenance | {"split": one.split_digest},
        recipe=plain(one.config),
        architecture=file.architecture,
        objective=one.objective,
    )


def kept_models(run: Run) -> KeptModels:
    """What makes encoder and objective of the epoch that training kept for each draw of labels."""
    training = run.provenance["training"]
    files = {epoch: kept_file(run.path, epoch) for epoch in training["kept"].values()}
    files[training["epoch"]] = run.path / WEIGHTS
    made = {epoch: partial(_model, run, file) for epoch, file in files.items()}
    return KeptModels(run.path, {draw: made[epoch] for draw, epoch in training["kept"].items()})


def shared_scaler(run: Run) -> Scaler:
    """The one that all signals of a run were standardised by.

    Raises
    ------
    RunError
        When training has not ended, or each record was standardised by its own.
    """
    run.refuse_unfinished()
    kept = run.encoder_file.contract.standardise
    if kept.how == "record":
        raise RunError(f"{run.path} does not say how its series was standardised; train it again")
    mean, std = (np.array([values], np.float32) for values in (kept.mean or (0,), kept.std or (1,)))
    return Scaler(mean, std)


def write_encoder(run: Run, encoder: Encoder, prepared: Prepared) -> None:
    """Keep the weights with all that it takes to use them elsewhere, and the contract to read."""
    contract = prepared.contract_of(encoder)
    made = architecture_of(run.config, run.counts["channels"], run.counts["covariates"])
    write_encoder_file(run.path / ENCODER_FILE, encoder.state_dict(), made, contract)
    write_json(run.path / CONTRACT, json.loads(contract.to_json()))


def _model(run: Run, file: Path) -> Model:
    name = str(file.relative_to(run.path))
    refuse_changed(run.path, name)
    weights = load_weights(file)
    own = _encoder(run, _beginning(ENCODER, weights), name)
    return own, _objective(run, own, weights)


def _encoder(run: Run, weights: dict[str, Tensor], file: str) -> Encoder:
    with initial_weights(0, "about to be replaced"):
        blank = blank_encoder(run.config, run.counts["channels"], run.counts["covariates"])
    _fill(run, blank, weights, file)
    return blank.eval()


def _objective(run: Run, encoder: Encoder, weights: Mapping[str, Tensor]) -> Objective:
    with initial_weights(0, "about to be replaced"):
        data, told = run.provenance["data"], dict[str, Any](run.counts)
        blank = blank_objective(
            run.config,
            encoder,
            **told,
            channel_names=tuple(data.get("channels", ())),
            class_names=tuple(data.get("classes", ())),
            multilabel=bool(data.get("multilabel")),
        )
    _fill(run, blank, _beginning(OBJECTIVE, weights), WEIGHTS)
    return blank.eval()


def _fill(run: Run, module: nn.Module, weights: dict[str, Tensor], file: str) -> None:
    fill(module, weights, f"{run.folders[0]}/{file}", "config.yaml")


def _beginning(word: str, weights: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Weights whose names begin so, without that."""
    return {name.removeprefix(word): value for name, value in weights.items() if name.startswith(word)}
