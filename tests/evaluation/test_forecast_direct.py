"""Forecasters that are trained end to end, and ridges on representations of look-backs, on small series."""

import numpy as np
import pytest
from sklearn.linear_model import Ridge

from tests.evaluation.test_forecast import assert_same, make_noisy, make_series, make_split, only
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.forecasts import heads as forecast_heads
from tsrep.evaluation.forecasts.errors import naive_scales
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.forecasts.ridge import FrozenFeatures
from tsrep.evaluation.forecasts.rows import origins
from tsrep.evaluation.forecasts.scoring import score_forecasters
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.forecasts.spans import EvaluationSpans
from tsrep.evaluation.scores import Scores
from tsrep.splits.by_time import TimeSplit

SETTINGS = ForecastSettings(n_bootstrap=100, alphas=(0.1, 1.0, 10.0, 100.0))
LOOKBACK, HORIZON = 20, 6


def score(forecasters, represented, series, horizon=HORIZON, lookback=LOOKBACK, spans=None, **options):
    instances = series if isinstance(series, list) else [series]
    split, settings = make_split(instances[0], **(spans or {})), options.pop("settings", SETTINGS)
    evaluation = SeriesEvaluation(instances, split, lookback=lookback, horizon=horizon, **options)
    return score_forecasters(forecasters, represented, evaluation, settings)


def zeros(channels=2, horizon=HORIZON):
    return lambda instance, steps: np.zeros((len(steps), horizon, channels), np.float32)


def look_backs(values, steps, lookback=LOOKBACK):
    """Shape (row, channel, lookback)."""
    return np.stack([values[:, t - lookback + 1 : t + 1] for t in steps])


def targets(values, steps, horizon=HORIZON):
    """Shape (row, horizon, channel)."""
    return np.stack([values[:, t + 1 : t + 1 + horizon].T for t in steps])


def apart(series, mapped=lambda window: window):
    """Channels as rows of one ridge."""
    values = [each.values.astype(float) for each in series]
    return FrozenFeatures(lambda i, c, steps: mapped(look_backs(values[i], steps)[:, c]))


def mixed(series, mapped=lambda window: window):
    """All channels in one row."""
    values = [each.values.astype(float) for each in series]
    return FrozenFeatures(
        lambda i, c, steps: mapped(look_backs(values[i], steps).reshape(len(steps), -1)), independent=False
    )


def literal(rows, fit, choose, scored, alphas):
    """(alpha, squared error of each target) of a ridge, its penalty chosen as the protocol says."""
    errors = []
    for alpha in alphas:
        (x, y), ridge = rows(choose), Ridge(alpha=alpha).fit(*rows(fit))
        error = ridge.predict(x) - y
        errors.append(np.sqrt((error**2).mean()) + np.abs(error).mean())
    alpha = alphas[int(np.argmin(errors))]
    x, y = rows(scored)
    return alpha, (Ridge(alpha=alpha).fit(*rows(fit)).predict(x) - y) ** 2


@pytest.mark.parametrize(
    ("horizon", "windows"), [(24, 2857), (48, 2833), (96, 2785), (168, 2713), (336, 2545), (720, 2161)]
)
def test_the_test_part_of_etth1_has_the_published_number_of_windows(horizon, windows):
    split = TimeSplit((0, 8640), (8640, 11520), (11520, 14400), "months", {}, "")

    steps = origins(EvaluationSpans(split, "test", reach_back=True).score, horizon)

    assert len(steps) == windows
    assert steps[0] + 1 == 11520  # the first target is the first step of the part
    assert steps[-1] + horizon == 14399
    assert len(origins(EvaluationSpans(split, "test").score, horizon)) == windows - 1


def test_every_window_counts_in_all_three_errors():
    series = make_noisy(2)
    forecast = np.random.default_rng(1).normal(size=(500, HORIZON, 2))

    scores = score({"model": [lambda i, steps: forecast[steps]]}, {}, series)

    steps = np.arange(399, 500 - HORIZON)
    error = forecast[steps] - targets(series.values, steps)
    train = series.values[:, :300].astype(float)
    scale = np.abs(train[:, 12:] - train[:, :-12]).mean(axis=1)
    found = only(scores, "model", HORIZON)
    assert found.n == 100 - HORIZON + 1
    assert found.metrics["mse"].value == pytest.approx((error**2).mean())
    assert found.metrics["mae"].value == pytest.approx(np.abs(error).mean())
    assert found.metrics["mase"].value == pytest.approx((np.abs(error) / scale).mean())
    assert found.by_seed["mase"] == (found.metrics["mase"].value,)
    assert found.metrics["mase"].low < found.metrics["mase"].value < found.metrics["mase"].high
    details = scores.forecasts["test"]
    np.testing.assert_allclose(details.per_step["model", HORIZON], (error**2).mean(axis=(0, 2)))
    np.testing.assert_allclose(details.per_channel["model", HORIZON], (error**2).mean(axis=(0, 1)))
    assert scores.forecasts["test"].direct
    assert scores.forecasts["test"].lookback == LOOKBACK
    assert {each.n for each in scores} == {found.n}


@pytest.mark.parametrize("part", ["test", "validation"])
@pytest.mark.parametrize("channels", ["apart", "together"])
def test_a_ridge_on_representations_is_that_of_scikit_learn(channels, part):
    series = [make_noisy(2, seed=1), make_noisy(2, seed=2)]
    values = [each.values.astype(float) for each in series]

    def rows(steps):
        x = np.concatenate([look_backs(v, steps) for v in values])
        y = np.concatenate([targets(v, steps) for v in values])
        if channels == "apart":
            return x.reshape(-1, LOOKBACK), y.swapaxes(1, 2).reshape(-1, HORIZON)
        return x.reshape(len(x), -1), y.reshape(len(y), -1)

    given = (apart if channels == "apart" else mixed)(series)
    found = only(score({}, {"head": [given]}, series, part=part), "head", HORIZON)

    train, scored = np.arange(LOOKBACK - 1, 300 - HORIZON), np.arange(399, 500 - HORIZON)
    fit, choose = train, np.arange(299, 400 - HORIZON)
    if part == "validation":
        fit, choose = np.arange(LOOKBACK - 1, 240 - HORIZON), np.arange(239, 300 - HORIZON)
        scored = np.arange(299, 400 - HORIZON)
    alpha, _ = literal(rows, fit, choose, scored, (*SETTINGS.alphas, 1e4, 1e5))
    x, y = rows(scored)
    error = Ridge(alpha=alpha).fit(*rows(train)).predict(x) - y
    assert found.details["alpha"] == alpha
    assert found.metrics["mse"].value == pytest.approx((error**2).mean(), abs=1e-9)
    assert found.metrics["mae"].value == pytest.approx(np.abs(error).mean(), abs=1e-9)
    assert found.details["fitted"] == len(rows(train)[0])
    assert found.details["dropped"] == 0


def test_more_features_than_rows_change_only_how_the_ridge_is_solved(monkeypatch):
    series = make_noisy(2)
    draws = np.random.default_rng(0).normal(size=(LOOKBACK, 700))
    wide = apart([series], lambda window: np.tanh(window @ draws))
    values = series.values.astype(float)

    def rows(steps):
        x, y = look_backs(values, steps).swapaxes(0, 1), targets(values, steps).transpose(2, 0, 1)
        return np.tanh(x.reshape(-1, LOOKBACK) @ draws), y.reshape(-1, HORIZON)

    found = only(score({}, {"wide": [wide]}, series), "wide", HORIZON)

    spans = (LOOKBACK - 1, 300 - HORIZON), (299, 400 - HORIZON), (399, 500 - HORIZON)
    alpha, squared = literal(rows, *(np.arange(*span) for span in spans), (*SETTINGS.alphas, 1e4, 1e5))
    assert found.details["fitted"] == 2 * (spans[0][1] - spans[0][0]) < 700
    assert found.details["alpha"] == alpha
    assert found.metrics["mse"].value == pytest.approx(squared.mean(), rel=1e-8)
    monkeypatch.setattr(forecast_heads, "_PRODUCTS", 1e3)
    monkeypatch.setattr(forecast_heads, "_LEAST", 60)
    assert only(score({}, {"wide": [wide]}, series), "wide", HORIZON).details["fitted"] == 60


def test_what_targets_are_relative_to_is_added_back():
    series = make_series(np.random.default_rng(0).normal(size=(2, 500)).cumsum(axis=1))
    values = series.values.astype(float)

    def last(i, c, steps):
        return values[c][steps][:, None]

    near = FrozenFeatures(lambda i, c, steps: look_backs(values, steps)[:, c] - last(i, c, steps), base=last)
    shifted = make_series(series.values + 50)
    far = FrozenFeatures(near.read, base=lambda i, c, steps: last(i, c, steps) + 50)

    found = [
        only(score({}, {"m": [each]}, of), "m", HORIZON).metrics["mse"].value
        for each, of in ((near, series), (far, shifted))
    ]

    assert found[0] == pytest.approx(found[1], rel=1e-4)
    last_ones = only(score({}, {}, series), "repeat-last", HORIZON).metrics["mse"].value
    assert found[0] == pytest.approx(last_ones, rel=0.2)


def test_the_linear_baseline_is_one_map_for_all_channels_without_a_drift():
    series = make_noisy(2)
    values = series.values.astype(float)

    def rows(steps):
        x, y = look_backs(values, steps).swapaxes(0, 1), targets(values, steps).transpose(2, 0, 1)
        x, y = x - x[:, :, -1:], y - x[:, :, -1:]
        x, y = x[:, :, :-1].reshape(-1, LOOKBACK - 1), y.reshape(-1, HORIZON)
        return x, y

    found = only(score({}, {}, series), "ridge-nlinear", HORIZON)

    x, y = rows(np.arange(LOOKBACK - 1, 300 - HORIZON))
    ridge = Ridge(alpha=found.details["alpha"], fit_intercept=False).fit(x, y)
    x, y = rows(np.arange(399, 500 - HORIZON))
    assert found.metrics["mse"].value == pytest.approx(((ridge.predict(x) - y) ** 2).mean(), abs=1e-9)
    trend = only(score({}, {}, make_series(np.arange(500.0), period=1)), "ridge-nlinear", HORIZON)
    assert trend.metrics["mse"].value == pytest.approx(0, abs=1e-3)


def test_look_backs_reach_into_the_parts_before_and_no_further_than_needed():
    asked = []

    def forecast(instance, steps):
        asked.append(steps)
        return zeros()(instance, steps)

    score({"model": [forecast]}, {}, make_noisy(2), lookback=294)

    assert min(map(np.min, asked)) == 399
    assert max(map(np.max, asked)) == 500 - HORIZON - 1
    with pytest.raises(DataError, match="has 300 steps in the training part, fewer than a look-back of 295"):
        score({}, {}, make_noisy(2), lookback=295)
    with pytest.raises(DataError, match="has 240 steps in four fifths of the training part"):
        score({}, {}, make_noisy(2), lookback=240, part="validation")


def test_a_part_as_long_as_the_horizon_has_one_window():
    spans = {"test": (400, 400 + HORIZON)}

    found = score({"model": [zeros()]}, {}, make_noisy(2), spans=spans)

    assert only(found, "model", HORIZON).n == 1
    with pytest.raises(ConfigError, match="test part has 5 steps, too few for a horizon of 6;"):
        score({}, {}, make_noisy(2), spans={"test": (400, 405)})


def test_the_test_part_does_not_touch_scores_of_the_validation_part():
    series = make_noisy(2)
    altered = series.values.copy()
    altered[:, 400:] = 1e6
    other = make_series(altered)

    mine = score({}, {"m": [apart([series])]}, series, part="validation")
    theirs = score({}, {"m": [apart([other])]}, other, part="validation")

    assert_same(mine, theirs)


def test_methods_are_paired_with_the_control_and_seeds_averaged():
    series = make_noisy(2)

    scores = score({"model": [zeros(), zeros()]}, {"random initialisation": [apart([series])]}, series)

    model, control = (only(scores, name, HORIZON) for name in ("model", "random initialisation"))
    assert scores.methods == (
        "repeat-last",
        "seasonal-naive",
        "ridge-nlinear",
        "model",
        "random initialisation",
    )
    assert (model.seeds, model.spread["mase"], model.against) == (2, 0, "random initialisation")
    for name in ("mse", "mae", "mase"):
        expected = model.metrics[name].value - control.metrics[name].value
        assert model.difference[name].value == pytest.approx(expected)
    assert "alpha" not in model.details


def test_a_trained_method_that_others_are_compared_with_is_a_method():
    series = make_noisy(2)

    scores = score({"alone": [zeros()], "joint": [zeros()]}, {}, series, control="alone")

    alone, joint = (only(scores, name, HORIZON) for name in ("alone", "joint"))
    assert (alone.role, alone.against, joint.role, joint.against) == ("method", "", "method", "alone")
    assert joint.difference["mse"].value == 0


def test_gaps_are_left_to_forecasters_and_count_in_no_error():
    values = make_noisy(2).values.copy()
    values[:, 440:445] = np.nan
    values[0, 100] = np.nan
    series = make_series(values)
    represented = apart([series], np.nan_to_num)

    scores = score({"model": [zeros()]}, {"m": [represented]}, series)

    steps = np.arange(399, 500 - HORIZON)
    expected = np.nanmean(targets(values, steps).astype(float) ** 2)
    assert only(scores, "model", HORIZON).metrics["mse"].value == pytest.approx(expected)
    # windows of one channel with the gap ahead
    assert only(scores, "m", HORIZON).details["dropped"] == HORIZON


@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_a_forecast_that_is_not_finite_is_refused_in_one_sentence(bad):
    def forecast(instance, steps):
        ahead = np.zeros((len(steps), HORIZON, 2))
        ahead[steps == 450, 2, 1] = bad
        return ahead

    with pytest.raises(DataError, match=r"^model forecasts c1 from step 450 \(2020-.*is not finite 3"):
        score({"model": [forecast]}, {}, make_noisy(2))


def test_representations_that_cannot_be_used_are_refused():
    series = make_noisy(2)
    values = series.values.astype(float)

    def from_step(first):
        return FrozenFeatures(
            lambda i, c, steps: np.where(steps[:, None] >= first, np.nan, look_backs(values, steps)[:, c])
        )

    for given, message in (
        (from_step(0), "no training step has a finite representation by m and all of the next 6"),
        (from_step(350), "representations by m are not finite for every step from 299 to 400"),
        (from_step(450), "m forecasts c0 from step 450"),
        (FrozenFeatures(lambda i, c, steps: values[c, steps]), r"of one step have shape \(1,\)"),
    ):
        with pytest.raises(DataError, match=message):
            score({}, {"m": [given]}, series)
    with pytest.raises(DataError, match=r"forecasts by m have shape \(95, 6, 1\), not \(95, 6, 2\)"):
        score({"m": [zeros(1)]}, {}, series)


def test_training_rows_without_a_representation_are_left_out_and_counted():
    series = make_noisy(2)
    values = series.values.astype(float)
    given = FrozenFeatures(
        lambda i, c, steps: np.where((steps == 100)[:, None], np.nan, look_backs(values, steps)[:, c])
    )

    found = only(score({}, {"m": [given]}, series), "m", HORIZON)

    assert found.details["dropped"] == 2
    assert found.details["fitted"] == 2 * (300 - HORIZON - LOOKBACK + 1) - 2


@pytest.mark.parametrize(("horizon", "lookback"), [(0, 20), (6, 0)])
def test_lengths_have_to_be_positive(horizon, lookback):
    with pytest.raises(ConfigError, match="each must be 1 or more"):
        score({}, {}, make_noisy(2), horizon=horizon, lookback=lookback)


def test_one_value_is_a_look_back_too():
    found = score({"model": [zeros()]}, {}, make_noisy(2), lookback=1)

    assert np.isfinite(only(found, "ridge-nlinear", HORIZON).metrics["mse"].value)


def test_a_name_is_given_once():
    with pytest.raises(ConfigError, match="two methods called 'ridge-nlinear'"):
        score({"ridge-nlinear": [zeros()]}, {}, make_noisy(2))


def test_scales_are_the_seasonal_changes_of_the_training_part():
    values = np.array([[0, 1, 0, 3, 0, 9.0, 99], [5, 5, 5, 5, 5, 5, 99], [0, 1, np.nan, 2, 0, 5, 99]])

    (scale,) = naive_scales([values], (0, 6), 2)

    np.testing.assert_allclose(scale, [(0 + 2 + 0 + 6) / 4, np.nan, (1 + 3) / 2])
    np.testing.assert_allclose(naive_scales([values], (0, 6), 1)[0][:2], [17 / 5, np.nan])
    assert np.isnan(naive_scales([values], (0, 2), 2)[0]).all()


def test_a_channel_that_never_changes_has_no_part_in_mase_and_is_noted():
    series = make_noisy(2)
    values = series.values.copy()
    values[1, :300] = 4

    scores = score({"model": [zeros()]}, {}, make_series(values))
    alone = score({"model": [zeros(1)]}, {}, make_series(values[:1]))

    assert only(scores, "model", HORIZON).metrics["mase"].value == pytest.approx(
        only(alone, "model", HORIZON).metrics["mase"].value
    )
    assert any("MASE leaves out c1," in note for note in scores.notes)
    flat = score({"model": [zeros(1)]}, {}, make_series(values[1:]))
    assert np.isnan(only(flat, "model", HORIZON).metrics["mase"].value)
    flat.to_markdown()


def test_mase_does_not_depend_on_the_unit():
    series = make_noisy(2)
    scaled = make_series(series.values * np.array([[1000.0], [0.5]]))

    one, other = (score({}, {}, each) for each in (series, scaled))

    mase, mse = ([s.mean("seasonal-naive", name) for s in (one, other)] for name in ("mase", "mse"))
    assert mase[0] == pytest.approx(mase[1], rel=1e-5)
    assert mse[0] != pytest.approx(mse[1], rel=0.5)


def test_files_keep_what_forecasts_are_made_from(tmp_path):
    scores = score({"model": [zeros()]}, {}, make_noisy(2))
    scores.save(tmp_path)
    assert_same(Scores.load(tmp_path), scores)
    assert "mase" in scores.to_table()[0]
    text = (tmp_path / "scores.json").read_text()
    (tmp_path / "scores.json").write_text(text.replace("tsrep.scores/3", "tsrep.scores/9"))
    with pytest.raises(RunError, match=r"written by a newer tsrep \(format tsrep\.scores/9"):
        Scores.load(tmp_path)
