"""Scores of receptive fields whose shape is known, and of maps whose scaling is."""

from __future__ import annotations

import json

import numpy as np
import pytest
import torch
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.inspect.receptive_field.field import ReceptiveField
from tsrep.inspect.receptive_field.gradients import receptive_field
from tsrep.inspect.receptive_field.scores import (
    Estimate,
    comb,
    entropy,
    periodicity,
    plain_scores,
    scale_scores,
    shape_scores,
    width,
)


def field_of(each: np.ndarray, ahead: list[int] | None = None) -> ReceptiveField:
    """From masses of shape (window, horizon, lag)."""
    horizon = each.shape[1]
    return ReceptiveField(
        mass=each.mean(axis=0)[:, None],
        error=np.full(each.shape[1:], np.nan),
        each=each.astype(np.float32),
        weight=np.ones(each.shape[:2]),
        ahead=np.array(ahead or range(1, horizon + 1)),
        method="planted",
    )


def peaks(lags: int, at: list[list[int]], windows: int = 3) -> np.ndarray:
    each = np.zeros((windows, len(at), lags))
    for step, places in enumerate(at):
        each[:, step, places] = 1 / len(places)
    return each


def test_shape_scores_have_their_closed_forms() -> None:
    one, four, even = [3], [0, 1, 2, 9], list(range(20))
    scores = shape_scores(field_of(peaks(20, [one, four, even])))
    np.testing.assert_allclose(scores["width 90"].per_step, [1, 4, 18])
    np.testing.assert_allclose(scores["centre"].per_step, [3, 3, 9.5], rtol=1e-6)
    np.testing.assert_allclose(scores["entropy"].per_step, np.log([1, 4, 20]), atol=1e-6)
    assert scores["width 90"].value == pytest.approx(23 / 3)
    assert scores["width 90"].error == 0


def test_width_is_the_smallest_set() -> None:
    assert width(np.array([0.5, 0.1, 0.35, 0.05])) == 3
    assert width(np.array([0.9, 0.1])) == 1
    assert width(np.array([0.1] * 10)) == 9
    assert np.isnan(width(np.zeros(3)))
    assert entropy(np.array([1.0, 0.0])) == 0


def test_errors_are_over_windows_and_what_does_not_count_is_left_out() -> None:
    each = np.array([[1.0, 5.0], [2.0, 7.0], [3.0, np.nan]])
    weight = np.array([[1.0, 1.0], [1.0, 1.0], [1.0, 0.0]])
    score = Estimate.over_windows(each, weight)
    np.testing.assert_allclose(score.per_step, [2, 6])
    np.testing.assert_allclose(score.per_step_error, [1 / np.sqrt(3), 1])
    windows = [3, 4.5, 3]  # of the last one a single step counts
    assert score.value == pytest.approx(np.average(windows, weights=[2, 2, 1]))
    nothing = Estimate.over_windows(each, weight * 0)
    assert np.isnan(nothing.value)
    assert plain_scores({"nothing": nothing})["nothing"]["value"] is None


def test_comb_counts_from_the_output_step() -> None:
    on = comb(30, np.array([1, 10, 0]), 10)
    assert np.flatnonzero(on[0]).tolist() == [8, 9, 10, 18, 19, 20, 28, 29]
    assert np.flatnonzero(on[1]).tolist() == [0, 1, 9, 10, 11, 19, 20, 21, 29]
    assert np.flatnonzero(on[2]).tolist() == [9, 10, 11, 19, 20, 21, 29]  # distance 0 is no period


def test_mass_on_the_period_beats_its_shifts() -> None:
    at = [[24 - ahead] for ahead in range(1, 13)]
    found = periodicity(field_of(peaks(96, at)), 24)
    on = comb(96, np.arange(1, 13), 24)
    np.testing.assert_allclose(found.share.per_step, 1)
    np.testing.assert_allclose(found.ratio.per_step, 96 / on.sum(axis=1))
    assert found.p == pytest.approx(1 / (1 + 96 - 5 * 4))
    assert found.z > 2.5
    # lag 23 at all steps ahead is a fixed place and no period
    fixed = periodicity(field_of(peaks(96, [[23]] * 12)), 24)
    assert fixed.share.value == pytest.approx(2 / 12)
    assert fixed.p > 0.1


def test_shift_null_is_the_literal_one() -> None:
    rng = np.random.default_rng(0)
    each = rng.dirichlet(np.ones(50), size=(6, 7))
    found = periodicity(field_of(each), 7)
    curve, on = each.astype(np.float32).mean(axis=0), comb(50, np.arange(1, 8), 7)
    shifted = np.array([[(np.roll(curve[h], s) * on[h]).sum() for h in range(7)] for s in range(50)])
    together = shifted.mean(axis=1)
    assert found.z == pytest.approx((together[0] - together.mean()) / together.std(), rel=1e-4)
    np.testing.assert_allclose(found.share.per_step, shifted[0], rtol=1e-5)
    np.testing.assert_allclose(found.ratio.per_step, shifted[0] / shifted.mean(axis=0), rtol=1e-5)
    other = [s for s in range(50) if all(min(d % 7, -d % 7) > 2 for d in (s, s - 50))]
    as_much = sum(together[s] >= together[0] for s in other)
    assert found.p == pytest.approx((1 + as_much) / (1 + len(other)))


def test_even_and_random_mass_has_no_period() -> None:
    even = periodicity(field_of(peaks(60, [list(range(60))] * 3)), 12)
    assert even.ratio.value == pytest.approx(1, rel=1e-6)
    assert (even.z, even.p) == (0, 1)
    rng = np.random.default_rng(0)
    p = [periodicity(field_of(rng.dirichlet(np.ones(96), size=(2, 1))), 24).p for _ in range(200)]
    assert 0.35 < np.mean(p) < 0.65
    assert np.mean(np.array(p) <= 0.1) < 0.2


def decays(lags: int, ahead: int, rng: np.random.Generator, noise: float) -> ReceptiveField:
    """One output step that reads its last input steps and nothing else."""
    curve = np.exp(-np.arange(lags) / rng.uniform(0.3, 12)) + noise * rng.random(lags)
    return field_of((curve / curve.sum())[None, None], [ahead])


@pytest.mark.parametrize("ahead", range(0, 49, 3))
def test_recency_is_no_period(ahead: int) -> None:
    rng = np.random.default_rng(ahead)
    p = np.array([periodicity(decays(96, ahead, rng, 0.02), 24).p for _ in range(60)])
    if ahead in (21, 24, 45, 48):  # the last steps are a multiple of the period before the output step
        assert np.isnan(p).all()
    else:
        assert not np.isnan(p).any()
        assert np.mean(p <= 0.05) <= 0.05


@pytest.mark.parametrize("ahead", [0, 1, 6, 12, 30])
def test_a_period_stands_out_from_recency(ahead: int) -> None:
    curve = 0.3 * np.exp(-np.arange(96) / 2)
    at = np.arange(24, 96, 24) - ahead
    curve[at[at >= 0]] += 1
    found = periodicity(field_of((curve / curve.sum())[None, None], [ahead]), 24)
    assert found.p < 0.05
    assert found.z > 2


def test_of_the_last_steps_and_a_period_the_period_is_found() -> None:
    each = peaks(96, [[0, 1, 2, 24 - ahead, 48 - ahead] for ahead in range(1, 13)])
    assert periodicity(field_of(each), 24).p < 0.05
    assert periodicity(field_of(peaks(96, [[0, 1, 2]] * 12)), 24).p > 0.1


def test_steps_ahead_of_one_phase_are_like_recency() -> None:
    last = peaks(96, [[0]] * 3)
    assert np.isnan(periodicity(field_of(last, [24, 48, 72]), 24).p)
    assert periodicity(field_of(last, [4, 28, 52]), 24).p == 1
    assert periodicity(field_of(peaks(96, [[0]] * 24)), 24).p > 0.1


def test_periods_that_cannot_be_scored_are_refused() -> None:
    field = field_of(peaks(20, [[1]]))
    with pytest.raises(ConfigError, match="too short to score; 5 is the least"):
        periodicity(field, 4)
    with pytest.raises(ConfigError, match="no multiple of the period 96 is within 20 steps"):
        periodicity(field, 96)


def test_scores_go_into_json() -> None:
    field = field_of(peaks(40, [[3], [5]], windows=1))  # one window has no error
    scores = shape_scores(field) | {"period 12": periodicity(field, 12)}
    told = json.loads(json.dumps(plain_scores(scores), allow_nan=False))
    assert told["centre"]["value"] == 4
    assert told["centre"]["error"] is None
    assert told["period 12"]["period"] == 12


def windows(count: int = 6, channels: int = 2, time: int = 24) -> Tensor:
    return 3 + torch.randn(count, channels, time, generator=torch.Generator().manual_seed(0))


def normalised(power: float = 1.0):
    """A forecaster of degree ``power`` around the mean of its window, which follows the level."""

    def f(x: Tensor) -> Tensor:
        mean = x.mean(dim=-1, keepdim=True)
        away = (x - mean)[..., -5:]
        return mean + torch.sign(away) * away.abs() ** power

    return f


@pytest.mark.parametrize("power", [0.5, 1.0, 2.0])
def test_degree_is_that_of_a_homogeneous_map(power: float) -> None:
    score = scale_scores(normalised(power), windows(), forecasts=True, at_once=4)["scale degree"]
    np.testing.assert_allclose(score.per_step, power, atol=2e-3)
    np.testing.assert_allclose(score.per_step_error, 0, atol=2e-3)
    assert score.value == pytest.approx(power, abs=2e-3)


def test_equivariant_and_indifferent_forecasters() -> None:
    scores = scale_scores(normalised(), windows(), forecasts=True)
    for name in ("scale error", "shift error", "affine error"):
        assert scores[name].value < 1e-5
    squared = scale_scores(normalised(2.0), windows(), forecasts=True)
    assert squared["shift error"].value < 1e-5
    assert squared["scale error"].value > 0.02
    indifferent = scale_scores(lambda x: 0 * x[..., :3] + 1, windows(300), forecasts=True, draws=8)
    gain = np.exp(np.log(2) * np.linspace(-1, 1, 100_001))
    assert indifferent["scale error"].value == pytest.approx(np.abs(gain - 1).mean(), abs=0.02)


def test_other_models_are_compared_with_what_they_were() -> None:
    def invariant(x: Tensor) -> Tensor:
        away = x - x.mean(dim=-1, keepdim=True)
        return (away / away.std(dim=-1, keepdim=True)).flatten(1)[..., None]

    scores = scale_scores(invariant, windows(), forecasts=False)
    assert all(abs(score.value) < 1e-4 for score in scores.values())
    linear = scale_scores(lambda x: x.mean(dim=-1, keepdim=True), windows(), forecasts=False)
    assert linear["shift error"].value > 0.1
    with pytest.raises(ConfigError, match="forecast of 2 channels has an output for each, not 48"):
        scale_scores(invariant, windows(), forecasts=True)


def test_missing_values_do_not_spoil_the_scale_scores() -> None:
    x = windows()
    x[0, :, :5] = torch.nan

    def last(x: Tensor) -> Tensor:
        return x[..., -4:]

    scores = scale_scores(last, x, forecasts=True)
    assert scores["scale degree"].value == pytest.approx(1, abs=1e-3)
    assert all(np.isfinite(score.value) for score in scores.values())


def test_a_window_without_output_is_left_out_of_errors_relative_to_it() -> None:
    def last(x: Tensor) -> Tensor:
        return torch.where(x[:, :1, :1] > 0, x[..., -4:], 0 * x[..., -4:])

    x = windows()
    x[:, :, 0] = 1e3
    x[0, :, 0] = -1e3
    there = scale_scores(last, x, forecasts=True)
    assert there["scale error"].value == pytest.approx(0, abs=1e-6)
    assert np.isfinite(there["shift error"].value)
    assert there["shift error"].value < 1e4
    assert np.isnan(scale_scores(lambda x: 0 * x[..., -4:], x, forecasts=True)["shift error"].value)


def test_scores_of_a_seasonal_naive_forecast() -> None:
    def naive(x: Tensor) -> Tensor:
        return x[..., -24:]

    x = windows(time=72)
    field = receptive_field(naive, x)
    found = periodicity(field, 24)
    assert found.share.value == pytest.approx(1)
    assert found.p < 0.05
    assert scale_scores(naive, x, forecasts=True)["scale degree"].value == pytest.approx(1, abs=1e-3)
    assert shape_scores(field)["centre"].value == pytest.approx(11.5)
