"""Conduct a comparison: open encoders, show them data, score what is not scored yet."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

import numpy as np

from tsrep.errors import ConfigError
from tsrep.files import refuse_other_folder
from tsrep.runs.compare.cells import Scored, Store
from tsrep.runs.compare.comparison import Comparison
from tsrep.runs.compare.cost import Cost
from tsrep.runs.compare.entrant import Entrant, Reader, Sight, sources_of
from tsrep.runs.compare.outcome import conducted
from tsrep.runs.compare.scoring import cells_of, cost_on, score_cells
from tsrep.runs.compare.stored import stored_comparison
from tsrep.runs.compare.table import DataEntry, Table, distinct_names
from tsrep.runs.label_evaluation import Tell


def compare(table: Table, out: Path, *, progress: bool = True) -> Comparison:
    """Score encoders on data sets, each beside random initialisations of its own architecture.

    Cells that are in the folder already are not scored again, so that a table grows by a line, and an
    interrupted comparison resumes.

    Parameters
    ----------
    table : Table
        Without data sets the stored predictions of runs are compared.
    out : Path
        Folder of the comparison: ``cells/``, ``comparison.json`` and ``comparison.csv``.
    progress : bool
        Say on standard error what is being done.

    Raises
    ------
    ConfigError, DataError, SplitError, ContractError, RunError
        When encoders, data and settings do not go together; told before anything is scored.
    """
    refuse_other_folder(out, "cells", "comparison.json")
    only = next((entry.called for entry in table.datasets if entry.use == "test"), None)
    if only is not None:
        raise ConfigError(
            f"{only} has use: test, and compare fits heads on each data set; use tsrep validate"
        )
    find = partial(_scored, table, out, progress) if table.datasets else partial(_stored, table)
    return conducted(table, out, find, progress=progress)


def _stored(table: Table, _tell: Tell) -> Comparison:
    return stored_comparison(table)


def _scored(table: Table, out: Path, progress: bool, tell: Tell) -> Comparison:
    entrants, store = entrants_of(table), Store(out)
    table = _on_the_same_draws(table, entrants)
    planned = [  # all of it, so that what cannot be scored is told before anything is
        (sight, entry, list(cells_of(sight, entry, table)))
        for entry in table.datasets
        for sight in sights_of(entrants, entry, table, read=Reader(progress=progress))
    ]
    cells: list[Scored] = []
    costs: dict[tuple[str, str], Cost] = {}
    for sight, entry, planned_cells in planned:
        cells += score_cells(sight, planned_cells, store, tell)
        if (cost := cost_on(sight)) is not None:
            costs[sight.entrant.name, entry.called] = cost
    return Comparison(
        tuple(cells),
        costs,
        {entrant.name: about(entrant) for entrant in entrants},
        notes=tuple(
            dict.fromkeys((*table.warnings, *(note for each in cells for note in each.scores.notes)))
        ),
        primary=table.primary,
        n_bootstrap=planned[0][0].evaluation.n_bootstrap,
        seed=table.seed,
    )


def _on_the_same_draws(table: Table, entrants: Sequence[Entrant]) -> Table:
    """The table with as many draws of labels for each encoder, so that all differences can cover them."""
    if min(table.labels) == 1:
        return table
    counts = (len(entrant.encoders) for entrant in entrants)
    return table.model_copy(update={"label_seeds": max(table.label_seeds, *counts)})


def sights_of(
    entrants: Sequence[Entrant], entry: DataEntry, table: Table, *, read: Reader, **seen: Any
) -> list[Sight]:
    """A data set as all are shown it, divided alike; where one was trained on it, as it was divided then.

    Parameters
    ----------
    entrants : sequence of Entrant
    entry : DataEntry
    table : Table
    read : Reader
    **seen
        See :meth:`Entrant.sees`.
    """
    sights = [entrant.sees(entry, table, read=read, **seen) for entrant in entrants]
    own = [sight for sight in sights if sight.shown.own]
    rules = [sight.entrant.encoders[0].recipe.get("split") for sight in own]
    if entry.split is None and any(rules):
        divided = entry.model_copy(update={"split": next(filter(None, rules))})
        sights = [
            each if each.shown.own else each.entrant.sees(divided, table, read=read, **seen)
            for each in sights
        ]
    for one, two in permutations(sights, 2):
        if np.intersect1d(one.patients(one.evaluation.part), two.patients("train")).size:
            raise ConfigError(
                f"{entry.called} is divided otherwise for {one.entrant.name} than for {two.entrant.name}, "
                "which would be fitted on patients that the other is scored on; compare those that were "
                "trained on one division"
            )
    return sights


def entrants_of(table: Table) -> list[Entrant]:
    """All encoders of the table under names of their own."""
    opened = [Entrant.open(entry) for entry in table.encoders]
    names = distinct_names(table.encoders, [entrant.name for entrant in opened])
    table.refuse_other_primary(names)
    return [entrant.called(name) for entrant, name in zip(opened, names, strict=True)]


def about(entrant: Entrant) -> dict[str, Any]:
    """What a page says of an encoder."""
    first = entrant.encoders[0]
    return {
        "references": [one.reference for one in entrant.encoders],
        "weights": [one.weights for one in entrant.encoders],
        "licence": first.licence,
        "citation": first.citation,
        "sources": list(sources_of(first)),
        "random initialisation": first.has_random_initialisation,
    }
