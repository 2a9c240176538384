"""The report of a run on a series in time."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any

from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.scores import Role, Score, Scores
from tsrep.report.answers import Command, several_seeds
from tsrep.report.answers import named as named_folder
from tsrep.report.contents import Contents
from tsrep.report.page import Page, Tile
from tsrep.report.series_figures import SERIES_FIGURES
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
from tsrep.report.verdicts import compared, details_of, in_order, main_scores
from tsrep.report.wording import (
    NOTHING,
    capital,
    count,
    digits_of,
    full_name,
    listed,
    named,
    number,
    protocol_title,
    share,
    stamp,
)
from tsrep.text import plural

if TYPE_CHECKING:
    from tsrep.evaluation.forecasts.coverage import Coverage

_EVERY = {"h": "hour", "d": "day", "min": "minute", "s": "second", "w": "week"}


class SeriesPage(Page):
    """Errors of forecasts, prediction intervals and examples."""

    template, own_figures = "series.html", SERIES_FIGURES

    def training_data(self, contents: Contents) -> str:
        """See :meth:`Page.training_data`."""
        train = contents.counts.get("train") or {}
        return f"{count(train['steps'])} steps of {contents.source}" if "steps" in train else contents.source

    def conditions(self, contents: Contents) -> str:
        """See :meth:`Page.conditions`."""
        main = main_scores(contents)
        names = contents.data.get("targets") or ["the series"]
        what = str(names[0]) if len(names) == 1 else f"{len(names)} channels{_apart(contents)}"
        details, horizons = details_of(compared(contents)), [score.horizon for score in main]
        past = f" from the {count(details.lookback)} steps before" if details and details.direct else ""
        over = f"at a horizon of {plural(horizons[0], 'step')}"
        over = f"mean over horizons of {listed(horizons)} steps" if len(main) > 1 else over
        return f"forecasts of {what}{past} in the {main[0].part} part, {over}"

    def own_caveats(self, contents: Contents) -> list[str]:
        """See :meth:`Page.own_caveats`."""
        note = (
            "Baselines without an encoder are compared with the trained one by their errors alone, without a "
            "paired interval."
        )
        return [note] if compared(contents).where(role="baseline") else []

    def trust(self, contents: Contents) -> list[str]:
        """See :meth:`Page.trust`."""
        score, how = main_scores(contents)[0], contents.split.get("how")
        apart = f"The parts follow each other in time ({how}). " if how else ""
        return [f"{apart}Forecasts of the {score.part} part are scored from {count(score.n)} origins."]

    def next_steps(self, contents: Contents) -> Iterator[Command]:
        """See :meth:`Page.next_steps`."""
        if contents.encoder:
            return
        horizons = compared(contents).horizons
        if horizons:
            longest = f"--horizon {max(horizons)}"
            command = f"tsrep forecast {named_folder(contents)} --input FILE.csv {longest}"
            yield "Forecast a series of your own", command
        yield from several_seeds(contents)

    def size_tiles(self, contents: Contents) -> list[Tile]:
        """See :meth:`Page.size_tiles`."""
        train, test = ((contents.counts.get(part) or {}).get("steps") for part in ("train", "test"))
        return [] if train is None else [("training steps", count(train), f"{count(test)} test steps")]

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
        scores, own = compared(contents), contents.objective
        standard = contents.window.get("standardise", "channel") != "none"
        shown = {(s.protocol, s.part) for s in scores}
        groups = dict.fromkeys((s.protocol, s.part) for s in contents.scores)
        others = [contents.scores.where(protocol=p, part=of) for p, of in groups if (p, of) not in shown]
        return {
            "scale": "of values standardised on the training part" if standard else "in the unit of the data",
            "error_tables": error_tables(scores, own),
            "protocol": _protocol(contents),
            "gain_table": gain_table(scores),
            "more_tables": [
                ("Other protocols and parts", [t for some in others for t in error_tables(some, own)]),
                ("Errors of each channel", [channel_table(contents)]),
                ("Baselines beside the control", [gain_table(scores, "baseline")]),
                ("Regularisation and seeds", [penalty_table(scores, own)]),
            ],
            "split_table": split_table(contents, {"steps": "steps", "first": "first", "last": "last"}),
            "coverage_table": coverage_table(contents, standard=standard),
        }

    def summary(self, contents: Contents) -> list[Table]:
        """See :meth:`Page.summary`."""
        scores = compared(contents)
        return [
            *error_tables(scores, contents.objective, intervals=False)[:1],
            gain_table(scores, brief=True),
        ]


def error_tables(scores: Scores, own: str, *, intervals: bool = True) -> list[Table]:
    """A table for each metric of forecasts, or else for the primary one."""
    metrics = dict.fromkeys([*scores.metrics, *(score.metric for score in scores)])
    known = [metric for metric in metrics if any(metric in score.metrics for score in scores)]
    return [error_table(scores, own, metric, intervals=intervals) for metric in known]


def error_table(scores: Scores, own: str, metric: str, *, intervals: bool) -> Table:
    """Methods in rows, horizons in columns, the lowest error of each column bold.

    Parameters
    ----------
    scores : Scores
    own : str
        What was trained; it comes first.
    metric : str
        One that every score has.
    intervals : bool
        Whether to put them below the values.
    """
    methods, digits = in_order(scores, own), digits_of(scores)
    horizons = dict.fromkeys(s.horizon for s in scores)
    found = {(s.method, s.horizon): s for s in scores}
    first = {method: found[method, min(horizons)] for method in methods}
    values = {
        _rests_on(found[methods[0], h]): {m: found[m, h].metrics[metric] for m in methods} for h in horizons
    }
    if len(horizons) > 1:
        means = {method: scores.mean(method, metric) for method in methods}
        values[Cell("mean", numeric=True)] = {m: Interval(v, math.nan, math.nan) for m, v in means.items()}

    def error(of: Mapping[str, Interval], method: str) -> Cell:
        best = of[method].value == lowest(each.value for each in of.values())
        return value_cell(of[method], digits, intervals=intervals, strong=best)

    columns: Columns[str] = {
        "method": lambda method: Cell(method, strong=method == own),
        "seeds": lambda method: integer(first[method].seeds),
        **{head: partial(error, of) for head, of in values.items()},
    }
    one = first[methods[0]]
    caption = f"{capital(full_name(metric))} of {protocol_title(one)} in the {one.part} part"
    caption += f", horizons in steps{', 95 % interval below' * intervals}"
    return table(caption, methods, columns, begins(methods, lambda m: first[m].role == "baseline"))


def _rests_on(score: Score) -> Cell:
    """A column's horizon over what its numbers rest on."""
    below = f"{plural(score.n, score.unit)}\n{plural(score.blocks, 'block')}"
    below += ", interval unreliable" * score.unreliable
    return Cell(str(score.horizon or "value"), below, numeric=True)


def gain_table(scores: Scores, role: Role = "method", *, brief: bool = False) -> Table:
    """Errors of methods, or of baselines, minus those of the control at each horizon.

    Parameters
    ----------
    scores : Scores
    role : {"method", "baseline"}
    brief : bool
        In the primary metric alone, which is as wide as a terminal.
    """
    rows = [s for s in scores.where(role=role) if s.gain is not None]
    order = in_order(scores)
    rows.sort(key=lambda s: (order.index(s.method), s.horizon))
    caption = (
        f"Errors of {role}s minus those of {rows[0].against if rows else ''} on the same origins, with "
        "their 95 % intervals; below zero is better"
    )
    primary = rows[0] if len(rows) == 1 else None  # of several horizons none is named before scoring
    before, after = {**METHOD, **HORIZON}, {**CONDITIONS, **BLOCKS}
    metrics = dict.fromkeys(s.metric for s in rows) if brief else scores.metrics
    return difference_table(caption, rows, before, metrics, after, primary)


def penalty_table(scores: Scores, own: str) -> Table:
    """Chosen regularisation strengths, and how far errors differ between seeds."""
    chosen = {(s.method, s.horizon): s for s in scores if "alpha" in s.details}

    def strength(horizon: int, method: str) -> Cell:
        score = chosen[method, horizon]
        spread = number(score.spread.get(score.metric), 4)
        below = "" if spread == NOTHING else f"± {spread}"
        return Cell(f"{score.details['alpha']:.3g}", below, numeric=True)

    columns: Columns[str] = {
        "method": Cell,
        "seeds": lambda method: integer(chosen[method, scores.horizons[0]].seeds),
        **{str(horizon): partial(strength, horizon) for horizon in scores.horizons},
    }
    caption = (
        "Regularisation strength (alpha) of the ridge at each horizon, mean over seeds; below, the standard "
        "deviation of the MSE"
    )
    ridges = {method for method, _ in chosen}
    return table(caption, [method for method in in_order(scores, own) if method in ridges], columns)


def channel_table(contents: Contents) -> Table | None:
    """Errors of each channel at the longest horizon, where there are several."""
    scores = compared(contents)
    details = details_of(scores)
    if details is None or len(details.channels) < 2:
        return None
    longest, digits = max(scores.horizons), digits_of(scores)
    errors = {method: details.per_channel[method, longest] for method in in_order(scores, contents.objective)}

    def error(method: str, channel: int) -> Cell:
        value = float(errors[method][channel])
        best = value == lowest(float(each[channel]) for each in errors.values())
        return Cell(number(value, digits), numeric=True, strong=best)

    columns: Columns[int] = {
        "channel": lambda channel: Cell(details.channels[channel]),
        **{method: partial(error, method) for method in errors},
    }
    caption = f"Mean squared error of each channel at {longest} steps"
    return table(caption, range(len(details.channels)), columns)


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


def coverage_sentence(found: Coverage) -> str:
    """What prediction intervals covered, for a terminal."""
    levels = (f"{'' if i else 'nominal '}{share(level)}" for i, level in enumerate(found.levels))
    told = listed(f"{_percent(held)} ({level})" for held, level in zip(found.share, levels, strict=True))
    return f"Prediction intervals held {told} of the targets of {count(found.windows)} test windows."


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
