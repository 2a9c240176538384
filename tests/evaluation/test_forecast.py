"""The representation-forecasting protocol on small series."""

import gc
import weakref
from contextlib import suppress
from dataclasses import replace

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge
from sklearn.model_selection import train_test_split

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.forecasts import rows as forecast_rows
from tsrep.evaluation.forecasts.baselines import filled
from tsrep.evaluation.forecasts.evaluation import SeriesEvaluation
from tsrep.evaluation.forecasts.features import encode, validation_error
from tsrep.evaluation.forecasts.rows import beyond, complete_ahead, origins, subsample
from tsrep.evaluation.forecasts.scoring import score_representations
from tsrep.evaluation.forecasts.settings import ForecastSettings
from tsrep.evaluation.scores import Scores
from tsrep.registry import PROTOCOLS
from tsrep.signals.series import Series
from tsrep.signals.standardise import standardise_series
from tsrep.splits.by_time import TimeSplit

SETTINGS = ForecastSettings(horizons=(3, 8), context=10, n_bootstrap=100)
SPANS = {"train": (0, 300), "validation": (300, 400), "test": (400, 500)}
DIM = 6


def make_series(values, period=12, **fields):
    values = np.atleast_2d(np.asarray(values, np.float32))
    time = np.datetime64("2020-01-01T00", "s") + np.arange(values.shape[1]) * np.timedelta64(3600, "s")
    names = tuple(f"c{i}" for i in range(len(values)))
    return Series(values, time, names, freq="1 h", period=period, **fields)


def make_noisy(channels=2, time=500, seed=0, period=12):
    rng = np.random.default_rng(seed)
    wave = np.sin(2 * np.pi * np.arange(time) / 12 + np.arange(channels)[:, None])
    return make_series(wave + 0.3 * rng.normal(size=(channels, time)), period)


def make_split(series, **spans):
    return TimeSplit.make(series, **(SPANS | spans), how="by hand")


def make_features(time=500, seed=0, dim=DIM):
    return np.random.default_rng(seed).normal(size=(time, dim)).astype(np.float32)


def score(features, series, settings=SETTINGS, **options):
    instances = series if isinstance(series, list) else [series]
    evaluation = SeriesEvaluation(instances, make_split(instances[0]), **options)
    return score_representations(features, evaluation, settings)


def assert_same(one, two):
    assert one.to_json() == two.to_json()
    for part, mine in one.forecasts.items():
        theirs = two.forecasts[part]
        assert (mine.channels, mine.lookback) == (theirs.channels, theirs.lookback)
        for name in ("per_step", "per_channel"):
            for key, array in getattr(mine, name).items():
                np.testing.assert_array_equal(array, getattr(theirs, name)[key])
        for method, array in mine.examples.predictions.items():
            np.testing.assert_array_equal(array, theirs.examples.predictions[method])


def only(scores, method, horizon):
    (found,) = scores.where(method=method, horizon=horizon)
    return found


def literal(z, values, horizon, fit, choose, train, scored):
    """The published protocol, step by step: (alpha, mse, mae)."""

    def part(span, drop=0):
        features, y = z[slice(*span)], values[:, slice(*span)].T
        targets = np.stack([y[1 + i : len(y) - horizon + 1 + i] for i in range(horizon)], axis=1)
        rows = features[:-horizon], targets.reshape(len(targets), -1)
        return tuple(each[drop:].astype(float) for each in rows)

    (x, y), (choose_x, choose_y) = part(fit, SETTINGS.skipped), part(choose)
    errors = []
    for alpha in SETTINGS.alphas:
        e = Ridge(alpha=alpha).fit(x, y).predict(choose_x) - choose_y
        errors.append(np.sqrt((e**2).mean()) + np.abs(e).mean())
    alpha = SETTINGS.alphas[int(np.argmin(errors))]
    x, y = part(scored)
    e = Ridge(alpha=alpha).fit(*part(train, SETTINGS.skipped)).predict(x) - y
    return alpha, (e**2).mean(), np.abs(e).mean()


@pytest.mark.parametrize("horizon", SETTINGS.horizons)
@pytest.mark.parametrize(
    ("part", "spans"),
    [
        ("test", [(0, 300), (300, 400), (0, 300), (400, 500)]),
        ("validation", [(0, 240), (240, 300), (0, 300), (300, 400)]),
    ],
    ids=["test", "validation"],
)
def test_equals_the_protocol_step_by_step(part, spans, horizon):
    series = make_noisy()
    z = np.concatenate([make_features(), series.values.T], axis=1)

    found = only(score({"ours": [[z]]}, series, part=part), "ours", horizon)

    alpha, mse, mae = literal(z, series.values, horizon, *spans)
    assert found.details["alpha"] == alpha
    assert found.metrics["mse"].value == pytest.approx(mse, abs=1e-9)
    assert found.metrics["mae"].value == pytest.approx(mae, abs=1e-9)
    assert found.n == 100 - horizon
    assert found.details["fitted"] == 300 - 10 - horizon
    assert found.details["dropped"] == 0


def test_memory_in_small_blocks_changes_nothing(monkeypatch):
    series, z = make_noisy(), make_features()
    whole = score({"ours": [[z]]}, series)
    monkeypatch.setattr(forecast_rows, "_CELLS", 1)

    blocks = score({"ours": [[z]]}, series)

    for one, other in zip(whole, blocks, strict=True):
        assert one.metrics["mse"].value == pytest.approx(other.metrics["mse"].value, abs=1e-10)


def test_several_instances_share_one_ridge():
    one, two = make_noisy(1, seed=1), make_noisy(1, seed=2)
    z = [make_features(seed=1), make_features(seed=2)]

    found = only(score({"ours": [z]}, [one, two]), "ours", 8)
    same = only(score({"ours": [[z[0], z[0]]]}, [one, one]), "ours", 8)
    alone = only(score({"ours": [[z[0]]]}, one, SETTINGS), "ours", 8)

    assert found.details["fitted"] == 2 * alone.details["fitted"]
    assert same.n == alone.n
    halved = replace(SETTINGS, alphas=tuple(a / 2 for a in SETTINGS.alphas))
    assert same.metrics["mse"].value == pytest.approx(
        only(score({"ours": [[z[0]]]}, one, halved), "ours", 8).metrics["mse"].value, abs=1e-9
    )


def test_the_future_helps_only_where_it_is_a_feature():
    series = make_series(np.random.default_rng(0).normal(size=500))
    leaking = np.stack([np.roll(series.values[0], -j) for j in range(1, 9)], axis=1)

    starts = [[make_features(seed=seed)] for seed in range(5)]

    scores = score({"random initialisation": starts, "leaking": [[leaking]]}, series)

    assert only(scores, "leaking", 8).metrics["mse"].value < 0.01
    assert only(scores, "random initialisation", 8).metrics["mse"].value > 0.8
    for baseline in ("repeat-last", "seasonal-naive", "ridge-nlinear"):
        assert only(scores, baseline, 8).metrics["mse"].value > 0.8
    difference = only(scores, "leaking", 8).difference["mse"]
    assert difference.high < -0.5


def test_altered_test_values_change_no_forecast_made_before_them():
    series, z = make_noisy(period=12), make_features()
    altered = series.values.copy()
    altered[:, 450:] += 100
    before = score({"ours": [[z]]}, series)

    after = score({"ours": [[z]]}, make_series(altered))

    early = before.forecasts["test"].examples.origins < 450
    assert early.any()
    for method in before.methods:
        mine, theirs = (each.forecasts["test"].examples.predictions[method] for each in (before, after))
        np.testing.assert_array_equal(mine[early], theirs[early])
    assert only(before, "ours", 8).details["alpha"] == only(after, "ours", 8).details["alpha"]


def test_standardising_rests_on_the_training_part_alone():
    series = make_noisy()
    covariates = np.random.default_rng(0).normal(size=(1, 500)).astype(np.float32)
    altered = series.values.copy(), covariates.copy()
    altered[0][:, 300:] *= 50
    altered[1][:, 300:] -= 7

    mine, scaler = standardise_series(
        make_series(series.values, covariates=covariates, covariate_names=("k",)), (0, 300)
    )
    theirs, other = standardise_series(
        make_series(altered[0], covariates=altered[1], covariate_names=("k",)), (0, 300)
    )

    np.testing.assert_array_equal(scaler.mean, other.mean)
    np.testing.assert_array_equal(mine.x[:, :300], theirs.x[:, :300])


def test_identical_features_have_no_difference():
    z = make_features()

    scores = score({"random initialisation": [[z]], "twin": [[z], [z]]}, make_noisy())

    twin = only(scores, "twin", 8)
    assert twin.against == "random initialisation"
    assert (twin.difference["mse"].low, twin.difference["mse"].high) == (0, 0)
    assert twin.spread["mse"] == 0
    assert twin.seeds == 2
    assert only(scores, "random initialisation", 8).difference == {}


def test_seeds_are_averaged_and_their_spread_told():
    series, z = make_noisy(), [make_features(seed=i) for i in range(3)]
    alone = [only(score({"m": [[each]]}, series), "m", 8).metrics["mse"].value for each in z]

    together = only(score({"m": [[each] for each in z]}, series), "m", 8)

    assert together.metrics["mse"].value == pytest.approx(np.mean(alone))
    assert together.spread["mse"] == pytest.approx(np.std(alone, ddof=1))
    assert together.metrics["mse"].low < np.mean(alone) < together.metrics["mse"].high


def test_seasonal_naive_and_nlinear_are_exact_on_a_periodic_series():
    series = make_series(np.tile(np.random.default_rng(0).normal(size=(2, 12)), 42)[:, :500])

    scores = score({}, series, ForecastSettings(horizons=(3, 30), context=0, n_bootstrap=100, alphas=(1e-6,)))

    for h in (3, 30):
        assert only(scores, "seasonal-naive", h).metrics["mse"].value == pytest.approx(0, abs=1e-12)
        assert only(scores, "ridge-nlinear", h).metrics["mse"].value == pytest.approx(0, abs=1e-6)
        assert only(scores, "repeat-last", h).metrics["mse"].value > 0.1


def test_naive_forecasts_in_closed_form():
    values = np.arange(500.0)

    scores = score({}, make_series(values, period=4))

    assert only(scores, "repeat-last", 3).metrics["mae"].value == pytest.approx(2)
    ahead = [4, 4, 4, 4, 8, 8, 8, 8]  # steps since the same phase of the last season
    assert only(scores, "seasonal-naive", 8).metrics["mae"].value == pytest.approx(np.mean(ahead))
    np.testing.assert_allclose(scores.forecasts["test"].per_step["seasonal-naive", 8], np.square(ahead))


def test_no_season_leaves_seasonal_naive_out_with_a_note():
    scores = score({}, make_noisy(period=1))

    assert scores.methods == ("repeat-last", "ridge-nlinear")
    assert any("no season" in note for note in scores.notes)


def test_a_constant_series_has_no_error():
    scores = score({"ours": [[make_features()]]}, make_series(np.full(500, 3.0)))

    for each in scores:
        assert each.metrics["mse"].value == pytest.approx(0, abs=1e-12)


def test_missing_targets_count_nowhere():
    whole, z = make_noisy(1), make_features()
    values = whole.values.copy()
    values[0, 450:460] = np.nan
    values[0, 100] = np.nan

    scores = score({"ours": [[z]]}, make_series(values))

    ours = only(scores, "ours", 8)
    assert ours.details["dropped"] == 8
    assert ours.details["fitted"] == 300 - 10 - 8 - 8
    assert all(np.isfinite(each.metrics["mse"].value) for each in scores)
    rows = np.setdiff1d(np.arange(10, 292), np.arange(92, 100))
    y = np.stack([whole.values[0, rows + j] for j in range(1, 9)], axis=1)
    ridge = Ridge(alpha=ours.details["alpha"]).fit(z[rows].astype(float), y)
    steps = np.arange(400, 492)
    error = ridge.predict(z[steps].astype(float)) - np.stack(
        [values[0, steps + j] for j in range(1, 9)], axis=1
    )
    assert ours.metrics["mse"].value == pytest.approx(np.nanmean(error**2), abs=1e-9)


def test_training_rows_without_features_are_left_out():
    z = make_features()
    z[50:60] = np.nan

    assert only(score({"ours": [[z]]}, make_noisy()), "ours", 3).details["dropped"] == 10


def test_notes_name_what_a_reader_should_not_overlook():
    z = make_features()
    z[50:60] = np.nan

    notes = score({"ours": [[z]]}, make_noisy()).notes

    few = "fewer than 10 blocks of time: 4 of 24 steps (horizon 3), 3 of 24 steps (horizon 8)."
    assert f"Interval unreliable, with {few}" in notes
    assert "ours: up to 10 training rows are left out, as values or features are missing." in notes
    assert len(notes) == 3  # and the short look-back of the linear baseline


def test_validation_part_is_scored_without_the_test_part():
    series, z = make_noisy(), make_features()
    altered = series.values.copy()
    altered[:, 400:] = 1e6

    mine = score({"ours": [[z]]}, series, part="validation")
    theirs = score({"ours": [[z[:400]]]}, make_series(altered), part="validation")

    assert_same(mine, theirs)
    assert {each.part for each in mine} == {"validation"}


def test_subsample_takes_the_rows_of_scikit_learn():
    rows = [np.arange(5, 40), np.arange(0, 30), np.arange(7, 9)]
    flat = [(i, t) for i, steps in enumerate(rows) for t in steps]

    found = subsample(rows, 20)

    kept = train_test_split(np.arange(len(flat)), train_size=20, random_state=0)[0]
    assert {(i, t) for i, steps in enumerate(found) for t in steps} == {flat[k] for k in kept}
    assert subsample(rows, 67) is rows


def test_few_rows_are_fitted_and_chosen_on_when_asked():
    settings = replace(SETTINGS, largest=50)

    assert only(score({"m": [[make_features()]]}, make_noisy(), settings), "m", 3).details["fitted"] == 50


def test_rows_of_a_horizon():
    assert origins((10, 20), 3).tolist() == [10, 11, 12, 13, 14, 15, 16]
    assert origins((10, 20), 3, skip=4, stride=2).tolist() == [14, 16]
    values = np.ones((2, 8))
    values[1, 5] = np.nan
    assert complete_ahead(values, 2).tolist() == [True, True, True, False, False, True, False, False]
    rows, fewer = [np.array([1, 2, 3, 4])], [np.array([2, 3])]
    assert beyond(rows, fewer)[0].tolist() == [1, 4]
    assert beyond(fewer, rows) is None


def test_gaps_are_filled_from_the_past_alone():
    values = np.array([[np.nan, 1, 2, np.nan, np.nan, 5, np.nan, 7.0]])

    assert filled(values, (0, 8)).tolist() == [[3.75, 1, 2, 2, 2, 5, 5, 7]]
    assert filled(values, (0, 8), period=3).tolist() == [[3.75, 1, 2, 2, 1, 5, 5, 7]]
    assert filled(values, (0, 1)).tolist()[0][0] == 0


def test_saving_and_loading(tmp_path):
    z = make_features()
    scores = score({"random initialisation": [[z]], "a/b": [[make_features(seed=1)]]}, make_noisy())

    scores.save(tmp_path)
    loaded = Scores.load(tmp_path)

    assert_same(loaded, scores)
    assert loaded.forecasts["test"].examples.predictions.keys() == set(scores.methods)
    changed = score({"random initialisation": [[z]], "a/b": [[make_features(seed=2)]]}, make_noisy())
    assert changed.to_json() != scores.to_json()
    assert {file.name for file in tmp_path.iterdir()} == {"scores.json", "forecasts.npz"}


def test_loading_what_is_not_there(tmp_path):
    with pytest.raises(RunError, match=r"has no scores\.json"):
        Scores.load(tmp_path)
    score({}, make_noisy()).save(tmp_path)
    (tmp_path / "scores.json").write_text("{}")
    with pytest.raises(RunError, match="cannot be read as scores"):
        Scores.load(tmp_path)


def test_broken_files_are_one_sentence(tmp_path):
    score({}, make_noisy()).save(tmp_path)
    stored = tmp_path / "forecasts.npz"
    whole = stored.read_bytes()
    for cut in (0, 2, len(whole) // 2, len(whole) - 1):
        stored.write_bytes(whole[:cut])
        with pytest.raises(RunError, match="cannot be read as forecasts"):
            Scores.load(tmp_path)
    refused = 0
    for at in range(0, len(whole) - 40, len(whole) // 150):
        stored.write_bytes(whole[:at] + bytes(range(40)) + whole[at + 40 :])
        with suppress(RunError):
            Scores.load(tmp_path)
            continue
        refused += 1
    assert refused > 100


def test_tables_and_examples():
    series = make_noisy()
    scores = score({"random initialisation": [[make_features()]], "m": [[make_features(seed=1)]]}, series)

    table = scores.to_table()
    drawn = scores.forecasts["test"].examples

    assert len({len(row) for row in table}) == 1
    assert table[0][-1] == "mse minus random initialisation"
    assert len(table) == 1 + 5 * 2
    assert "| m | forecast | 8 | test |" in scores.to_markdown()
    assert drawn.truth.shape == (4, 2, 8)
    assert drawn.predictions["m"].shape == (4, 2, 8)
    first = drawn.origins[0]
    np.testing.assert_array_equal(drawn.truth[0], series.values[:, first + 1 : first + 9])
    np.testing.assert_array_equal(drawn.past[0, :, -1], series.values[:, first])
    np.testing.assert_allclose(drawn.predictions["repeat-last"][0, 1], series.values[1, first])
    values = [only(scores, "m", h).metrics["mse"].value for h in (3, 8)]
    assert scores.mean("m", "mse") == pytest.approx(np.mean(values))
    with pytest.raises(RunError, match="no scores of 'x'"):
        scores.mean("x", "mse")
    assert scores.forecasts["test"].per_step["m", 8].mean() == pytest.approx(values[1])
    assert scores.forecasts["test"].per_channel["m", 8].mean() == pytest.approx(values[1])


@pytest.mark.parametrize(
    ("spans", "settings", "message"),
    [
        (
            {"test": (400, 408)},
            {},
            "test part has 8 steps, too few for a horizon of 8; choose evaluation.forecast.horizons up to 7",
        ),
        ({"validation": (300, 305)}, {}, "validation part has 5 steps"),
        ({}, {"skip": 295}, "training part has 5 steps after the 295 that are skipped"),
        ({}, {"skip": 300}, "use a longer series"),
    ],
)
def test_parts_that_are_too_short(spans, settings, message):
    series = make_noisy()
    settings = replace(SETTINGS, **settings)

    with pytest.raises(ConfigError, match=message):
        score_representations({}, SeriesEvaluation([series], make_split(series, **spans)), settings)


def test_features_that_do_not_fit():
    series, gap = make_noisy(), make_features()
    gap[420] = np.nan

    for features, message in (
        ([[make_features(499)]], "first 500 of the 500 steps are needed"),
        ([[make_features(501)]], "first 500 of the 500 steps are needed"),
        ([[gap]], "not finite at step 420"),
        ([[make_features()] * 2], "features of 2 series, but 1 are forecast"),
    ):
        with pytest.raises(DataError, match=message):
            score({"m": features}, series)
    with pytest.raises(DataError, match="differs from the first one"):
        score({}, [series, make_noisy(1)])
    with pytest.raises(DataError, match="no training step has finite features"):
        score({"m": [[np.where(np.arange(500)[:, None] < 300, np.nan, make_features())]]}, series)


def make_encoder(channels=1, **options):
    torch.manual_seed(0)
    return DilatedConv(channels, hidden=4, dim=5, depth=2, **options)


def test_encoding_is_that_of_each_window_and_leaves_the_encoder_alone():
    series, encoder = make_noisy(), make_encoder(2)
    encoder.train()
    state = {name: value.clone() for name, value in encoder.state_dict().items()}

    (z,) = encode(encoder, [series], context=10, stop=450)
    (later,) = encode(encoder, [series], context=10, stop=450, first=100)

    window = torch.from_numpy(series.x[None, :, 290:301])
    np.testing.assert_allclose(z[300], encoder(window)[0, :, -1].detach().numpy(), atol=1e-6)
    assert z.shape == (450, 5)
    np.testing.assert_allclose(later[100:], z[100:], atol=1e-6)
    assert np.isnan(later[:100]).all()
    assert encoder.training
    assert all(torch.equal(state[name], value) for name, value in encoder.state_dict().items())


def test_gaps_and_beginnings_have_finite_representations():
    values = make_noisy().values.copy()
    values[:, 100:130] = np.nan
    values[0, :20] = np.nan
    short = make_series(values[:, :7])

    assert np.isfinite(encode(make_encoder(2), [make_series(values)], context=10, stop=500)[0]).all()
    assert np.isfinite(encode(make_encoder(2), [short], context=10, stop=7)[0]).all()


def test_validation_error_is_that_of_the_protocol():
    series, encoder = make_noisy(), make_encoder(2)
    split, (z,) = make_split(series), encode(encoder, [series], context=10, stop=400)
    expected = []
    for h in SETTINGS.horizons:
        y = np.stack([np.roll(series.values, -j, axis=1).T for j in range(1, h + 1)], axis=1).reshape(500, -1)
        fit, choose = np.arange(10, 300 - h, 5), np.arange(300, 400 - h, 5)
        best = []
        for alpha in SETTINGS.alphas:
            error = (
                Ridge(alpha=alpha).fit(z[fit].astype(float), y[fit]).predict(z[choose].astype(float))
                - y[choose]
            )
            best.append((np.sqrt((error**2).mean()) + np.abs(error).mean(), (error**2).mean()))
        expected.append(min(best)[1])

    found = validation_error(encoder, [series], split, SETTINGS, stride=5, device="cpu")

    assert found == pytest.approx(np.mean(expected), abs=1e-6)
    altered = series.values.copy()
    altered[:, 400:] = np.nan
    assert validation_error(encoder, [make_series(altered)], split, SETTINGS, stride=5) == found


def test_validation_error_asks_nothing_of_the_test_part():
    series = make_noisy()
    split, short = make_split(series), make_split(series, test=(400, 402))

    errors = [validation_error(make_encoder(2), [series], each, SETTINGS) for each in (split, short)]

    assert errors[0] == errors[1]


def test_features_are_asked_for_one_seed_at_a_time():
    alive, most = [], []

    def seeds():
        for seed in range(3):
            features = make_features(seed=seed)
            alive.append(weakref.ref(features))
            gc.collect()
            most.append(sum(each() is not None for each in alive))
            yield [features]
            del features

    found = score({"model": seeds()}, make_noisy())

    assert most == [1, 1, 1]
    assert only(found, "model", 8).seeds == 3


def test_settings_are_closed():
    with pytest.raises(ValueError, match="unknown setting"):
        PROTOCOLS.entry("forecast").settings(horizon=3)
    assert ForecastSettings().skipped == 200
    assert ForecastSettings(skip=0).skipped == 0
