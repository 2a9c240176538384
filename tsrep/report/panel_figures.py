"""The figures of a run on a panel, each with what it shows, of which part, unit and how many."""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tsrep.evaluation.scores import Score, drawn_labels
from tsrep.evaluation.targets.values import Values
from tsrep.reading import read_json, readable
from tsrep.report.captioned_figure import CaptionedFigure, captioned, stored_figure
from tsrep.report.contents import Contents
from tsrep.report.map_points import TITLES, held_out, projections
from tsrep.report.verdicts import main_scores
from tsrep.report.wording import capital, count, full_name, interval, number, protocol_title, share
from tsrep.text import plural

if TYPE_CHECKING:
    from tsrep.evaluation.predictions import Predictions
    from tsrep.inspect.figures.embedding_map import Agreement


def conditions(score: Score) -> str:
    """Where a score was taken: ``168 records of 84 test patients (linear probe, 10 % of the labels)``."""
    by = "" if score.subsample_by == "all" else f" subsampled by {score.subsample_by}"
    how = f"{protocol_title(score)}{f' for {score.target}' if score.target else ''}"
    by += f": {drawn}" if (drawn := drawn_labels(score)) else ""
    return (
        f"{count(score.n)} {score.unit}s of {count(score.patients)} {score.part} patients "
        f"({how}, {share(score.fraction)} of the labels{by}, {plural(score.seeds, 'seed')})"
    )


def preferred_unit(contents: Contents) -> str:
    """Records where they were scored, else windows."""
    units = {score.unit for score in contents.scores}
    return "record" if "record" in units or not units else "window"


def _scores(contents: Contents) -> Iterator[CaptionedFigure]:
    from tsrep.inspect.figures.scores import figure_scores

    unit = preferred_unit(contents)
    for part, target in dict.fromkeys((score.part, score.target) for score in contents.scores):
        rows = contents.scores.where(unit=unit, part=part, target=target)
        first = min(rows, key=lambda score: score.rank, default=None)
        if first is None or all(math.isnan(s.value) for s in rows if s.role != "baseline"):
            continue
        name = full_name(first.metric)
        caption = (
            f"{capital(name)} {_scored(first)} on {count(first.n)} {unit}s of "
            f"{count(first.patients)} {part} patients. Dots are means over seeds, bars 95 % intervals over "
            "patients and seeds. With all labels there is nothing to subsample: those scores stand in "
            "every column."
        )
        figure = figure_scores(rows, first.metric, name)
        place = f"{part}-{slug(target)}" if target else part
        yield captioned(f"scores-{place}", "scores", caption, figure)


def _scored(score: Score) -> str:
    """What a metric is over, or of."""
    return f"of {score.target}" if score.target else f"over {score.classes_scored} classes"


def slug(name: str) -> str:
    """A name as file names have it."""
    return re.sub(r"[^a-z0-9]+", "-", name.lower()).strip("-")


def _values(contents: Contents) -> Iterator[CaptionedFigure]:
    for score in contents.scores.where(role="method", unit="record"):
        held = contents.scores.values.get((*score.key, score.target))
        if held is None or score.fraction < 1:
            continue
        yield value_figure(held, score, f"{score.method} on {conditions(score)}")


def value_figure(held: Values, score: Score, where: str) -> CaptionedFigure:
    """Predicted numbers against the true ones; ``where`` says whose they are, and on what."""
    from tsrep.inspect.figures.targets import figure_values

    caption = (
        f"Predicted against true {score.target}, and their difference with its mean and 95 % limits of "
        f"agreement; {where}. Dotted: where both are equal."
    )
    if score.seeds > 1:
        caption += (
            f" Predictions are means over the {score.seeds} seeds, so that errors differ from the scores, "
            "which average those of each."
        )
    figure = figure_values(held, score.target)
    return captioned(f"values-{score.protocol}-{slug(score.target)}", "targets", caption, figure)


def _classes(contents: Contents) -> Iterator[CaptionedFigure]:
    found = _main_predictions(contents)
    if found is None or found[1].known is not None:  # curves need the whole of the labels
        return
    score, held = found
    classes = contents.classes or tuple(f"class {i}" for i in range(held.prob.shape[1]))
    where = f"Predictions of {score.method} on {conditions(score)}."
    yield from class_figures(held, classes, colours_of(contents, held.target, classes), where)


def class_figures(
    held: Predictions, classes: tuple[str, ...], colours: Mapping[str, str], where: str
) -> Iterator[CaptionedFigure]:
    """ROC and precision-recall curves, confusion, calibration and areas of all classes.

    Parameters
    ----------
    held : Predictions
    classes : tuple of str
    colours : mapping of str to str
        Of each class.
    where : str
        A sentence that says whose predictions they are, and on what; of means over seeds one more says so.
    """
    from tsrep.inspect.figures.classes import (
        MOST_AREAS,
        class_curves,
        confusion,
        figure_class_areas,
        figure_confusion,
        figure_roc,
    )

    prob, target, where = held.prob, held.target, f"{where}{_averaged(held)}"
    curves = class_curves(prob, target, classes)
    shown = "the class named" if len(classes) == 2 else "each class against all others"
    if len(classes) > 8:
        shown = "the eight most frequent classes, each against all others"
    caption = f"ROC and precision-recall of {shown}; areas in the key, dotted: precision of guessing. {where}"
    yield captioned("roc", "classes", caption, figure_roc(curves, colours))
    if target.ndim == 1:
        counts = ", and counts" if len(classes) <= 8 else ""
        caption = f"Confusion matrix: share of each true class{counts}. {where}"
        yield captioned("confusion", "classes", caption, figure_confusion(confusion(prob, target, classes)))
    yield _reliability(held, where)
    if len(classes) > 8:
        unscored = sum(not np.isfinite(c.auroc) for c in curves)
        left_out = f" {unscored} classes without both outcomes are left out." if unscored else ""
        which = f"the {MOST_AREAS} most frequent classes" if len(curves) > MOST_AREAS else "each class"
        caption = f"AUROC and average precision of {which}, with its number of positives.{left_out} {where}"
        yield captioned("class-areas", "classes", caption, figure_class_areas(curves))


def _averaged(held: Predictions) -> str:
    """A sentence on what probabilities are the mean of, where they are one."""
    if held.fits is None:
        return ""
    encoders, draws = held.fits.shape[:2]
    kinds = [(encoders, "seed"), (draws, "label draw")]
    told = " and ".join(f"the {plural(number, what)}" for number, what in kinds if number > 1)
    return (
        f" Probabilities are averaged over {told}, so that areas and errors differ from the scores, which "
        "average those of each."
    )


def _map(contents: Contents) -> Iterator[CaptionedFigure]:
    from tsrep.inspect.figures.embedding_map import figure_map, neighbour_agreement

    if contents.embeddings is None:
        return
    arrays, maps = held_out(contents.embeddings), projections(contents)
    label, patient, classes = arrays["label"], arrays["patient"], contents.classes
    agree = {title: neighbour_agreement(arrays[TITLES[title]], label, patient) for title in maps if classes}
    several = label.ndim == 2 and classes
    multi = " Records with several classes have the colour of their rarest one." if several else ""
    words = (
        f"{maps['trained'].method} of {count(len(maps['trained'].rows))} {arrays['name']}; of the patients, "
        f"the ten with the most records are in colour.{multi} Distances between far groups mean little."
        f"{_agreement_words(agree)}"
    )
    figure = figure_map(maps, label, patient, classes, colours_of(contents, label, classes))
    yield captioned("map", "map", words, figure)


def _agreement_words(agree: Mapping[str, Agreement]) -> str:
    first = agree.get("trained")
    if first is None or not first.k:
        return ""
    shares = " and ".join(f"{a.same_class:.0%} ({title})" for title, a in agree.items())
    return (
        f" Share of the {first.k} nearest records of other patients that have a class in common, before "
        f"flattening: {shares}, by chance {first.by_chance:.0%}."
    )


def _records(contents: Contents) -> Iterator[CaptionedFigure]:
    from tsrep.inspect.figures.records import figure_record

    if contents.examples is None or not contents.identifiers:
        return
    found = contents.examples
    channels = [str(c) for c in found["channels"]]
    sfreq, unit = float(found["sfreq"]), str(found.get("unit", contents.data.get("unit") or ""))
    for i, x in enumerate(found["x"][:6]):
        name = ", ".join(str(found["label"][i]).split("+")) or "no class" * bool(contents.classes)
        where = f"patient {found['patient'][i]} · record {found['trial'][i]}"
        title = f"{name} · {where}" if name else where
        kind = "Synthetic" if contents.synthetic else "Recorded"
        caption = f"{kind}, {x.shape[-1] / sfreq:.3g} s at {sfreq:g} Hz, before standardising."
        yield captioned(f"record-{i + 1}", "records", caption, figure_record(x, sfreq, channels, unit, title))


def _attribution(contents: Contents) -> Iterator[CaptionedFigure]:
    """What a label rests on, where `tsrep plot attribution` has plotted it and traces may be shown."""
    path, command = contents.run / "figures" / "attribution.png", "tsrep plot attribution"
    if not path.is_file() or not contents.identifiers:
        return
    remedy = f"remove it and plot it again with `{command}`"
    with readable(path.with_suffix(".json"), "an attribution", remedy):
        told = read_json(path.with_suffix(".json"))
        flat, odds, probability = (number(told[name], 2) for name in ("flat", "log_odds", "probability"))
        caption = (
            f"What the probability {probability} of {told['label']} in {told['record']} rests on: each lead "
            f"and moment with its share of the log odds, {odds} as recorded and {flat} with flat leads, by "
            "integrated gradients. Orange speaks for the class, blue against it. A share says what the "
            "network used, not what causes a finding."
        )
    yield stored_figure(path, "attribution", caption, command)


def _reliability(held: Predictions, where: str) -> CaptionedFigure:
    from tsrep.evaluation.labels.calibration import reliability
    from tsrep.inspect.figures.classes import figure_reliability

    found = reliability(held)
    outcome = "share that came true" if held.multilabel else "share that was right"
    against = (
        "All class probabilities pooled, against how often each class was present"
        if held.multilabel
        else "Probability of the decided class, against how often it was right"
    )
    spread = interval(found.error)
    caption = (
        f"Reliability. {against}, with a 95 % band over patients; expected "
        f"calibration error {number(found.error.value)}{f' ({spread})' if spread else ''}. {where}"
    )
    return captioned("reliability", "classes", caption, figure_reliability(found, outcome))


def _main_predictions(contents: Contents) -> tuple[Score, Predictions] | None:
    """Predictions of records behind the main score, else any of a trained method."""
    found = contents.scores.predictions
    own = (*main_scores(contents), *contents.scores.where(role="method"))
    held = ((s, found[s.key]) for s in own if s.unit == "record" and s.key in found)
    return next(held, None)


def colours_of(contents: Contents, label: Any, classes: tuple[str, ...]) -> dict[str, str]:
    """A colour for each class, the same on the whole page."""
    from tsrep.inspect.figures.classes import support
    from tsrep.inspect.figures.style import class_colours

    label = label if contents.embeddings is None else contents.embeddings["label"]
    return class_colours(classes, support(label, len(classes)))


PANEL_FIGURES = (_scores, _values, _classes, _map, _attribution, _records)
