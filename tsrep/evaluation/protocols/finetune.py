"""Fine-tuning: all weights trained on a fraction of the labels, by the one training loop."""

from __future__ import annotations

import hashlib
import json
import math
import shutil
import tempfile
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, TypeAdapter

from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.metrics import metrics
from tsrep.evaluation.predictions import Predictions, load_predictions, save_predictions
from tsrep.evaluation.protocols.labels import LabelProtocol
from tsrep.evaluation.protocols.protocol import Head
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES, PROTOCOLS, SAMPLERS, Chosen
from tsrep.rng import initial_weights
from tsrep.sampling.batches import PanelTensors
from tsrep.sampling.chunk_wise import suited_sampler
from tsrep.signals.panel import Ints
from tsrep.training.interrupt import Interrupted
from tsrep.training.loop import Part, Trainer
from tsrep.training.settings import TrainingSettings

CHUNK = 512
HEAD = {"name": "supervised", "head": "mlp"}
ChosenHead = Annotated[Any, Chosen(OBJECTIVES, HEAD)]


@PROTOCOLS.register("finetune")
class FineTuning(LabelProtocol):
    """Training of all weights on labels, from the trained encoder and from random initialisations.

    Validation patients choose the epoch, unless they are the ones scored. An interrupted training resumes.

    Parameters
    ----------
    head : settings of an objective
        What is trained with the encoder; settings of the objective ``supervised``.
    epochs : int
    min_steps : int
        With few labels, more epochs are run until there are so many steps.
    batch_size : int
    lr : float
        Learning rate.
    schedule : {"cosine", "constant"}
    average : {"ema", "uniform", "none"}
        Of the weights.
    patience : int or None
        Validations without a better one after which training stops.
    """

    title, rank, trains_encoder = "fine-tuning", 30, True

    def __init__(
        self,
        head: ChosenHead = HEAD,
        epochs: Annotated[int, Field(ge=1)] = 20,
        min_steps: Annotated[int, Field(ge=0)] = 200,
        batch_size: Annotated[int, Field(ge=2)] = 128,
        lr: Annotated[float, Field(gt=0)] = 5e-4,
        schedule: Literal["cosine", "constant"] = "cosine",
        average: Literal["ema", "uniform", "none"] = "ema",
        patience: Annotated[int, Field(ge=1)] | None = 10,
    ) -> None:
        self.head = TypeAdapter(ChosenHead).validate_python(head)
        self.epochs, self.min_steps = epochs, min_steps
        self.training: dict[str, Any] = {
            "batch_size": batch_size, "lr": lr, "schedule": schedule, "average": average,
        }  # fmt: skip
        self.patience = patience
        told = [self.head.model_dump(mode="json"), epochs, min_steps, self.training, patience]
        self.digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]

    def predict(
        self, candidate: Candidate, seed: int, labelled: Ints, evaluation: LabelEvaluation, draw: str
    ) -> tuple[Predictions, Head | None]:
        """See :meth:`LabelProtocol.predict`; what was finished before is read."""
        parent = evaluation.folder or Path(tempfile.mkdtemp(prefix="tsrep-finetune-"))
        word = candidate.name.replace(" ", "-").replace("/", "-")
        folder = parent / f"{word}-{draw}-{seed}-{evaluation.part}-{self.digest}"
        done = folder.with_name(f"{folder.name}.npz")
        key = (candidate.name, self.name, 1.0, "all", evaluation.part)
        if done.exists():
            return load_predictions(done)[key], None
        folder.mkdir(parents=True, exist_ok=True)
        prob = self._trained(candidate.model(seed, draw)[0], seed, labelled, evaluation, folder)
        predictions = evaluation.predictions(prob)
        save_predictions(done, {key: predictions})
        shutil.rmtree(parent if evaluation.folder is None else folder)
        return predictions, None

    def _trained(
        self, encoder: Encoder, seed: int, labelled: Ints, evaluation: LabelEvaluation, folder: Path
    ) -> np.ndarray:
        """Probabilities of the scored samples by the encoder and the head that was trained with it."""
        panel = evaluation.panel
        head = self.new_head(encoder, len(panel.classes), multilabel=panel.multilabel, seed=seed)
        train = self._part(evaluation, labelled, seed)
        validation = self._part(evaluation, evaluation.validation, seed)

        def macro_auroc(encoder: Encoder, head: Objective) -> dict[str, float]:
            prob = probabilities(encoder, head, validation.tensors)
            return {"": metrics(prob, validation.tensors.panel.label)["auroc"]}

        trainer = Trainer(
            encoder,
            head,
            train,
            validation,
            self.settings(
                len(train.sampler.epoch(1)),
                choose=evaluation.choosing is not None,
                amp=evaluation.amp,
                compile=evaluation.compile,
            ),
            seed=seed,
            folder=folder,
            score=macro_auroc,
            score_name="validation macro AUROC",
        )
        try:
            trainer.run()
        except Interrupted:
            raise Interrupted("stopped; what is finished is kept: evaluate again to resume") from None
        return probabilities(encoder, head, PanelTensors(panel.select(evaluation.scored), evaluation.device))

    def _part(self, evaluation: LabelEvaluation, index: Ints, seed: int) -> Part:
        panel = evaluation.panel.select(index)
        size = min(self.training["batch_size"], len(panel))
        sampler = SAMPLERS.build(
            suited_sampler("random", panel), panel=panel, batch_size=size, seed=seed, rank=0, world=1
        )
        return Part(PanelTensors(panel, evaluation.device), sampler)

    def new_head(self, encoder: Encoder, classes: int, *, multilabel: bool, seed: int) -> Objective:
        """Head with random weights."""
        with initial_weights(seed, "head"):
            head: Objective = OBJECTIVES.build(
                self.head, dim=encoder.dim, classes=classes, multilabel=multilabel
            )
        return head

    def settings(self, steps: int, *, choose: bool, amp: bool, compile: bool) -> TrainingSettings:
        """Enough epochs for ``min_steps``, validated about as often whatever their length.

        Parameters
        ----------
        steps : int
            Of an epoch.
        choose : bool
            Whether a validation part chooses the epoch; otherwise the last one is kept.
        amp, compile : bool
            As in training.
        """
        epochs = max(self.epochs, math.ceil(self.min_steps / steps))
        return TrainingSettings(
            **self.training,
            epochs=epochs,
            keep="score" if choose else "last",
            patience=self.patience if choose else None,
            validate_every=max(1, epochs // self.epochs),
            amp=amp,
            compile=compile,
        )


@torch.no_grad()
def probabilities(encoder: Encoder, head: Objective, tensors: PanelTensors) -> np.ndarray:
    """Class probabilities of all samples, shape (sample, class), by an objective that classifies."""
    encoder.eval()
    head.eval()
    parts = (np.arange(len(tensors))[at : at + CHUNK] for at in range(0, len(tensors), CHUNK))
    logits = torch.cat([head.logits(encoder, tensors.batch(part).x).double().cpu() for part in parts])
    return (logits.sigmoid() if tensors.panel.multilabel else logits.softmax(dim=1)).numpy()
