"""The figures of a run on a series, each with what it shows and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from itertools import chain
from typing import TYPE_CHECKING

import numpy as np

from tsrep.evaluation.scores import Scores
from tsrep.report.captioned_figure import CaptionedFigure, captioned
from tsrep.report.contents import Contents
from tsrep.report.verdicts import compared, details_of, in_order
from tsrep.report.wording import count, full_name, listed, stamp
from tsrep.text import plural

if TYPE_CHECKING:
    from tsrep.evaluation.forecasts.details import ForecastDetails
    from tsrep.inspect.figures.style import Look


def origin_stamps(contents: Contents, origins: Sequence[int]) -> list[str]:
    """Time stamps of steps, or their numbers where the folder does not tell when the series starts."""
    data = contents.data
    try:
        first, last = (np.datetime64(str(data[end]), "s") for end in ("first", "last"))
        step = (last - first) / max(int(data["steps"]) - 1, 1)
        return [stamp(first + int(origin) * step) for origin in origins]
    except (KeyError, ValueError, TypeError):
        return [f"step {count(origin)}" for origin in origins]


def _errors(contents: Contents) -> Iterator[CaptionedFigure]:
    from tsrep.inspect.figures.forecasts import figure_errors, figure_per_step

    scores = compared(contents)
    details = details_of(scores)
    if not scores.horizons:
        return
    methods, far = on_one_scale(scores, in_order(scores, contents.objective))
    left_out = f" Far above all others and not shown: {listed(far)}." if far else ""
    seeds = {s.method: s.seeds for s in scores if s.method in methods and s.seeds > 1}
    means = listed(f"{each} of {method}" for method, each in seeds.items())
    by = "Errors of direct forecasts" if details is not None and details.direct else "Errors"
    caption = (
        f"{by} over all forecast origins of the {scores.scores[0].part} part, with 95 % intervals by "
        "bootstrap over circular blocks of origins. Whether a difference is significant is in the paired "
        f"differences, not in whether these bars overlap.{f' Means over seeds: {means}.' * bool(means)}"
        f"{left_out}"
    )
    looks = _looks(contents, methods)
    titles = {metric: full_name(metric) for metric in scores.metrics}
    yield captioned("errors", "scores", caption, figure_errors(scores, looks, titles))
    if details is not None:
        longest = max(scores.horizons)
        windows = count(scores.where(horizon=longest).scores[0].n)
        caption = f"Error along a forecast of {plural(longest, 'step')}, mean over {windows} origins."
        figure = figure_per_step(details, longest, looks)
        yield captioned("errors-per-step", "scores", caption, figure)


def _looks(contents: Contents, methods: Sequence[str]) -> dict[str, Look]:
    """How some methods are plotted, in every figure alike."""
    from tsrep.inspect.figures.style import method_looks

    scores = compared(contents)
    roles = {score.method: score.role for score in scores}
    looks = method_looks({method: roles[method] for method in in_order(scores, contents.objective)})
    return {method: looks[method] for method in methods}


def on_one_scale(scores: Scores, methods: Sequence[str]) -> tuple[list[str], list[str]]:
    """Methods that can share an axis, and baselines so bad that they would press the others flat."""
    limit = 2.5 * max((s.value for s in scores if s.role != "baseline"), default=math.inf)
    far = [m for m in methods if min(s.value for s in scores.where(method=m)) > limit]
    return [m for m in methods if m not in far], far


def _examples(contents: Contents) -> Iterator[CaptionedFigure]:
    from tsrep.inspect.figures.forecasts import figure_forecast_examples

    scores = compared(contents)
    details = details_of(scores)
    best = [in_order(scores.where(role=role), contents.objective)[:1] for role in ("method", "baseline")]
    if details is None or not best[0] or not len(details.examples.truth):
        return
    held = details.examples
    looks = _looks(contents, [method for method in chain(*best) if method in held.predictions])
    name = _channel_shown(contents, details)
    titles = [f"from {at}" for at in origin_stamps(contents, held.origins.tolist())]
    scale = "" if contents.window.get("standardise") == "none" else ", standardised"
    caption = (
        f"{name}: truth and forecasts of {plural(held.truth.shape[-1], 'step')} from "
        f"{plural(len(held.truth), 'origin')} spread evenly over the {scores.scores[0].part} part, not "
        "chosen by their errors."
    )
    figure = figure_forecast_examples(held, looks, titles, name=f"{name}{scale}")
    yield captioned("forecasts", "examples", caption, figure)


def _channel_shown(contents: Contents, details: ForecastDetails) -> str:
    """Name of the last channel of the first instance."""
    names = [str(name) for name in contents.data.get("targets") or []]
    if int(contents.data.get("instances") or 1) > 1 and names:
        return names[0]
    return str(details.channels[-1]) if details.channels else "value"


SERIES_FIGURES = (_errors, _examples)
