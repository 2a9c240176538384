"""The evaluation of frozen features: every method, every fraction of labels, beside its controls."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal, get_args

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ConfigError, DataError, SplitError
from tsrep.evaluation.labels.aggregate import Aggregation, by_record
from tsrep.evaluation.labels.controls import majority
from tsrep.evaluation.labels.label_fractions import SubsampleBy, subsample_labels
from tsrep.evaluation.labels.linear_probe import C_GRID, Scheme, fit_probe
from tsrep.evaluation.labels.neighbours import NEIGHBOURS, fit_neighbours
from tsrep.evaluation.labels.scoring import RANDOM_INIT, ByUnit, resample_units, summarise
from tsrep.evaluation.labels.svm import fit_logistic, fit_svm
from tsrep.evaluation.predictions import Key, Predictions, mean_predictions
from tsrep.evaluation.scores import Score, Scores
from tsrep.signals.panel import Ints, Panel
from tsrep.splits.split import Split

Array = NDArray[Any]
Features = Array | Sequence[Array]
Protocol = Literal["probe", "knn", "svm", "logistic"]
Part = Literal["test", "validation"]
MAJORITY = "majority"
CROSS_VALIDATED = ("svm", "logistic")  # they choose by folds, so validation labels are there to fit on


@dataclass(frozen=True)
class Settings:
    """How to evaluate; see :func:`evaluate_features`."""

    part: Part = "test"
    C: Sequence[float] = C_GRID
    scheme: Scheme = "multinomial"
    neighbours: Sequence[int] = NEIGHBOURS
    aggregate: Aggregation = "mean"
    n_bootstrap: int = 1000
    seed: int = 0


def evaluate_features(
    features: Mapping[str, Features],
    panel: Panel,
    split: Split,
    *,
    protocols: Sequence[Protocol] = ("probe", "knn"),
    fractions: Sequence[float] = (1.0, 0.1, 0.01),
    subsample_by: Sequence[SubsampleBy] = ("sample", "patient"),
    seeds: int = 5,
    settings: Settings | None = None,
    on_step: Callable[[str], None] | None = None,
) -> Scores:
    """Score methods by models fitted on their frozen features.

    Parameters
    ----------
    features : mapping of method to array, shape (sample of the panel, feature), or to one array a seed
        The method called ``"random-init"`` is the control of the paired differences.
    panel : Panel
        Labels, patients and trials of the samples; its signals are not read.
    split : Split
    protocols : sequence of str
        ``"probe"`` (logistic regression) and ``"knn"`` are fitted on the training part, and the validation
        part chooses for them. ``"svm"`` (RBF) and ``"logistic"``, the protocol of UCR and UEA, are fitted on
        training and validation part together (when the test part is scored) and choose by cross-validation.
    fractions : sequence of float
        Of the labels that a protocol may fit on.
    drawn_by : sequence of str
        What a fraction below one is of.
    seeds : int
        Draws of the labels. With all labels and one array of features there is nothing to draw: one seed.
    settings : Settings, optional
        ``part``: what is scored. ``penalties`` and ``neighbours``: what the validation part chooses from;
        when the validation part itself is scored nothing is chosen (the last penalty, 20 neighbours).
        ``Settings(penalties=(1.0,), scheme="one-vs-rest")`` is the published evaluation.
    on_step : callable, optional
        Told in words what comes next.

    Returns
    -------
    Scores
        Method by method, each record- and, with windows, window-wise, the majority baseline first; with
        the predictions at the largest fraction.

    Raises
    ------
    ConfigError
        When a protocol is unknown, or a list of features is not one a seed.
    DataError
        When features do not fit the panel or are not finite.
    SplitError
        When the scored part is empty.
    """
    settings = settings or Settings()
    _check(features, panel, split, protocols, seeds, settings)
    evaluation = _Evaluation(features, panel, split, seeds, settings, on_step or (lambda _: None))
    scores: list[Score] = []
    kept: dict[Key, Predictions] = {}
    for fraction in fractions:
        for by in subsample_by if fraction < 1 else ("all",):
            found, predictions = evaluation.at_fraction(fraction, by, protocols)
            scores += found
            if fraction == max(fractions):
                kept |= predictions
    return Scores(tuple(scores), kept)


@dataclass(frozen=True, eq=False)
class _Evaluation:
    features: Mapping[str, Features]
    panel: Panel
    split: Split
    seeds: int
    settings: Settings
    on_step: Callable[[str], None]

    def at_fraction(
        self, fraction: float, by: str, protocols: Sequence[Protocol]
    ) -> tuple[list[Score], dict[Key, Predictions]]:
        """Every method under every protocol with one fraction of labels."""
        drawn = self._drawn(fraction, by, protocols[0])
        told = self._told(fraction, by, drawn)
        base = [self._majority(index) for index in (drawn if fraction < 1 else drawn[:1])]
        scores = summarise(base, self._resample(base), None, "", method=MAJORITY, protocol="none", **told)
        part = self.settings.part
        kept: dict[Key, Predictions] = {(MAJORITY, "none", fraction, by, part): self._by_record(base)}
        for protocol in protocols:
            drawn = self._drawn(fraction, by, protocol)
            told = self._told(fraction, by, drawn)
            control: ByUnit | None = None
            for method in sorted(self.features, key=lambda name: name != RANDOM_INIT):
                self.on_step(
                    f"{method}, {protocol}, {100 * fraction:g} % of labels"
                    + (f" by {by}" if fraction < 1 else "")
                )
                predictions = self._predictions(method, protocol, drawn, fraction)
                own = self._resample(predictions)
                against = RANDOM_INIT if control is not None else ""
                scores += summarise(
                    predictions, own, control, against, method=method, protocol=protocol, **told
                )
                control = own if method == RANDOM_INIT else control
                kept[method, protocol, fraction, by, part] = self._by_record(predictions)
        return scores, kept

    def _drawn(self, fraction: float, by: str, protocol: str) -> list[Ints]:
        """Samples whose labels are used, for each seed."""
        pool = self.split.train
        if protocol in CROSS_VALIDATED and self.settings.part == "test":
            pool = np.concatenate([pool, self.split.validation])
        unit: Any = "sample" if by == "all" else by
        seeds = [self.settings.seed + seed for seed in range(self.seeds)]
        return [subsample_labels(self.panel, pool, fraction, unit, seed=seed) for seed in seeds]

    def _told(self, fraction: float, by: str, drawn: Sequence[Ints]) -> dict[str, Any]:
        return {
            "part": self.settings.part,
            "subsample_by": by,
            "labels": fraction,
            "labelled": float(np.mean([len(index) for index in drawn])),
            "labelled_patients": float(np.mean([len(np.unique(self.panel.patient[i])) for i in drawn])),
        }

    def _predictions(
        self, method: str, protocol: Protocol, drawn: Sequence[Ints], fraction: float
    ) -> list[Predictions]:
        given = self.features[method]
        if isinstance(given, np.ndarray):
            # all labels are the same labels for every seed, and so is the fitted model
            return [
                self._fit_predict(given, index, protocol) for index in (drawn if fraction < 1 else drawn[:1])
            ]
        return [self._fit_predict(x, index, protocol) for x, index in zip(given, drawn, strict=True)]

    def _fit_predict(self, x: Array, index: Ints, protocol: Protocol) -> Predictions:
        label, classes = self.panel.label, len(self.panel.classes)
        if protocol in CROSS_VALIDATED:
            fit = fit_svm if protocol == "svm" else fit_logistic
            model = fit(x[index], label[index], classes, group=self.panel.patient[index])
            return self._of_scored(model.predict(x[self._scored]))
        held = self.split.validation
        validation = (x[held], label[held]) if self.settings.part == "test" else None
        if protocol == "probe":
            prob = fit_probe(
                x[index],
                label[index],
                classes,
                C=self.settings.C,
                validation=validation if len(self.settings.C) > 1 else None,
                scheme=self.settings.scheme,
            ).predict(x[self._scored])
        else:
            prob = fit_neighbours(
                x[index], label[index], classes, ks=self.settings.neighbours, validation=validation
            ).predict(x[self._scored])
        return self._of_scored(prob)

    def _majority(self, index: Ints) -> Predictions:
        prob = majority(self.panel.label[index], len(self.panel.classes), len(self._scored))
        return self._of_scored(prob)

    def _of_scored(self, prob: Array) -> Predictions:
        at = self._scored
        return Predictions(prob, self.panel.label[at], self.panel.patient[at], self.panel.trial[at])

    def _resample(self, predictions: Sequence[Predictions]) -> ByUnit:
        s = self.settings
        return resample_units(predictions, s.aggregate, s.n_bootstrap, s.seed)

    def _by_record(self, predictions: Sequence[Predictions]) -> Predictions:
        return mean_predictions([by_record(p, self.settings.aggregate) for p in predictions])

    @property
    def _scored(self) -> Ints:
        return self.split.test if self.settings.part == "test" else self.split.validation


def _check(
    features: Mapping[str, Features],
    panel: Panel,
    split: Split,
    protocols: Sequence[str],
    seeds: int,
    settings: Settings,
) -> None:
    for protocol in protocols:
        known = get_args(Protocol)
        if protocol not in known:
            raise ConfigError(f"unknown protocol {protocol!r} for frozen features; known: {', '.join(known)}")
        if protocol in CROSS_VALIDATED and panel.multilabel:
            raise ConfigError(f"protocol {protocol} needs one class per sample; use probe for multi-label")
    if seeds < 1:
        raise ConfigError(f"an evaluation needs at least one seed, not {seeds}")
    if not len(split.test if settings.part == "test" else split.validation):
        raise SplitError(
            f"the {settings.part} part of the split ({split.how}) is empty; score the other part"
        )
    for method, given in features.items():
        if not isinstance(given, np.ndarray) and len(given) != seeds:
            raise ConfigError(
                f"method {method!r} has features of {len(given)} seeds but {seeds} seeds are asked for; "
                "give one array, or one for each seed"
            )
        for x in [given] if isinstance(given, np.ndarray) else given:
            if x.ndim != 2 or len(x) != len(panel):
                raise DataError(
                    f"the features of {method!r} have shape {x.shape} for {len(panel)} samples; "
                    "embed the same panel that is evaluated"
                )
