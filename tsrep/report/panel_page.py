"""The report of a run on labelled recordings of patients."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import groupby
from typing import Any

from tsrep.evaluation.headline import labels_used
from tsrep.evaluation.scores import Score
from tsrep.report.answers import Command, named, several_seeds
from tsrep.report.captioned_figure import CaptionedFigure
from tsrep.report.cohorts import cohort_table
from tsrep.report.contents import Contents
from tsrep.report.flow import flow_figures, flow_table
from tsrep.report.map_points import map_points
from tsrep.report.page import Page, Tile
from tsrep.report.panel_figures import PANEL_FIGURES, colours_of, conditions, preferred_unit
from tsrep.report.tables import (
    CONDITIONS,
    LABELS,
    METHOD,
    PATIENTS,
    PROTOCOL,
    TARGET,
    Cell,
    Columns,
    Table,
    begins,
    difference_table,
    grouped,
    integer,
    split_table,
    table,
    value_cell,
)
from tsrep.report.verdicts import ROLES, few_patients, main_scores
from tsrep.report.wording import capital, count, protocol_title, short_name
from tsrep.report.wording import named as names_of
from tsrep.text import plural

SHOWN = ("auroc", "auprc", "f1", "credit", "mae", "r2", "pearson")
MAIN = ("auroc", "auprc", "f1", "accuracy", "credit", "mae", "r2", "pearson")
_COUNTS = {"patients": "patients", "records": "trials", "samples": "samples"}
_REST = ("precision", "recall", "exact_match", "brier", "ece", "rmse", "slope", "bias")


class PanelPage(Page):
    """Scores on patients never seen, classes, calibration and embeddings."""

    template, own_figures = "panel.html", (*PANEL_FIGURES, flow_figures)

    def context(self, contents: Contents, figures: Sequence[CaptionedFigure]) -> dict[str, Any]:
        """See :meth:`Page.context`; with the points of the interactive map where the map is."""
        found = super().context(contents, figures)
        shown, points = contents.embeddings if found["figures"]["map"] else None, ""
        if shown is not None and "trial" in shown:
            points = map_points(contents, colours_of(contents, shown["label"], contents.classes))
        return {**found, "points": points}

    def training_data(self, contents: Contents) -> str:
        """See :meth:`Page.training_data`."""
        train = contents.counts.get("train")
        of = f"{count(train['samples'])} samples of {count(train['patients'])} patients of " if train else ""
        copies = contents.split.get("copies")
        stored = f"{count(copies)} recording{'s' if copies != 1 else ''}" if copies else ""
        twice = f" ({stored} stored twice, in one part only)" if copies else ""
        return f"{of}{contents.source}{twice}"

    def conditions(self, contents: Contents) -> str:
        """See :meth:`Page.conditions`."""
        return conditions(main_scores(contents)[0])

    def own_caveats(self, contents: Contents) -> list[str]:
        """See :meth:`Page.own_caveats`."""
        score, total = main_scores(contents)[0], len(contents.classes)
        notes = few_patients(score)
        if 0 < score.classes_scored < total:
            notes.append(
                f"Macro averages are over the {score.classes_scored} of {total} classes that have both "
                f"outcomes in the {score.part} part."
            )
        return notes

    def trust(self, contents: Contents) -> list[str]:
        """See :meth:`Page.trust`."""
        score, how = main_scores(contents)[0], contents.split.get("how")
        apart = f"No patient is in two parts of the split ({how}). " if how else ""
        scored = f"{plural(score.patients, f'{score.part} patient')} scored"
        return [f"{apart}{scored}, of whom none was trained on or chose a setting."]

    def next_steps(self, contents: Contents) -> Iterator[Command]:
        """See :meth:`Page.next_steps`."""
        if contents.encoder:
            return
        run = named(contents)
        if any(score.of_head for score in contents.scores) or (contents.run / "head").is_dir():
            yield "Label new recordings", f"tsrep predict {run} FOLDER --out predictions.csv"
            if not (contents.run / "figures" / "attribution.png").is_file():
                yield "See which leads and moments a label rests on", f"tsrep plot attribution {run}"
        yield "Score it on recordings from elsewhere", f"tsrep evaluate {run} --dataset wfdb --root FOLDER"
        yield "Fine-tune it on few labels", f"tsrep evaluate {run} --protocol finetune --labels 0.1"
        yield from several_seeds(contents)

    def size_tiles(self, contents: Contents) -> list[Tile]:
        """See :meth:`Page.size_tiles`."""
        main = main_scores(contents)[:1]
        tiles = [(f"{s.part} patients", count(s.patients), f"{count(s.n)} {s.unit}s") for s in main]
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
            ("channels", names_of(data.get("channels"))),
            ("sampling rate", f"{float(data.get('sfreq') or 0):g} Hz"),
        ]

    def tables(self, contents: Contents) -> dict[str, Any]:
        """See :meth:`Page.tables`."""
        unit = preferred_unit(contents)
        scores = score_tables(contents, unit)
        return {
            "score_tables": scores,
            "gain_table": gain_table(contents),
            "more_tables": [
                ("Other protocols and parts", scores[1:]),
                ("Scores per window", score_tables(contents, "window") if unit == "record" else []),
                ("Other metrics", score_tables(contents, unit, _REST)),
            ],
            "split_table": split_table(contents, _COUNTS),
            "class_table": class_table(contents),
            "head_table": head_table(contents),
            "flow_table": flow_table(contents),
            "cohort_table": cohort_table(contents),
        }

    def summary(self, contents: Contents) -> list[Table]:
        """See :meth:`Page.summary`."""
        return [*score_tables(contents, preferred_unit(contents), SHOWN), gain_table(contents)]


def score_tables(contents: Contents, unit: str, metrics: tuple[str, ...] = MAIN) -> list[Table]:
    """A table for each part and protocol, with the conditions in every row."""

    def place(s: Score) -> tuple[Any, ...]:
        return s.part != "test", s.rank, s.protocol, s.target, *labels_used(s), ROLES.index(s.role)

    groups = groupby(
        sorted(contents.scores.where(unit=unit), key=place), lambda s: (s.part, s.protocol, s.target)
    )
    return [_score_table(list(rows), unit, metrics) for _, rows in groups]


def _score_table(rows: list[Score], unit: str, metrics: Sequence[str]) -> Table:
    def value(metric: str, score: Score) -> Cell:
        best = max(other.value for other in rows if labels_used(other) == labels_used(score))
        strong = metric == score.metric and score.value == best
        return value_cell(score.metrics.get(metric), strong=strong)

    columns: Columns[Score] = {
        **LABELS,
        **METHOD,
        **{short_name(m): partial(value, m) for m in metrics if any(m in s.metrics for s in rows)},
        **CONDITIONS,
        **PATIENTS,
    }
    of = f" for {rows[0].target}" if rows[0].target else ""
    caption = f"{capital(protocol_title(rows[0]))}{of}, per {unit}, {rows[0].part} patients"
    return grouped(table(caption, rows, columns), begins(rows, labels_used), len(LABELS))


def gain_table(contents: Contents) -> Table:
    """Gain over the control, at every fraction of labels."""
    scores = [s for s in contents.scores.where(unit=preferred_unit(contents)) if s.gain is not None]
    scores.sort(key=lambda s: (s.rank, s.protocol, *labels_used(s)))
    metrics = dict.fromkeys(s.metric for s in scores)
    against = " or ".join(dict.fromkeys(s.against for s in scores))
    caption = f"Gain over {against} on the same patients, with its 95 % interval"
    if any(s.lower_is_better for s in scores):
        caption = f"Difference from {against} on the same patients, with its 95 % interval; lower is better"
    primary = next(iter(main_scores(contents)), None)
    conditions = {**PROTOCOL, **(TARGET if any(s.target for s in scores) else {}), **LABELS}
    before, after = {**conditions, **METHOD}, {**CONDITIONS, **PATIENTS}
    found = difference_table(caption, scores, before, metrics, after, primary)
    changes = begins(scores, lambda s: (s.protocol, s.target, *labels_used(s)))
    return grouped(found, changes, len(conditions))


def head_table(contents: Contents) -> Table:
    """What the heads do on the scored part: calibration, decisions and prediction sets."""
    scores = [s for s in contents.scores if s.of_head]
    scores.sort(key=lambda s: (s.rank, s.protocol, *labels_used(s)))
    shown = {name: title for name, title in _OF_HEAD.items() if any(name in s.of_head for s in scores)}
    stated = (contents.config.get("evaluation") or {}).get("coverage")
    coverage = f", which state a coverage of {stated:g}" if stated and "coverage" in shown else ""
    caption = f"Heads of the first seed{coverage}"
    columns: Columns[Score] = {title: partial(_of_head, name) for name, title in shown.items()}
    before = {**PROTOCOL, **(TARGET if any(s.target for s in scores) else {}), **LABELS}
    return table(caption, scores, {**before, **columns, "part": lambda s: Cell(s.part), **PATIENTS})


_OF_HEAD = {
    "ece": "calibration error before",
    "ece_calibrated": "calibration error after",
    "f1_decided": "F1 of decisions",
    "credit_decided": "challenge metric of decisions",
    "mae": "MAE",
    "coverage": "coverage of sets or intervals",
    "set_size": "classes in a set",
}


def _of_head(name: str, score: Score) -> Cell:
    return value_cell(score.of_head.get(name))


def class_table(contents: Contents) -> Table:
    """Samples of each class in each part, most frequent first."""
    per_part = {part: n.get("classes") or {} for part, n in contents.counts.items()}
    names = list(dict.fromkeys(name for classes in per_part.values() for name in classes))
    names.sort(key=lambda name: -sum(classes.get(name, 0) for classes in per_part.values()))

    def amount(part: str, name: str) -> Cell:
        return integer(per_part[part].get(name, 0))

    columns: Columns[str] = {"class": Cell, **{part: partial(amount, part) for part in per_part}}
    return table("Samples of each class", names, columns)
