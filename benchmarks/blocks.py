"""How often intervals over blocks of time hold the true error of a forecaster, and how wide they are.

Simulated test parts of 2,880 hourly steps with a season of 24, whose true mean errors are known:

- ``independent``: the errors of all steps are independent;
- ``AR(.98)``: the errors of the steps are an autoregression with the coefficient .98;
- ``volatile``: the errors are independent, their scale follows the exponential of an AR(.99);
- ``forecasts``: the best forecasts of a series that is an AR(.98), from every step;
- ``difference``: of these forecasts and the last value, as paired differences;
- ``volatile difference``: the same, where the innovations of the series are volatile.

Beside the interval of this package stands the percentile interval with blocks as long as the horizon or the
season. Widths are relative to the interval that holds 95 % of the estimates over all simulated parts. Run
from the repository root:

    python benchmarks/blocks.py            # some ten minutes
    python benchmarks/blocks.py --quick    # some seconds
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from scipy.signal import lfilter

from tsrep.evaluation.block_bootstrap import ENOUGH_BLOCKS, block_length, block_starts, block_sums
from tsrep.evaluation.bootstrap import Interval
from tsrep.evaluation.difference import paired_difference
from tsrep.evaluation.forecasts.errors import Errors, resample_blocks

STEPS, SEASON, PHI, SLOW, BURN, AT_ONCE = 2880, 24, 0.98, 0.99, 1000, 50
GROWTH = np.exp(0.5)  # mean square of the exponential of half a standard normal
Pair = tuple[np.ndarray, np.ndarray]  # squared errors of two forecasters at each origin, (part, origin)


def autoregression(phi: float, innovations: np.ndarray) -> np.ndarray:
    """Values after the burn-in, shape (part, step)."""
    return lfilter([1], [1, -phi], innovations, axis=1)[:, BURN:]


def volatility(rng: np.random.Generator, shape: tuple[int, int]) -> np.ndarray:
    """A positive scale that varies over hundreds of steps."""
    noise = rng.standard_normal((shape[0], shape[1] + BURN)) * np.sqrt(1 - SLOW**2)
    return np.exp(autoregression(SLOW, noise) / 2)


def over_windows(error: np.ndarray, horizon: int) -> Pair:
    """Mean squared errors of the windows that begin at each step, and zeros beside them."""
    sums = np.cumsum(np.pad(error**2, ((0, 0), (1, 0))), axis=1)
    found = (sums[:, horizon:] - sums[:, :-horizon]) / horizon
    return found, np.zeros_like(found)


def independent(rng: np.random.Generator, parts: int, horizon: int) -> Pair:
    """Errors without memory."""
    return over_windows(rng.standard_normal((parts, STEPS)), horizon)


def persistent(rng: np.random.Generator, parts: int, horizon: int) -> Pair:
    """Errors that are an autoregression with variance 1."""
    noise = rng.standard_normal((parts, STEPS + BURN)) * np.sqrt(1 - PHI**2)
    return over_windows(autoregression(PHI, noise), horizon)


def volatile(rng: np.random.Generator, parts: int, horizon: int) -> Pair:
    """Independent errors whose scale varies slowly."""
    return over_windows(volatility(rng, (parts, STEPS)) * rng.standard_normal((parts, STEPS)), horizon)


def forecasts(rng: np.random.Generator, parts: int, horizon: int) -> Pair:
    """The best forecasts of an autoregression, and its last value."""
    return forecast_errors(rng.standard_normal((parts, STEPS + 1 + BURN)), horizon)


def volatile_forecasts(rng: np.random.Generator, parts: int, horizon: int) -> Pair:
    """The same with innovations whose scale varies slowly."""
    shape = parts, STEPS + 1 + BURN
    return forecast_errors(volatility(rng, shape) * rng.standard_normal(shape), horizon)


def forecast_errors(innovations: np.ndarray, horizon: int) -> Pair:
    """Of the best forecasts of an autoregression and of its last value."""
    values = autoregression(PHI, innovations)
    last = values[:, :-horizon]
    best, naive = np.zeros_like(last), np.zeros_like(last)
    for ahead in range(1, horizon + 1):
        target = values[:, ahead : ahead + last.shape[1]]
        best += (target - PHI**ahead * last) ** 2 / horizon
        naive += (target - last) ** 2 / horizon
    return best, naive


def error_of_best(horizon: int) -> float:
    """Mean squared error of the best forecasts of an autoregression with innovations of variance 1."""
    return float(np.mean(1 - PHI ** (2 * np.arange(1, horizon + 1))) / (1 - PHI**2))


def gain_of_best(horizon: int) -> float:
    """By which it is below that of the last value, as a negative number."""
    return -float(np.mean((1 - PHI ** np.arange(1, horizon + 1)) ** 2) / (1 - PHI**2))


@dataclass(frozen=True)
class Case:
    """What is simulated, and its true mean."""

    draw: Callable[[np.random.Generator, int, int], Pair]
    truth: Callable[[int], float]
    paired: bool = False


CASES = {
    "independent": Case(independent, lambda _: 1.0),
    "AR(.98)": Case(persistent, lambda _: 1.0),
    "volatile": Case(volatile, lambda _: float(GROWTH)),
    "forecasts": Case(forecasts, error_of_best),
    "difference": Case(forecasts, gain_of_best, paired=True),
    "volatile difference": Case(volatile_forecasts, lambda h: float(GROWTH) * gain_of_best(h), paired=True),
}


@dataclass(frozen=True)
class Cell:
    """Intervals of all simulated parts at one horizon."""

    coverage: float
    before: float
    width: float
    length: int

    @property
    def blocks(self) -> int:
        """Whole ones in a part of the median length."""
        return STEPS // self.length


def errors_of(squared: np.ndarray) -> Errors:
    """One target at each origin."""
    one = np.ones_like(squared)
    by_origin = np.stack([squared, np.sqrt(squared), one, np.sqrt(squared), one], axis=1)
    return Errors(by_origin, squared[:1, None], one[:1, None])


def of_part(pair: Pair, horizon: int, n_bootstrap: int, *, paired: bool) -> tuple[Interval, int]:
    """The interval of this package, and its block length."""
    one, two = map(errors_of, pair)
    series = [one.influence, one.influence - two.influence, two.influence][: 3 if paired else 1]
    length = block_length(np.concatenate(series, axis=1).T, len(pair[0]), 2 * max(horizon, SEASON))
    own = resample_blocks([one], length, n_bootstrap)
    if not paired:
        return own.intervals()["mse"], length
    return paired_difference(own, resample_blocks([two], length, n_bootstrap))["mse"], length


def percentile(values: np.ndarray, length: int, n_bootstrap: int) -> tuple[float, float]:
    """Ends of a percentile interval with blocks of a given length."""
    starts = block_starts(len(values), length, n_bootstrap)
    low, high = np.quantile(block_sums(values, starts, length) / len(values), [0.025, 0.975])
    return float(low), float(high)


def simulated(case: Case, horizon: int, parts: int) -> Iterator[Pair]:
    """The errors of one part after the other."""
    rng = np.random.default_rng(horizon)
    for at in range(0, parts, AT_ONCE):
        yield from zip(*case.draw(rng, min(AT_ONCE, parts - at), horizon), strict=True)


def measured(case: Case, horizon: int, parts: int, n_bootstrap: int) -> Cell:
    """Coverage and width over the simulated parts."""
    truth, found, before, lengths = case.truth(horizon), [], [], []
    for pair in simulated(case, horizon, parts):
        interval, length = of_part(pair, horizon, n_bootstrap, paired=case.paired)
        found.append((interval.value, interval.low, interval.high))
        before.append(percentile(pair[0] - pair[1] * case.paired, max(horizon, SEASON), n_bootstrap))
        lengths.append(length)
    value, low, high = np.array(found).T
    old_low, old_high = np.array(before).T
    return Cell(
        float(np.mean((low <= truth) & (truth <= high))),
        float(np.mean((old_low <= truth) & (truth <= old_high))),
        float(np.mean(high - low) / np.diff(np.quantile(value, [0.025, 0.975]))[0]),
        int(np.median(lengths)),
    )


def main() -> None:
    """Print a table and a JSON line."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--quick", action="store_true")
    quick = parser.parse_args().quick
    parts, n_bootstrap, horizons = (40, 200, (24,)) if quick else (1000, 500, (24, 96, 336))
    print(f"{parts} parts of {STEPS:,} steps\n")
    print("| errors | horizon | blocks (median) | coverage | width | coverage before |")
    print("| --- | --- | --- | --- | --- | --- |")
    cells: dict[tuple[str, int], Cell] = {}
    for name, case in CASES.items():
        for horizon in horizons:
            cells[name, horizon] = cell = measured(case, horizon, parts, n_bootstrap)
            flag = ", unreliable" * (cell.blocks < ENOUGH_BLOCKS)
            print(
                f"| {name} | {horizon} | {cell.blocks} of {cell.length}{flag} | {cell.coverage:.3f} | "
                f"{cell.width:.2f} | {cell.before:.3f} |",
                flush=True,
            )
    reliable = {key: cell for key, cell in cells.items() if cell.blocks >= ENOUGH_BLOCKS}
    least = {name: min(cell.coverage for key, cell in reliable.items() if key[0] == name) for name in CASES}
    widest = max(cell.width for cell in reliable.values())
    print(json.dumps({"name": "blocks", "coverage_min": least, "width_max": round(widest, 3)}))


if __name__ == "__main__":
    main()
