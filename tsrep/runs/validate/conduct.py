"""Conduct a validation: fit heads on each cohort and score them on all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import permutations
from pathlib import Path
from typing import Any

from tsrep.errors import ConfigError, RunError, TsrepError
from tsrep.files import refuse_other_folder
from tsrep.runs.compare.cells import Cell, Store, digest_of
from tsrep.runs.compare.conduct import about, entrants_of
from tsrep.runs.compare.entrant import Entrant, Reader, Sight
from tsrep.runs.compare.outcome import conducted, refuse_few_initialisations
from tsrep.runs.compare.scoring import score_cells
from tsrep.runs.compare.table import EncoderEntry, Table
from tsrep.runs.label_evaluation import Tell
from tsrep.runs.validate.classes import fixed_classes, lists_of_pairs
from tsrep.runs.validate.cohorts import Cohort, cohorts_of
from tsrep.runs.validate.facts import facts_of
from tsrep.runs.validate.together import Together, together
from tsrep.runs.validate.validation import ALL, FITTED, OTHERS, Validation

CONTROLS = ("simple:amplitude-and-spectrum", "simple:age-and-sex")


def validate(table: Table, out: Path, *, progress: bool = True) -> Validation:
    """Score encoders on data sets with heads of each, beside random initialisations and simple controls.

    Cells that are in the folder already are not scored again, so that what was interrupted resumes.

    Parameters
    ----------
    table : Table
        Of at least two data sets and one protocol.
    out : Path
        Folder of the validation: ``cells/``, ``validation.json`` and ``validation.csv``.
    progress : bool
        Say on standard error what is being done.

    Raises
    ------
    ConfigError, DataError, SplitError, ContractError, RunError
        When encoders, data and settings do not go together; told before anything is scored.
    """
    _refuse_unfit(table)
    refuse_other_folder(out, "cells", "validation.json")
    return conducted(table, out, partial(_scored, table, Store(out), progress), progress=progress)


def _scored(table: Table, store: Store, progress: bool, tell: Tell) -> Validation:
    entrants = entrants_of(table)
    read = Reader(progress=progress)
    controls, without = _controls(table, read)
    cohorts = cohorts_of([*entrants, *controls], table, read)
    classes, excluded = fixed_classes(cohorts)
    lists = lists_of_pairs(cohorts, classes)
    every = tuple(dict.fromkeys((*classes, *(name for each in lists.values() for name in each))))
    planned, pairs = [], []  # all of it, so that what cannot be scored is told before anything is
    for entrant in (*entrants, *controls):
        try:
            made = together(cohorts, entrant, every)
        except RunError as error:
            if entrant in entrants:
                raise
            without.append(f"Without the control {entrant.name}: {error}.")
            continue
        planned += list(_planned(made, [cohort.of_classes(classes) for cohort in cohorts], classes))
        pairs += [
            _of_pair(made, one, other, each)
            for names, each in lists.items()
            for one, other in permutations(names)
            if made.cohorts[one].can_fit
        ]
    scored, of_pairs = (
        tuple(one for sight, cell in some for one in score_cells(sight, [cell], store, tell))
        for some in (planned, pairs)
    )
    notes = [*table.warnings, *without, *(note for cohort in cohorts for note in cohort.notes)]
    return Validation(
        scored,
        tuple(facts_of(cohort.of_classes(classes), classes) for cohort in cohorts),
        classes,
        excluded,
        {entrant.name: about(entrant) for entrant in entrants},
        pairs=of_pairs,
        pair_classes=lists,
        notes=tuple(dict.fromkeys(notes)),
        n_bootstrap=planned[0][0].evaluation.n_bootstrap,
        seed=table.seed,
    )


def _controls(table: Table, read: Reader) -> tuple[list[Entrant], list[str]]:
    """Controls without an encoder that all data sets have what is needed for, and why others are left out."""
    given = {ref for entry in table.encoders for ref in entry.refs}
    found, without = [], []
    for reference in CONTROLS:
        if reference in given:
            continue
        entrant = Entrant.open(EncoderEntry(refs=(reference,)))
        try:
            for entry in table.datasets:
                entrant.sees(entry, table, read=read)
        except TsrepError as error:
            without.append(f"Without the control {entrant.name}: {error}.")
        else:
            found.append(entrant)
    return found, without


def _planned(
    made: Together, cohorts: Sequence[Cohort], classes: tuple[str, ...]
) -> Iterator[tuple[Sight, Cell]]:
    """Cells of an encoder: heads of each cohort, of all others and of all, by the cohort that is scored."""
    fit = tuple(cohort.name for cohort in cohorts if cohort.can_fit)
    for column in cohorts:
        others = tuple(name for name in fit if name != column.name)
        rows: dict[str, tuple[str, ...]] = {name: (name,) for name in fit}
        rows |= {OTHERS: others} if len(others) > 1 else {}
        rows |= {ALL: fit} if others and column.can_fit else {}  # else it is the head of all others
        for label, fitted_on in rows.items():
            sight = made.sight(fitted_on, column.name, classes)
            yield sight, _cell(made, sight, label, fitted_on, column, classes)


def _of_pair(made: Together, fitted_on: str, scored: str, classes: tuple[str, ...]) -> tuple[Sight, Cell]:
    """The head of one cohort on another one, for all classes of the two."""
    column = made.cohorts[scored].of_classes(classes)
    sight = made.sight((fitted_on,), scored, classes)
    return sight, _cell(made, sight, fitted_on, (fitted_on,), column, classes)


def _cell(
    made: Together, sight: Sight, label: str, fitted_on: Sequence[str], column: Cohort, classes: Sequence[str]
) -> Cell:
    name, found, evaluation = made.entrant.name, sight.contamination, sight.data.evaluation
    protocol = evaluation.protocols[0]
    rows = [made.cohorts[each] for each in fitted_on]
    inside = _inside(sight, fitted_on, column)
    depends_on: dict[str, Any] = {
        "records": [cohort.records.digest for cohort in (*rows, column)],
        "split": [cohort.sights[name].shown.prepared.split.digest for cohort in rows],
        "classes": classes,
        "protocol": protocol,
        "settings": evaluation.of(protocol).model_dump(mode="json"),
        "scored": column.scored.tolist(),
    }
    return Cell(
        encoder=name,
        dataset=column.name,
        protocol=protocol,
        fraction=1.0,
        subsample_by="all",
        synthetic=any(cohort.records.synthetic for cohort in (*rows, column)),
        own=sight.shown.own,
        seen=found.status,
        marked=found.kept,
        seen_told=" ".join(found.notes),
        notes=(*sight.shown.notes, *sight.shown.warnings),
        records=len(column.scored),
        left_out=len(sight.shown.unusable) + found.left_out,
        pool=evaluation.pool,
        key=digest_of(sight.depends_on | depends_on),
        fitted_on=label,
        inside=inside,
        near="" if inside else _near(made, fitted_on, column),
    )


def _inside(sight: Sight, fitted_on: Sequence[str], column: Cohort) -> str:
    """Why the scored recordings are not external; empty where they are."""
    name, found = sight.entrant.name, sight.contamination
    if column.name in fitted_on:
        return FITTED
    if sight.shown.own:
        return f"{name} was trained on it"
    if found.kept:
        return f"{name} was trained on scored recordings"
    if found.status == "unknown" and found.known_overlap:
        return "; ".join(found.known_overlap)
    return next((column.same[each] for each in fitted_on if each in column.same), "")


def _near(made: Together, fitted_on: Sequence[str], column: Cohort) -> str:
    """What an external cohort has in common with those that head and encoder were fitted on."""
    trained = (c for c in made.cohorts.values() if c.sights[made.entrant.name].shown.own)
    fitted = (*(made.cohorts[name] for name in fitted_on), *trained)
    return next(filter(None, (column.shares_with(each) for each in fitted)), "")


def _refuse_unfit(table: Table) -> None:
    if len(table.datasets) < 2:
        raise ConfigError(
            f"{len(table.datasets)} data set{'s' * (len(table.datasets) != 1)} to validate on; give two or "
            "more, with --dataset for each"
        )
    if len(table.protocols) > 1:
        raise ConfigError(
            f"a validation is under one protocol, and {', '.join(table.protocols)} are named; choose one"
        )
    if table.labels != (1.0,):
        raise ConfigError("a validation takes all labels; leave labels out")
    if all(entry.use == "test" for entry in table.datasets):
        raise ConfigError("all data sets have use: test, so that no head can be fitted; give one another use")
    refuse_few_initialisations(table)
