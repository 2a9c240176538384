"""The points of an interactive map of embeddings: where each record lies, what it is, and its outline."""

from __future__ import annotations

import base64
import json
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import numpy as np

from tsrep.report.contents import Array, Arrays, Contents
from tsrep.report.verdicts import main_scores
from tsrep.report.wording import number

if TYPE_CHECKING:
    from tsrep.evaluation.predictions import Predictions
    from tsrep.inspect.figures.embedding_map import Projection

MOST = 400
TITLES = {"trained": "x", "random initialisation": "x_random"}


def held_out(arrays: Arrays) -> dict[str, Any]:
    """Embeddings of the test part, of the validation part where there is none, else of all."""
    part = arrays.get("part")
    for code, name in ((2, "test records"), (1, "validation records")):
        rows = np.flatnonzero(part == code if part is not None else [])
        if len(rows) >= 20:
            keys = (*TITLES.values(), "label", "patient", "trial")
            return {k: arrays[k][rows] for k in keys if k in arrays} | {"name": name}
    return {**arrays, "name": "records"}


@lru_cache(maxsize=1)
def projections(contents: Contents) -> dict[str, Projection]:
    """Maps of the held-out records by the trained encoder and, where it is there, by its initialisation."""
    from tsrep.inspect.figures.embedding_map import project

    arrays = held_out(contents.embeddings or {})
    return {title: project(arrays[key]) for title, key in TITLES.items() if key in arrays}


def map_points(contents: Contents, colours: dict[str, str]) -> str:
    """The points as JSON that a page can hold.

    Record, patient and outline are there where the data are public or simulated, or the run's settings
    say ``report.identifiers``.

    Parameters
    ----------
    contents : Contents
    colours : dict of str to str
        Of each class.
    """
    from tsrep.inspect.figures.embedding_map import main_class, name_of_rest
    from tsrep.inspect.figures.style import OTHER

    arrays, found = held_out(contents.embeddings or {}), projections(contents)["trained"]
    keep = _some(contents, arrays["trial"][found.rows])
    rows, classes = found.rows[keep], contents.classes
    label, trial = arrays["label"][rows], arrays["trial"][rows]
    leading = main_class(label, colours, classes) if classes else np.full(len(rows), -1)
    key = {name: colours[name] for name in classes if colours[name] != OTHER}
    if (leading < 0).any():
        key[name_of_rest(classes)] = OTHER
    points = {
        "xy": np.round(_unit_square(found.xy)[keep], 4).tolist(),
        "colour": [colours[classes[c]] if c >= 0 else OTHER for c in leading],
        "key": key,
        "label": [_classes(one, classes) for one in label],
        "score": _scores(contents, trial, classes),
    }
    if contents.identifiers:
        points |= _people(contents.traces or {}, trial, arrays["patient"][rows])
    # within a script element only this character could end it
    return json.dumps(points, ensure_ascii=True).replace("<", "\\u003c")


def _some(contents: Contents, trial: Array) -> Array:
    """At most so many points, those with an outline first."""
    outlined = np.isin(trial, (contents.traces or {}).get("trial", []))
    return np.sort(np.argsort(~outlined, kind="stable")[:MOST])


def _unit_square(xy: Array) -> Array:
    low, high = xy.min(axis=0), xy.max(axis=0)
    return np.asarray((xy - low) / np.where(high > low, high - low, 1))


def _classes(label: Array, classes: tuple[str, ...]) -> str:
    if not classes:
        return "no label"
    if np.ndim(label) == 0:
        return classes[int(label)]
    return ", ".join(name for name, there in zip(classes, label, strict=True) if there) or "no class"


def _scores(contents: Contents, trial: Array, classes: tuple[str, ...]) -> list[str]:
    """The two likeliest classes of each record with their probabilities, where it was predicted."""
    held = _predicted(contents)
    row = {} if held is None else {int(t): i for i, t in enumerate(held.trial)}
    told = []
    for one in trial.tolist():
        prob = held.prob[row[one]] if held is not None and one in row else np.zeros(0)
        best = np.argsort(-prob, kind="stable")[:2]
        told.append(", ".join(f"{classes[c]} {number(prob[c], 2)}" for c in best))
    return told


def _predicted(contents: Contents) -> Predictions | None:
    """Predictions of records behind the main score."""
    held = contents.scores.predictions
    return next((held[s.key] for s in main_scores(contents) if s.unit == "record" and s.key in held), None)


def _people(traces: Arrays, trial: Array, patient: Array) -> dict[str, Any]:
    """Names of records and patients, and outlines in 8 bits, -128 where there is none."""
    at = {int(t): i for i, t in enumerate(traces.get("trial", []))}
    index = np.array([at.get(int(t), -1) for t in trial])
    if not at:
        return {"record": [str(t) for t in trial], "patient": [str(p) for p in patient]}
    outline = np.where((index >= 0)[:, None, None], traces["outline"][index], -128).astype(np.int8)
    return {
        "record": [str(traces["record"][i]) if i >= 0 else str(t) for i, t in zip(index, trial, strict=True)],
        "patient": [
            str(traces["patient"][i]) if i >= 0 else str(p) for i, p in zip(index, patient, strict=True)
        ],
        "outline": base64.b64encode(outline.tobytes()).decode("ascii"),
        "shape": outline.shape[1:],
        "channels": [str(name) for name in traces["channels"]],
        "seconds": float(traces["seconds"]),
        "scale": np.round(traces["scale"][index], 4).tolist(),
        "unit": str(traces["unit"]),
    }
