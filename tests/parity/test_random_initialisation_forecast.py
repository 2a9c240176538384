"""A randomly initialised encoder of the released shape on ETTh1: data, windows, encoding and ridge in one go.

The numbers are those of the study of the released code; its printed "without augmentation" row has the same
to the third decimal.
"""

import numpy as np
import pandas as pd
import pytest
import torch

from tsrep.encoders.dilated_conv_ar import DilatedConvAR
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.forecasts.features import encode
from tsrep.evaluation.forecasts.scoring import score_representations
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.signals.calendar import CALENDAR, calendar_features
from tsrep.signals.series import Series
from tsrep.signals.standardise import standardise_series
from tsrep.splits.by_time import EttMonths

MSE = {24: 0.0375, 48: 0.0548, 168: 0.0998, 336: 0.1079, 720: 0.1754}
MAE = {24: 0.1478, 48: 0.1775, 168: 0.2374, 336: 0.2512, 720: 0.3396}


@pytest.fixture(scope="module")
def scores(shared_path):
    table = pd.read_csv(shared_path("data/ltsf/ETT-small/ETTh1.csv"), parse_dates=["date"])
    stamps = table["date"].to_numpy().astype("datetime64[s]")
    raw = Series(
        table[["OT"]].to_numpy(np.float32).T,
        stamps,
        ("OT",),
        period=24,
        covariates=calendar_features(stamps),
        covariate_names=CALENDAR,
    )
    split, settings = EttMonths()(raw), ForecastSettings(n_bootstrap=100)
    series, _ = standardise_series(raw, split.train)
    with torch.random.fork_rng():
        torch.manual_seed(44)
        encoder = DilatedConvAR(channels=8)
    features = encode(encoder, [series], context=settings.context, stop=split.test[1], first=settings.skipped)
    evaluation = SeriesEvaluation([series], split)
    return score_representations({"random initialisation": [features]}, evaluation, settings)


@pytest.mark.parametrize("horizon", MSE)
def test_randomly_initialised_encoder(scores, horizon):
    (found,) = scores.where(method="random initialisation", horizon=horizon)

    assert found.metrics["mse"].value == pytest.approx(MSE[horizon], abs=1e-4)
    assert found.metrics["mae"].value == pytest.approx(MAE[horizon], abs=1e-4)
    assert found.details["dropped"] == 0


@pytest.mark.parametrize("horizon", MSE)
def test_a_linear_map_of_the_last_values_is_far_better(scores, horizon):
    (linear,) = scores.where(method="ridge-nlinear", horizon=horizon)

    assert linear.difference["mse"].value < 0
    # four months of test data hold too few blocks of the long horizons for a verdict
    assert linear.unreliable == (horizon > 48)
    assert linear.unreliable or linear.difference["mse"].high < 0
