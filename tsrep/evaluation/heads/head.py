"""A head: from the features of windows to class probabilities and decisions of recordings."""

from __future__ import annotations

import copy
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np

from tsrep.errors import DataError, RunError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.heads.calibration import Calibration
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.heads.facts import FittedOn, Performance
from tsrep.evaluation.heads.prediction_sets import PredictionSets
from tsrep.evaluation.heads.thresholds import Thresholds
from tsrep.evaluation.labels.aggregate import Aggregation, aggregated
from tsrep.signals.panel import Ints

if TYPE_CHECKING:
    from tsrep.encoders.encoder import Encoder
    from tsrep.encoders.pooling import HeadPooling

LARGEST = 2000  # samples whose features a head may hold


@dataclass(frozen=True, eq=False)
class Head:
    """What turns features of an encoder into probabilities and decisions.

    Attributes
    ----------
    name : str
        Protocol, fraction of labels and seed, such as ``"probe-1-0"``; also that of its files.
    classifier : Classifier
        From features of a window to uncalibrated probabilities.
    classes : tuple of str
    multilabel : bool
        Whether a record can have several classes.
    pool : str
        How the encoder's steps become the features of a window.
    fitted_on : FittedOn
    aggregate : {"mean", "max"}
        How probabilities of windows become those of a record.
    calibration : Calibration or None
        Of the probabilities of records.
    thresholds : Thresholds or None
        On calibrated probabilities; None is the most probable class, or one half where a record can have
        several.
    sets : PredictionSets or None
    validation, scored : Performance or None
        On the validation part, and on the part that the evaluation scored.
    tuned : mapping of str to array
        Weights of the encoder, where they were trained with the head.
    notes : tuple of str
        Why something is missing, a sentence each.
    """

    name: str
    classifier: Classifier
    classes: tuple[str, ...]
    multilabel: bool
    pool: HeadPooling
    fitted_on: FittedOn
    aggregate: Aggregation = "mean"
    calibration: Calibration | None = None
    thresholds: Thresholds | None = None
    sets: PredictionSets | None = None
    validation: Performance | None = None
    scored: Performance | None = None
    tuned: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()

    @property
    def kind(self) -> str:
        """Of the classifier, such as ``"linear"``."""
        return self.classifier.name

    @property
    def unkept(self) -> str:
        """Why it is not kept; empty where it is."""
        if self.records_held > LARGEST:
            return (
                f"it would hold the features of {self.records_held:,} records of patients, and at most "
                f"{LARGEST:,} are kept; keep a linear head"
            )
        return "" if self.classifier.stored() else "its classifier does not say how to store it"

    @property
    def intervals(self) -> dict[str, Interval]:
        """What it does on the part that was scored; see :class:`Performance`."""
        metrics = {} if self.scored is None else self.scored.metrics
        ends = {name: (each.value, each.low, each.high) for name, each in metrics.items()}
        return {
            name: Interval(*(math.nan if end is None else end for end in each)) for name, each in ends.items()
        }

    @property
    def records_held(self) -> int:
        """Training samples whose features it holds."""
        return self.classifier.records_held

    def scores(self, features: Array, record: Sequence[int] | Ints | None = None) -> Array:
        """Uncalibrated probabilities of records, as protocols score them.

        Parameters
        ----------
        features : array, shape (window, feature)
        record : int array, shape (window,), optional
            Which record a window is of; without it each is a record.

        Returns
        -------
        float64 array, shape (record, class)
            In the order of the numbers of the records.

        Raises
        ------
        DataError
            When there are fewer or more features.
        """
        self._refuse_other_features(features)
        prob = np.asarray(self.classifier.predict(features))
        number = np.arange(len(prob)) if record is None else np.asarray(record)
        return aggregated(prob, number, self.aggregate, multilabel=self.multilabel)

    def _refuse_other_features(self, features: Array) -> None:
        wanted = self.classifier.width
        if features.ndim != 2 or (wanted is not None and features.shape[1] != wanted):
            width = "some" if wanted is None else str(wanted)
            raise DataError(
                f"head {self.name} takes {width} features of each window, pooled by {self.pool}, not an "
                f"array of shape {features.shape}; embed the windows with that pool"
            )

    def predict_proba(self, features: Array, record: Sequence[int] | Ints | None = None) -> Array:
        """Calibrated probabilities of records; see :meth:`scores`."""
        return self.calibrated(self.scores(features, record))

    def calibrated(self, scores: Array) -> Array:
        """Calibrated probabilities, shape (record, class), of what :meth:`scores` gives."""
        return scores if self.calibration is None else self.calibration(scores)

    def labels(self, probabilities: Array) -> Array:
        """Decisions from calibrated probabilities, shape (record, class).

        Returns
        -------
        int64 array, shape (record,), or bool array, shape (record, class)
            The class, or where a record can have several a flag for each.
        """
        if self.thresholds is not None:
            return self.thresholds.decide(probabilities)
        if self.multilabel:
            return np.asarray(probabilities >= 0.5)
        return np.asarray(probabilities.argmax(axis=1))

    def names(self, probabilities: Array) -> list[str]:
        """Decisions in words, several classes joined by ``;``."""
        decided = self.labels(probabilities)
        if not self.multilabel:
            return [self.classes[each] for each in decided]
        return [";".join(np.array(self.classes, object)[flags]) for flags in decided]

    def prediction_sets(self, scores: Array) -> Array | None:
        """Flags of the classes in each record's set, shape (record, class), of what :meth:`scores` gives.

        None where the head has no prediction sets.
        """
        return None if self.sets is None else self.sets(scores)

    def encoder(self, encoder: Encoder) -> Encoder:
        """The encoder whose features it takes: the given one, or a copy with the weights that were tuned.

        Its classifier may show the encoder crops of a window.

        Raises
        ------
        RunError
            When tuned weights are of another architecture.
        """
        if not self.tuned:
            return self.classifier.around(encoder)
        import torch

        own = copy.deepcopy(encoder)
        try:
            own.load_state_dict({name: torch.tensor(value) for name, value in self.tuned.items()})
        except RuntimeError as error:
            raise RunError(
                f"the weights that were tuned with head {self.name} do not fit the encoder; give the "
                "encoder that was tuned"
            ) from error
        return self.classifier.around(own.eval())

    def refuse_other_encoder(self, weights: str) -> None:
        """Check that the head was fitted on an encoder with such a digest of its weights.

        Raises
        ------
        RunError
            When it was fitted on another.
        """
        if self.fitted_on.weights != weights:
            raise RunError(
                f"head {self.name} was fitted on other weights (digest {self.fitted_on.weights[:12]}, not "
                f"{weights[:12]}); evaluate the encoder again to fit one on its own"
            )

    def save(self, folder: Path, name: str | None = None) -> None:
        """Write ``NAME.safetensors`` and ``NAME.json``, each atomically."""
        from tsrep.evaluation.heads.storage import save_head

        save_head(self, folder, name or self.name)

    @classmethod
    def load(cls, folder: Path, name: str) -> Head:
        """Read what :meth:`save` wrote; nothing is executed.

        Raises
        ------
        RunError
            When a file is missing, broken or does not fit the other.
        """
        from tsrep.evaluation.heads.storage import load_head

        return load_head(folder, name)
