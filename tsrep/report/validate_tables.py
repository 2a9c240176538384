"""Tables of a validation."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import partial

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.scores import RANDOM_INIT, Score
from tsrep.report.tables import Cell, Columns, Table, begins, difference_cell, integer, table, value_cell
from tsrep.report.wording import (
    NOTHING,
    count,
    full_name,
    listed,
    number,
    share,
    short_name,
)
from tsrep.runs.compare.cells import Scored
from tsrep.runs.validate.by_class import ClassScore
from tsrep.runs.validate.facts import CohortFacts
from tsrep.runs.validate.validation import FITTED, NEAR, Drop, Validation
from tsrep.splits.split import PARTS

UNKNOWN = "†"  # behind a cohort whose patients are not known
INTERNAL, NOT_EXTERNAL = "internal", "not external"


@dataclass(frozen=True)
class Row:
    """A line of the matrix.

    Attributes
    ----------
    fitted_on : str
        Empty where heads are fitted on the cohort of the column.
    encoder : str
        Whose cells they are.
    role : {"method", "control", "baseline"}
        Which score of them.
    """

    fitted_on: str
    encoder: str
    role: str

    @property
    def name(self) -> str:
        """What the line is called."""
        names = {"method": self.encoder, "control": f"{self.encoder}, {RANDOM_INIT}", "baseline": "majority"}
        return names[self.role]


def rows_of(validation: Validation, fitted_on: str = "") -> list[Row]:
    """Encoders, each above its random initialisations, then controls and the majority class."""
    found = []
    for name in validation.methods:
        found.append(Row(fitted_on, name, "method"))
        each = next(e for e in validation.cells if e.cell.encoder == name)
        found += [Row(fitted_on, name, "control")] if each.of("control") is not None else []
    return [*found, Row(fitted_on, validation.methods[0], "baseline")]


def transferred(validation: Validation) -> Table:
    """Heads of each cohort, as they are, on every cohort."""
    heads = dict.fromkeys(fitted_on for _, fitted_on in validation.rows)
    rows = [row for head in heads for row in rows_of(validation, head)]
    before: Columns[Row] = {
        "head fitted on": lambda row: Cell(row.fitted_on),
        "encoder": lambda row: Cell(
            row.name, strong=row.role == "method" and row.encoder in validation.about
        ),
    }
    caption = (
        f"Classifier transferred: {full_name(validation.metric)} of heads as they were fitted on a cohort"
    )
    return table(
        caption, rows, {**before, **_scores(validation, rows)}, begins(rows, lambda row: row.fitted_on)
    )


def refitted(validation: Validation) -> Table:
    """Heads that are fitted anew on the cohort that is scored."""
    rows = rows_of(validation)
    before: Columns[Row] = {
        "encoder": lambda row: Cell(
            row.name, strong=row.role == "method" and row.encoder in validation.about
        ),
    }
    caption = f"Head refitted: {full_name(validation.metric)} of heads of the scored cohort's training part"
    return table(caption, rows, {**before, **_scores(validation, rows)})


def _scores(validation: Validation, rows: Sequence[Row]) -> Columns[Row]:
    """A column for each cohort with what was scored of it."""
    columns: Columns[Row] = {}
    for cohort in validation.cohorts:
        if any(_found(validation, row, cohort.name) for row in rows):
            n, patients = cohort.parts["test"]
            dagger = "" if cohort.patients_known else UNKNOWN
            below = f"{count(n)} recordings,\n{count(patients)} patients{dagger}"
            head = Cell(cohort.name, below, numeric=True)
            columns = {**columns, head: partial(_score_cell, validation, cohort.name)}
    return columns


def _found(validation: Validation, row: Row, dataset: str) -> Scored | None:
    return validation.find(row.encoder, row.fitted_on or dataset, dataset)


def _score_cell(validation: Validation, dataset: str, row: Row) -> Cell:
    each = _found(validation, row, dataset)
    score: Score | None = None if each is None else each.of(row.role)
    if each is None or score is None:
        return Cell(NOTHING, numeric=True)
    if row.role == "baseline":
        return Cell(number(score.value), numeric=True)
    found = value_cell(score.metrics[score.metric])
    if not row.fitted_on or not (each.cell.inside or each.cell.near):
        return found
    word = NEAR if each.cell.near else INTERNAL if each.cell.inside == FITTED else NOT_EXTERNAL
    return Cell(found.text, f"{found.below}, {word}" if found.below else word, numeric=True)


def gains(validation: Validation) -> Table:
    """Gains over random initialisations of heads that are fitted on the scored cohort, without verdicts."""
    columns: Columns[str] = {"encoder": lambda name: Cell(name, strong=True)}
    for name in validation.datasets:
        if validation.find(validation.methods[0], name, name) is not None:
            columns = {**columns, Cell(name, numeric=True): partial(_gain, validation, name)}
    caption = "Head refitted: gain over random initialisations, an overview without verdicts"
    return table(caption, list(validation.about), columns)


def _gain(validation: Validation, dataset: str, name: str) -> Cell:
    each = validation.find(name, dataset, dataset)
    return difference_cell(None if each is None else each.score.gain)


def drop_table(validation: Validation) -> Table:
    """What heads lose from the test part of their own cohort to others."""
    columns: Columns[Drop] = {
        "from": lambda drop: Cell(drop.fitted_on),
        "to": lambda drop: Cell(drop.dataset, NEAR if drop.near else ""),
        "encoder": lambda drop: Cell(drop.encoder, strong=drop.encoder in validation.about),
        f"{short_name(validation.metric)} inside − outside": lambda drop: difference_cell(drop.difference),
        "interval over": lambda drop: Cell(drop.difference.covers),
    }
    drops = sorted(
        validation.drops,
        key=lambda drop: (validation.datasets.index(drop.fitted_on), validation.datasets.index(drop.dataset)),
    )
    caption = "From the cohort that a head is fitted on to others; two groups of patients, an overview"
    return table(caption, drops, columns, begins(drops, lambda drop: (drop.fitted_on, drop.dataset)))


def class_tables(validation: Validation) -> list[tuple[str, list[Table]]]:
    """For each encoder the classes by where heads are fitted and scored."""
    return [
        (
            f"{name}: each class",
            [
                _classes(scores, f"Head fitted on {place[1]}, scored on {place[2]}")
                for place, scores in validation.by_class.items()
                if place[0] == name
            ],
        )
        for name in validation.about
    ]


def _classes(scores: Sequence[ClassScore], caption: str) -> Table:
    columns: Columns[ClassScore] = {
        "class": lambda each: Cell(each.name, strong=True),
        "recordings": lambda each: integer(each.records),
        "with it": lambda each: integer(each.positive),
        "prevalence": lambda each: Cell(number(each.prevalence), numeric=True),
        "mean predicted": lambda each: Cell(number(each.stated), numeric=True),
        "predicted − prevalence": lambda each: difference_cell(each.in_the_large),
        "AUROC": lambda each: value_cell(each.auroc),
        "AUPRC": lambda each: value_cell(each.auprc),
    }
    return table(caption, list(scores), columns)


@dataclass(frozen=True)
class PairLine:
    """A class of two cohorts, or all of them: heads of one on the other, by encoder."""

    fitted_on: str
    dataset: str
    name: str
    records: int
    positive: int | None
    auroc: Mapping[str, Interval]


def pair_table(validation: Validation) -> Table:
    """Classes that only two cohorts share, below all classes of the two."""

    def auroc(name: str, line: PairLine) -> Cell:
        return value_cell(line.auroc.get(name))

    lines = list(_pair_lines(validation))
    columns: Columns[PairLine] = {
        "head fitted on": lambda line: Cell(line.fitted_on),
        "scored on": lambda line: Cell(line.dataset),
        "class": lambda line: Cell(line.name, strong=line.positive is not None),
        "recordings": lambda line: integer(line.records),
        "with it": lambda line: integer(line.positive),
        **{Cell(name, numeric=True): partial(auroc, name) for name in validation.methods},
    }
    caption = (
        "Classes of two cohorts only: AUROC of heads for all classes of the two; each pair has a list of its "
        "own, so that lines do not compare; an overview without verdicts"
    )
    return table(caption, lines, columns, begins(lines, lambda line: (line.fitted_on, line.dataset)))


def _pair_lines(validation: Validation) -> Iterator[PairLine]:
    by_place: dict[tuple[str, str], dict[str, Scored]] = {}
    for each in validation.pairs:
        by_place.setdefault((each.cell.fitted_on, each.cell.dataset), {})[each.cell.encoder] = each
    for place, by_encoder in by_place.items():
        scores = {name: each.score for name, each in by_encoder.items()}
        every = f"all {len(validation.classes_of_pair(*place))} of the two"
        macro = {name: score.metrics["auroc"] for name, score in scores.items()}
        yield PairLine(*place, every, next(iter(scores.values())).n, None, macro)
        of_class = {name: validation.by_class_of_pairs[name, *place] for name in by_encoder}
        for several in zip(*of_class.values(), strict=True):
            auroc = {name: one.auroc for name, one in zip(of_class, several, strict=True)}
            yield PairLine(*place, several[0].name, several[0].records, several[0].positive, auroc)


def cohort_table(validation: Validation) -> Table:
    """Who is in the cohorts, and how many with each class are scored."""

    def part(name: str, cohort: CohortFacts) -> Cell:
        n, patients = cohort.parts[name]
        dagger = "" if cohort.patients_known else UNKNOWN
        return Cell(count(n), f"{count(patients)} patients{dagger}", numeric=True)

    def positives(name: str, cohort: CohortFacts) -> Cell:
        return integer(cohort.positives[name])

    def age(cohort: CohortFacts) -> Cell:
        if not cohort.age:
            return Cell(NOTHING, numeric=True)
        middle, *quartiles = (number(value, 0) for value in cohort.age)
        return Cell(middle, "–".join(quartiles), numeric=True)

    def devices(cohort: CohortFacts) -> Cell:
        found = cohort.devices or {}
        return Cell(listed(f"{name or 'not stated'} ({count(n)})" for name, n in found.items()) or NOTHING)

    headings = dict(zip(PARTS, ("fitted on", "chosen by", "scored"), strict=True))
    columns: Columns[CohortFacts] = {
        "cohort": lambda cohort: Cell(cohort.name, strong=True),
        "source": lambda cohort: Cell(cohort.source),
        **{heading: partial(part, name) for name, heading in headings.items()},
        "age, years": age,
        "female": lambda cohort: Cell(
            NOTHING if cohort.female is None else share(cohort.female), numeric=True
        ),
        **{
            Cell(name, "scored with it", numeric=True): partial(positives, name)
            for name in validation.classes
        },
        "most frequent devices": devices,
        "recorded": lambda cohort: Cell("–".join(dict.fromkeys(cohort.years)) or NOTHING),
        "as recorded": lambda cohort: Cell(cohort.form),
    }
    return table("Cohorts: recordings and patients", list(validation.cohorts), columns)
