"""Tables of a run on a series as plain cells, for the page and for the terminal."""

from __future__ import annotations

import math
from collections.abc import Iterable
from typing import TYPE_CHECKING

from tsrep.inspect.naming import is_random, is_rule
from tsrep.report.contents import Contents
from tsrep.report.forecast_headline import digits, error_reading, gains, in_order, listed, trained_method
from tsrep.report.tables import Cell, Table
from tsrep.report.wording import NOTHING, apart_from_zero, count, interval, number, share, signed

if TYPE_CHECKING:
    from tsrep.evaluation.bootstrap import Interval
    from tsrep.evaluation.forecasts.forecast_scores import ForecastScore, ForecastScores


METRICS = {
    "mse": "Mean squared error",
    "mae": "Mean absolute error",
    "mase": "Mean absolute error in units of the seasonal naive one in training (MASE)",
}


def error_table(contents: Contents, metric: str, *, intervals: bool = True) -> Table | None:
    """Methods in rows, horizons in columns, the lowest error of each column bold.

    Parameters
    ----------
    metric : {"mse", "mae", "mase"}
        There is no table of an error that the scores do not have.
    intervals : bool
        Whether to put them below the values.
    """
    forecast = contents.forecast
    if forecast is None or not len(forecast) or metric not in forecast.metrics:
        return None
    own, horizons = trained_method(contents), forecast.horizons
    methods = in_order(forecast, own)
    values = {(s.method, s.horizon): s.metrics[metric] for s in forecast.scores}
    means = {m: forecast.mean_over_horizons(m)[metric] for m in methods}
    best = {h: _lowest(values[m, h].value for m in methods) for h in horizons}
    rows = [
        (Cell(m, strong=m == own), _whole(forecast.where(method=m)[0].seeds),
         *(_error(values[m, h], best[h], forecast, intervals) for h in horizons),
         Cell(number(means[m], digits(forecast)), numeric=True, strong=means[m] == _lowest(means.values())))
        for m in methods
    ]  # fmt: skip
    scored = {s.horizon: s for s in forecast.where(method=methods[0])}
    header = (
        Cell("method"), Cell("seeds", numeric=True), *(_horizon(scored[h]) for h in horizons),
        Cell("mean", numeric=True),
    )  # fmt: skip
    below = ", 95 % interval below" if intervals else ""
    caption = f"{METRICS[metric]} of the {forecast.scores[0].part} part at each horizon (steps){below}"
    return Table(caption, header, rows, _groups(methods))


def difference_table(contents: Contents) -> Table | None:
    """What training adds over the random-initialised encoder at each horizon."""
    scores = gains(contents)
    direct = contents.forecast is not None and contents.forecast.protocol == "direct"
    network, start = (
        ("forecaster", "a ridge on a random-initialised encoder")
        if direct
        else ("encoder", "a random-initialised one")
    )
    caption = (
        f"Errors of the trained {network} minus those of {start} on the same origins, with the paired 95 % "
        "interval; below zero is better"
    )
    return _differences(caption, scores, contents.forecast)


def rule_table(contents: Contents) -> Table | None:
    """The same for simple rules."""
    if contents.forecast is None:
        return None
    scores = [s for s in contents.forecast.scores if is_rule(s.method) and is_random(s.against)]
    order = in_order(contents.forecast, None)
    scores.sort(key=lambda s: (order.index(s.method), s.horizon))
    caption = "Errors of simple rules minus those of a random-initialised encoder"
    return _differences(caption, scores, contents.forecast)


def penalty_table(contents: Contents) -> Table | None:
    """Chosen penalties, and how far errors differ between seeds."""
    forecast = contents.forecast
    if forecast is None:
        return None
    rows = [
        (Cell(m), _whole(forecast.where(method=m)[0].seeds), *map(_penalty, forecast.where(method=m)))
        for m in in_order(forecast, trained_method(contents))
        if not math.isnan(forecast.where(method=m)[0].alpha)
    ]
    header = (
        Cell("method"),
        Cell("seeds", numeric=True),
        *(Cell(str(h), numeric=True) for h in forecast.horizons),
    )
    caption = (
        "Penalty of the ridge at each horizon, mean over seeds; below, the standard deviation of the MSE"
    )
    return Table(caption, header, rows) if rows else None


def channel_table(contents: Contents) -> Table | None:
    """Errors of each channel at the longest horizon, where there are several."""
    forecast = contents.forecast
    if forecast is None or len(forecast.channels) < 2:
        return None
    longest = max(forecast.horizons)
    methods = [
        m for m in in_order(forecast, trained_method(contents)) if (m, longest) in forecast.per_channel
    ]
    found = {m: forecast.per_channel[m, longest] for m in methods}
    rows = []
    for i, channel in enumerate(forecast.channels):
        low = _lowest(float(found[m][i]) for m in methods)
        cells = [
            Cell(number(found[m][i], digits(forecast)), numeric=True, strong=float(found[m][i]) == low)
            for m in methods
        ]
        rows.append((Cell(channel), *cells))
    header = (Cell("channel"), *(Cell(m, numeric=True) for m in methods))
    return Table(f"Mean squared error of each channel at {longest} steps", header, rows) if methods else None


def coverage_table(contents: Contents, *, standard: bool) -> Table | None:
    """How often prediction intervals held the truth on the test part.

    Parameters
    ----------
    standard : bool
        Whether widths are of standardised values.
    """
    found = contents.coverage
    if found is None:
        return None
    rows = [
        (Cell(share(level), numeric=True, strong=True), *(Cell(text, numeric=True) for text in (
            _percent(held), number(width, 3), count(found.windows),
        )))
        for level, held, width in zip(found.levels, found.share, found.width, strict=True)
    ]  # fmt: skip
    unit = "standardised units" if standard else "the unit of the data"
    names = ("nominal level", "share covered", f"mean width ({unit})", "windows")
    header = tuple(Cell(name, numeric=True) for name in names)
    return Table("Measured on the test part, calibrated on the validation part", header, rows)


def coverage_line(contents: Contents) -> str:
    """The same in a line, empty where nothing was measured."""
    found = contents.coverage
    if found is None:
        return ""
    held = [(_percent(held), share(level)) for level, held in zip(found.levels, found.share, strict=True)]
    told = listed(f"{of} ({nominal if i else f'nominal {nominal}'})" for i, (of, nominal) in enumerate(held))
    return f"Prediction intervals held {told} of the targets of {count(found.windows)} test windows."


def time_split_table(contents: Contents) -> Table | None:
    """Steps of each part, its first and its last time stamp."""
    counts = contents.split.get("counts") or {}
    rows = [
        (
            Cell(part, strong=True),
            _whole(n.get("steps")),
            *(Cell(stamp(n.get(end))) for end in ("first", "last")),
        )
        for part, n in counts.items()
    ]
    header = (Cell("part"), Cell("steps", numeric=True), Cell("first"), Cell("last"))
    return Table(f"Split: {contents.split.get('how', 'unknown')}", header, rows) if rows else None


def stamp(value: object) -> str:
    """``2016-07-01 00:00``: a time stamp without a second hand that only shows zero."""
    return NOTHING if value is None else str(value).replace("T", " ").removesuffix(":00")


def _differences(caption: str, scores: list[ForecastScore], forecast: ForecastScores | None) -> Table | None:
    if not scores or forecast is None:
        return None
    rows = []
    for score in scores:
        read = error_reading(score.difference.get("mse"))
        rows.append(
            (Cell(score.method, strong=not is_rule(score.method)), _whole(score.horizon),
             *(_difference(score.difference.get(m), forecast) for m in forecast.metrics),
             Cell(read, tone=read if read in ("better", "worse") else ""), Cell(score.part),
             _whole(score.windows), _whole(score.blocks))
        )  # fmt: skip
    names = (
        "method",
        "horizon",
        *(f"{metric.upper()} difference" for metric in forecast.metrics),
        "MSE reads",
        "part",
        "windows",
        "blocks",
    )
    header = tuple(Cell(name, numeric=name not in ("method", "MSE reads", "part")) for name in names)
    breaks = frozenset(i for i, s in enumerate(scores) if i and s.method != scores[i - 1].method)
    return Table(caption, header, rows, breaks)


def _difference(found: Interval | None, forecast: ForecastScores) -> Cell:
    if found is None:
        return Cell(NOTHING, numeric=True)
    places = apart_from_zero(found, digits(forecast))
    return Cell(signed(found.value, places), interval(found, lambda v: signed(v, places)), numeric=True)


def _error(found: Interval, best: float, forecast: ForecastScores, intervals: bool) -> Cell:
    places = digits(forecast)
    below = interval(found, lambda v: number(v, places)).replace(" to ", "–") if intervals else ""
    return Cell(number(found.value, places), below, numeric=True, strong=found.value == best)


def _horizon(score: ForecastScore) -> Cell:
    """A column's horizon over what its numbers rest on."""
    blocks = f"{count(score.blocks)} block{'s' * (score.blocks != 1)}"
    return Cell(str(score.horizon), f"{count(score.windows)} windows\n{blocks}", numeric=True)


def _penalty(score: ForecastScore) -> Cell:
    spread = score.spread.get("mse", math.nan)
    return Cell(f"{score.alpha:.3g}", "" if math.isnan(spread) else f"± {number(spread, 4)}", numeric=True)


def _percent(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{number(100 * value, 1)} %"


def _whole(value: int | None) -> Cell:
    return Cell(count(value), numeric=True)


def _lowest(values: Iterable[float]) -> float:
    return min((v for v in values if not math.isnan(v)), default=math.nan)


def _groups(methods: list[str]) -> frozenset[int]:
    """Encoders stand apart from simple rules."""
    return frozenset(i for i, m in enumerate(methods) if i and is_rule(m) != is_rule(methods[i - 1]))
