"""What every kept head has: a model on the features of one encoder, where it comes from, and how it does."""

from __future__ import annotations

import copy
import math
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Literal, Self

import numpy as np

from tsrep.errors import DataError, RunError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.heads.facts import FittedOn, Performance
from tsrep.evaluation.labels.aggregate import Aggregation, aggregated
from tsrep.signals.panel import Ints

if TYPE_CHECKING:
    from tsrep.encoders.encoder import Encoder
    from tsrep.encoders.pooling import HeadPooling
    from tsrep.evaluation.heads.head import Head

LARGEST = 2000  # samples whose features a head may hold
ColumnKind = Literal["text", "number", "count"]
Cell = str | float | int | None


@dataclass(frozen=True, eq=False, kw_only=True)
class KeptHead(ABC):
    """A model on the features of windows, and what is made of its outputs for recordings.

    Attributes
    ----------
    name : str
        Protocol, fraction of labels and seed, such as ``"probe-1-0"``; also that of its files.
    classifier : Classifier
        From features of a window to uncalibrated outputs.
    pool : str
        How the encoder's steps become the features of a window.
    fitted_on : FittedOn
    aggregate : {"mean", "max"}
        How outputs of windows become those of a record.
    validation, scored : Performance or None
        On the validation part, and on the part that the evaluation scored.
    tuned : mapping of str to array
        Weights of the encoder, where they were trained with the head.
    notes : tuple of str
        Why something is missing, a sentence each.
    predicts : {"classes", "value"}
        What it is called in files.
    """

    name: str
    classifier: Classifier
    pool: HeadPooling
    fitted_on: FittedOn
    aggregate: Aggregation = "mean"
    validation: Performance | None = None
    scored: Performance | None = None
    tuned: Mapping[str, Array] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    predicts: ClassVar[str]

    @property
    def kind(self) -> str:
        """Of the classifier, such as ``"linear"``."""
        return self.classifier.name

    @property
    @abstractmethod
    def question(self) -> str:
        """What it answers: empty for the classes, else the name of a number; the best of each is kept."""

    @property
    @abstractmethod
    def answers(self) -> str:
        """The same in words: names of classes, or a number with its unit."""

    @property
    @abstractmethod
    def quality(self) -> float:
        """How well it does on the validation part, more is better; minus infinity where it is not known."""

    @abstractmethod
    def facts(self) -> dict[str, Any]:
        """What a file says of it besides the attributes that every head has."""

    @abstractmethod
    def columns(self, *, probabilities: bool) -> dict[str, ColumnKind]:
        """Columns that it fills in the row of a recording."""

    @abstractmethod
    def window_columns(self, *, probabilities: bool) -> dict[str, ColumnKind]:
        """Columns that it fills in the row of a window."""

    @abstractmethod
    def cells(self, outputs: Array, *, calibrated: bool) -> dict[str, Cell]:
        """Cells of a recording, of uncalibrated outputs of its windows, shape (window, output)."""

    @abstractmethod
    def window_cells(
        self, outputs: Array, *, probabilities: bool, calibrated: bool
    ) -> Sequence[Sequence[Cell]]:
        """Cells of windows in the order of :meth:`window_columns`, of their uncalibrated outputs."""

    @abstractmethod
    def of_classes(self) -> Head:
        """The head itself where it predicts classes.

        Raises
        ------
        RunError
            When it does not.
        """

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
        """Uncalibrated outputs of records, as protocols score them.

        Parameters
        ----------
        features : array, shape (window, feature)
        record : int array, shape (window,), optional
            Which record a window is of; without it each is a record.

        Returns
        -------
        float64 array, shape (record, output)
            In the order of the numbers of the records.

        Raises
        ------
        DataError
            When there are fewer or more features.
        """
        self._refuse_other_features(features)
        outputs = np.asarray(self.classifier.predict(features))
        return self.by_record(outputs, np.arange(len(outputs)) if record is None else np.asarray(record))

    def by_record(self, outputs: Array, record: Ints) -> Array:
        """Outputs of records, shape (record, output), of those of windows."""
        return aggregated(outputs, record, self.aggregate, multilabel=True)

    def _refuse_other_features(self, features: Array) -> None:
        wanted = self.classifier.width
        if features.ndim != 2 or (wanted is not None and features.shape[1] != wanted):
            width = "some" if wanted is None else str(wanted)
            raise DataError(
                f"head {self.name} takes {width} features of each window, pooled by {self.pool}, not an "
                f"array of shape {features.shape}; embed the windows with that pool"
            )

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
    def load(cls, folder: Path, name: str) -> Self:
        """Read what :meth:`save` wrote; nothing is executed.

        Raises
        ------
        RunError
            When a file is missing, broken or does not fit the other, or is of a head of another kind.
        """
        from tsrep.evaluation.heads.storage import load_head

        found = load_head(folder, name)
        if not isinstance(found, cls):
            raise RunError(f"head {name} in {folder} predicts {found.answers}; load it by another class")
        return found
