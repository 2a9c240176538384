"""Protocols on labelled recordings: candidates on fractions of the labels, beside the majority class."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Sequence
from dataclasses import replace
from functools import partial
from itertools import product
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from tsrep.errors import ConfigError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.heads.classifier import Classifier
from tsrep.evaluation.heads.facts import FittedOn
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.evaluation.heads.making import Fitted, fitted_on
from tsrep.evaluation.labels.apart import fit_apart
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.scoring import Scoring
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.protocols.protocol import Held, Protocol, outcome, protocol_of
from tsrep.evaluation.scores import Scores
from tsrep.signals.panel import Ints

Strengths = Annotated[tuple[Annotated[float, Field(gt=0)], ...], Field(min_length=1)]  # of C


class LabelProtocol(Protocol):
    """A protocol that fits on labels."""

    @abstractmethod
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
        """Predictions for the scored samples after fitting on the labelled ones.

        Parameters
        ----------
        candidate : Candidate
        seed : int
            Of the draw of labels, and of the encoder where there is one for each.
        labelled : int64 array, shape (sample,)
        evaluation : LabelEvaluation
        draw : str
            Name of the draw of labels, which may have chosen the encoder.
        keep : bool
            Whether what was fitted is wanted too, to be kept as a head.
        """

    def refuse_unfit(self, evaluation: LabelEvaluation) -> None:
        """See :meth:`Protocol.refuse_unfit`."""
        self.refuse_several_classes(evaluation.panel.multilabel)
        evaluation.refuse_unlabelled()

    def labelled(self, evaluation: LabelEvaluation, fraction: float, by: str) -> list[Ints]:
        """Samples whose labels are used, for each seed; the number of them stands beside the fraction."""
        return evaluation.labelled(fraction, by, validation=self.fits_on_validation)

    def evaluate(
        self, candidates: Sequence[Candidate], evaluation: LabelEvaluation
    ) -> tuple[Scores, KeptHead | None]:
        """See :meth:`Protocol.evaluate`; the control is scored first, and the others compared with it."""
        seeds = self._label_draws(candidates, evaluation)
        evaluation = replace(evaluation, seeds=seeds)
        scores, head = Scores(notes=evaluation.notes), None
        for fraction, by in evaluation.draws():
            drawn = self.labelled(evaluation, fraction, by)
            paired = not self._crossed(candidates)
            scoring = Scoring(evaluation, self.name, self.metric, fraction, by, drawn, paired)
            expected = list(map(evaluation.of_baseline, scoring.different))
            scores += scoring.of(evaluation.baseline, "baseline", expected)
            for candidate in sorted(candidates, key=lambda each: each.role != "control"):
                wanted = candidate.role == "method" and fraction == max(evaluation.fractions)
                keep = wanted and head is None and evaluation.heads is not None
                used = np.concatenate([evaluation.scored, evaluation.spare])
                keep = keep and evaluation.known_of(used) is None  # a head states all classes
                found, first = self._scores(candidate, scoring, keep=keep)
                scores += found
                head = head or first
        return scores, head

    def _scores(
        self, candidate: Candidate, scoring: Scoring, *, keep: bool
    ) -> tuple[Scores, KeptHead | None]:
        """Scores of a candidate with one draw of labels, and where it is kept the head fitted first."""
        crossed = not scoring.paired and (candidate.role == "control" or candidate.count > 1)
        once = scoring.different
        if crossed:
            fits = list(product(range(candidate.count), range(len(once))))  # (encoder, draw of labels)
        else:
            repeated = self.trains_encoder or candidate.count > 1
            fits = [(k, k) for k in range(len(scoring.labelled if repeated else once))]
        scoring.evaluation.on_step(f"{candidate.name}, {self.title}, {scoring.told}")
        e, kept = scoring.evaluation, None
        found: list[Predictions] = []
        for encoder, k in fits:
            wanted = keep and not found  # the head of the first
            predictions, fitted = self.predict(
                candidate, encoder, scoring.labelled[k], e, scoring.draw(k), keep=wanted
            )
            found.append(predictions)
            kept = kept or fitted
        scores = scoring.of(
            candidate.name,
            candidate.role,
            found,
            encoders=candidate.count,
            draws=len(once) if crossed else None,
        )
        if kept is None or e.heads is None:
            return scores, None
        head = e.head_of(kept, found[0], self._facts(candidate, scoring), e.heads)
        own = replace(scores.scores[0], of_head=head.intervals)
        return replace(scores, scores=(own, *scores.scores[1:])), head

    def _facts(self, candidate: Candidate, scoring: Scoring) -> FittedOn:
        """The first encoder and draw of labels, which the head is of."""
        e = scoring.evaluation
        return fitted_on(
            e.panel,
            scoring.labelled[0],
            weights=candidate.weights,
            contract=candidate.contract,
            data=e.panel.digest,
            split=e.split.digest,
            protocol=self.name,
            fraction=scoring.fraction,
            subsample_by=scoring.subsample_by,
            seed=0,
        )

    def _crossed(self, candidates: Sequence[Candidate]) -> bool:
        """Whether every encoder is scored on every draw of labels.

        So the variance of encoders and that of draws are estimated separately, which narrows the interval of
        a difference. Where a fit trains the encoder that would be too many trainings, and an encoder whose
        epoch was chosen by a draw of labels goes with that draw.
        """
        return not self.trains_encoder and not any(c.of_draw and c.count > 1 for c in candidates)

    def _label_draws(self, candidates: Sequence[Candidate], evaluation: LabelEvaluation) -> int:
        """Draws of labels at each fraction: no fewer than encoders of a method, or one for each encoder."""
        counts = {c.name: c.count for c in candidates if c.role == "method" and c.count > 1}
        if self._crossed(candidates):
            return max(evaluation.seeds, *counts.values(), 1)
        if len(set(counts.values())) > 1:
            told = ", ".join(f"{name} {count}" for name, count in counts.items())
            raise ConfigError(
                f"methods are compared seed by seed but have other numbers of encoders: {told}; "
                "give each the same number, or one"
            )
        return next(iter(counts.values()), evaluation.seeds)


class FrozenFeatureProtocol(LabelProtocol):
    """A protocol that fits a model on frozen features; a new one implements :meth:`fit`."""

    @abstractmethod
    def fit(
        self, features: Array, label: Array, classes: int, *, group: Ints, validation: Held
    ) -> Classifier:
        """A model of the labels.

        Parameters
        ----------
        features : array, shape (sample, feature)
        label : int array, shape (sample,), or bool array, shape (sample, class)
        classes : int
        group : int64 array, shape (sample,)
            Patients, which folds must not divide.
        validation : (features, label) or None
            What may choose settings of the model; None where it is what is scored.
        """

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
        """See :meth:`LabelProtocol.predict`."""
        x, panel, held = evaluation.features(candidate, seed, draw), evaluation.panel, evaluation.choosing
        known = evaluation.masks(labelled)
        apart = not self.takes_unknown and any(mask is not None for mask in known)
        model = (partial(fit_apart, self._fitted, known=known) if apart else self._fitted)(
            x[labelled],
            panel.label[labelled],
            len(panel.classes),
            group=panel.patient[labelled],
            validation=None if held is None else (x[held], panel.label[held]),
            **({"known": known} if self.takes_unknown else {}),
        )

        def predicted(samples: Ints) -> Predictions:
            return evaluation.predictions(np.asarray(model.predict(x[samples])), samples)

        scored = predicted(evaluation.scored)
        if not keep:
            return scored, None
        spare = evaluation.spare[:0] if self.fits_on_validation else evaluation.spare
        return scored, Fitted(model, lambda: predicted(spare) if len(spare) else None, evaluation.pool)

    def _fitted(self, *given: Any, **named: Any) -> Classifier:
        model = self.fit(*given, **named)
        if not isinstance(model, Classifier):
            raise ConfigError(
                f"fit of the protocol {self.name!r} returns {model!r:.60}, which is no Classifier; derive "
                "its class from tsrep.evaluation.heads.classifier.Classifier"
            )
        return model


def evaluate_features(
    features: dict[str, Any],
    panel: Any,
    split: Any,
    *,
    protocols: Sequence[str | Protocol] = ("probe", "knn"),
    **settings: Any,
) -> Scores:
    """Score methods by models fitted on their frozen features.

    Parameters
    ----------
    features : mapping of method to array, shape (sample of the panel, feature), or to one array a seed
        The method called ``"random initialisation"`` is the control of the paired differences.
    panel : Panel
        Labels, patients and trials of the samples; its signals are not read.
    split : Split
    protocols : sequence of str or Protocol
        Registered names, or protocols with settings of their own such as
        ``LinearProbe(C=(1.0,), scheme="one-vs-rest")``, the published evaluation.
    **settings
        Of :class:`~tsrep.evaluation.labels.evaluation.LabelEvaluation`: ``part``, ``fractions``,
        ``subsample_by``, ``seeds``, ``aggregate``, ``n_bootstrap``, ``seed``, ``on_step``, ``heads``.

    Returns
    -------
    Scores
        Protocol by protocol, each record- and, with windows, window-wise, the majority baseline first; with
        the predictions at the largest fraction.

    Raises
    ------
    ConfigError
        When a protocol is unknown or trains encoders, or a list of features is not one a seed.
    DataError
        When features do not fit the panel or are not finite, or a part has no sample with known labels.
    SplitError
        When the scored part is empty.
    """
    evaluation = LabelEvaluation(panel, split, **settings)
    candidates = [Candidate.of_features(name, given) for name, given in features.items()]
    scores = Scores()
    for given in protocols:
        protocol = protocol_of({"name": given}) if isinstance(given, str) else given
        scores += outcome(protocol, candidates, evaluation)
    return scores
