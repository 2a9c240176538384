"""Several seeds of a forecaster: scored together, each with its own intervals."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests.runs.test_forecast_runs import settings, write_series
from tsrep import Run, forecast
from tsrep.evaluation.scores import Scores
from tsrep.report.contents import read_run
from tsrep.runs.fit import fit


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    root = write_series(tmp_path_factory.mktemp("series"))
    given = settings(root, evaluation={"seeds": None}, training={"epochs": 1})
    return fit(given, seeds=2, out=root / "run", progress=False, evaluation=True).path


def test_scores_are_of_all_seeds_and_coverage_is_of_each(whole: Path) -> None:
    method = Scores.load(whole).where(role="method").scores[0]
    assert method.seeds == 2
    assert len(set(method.by_seed["mse"])) == 2
    for one in Run(whole).by_seed:
        assert (one.path / "coverage.json").exists()
        assert (one.path / "intervals.npz").exists()
    assert not (whole / "intervals.npz").exists()
    assert read_run(whole).coverage is not None


def test_a_forecast_is_of_the_first_seed_unless_told(whole: Path) -> None:
    data = whole.parent / "series.csv"
    first, second = (forecast(f"{whole}@{k}", data).values for k in (0, 1))
    np.testing.assert_array_equal(forecast(whole, data).values, first)
    assert not np.array_equal(first, second)
