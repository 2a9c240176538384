"""tsrep inside sktime: pipelines on three of sktime's own data sets, beside sktime's own methods.

    .venv/bin/python studies/sktime_pipelines.py

BasicMotions and JapaneseVowels (series of unequal length) are classified, the airline passengers forecast.
All three ship with sktime. Writes ``docs/results/sktime.md``; a few minutes of one core. sktime's Rocket
needs numba, which tsrep does not install: ``.venv/bin/pip install numba`` first, or its row is left out.
"""

from __future__ import annotations

import argparse
import time
import warnings
from collections.abc import Callable, Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import torch
from results_page import table, write_page
from sklearn.linear_model import LogisticRegression
from sklearn.preprocessing import StandardScaler
from sktime.classification.distance_based import KNeighborsTimeSeriesClassifier
from sktime.classification.dummy import DummyClassifier
from sktime.classification.feature_based import SummaryClassifier
from sktime.classification.kernel_based import RocketClassifier
from sktime.datasets import load_airline, load_basic_motions, load_japanese_vowels
from sktime.forecasting.compose import TransformedTargetForecaster
from sktime.forecasting.naive import NaiveForecaster
from sktime.split import ExpandingWindowSplitter
from sktime.transformations.boxcox import LogTransformer
from sktime.transformations.padder import PaddingTransformer
from sktime.utils.estimator_checks import check_estimator

from tsrep import estimators
from tsrep.estimators import ContrastiveClassifier, ContrastiveEncoder, ContrastiveForecaster

ROCKET = "PaddingTransformer * RocketClassifier (10,000 kernels, ridge)"
SEEDS = 3
ENCODER: dict[str, Any] = {
    "encoder": "dilated-conv",
    "encoder_params": {"hidden": 32, "dim": 64, "depth": 5},
    "batch_size": 16,
    "device": "cpu",
}
STEPS = 80  # of training; what is called an epoch depends on the number of series
YEAR = range(1, 13)
LEVEL = 0.8


def encoder(series: int, **changes: Any) -> Any:
    """Pipeline of an encoder trained by ts2vec, a scaler and a logistic regression."""
    epochs = max(1, STEPS // max(1, series // ENCODER["batch_size"]))
    learned = ContrastiveEncoder(**{**ENCODER, "objective": "ts2vec", "epochs": epochs, **changes})
    return learned * StandardScaler() * LogisticRegression(max_iter=5000)


def classifiers(series: int, longest: int) -> Mapping[str, Callable[[int], Any]]:
    """By name, what makes a classifier from a seed."""
    epochs = max(1, STEPS // max(1, series // ENCODER["batch_size"]))
    settings = {**ENCODER, "objective": "ts2vec", "epochs": epochs}
    tuning = {"epochs": 10, "min_steps": 300, "batch_size": 16, "lr": 1e-3}
    methods = {
        "ContrastiveEncoder * StandardScaler * LogisticRegression": lambda seed: encoder(
            series, random_state=seed
        ),
        "the same, weights left at random (learning rate 1e-9)": lambda seed: encoder(
            series, random_state=seed, lr=1e-9, epochs=1
        ),
        "ContrastiveClassifier": lambda seed: ContrastiveClassifier(**settings, random_state=seed),
        "ContrastiveClassifier(finetune=True)": lambda seed: ContrastiveClassifier(
            **settings, finetune=True, finetune_params=tuning, random_state=seed
        ),
        "PaddingTransformer * KNeighborsTimeSeriesClassifier (euclidean)": lambda _: (
            PaddingTransformer(longest) * KNeighborsTimeSeriesClassifier(distance="euclidean")
        ),
        "PaddingTransformer * SummaryClassifier (random forest)": lambda seed: (
            PaddingTransformer(longest) * SummaryClassifier(random_state=seed)
        ),
        ROCKET: lambda seed: PaddingTransformer(longest) * RocketClassifier(random_state=seed),
        "DummyClassifier": lambda _: DummyClassifier(strategy="most_frequent"),
    }
    if find_spec("numba") is None:
        del methods[ROCKET]
    return methods


def forecasters() -> Mapping[str, Callable[[int], Any]]:
    """By name, what makes a forecaster from a seed."""
    small = {
        "lookback": 24,
        "encoder": "dilated-conv",
        "encoder_params": {"hidden": 32, "dim": 16, "depth": 4},
        "epochs": 40,
        "batch_size": 16,
        "device": "cpu",
    }

    def logged(**settings: Any) -> Any:
        steps = [("log", LogTransformer()), ("forecaster", ContrastiveForecaster(**{**small, **settings}))]
        return TransformedTargetForecaster(steps)

    beside = {"contrast": "ts2vec", "objective_params": {"weight": 0.1}}
    return {
        "LogTransformer * ContrastiveForecaster(calibration=0)": lambda seed: logged(
            random_state=seed, calibration=0
        ),
        "the same beside ts2vec": lambda seed: logged(random_state=seed, calibration=0, **beside),
        "LogTransformer * ContrastiveForecaster": lambda seed: logged(random_state=seed),
        "NaiveForecaster(sp=12)": lambda _: NaiveForecaster(sp=12),
        "NaiveForecaster('drift')": lambda _: NaiveForecaster("drift"),
        "NaiveForecaster('last')": lambda _: NaiveForecaster("last"),
    }


def seeds_of(name: str) -> int:
    """One for a method that draws nothing."""
    return SEEDS if "Contrastive" in name or "same" in name or "forest" in name or name == ROCKET else 1


def classify(load: Callable[..., Any]) -> dict[str, list[str]]:
    """Test accuracy and seconds of each method."""
    (x, y), (x_test, y_test) = (load(split=part, return_type="pd-multiindex") for part in ("train", "test"))
    found = {}
    longest = max(len(each) for part in (x, x_test) for _, each in part.groupby(level=0))
    for name, make in classifiers(len(y), longest).items():
        began, scores = time.monotonic(), []
        for seed in range(seeds_of(name)):
            model = make(seed).fit(x, y)
            scores.append(float(np.mean(model.predict(x_test) == y_test)))
        found[name] = [spread(scores), f"{(time.monotonic() - began) / len(scores):.1f}"]
        print(load.__name__, name, *found[name], flush=True)
    return found


def forecast() -> dict[str, list[str]]:
    """Errors over the last four years, each forecast from its start, and how often intervals hold."""
    y = load_airline()
    cv = ExpandingWindowSplitter(fh=YEAR, initial_window=96, step_length=12)
    found = {}
    for name, make in forecasters().items():
        began, errors, held, wide = time.monotonic(), [], [], []
        for seed in range(seeds_of(name)):
            each = []
            for train, test in cv.split_series(y):
                model = make(seed).fit(train, fh=YEAR)
                each.append((model.predict() - test).abs() / test)
                if "calibration=0" not in name and "beside" not in name:
                    ends = model.predict_interval(coverage=LEVEL)
                    lower, upper = ends.iloc[:, 0], ends.iloc[:, 1]
                    held.append(((lower <= test) & (test <= upper)).mean())
                    wide.append(((upper - lower) / test).mean())
            errors.append(100 * float(pd.concat(each).mean()))
        seconds = (time.monotonic() - began) / len(errors)
        intervals = [f"{100 * np.mean(held):.0f}", f"{100 * np.mean(wide):.0f}"] if held else ["", ""]
        found[name] = [spread(errors, 1), *intervals, f"{seconds:.1f}"]
        print(name, *found[name], flush=True)
    return found


def conformance() -> dict[str, list[str]]:
    """How many of sktime's own checks run over each estimator, and how many pass."""
    found = {}
    for name in ("ContrastiveEncoder", "TimestepEncoder", "ContrastiveClassifier", "ContrastiveForecaster"):
        results = check_estimator(getattr(estimators, name), raise_exceptions=False, verbose=False)
        found[name] = [str(len(results)), str(sum(value == "PASSED" for value in results.values())), "0"]
    return found


def spread(values: list[float], digits: int = 3) -> str:
    """Mean, and standard deviation where there are several."""
    if len(values) == 1:
        return f"{values[0]:.{digits}f}"
    return f"{np.mean(values):.{digits}f} ± {np.std(values, ddof=1):.{digits}f}"


def by_name(head: list[str], rows: Mapping[str, list[str]]) -> list[str]:
    """Lines of Markdown, and an empty one."""
    return [*table(head, [[name, *cells] for name, cells in rows.items()]), ""]


def main() -> None:
    """Run all and write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--out", type=Path, default=Path("docs/results/sktime.md"))
    out = parser.parse_args().out
    torch.set_num_threads(1)
    warnings.showwarning = lambda *_args, **_more: None  # sktime tells of changes to come, and resets filters
    rows = ["method", "test accuracy", "seconds"]
    lines = [
        "# sktime pipelines",
        "",
        "Made by `.venv/bin/python studies/sktime_pipelines.py`; settings are in the script. One thread, "
        f"{SEEDS} seeds (mean ± standard deviation), train and test as shipped with sktime. "
        "Settings are the same for both classifications and were not searched, but not blind either: see the "
        "notes at the end. Seconds are for one fit and prediction.",
        "",
        "## BasicMotions",
        "",
        "40 + 40 series, 6 channels, 100 steps, 4 classes.",
        "",
        *by_name(rows, classify(load_basic_motions)),
        "## JapaneseVowels",
        "",
        "270 + 370 series, 12 channels, 7 to 29 steps, 9 speakers.",
        "",
        *by_name(rows, classify(load_japanese_vowels)),
        "## Airline passengers",
        "",
        "Each of the last four years is forecast from its start, on all months before. Without "
        f"`calibration=0` a fifth of the months is kept for intervals of level {100 * LEVEL:.0f} %.",
        "",
        *by_name(
            ["method", "mean absolute error, %", "months inside, %", "mean width, %", "seconds"], forecast()
        ),
        "## Conformance",
        "",
        "sktime's `check_estimator`.",
        "",
        *by_name(["estimator", "checks", "passed", "left out"], conformance()),
    ]
    write_page(out, "\n".join(lines))


if __name__ == "__main__":
    main()
