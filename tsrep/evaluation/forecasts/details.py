"""What figures and tables of forecasts are drawn from, beside their scores."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

import numpy as np

from tsrep.array_files import read_arrays, write_arrays
from tsrep.evaluation.arrays import Array
from tsrep.reading import readable


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
class ForecastDetails:
    """Errors of a part by step and channel, and some forecasts of it.

    Attributes
    ----------
    per_step : dict of arrays, shape (horizon,)
        Mean squared error of each step ahead, by (method, horizon).
    per_channel : dict of arrays, shape (channel,)
        Mean squared error of each channel, by (method, horizon).
    examples : Examples
    channels : tuple of str
    lookback : int
        Steps that every forecast is made from, by the trained network itself or by a ridge on what an encoder
        makes of them; 0 where ridges forecast from frozen representations of single steps.
    """

    per_step: dict[tuple[str, int], Array]
    per_channel: dict[tuple[str, int], Array]
    examples: Examples
    channels: tuple[str, ...] = ()
    lookback: int = 0

    @property
    def direct(self) -> bool:
        """Whether forecasts are those that a network was trained for, each from its look-back."""
        return self.lookback > 0


def save_details(path: Path, parts: Mapping[str, ForecastDetails]) -> None:
    """Write an ``.npz`` file with the details of each part, atomically."""
    arrays: dict[str, Array] = {}
    for part, details in parts.items():
        held = details.examples
        arrays |= {f"{part}/{name}": getattr(held, name) for name in ("origins", "past", "truth")}
        arrays |= {f"{part}/prediction/{name}": array for name, array in held.predictions.items()}
        arrays[f"{part}/channels"] = np.array(details.channels)
        arrays[f"{part}/lookback"] = np.array(details.lookback)
        for kind in ("per_step", "per_channel"):
            for (method, horizon), array in getattr(details, kind).items():
                arrays[f"{part}/{kind}/{method}/{horizon}"] = array
    write_arrays(path, **arrays)


def load_details(path: Path) -> dict[str, ForecastDetails]:
    """Read what :func:`save_details` wrote.

    Raises
    ------
    RunError
        When the file is broken or of another kind.
    """
    with readable(path, "forecasts", "remove it and evaluate again"):
        arrays = read_arrays(path)
        return {part: _details(_below(arrays, part)) for part in {name.split("/")[0]: 0 for name in arrays}}


def _below(arrays: Mapping[str, Array], word: str) -> dict[str, Array]:
    """The arrays whose names begin with a word and a slash, without them."""
    start = f"{word}/"
    return {name.removeprefix(start): array for name, array in arrays.items() if name.startswith(start)}


def _details(arrays: Mapping[str, Array]) -> ForecastDetails:
    def by_horizon(kind: str) -> dict[tuple[str, int], Array]:
        split = [(*name.rpartition("/"), array) for name, array in _below(arrays, kind).items()]
        return {(method, int(horizon)): array for method, _, horizon, array in split}

    return ForecastDetails(
        by_horizon("per_step"),
        by_horizon("per_channel"),
        Examples(arrays["origins"], arrays["past"], arrays["truth"], _below(arrays, "prediction")),
        tuple(map(str, arrays["channels"])),
        int(arrays["lookback"]),
    )
