"""Scores of forecasts, what is drawn from them, and their form in files and tables."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import RunError
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.score_json import intervals, nan_to_none, number, numbers
from tsrep.files import read_arrays, write_arrays, write_text

Array = NDArray[Any]
Protocol = Literal["representation", "direct"]
METRICS = ("mse", "mae", "mase")
_FORMAT = "tsrep.forecast/2"
_WITHOUT_MASE = "tsrep.forecast/1"
_DRAWN = ("past", "truth", "origins")


@dataclass(frozen=True)
class ForecastScore:
    """One method at one horizon.

    Attributes
    ----------
    method, part : str
    horizon : int
        In steps.
    metrics : dict of Interval
        ``mse``, ``mae`` and ``mase`` over all instances, origins, steps ahead and channels, with the 95 %
        percentile interval of a circular block bootstrap over the origins, blocks as long as the horizon or
        the season, whichever is longer. Few blocks (see ``blocks``) make a crude interval that is too narrow.
        ``mase`` leaves out channels without a scale; files of the first format do not have it.
    spread : dict of float
        Standard deviation over seeds (n - 1); NaN with one seed.
    seeds : int
        Seeds whose mean the values are.
    windows, blocks : int
        Origins, and blocks in a resample of them.
    by_seed : dict of tuples of float
        The same errors of every seed.
    alpha : float
        Chosen penalty, mean over seeds; NaN for baselines.
    against : str
        The control that ``difference`` is from, or empty.
    difference : dict of Interval
        This method minus the control on the same resamples.
    fitted, dropped : int
        Training rows of the ridge, and rows left out for missing targets or features; of the first seed.
    """

    method: str
    part: str
    horizon: int
    metrics: dict[str, Interval]
    spread: dict[str, float]
    seeds: int
    windows: int
    blocks: int
    by_seed: dict[str, tuple[float, ...]] = field(default_factory=dict)
    alpha: float = math.nan
    against: str = ""
    difference: dict[str, Interval] = field(default_factory=dict)
    fitted: int = 0
    dropped: int = 0


@dataclass(frozen=True, eq=False)
class Examples:
    """Some forecasts of the first instance at the longest horizon, by the first seed.

    Attributes
    ----------
    origins : int array, shape (window,)
        Steps forecast from.
    past : array, shape (window, channel, lookback)
        Values up to and with the origin.
    truth : array, shape (window, channel, horizon)
    predictions : dict of arrays, shape (window, channel, horizon)
        Of each method.
    """

    origins: Array
    past: Array
    truth: Array
    predictions: dict[str, Array] = field(default_factory=dict)


@dataclass(frozen=True, eq=False)
class ForecastScores:
    """All scores of an evaluation by forecasting.

    Attributes
    ----------
    scores : tuple of ForecastScore
    per_step : dict of arrays, shape (horizon,)
        Mean squared error of each step ahead, by (method, horizon).
    per_channel : dict of arrays, shape (channel,)
        Mean squared error of each channel, by (method, horizon).
    examples : Examples
    channels : tuple of str
    notes : tuple of str
        What a reader should know, such as a baseline that was left out.
    protocol : str
        ``representation``: ridges on frozen representations of the steps forecast from. ``direct``: forecasts
        as they were trained to be, each from its look-back.
    lookback : int
        Steps that direct forecasts and the baselines beside them are made from; 0 where it is not one number.
    """

    scores: tuple[ForecastScore, ...]
    per_step: dict[tuple[str, int], Array]
    per_channel: dict[tuple[str, int], Array]
    examples: Examples
    channels: tuple[str, ...] = ()
    notes: tuple[str, ...] = ()
    protocol: Protocol = "representation"
    lookback: int = 0

    def __iter__(self) -> Iterator[ForecastScore]:
        return iter(self.scores)

    def __len__(self) -> int:
        return len(self.scores)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, ForecastScores) or self.to_json() != other.to_json():
            return False
        mine, theirs = self._arrays(), other._arrays()
        return mine.keys() == theirs.keys() and all(
            np.array_equal(mine[name], theirs[name], equal_nan=True) for name in mine
        )

    __hash__ = None  # type: ignore[assignment]  # arrays inside, compared by value

    @property
    def methods(self) -> tuple[str, ...]:
        """Names of the methods in order."""
        return tuple(dict.fromkeys(score.method for score in self.scores))

    @property
    def horizons(self) -> tuple[int, ...]:
        """In steps, in order."""
        return tuple(dict.fromkeys(score.horizon for score in self.scores))

    @property
    def metrics(self) -> tuple[str, ...]:
        """Names of the errors that all scores have."""
        return tuple(name for name in METRICS if all(name in score.metrics for score in self.scores))

    def where(self, **wanted: Any) -> tuple[ForecastScore, ...]:
        """The scores whose attributes have the given values, such as ``horizon=24``."""
        return tuple(
            s for s in self.scores if all(getattr(s, name) == value for name, value in wanted.items())
        )

    def mean_over_horizons(self, method: str) -> dict[str, float]:
        """Mean of each error over the horizons.

        Raises
        ------
        RunError
            When there is no such method.
        """
        scores = self.where(method=method)
        if not scores:
            raise RunError(f"there are no forecasts by {method!r}; there are {', '.join(self.methods)}")
        return {name: math.fsum(s.metrics[name].value for s in scores) / len(scores) for name in self.metrics}

    def to_json(self) -> str:
        """The scores (not the arrays) as JSON; NaN becomes null."""
        content = {
            "format": _FORMAT,
            "protocol": self.protocol,
            "lookback": self.lookback,
            "channels": self.channels,
            "notes": self.notes,
            "scores": [asdict(score) for score in self.scores],
        }
        return json.dumps(nan_to_none(content), indent=1, allow_nan=False)

    def save(self, folder: Path) -> None:
        """Write ``forecast.json`` and ``forecast.npz``."""
        write_arrays(folder / "forecast.npz", **self._arrays())
        write_text(folder / "forecast.json", self.to_json() + "\n")

    @classmethod
    def load(cls, folder: Path) -> ForecastScores:
        """Read what :meth:`save` wrote; files of the first format have no ``mase``.

        Raises
        ------
        RunError
            When a file is missing or not of this format.
        """
        path, stored = folder / "forecast.json", folder / "forecast.npz"
        for needed in (path, stored):
            if not needed.exists():
                raise RunError(f"{folder} has no {needed.name}; evaluate the run by forecasting first")
        try:
            content = json.loads(path.read_text(encoding="utf-8"))
            if content["format"] not in (_FORMAT, _WITHOUT_MASE):
                raise ValueError(content["format"])
            scores = tuple(_score(entry) for entry in content["scores"])
            arrays = read_arrays(stored)
            return cls(
                scores,
                _by_key(arrays, "per_step"),
                _by_key(arrays, "per_channel"),
                _examples(arrays),
                tuple(content["channels"]),
                tuple(content["notes"]),
                content.get("protocol", "representation"),
                int(content.get("lookback", 0)),
            )
        except (ValueError, KeyError, TypeError, OSError) as error:
            raise RunError(
                f"the forecasts in {folder} are not readable as {_FORMAT} ({error}); evaluate the run again"
            ) from error

    def to_table(self) -> list[list[str]]:
        """Rows of text, the first one the header; the last column is the error against the control."""
        against = next((s.against for s in self.scores if s.difference), "")
        header = [
            "method",
            "horizon",
            "part",
            "seeds",
            "windows",
            "blocks",
            "mse",
            "sd",
            *self.metrics[1:],
            "alpha",
        ]
        rows = [header + ([f"mse minus {against}"] if against else [])]
        for s in self.scores:
            row = [
                s.method,
                *map(str, (s.horizon, s.part, s.seeds, s.windows, s.blocks)),
                _spell(s.metrics["mse"]),
            ]
            row += [_number(s.spread["mse"], ".4f"), *(_spell(s.metrics[m]) for m in self.metrics[1:])]
            row += [_number(s.alpha, "g")]
            rows.append(row + ([_spell(s.difference.get("mse"), "+")] if against else []))
        return rows

    def to_markdown(self) -> str:
        """The table in Markdown, notes below it."""
        header, *rows = self.to_table()
        lines = ["| " + " | ".join(line) + " |" for line in [header, ["---"] * len(header), *rows]]
        return "\n".join([*lines, *(f"\n{note}" for note in self.notes)]) + "\n"

    def _arrays(self) -> dict[str, Array]:
        arrays = {
            f"{kind}/{method}/{horizon}": array
            for kind, group in (("per_step", self.per_step), ("per_channel", self.per_channel))
            for (method, horizon), array in group.items()
        }
        arrays |= {f"examples/{name}": getattr(self.examples, name) for name in _DRAWN}
        return arrays | {f"prediction/{name}": array for name, array in self.examples.predictions.items()}


def _by_key(arrays: Mapping[str, Array], kind: str) -> dict[tuple[str, int], Array]:
    names = [name for name in arrays if name.startswith(f"{kind}/")]
    keys = [name.removeprefix(f"{kind}/").rsplit("/", 1) for name in names]
    return {(method, int(horizon)): arrays[name] for name, (method, horizon) in zip(names, keys, strict=True)}


def _examples(arrays: Mapping[str, Array]) -> Examples:
    names = [name for name in arrays if name.startswith("prediction/")]
    predictions = {name.removeprefix("prediction/"): arrays[name] for name in names}
    return Examples(**{name: arrays[f"examples/{name}"] for name in _DRAWN}, predictions=predictions)


def _score(entry: dict[str, Any]) -> ForecastScore:
    read: dict[str, Any] = {name: intervals(entry[name]) for name in ("metrics", "difference")}
    read["by_seed"] = {metric: tuple(map(number, each)) for metric, each in entry["by_seed"].items()}
    return ForecastScore(
        **{**entry, **read, "spread": numbers(entry["spread"]), "alpha": number(entry["alpha"])}
    )


def _number(value: float, form: str) -> str:
    return "–" if math.isnan(value) else f"{value:{form}}"


def _spell(interval: Interval | None, sign: str = "") -> str:
    if interval is None or math.isnan(interval.value):
        return "–"
    ends = f"[{interval.low:{sign}.4f}, {interval.high:{sign}.4f}]"
    return f"{interval.value:{sign}.4f} " + ("[–]" if math.isnan(interval.low) else ends)
