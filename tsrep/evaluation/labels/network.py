"""A small network on pooled features, trained together with its encoder."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier, Stored
from tsrep.evaluation.labels.modules import NetworkModule
from tsrep.objectives.objective import Objective
from tsrep.registry import CLASSIFIERS, OBJECTIVES
from tsrep.rng import initial_weights


@CLASSIFIERS.register("network")
@dataclass(frozen=True, eq=False)
class Network(Classifier):
    """The part of an objective that classifies pooled features, trained.

    Attributes
    ----------
    objective : Objective
        In evaluation mode, on the CPU; has :attr:`~tsrep.objectives.objective.Objective.head_pooling`.
    settings : dict
        Of the objective, as plain values.
    dim, classes : int
        Width of the representation, and number of classes.
    multilabel : bool
    """

    objective: Objective
    settings: dict[str, Any]
    dim: int
    classes: int
    multilabel: bool

    @torch.no_grad()
    def predict(self, features: Array) -> Array:
        """Probabilities, shape (sample, class), float64."""
        pooled = torch.from_numpy(np.array(features, np.float32))
        logits = self.objective.pooled_logits(pooled).double()
        return (logits.sigmoid() if self.multilabel else logits.softmax(dim=1)).numpy()

    def module(self) -> torch.nn.Module:
        """See :meth:`Classifier.module`."""
        return NetworkModule(self.objective, multilabel=self.multilabel)

    def stored(self) -> Stored:
        """See :meth:`Classifier.stored`."""
        arrays = {name: value.numpy() for name, value in self.objective.state_dict().items()}
        given = {"dim": self.dim, "classes": self.classes, "multilabel": self.multilabel}
        return Stored(arrays, {"objective": self.settings, **given})

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """See :meth:`Classifier.restored`."""
        values = dict(settings)
        plain = values.pop("objective")
        chosen = OBJECTIVES.entry(plain["name"]).settings.model_validate(plain)
        with initial_weights(0, "about to be replaced"):
            objective = OBJECTIVES.build(chosen, **values)
        try:
            objective.load_state_dict({name: torch.tensor(value) for name, value in arrays.items()})
        except RuntimeError as error:
            raise ValueError(" ".join(str(error).split())) from error
        return cls(objective.eval(), plain, **values)
