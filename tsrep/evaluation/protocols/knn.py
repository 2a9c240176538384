"""Nearest neighbours: a vote of similar labelled samples, their number chosen on the validation part."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from pydantic import Field

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.label_fractions import subsample_labels
from tsrep.evaluation.labels.neighbours import NEIGHBOURS, fit_neighbours
from tsrep.evaluation.protocols.labels import FrozenFeatureProtocol
from tsrep.evaluation.protocols.protocol import Held
from tsrep.registry import PROTOCOLS
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
        Labelled samples that are searched. Of more a part is drawn, with each class in proportion, so that
        time grows with the samples scored and not with their square.

    References
    ----------
    Wu et al., "Unsupervised Feature Learning via Non-Parametric Instance Discrimination", CVPR 2018,
    section 3.4.
    """

    title, rank = "nearest neighbours", 40

    neighbours: Annotated[tuple[Annotated[int, Field(ge=1)], ...], Field(min_length=1)] = NEIGHBOURS
    max_samples: Annotated[int, Field(ge=1)] = 50_000

    def labelled(self, evaluation: LabelEvaluation, fraction: float, by: str) -> list[Ints]:
        """See :meth:`LabelProtocol.labelled`; of too many a part is drawn, in strata of labels."""
        most, panel = self.max_samples, evaluation.panel
        return [
            subsample_labels(panel, drawn, most / len(drawn)) if len(drawn) > most else drawn
            for drawn in super().labelled(evaluation, fraction, by)
        ]

    def fit(
        self, features: Array, label: Array, classes: int, *, group: Ints, validation: Held
    ) -> Classifier:
        """See :func:`~tsrep.evaluation.labels.neighbours.fit_neighbours`."""
        del group
        return fit_neighbours(features, label, classes, ks=self.neighbours, validation=validation)
