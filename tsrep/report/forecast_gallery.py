"""The figures of a run on a series, each with what it shows and what it rests on."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

import numpy as np

from tsrep.inspect.naming import is_rule
from tsrep.report.contents import Contents
from tsrep.report.forecast_headline import in_order, listed, trained_method
from tsrep.report.forecast_tables import stamp
from tsrep.report.picture import Picture, picture, training_pictures, view_pictures
from tsrep.report.receptive_field import receptive_pictures
from tsrep.report.wording import count

if TYPE_CHECKING:
    from tsrep.evaluation.forecasts.forecast_scores import ForecastScores


def forecast_pictures(contents: Contents) -> list[Picture]:
    """Draw all that the folder has numbers for."""
    return [
        *_errors(contents),
        *_examples(contents),
        *view_pictures(contents),
        *receptive_pictures(contents),
        *training_pictures(contents),
    ]


def origin_stamps(contents: Contents, origins: Sequence[int]) -> list[str]:
    """Time stamps of steps, or their numbers where the folder does not tell when the series starts."""
    data = contents.data
    try:
        first, last = (np.datetime64(str(data[end]), "s") for end in ("first", "last"))
        step = (last - first) / max(int(data["steps"]) - 1, 1)
        return [stamp(first + int(origin) * step) for origin in origins]
    except (KeyError, ValueError, TypeError):
        return [f"step {count(origin)}" for origin in origins]


def _errors(contents: Contents) -> Iterator[Picture]:
    from tsrep.inspect.figures.forecasts import figure_errors, figure_per_step

    forecast = contents.forecast
    if forecast is None or not len(forecast):
        return
    methods, far = pictures_on_scale(forecast, in_order(forecast, trained_method(contents)))
    left_out = f" Far above all others and not drawn: {listed(far)}." if far else ""
    seeds = listed(
        f"{s.seeds} of {s.method}" for m in methods for s in forecast.where(method=m)[:1] if s.seeds > 1
    )
    means = f" Means over seeds: {seeds}." if seeds else ""
    some = forecast.scores[0]
    by = "Errors" if forecast.protocol == "representation" else "Errors of direct forecasts"
    caption = (
        f"{by} over all forecast origins of the {some.part} part, with 95 % intervals by bootstrap over "
        "circular blocks of origins. Whether two methods can be told apart is in the paired differences, not "
        f"in whether these bars overlap.{means}{left_out}"
    )
    yield picture("errors", "scores", caption, figure_errors(forecast, methods))
    longest = max(forecast.horizons)
    windows = count(forecast.where(horizon=longest)[0].windows)
    caption = f"How the error grows along a forecast of {longest} steps, mean over {windows} origins."
    yield picture("errors-per-step", "scores", caption, figure_per_step(forecast, methods))


def pictures_on_scale(forecast: ForecastScores, methods: list[str]) -> tuple[list[str], list[str]]:
    """Methods that can share an axis, and simple rules so bad that they would press the others flat."""
    limit = 2.5 * max(
        (s.metrics["mse"].value for s in forecast.scores if not is_rule(s.method)), default=math.inf
    )
    far = [m for m in methods if min(s.metrics["mse"].value for s in forecast.where(method=m)) > limit]
    return [m for m in methods if m not in far], far


def _examples(contents: Contents) -> Iterator[Picture]:
    from tsrep.inspect.figures.forecasts import figure_forecast_examples

    forecast, own = contents.forecast, trained_method(contents)
    if forecast is None or own is None or not len(forecast.examples.truth):
        return
    held = forecast.examples
    rules = [m for m in in_order(forecast, own) if is_rule(m)]
    rules.sort(key=lambda m: "nlinear" not in m)
    methods = [m for m in (own, *rules[:1]) if m in held.predictions]
    name = _drawn_channel(contents, forecast)
    titles = [f"from {at}" for at in origin_stamps(contents, held.origins.tolist())]
    scale = "" if (contents.config.get("window") or {}).get("standardise") == "none" else ", standardised"
    caption = (
        f"{name}: truth and forecasts of {held.truth.shape[-1]} steps from {len(held.truth)} origins spread "
        f"evenly over the {forecast.scores[0].part} part, not chosen by their errors."
    )
    figure = figure_forecast_examples(held, methods, titles, channel=-1, name=f"{name}{scale}")
    yield picture("forecasts", "examples", caption, figure)


def _drawn_channel(contents: Contents, forecast: ForecastScores) -> str:
    """Name of the last channel of the first instance."""
    names = [str(name) for name in contents.data.get("targets") or []]
    if int(contents.data.get("instances") or 1) > 1 and names:
        return names[0]
    return str(forecast.channels[-1]) if forecast.channels else "value"
