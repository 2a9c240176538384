"""Nearest neighbours: a vote of similar labelled samples, their number chosen on the validation part."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Annotated

from pydantic import Field

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.neighbours import NEIGHBOURS, fit_neighbours
from tsrep.evaluation.protocols.labels import FrozenFeatureProtocol
from tsrep.evaluation.protocols.protocol import Held
from tsrep.evaluation.scores import Scores
from tsrep.registry import PROTOCOLS
from tsrep.rng import numpy_generator
from tsrep.signals.panel import Ints


@PROTOCOLS.register("knn")
@dataclass
class NearestNeighbours(FrozenFeatureProtocol):
    """Weighted vote of the nearest labelled samples by cosine similarity of standardised features.

    Parameters
    ----------
    neighbours : tuple of int
        Numbers of neighbours, of which the validation part chooses; 20 where the validation part itself is
        scored.
    max_samples : int
        Labelled samples that are searched. Of more than that, as many are drawn at random, the same for every
        encoder, so that time grows with the samples scored and not with their square.

    References
    ----------
    Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018,
    section 3.4.
    """

    title, rank = "nearest neighbours", 40

    neighbours: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = NEIGHBOURS
    max_samples: Annotated[int, Field(ge=1)] = 50_000

    def fit(
        self, features: Array, label: Array, classes: int, *, group: Ints, validation: Held
    ) -> Classifier:
        """See :func:`~tsrep.evaluation.labels.neighbours.fit_neighbours`."""
        del group
        if len(features) > self.max_samples:
            drawn = numpy_generator(0, "neighbours").choice(len(features), self.max_samples, replace=False)
            features, label = features[drawn], label[drawn]
        return fit_neighbours(features, label, classes, ks=self.neighbours, validation=validation)

    def evaluate(
        self, candidates: Sequence[Candidate], evaluation: LabelEvaluation
    ) -> tuple[Scores, KeptHead | None]:
        """See :meth:`Protocol.evaluate`; a note says where not all labelled samples were searched."""
        scores, head = super().evaluate(candidates, evaluation)
        labelled, _ = evaluation.counts["train"]
        if labelled * max(evaluation.fractions) <= self.max_samples:
            return scores, head
        note = (
            f"Nearest neighbours are searched in at most {self.max_samples:,} of {labelled:,} labelled "
            "samples, drawn at random; evaluation.knn.max_samples sets how many."
        )
        return replace(scores, notes=(*scores.notes, note)), head
