"""What the page of a run on a series has besides training and provenance."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from tsrep.report.contents import Contents
from tsrep.report.forecast_headline import (
    digits,
    error_reading,
    forecast_caveats,
    forecast_headline,
    forecast_protocol,
    forecast_verdicts,
    gains,
    mean_mse,
    trained_method,
)
from tsrep.report.forecast_tables import (
    METRICS,
    channel_table,
    coverage_table,
    difference_table,
    error_table,
    penalty_table,
    rule_table,
    stamp,
    time_split_table,
)
from tsrep.report.headline import source_of
from tsrep.report.receptive_field import receptive_table
from tsrep.report.shared import size_tiles
from tsrep.report.wording import count, number

_EVERY = {"h": "hour", "d": "day", "min": "minute", "s": "second", "w": "week"}


def forecast_context(contents: Contents) -> dict[str, Any]:
    """Names that ``forecast.html`` uses."""
    standard = (contents.config.get("window") or {}).get("standardise", "channel") != "none"
    return {
        "headline": forecast_headline(contents),
        "verdicts": forecast_verdicts(contents),
        "tiles": _tiles(contents),
        "caveats": forecast_caveats(contents),
        "scale": "of values standardised on the training part" if standard else "in the unit of the data",
        "error_tables": [t for t in (error_table(contents, m) for m in METRICS) if t is not None],
        "protocol": forecast_protocol(contents.forecast) if contents.forecast else "",
        "difference_table": difference_table(contents),
        "more_tables": [
            ("Errors of each channel", channel_table(contents)),
            ("Simple rules beside the random-initialised encoder", rule_table(contents)),
            ("Penalties and seeds", penalty_table(contents)),
        ],
        "data": _data_facts(contents),
        "split_table": time_split_table(contents),
        "coverage_table": coverage_table(contents, standard=standard),
        "receptive_table": receptive_table(contents),
    }


def _tiles(contents: Contents) -> list[dict[str, str]]:
    """The few numbers that a reader looks for first."""
    tiles = []
    forecast, method = contents.forecast, trained_method(contents)
    if forecast is not None and method is not None:
        note = f"over {len(forecast.horizons)} horizon{'s' * (len(forecast.horizons) != 1)}"
        value = number(mean_mse(forecast, method), digits(forecast))
        tiles.append({"name": f"mean {forecast.scores[0].part} MSE", "value": value, "note": note})
    scores = gains(contents)
    if scores:
        reads = [error_reading(s.difference.get("mse")) for s in scores]
        note = f"{reads.count('worse')} worse, {reads.count('not told apart')} undecided"
        value = f"{reads.count('better')} of {len(reads)}"
        tiles.append({"name": "better than random init at", "value": value, "note": note})
    counts = contents.split.get("counts") or {}
    if "steps" in (counts.get("train") or {}):
        note = f"{count((counts.get('test') or {}).get('steps'))} test steps"
        tiles.append({"name": "training steps", "value": count(counts["train"]["steps"]), "note": note})
    return tiles + size_tiles(contents)


def _data_facts(contents: Contents) -> list[tuple[str, str]]:
    data = contents.data
    if not data:
        return []
    window: Mapping[str, Any] = contents.config.get("window") or {}
    length = f" of {count(window['steps'])} steps" if window.get("steps") else ""
    return [
        ("source", source_of(contents)),
        ("steps", f"{count(data.get('steps'))}, {every(str(data.get('freq') or ''))}"),
        ("from, to", f"{stamp(data.get('first'))}, {stamp(data.get('last'))}"),
        ("forecast", _named(data.get("targets")) + _instances(data)),
        ("known in advance", _named(data.get("covariates"))),
        ("sections to train on", f"{count(data.get('samples'))}{length}"),
        ("unit", str(data.get("unit") or "not given")),
        ("standardised", str(window.get("standardise", "not given"))),
        ("data digest", str(data.get("digest", ""))),
        ("split digest", str(contents.split.get("digest", ""))),
    ]


def every(freq: str) -> str:
    """Spacing of steps in words: ``one every 15 minutes`` of ``"15min"``."""
    amount = freq.rstrip("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ-")
    unit, amount = _EVERY.get(freq[len(amount) :].lower()), amount.strip()
    if unit is None or not (amount.isdigit() or not amount):
        return f"one every {freq}" if freq else "spacing not given"
    return f"one every {amount} {unit}s" if amount not in ("", "1") else f"one every {unit}"


def _named(names: Any) -> str:
    found = [str(name) for name in names or []]
    return f"{len(found)}: {', '.join(found[:16])}{' …' * (len(found) > 16)}" if found else "nothing"


def _instances(data: Mapping[str, Any]) -> str:
    """Whether the encoder sees channels together."""
    return ", each by itself" if int(data.get("instances") or 1) > 1 else ""
