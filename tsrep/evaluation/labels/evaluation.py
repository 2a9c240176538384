"""The labelled recordings of an evaluation: which are scored, and whose labels are used."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch

from tsrep.encoders.pooling import Pooling
from tsrep.errors import ConfigError, DataError, SplitError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.bootstrap import Resampled, resample
from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.embedding_on_ranks import EmbeddingOnRanks
from tsrep.evaluation.heads.facts import FittedOn
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.evaluation.heads.making import Fitted, made_head
from tsrep.evaluation.heads.settings import HeadSettings
from tsrep.evaluation.labels.aggregate import Aggregation, by_record
from tsrep.evaluation.labels.credit import Credit, CreditName
from tsrep.evaluation.labels.label_fractions import SubsampleBy, subsample_labels
from tsrep.evaluation.labels.metrics import classes_scored, positives
from tsrep.evaluation.predictions import Predictions, mean_predictions
from tsrep.evaluation.scores import Score
from tsrep.signals.panel import Ints, Panel
from tsrep.splits.split import Split

Part = Literal["test", "validation"]
MAJORITY = "majority"


def draw_name(fraction: float, by: str, seed: int) -> str:
    """A draw of labels in a word; all labels are the same for every seed."""
    return f"{fraction:g}-{by}-{seed}" if fraction < 1 else "1-all-0"


@dataclass(frozen=True, eq=False)
class LabelEvaluation:
    """What protocols on labelled recordings score, and with how many labels.

    Attributes
    ----------
    panel : Panel
        Labels, patients and trials of the samples; protocols on frozen features do not read its signals.
    split : Split
    part : {"test", "validation"}
        What is scored. When the validation part itself is scored, nothing is chosen on it, unless
    as_for_test : bool
        it is scored by the models that the test part would be scored by, to stand beside it.
    fractions : sequence of float
        Of the labels that a protocol may fit on.
    subsample_by : sequence of {"sample", "record", "patient"}
        What a fraction below one is of.
    seeds : int
        Draws of the labels. With all labels and one encoder there is nothing to draw: one seed.
    aggregate : {"mean", "max"}
        Of the probabilities of a record's windows.
    n_bootstrap, seed : int
        Bootstrap resamples of patients; seed of the draws and resamples.
    embed : EmbeddingOnRanks or None
        From an encoder to features of all samples; None where candidates have theirs.
    device, amp, compile : torch.device, bool, bool
        For protocols that train.
    pool : str
        By which ``embed`` makes one vector of a sample, for the heads that are kept.
    heads : HeadSettings or None
        How the heads of methods are calibrated and decide; None where no heads are wanted.
    credit : "challenge-2021" or None
        Partial credit for decisions on a related class, whose metric is added.
    folder : Path or None
        Where protocols that train keep their state, so that they resume after an interruption.
    on_step : callable
        Told in words what comes next.
    """

    panel: Panel
    split: Split
    part: Part = "test"
    as_for_test: bool = False
    fractions: Sequence[float] = (1.0, 0.1, 0.01)
    subsample_by: Sequence[SubsampleBy] = ("sample", "patient")
    seeds: int = 5
    aggregate: Aggregation = "mean"
    n_bootstrap: int = 1000
    seed: int = 0
    embed: EmbeddingOnRanks | None = None
    device: torch.device = torch.device("cpu")  # noqa: RUF009 - immutable
    amp: bool = False
    compile: bool = False
    pool: Pooling = "max-mean"
    heads: HeadSettings | None = None
    credit: CreditName | None = None
    folder: Path | None = None
    on_step: Callable[[str], None] = lambda _what: None
    _features: dict[Callable[[], Model], Array] = field(default_factory=dict)

    def __post_init__(self) -> None:
        if self.seeds < 1:
            raise ConfigError(f"an evaluation needs at least one seed, not {self.seeds}")
        if not len(getattr(self.split, self.part)):
            raise SplitError(
                f"the {self.part} part of the split ({self.split.how}) is empty; score the other part"
            )

    def refuse_unlabelled(self) -> None:
        """Check that every part that is used has a label, and that heads go with the labels.

        Raises
        ------
        ConfigError, DataError
        """
        if not self.panel.classes:
            raise DataError(
                "the recordings have no labels, so nothing can be scored on them; name others that have with "
                "--dataset"
            )
        for part in dict.fromkeys(("train", "validation", self.part)):
            index = getattr(self.split, part)
            if len(index) and not self.panel.stated[index].any():
                raise DataError(
                    f"no label of the {part} part is known, of {len(index)} samples; give it samples with "
                    "labels that are known, or choose another split"
                )
        refuse_silent(self.panel, self.split.train)
        _ = self.of_credit
        if self.heads is not None:
            self.heads.refuse_unfit(self.panel)

    @property
    def scored(self) -> Ints:
        """Samples that are scored: those of the part that state a class at least."""
        return self._known(self.part)

    @property
    def validation(self) -> Ints:
        """Samples of the validation part that state a class at least."""
        return self._known("validation")

    @property
    def choosing(self) -> Ints | None:
        """Samples that may choose settings of a model; None where they are the ones scored."""
        return self.validation if self.part == "test" or self.as_for_test else None

    @property
    def notes(self) -> tuple[str, ...]:
        """How many samples are left out because none of their labels is known."""
        out = [
            f"{n - known} of {n} in the {part} part" for part, (known, n) in self.counts.items() if known < n
        ]
        return (f"Samples whose labels are not known are left out: {', '.join(out)}.",) if out else ()

    @property
    def counts(self) -> dict[str, tuple[int, int]]:
        """Samples with a known label, and samples, of each part that is used."""
        used = dict.fromkeys(("train", "validation", self.part))
        return {part: (len(self._known(part)), len(getattr(self.split, part))) for part in used}

    def _known(self, part: str) -> Ints:
        index: Ints = getattr(self.split, part)
        return index[self.panel.stated[index]]

    def draws(self) -> Iterator[tuple[float, str]]:
        """Every fraction of labels with what it is of; all labels are of ``"all"``."""
        for fraction in self.fractions:
            yield from ((fraction, by) for by in (self.subsample_by if fraction < 1 else ("all",)))

    def drawn(self, part: Literal["train", "validation"] = "train") -> dict[str, Ints]:
        """Samples of a part whose labels are used, by :func:`draw_name`, those of the largest fraction first.

        All labels are one draw.
        """
        return {
            draw_name(fraction, by, self.seed + seed): index
            for fraction, by in sorted(self.draws(), key=lambda draw: -draw[0])
            for seed, index in enumerate(self._drawn_from(getattr(self.split, part), fraction, by))
        }

    def labelled(self, fraction: float, by: str, *, validation: bool = False) -> list[Ints]:
        """Samples whose labels are used, for each seed, of those that state a class at least.

        Parameters
        ----------
        fraction : float
        by : str
        validation : bool
            Draw from the training and the validation part together, where the test part is scored.
        """
        pool = self.split.train
        if validation and self.part == "test":
            pool = np.concatenate([pool, self.split.validation])
        return self._drawn_from(pool, fraction, by)

    def _drawn_from(self, pool: Ints, fraction: float, by: str) -> list[Ints]:
        unit: Any = "sample" if by == "all" else by
        return [
            subsample_labels(self.panel, pool, fraction, unit, seed=self.seed + k) for k in range(self.seeds)
        ]

    def features(self, candidate: Candidate, seed: int, draw: str = "") -> Array:
        """Features of all samples by the encoder of a seed and a draw of labels, made once.

        Raises
        ------
        DataError
            When they are not one row for each sample of the panel.
        """
        if candidate.features:
            return self._of_panel(candidate, candidate.features[seed % candidate.count])
        if self.embed is None:
            raise ConfigError("candidates without features need a way to embed them; give evaluation.embed")
        maker = candidate.maker(seed, draw)
        if (found := self._features.get(maker)) is None:
            self.on_step(f"embedding by {candidate.name} (encoder {len(self._features) + 1})")
            found = self._features[maker] = self._of_panel(candidate, self.embed(maker()[0]))
        return found

    def _of_panel(self, candidate: Candidate, features: Array) -> Array:
        if features.ndim != 2 or len(features) != len(self.panel):
            raise DataError(
                f"the features of {candidate.name!r} have shape {features.shape} for {len(self.panel)} "
                "samples; embed the same panel that is evaluated"
            )
        return features

    @property
    def spare(self) -> Ints:
        """Samples of the validation part that are not scored, on which a head may be calibrated."""
        return self.validation if self.part == "test" else self.validation[:0]

    def predictions(self, prob: Array, samples: Ints | None = None) -> Predictions:
        """Probabilities of samples, by default the scored ones, with their targets, patients and trials."""
        at, panel = self.scored if samples is None else samples, self.panel
        return Predictions(prob, panel.label[at], panel.patient[at], panel.trial[at], self.known_of(at))

    def known_of(self, samples: Ints) -> Array | None:
        """Which classes of samples are known, shape (sample, class); None where all are."""
        known = self.panel.class_mask
        return None if known is None or known[samples].all() else known[samples]

    def masks(self, labelled: Ints) -> tuple[Array | None, Array | None]:
        """Which classes are known, as by :meth:`known_of`, of samples fitted on and of those that choose."""
        held = self.choosing
        return self.known_of(labelled), None if held is None else self.known_of(held)

    def by_record(self, windows: Predictions) -> Predictions:
        """Predictions of records, from those of their windows."""
        return by_record(windows, self.aggregate)

    def resampled(self, predictions: Sequence[Predictions]) -> Resampled:
        """Metrics of every seed, on the patients as they are and on resamples of them."""
        return resample(predictions, n_bootstrap=self.n_bootstrap, seed=self.seed, credit=self.of_credit)

    @cached_property
    def of_credit(self) -> Credit | None:
        """What related classes earn; None where no partial credit is asked for.

        Raises
        ------
        ConfigError
            When it is not defined on the classes, or samples have one class each.
        """
        if self.credit is None:
            return None
        if not self.panel.multilabel:
            raise ConfigError(
                f"evaluation.credit {self.credit} is of records that may have several classes, and those of "
                "the data have one each; leave it out"
            )
        return Credit.of(self.credit, self.panel.classes)

    def head_of(
        self, fitted: Fitted, predictions: Predictions, facts: FittedOn, settings: HeadSettings
    ) -> KeptHead:
        """What is kept of a model, from its predictions of the windows of the scored part."""
        return made_head(
            fitted,
            predictions,
            facts,
            self.panel,
            settings,
            aggregate=self.aggregate,
            part=self.part,
            n_bootstrap=self.n_bootstrap,
            seed=self.seed,
            credit=self.of_credit,
        )

    def kept(self, score: Score, records: Sequence[Predictions], draws: int | None) -> dict[str, Any]:
        """What is kept of the predictions of every seed, as attributes of scores.

        Parameters
        ----------
        score : Score
        records : sequence of Predictions
        draws : int or None
            Of labels, of each encoder of a method, which is compared with others; None where figures want the
            mean alone.
        """
        return {"predictions": {score.key: mean_predictions(records, draws=draws)}}

    def told_of(self, records: Predictions) -> dict[str, Any]:
        """Attributes of a score that follow from what was predicted."""
        return {"classes_scored": classes_scored(records.target, records.prob.shape[1], records.known)}

    @property
    def baseline(self) -> str:
        """Name of what needs no encoder."""
        return MAJORITY

    def of_baseline(self, labelled: Ints) -> Predictions:
        """The class rates of the labels as everybody's probabilities.

        The decided class is the majority class, and no unit is ranked above another: AUROC 0.5.
        """
        flags = positives(self.panel.label[labelled], len(self.panel.classes))
        known = np.ones_like(flags) if (mask := self.known_of(labelled)) is None else mask
        rate = (flags & known).sum(axis=0) / np.maximum(known.sum(axis=0), 1)
        return self.predictions(np.broadcast_to(rate, (len(self.scored), len(rate))).copy())


def refuse_silent(panel: Panel, train: Ints) -> None:
    """Check that some training sample states each class, without which nothing can be learned of it.

    Raises
    ------
    DataError
    """
    if panel.class_mask is None or not len(train):
        return
    silent = np.flatnonzero(~panel.class_mask[train].any(axis=0))
    if len(silent):
        names = ", ".join(panel.classes[c] for c in silent)
        raise DataError(
            f"no training sample states whether it has {names}, so nothing can be learned of it; leave it "
            "out of the classes (of cohorts dataset.labels: common), or add recordings that state it"
        )
