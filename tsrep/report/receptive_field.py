"""The receptive field of a run, where `tsrep plot receptive-field` has plotted it: figures and numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from typing import Any

from tsrep.reading import readable
from tsrep.report.captioned_figure import CaptionedFigure, stored_figure
from tsrep.report.contents import RECEPTIVE, Contents
from tsrep.report.tables import Cell, Table, table
from tsrep.report.wording import NOTHING, count, number

_PLOT = "tsrep plot receptive-field"
_PLACES = {"width 90": 1, "centre": 1, "entropy": 2}  # decimals; of what is told in shares of 1, three
_OF_FORECASTS = {
    "scale degree": "1 if forecasts scale with their window, 0 if they ignore its scale",
    "scale error": "relative error of f(a x) = a f(x); 0 is exact",
    "shift error": "relative error of f(x + b) = f(x) + b",
    "affine error": "relative error of f(a x + b) = a f(x) + b",
}
_RECENT = "not told from the last input steps, which lie such a multiple before the output steps"
_OF_OTHERS = {
    "scale degree": "0 if the output ignores the scale of its window, 1 if it scales with it",
    "scale error": "relative change of the output under a gain a in [1/2, 2]; 0 is invariant",
    "shift error": "under a shift of at most two standard deviations",
    "affine error": "under both",
}
Row = tuple[str, str, str, str]  # name, value, standard error, what it says


def receptive_figures(contents: Contents) -> Iterator[CaptionedFigure]:
    """The maps, and windows with their own.

    Raises
    ------
    RunError
        When a file is no PNG, or the numbers beside it cannot be read.
    """
    found = _numbers(contents)
    captions = {
        RECEPTIVE: "How much each step of the output answers to each step of the input, as shares of the "
        f"mass of the output step.{f' {found[0]}' if found else ''}",
        f"{RECEPTIVE}-samples": "Single windows with the share of each step as colour beneath the signal.",
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
    if found is None or not (contents.run / "figures" / f"{RECEPTIVE}.png").is_file():
        return None
    return table("The receptive field in numbers", found[1], {
        "score": lambda row: Cell(row[0], strong=True),
        "value": lambda row: Cell(row[1], numeric=True),
        "± s.e.": lambda row: Cell(row[2], numeric=True),
        "what it says": lambda row: Cell(row[3]),
    })  # fmt: skip


def _numbers(contents: Contents) -> tuple[str, list[Row]] | None:
    """How the numbers of the run were made, and the numbers; None where there are none."""
    if (stored := contents.receptive) is None:
        return None
    path = contents.run / "figures" / f"{RECEPTIVE}.json"
    with readable(path, "the numbers of a receptive field", f"remove it and plot it again with `{_PLOT}`"):
        numbers, part = next(iter(stored["runs"].values())), stored["settings"]["part"]
        subject = "forecaster" if numbers["forecasts"] else f"{numbers['encoder']} network"
        made = (
            f"By the {numbers['method']} of the {subject}, mean over {count(numbers['windows'])} windows of "
            f"the {part} part; standard errors are over these, too small where windows overlap."
        )
        return made, list(_rows(numbers))


def _rows(numbers: Mapping[str, Any]) -> Iterator[Row]:
    lags = int(numbers["lags"])
    words = {
        "width 90": f"fewest of the {count(lags)} input steps that have 90 % of the mass",
        "centre": "mean lag of the mass, in steps before the last input step",
        "entropy": f"of the mass over lags, in nats; {number(math.log(lags), 2)} if all steps counted alike",
    } | (_OF_FORECASTS if numbers["forecasts"] else _OF_OTHERS)
    for name, score in numbers["scores"].items():
        if "period" in score:
            share, p = score["share"]["value"], score["p"]
            told = (
                f"mass a multiple of {score['period']} steps before the output step, "
                f"{NOTHING if share is None else f'{100 * share:.0f} %'} of all, over what chance gives; "
                f"{_RECENT if p is None else f'p = {p:.2g} against other phases'}"
            )
            yield f"periodicity {score['period']}", *_value(score["ratio"], 2, " ×"), told
        else:
            title = "90 % width" if name == "width 90" else name
            yield title, *_value(score, _PLACES.get(name, 3)), words[name]


def _value(score: Mapping[str, Any], places: int, unit: str = "") -> tuple[str, str]:
    value, error = score["value"], score["error"]
    if value and not round(value, places):  # an error far below all decimals, yet not 0
        return _scientific(value), _scientific(error)
    return f"{number(value, places)}{unit}", number(error, places)


def _scientific(value: float | None) -> str:
    return NOTHING if value is None else f"{value:.0e}".replace("-", "−")
