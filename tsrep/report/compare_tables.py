"""Tables of a comparison."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from functools import partial

from tsrep.report.tables import Cell, Columns, Table, begins, difference_cell, integer, table, value_cell
from tsrep.report.wording import (
    NOTHING,
    count,
    listed,
    number,
    p_value,
    share,
    short_name,
)
from tsrep.runs.compare.cells import Scored
from tsrep.runs.compare.comparison import Comparison
from tsrep.runs.compare.cost import Cost
from tsrep.runs.compare.verdicts import Verdict

SEEN = "†seen"


def in_order(comparison: Comparison) -> list[str]:
    """Encoders by their ranks on the first data set, those whose recordings were trained on last."""
    ranked = list(next(iter(comparison.rankings.values())).values)
    return [*ranked, *(name for name in comparison.encoders if name not in ranked)]


def overview(comparison: Comparison) -> Table:
    """Encoders by data sets, under the first protocol with the most labels."""
    found = {(each.cell.encoder, each.cell.dataset): each for each in comparison.leading}
    encoders = in_order(comparison)

    def cell(dataset: str, encoder: str) -> Cell:
        each = found.get((encoder, dataset))
        if each is None:
            return Cell(NOTHING, numeric=True)
        told = _marked(each)
        if not comparison.rankings[dataset].apart:
            return told
        return replace(told, below=", ".join(filter(None, (told.below, f"n = {count(each.score.n)}"))))

    scores: Columns[str] = {dataset: partial(cell, dataset) for dataset in comparison.datasets}
    columns: Columns[str] = {"encoder": lambda name: Cell(name, strong=True), **scores}
    seen = {each.cell.encoder for each in comparison.leading if each.cell.marked}
    first = comparison.leading[0].score
    labels = f"{share(first.fraction)} of the labels"
    caption = f"{short_name(first.metric)} with {labels}, {first.title or first.protocol}"
    return table(caption, encoders, columns, begins(encoders, lambda name: name in seen))


def detail_tables(comparison: Comparison) -> list[tuple[str, list[Table]]]:
    """For each protocol a table of each data set: scores, random initialisations and gains by fraction."""
    return [
        (
            f"{_title(comparison, protocol)}: all fractions of labels beside random initialisations",
            [_detail(comparison, protocol, dataset) for dataset in comparison.datasets],
        )
        for protocol in comparison.protocols
    ]


def gain_table(comparison: Comparison) -> Table:
    """Each encoder against random initialisations of its own architecture."""
    return verdict_table("Gain over random initialisations of the same architecture", comparison.gains)


def pair_table(comparison: Comparison) -> Table:
    """Every pair of encoders on each data set."""
    return verdict_table("Differences between encoders, the better first", comparison.pairs)


def about_table(comparison: Comparison) -> Table:
    """Whose the encoders are, and what they have seen."""

    def seen(name: str) -> Cell:
        own = [each for each in comparison.leading if each.cell.encoder == name]
        words = dict.fromkeys(_status(each) for each in own)
        told = dict.fromkeys(each.cell.seen_told for each in own if each.cell.seen_told)
        return Cell(", ".join(words), " ".join(told), tone="worse" if any(e.cell.marked for e in own) else "")

    about = comparison.about
    columns: Columns[str] = {
        "encoder": lambda name: Cell(name, strong=True),
        "reference": lambda name: Cell(listed(about[name]["references"])),
        "licence": lambda name: Cell(about[name].get("licence") or "not stated"),
        "trained on, as stated": lambda name: Cell(", ".join(about[name].get("sources", ())) or NOTHING),
        "scored recordings seen": seen,
        "pool": lambda name: Cell(_pool(comparison, name)),
    }
    return table("Encoders", in_order(comparison), columns)


def cost_table(comparison: Comparison) -> Table:
    """Weights, arithmetic, time and memory."""

    def size(value: float | None, digits: int = 1) -> Cell:
        return Cell(NOTHING if value is None else number(value, digits), numeric=True)

    def of(place: tuple[str, str]) -> Cost:
        return comparison.costs[place]

    columns: Columns[tuple[str, str]] = {
        "encoder": lambda place: Cell(place[0], strong=True),
        "data set": lambda place: Cell(place[1]),
        "parameters": lambda place: integer(of(place).parameters),
        "GFLOP for 10 s": lambda place: size(of(place).gflop, 4 if of(place).gflop < 0.1 else 2),
        "s for 1,000 records": lambda place: size(of(place).seconds, 2),
        "peak MB": lambda place: size(of(place).memory),
        "MB of weights": lambda place: size(of(place).megabytes),
        "measured on": lambda place: Cell(of(place).where),
    }
    return table(
        "Cost, without reading recordings; median of three after a warm-up", list(comparison.costs), columns
    )


def conversion_table(comparison: Comparison) -> Table:
    """What was done to the signals for each encoder."""
    columns: Columns[Scored] = {
        "encoder": lambda each: Cell(each.cell.encoder, strong=True),
        "data set": lambda each: Cell(each.cell.dataset),
        "records": lambda each: integer(each.cell.records),
        "left out": lambda each: integer(each.cell.left_out),
        "signals": lambda each: Cell("; ".join(each.cell.notes) or "shown as they are"),
    }
    rows = comparison.leading
    return table("Signals as each encoder is shown them", rows, columns)


def _status(each: Scored) -> str:
    """Of the scored recordings, and what became of those that were trained on."""
    if each.cell.seen != "seen":
        return {"own-split": "none: the run's own split"}.get(each.cell.seen, each.cell.seen)
    return "seen, marked" if each.cell.marked else "seen, left out"


def _title(comparison: Comparison, protocol: str) -> str:
    score = next(each.score for each in comparison.cells if each.cell.protocol == protocol)
    return (score.title or protocol).capitalize()


def _pool(comparison: Comparison, name: str) -> str:
    return next((each.cell.pool for each in comparison.cells if each.cell.encoder == name), "") or NOTHING


def _marked(each: Scored) -> Cell:
    """A score with its interval; with a dagger where its recordings were trained on."""
    score = each.score
    found = value_cell(score.metrics[score.metric])
    if each.cell.marked:
        return Cell(f"{found.text} {SEEN}", found.below, numeric=True, tone="worse")
    return found


def _detail(comparison: Comparison, protocol: str, dataset: str) -> Table:
    encoders = in_order(comparison)
    columns: Columns[str] = {"encoder": lambda name: Cell(name, strong=True)}

    def at(column: tuple[float, str], role: str, name: str) -> Cell:
        each = comparison.find(name, dataset, protocol, *column)
        if each is None:
            return Cell(NOTHING, numeric=True)
        if role == "method":
            return _marked(each)
        found = each.of(role)
        return value_cell(None if found is None else found.metrics[found.metric])

    def gain(column: tuple[float, str], name: str) -> Cell:
        each = comparison.find(name, dataset, protocol, *column)
        return difference_cell(None if each is None else each.score.gain)

    for column in comparison.columns:
        labels = share(column[0]) + (f" by {column[1]}" if column[0] < 1 else "")
        columns = {
            **columns,
            Cell(labels, numeric=True): partial(at, column, "method"),
            Cell("random", f"at {labels}", numeric=True): partial(at, column, "control"),
            Cell("gain", f"at {labels}", numeric=True): partial(gain, column),
        }
    return table(f"{_title(comparison, protocol)}: {dataset}", encoders, columns)


def verdict_table(caption: str, verdicts: Sequence[Verdict], data: str = "data set") -> Table:
    """Differences with their p values; ``data`` is the heading of what they are on."""

    def word(verdict: Verdict) -> Cell:
        tone = verdict.word if verdict.word in ("better", "worse") else ""
        return Cell(verdict.word, "primary comparison" if verdict.primary else "", tone=tone)

    columns: Columns[Verdict] = {
        data: lambda verdict: Cell(verdict.dataset),
        "encoder": lambda verdict: Cell(verdict.encoder, strong=True),
        "against": lambda verdict: Cell(verdict.against),
        "difference": lambda verdict: difference_cell(verdict.difference),
        "p": lambda verdict: Cell(p_value(verdict.difference.p), numeric=True),
        "p (Holm)": lambda verdict: Cell(p_value(verdict.adjusted_p), numeric=True),
        "significance": word,
        "records": lambda verdict: Cell(count(verdict.n), numeric=True),
        "interval over": lambda verdict: Cell(verdict.difference.covers),
    }
    return table(caption, list(verdicts), columns, begins(verdicts, lambda verdict: verdict.dataset))
