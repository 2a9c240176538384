from __future__ import annotations

import pickle
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sktime.datasets import load_airline, load_longley
from sktime.exceptions import NotFittedError
from sktime.forecasting.base import ForecastingHorizon
from sktime.forecasting.model_selection import ForecastingGridSearchCV
from sktime.split import ExpandingWindowSplitter
from sktime.utils._testing.hierarchical import _make_hierarchical

from tsrep.errors import ConfigError, DataError
from tsrep.estimators import ContrastiveForecaster
from tsrep.evaluation.forecasts.conformal import calibrate

pytestmark = pytest.mark.filterwarnings("ignore:The default of config ``remember_data``:FutureWarning")

SMALL: dict[str, Any] = {
    "lookback": 12,
    "encoder": "dilated-conv",
    "encoder_params": {"hidden": 4, "dim": 4, "depth": 2},
    "epochs": 1,
    "device": "cpu",
    "random_state": 0,
}
FH = [1, 2, 3, 4]


def forecaster(**changes: Any) -> ContrastiveForecaster:
    return ContrastiveForecaster(**{**SMALL, **changes})


def wave(steps: int = 120, channels: int = 1, seed: int = 0) -> pd.DataFrame:
    rng = np.random.default_rng(seed)
    t = np.arange(steps)[:, None]
    y = np.sin(2 * np.pi * (t + np.arange(channels)) / 12) + 0.05 * rng.normal(size=(steps, channels))
    dates = pd.date_range("2020-01-01", periods=steps, freq="D")
    return pd.DataFrame(1000 + 10 * y, columns=[f"c{i}" for i in range(channels)], index=dates)


def many(series: int = 3, steps: int = 40) -> pd.DataFrame:
    parts = {i: wave(steps + i, seed=i).reset_index(drop=True) for i in range(series)}
    return pd.concat(parts, names=["series", "time"])


def assert_same_forecasts(one: ContrastiveForecaster, two: ContrastiveForecaster) -> None:
    pd.testing.assert_frame_equal(one.predict(), two.predict(), check_exact=True)
    a, b = (each.predict_interval(coverage=[0.5, 0.8]) for each in (one, two))
    pd.testing.assert_frame_equal(a, b, check_exact=True)


class TestForecasts:
    def test_a_learned_season_beats_the_last_value(self) -> None:
        y = wave()
        model = forecaster(epochs=30, batch_size=8, lr=1e-2).fit(y[:108], fh=range(1, 13))
        error = (model.predict() - y[108:]).abs().mean().item()
        assert error < 0.3 * (y[108:] - y.iloc[107]).abs().mean().item()

    def test_steps_that_are_asked_for(self) -> None:
        y = load_airline()
        every = forecaster(horizon=6).fit(y, fh=range(1, 7)).predict()
        some = forecaster(horizon=6).fit(y, fh=[5, 2]).predict()
        pd.testing.assert_series_equal(some, every.iloc[[1, 4]], check_exact=True)
        dates = ForecastingHorizon(every.index[[1, 4]], is_relative=False)
        absolute = forecaster(horizon=6).fit(y, fh=dates).predict()
        pd.testing.assert_series_equal(absolute, some, check_exact=True)

    def test_the_same_bits_again(self) -> None:
        model = forecaster(contrast="ts2vec").fit(wave(channels=2), fh=FH)
        assert_same_forecasts(model, model.clone().fit(wave(channels=2), fh=FH))

    def test_channels_keep_their_units(self) -> None:
        y = wave(channels=2)
        y["c1"] = y["c1"] * 1e6 - 5e8
        found = forecaster().fit(y, fh=FH).predict()
        assert found.columns.tolist() == ["c0", "c1"]
        alone = forecaster(objective_params={"mixing": "mixed"}).fit(y, fh=FH).predict()
        for each in (found, alone):
            assert ((each - y.mean()).abs() < 3 * y.std()).all(axis=None)

    def test_units_do_not_matter(self) -> None:
        y = wave()
        one, two = (forecaster().fit(v, fh=FH).predict() for v in (y, y * 1e-7 + 3))
        np.testing.assert_allclose(two, one * 1e-7 + 3, rtol=1e-6)

    def test_only_the_look_back_and_what_was_trained_reach_a_forecast(self) -> None:
        y = wave()
        other = y.copy()
        other.iloc[-24:-12] = 0.0  # held back from training, before the look-back
        one, two = (forecaster().fit(v, fh=FH).predict() for v in (y, other))
        pd.testing.assert_frame_equal(one, two, check_exact=True)

    @pytest.mark.parametrize("contrast", ["moco", {"name": "ts2vec", "dropout": 0.2}])
    def test_a_contrast_by_name_changes_what_is_learned(self, contrast: Any) -> None:
        one, two = forecaster().fit(wave(), fh=FH), forecaster(contrast=contrast).fit(wave(), fh=FH)
        assert not one.predict().equals(two.predict())

    def test_missing_values(self) -> None:
        y = wave()
        y.iloc[[3, 50, 110, 119]] = np.nan
        model = forecaster().fit(y, fh=FH)
        assert np.isfinite(model.predict()).all(axis=None)
        assert np.isfinite(model.predict_interval(coverage=0.5)).all(axis=None)

    def test_exogenous_values_are_not_looked_at(self) -> None:
        y, x = load_longley()
        with_x = forecaster(lookback=4).fit(y, X=x, fh=[1]).predict(X=x.iloc[-1:])
        pd.testing.assert_series_equal(with_x, forecaster(lookback=4).fit(y, fh=[1]).predict())


class TestIntervals:
    def test_they_are_those_of_split_conformal_calibration(self) -> None:
        y = wave()
        model = forecaster().fit(y, fh=FH)
        found = model.predict_interval(coverage=[0.8, 0.5])
        forecast, series = model.fitted_._forecasts("cpu")
        m = len(model.fitted_.seen)
        assert m == 12 + 24  # a fifth of the series and the look-back before
        radius = (
            calibrate(forecast, [series], (12, m), 4, [0.5, 0.8]).radius[:, 0, :, 0]
            * model.fitted_.scaler.scale_
        )
        middle = model.predict()["c0"]
        for level, wide in zip((0.5, 0.8), radius, strict=True):
            np.testing.assert_allclose(found["c0", level, "upper"], middle + wide)
            np.testing.assert_allclose(found["c0", level, "lower"], middle - wide)
        assert found.columns.get_level_values(1).tolist() == [0.8, 0.8, 0.5, 0.5]

    def test_errors_counted_by_hand(self) -> None:
        """Of 24 one-step errors the 20th smallest is the half width of level 0.8."""
        y = wave()
        model = forecaster(horizon=1, epochs=2).fit(y, fh=[1])
        errors = []
        for stop in range(96, 120):
            moved = model.fitted_
            past = moved.scaler.transform(y.to_numpy()[stop - 12 : stop]).astype(np.float32)
            with torch.no_grad():
                said = moved.model(torch.from_numpy(past.T[None]), torch.zeros(1, 0, 1))[0, 0, 0]
            errors.append(abs(moved.scaler.inverse_transform([[float(said)]]).item() - y.iloc[stop, 0]))
        interval = model.predict_interval(coverage=0.8)
        half = (interval["c0", 0.8, "upper"] - interval["c0", 0.8, "lower"]).item() / 2
        np.testing.assert_allclose(half, sorted(errors)[19], rtol=1e-4)

    def test_they_hold_as_often_as_they_say(self) -> None:
        rng = np.random.default_rng(0)
        y = pd.DataFrame(rng.normal(size=(1200, 3)), columns=list("abc"))
        model = forecaster(calibration=0.5).fit(y[:600], fh=FH)
        ends = model.predict_interval(coverage=[0.5, 0.9])
        later = replace(model.fitted_, seen=y[588:])  # origins that the calibration has not seen
        origins = np.arange(11, 612 - 4)
        scaler = model.fitted_.scaler
        said = later._forecasts("cpu")[0](0, origins) * scaler.scale_ + scaler.mean_
        truth = np.stack([y.to_numpy()[588 + at + 1 : 588 + at + 5] for at in origins])
        for level in (0.5, 0.9):
            wide = np.stack([(ends[c, level, "upper"] - ends[c, level, "lower"]) / 2 for c in "abc"], axis=1)
            assert abs((abs(truth - said) <= wide).mean() - level) < 0.03

    def test_quantiles_are_the_ends(self) -> None:
        model = forecaster().fit(wave(), fh=FH)
        quantiles = model.predict_quantiles(alpha=[0.1, 0.5, 0.9])
        ends = model.predict_interval(coverage=0.8)
        np.testing.assert_allclose(quantiles["c0", 0.1], ends["c0", 0.8, "lower"])
        np.testing.assert_allclose(quantiles["c0", 0.9], ends["c0", 0.8, "upper"])
        np.testing.assert_allclose(quantiles["c0", 0.5], model.predict()["c0"])

    def test_too_few_errors_say_so_by_infinity(self) -> None:
        model = forecaster(calibration=0.05).fit(wave(), fh=FH)  # six steps, three windows of four
        ends = model.predict_interval(coverage=[0.5, 0.9])
        assert np.isfinite(ends["c0", 0.5]).all(axis=None)
        assert np.isinf(ends["c0", 0.9]).all(axis=None)

    def test_without_calibration_all_of_the_series_trains(self) -> None:
        model = forecaster(calibration=0).fit(wave(), fh=FH)
        assert len(model.fitted_.seen) == 12
        with pytest.raises(ConfigError, match="calibration is 0, so there are no errors"):
            model.predict_interval()


class TestUpdates:
    def test_new_values_move_the_look_back(self) -> None:
        y = wave()
        model = forecaster().fit(y[:100], fh=FH)
        before = model.fitted_.model
        model.update(y[100:110], update_params=False)
        assert model.fitted_.model is before
        assert model.predict().index[0] == y.index[110]
        pd.testing.assert_frame_equal(model.fitted_.seen, y[100 - 20 - 12 : 110], check_freq=False)
        assert model.fitted_.held == 30

    def test_values_may_be_known_already(self) -> None:
        y = wave()
        one, two = (forecaster().fit(y[:100], fh=FH) for _ in range(2))
        one.update(y[100:104], update_params=False)
        two.update(y[96:104], update_params=False)
        assert_same_forecasts(one, two)

    def test_steps_left_out_are_missing(self) -> None:
        y = wave()
        model = forecaster().fit(y[:100], fh=FH).update(y[103:106], update_params=False)
        assert model.fitted_.seen.index[-1] == y.index[105]
        assert model.fitted_.seen.isna().sum().item() == 3
        assert np.isfinite(model.predict()).all(axis=None)


class TestPretraining:
    def test_fit_starts_from_what_was_pretrained(self) -> None:
        y = wave()
        model = forecaster().pretrain(many(), fh=FH)
        weights = [p.clone() for p in model.pretrained_.parameters()]
        model.fit(y, fh=FH)
        assert all(map(torch.equal, weights, model.pretrained_.parameters()))
        scratch = forecaster().fit(y, fh=FH)
        assert not model.predict().equals(scratch.predict())
        again = model.clone()
        assert_same_forecasts(model, again.fit(y, fh=FH))
        assert_same_forecasts(again, again.fit(y, fh=FH))  # a second fit starts where the first did

    def test_fit_may_leave_it_as_it_is(self) -> None:
        model = forecaster(finetune=False).pretrain(many(), fh=FH)
        model.fit(wave(30), fh=[2])
        pairs = zip(model.pretrained_.parameters(), model.fitted_.model.parameters(), strict=True)
        assert all(torch.equal(a, b) for a, b in pairs)
        assert len(model.predict()) == 1

    def test_all_series_teach(self) -> None:
        panel = many()
        model, fewer = forecaster(), forecaster()
        model.pretrain(panel, fh=FH)
        fewer.pretrain(panel.loc[[0, 1]], fh=FH)
        pairs = zip(model.pretrained_.parameters(), fewer.pretrained_.parameters(), strict=True)
        assert not all(torch.equal(a, b) for a, b in pairs)

    def test_pretraining_more_starts_from_what_is_there(self) -> None:
        model = forecaster().pretrain(many(), fh=FH)
        one = [p.clone() for p in model.pretrained_.parameters()]
        model.pretrain(many())
        assert not all(map(torch.equal, one, model.pretrained_.parameters()))
        assert model.pretrained_.horizon == 4

    def test_pretrained_alone_does_not_forecast(self) -> None:
        with pytest.raises(NotFittedError):
            forecaster().pretrain(many(), fh=FH).predict()

    @pytest.mark.parametrize(
        ("fh", "series", "message"),
        [
            ([9], wave(), "9 steps ahead are asked for, and the forecaster was pre-trained for 4"),
            ([1], wave(channels=2), "the series has 2 channels, the forecaster was pre-trained on 1"),
        ],
    )
    def test_what_does_not_fit_is_refused(self, fh: list[int], series: pd.DataFrame, message: str) -> None:
        with pytest.raises((ConfigError, DataError), match=message):
            forecaster().pretrain(many(), fh=FH).fit(series, fh=fh)

    def test_how_far_must_be_said(self) -> None:
        with pytest.raises(ConfigError, match="give fh, or set horizon"):
            forecaster().pretrain(many())
        assert forecaster(horizon=3).pretrain(many()).pretrained_.horizon == 3

    def test_short_series_are_named(self) -> None:
        with pytest.raises(DataError, match="the series 0 has 14 steps"):
            forecaster().pretrain(many(steps=14), fh=FH)


class TestRefusals:
    def test_short_series(self) -> None:
        message = "the series has 20 steps, and look-back 12 and horizon 4 want 17 beside the 4 held back"
        with pytest.raises(DataError, match=message):
            forecaster().fit(wave(20), fh=FH)
        assert forecaster().fit(wave(22), fh=FH).is_fitted

    @pytest.mark.parametrize(
        ("changes", "message"),
        [
            ({"encoder": "dilated"}, "unknown encoder 'dilated'"),
            ({"contrast": "comet"}, "contrast comet needs a patient and a trial"),
            ({"contrast": "ts2vec", "objective_params": {"weight": 1.0}}, "its head would learn nothing"),
            ({"horizon": 2}, "horizon is 2, and 4 steps ahead are asked for"),
            ({"lookback": 0}, "objective.lookback is 0"),
            ({"calibration": 1.5}, "calibration is 1.5; give a share"),
            ({"objective_params": {"name": "simclr"}}, "objective simclr makes no forecasts"),
            ({"objective_params": {"nrom": "none"}}, "unknown setting objective.nrom; did you mean 'norm'"),
        ],
    )
    def test_mistakes_are_one_sentence(self, changes: dict[str, Any], message: str) -> None:
        with pytest.raises(ConfigError, match=message):
            forecaster(**changes).fit(wave(), fh=FH)

    def test_steps_in_the_past(self) -> None:
        with pytest.raises(NotImplementedError, match="can not perform in-sample prediction"):
            forecaster().fit(wave(), fh=[0, 1])
        with pytest.raises(ConfigError, match="steps that are known already cannot be forecast"):
            forecaster().pretrain(many(), fh=[0, 1])

    @pytest.mark.parametrize(
        ("index", "message"),
        [
            (wave(61).index.delete(9), "dates of the series are not at equal distances"),
            (pd.Index([*range(9), *range(10, 61)]), "does not go up by one at 10"),
        ],
    )
    def test_steps_at_unequal_distances(self, index: pd.Index, message: str) -> None:
        with pytest.raises(DataError, match=message):
            forecaster().fit(wave(60).set_axis(index), fh=FH)

    def test_nothing_to_learn_or_forecast_from(self) -> None:
        y = wave(channels=2)
        y.iloc[:96, 1] = np.nan
        with pytest.raises(DataError, match="channel c1 has no value in the 96 steps to train on"):
            forecaster().fit(y, fh=FH)
        y = wave()
        y.iloc[-12:] = np.nan
        model = forecaster().fit(y, fh=FH)
        with pytest.raises(DataError, match=r"last 12 steps of the series, .* are all missing"):
            model.predict()

    def test_infinite_values(self) -> None:
        y = wave()
        y.iloc[7] = np.inf
        with pytest.raises(DataError, match="infinite value at step 7"):
            forecaster().fit(y, fh=FH)


class TestSaving:
    @pytest.mark.parametrize("channels", [1, 2])
    def test_pickle_and_file_keep_every_bit(self, channels: int, tmp_path: Path) -> None:
        y = wave(channels=channels)
        model = forecaster(contrast="ts2vec").fit(y[:100], fh=[1, 4])
        stored = ContrastiveForecaster.load(model.save(tmp_path / "model"))
        for other in (stored, pickle.loads(pickle.dumps(model))):
            assert_same_forecasts(model, other)
        model.update(y[100:], update_params=False)
        assert_same_forecasts(model, stored.update(y[100:], update_params=False))

    @pytest.mark.parametrize(
        "index",
        [
            pd.period_range("2000-01", periods=60, freq="M"),
            pd.date_range("2000-01-01", periods=60, freq="h", tz="Europe/Berlin"),
            pd.RangeIndex(5, 65),
            pd.Index(range(10, 70), dtype="int64"),
        ],
        ids=["periods", "zone", "range", "numbers"],
    )
    def test_any_time_index(self, index: pd.Index, tmp_path: Path) -> None:
        y = pd.Series(wave(60)["c0"].to_numpy(), index=index, name="load")
        model = forecaster().fit(y, fh=FH)
        stored = ContrastiveForecaster.load(model.save(tmp_path / "model"))
        pd.testing.assert_series_equal(stored.predict(), model.predict(), check_exact=True)

    def test_arrays(self, tmp_path: Path) -> None:
        model = forecaster().fit(wave()["c0"].to_numpy(), fh=FH)
        stored = ContrastiveForecaster.load(model.save(tmp_path / "model"))
        np.testing.assert_array_equal(stored.predict(), model.predict())
        assert stored.cutoff == model.cutoff

    def test_what_is_pretrained_is_fitted_elsewhere(self, tmp_path: Path) -> None:
        model = forecaster().pretrain(many(), fh=FH)
        stored = ContrastiveForecaster.load(model.save(tmp_path / "model"))
        assert stored.state == "pretrained"
        assert_same_forecasts(model.fit(wave(), fh=FH), stored.fit(wave(), fh=FH))

    def test_one_for_each_series_is_refused(self, tmp_path: Path) -> None:
        model = forecaster(lookback=4).fit(_make_hierarchical((2,), 20, 20), fh=[1])
        with pytest.raises(ConfigError, match="save those of forecasters_ one by one"):
            model.save(tmp_path / "model")
        assert list(tmp_path.iterdir()) == []


@pytest.mark.filterwarnings("ignore")  # of sktime's own search
def test_sktime_searches_a_grid() -> None:
    cv = ExpandingWindowSplitter(fh=[1, 2], initial_window=100, step_length=10)
    grid = {"lookback": [6, 12]}
    search = ForecastingGridSearchCV(
        forecaster(), cv=cv, param_grid=grid, error_score="raise", backend="None"
    )
    assert search.fit(wave()["c0"], fh=[1, 2]).best_params_["lookback"] in (6, 12)
