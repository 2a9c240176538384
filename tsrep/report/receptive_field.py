"""The receptive field of a run, where `tsrep plot receptive-field` has plotted it: figures and numbers."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from tsrep.errors import RunError
from tsrep.report.captioned_figure import CaptionedFigure, stored_figure
from tsrep.report.contents import Contents
from tsrep.report.tables import Cell, Columns, Table, table
from tsrep.report.wording import NOTHING, count, number

_STEM = "receptive-field"
_PLOT = "tsrep plot receptive-field"
_PLACES = {"width 90": 1, "centre": 1, "entropy": 2}  # decimals; of what is told in shares of 1, three
Scores = Mapping[str, Mapping[str, Any]]


def receptive_figures(contents: Contents) -> Iterator[CaptionedFigure]:
    """The maps, and windows with their own.

    Raises
    ------
    RunError
        When a file is no PNG, or the numbers beside it cannot be read.
    """
    found = _numbers(contents)
    what = "" if found is None else f" {_looked_at(*found)}"
    captions = {
        _STEM: "How much each step of the output answers to each step of the input, as shares of the mass of "
        f"the output step.{what}",
        f"{_STEM}-samples": "Single windows with the share of each step as colour beneath the signal.",
    }
    for name, caption in captions.items():
        path = contents.run / "figures" / f"{name}.png"
        if path.is_file():
            yield stored_figure(path, "receptive", caption, _PLOT)


def receptive_table(contents: Contents) -> Table | None:
    """The scores beside the figure, with their standard errors over windows and what they mean.

    Raises
    ------
    RunError
        When the numbers cannot be read.
    """
    found = _numbers(contents)
    if found is None or not (contents.run / "figures" / f"{_STEM}.png").is_file():
        return None
    numbers, _ = found
    scores: Scores = numbers["scores"]
    try:
        told = [
            *_shape_rows(scores, int(numbers["lags"])),
            *_period_rows(scores),
            *_scale_rows(scores, forecasts=numbers["forecasts"]),
        ]
    except (KeyError, TypeError, ValueError) as error:
        raise _unreadable(_path(contents), error) from error
    columns: Columns[Row] = {
        "score": lambda row: Cell(row[0], strong=True),
        "value": lambda row: Cell(row[1], numeric=True),
        "± s.e.": lambda row: Cell(row[2], numeric=True),
        "what it says": lambda row: Cell(row[3]),
    }
    return table("The receptive field in numbers", told, columns)


Row = tuple[str, str, str, str]  # name, value, standard error, what it says


def _shape_rows(scores: Scores, lags: int) -> list[Row]:
    even = number(math.log(lags), 2)
    said = {
        "width 90": (
            "90 % width",
            f"fewest of the {count(lags)} input steps that have 90 % of the mass",
        ),
        "centre": ("centre", "mean lag of the mass, in steps before the last input step"),
        "entropy": ("entropy", f"of the mass over lags, in nats; {even} if all steps counted alike"),
    }
    return [(name, *_value(scores[key], _PLACES[key]), words) for key, (name, words) in said.items()]


def _period_rows(scores: Scores) -> list[Row]:
    rows = []
    for found in (score for name, score in scores.items() if name.startswith("period ")):
        share, p = found["share"]["value"], found["p"]
        held = NOTHING if share is None else f"{100 * share:.0f} %"
        chance = NOTHING if p is None else f"p = {p:.2g}"
        words = (
            f"mass a multiple of {found['period']} steps before the output step, {held} of all, over what "
            f"chance gives; {chance} against other phases"
        )
        rows.append((f"periodicity {found['period']}", *_value(found["ratio"], 2, " ×"), words))
    return rows


def _scale_rows(scores: Scores, *, forecasts: bool) -> list[Row]:
    if forecasts:
        said = {
            "scale degree": "1 if forecasts scale with their window, 0 if they ignore its scale",
            "scale error": "relative error of f(a x) = a f(x); 0 is exact",
            "shift error": "relative error of f(x + b) = f(x) + b",
            "affine error": "relative error of f(a x + b) = a f(x) + b",
        }
    else:
        said = {
            "scale degree": "0 if the output ignores the scale of its window, 1 if it scales with it",
            "scale error": "relative change of the output under a gain a in [1/2, 2]; 0 is invariant",
            "shift error": "under a shift of at most two standard deviations",
            "affine error": "under both",
        }
    return [(name, *_value(scores[name], 3), words) for name, words in said.items() if name in scores]


def _value(score: Mapping[str, Any], places: int, unit: str = "") -> tuple[str, str]:
    value, error = score["value"], score["error"]
    if value and not round(value, places):  # an error far below all decimals, yet not 0
        return _scientific(value), _scientific(error)
    return f"{number(value, places)}{unit}", number(error, places)


def _scientific(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.0e}".replace("-", "−")


def _looked_at(numbers: Mapping[str, Any], settings: Mapping[str, Any]) -> str:
    subject = "forecaster" if numbers["forecasts"] else f"{numbers['encoder']} network"
    return (
        f"By the {numbers['method']} of the {subject}, mean over {count(numbers['windows'])} windows of the "
        f"{settings['part']} part; standard errors are over these, too small where windows overlap."
    )


def _numbers(contents: Contents) -> tuple[Mapping[str, Any], Mapping[str, Any]] | None:
    """Numbers of the run and how they were made, None where there are none."""
    path = _path(contents)
    if not path.is_file():
        return None
    try:
        stored = json.loads(path.read_text(encoding="utf-8"))
        numbers, settings = next(iter(stored["runs"].values())), stored["settings"]
        for key in ("forecasts", "encoder", "method", "windows", "lags", "scores"):
            numbers[key]
        settings["part"]
    except (ValueError, KeyError, TypeError, AttributeError, StopIteration) as error:
        raise _unreadable(path, error) from error
    return numbers, settings


def _path(contents: Contents) -> Path:
    return contents.run / "figures" / f"{_STEM}.json"


def _unreadable(path: Path, error: Exception) -> RunError:
    return RunError(
        f"{path} does not hold the numbers of a receptive field ({error!r}); remove it and plot it again "
        f"with `{_PLOT}`"
    )
