"""The outcome of a validation: cells, verdicts, and what is lost from inside to outside."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from functools import cached_property
from typing import Any

from tsrep.evaluation.bootstrap import Resampled
from tsrep.evaluation.difference import Difference, difference_of_cohorts
from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.outcome import Outcome, score_lines
from tsrep.runs.compare.verdicts import Verdict, against_random
from tsrep.runs.validate.by_class import ClassScore, by_class
from tsrep.runs.validate.facts import CohortFacts

FORMAT = "tsrep.validation/1"
OTHERS = "all others"  # what a head is called that is fitted on every cohort but the scored one
ALL = "all cohorts"  # and one that is fitted on every cohort with a training part
NEAR = "near external"
Place = tuple[str, str, str]  # encoder, cohort that its head is fitted on, cohort that is scored
FITTED = "the head is fitted on it"  # why a cohort is internal


@dataclass(frozen=True)
class Drop:
    """What a classifier loses from the cohort that it was fitted on to another one.

    Attributes
    ----------
    encoder, fitted_on, dataset : str
    difference : Difference
        Of the metric, the test part of ``fitted_on`` minus that of ``dataset``.
    near : str
        See :class:`tsrep.runs.compare.cells.Cell`.
    """

    encoder: str
    fitted_on: str
    dataset: str
    difference: Difference
    near: str = ""


@dataclass(frozen=True, eq=False)
class Validation(Outcome):
    """Encoders by the cohorts that heads are fitted on by the cohorts that they are scored on.

    Attributes
    ----------
    cells : tuple of Scored
    cohorts : tuple of CohortFacts
    classes : tuple of str
        Of every number.
    excluded : mapping of str to str
        Why other classes are not scored.
    about : mapping of str to mapping
        What the page says of each encoder; rows that are not in it are controls without an encoder.
    pairs : tuple of Scored
        Heads of one cohort on another one for all classes of the two, where these are more than those of all;
        they are in no verdict.
    pair_classes : mapping of (str, str) to tuple of str
        These classes.
    notes : tuple of str
    n_bootstrap, seed : int
    """

    kind = "validation"
    cells: tuple[Scored, ...]
    cohorts: tuple[CohortFacts, ...]
    classes: tuple[str, ...]
    excluded: Mapping[str, str]
    about: Mapping[str, Mapping[str, Any]]
    pairs: tuple[Scored, ...] = ()
    pair_classes: Mapping[tuple[str, str], tuple[str, ...]] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    n_bootstrap: int = 1000
    seed: int = 0

    @property
    def metric(self) -> str:
        """That verdicts rest on."""
        return self.cells[0].score.metric

    @property
    def encoders(self) -> list[str]:
        """Names of the encoders, without controls."""
        return list(self.about)

    @property
    def datasets(self) -> list[str]:
        """Names of the cohorts, in the order of the table."""
        return [cohort.name for cohort in self.cohorts]

    @property
    def rows(self) -> list[tuple[str, str]]:
        """Encoder or control, and what its head is fitted on."""
        return list(dict.fromkeys((each.cell.encoder, each.cell.fitted_on) for each in self.cells))

    @property
    def methods(self) -> list[str]:
        """Encoders, then controls."""
        return list(dict.fromkeys(each.cell.encoder for each in self.cells))

    def find(self, encoder: str, fitted_on: str, dataset: str) -> Scored | None:
        """The cell at a place; None where there is none.

        On a cohort without a training part the heads of all cohorts are those of all others.
        """
        found = self._by_place.get((encoder, fitted_on, dataset))
        if found is None and fitted_on == ALL:
            return self._by_place.get((encoder, OTHERS, dataset))
        return found

    @cached_property
    def _by_place(self) -> dict[Place, Scored]:
        return {_place(each): each for each in self.cells}

    @property
    def external(self) -> list[Scored]:
        """Cells of encoders on cohorts that neither encoder nor head was fitted on."""
        return [each for each in self.cells if not each.cell.inside and each.cell.encoder in self.about]

    @cached_property
    def verdicts(self) -> list[Verdict]:
        """Encoders with transferred heads minus random initialisations on external cohorts, one family."""
        return against_random(
            [replace(each, cell=replace(each.cell, dataset=_way(each))) for each in self.external]
        )

    @cached_property
    def drops(self) -> list[Drop]:
        """From the test part of the cohort that a head was fitted on to every external one."""
        found = []
        for each in self.cells:
            cell = each.cell
            own = self.find(cell.encoder, cell.fitted_on, cell.fitted_on)
            if own is not None and not cell.inside:
                gap = difference_of_cohorts(self._resampled(own), self._resampled(each))[self.metric]
                found.append(Drop(cell.encoder, cell.fitted_on, cell.dataset, gap, cell.near))
        return found

    @cached_property
    def by_class(self) -> dict[Place, list[ClassScore]]:
        """Scores of each class, by encoder, cohort that its head is fitted on, and cohort that is scored."""
        return {
            place: self._classes_of(each, self.classes)
            for place, each in self._by_place.items()
            if each.cell.encoder in self.about
        }

    @cached_property
    def by_class_of_pairs(self) -> dict[Place, list[ClassScore]]:
        """The same of classes that only two cohorts share, controls among the encoders."""
        found = {}
        for each in self.pairs:
            place = _place(each)
            names = self.classes_of_pair(*place[1:])
            scores = self._classes_of(each, names)
            found[place] = [score for score in scores if score.name not in self.classes]
        return found

    def classes_of_pair(self, one: str, other: str) -> tuple[str, ...]:
        """All classes of two cohorts."""
        return self.pair_classes.get((one, other)) or self.pair_classes[other, one]

    def _classes_of(self, each: Scored, classes: tuple[str, ...]) -> list[ClassScore]:
        return by_class(each.predictions.each, classes, n_bootstrap=self.n_bootstrap, seed=self.seed)

    def _resampled(self, each: Scored) -> Resampled:
        return each.resampled(n_bootstrap=self.n_bootstrap, seed=self.seed)

    def content(self) -> dict[str, Any]:
        """All numbers with the keys of their cells."""
        return {
            "format": FORMAT,
            "classes": self.classes,
            "excluded": self.excluded,
            "cohorts": [asdict(cohort) for cohort in self.cohorts],
            "encoders": self.about,
            "cells": list(map(_plain, self.cells)),
            "pairs": [
                _plain(each) | {"classes": self.classes_of_pair(*_place(each)[1:])} for each in self.pairs
            ],
            "verdicts": [asdict(verdict) | {"verdict": verdict.word} for verdict in self.verdicts],
            "drops": [asdict(drop) for drop in self.drops],
            "by class": [
                dict(zip(("encoder", "fitted_on", "dataset"), place, strict=True))
                | {"classes": [asdict(each) for each in scores]}
                for place, scores in (*self.by_class.items(), *self.by_class_of_pairs.items())
            ],
            "notes": self.notes,
        }

    def lines(self) -> Iterator[dict[str, Any]]:
        """A line for each metric of each score, then for each class."""
        words = {(v.encoder, v.dataset): v for v in self.verdicts}
        drops = {(d.encoder, d.fitted_on, d.dataset): d.difference for d in self.drops}
        for each in self.cells:
            found, drop = words.get((each.cell.encoder, _way(each))), drops.get(_place(each))
            for leading, numbers in score_lines(each):
                line = {**_where(each, "all cohorts"), "class": "macro average", **numbers}
                if leading and found:
                    line |= {"p_holm": found.adjusted_p, "verdict": found.word}
                if leading and drop:
                    line |= {"drop": drop.value, "drop_low": drop.low, "drop_high": drop.high}
                yield line
        for each in self.pairs:
            for _, numbers in score_lines(each):
                yield {**_where(each, "two cohorts"), "class": "macro average", **numbers}
        for each in self.cells:
            yield from _class_lines(_where(each, "all cohorts"), self.by_class.get(_place(each), ()))
        for each in self.pairs:
            yield from _class_lines(_where(each, "two cohorts"), self.by_class_of_pairs[_place(each)])


def _where(each: Scored, classes: str) -> dict[str, Any]:
    """Columns that say what a number is of."""
    cell = each.cell
    return {
        "encoder": cell.encoder,
        "head_fitted_on": cell.fitted_on,
        "scored_on": cell.dataset,
        "external": not cell.inside,
        "why_not_external": cell.inside,
        "near_external": cell.near,
        "key": cell.key,
        "classes_of": classes,
    }


def _class_lines(where: dict[str, Any], scores: Sequence[ClassScore]) -> Iterator[dict[str, Any]]:
    for one in scores:
        line = {**where, "class": one.name, "row": where["encoder"], "role": "method", "records": one.records}
        found = {"auroc": one.auroc, "auprc": one.auprc, "predicted minus prevalence": one.in_the_large}
        yield from (line | {"metric": metric} | asdict(ends) for metric, ends in found.items())


def _place(each: Scored) -> Place:
    return each.cell.encoder, each.cell.fitted_on, each.cell.dataset


def _way(each: Scored) -> str:
    """``A to B``: where a head comes from, and where it is scored."""
    return f"{each.cell.fitted_on} to {each.cell.dataset}{f', {NEAR}' if each.cell.near else ''}"


def _plain(each: Scored) -> dict[str, Any]:
    return asdict(each.cell) | {"scores": [asdict(score) for score in each.scores]}
