"""What every evaluation protocol promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.evaluation.scores import Score, Scores
from tsrep.registry import PROTOCOLS, Entry

Held = tuple[Array, Array] | None  # features and labels that may choose settings of a model
Masks = tuple[Array | None, Array | None]  # which labels are known, of those fitted on and of those held


class Protocol(ABC):
    """A way of scoring encoders; its settings are the arguments of its class.

    Attributes
    ----------
    name : str
        What it is called in scores; set when the class is registered.
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
    takes_unknown : bool
        Of a protocol on frozen features, whether its ``fit`` is given which labels are known; others fit
        classes that are known of other samples apart.
    reads_classes : bool
        Whether it scores classes, and not numbers.
    rank : int
        Of several protocols, the score of the one with the lowest rank stands for the run.
    """

    name: ClassVar[str] = "unregistered"
    title: ClassVar[str]
    task: ClassVar[str] = "panel"
    metric: ClassVar[str] = "auroc"
    trains_encoder: ClassVar[bool] = False
    fits_on_validation: ClassVar[bool] = False
    multilabel: ClassVar[bool] = True
    takes_unknown: ClassVar[bool] = False
    reads_classes: ClassVar[bool] = True
    rank: ClassVar[int] = 100

    def refuse_unfit(self, evaluation: Any) -> None:
        """Check that the data have what it scores, before anything is trained or fitted.

        Parameters
        ----------
        evaluation : LabelEvaluation or SeriesEvaluation

        Raises
        ------
        ConfigError, DataError
        """
        del evaluation

    def refuse_encoder(self, encoder: Encoder, sfreq: float) -> None:
        """Check that it can score such an encoder of signals at a rate, before that is trained.

        Raises
        ------
        ConfigError
        """
        del encoder, sfreq

    @abstractmethod
    def evaluate(self, candidates: Sequence[Candidate], evaluation: Any) -> tuple[Scores, KeptHead | None]:
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
            The one fitted for the first method on the most labels, where heads are wanted.

        Raises
        ------
        ConfigError, DataError, SplitError
            When settings, candidates and data do not go together.
        """

    def refuse_several_classes(self, multilabel: bool) -> None:
        """Check that it scores samples of several classes, where there are such.

        Raises
        ------
        ConfigError
            When it does not.
        """
        if multilabel and not self.multilabel:
            raise ConfigError(
                f"protocol {self.name} needs one class per sample; use probe for multi-label targets"
            )


def protocol_of(settings: Any) -> Protocol:
    """A protocol from its settings, which says all that reports need.

    Parameters
    ----------
    settings : Settings or mapping
        With the registered name.

    Raises
    ------
    ConfigError
        When its class is no protocol, or says something of another type.
    """
    entry, made = PROTOCOLS.entry(dict(settings)["name"]), PROTOCOLS.build(settings)
    if not isinstance(made, Protocol):
        raise ConfigError(
            f"{entry} is no Protocol; derive its class from tsrep.evaluation.protocols.protocol.Protocol"
        )
    for name, kind in (("title", str), ("metric", str), ("rank", int)):
        if not isinstance(found := getattr(made, name, None), kind):
            raise ConfigError(f"{entry} says {name} = {found!r}; set it to a value of type {kind.__name__}")
    return made


def outcome(protocol: Protocol, candidates: Sequence[Candidate], evaluation: Any) -> Scores:
    """Scores of a protocol with its head, checked; its title and rank stand in every score.

    Raises
    ------
    ConfigError
        When it returns or raises something unexpected, or its scores claim to be what they are not.
    DataError, SplitError
        When candidates and data do not go together.
    """
    entry = Entry("protocol", protocol.name, type(protocol), ())
    with entry.blamed("score"):
        protocol.refuse_unfit(evaluation)
        match protocol.evaluate(candidates, evaluation):
            case (Scores() as scores, head):
                pass
            case other:
                raise ConfigError(
                    f"{entry} returns {other!r:.60}; let evaluate return (Scores, head or None)"
                )
    roles = {candidate.name: str(candidate.role) for candidate in candidates}
    for score in scores:
        _refuse_claims(entry, score, {"protocol": protocol.name, "part": evaluation.part}, roles)
        if score.role == "method" and protocol.metric not in score.metrics:
            raise ConfigError(
                f"{entry} rests on the metric {protocol.metric!r}, but scores {', '.join(score.metrics)}; "
                "set its metric to one of them"
            )
    twice = next((name for name, count in Counter(s.identity for s in scores).items() if count > 1), None)
    if twice is not None:
        raise ConfigError(f"{entry} returns two scores of {' '.join(map(str, twice))}; return one")
    told: dict[str, Any] = {"title": protocol.title, "rank": protocol.rank}
    scores = replace(scores, scores=tuple(replace(score, **told) for score in scores))
    return scores if head is None else scores.with_head(head)


def _refuse_claims(entry: Entry, score: Score, true: Mapping[str, str], roles: Mapping[str, str]) -> None:
    for name, wanted in {**true, "role": roles.get(score.method, score.role)}.items():
        if (said := getattr(score, name)) != wanted:
            raise ConfigError(
                f"{entry} returns a score with {name} {said!r}, not {wanted!r}; correct its Score"
            )
