"""Closed-form forecasts of ETTh1, all channels, on every test window: the floor under trained ones."""

import numpy as np
import pandas as pd
import pytest

from tsrep.evaluation.forecasts.baselines import seasonal_naive
from tsrep.evaluation.forecasts.errors import measure, naive_scales
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.forecasts.scoring import score_forecasters
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.forecasts.spans import EvaluationSpans
from tsrep.signals.series import Series
from tsrep.signals.standardise import standardise_series
from tsrep.splits.by_time import EttMonths

WINDOWS = {24: 2857, 48: 2833, 96: 2785, 168: 2713, 192: 2689, 336: 2545, 720: 2161}
REPEAT_LAST = {  # (MSE, MAE)
    24: (1.222, 0.671), 48: (1.267, 0.695), 96: (1.294, 0.713), 168: (1.325, 0.730), 192: (1.325, 0.733),
    336: (1.330, 0.746), 720: (1.335, 0.755),
}  # fmt: skip
SEASONAL_NAIVE = {
    24: (0.424, 0.389), 48: (0.465, 0.407), 96: (0.512, 0.433), 168: (0.571, 0.462), 192: (0.581, 0.469),
    336: (0.650, 0.501), 720: (0.655, 0.514),
}  # fmt: skip
RIDGE_NLINEAR = {24: (0.318, 0.361), 96: (0.370, 0.391), 336: (0.425, 0.426)}  # look-back of 336


@pytest.fixture(scope="module")
def etth1(shared_path):
    table = pd.read_csv(shared_path("data/ltsf/ETT-small/ETTh1.csv"), parse_dates=["date"])
    stamps = table["date"].to_numpy().astype("datetime64[s]")
    names = tuple(table.columns[1:])
    raw = Series(table[list(names)].to_numpy(np.float32).T, stamps, names, period=24)
    split = EttMonths()(raw)
    return standardise_series(raw, split.train)[0], split


@pytest.mark.parametrize("horizon", WINDOWS)
def test_rules_to_three_decimals(etth1, horizon):
    series, split = etth1
    values, span = [series.values], EvaluationSpans(split, "test", reach_back=True).score
    scales = naive_scales(values, split.train, 24)

    for expected, forecast in (
        (REPEAT_LAST, seasonal_naive(values, split.train, horizon, 1)),
        (SEASONAL_NAIVE, seasonal_naive(values, split.train, horizon, 24)),
    ):
        found = measure(forecast, values, span, horizon, scales)
        assert len(found.by_origin) == WINDOWS[horizon]
        assert (found.mse, found.mae) == pytest.approx(expected[horizon], abs=6e-4)


@pytest.mark.parametrize("horizon", RIDGE_NLINEAR)
def test_the_linear_map_of_all_channels(etth1, horizon):
    """Of few penalties; the reference says only that its own was chosen on the validation part."""
    series, split = etth1
    settings = ForecastSettings(n_bootstrap=100, alphas=(100.0, 1000.0))

    evaluation = SeriesEvaluation([series], split, horizon=horizon, lookback=336)
    scores = score_forecasters({}, {}, evaluation, settings)

    (found,) = scores.where(method="ridge-nlinear")
    assert found.n == WINDOWS[horizon]
    assert found.details["fitted"] == 7 * (8640 - 335 - horizon)
    assert found.metrics["mse"].value == pytest.approx(RIDGE_NLINEAR[horizon][0], abs=0.002)
    assert found.metrics["mae"].value == pytest.approx(RIDGE_NLINEAR[horizon][1], abs=0.005)
