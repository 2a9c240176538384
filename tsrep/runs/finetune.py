"""Fine-tuning: all weights trained on a fraction of the labels, by the one training loop."""

from __future__ import annotations

import math
import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import torch
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.labels.metrics import metrics
from tsrep.evaluation.predictions import Predictions, load_predictions, save_predictions
from tsrep.objectives.objective import Objective
from tsrep.objectives.supervised import Supervised
from tsrep.registry import OBJECTIVES, SAMPLERS
from tsrep.runs.batches import suited_sampler
from tsrep.runs.build import initial_weights
from tsrep.runs.config import Configuration
from tsrep.runs.prepare import Prepared
from tsrep.sampling.batches import PanelTensors
from tsrep.signals import Panel
from tsrep.signals.panel import Ints
from tsrep.training.interrupt import Interrupted
from tsrep.training.loop import Part, Trainer
from tsrep.training.settings import TrainingSettings

CHUNK = 512


def finetuned(
    config: Configuration,
    prepared: Prepared,
    encoder: Encoder,
    labelled: Ints,
    scored: Ints,
    *,
    choose: bool,
    seed: int,
    device: torch.device,
    folder: Path,
) -> Predictions:
    """Window predictions after training on labelled samples; validation patients choose the weights.

    Parameters
    ----------
    config, prepared
        Of the run.
    encoder : Encoder
        Where training starts; changed in place.
    labelled, scored : int64 arrays
        Samples of the panel.
    choose : bool
        Whether validation patients choose the epoch; they must not when they are the ones scored.
    seed : int
        Of head, batches and dropout.
    folder : Path
        Where an interrupted training finds its state; at the end it holds the predictions only.
    """
    done = folder.with_name(f"{folder.name}.npz")
    key = ("finetuned", "finetune", 1.0, "all", "test" if choose else "validation")
    if done.exists():
        return load_predictions(done)[key]
    folder.mkdir(parents=True, exist_ok=True)
    head = _head(config, encoder, prepared.panel, seed)
    train, validation = (
        _part(config, prepared.panel.select(index), seed, device)
        for index in (labelled, prepared.split.validation)
    )
    trainer = Trainer(
        encoder,
        head,
        train,
        validation,
        _settings(config, len(train.sampler.epoch(1)), choose),
        seed=seed,
        folder=folder,
        score=_macro_auroc(validation.tensors),
        score_name="validation macro AUROC",
    )
    try:
        trainer.run()
    except Interrupted:
        raise Interrupted("stopped; what is finished is kept: evaluate again to go on") from None
    predictions = _predict(encoder, head, prepared.panel.select(scored), device)
    save_predictions(done, {key: predictions})
    shutil.rmtree(folder)
    return predictions


def _head(config: Configuration, encoder: Encoder, panel: Panel, seed: int) -> Supervised:
    with initial_weights(seed, "head"):
        head: Supervised = OBJECTIVES.build(
            config.evaluation.finetune.head,
            dim=encoder.dim,
            classes=len(panel.classes),
            multilabel=panel.multilabel,
        )
    return head


def _part(config: Configuration, panel: Panel, seed: int, device: torch.device) -> Part:
    size = min(config.evaluation.finetune.batch_size, len(panel))
    sampler = SAMPLERS.build(
        suited_sampler("random", panel), panel=panel, batch_size=size, seed=seed, rank=0, world=1
    )
    return Part(PanelTensors(panel, device), sampler)


def _settings(config: Configuration, steps: int, choose: bool) -> TrainingSettings:
    """Enough epochs for ``least_steps``, validated about as often whatever their length."""
    chosen = config.evaluation.finetune
    epochs = max(chosen.epochs, math.ceil(chosen.min_steps / steps))
    return TrainingSettings(
        epochs=epochs,
        batch_size=chosen.batch_size,
        lr=chosen.lr,
        schedule=chosen.schedule,
        average=chosen.average,
        checkpoint="best-score" if choose else "last",
        patience=chosen.patience if choose else None,
        validate_every=max(1, epochs // chosen.epochs),
        amp=config.training.amp,
        compile=config.training.compile,
    )


def _macro_auroc(tensors: PanelTensors) -> Callable[[Encoder, Objective], float]:
    def score(encoder: Encoder, head: Objective) -> float:
        assert isinstance(head, Supervised)
        return metrics(_probabilities(encoder, head, tensors), tensors.panel.label)["auroc"]

    return score


def _predict(encoder: Encoder, head: Supervised, panel: Panel, device: torch.device) -> Predictions:
    prob = _probabilities(encoder, head, PanelTensors(panel, device))
    return Predictions(prob, panel.label, panel.patient, panel.trial)


@torch.no_grad()
def _probabilities(encoder: Encoder, head: Supervised, tensors: PanelTensors) -> np.ndarray:
    encoder.eval()
    head.eval()
    logits: list[Tensor] = []
    for at in range(0, len(tensors), CHUNK):
        x = tensors.batch(np.arange(at, min(at + CHUNK, len(tensors)))).x
        logits.append(head.logits(encoder, x).double().cpu())
    joined = torch.cat(logits)
    return (joined.sigmoid() if tensors.panel.multilabel else joined.softmax(dim=1)).numpy()
