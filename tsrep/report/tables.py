"""Tables of a report as plain cells, for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from tsrep.inspect.naming import is_control
from tsrep.report.contents import Contents
from tsrep.report.headline import auroc, gain, reading
from tsrep.report.wording import METRICS, NOTHING, PROTOCOLS, count, interval, number, share, signed

if TYPE_CHECKING:
    from tsrep.evaluation.scores import Score

_ORDER = ("probe", "svm", "logistic", "finetune", "knn", "record", "window", "all", "patient", "sample")
CONDITIONS = ("seeds", "part", "scored on", "patients")
MAIN = ("auroc", "auprc", "f1", "accuracy")


@dataclass(frozen=True)
class Cell:
    """Text of a cell, the interval under it, and whether it is a number or stands out."""

    text: str
    below: str = ""
    numeric: bool = False
    strong: bool = False
    tone: str = ""


@dataclass(frozen=True)
class Table:
    """Cells under a caption; ``breaks`` are the rows that begin a group."""

    caption: str
    header: tuple[Cell, ...]
    rows: list[tuple[Cell, ...]]
    breaks: frozenset[int] = frozenset()


def score_tables(contents: Contents, unit: str, metrics: tuple[str, ...] = MAIN) -> list[Table]:
    """A table for each part and protocol, the majority baseline in each, conditions in every row."""
    chosen = [s for s in contents.scores if s.unit == unit]
    pairs = dict.fromkeys((s.part, s.protocol) for s in chosen if s.protocol != "none")
    tables = []
    for part, protocol in sorted(pairs, key=lambda pair: (_rank(pair[0]), _rank(pair[1]))):
        rows = [s for s in chosen if s.part == part and s.protocol in (protocol, "none")]
        rows.sort(
            key=lambda s: (-s.labels, _rank(s.subsample_by), is_control(s.method), s.protocol == "none")
        )
        known = [m for m in metrics if any(m in s.metrics for s in rows)]
        caption = f"{PROTOCOLS.get(protocol, protocol).capitalize()}, per {unit}, {part} patients"
        tables.append(_score_table(caption, rows, known))
    return tables


def gain_table(contents: Contents) -> Table | None:
    """What training adds over the random-initialised encoder, at every share of labels."""
    unit = preferred_unit(contents)
    scores = [s for s in contents.scores if s.unit == unit and gain(s) is not None]
    scores.sort(key=lambda s: (_rank(s.protocol), -s.labels, _rank(s.subsample_by)))
    rows = [_gain_row(s) for s in scores]
    names = ("method", "protocol", "labels", "drawn by", "AUROC gained", "reading", *CONDITIONS)
    caption = (
        "AUROC minus that of a random-initialised encoder on the same patients, with the paired 95 % interval"
    )
    breaks = frozenset(i for i, s in enumerate(scores) if i and s.protocol != scores[i - 1].protocol)
    return Table(caption, _header(names, {2, 4, 6, 9}), rows, breaks) if rows else None


def split_table(contents: Contents) -> Table | None:
    """Patients, records and samples of each part."""
    counts = contents.split.get("counts") or {}
    header = _header(("part", "patients", "records", "samples"), {1, 2, 3})
    rows = [
        (Cell(part, strong=True), *(_integer(n.get(k)) for k in ("patients", "trials", "samples")))
        for part, n in counts.items()
    ]
    return Table(f"Split: {contents.split.get('how', 'unknown')}", header, rows) if rows else None


def class_table(contents: Contents) -> Table | None:
    """Samples of each class in each part, most frequent first."""
    counts = contents.split.get("counts") or {}
    per_part = {part: n.get("classes") or {} for part, n in counts.items()}
    names = list(dict.fromkeys(name for classes in per_part.values() for name in classes))
    names.sort(key=lambda name: -sum(classes.get(name, 0) for classes in per_part.values()))
    rows = [
        (Cell(name), *(_integer(classes.get(name, 0)) for classes in per_part.values())) for name in names
    ]
    header = _header(("class", *per_part), set(range(1, len(per_part) + 1)))
    return Table("Samples of each class", header, rows) if rows else None


def preferred_unit(contents: Contents) -> str:
    """Records where they were scored, else windows."""
    return "record" if any(s.unit == "record" for s in contents.scores) or not contents.scores else "window"


def _score_table(caption: str, rows: list[Score], metrics: list[str]) -> Table:
    cells: list[tuple[Cell, ...]] = []
    breaks: set[int] = set()
    before: tuple[float, str] | None = None
    for i, row in enumerate(rows):
        group = (row.labels, row.subsample_by)
        best = max(auroc(s) for s in rows if (s.labels, s.subsample_by) == group)
        first, before = group != before, group
        breaks |= {i} if first else set()
        cells.append(
            (Cell(share(row.labels) if first else "", numeric=True), Cell(_drawn(row) if first else ""),
             Cell(row.method, strong=not is_control(row.method)),
             *(_metric(row, name, name == "auroc" and auroc(row) == best) for name in metrics), *_where(row))
        )  # fmt: skip
    names = ("labels", "drawn by", "method", *(METRICS.get(m, m) for m in metrics), *CONDITIONS)
    k = len(metrics)
    return Table(caption, _header(names, {0, *range(3, 4 + k), 6 + k}), cells, frozenset(breaks))


def _gain_row(score: Score) -> tuple[Cell, ...]:
    found = gain(score)
    assert found is not None
    read = reading(found)
    return (
        Cell(score.method, strong=True), Cell(PROTOCOLS.get(score.protocol, score.protocol)),
        Cell(share(score.labels), numeric=True), Cell(_drawn(score)),
        Cell(signed(found.value), interval(found, signed), numeric=True),
        Cell(read, tone=read if read in ("better", "worse") else ""), *_where(score),
    )  # fmt: skip


def _metric(row: Score, name: str, strong: bool) -> Cell:
    if name not in row.metrics:
        return Cell(NOTHING, numeric=True)
    found = row.metrics[name]
    flat = not math.isnan(found.low) and found.low == found.high
    return Cell(
        number(found.value), "" if flat else interval(found).replace(" to ", "–"), numeric=True, strong=strong
    )


def _where(score: Score) -> tuple[Cell, ...]:
    return (
        _integer(score.seeds),
        Cell(score.part),
        Cell(f"{count(score.n)} {score.unit}s"),
        _integer(score.patients),
    )


def _integer(value: int | None) -> Cell:
    return Cell(count(value), numeric=True)


def _header(names: Iterable[str], right: set[int]) -> tuple[Cell, ...]:
    return tuple(Cell(name, numeric=i in right) for i, name in enumerate(names))


def _drawn(score: Score) -> str:
    return NOTHING if score.subsample_by == "all" else score.subsample_by


def _rank(name: str) -> int:
    return _ORDER.index(name) if name in _ORDER else len(_ORDER)
