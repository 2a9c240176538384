"""COMET's levels as contrasts of augmented views behind a projection head."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import NonNegativeFloat
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.encoders.pooling import pool
from tsrep.errors import ConfigError
from tsrep.losses.contrast import PLAIN, Contrast
from tsrep.losses.kernel import Kernel
from tsrep.losses.relation import OWN, Lighter, Own, Relation, Rule, Same, Samples
from tsrep.losses.similarity import Temperature
from tsrep.objectives.chosen_loss import (
    ChosenLoss,
    loss_of_levels,
    needs_of_loss,
    refuse_temperature,
    total,
    view_terms,
)
from tsrep.objectives.objective import Objective
from tsrep.objectives.positives import Pair, refuse_no_pair
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.combined import ChosenView, ExceptCovariates
from tsrep.views.view import View


@dataclass(frozen=True)
class OtherTrials:
    """Samples of the same patient that are of another trial."""

    def __call__(self, rows: Samples, others: Samples) -> Tensor:
        return Same("patient")(rows, others) & ~Same("trial")(rows, others)


# positives of each level, and what the other view of a row's own sample is to it
LEVELS: dict[str, tuple[Rule, Own]] = {
    "sample": (OWN, "positive"),
    "trial": (Same("trial"), "drop"),
    "patient": (OtherTrials(), "drop"),
}
PAIRS: dict[str, Pair] = {"trial": "samples of a trial", "patient": "trials of a patient"}
ALONE = Kernel(denominator="own")  # no positive competes with another


@OBJECTIVES.register("comet", runtime=("dim", "channels", "covariates"))
class Comet(Objective):
    """Contrast augmented views at the levels of COMET; for the form of its paper see ``comet-masked``.

    Each level is the mean over rows of the mean over their positives of ``log(1 + sum_k exp(s_ik - s_ij))``,
    ``k`` over all rows of other patients. Positives are the other view of the sample; rows of other samples
    of the trial; rows of other trials of the patient. A level without positives in a batch is zero.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which no view alters.
    sample_weight, trial_weight, patient_weight : float
        A level of weight zero costs nothing. Data with several recordings of a patient may want the last.
    view : name or settings of a view
        Drawn twice for each sample.
    sample_view, trial_view, patient_view : name or settings of a view, or None
        Of this level in place of ``view``; levels with views of their own are encoded apart.
    temperature : float
    pooling : {"max", "mean"}
        Over time.
    hidden : int
        Width of the hidden layer of the projection head.
    projection : int or None
        Width of the head, which serves the loss alone; None contrasts the representation itself.
    loss : name or settings of a loss, or None
        Of each level, in place of a contrast in which positives do not compete, such as ``dcl``; the level
        says which samples are positives.

    Raises
    ------
    ConfigError
        When all weights are zero, the loss finds positives by itself, all training samples are of one
        patient, or a level has no positives.

    References
    ----------
    Wang et al., "Contrast Everything", NeurIPS 2023, for the levels above the observation. Deviations:
    augmented views in place of masks and clean windows, a projection head as in Chen et al., ICML 2020,
    positives that do not compete, and rows of the own patient that are no negatives; see ``comet-masked`` for
    the paper's form.
    """

    sampler: ClassVar[str] = "patient-wise"
    defaults: ClassVar[dict[str, Any]] = {"sampler": {"name": "patient-wise", "samples": 2}}
    needs: frozenset[str] = frozenset({"patient", "trial"})

    def __init__(
        self,
        dim: int,
        channels: int,
        covariates: int = 0,
        sample_weight: NonNegativeFloat = 0.5,
        trial_weight: NonNegativeFloat = 0.5,
        patient_weight: NonNegativeFloat = 0.0,
        view: ChosenView = "compose",
        sample_view: ChosenView | None = None,
        trial_view: ChosenView | None = None,
        patient_view: ChosenView | None = None,
        temperature: Temperature = 0.1,
        pooling: Literal["max", "mean"] = "max",
        hidden: Positive = 256,
        projection: Positive | None = 128,
        loss: ChosenLoss = None,
    ) -> None:
        super().__init__()
        refuse_temperature(Comet, loss, temperature)
        own_loss = Contrast(temperature, "cosine", PLAIN)
        own_loss.kernel = ALONE
        self.loss = loss_of_levels(loss, own_loss, "comet")
        weights = {"sample": sample_weight, "trial": trial_weight, "patient": patient_weight}
        own = {"sample": sample_view, "trial": trial_view, "patient": patient_view}
        self.weights = {level: weight for level, weight in weights.items() if weight > 0}
        if not self.weights:
            raise ConfigError("objective comet has three levels of weight zero; give one of them a weight")
        if set(self.weights) == {"sample"}:
            self.needs = frozenset({"patient"})
        self.needs |= self.loss.needs
        self.contrasts_patients = "patient" in self.weights
        self.view = ExceptCovariates.of(view, channels=channels, covariates=covariates)
        self.views: dict[str, View] = {
            level: self.view
            if own[level] is None
            else ExceptCovariates.of(own[level], channels=channels, covariates=covariates)
            for level in self.weights
        }
        self.pooling = pooling
        head = (
            () if projection is None else (nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, projection))
        )
        self.head = nn.Sequential(*head)

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Those of the levels and of the loss."""
        return cls.needs | needs_of_loss(settings.loss)

    @property
    def repeats(self) -> frozenset[str]:
        """None for all levels alike; :meth:`refuse_unfit` asks for those of each."""
        return frozenset()

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: nobody to contrast with, or no positives of a level."""
        if len(np.unique(train.patient)) < 2:
            raise ConfigError(
                "objective comet contrasts patients, and all training samples are of one; add samples "
                "of others, or choose an objective that contrasts samples, such as simclr"
            )
        for level, pair in self._pairs():
            refuse_no_pair(pair, train, objective="comet", level=level)
        self.loss.refuse_unfit(train)

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`; and batches without positives of a level."""
        super().refuse_batches(encoder, train, batches)
        for level, pair in self._pairs():
            refuse_no_pair(pair, train, batches, objective="comet", level=level)

    def _pairs(self) -> list[tuple[str, Pair]]:
        """Levels whose positives are other samples, and what a batch must have for each."""
        return [(level, pair) for level, pair in PAIRS.items() if level in self.weights]

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """One term for each level that has a weight; see :class:`Objective`."""
        rows, terms = self._encoded(encoder, batch, generator), {}
        for level, weight in self.weights.items():
            positives, own = LEVELS[level]
            related = partial(
                Relation.changed, negatives=(Lighter("patient", 0.0),), positives=positives, own=own
            )
            found = view_terms(
                self.loss, rows[id(self.views[level])], batch, generator=generator, level=related
            )
            terms[level] = weight * total(found)
        return terms

    def _encoded(self, encoder: Encoder, batch: Batch, generator: torch.Generator) -> dict[int, Tensor]:
        """Projections of two views, shape (2, batch, projection), by the view; one encoder pass for all."""
        distinct = {id(view): view for view in self.views.values()}
        both = torch.cat([batch.x, batch.x])  # (2 batch, channel, time)
        seen = torch.cat([view(both, generator=generator) for view in distinct.values()])
        z: Tensor = self.head(pool(encoder(seen), self.pooling))
        blocks = z.view(len(distinct), 2, len(batch), -1)
        return dict(zip(distinct, blocks, strict=True))

    def own_view(self) -> View:
        """The view of all levels that have none of their own."""
        return self.view
