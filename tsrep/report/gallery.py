"""The figures of a run, each with what it shows, of which split, unit and how many."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

import numpy as np

from tsrep.inspect.naming import is_control
from tsrep.report.contents import Arrays, Contents
from tsrep.report.headline import auroc, conditions, main_score
from tsrep.report.picture import Picture, picture, training_pictures, view_pictures
from tsrep.report.receptive_field import receptive_pictures
from tsrep.report.tables import preferred_unit
from tsrep.report.wording import count, interval, number

if TYPE_CHECKING:
    from tsrep.evaluation.predictions import Key, Predictions
    from tsrep.inspect.projection import Agreement


def pictures(contents: Contents) -> list[Picture]:
    """Draw all that the folder has numbers for."""
    if contents.kind == "series":
        from tsrep.report.forecast_gallery import forecast_pictures

        return forecast_pictures(contents)
    return [
        *_scores(contents),
        *_classes(contents),
        *_map(contents),
        *training_pictures(contents),
        *_records(contents),
        *view_pictures(contents),
        *receptive_pictures(contents),
    ]


def _scores(contents: Contents) -> Iterator[Picture]:
    from tsrep.inspect.figures.scores import figure_scores

    unit = preferred_unit(contents)
    for part in dict.fromkeys(s.part for s in contents.scores):
        rows = [s for s in contents.scores if (s.unit, s.part) == (unit, part)]
        if all(math.isnan(auroc(s)) for s in rows if s.protocol != "none"):
            continue
        first = rows[0]
        caption = (
            f"Macro AUROC over {first.classes_scored} classes on {count(first.n)} {unit}s of "
            f"{count(first.patients)} {part} patients. Dots are means over seeds, bars 95 % intervals by "
            "bootstrap over patients. With all labels there is nothing to draw: those stand in every column."
        )
        yield picture(f"scores-{part}", "scores", caption, figure_scores(rows))


def _classes(contents: Contents) -> Iterator[Picture]:
    from tsrep.inspect.confusion import confusion
    from tsrep.inspect.figures.classes import figure_class_areas, figure_confusion, figure_roc
    from tsrep.inspect.roc import class_curves

    found = _main_predictions(contents)
    if found is None:
        return
    key, held = found
    prob, target = held.prob, held.target
    classes = contents.classes or tuple(f"class {i}" for i in range(prob.shape[1]))
    where = _prediction_words(contents, key, held)
    curves = class_curves(prob, target, classes)
    shown = "the class named" if len(classes) == 2 else "each class against all others"
    if len(classes) > 8:
        shown = "the eight most frequent classes, each against all others"
    caption = f"ROC and precision-recall of {shown}; areas in the key, dotted: precision of guessing. {where}"
    yield picture("roc", "classes", caption, figure_roc(curves, _colours(contents, target, classes)))
    if target.ndim == 1:
        counts = ", and counts" if len(classes) <= 8 else ""
        caption = f"Confusion matrix: share of each true class{counts}. {where}"
        yield picture("confusion", "classes", caption, figure_confusion(confusion(prob, target, classes)))
    yield _reliability(held, where)
    if len(classes) > 8:
        unscored = sum(not np.isfinite(c.auroc) for c in curves)
        left_out = f" {unscored} classes without both outcomes are left out." if unscored else ""
        caption = (
            f"AUROC and average precision of each class, with its number of positives.{left_out} {where}"
        )
        yield picture("class-areas", "classes", caption, figure_class_areas(curves))


def _map(contents: Contents) -> Iterator[Picture]:
    from tsrep.inspect.figures.map import figure_map
    from tsrep.inspect.projection import neighbour_agreement, project

    if contents.embeddings is None:
        return
    arrays = _held_out(contents.embeddings)
    label, patient, classes = arrays["label"], arrays["patient"], contents.classes
    rows = {"trained": "x", "random-initialised": "x_random"}
    found = {title: arrays[key] for title, key in rows.items() if key in arrays}
    maps = {title: project(x) for title, x in found.items()}
    agree = {title: neighbour_agreement(x, label, patient) for title, x in found.items()}
    multi = " Records with several classes have the colour of their rarest one." if label.ndim == 2 else ""
    words = (
        f"{maps['trained'].method} of {count(len(maps['trained'].rows))} {arrays['name']}; of the patients, "
        f"the ten with the most records are in colour.{multi} Distances between far groups mean little."
        f"{_agreement_words(agree)}"
    )
    yield picture(
        "map", "map", words, figure_map(maps, label, patient, classes, _colours(contents, label, classes))
    )


def _agreement_words(agree: Mapping[str, Agreement]) -> str:
    first = agree["trained"]
    if not first.k:
        return ""
    shares = " and ".join(f"{a.same_class:.0%} for the {title} encoder" for title, a in agree.items())
    return (
        f" Share of the {first.k} nearest records of other patients that have a class in common, before "
        f"flattening: {shares}, by chance {first.by_chance:.0%}."
    )


def _records(contents: Contents) -> Iterator[Picture]:
    from tsrep.inspect.figures.records import figure_record

    if contents.examples is None:
        return
    found = contents.examples
    channels = [str(c) for c in found["channels"]]
    sfreq, unit = float(found["sfreq"]), str(found.get("unit", contents.data.get("unit") or ""))
    for i, x in enumerate(found["x"][:6]):
        name = ", ".join(str(found["label"][i]).split("+")) or "no class"
        title = f"{name} · patient {found['patient'][i]} · record {found['trial'][i]}"
        kind = "Synthetic" if contents.synthetic else "Recorded"
        caption = f"{kind}, {x.shape[-1] / sfreq:.3g} s at {sfreq:g} Hz, before standardising."
        yield picture(f"record-{i + 1}", "records", caption, figure_record(x, sfreq, channels, unit, title))


def _reliability(held: Predictions, where: str) -> Picture:
    from tsrep.evaluation.labels.calibration import reliability
    from tsrep.inspect.figures.reliability import figure_reliability

    found = reliability(held)
    outcome = "share that came true" if held.multilabel else "share that was right"
    of = "All class probabilities pooled" if held.multilabel else "Probability of the decided class"
    spread = interval(found.error)
    caption = (
        f"Reliability. {of} against how often it came true, with a 95 % band over patients; expected "
        f"calibration error {number(found.error.value)}{f' ({spread})' if spread else ''}. {where}"
    )
    figure = figure_reliability(
        found.stated, found.observed, found.low, found.high, found.count, outcome=outcome
    )
    return picture("reliability", "classes", caption, figure)


def _main_predictions(contents: Contents) -> tuple[Key, Predictions] | None:
    """Predictions behind the main score, else any of a trained method."""
    score = main_score(contents)
    own = [key for key in contents.predictions if not is_control(key[0])]
    if score is not None:
        wanted = (score.method, score.protocol, score.labels, score.subsample_by, score.part)
        own.sort(key=lambda key: key != wanted)
    return (own[0], contents.predictions[own[0]]) if own else None


def _prediction_words(contents: Contents, key: Key, held: Predictions) -> str:
    for score in contents.scores:
        named = (score.method, score.protocol, score.labels, score.subsample_by, score.part)
        if named == key and score.unit == "record":
            return f"Predictions of {key[0]} on {conditions(score)}."
    patients = count(len(np.unique(held.patient)))
    return f"Predictions of {key[0]} on {count(len(held))} records of {patients} patients."


def _colours(contents: Contents, label: Any, classes: tuple[str, ...]) -> Mapping[str, str]:
    from tsrep.inspect.figures.classes import support
    from tsrep.inspect.figures.style import class_colours

    label = label if contents.embeddings is None else contents.embeddings["label"]
    return class_colours(classes, support(label, len(classes)))


def _held_out(arrays: Arrays) -> dict[str, Any]:
    """Embeddings of the test part, of the validation part where there is none, else of all."""
    part = arrays.get("part")
    for code, name in ((2, "test records"), (1, "validation records")):
        rows = np.flatnonzero(part == code if part is not None else [])
        if len(rows) >= 20:
            keys = ("x", "x_random", "label", "patient")
            return {k: arrays[k][rows] for k in keys if k in arrays} | {"name": name}
    return {**arrays, "name": "records"}
