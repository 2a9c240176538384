"""The report of a run on labelled recordings of patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import partial
from itertools import groupby
from typing import Any

from tsrep.evaluation.scores import Score
from tsrep.report.captioned_figure import CaptionedFigure
from tsrep.report.contents import Contents
from tsrep.report.page import Page, Tile
from tsrep.report.panel_figures import conditions, panel_figures, preferred_unit
from tsrep.report.tables import (
    CONDITIONS,
    LABELS,
    METHOD,
    PATIENTS,
    PROTOCOL,
    Cell,
    Columns,
    Table,
    begins,
    difference_table,
    integer,
    split_table,
    table,
    value_cell,
)
from tsrep.report.verdicts import main_scores
from tsrep.report.wording import capital, count, named, protocol_title, short_name

MAIN = ("auroc", "auprc", "f1", "accuracy")
_REST = ("precision", "recall", "exact_match", "brier", "ece")
_UNITS = ("all", "patient", "record", "sample")


class PanelPage(Page):
    """Scores on patients never seen, classes, calibration and embeddings."""

    template = "panel.html"

    def training_data(self, contents: Contents) -> str:
        """See :meth:`Page.training_data`."""
        train = contents.counts.get("train")
        if not train:
            return contents.source
        return (
            f"{count(train['samples'])} samples of {count(train['patients'])} patients of {contents.source}"
        )

    def conditions(self, contents: Contents, main: Sequence[Score]) -> str:
        """See :meth:`Page.conditions`."""
        del contents
        return conditions(main[0])

    def own_caveats(self, contents: Contents) -> list[str]:
        """See :meth:`Page.own_caveats`."""
        score, notes, total = main_scores(contents)[0], [], len(contents.classes)
        if score.patients < 30:
            notes.append(f"Only {score.patients} patients were scored; the intervals are wide and uncertain.")
        if total and score.classes_scored < total:
            notes.append(
                f"Macro averages are over the {score.classes_scored} of {total} classes that have both "
                f"outcomes in the {score.part} part."
            )
        return notes

    def size_tiles(self, contents: Contents, main: Sequence[Score]) -> list[Tile]:
        """See :meth:`Page.size_tiles`."""
        tiles = [(f"{s.part} patients", count(s.patients), f"{count(s.n)} {s.unit}s") for s in main[:1]]
        if train := contents.counts.get("train"):
            samples = f"{count(train['samples'])} samples"
            tiles.append(("training patients", count(train["patients"]), samples))
        return tiles

    def facts(self, contents: Contents) -> list[tuple[str, str]]:
        """See :meth:`Page.facts`."""
        data, seconds = contents.data, contents.window.get("seconds")
        length = f"{seconds:g} s" if seconds else "whole records"
        return [
            ("records", f"{count(data.get('records'))} of {count(data.get('patients'))} patients"),
            ("samples", f"{count(data.get('samples'))} of {length}"),
            ("channels", named(data.get("channels"))),
            ("sampling rate", f"{float(data.get('sfreq') or 0):g} Hz"),
        ]

    def tables(self, contents: Contents) -> dict[str, Any]:
        """See :meth:`Page.tables`."""
        unit = preferred_unit(contents)
        scores = score_tables(contents, unit)
        windows = score_tables(contents, "window") if unit == "record" else []
        columns = {"patients": "patients", "records": "trials", "samples": "samples"}
        return {
            "score_tables": scores,
            "gain_table": gain_table(contents),
            "more_tables": [
                ("Other protocols and parts", scores[1:]),
                ("Scores per window", windows),
                ("Other metrics", score_tables(contents, unit, _REST)),
            ],
            "split_table": split_table(contents, columns),
            "class_table": class_table(contents),
        }

    def summary(self, contents: Contents) -> list[Table]:
        """See :meth:`Page.summary`."""
        tables = score_tables(contents, preferred_unit(contents), ("auroc", "auprc", "f1"))
        return [*tables, gain_table(contents)]

    def figures(self, contents: Contents) -> Iterator[CaptionedFigure]:
        """See :meth:`Page.figures`."""
        return panel_figures(contents)


def score_tables(contents: Contents, unit: str, metrics: tuple[str, ...] = MAIN) -> list[Table]:
    """A table for each part and protocol, with the conditions in every row."""
    chosen = sorted(
        contents.scores.where(unit=unit),
        key=lambda s: (
            s.part != "test",
            s.rank,
            s.protocol,
            *_draw(s),
            s.role != "method",
            s.role != "control",
        ),
    )
    groups = groupby(chosen, lambda s: (s.part, s.protocol))
    return [_score_table(list(rows), unit, metrics) for _, rows in groups]


def _draw(score: Score) -> tuple[float, int]:
    """By the fraction of labels, then by what was subsampled."""
    by = _UNITS.index(score.subsample_by) if score.subsample_by in _UNITS else len(_UNITS)
    return -score.fraction, by


def _score_table(rows: list[Score], unit: str, metrics: Sequence[str]) -> Table:
    def value(metric: str, score: Score) -> Cell:
        best = max(other.value for other in rows if _draw(other) == _draw(score))
        strong = metric == score.metric and score.value == best
        return value_cell(score.metrics.get(metric), strong=strong)

    columns: Columns[Score] = {
        **LABELS,
        **METHOD,
        **{short_name(m): partial(value, m) for m in metrics if any(m in s.metrics for s in rows)},
        **CONDITIONS,
        **PATIENTS,
    }
    caption = f"{capital(protocol_title(rows[0]))}, per {unit}, {rows[0].part} patients"
    made, breaks = table(caption, rows, columns), {0, *begins(rows, _draw)}
    blank = tuple(replace(cell, text="") for cell in made.header[: len(LABELS)])
    cells = [row if i in breaks else (*blank, *row[len(LABELS) :]) for i, row in enumerate(made.rows)]
    return replace(made, rows=cells, breaks=frozenset(breaks))


def gain_table(contents: Contents) -> Table:
    """Gain over the control, at every fraction of labels."""
    scores = [s for s in contents.scores.where(unit=preferred_unit(contents)) if s.gain is not None]
    scores.sort(key=lambda s: (s.rank, s.protocol, *_draw(s)))
    metrics = dict.fromkeys(s.metric for s in scores)
    against = " or ".join(dict.fromkeys(s.against for s in scores))
    caption = f"Gain over {against} on the same patients, with its 95 % interval"
    primary = next(iter(main_scores(contents)), None)
    before, after = {**METHOD, **PROTOCOL, **LABELS}, {**CONDITIONS, **PATIENTS}
    return difference_table(caption, scores, before, metrics, after, primary)


def class_table(contents: Contents) -> Table:
    """Samples of each class in each part, most frequent first."""
    per_part = {part: n.get("classes") or {} for part, n in contents.counts.items()}
    names = list(dict.fromkeys(name for classes in per_part.values() for name in classes))
    names.sort(key=lambda name: -sum(classes.get(name, 0) for classes in per_part.values()))

    def amount(part: str, name: str) -> Cell:
        return integer(per_part[part].get(name, 0))

    columns: Columns[str] = {"class": Cell, **{part: partial(amount, part) for part in per_part}}
    return table("Samples of each class", names, columns)
