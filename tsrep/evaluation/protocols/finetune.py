"""Fine-tuning: weights trained on a fraction of the labels, by the one training loop."""

from __future__ import annotations

import copy
import hashlib
import json
import math
import shutil
import tempfile
from contextlib import nullcontext
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field, TypeAdapter
from torch import nn

from tsrep.array_files import read_arrays, write_arrays
from tsrep.encoders.encoder import Encoder
from tsrep.errors import RunError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.heads.making import Fitted
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.linear_map import linear_map
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.metrics import auroc_of
from tsrep.evaluation.labels.network import Network
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.protocols.labels import LabelProtocol
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES, PROTOCOLS, SAMPLERS, Chosen
from tsrep.rng import initial_weights
from tsrep.sampling.batches import PanelTensors
from tsrep.sampling.chunk_wise import suited_sampler
from tsrep.signals.panel import Ints, Panel
from tsrep.training.checkpoint import load_weights, save_weights
from tsrep.training.freezing import all_frozen
from tsrep.training.interrupt import Interrupted
from tsrep.training.loop import Part, Trainer, ValidationScore
from tsrep.training.settings import LayerDecay, TrainingSettings

CHUNK = 512
HEAD = {"name": "supervised", "head": "mlp"}
ChosenHead = Annotated[Any, Chosen(OBJECTIVES, HEAD)]


@dataclass(frozen=True)
class Phase:
    """A part of fine-tuning.

    Attributes
    ----------
    folder : str
        In that of the fine-tuning, for its state.
    head_alone : bool
        Whether the encoder stays as it is.
    epochs : int
    """

    folder: str
    head_alone: bool
    epochs: int


@PROTOCOLS.register("finetune")
class FineTuning(LabelProtocol):
    """Training of all weights on labels, from the trained encoder and from random initialisations.

    Validation patients choose the epoch, unless they are the ones scored. An interrupted training resumes.

    Parameters
    ----------
    head : settings of an objective
        What is trained with the encoder; settings of the objective ``supervised``.
    strategy : {"full", "lp-ft", "gradual", "head"}
        ``"full"`` trains all weights from the first step; ``"lp-ft"`` after a linear probe became the head,
        or the head alone was trained where it is not linear; ``"gradual"`` the head at first, and one more
        layer group each epoch; ``"head"`` the head alone.
    layer_decay : float
        Learning rate of each layer group of the encoder as a share of that of the next one.
    head_epochs : int
        Of ``"lp-ft"`` with a head that is not linear, in which it is trained alone.
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

    References
    ----------
    Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution",
    ICLR 2022 (LP-FT); Howard & Ruder, "Universal language model fine-tuning for text classification",
    ACL 2018 (gradual thawing, and learning rates by layer).
    """

    title, rank, trains_encoder = "fine-tuning", 30, True

    def __init__(
        self,
        head: ChosenHead = HEAD,
        strategy: Literal["full", "lp-ft", "gradual", "head"] = "full",
        layer_decay: LayerDecay = 1.0,
        head_epochs: Annotated[int, Field(ge=1)] = 5,
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
            "layer_decay": layer_decay, "gradual": strategy == "gradual",
        }  # fmt: skip
        self.strategy, self.head_epochs, self.patience = strategy, head_epochs, patience
        how = [strategy, head_epochs]
        told = [self.head.model_dump(mode="json"), epochs, min_steps, self.training, patience, how]
        self.digest = hashlib.sha256(json.dumps(told).encode()).hexdigest()[:8]

    def predict(
        self,
        candidate: Candidate,
        seed: int,
        labelled: Ints,
        evaluation: LabelEvaluation,
        draw: str,
        *,
        keep: bool,
    ) -> tuple[Predictions, Fitted | None]:
        """See :meth:`LabelProtocol.predict`; what was finished before is read."""
        parent = evaluation.folder or Path(tempfile.mkdtemp(prefix="tsrep-finetune-"))
        word = candidate.name.replace(" ", "-").replace("/", "-")
        folder = parent / f"{word}-{draw}-{seed}-{self.named(evaluation)}"
        done, weights = (folder.with_name(f"{folder.name}{end}") for end in (".npz", ".safetensors"))
        if done.exists() and not keep:
            return evaluation.predictions(_stored(done)), None
        encoder = candidate.model(seed, draw)[0]
        head = self.head_for(encoder, evaluation, seed)
        model = nn.ModuleDict({"encoder": encoder, "head": head})
        if not done.exists() or (keep and not weights.exists()):
            folder.mkdir(parents=True, exist_ok=True)
            output = self._trained(encoder, head, seed, labelled, evaluation, folder)
            if keep:
                save_weights(weights, model.state_dict())
            write_arrays(done, output=output)
            shutil.rmtree(folder)
        predictions, fitted = evaluation.predictions(_stored(done)), None
        if keep:
            model.load_state_dict(load_weights(weights))
            fitted = self._fitted(encoder, head, evaluation)
        if evaluation.folder is None:
            shutil.rmtree(parent)
        return predictions, fitted

    def named(self, evaluation: LabelEvaluation) -> str:
        """What tells a training apart besides its encoder and labels, for the name of its folder."""
        return f"{evaluation.part}-{self.digest}"

    def _fitted(self, encoder: Encoder, head: Objective, evaluation: LabelEvaluation) -> Fitted | None:
        """The network with the weights of its encoder; None where it reads more than pooled features."""
        if head.head_pooling is None:
            return None
        panel, spare = evaluation.panel, evaluation.spare

        def held() -> Predictions | None:
            if not len(spare):
                return None
            tensors = PanelTensors(panel.select(spare), evaluation.device)
            model = encoder.to(evaluation.device), head.to(evaluation.device)
            return evaluation.predictions(self.outputs(*model, tensors), spare)

        tuned = {name: value.detach().cpu().numpy() for name, value in encoder.state_dict().items()}
        return Fitted(self.model_of(encoder, head, panel), held, head.head_pooling, tuned)

    def model_of(self, encoder: Encoder, head: Objective, panel: Panel) -> Classifier:
        """What the head makes of pooled features."""
        settings, classes = self.head.model_dump(mode="json"), len(panel.classes)
        return Network(copy.deepcopy(head).cpu().eval(), settings, encoder.dim, classes, panel.multilabel)

    def _trained(
        self,
        encoder: Encoder,
        head: Objective,
        seed: int,
        labelled: Ints,
        evaluation: LabelEvaluation,
        folder: Path,
    ) -> np.ndarray:
        """Outputs for the scored samples of the encoder and the head, which are trained together."""
        panel = evaluation.panel
        train = self._part(evaluation, labelled, seed)
        validation = self._part(evaluation, evaluation.validation, seed)
        score_name, score = self.choice(validation.tensors)
        choosing, steps = evaluation.choosing, len(train.sampler.epoch(1))
        held = None if choosing is None else panel.select(choosing)
        self.start_head(encoder, head, train.tensors.panel, held, evaluation.device)
        for phase in self.phases(head):
            settings = self.settings(
                steps, phase, choose=held is not None, amp=evaluation.amp, compile=evaluation.compile
            )
            with all_frozen(encoder) if phase.head_alone else nullcontext():
                self._train(
                    Trainer(
                        encoder,
                        head,
                        train,
                        validation,
                        settings,
                        seed=seed,
                        folder=_made(folder / phase.folder),
                        score=score,
                        score_name=score_name,
                    )
                )
        return self.outputs(encoder, head, PanelTensors(panel.select(evaluation.scored), evaluation.device))

    def choice(self, validation: PanelTensors) -> tuple[str, ValidationScore]:
        """Name of the score that chooses the epoch, and what gives it."""

        def macro_auroc(encoder: Encoder, head: Objective) -> dict[str, float]:
            prob = self.outputs(encoder, head, validation)
            return {"": auroc_of(prob, validation.panel.label, validation.panel.class_mask)}

        return "validation macro AUROC", macro_auroc

    def outputs(self, encoder: Encoder, head: Objective, tensors: PanelTensors) -> np.ndarray:
        """What the head says of all samples: class probabilities, shape (sample, class)."""
        return probabilities(encoder, head, tensors)

    def _train(self, trainer: Trainer) -> None:
        try:
            trainer.run()
        except Interrupted:
            raise Interrupted("stopped; what is finished is kept: evaluate again to resume") from None

    def phases(self, head: Objective) -> list[Phase]:
        """What is trained one after the other."""
        alone = Phase("head", head_alone=True, epochs=self.head_epochs)
        whole = Phase("", head_alone=self.strategy == "head", epochs=self.epochs)
        return [alone, whole] if self.strategy == "lp-ft" and head.linear_head() is None else [whole]

    def start_head(
        self, encoder: Encoder, head: Objective, train: Panel, held: Panel | None, device: torch.device
    ) -> None:
        """Make a linear probe of the encoder the head, in place, where the strategy says so and it is linear.

        Parameters
        ----------
        encoder : Encoder
        head : Objective
        train : Panel
            Labelled samples.
        held : Panel or None
            What chooses the probe's inverse regularisation strength, as in protocol ``probe``.
        device : torch.device
        """
        linear = head.linear_head()
        if self.strategy != "lp-ft" or linear is None:
            return
        read = partial(embed, encoder.to(device), pool=head.pooled, device=device)
        validation = None if held is None else (read(held), held.label)
        known = train.class_mask, None if held is None else held.class_mask
        probe = fit_probe(read(train), train.label, len(train.classes), validation=validation, known=known)
        with torch.no_grad():
            for parameter, value in zip((linear.weight, linear.bias), linear_map(probe), strict=True):
                parameter.copy_(torch.from_numpy(value))

    def _part(self, evaluation: LabelEvaluation, index: Ints, seed: int) -> Part:
        panel = evaluation.panel.select(index)
        size = min(self.training["batch_size"], len(panel))
        sampler = SAMPLERS.build(
            suited_sampler("random", panel), panel=panel, batch_size=size, seed=seed, rank=0, world=1
        )
        return Part(PanelTensors(panel, evaluation.device), sampler)

    def head_for(self, encoder: Encoder, evaluation: LabelEvaluation, seed: int) -> Objective:
        """Head with random weights for what is scored."""
        panel = evaluation.panel
        return self.new_head(encoder, len(panel.classes), multilabel=panel.multilabel, seed=seed)

    def new_head(self, encoder: Encoder, classes: int, *, multilabel: bool, seed: int) -> Objective:
        """Head with random weights."""
        with initial_weights(seed, "head"):
            head: Objective = OBJECTIVES.build(
                self.head, dim=encoder.dim, classes=classes, multilabel=multilabel
            )
        return head

    def settings(
        self, steps: int, phase: Phase, *, choose: bool, amp: bool, compile: bool
    ) -> TrainingSettings:
        """Enough epochs for ``min_steps``, validated about as often whatever their length.

        Parameters
        ----------
        steps : int
            Of an epoch.
        phase : Phase
        choose : bool
            Whether a validation part chooses the epoch; otherwise the last one is kept.
        amp, compile : bool
            As in training.
        """
        epochs = max(phase.epochs, math.ceil(self.min_steps * phase.epochs / self.epochs / steps))
        return TrainingSettings(
            **self.training,
            epochs=epochs,
            keep="score" if choose else "last",
            patience=self.patience if choose else None,
            validate_every=max(1, epochs // phase.epochs),
            amp=amp,
            compile=compile,
        )


def _stored(path: Path) -> np.ndarray:
    """Outputs of a training that was finished.

    Raises
    ------
    RunError
        When the file is not readable.
    """
    try:
        return read_arrays(path)["output"]
    except (OSError, ValueError, KeyError) as error:
        raise RunError(f"{path} cannot be read ({error}); remove it and evaluate again") from error


def _made(folder: Path) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    return folder


@torch.no_grad()
def probabilities(encoder: Encoder, head: Objective, tensors: PanelTensors) -> np.ndarray:
    """Class probabilities of all samples, shape (sample, class), by an objective that classifies."""
    encoder.eval()
    head.eval()
    parts = (np.arange(len(tensors))[at : at + CHUNK] for at in range(0, len(tensors), CHUNK))
    logits = torch.cat([head.logits(encoder, tensors.batch(part).x).double().cpu() for part in parts])
    return (logits.sigmoid() if tensors.panel.multilabel else logits.softmax(dim=1)).numpy()
