"""Prediction of numbers by networks that are trained for it, from the encoder and from random weights."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Annotated, Any, Literal

import numpy as np
import torch
from pydantic import Field

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import Pooling
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.protocols.finetune import CHUNK, FineTuning
from tsrep.evaluation.protocols.regression import GRID, TargetProtocol, Targets
from tsrep.evaluation.targets.evaluation import center_of
from tsrep.evaluation.targets.head import ErrorName, RegressionHead
from tsrep.evaluation.targets.linear_value import LinearValue
from tsrep.evaluation.targets.ridge import fit_ridge
from tsrep.objectives.objective import Objective
from tsrep.registry import PROTOCOLS
from tsrep.rng import initial_weights
from tsrep.sampling.batches import PanelTensors
from tsrep.signals.panel import Panel
from tsrep.training.settings import LayerDecay


@PROTOCOLS.register("regression-finetune")
class RegressionFineTuning(TargetProtocol, FineTuning):
    """Training of all weights on the targets, from the trained encoder and from random initialisations.

    The head is linear on pooled features. The mean absolute error on validation patients chooses the epoch,
    unless they are the ones scored.

    Parameters
    ----------
    targets : tuple of str or None
        Which of the data set's targets, each with a network of its own; None takes all.
    error : {"l1", "huber", "mse"}
        That is minimised, in standard deviations of the training part.
    pooling : str
        Over time.
    dropout : float
        Probability on the features.
    strategy, layer_decay, epochs, min_steps, batch_size, lr, patience
        As for protocol ``finetune``; ``"lp-ft"`` begins with the ridge of protocol ``regression``.

    References
    ----------
    Kumar et al., "Fine-tuning can distort pretrained features and underperform out-of-distribution",
    ICLR 2022 (LP-FT); Lima et al., "Deep neural network-estimated electrocardiographic age as a mortality
    predictor", Nature Communications 12, 2021 (age from the ECG, end to end).
    """

    title, rank = "fine-tuned regression", 50

    def __init__(
        self,
        targets: Targets = None,
        error: ErrorName = "l1",
        pooling: Pooling = "max-mean",
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        strategy: Literal["full", "lp-ft", "gradual", "head"] = "full",
        layer_decay: LayerDecay = 1.0,
        epochs: Annotated[int, Field(ge=1)] = 20,
        min_steps: Annotated[int, Field(ge=0)] = 200,
        batch_size: Annotated[int, Field(ge=2)] = 128,
        lr: Annotated[float, Field(gt=0)] = 5e-4,
        patience: Annotated[int, Field(ge=1)] | None = 10,
    ) -> None:
        super().__init__(
            strategy=strategy, layer_decay=layer_decay, epochs=epochs, min_steps=min_steps,
            batch_size=batch_size, lr=lr, patience=patience,
        )  # fmt: skip
        self.targets = targets
        self.error, self.pooling, self.dropout = error, pooling, dropout
        self.digest = f"{self.digest}-{error}-{pooling}-{dropout:g}"

    def named(self, evaluation: Any) -> str:
        """See :meth:`FineTuning.named`; networks of targets lie apart."""
        return f"{super().named(evaluation)}-target{evaluation.column}"

    def head_for(self, encoder: Encoder, evaluation: Any, seed: int) -> Objective:
        """See :meth:`FineTuning.head_for`."""
        with initial_weights(seed, "head"):
            return RegressionHead(encoder.dim, evaluation.column, self.pooling, self.error, self.dropout)

    def start_head(
        self, encoder: Encoder, head: Any, train: Panel, held: Panel | None, device: torch.device
    ) -> None:
        """Give the head mean and spread of the training part, and where the strategy says so a ridge."""
        true = _true(train, head.column)
        center, spread = center_of(true, train.patient)
        head.center.fill_(center)
        head.spread.fill_(spread or 1.0)
        if self.strategy != "lp-ft":
            return
        read = partial(embed, encoder.to(device), pool=head.pooled, device=device)
        validation = None if held is None else (read(held), _true(held, head.column))
        ridge = fit_ridge(read(train), true, GRID, group=train.patient, validation=validation)
        weight, bias = ridge.linear_map()
        with torch.no_grad():
            head.linear.weight.copy_(torch.from_numpy(weight / (spread or 1.0)))
            head.linear.bias.fill_((bias - center) / (spread or 1.0))

    def choice(self, validation: PanelTensors) -> tuple[str, Callable[[Encoder, Any], Mapping[str, float]]]:
        """See :meth:`FineTuning.choice`."""

        def minus_error(encoder: Encoder, head: Any) -> dict[str, float]:
            found = self.outputs(encoder, head, validation)
            return {"": -float(np.abs(found - _true(validation.panel, head.column)).mean())}

        return "minus validation MAE", minus_error

    @torch.no_grad()
    def outputs(self, encoder: Encoder, head: Any, tensors: PanelTensors) -> np.ndarray:
        """Predicted numbers of all samples, shape (sample,)."""
        encoder.eval()
        head.eval()
        parts = (np.arange(len(tensors))[at : at + CHUNK] for at in range(0, len(tensors), CHUNK))
        found = [head.values(encoder, tensors.batch(part).x).double().cpu() for part in parts]
        return torch.cat(found).numpy()

    def model_of(self, encoder: Encoder, head: Any, panel: Panel) -> LinearValue:
        """See :meth:`FineTuning.model_of`."""
        del encoder, panel
        found: LinearValue = head.linear_value()
        return found


def _true(panel: Panel, column: int) -> np.ndarray:
    assert panel.target is not None
    return panel.target[:, column].astype(np.float64)
