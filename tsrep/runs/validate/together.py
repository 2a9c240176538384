"""Windows of all cohorts as one encoder is shown them, so that each is encoded once for all cells."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from tsrep.datasets.cohorts.classes import in_classes
from tsrep.datasets.cohorts.joining import joined
from tsrep.errors import RunError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.runs.compare.entrant import Entrant, Sight
from tsrep.runs.label_evaluation import label_evaluation
from tsrep.runs.prepare_panel import PreparedPanel
from tsrep.runs.validate.cohorts import Cohort
from tsrep.signals.panel import Ints, Panel, digest_of
from tsrep.splits.split import PARTS, Split


@dataclass(frozen=True, eq=False)
class Together:
    """Windows of all cohorts, as an encoder is shown them.

    Attributes
    ----------
    cohorts : mapping of str to Cohort
    entrant : Entrant
    panel : Panel
        With all classes of any list, and the number of the part of each sample as its fold.
    evaluation : LabelEvaluation
        Features are made once for all that is derived from it.
    """

    cohorts: Mapping[str, Cohort]
    entrant: Entrant
    panel: Panel
    evaluation: LabelEvaluation
    _by_list: dict[tuple[str, ...], Panel] = field(default_factory=dict)

    def sight(self, fitted_on: Sequence[str], scored: str, classes: tuple[str, ...]) -> Sight:
        """The encoder with heads for some classes that are fitted on some cohorts and scored on one."""
        column, panel = self.cohorts[scored].sights[self.entrant.name], self._labelled(classes)
        train, validation = (_part(panel, fitted_on, part) for part in PARTS[:2])
        test = _part(panel, [scored], "test")
        how = f"heads are fitted on {', '.join(fitted_on)}"
        split = Split(train, validation, test, how, digest=digest_of(train, validation, test))
        prepared = replace(column.shown.prepared, records=panel, panel=panel, split=split)
        return Sight(
            self.entrant,
            column.data,
            replace(column.shown, prepared=prepared),
            replace(self.evaluation, panel=panel, split=split),
            column.contamination,
        )

    def _labelled(self, classes: tuple[str, ...]) -> Panel:
        """All samples with labels of a list of classes; of one class a sample, others are of no part."""
        if classes not in self._by_list:
            self._by_list[classes] = _relabelled(self.panel, classes)
        return self._by_list[classes]


def _part(panel: Panel, names: Sequence[str], part: str) -> Ints:
    numbers = [panel.cohort_names.index(name) for name in names]
    assert panel.cohort is not None
    return np.flatnonzero(np.isin(panel.cohort, numbers) & (panel.fold == PARTS.index(part)))


def _relabelled(panel: Panel, classes: tuple[str, ...]) -> Panel:
    if panel.multilabel:
        return in_classes(panel, classes)[0]
    number = np.array([classes.index(name) if name in classes else -1 for name in panel.classes])
    label, fold = number[panel.label], panel.fold
    assert fold is not None
    return replace(panel, label=label.clip(min=0), fold=np.where(label < 0, -1, fold), classes=classes)


def together(cohorts: Sequence[Cohort], entrant: Entrant, classes: Sequence[str]) -> Together:
    """All cohorts for one encoder.

    Parameters
    ----------
    cohorts : sequence of Cohort
    entrant : Entrant
    classes : sequence of str
        Those of all lists that heads are fitted for.

    Raises
    ------
    RunError
        When it is shown cohorts otherwise, so that a head of one cannot be used on another.
    """
    panels = {cohort.name: _in_parts(cohort, entrant.name, classes) for cohort in cohorts}
    if entrant.encoders[0].stored is not None:
        entrant, panels = _of_vectors(entrant, panels)
    _refuse_unlike(entrant.name, panels)
    panel = joined(panels, tuple(classes))
    first = cohorts[0].sights[entrant.name]
    train, validation, test = (np.flatnonzero(panel.fold == number) for number in range(len(PARTS)))
    evaluation = label_evaluation(
        panel,
        Split(train, validation, test, "all cohorts"),
        first.data.evaluation,
        encoders=len(entrant.encoders),
        device=first.evaluation.device,
        seed=first.evaluation.seed,
    )
    return Together({cohort.name: cohort for cohort in cohorts}, entrant, panel, evaluation)


def _in_parts(cohort: Cohort, encoder: str, classes: Sequence[str]) -> Panel:
    """The windows of a cohort with their parts as folds, and labels of the classes."""
    prepared: PreparedPanel = cohort.sights[encoder].shown.prepared
    part = prepared.part_of_samples()
    part[(part == PARTS.index("test")) & ~np.isin(prepared.panel.trial, cohort.scored)] = -1
    return in_classes(replace(prepared.panel, fold=part), classes)[0]


def _of_vectors(entrant: Entrant, panels: Mapping[str, Panel]) -> tuple[Entrant, dict[str, Panel]]:
    """Samples without signals, whose numbers are those of vectors that are there already."""
    made = [[_stored(one, panel) for panel in panels.values()] for one in entrant.encoders]
    encoders = tuple(
        replace(one, stored=_Rows(_stacked(entrant.name, panels, vectors)))
        for one, vectors in zip(entrant.encoders, made, strict=True)
    )
    return replace(entrant, encoders=encoders), {name: _bare(panel) for name, panel in panels.items()}


def _stored(encoder: Any, panel: Panel) -> Array:
    vectors: Array = encoder.stored(panel)
    return vectors


@dataclass(frozen=True, eq=False)
class _Rows:
    """Vectors by the row of each sample."""

    vectors: Array

    def __call__(self, windows: Panel) -> Array:
        return np.asarray(self.vectors[windows.row])


def _stacked(name: str, panels: Mapping[str, Panel], vectors: Sequence[Array]) -> Array:
    widths = {where: each.shape[1] for where, each in zip(panels, vectors, strict=True)}
    if len(set(widths.values())) > 1:
        told = ", ".join(f"{width} numbers for a recording of {where}" for where, width in widths.items())
        raise RunError(f"{name} has {told}, so that a head of one cannot be used on another; leave it out")
    return np.concatenate(vectors)


def _bare(panel: Panel) -> Panel:
    """The samples without their signals: labels, patients and trials."""
    n = len(panel)
    return replace(
        panel,
        store=np.zeros((n, 1, 1), np.float32),
        gain=np.ones((1, 1), np.float32),
        offset=np.zeros((1, 1), np.float32),
        row=np.arange(n),
        start=np.zeros(n, np.int64),
        length=1,
        sfreq=1.0,
        channels=("vector",),
        covariates=0,
        record_names=(),
        history=(),
    )


def _refuse_unlike(name: str, panels: Mapping[str, Panel]) -> None:
    shown = {where: (panel.channels, panel.sfreq, panel.length) for where, panel in panels.items()}
    if len(set(shown.values())) > 1:
        told = "; ".join(
            f"of {where} {length} steps of {len(channels)} channels at {sfreq:g} Hz"
            for where, (channels, sfreq, length) in shown.items()
        )
        raise RunError(
            f"{name} is shown data sets in other forms ({told}), so that a head of one cannot be used on "
            "another; bring them to one rate and set of channels, or leave it out"
        )
