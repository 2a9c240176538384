"""What every evaluation protocol promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import Any, ClassVar
from typing import Protocol as Interface

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.scores import Scores

Held = tuple[Array, Array] | None  # features and labels that may choose settings of a model


class Head(Interface):
    """What turns representations into class probabilities."""

    def predict(self, features: Array) -> Array:
        """Probabilities, shape (sample, class), of features, shape (sample, feature)."""
        ...


class Protocol(ABC):
    """A way of scoring encoders; its settings are the arguments of its class.

    Attributes
    ----------
    title : str
        What reports call it, such as ``"linear probe"``.
    task : {"panel", "series"}
        Which kind of data it scores.
    metric : str
        On which verdicts rest.
    trains_encoder : bool
        Whether the weights of the encoder change, so that scores are not of a frozen encoder.
    fits_on_validation : bool
        Whether labels of the validation part are fitted on too, where the test part is scored.
    multilabel : bool
        Whether samples may have several classes.
    rank : int
        Of several protocols, the score of the one with the lowest rank stands for the run.
    """

    title: ClassVar[str]
    task: ClassVar[str] = "panel"
    metric: ClassVar[str] = "auroc"
    trains_encoder: ClassVar[bool] = False
    fits_on_validation: ClassVar[bool] = False
    multilabel: ClassVar[bool] = True
    rank: ClassVar[int] = 100

    @abstractmethod
    def evaluate(self, candidates: Sequence[Candidate], evaluation: Any) -> tuple[Scores, Head | None]:
        """Scores of candidates beside the baselines of the protocol.

        Parameters
        ----------
        candidates : sequence of Candidate
        evaluation : LabelEvaluation or SeriesEvaluation
            The data, what of them is scored, and how.

        Returns
        -------
        Scores
        Head or None
            The one fitted for the first method on the most labels, where one is fitted.

        Raises
        ------
        ConfigError, DataError, SplitError
            When settings, candidates and data do not go together.
        """
