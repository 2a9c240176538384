"""The report of a run on a series in time."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Sequence
from typing import Any

from tsrep.evaluation.scores import Score, Scores
from tsrep.report.captioned_figure import CaptionedFigure
from tsrep.report.contents import Contents
from tsrep.report.page import Page, Tile, tile
from tsrep.report.series_figures import details_of, series_figures
from tsrep.report.tables import (
    BLOCKS,
    CONDITIONS,
    HORIZON,
    METHOD,
    Cell,
    Columns,
    Table,
    begins,
    difference_table,
    integer,
    lowest,
    split_table,
    table,
    value_cell,
)
from tsrep.report.verdicts import compared, in_order
from tsrep.report.wording import (
    NOTHING,
    capital,
    count,
    digits_of,
    full_name,
    listed,
    named,
    number,
    plural,
    protocol_title,
    share,
    stamp,
)

_EVERY = {"h": "hour", "d": "day", "min": "minute", "s": "second", "w": "week"}


class SeriesPage(Page):
    """Errors of forecasts, prediction intervals and examples."""

    template = "series.html"

    def network(self, contents: Contents) -> str:
        """See :meth:`Page.network`."""
        return "forecaster" if (details := details_of(compared(contents))) and details.direct else "encoder"

    def training_data(self, contents: Contents) -> str:
        """See :meth:`Page.training_data`."""
        train = contents.counts.get("train") or {}
        return f"{count(train['steps'])} steps of {contents.source}" if "steps" in train else contents.source

    def conditions(self, contents: Contents, main: Sequence[Score]) -> str:
        """See :meth:`Page.conditions`."""
        names = [str(name) for name in contents.data.get("targets") or []]
        what = (
            names[0]
            if len(names) == 1
            else f"{len(names)} channels{_apart(contents)}"
            if names
            else "the series"
        )
        details, horizons = details_of(compared(contents)), [score.horizon for score in main]
        past = f" from the {count(details.lookback)} steps before" if details and details.direct else ""
        over = (
            f"mean over horizons of {listed(horizons)} steps"
            if len(main) > 1
            else f"at a horizon of {plural(horizons[0], 'step')}"
        )
        return f"forecasts of {what}{past} in the {main[0].part} part, {over}"

    def own_caveats(self, contents: Contents) -> list[str]:
        """See :meth:`Page.own_caveats`."""
        if not compared(contents).where(role="baseline"):
            return []
        return [
            "Baselines without an encoder are compared with the trained one by their errors alone, without a "
            "paired interval."
        ]

    def size_tiles(self, contents: Contents, main: Sequence[Score]) -> list[Tile]:
        """See :meth:`Page.size_tiles`."""
        del main
        if "steps" not in (contents.counts.get("train") or {}):
            return []
        note = f"{count((contents.counts.get('test') or {}).get('steps'))} test steps"
        return [tile("training steps", count(contents.counts["train"]["steps"]), note)]

    def facts(self, contents: Contents) -> list[tuple[str, str]]:
        """See :meth:`Page.facts`."""
        data = contents.data
        length = f" of {count(data['window'])} steps" if data.get("window") else ""
        return [
            ("steps", f"{count(data.get('steps'))}, {every(str(data.get('freq') or ''))}"),
            ("from, to", f"{stamp(data.get('first'))}, {stamp(data.get('last'))}"),
            ("forecast", named(data.get("targets")) + _apart(contents)),
            ("known covariates", named(data.get("covariates"))),
            ("training windows", f"{count(data.get('samples'))}{length}"),
        ]

    def tables(self, contents: Contents) -> dict[str, Any]:
        """See :meth:`Page.tables`."""
        scores = compared(contents)
        standard = contents.window.get("standardise", "channel") != "none"
        groups = dict.fromkeys((score.protocol, score.part) for score in contents.scores)
        others = [contents.scores.where(protocol=name, part=part) for name, part in groups]
        return {
            "scale": "of values standardised on the training part" if standard else "in the unit of the data",
            "error_tables": error_tables(scores, contents.objective),
            "protocol": _protocol(contents),
            "gain_table": gain_table(scores),
            "more_tables": [
                (
                    "Other protocols and parts",
                    [
                        each
                        for other in others
                        if other.scores != scores.scores
                        for each in error_tables(other, contents.objective)
                    ],
                ),
                ("Errors of each channel", [channel_table(contents)]),
                ("Baselines beside the control", [baseline_table(scores)]),
                ("Regularisation and seeds", [penalty_table(scores, contents.objective)]),
            ],
            "split_table": split_table(contents, {"steps": "steps", "first": "first", "last": "last"}),
            "coverage_table": coverage_table(contents, standard=standard),
        }

    def summary(self, contents: Contents) -> list[Table | None]:
        """See :meth:`Page.summary`."""
        scores = compared(contents)
        return [error_table(scores, contents.objective, "mse", intervals=False), gain_table(scores)]

    def closing(self, contents: Contents) -> str:
        """See :meth:`Page.closing`; what prediction intervals covered."""
        found = contents.coverage
        if found is None:
            return ""
        held = [(_percent(held), share(level)) for level, held in zip(found.levels, found.share, strict=True)]
        told = listed(f"{of} ({level if i else f'nominal {level}'})" for i, (of, level) in enumerate(held))
        return f"Prediction intervals held {told} of the targets of {count(found.windows)} test windows."

    def figures(self, contents: Contents) -> Iterator[CaptionedFigure]:
        """See :meth:`Page.figures`."""
        return series_figures(contents)


def error_tables(scores: Scores, own: str) -> list[Table]:
    """A table for each metric of forecasts, or else for the primary one."""
    metrics = dict.fromkeys([*scores.metrics, *(score.metric for score in scores)])
    tables = [error_table(scores, own, metric) for metric in metrics]
    return [each for each in tables if each is not None]


def error_table(scores: Scores, own: str, metric: str, *, intervals: bool = True) -> Table | None:
    """Methods in rows, horizons in columns, the lowest error of each column bold.

    Parameters
    ----------
    scores : Scores
    own : str
        What was trained; it comes first.
    metric : {"mse", "mae", "mase"}
        There is no table of an error that the scores do not have.
    intervals : bool
        Whether to put them below the values.
    """
    found = {(s.method, s.horizon): s for s in scores}
    if not any(metric in score.metrics for score in scores):
        return None
    horizons, digits = list(dict.fromkeys(s.horizon for s in scores)), digits_of(scores)
    methods = in_order(scores, own)
    first = {method: found[method, horizons[0]] for method in methods}

    def error(horizon: int) -> Callable[[str], Cell]:
        values = {method: found[method, horizon].metrics[metric] for method in methods}
        best = lowest(each.value for each in values.values())
        return lambda method: value_cell(
            values[method], digits, intervals=intervals, strong=values[method].value == best
        )

    means = {method: scores.mean(method, metric) for method in methods}
    mean: Columns[str] = {
        "mean": lambda method: Cell(
            number(means[method], digits), numeric=True, strong=means[method] == lowest(means.values())
        )
    }
    columns: Columns[str] = {
        "method": lambda method: Cell(method, strong=method == own),
        "seeds": lambda method: integer(first[method].seeds),
        **{_rests_on(found[methods[0], horizon]): error(horizon) for horizon in horizons},
        **(mean if len(horizons) > 1 else {}),
    }
    name, one = full_name(metric), first[methods[0]]
    caption = f"{capital(name)} of {protocol_title(one)} in the {one.part} part"
    caption += f", horizons in steps{', 95 % interval below' * intervals}"
    return table(caption, methods, columns, begins(methods, lambda m: first[m].role == "baseline"))


def _rests_on(score: Score) -> Cell:
    """A column's horizon over what its numbers rest on."""
    below = f"{plural(score.n, score.unit)}\n{plural(score.blocks, 'block')}"
    return Cell(str(score.horizon or "value"), below, numeric=True)


def gain_table(scores: Scores) -> Table | None:
    """Errors minus those of the control at each horizon."""
    own = [s for s in scores.where(role="method") if s.gain is not None]
    against = own[0].against if own else ""
    caption = (
        f"Errors minus those of {against} on the same origins, with the paired 95 % interval; below zero is "
        "better"
    )
    return difference_table(caption, own, {**METHOD, **HORIZON}, scores.metrics, {**CONDITIONS, **BLOCKS})


def baseline_table(scores: Scores) -> Table | None:
    """The same for baselines."""
    order = in_order(scores.where(role="baseline"))
    rows = [s for s in scores.where(role="baseline") if s.gain is not None]
    rows.sort(key=lambda s: (order.index(s.method), s.horizon))
    caption = f"Errors of baselines minus those of {rows[0].against if rows else ''}"
    return difference_table(caption, rows, {**METHOD, **HORIZON}, scores.metrics, {**CONDITIONS, **BLOCKS})


def penalty_table(scores: Scores, own: str) -> Table | None:
    """Chosen regularisation strengths, and how far errors differ between seeds."""
    chosen = {(s.method, s.horizon): s for s in scores if "alpha" in s.details}
    methods = [method for method in in_order(scores, own) if any(m == method for m, _ in chosen)]

    def strength(horizon: int) -> Callable[[str], Cell]:
        def cell(method: str) -> Cell:
            score = chosen[method, horizon]
            spread = score.spread.get(score.metric, math.nan)
            below = "" if math.isnan(spread) else f"± {number(spread, 4)}"
            return Cell(f"{score.details['alpha']:.3g}", below, numeric=True)

        return cell

    columns: Columns[str] = {
        "method": Cell,
        "seeds": lambda method: integer(next(s.seeds for s in scores if s.method == method)),
        **{str(horizon): strength(horizon) for horizon in scores.horizons},
    }
    return table(
        "Regularisation strength (alpha) of the ridge at each horizon, mean over seeds; below, the standard "
        "deviation of the MSE",
        methods,
        columns,
    )


def channel_table(contents: Contents) -> Table | None:
    """Errors of each channel at the longest horizon, where there are several."""
    scores = compared(contents)
    details = details_of(scores)
    if details is None or len(details.channels) < 2 or not scores.horizons:
        return None
    longest, digits = max(scores.horizons), digits_of(scores)
    found = {
        method: details.per_channel[method, longest]
        for method in in_order(scores, contents.objective)
        if (method, longest) in details.per_channel
    }

    def error(method: str) -> Callable[[int], Cell]:
        def cell(i: int) -> Cell:
            best = lowest(float(each[i]) for each in found.values())
            return Cell(
                number(found[method][i], digits), numeric=True, strong=float(found[method][i]) == best
            )

        return cell

    columns: Columns[int] = {
        "channel": lambda i: Cell(details.channels[i]),
        **{method: error(method) for method in found},
    }
    caption = f"Mean squared error of each channel at {longest} steps"
    return table(caption, range(len(details.channels)), columns) if found else None


def coverage_table(contents: Contents, *, standard: bool) -> Table | None:
    """How often prediction intervals held the truth on the test part.

    Parameters
    ----------
    contents : Contents
    standard : bool
        Whether widths are of standardised values.
    """
    found = contents.coverage
    if found is None:
        return None
    unit = "standardised units" if standard else "the unit of the data"
    columns: Columns[int] = {
        "nominal level": lambda i: Cell(share(found.levels[i]), numeric=True, strong=True),
        "share covered": lambda i: Cell(_percent(found.share[i]), numeric=True),
        f"mean width ({unit})": lambda i: Cell(number(found.width[i]), numeric=True),
        "windows": lambda _: integer(found.windows),
    }
    caption = "Measured on the test part, calibrated on the validation part"
    return table(caption, range(len(found.levels)), columns)


def _protocol(contents: Contents) -> str:
    """How the errors came about, in a sentence or two."""
    scores = compared(contents)
    details = details_of(scores)
    if details is None:
        return ""
    part = scores.scores[0].part
    if not details.direct:
        return (
            "Encoders forecast through a ridge on their frozen representations; windows are all whose origin "
            f"and targets lie inside the {part} part."
        )
    return (
        "Forecasts are those of the trained network itself, each from a look-back of "
        f"{count(details.lookback)} steps. Windows are all whose targets lie inside the {part} part; "
        "look-backs may reach in front of it. Frozen encoders forecast through one ridge on the "
        "representation of the same look-back, and ridge-nlinear through one on its values."
    )


def every(freq: str) -> str:
    """Spacing of steps in words: ``one every 15 minutes`` of ``"15min"``."""
    amount = freq.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")
    unit, amount = _EVERY.get(freq[len(amount) :].lower()), amount.strip()
    if unit is None or not (amount.isdigit() or not amount):
        return f"one every {freq}" if freq else "spacing not given"
    return f"one every {amount} {unit}s" if amount not in ("", "1") else f"one every {unit}"


def _apart(contents: Contents) -> str:
    """Whether the encoder sees channels together."""
    return ", each by itself" if int(contents.data.get("instances") or 1) > 1 else ""


def _percent(value: float) -> str:
    return NOTHING if math.isnan(value) else f"{number(100 * value, 1)} %"
