"""Pairs are the best there are, effects are those that were planted, and tests are those of the books."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import numpy as np
import pandas as pd
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.stats import permutation_test

from tests.studies.planted import levels, numbers, planted
from tsrep.rng import numpy_generator
from tsrep.studies.analyses import Missing
from tsrep.studies.analyses.effects import Effect, paired_effects, sign_flip_p
from tsrep.studies.analyses.pairing import gower, pair_up
from tsrep.studies.keep.trial_table import TrialTable

A = levels("a", "x", "y")
B = numbers("b", 1.0, 100.0, log=True)
C = numbers("c", 0, 4)


def _table(a: list[str], b: list[float], c: list[float], value: list[float] | None = None) -> TrialTable:
    n = len(a)
    frame = pd.DataFrame({"ticket": range(n), "state": ["complete"] * n, "value": value or [1.0] * n})
    frame = frame.assign(a=pd.Series(a, dtype=object), b=b, c=c)
    return TrialTable("s", "", (A, B, C), frame, False, "error", (), 1.0, pd.DataFrame())


def test_gower_distance_by_hand() -> None:
    nan = math.nan
    table = _table(["x", "y", "x", "x"], [1.0, 10.0, 100.0, 1.0], [0.0, nan, 4.0, nan])
    rows = np.arange(4)
    expected = np.array([
        [0, 1 + 0.5 + 1, 0 + 1 + 1, 0 + 0 + 1],
        [2.5, 0, 1 + 0.5 + 1, 1 + 0.5 + 0],
        [2, 2.5, 0, 0 + 1 + 1],
        [1, 1.5, 2, 0],
    ])  # fmt: skip
    np.testing.assert_allclose(gower(table, (A, B, C), rows, rows), expected / 3)


def test_pairing_is_the_cheapest_of_all_after_exact_ones() -> None:
    rng = np.random.default_rng(0)
    for _ in range(20):
        b = np.exp(rng.uniform(0, np.log(100), 9)).tolist()
        c = rng.integers(0, 3, 9).astype(float).tolist()
        b[5], c[5] = b[0], c[0]
        table = _table(["x"] * 4 + ["y"] * 5, b, c)
        one, two = np.arange(4), np.arange(4, 9)
        pairs = pair_up(table, A, one, two)
        distance = gower(table, (B, C), one, two)
        ways = [distance[range(4), list(way)] for way in itertools.permutations(range(5), 4)]
        exact = max(int((way == 0).sum()) for way in ways)
        assert pairs.exact == exact >= 1
        least = min(way.sum() for way in ways if (way == 0).sum() == exact)
        assert pairs.distance.sum() == pytest.approx(least)


def test_an_axis_that_only_one_level_has_is_part_of_the_level() -> None:
    nan = math.nan
    table = _table(["x", "x", "y", "y"], [2.0, 50.0, 50.0, 2.0], [1.0, 3.0, nan, nan])
    pairs = pair_up(table, A, np.array([0, 1]), np.array([2, 3]))
    assert pairs.exact == 2
    assert sorted(zip(pairs.one.tolist(), pairs.two.tolist(), strict=True)) == [(0, 3), (1, 2)]


@settings(max_examples=25, deadline=None)
@given(st.lists(st.integers(-5, 5), min_size=2, max_size=8))
def test_sign_flips_agree_with_scipy(given: list[int]) -> None:
    d = np.array(given, float)
    expected = permutation_test(
        (d,), lambda x, axis: np.abs(x.mean(axis=axis)), permutation_type="samples",
        alternative="greater", n_resamples=np.inf,
    ).pvalue  # fmt: skip
    assert sign_flip_p(d, generator=np.random.default_rng(0)) == pytest.approx(expected)


def test_sign_flips_of_many_differences_are_uniform_without_an_effect() -> None:
    rng = np.random.default_rng(1)
    p = np.array([sign_flip_p(rng.normal(size=15), flips=400, generator=rng) for _ in range(300)])
    assert 0.02 <= (p <= 0.05).mean() <= 0.09
    assert p.min() >= 1 / 400


def _grid(effect: float, seed: int = 0) -> TrialTable:
    """Every setting with both levels; level y multiplies the error."""
    rng = np.random.default_rng(seed)
    a, b, c, value = [], [], [], []
    for x, y in itertools.product((1.0, 3.0, 10.0, 100.0), range(5)):
        for level in "xy":
            a, b, c = [*a, level], [*b, x], [*c, float(y)]
            value.append(0.9 * (1 + effect * (level == "y")) * x**0.1 * (1 + 0.01 * rng.normal()))
    return _table(a, b, c, value)


def _by_level(table: TrialTable) -> dict[str, Effect]:
    found = paired_effects(table)
    assert isinstance(found, list)
    return {effect.level: effect for effect in found}


def test_a_planted_percentage_is_found_from_exact_pairs() -> None:
    effect = _by_level(_grid(0.10))["y"]
    assert (effect.pairs, effect.exact, effect.distance, effect.reference) == (20, 20, 0.0, "x")
    assert effect.mean == pytest.approx(10, abs=1)
    assert effect.p_holm < 0.01


@pytest.mark.long
@pytest.mark.parametrize("planted_effect", [0.0, 0.10])
def test_intervals_cover_what_was_planted(planted_effect: float) -> None:
    effects = [_by_level(_grid(planted_effect, seed))["y"] for seed in range(40)]
    covered = sum(effect.low <= 100 * planted_effect <= effect.high for effect in effects)
    assert covered >= 34
    if planted_effect == 0:
        assert sum(effect.p < 0.05 for effect in effects) <= 6


def test_differences_of_plain_values_are_in_their_unit() -> None:
    table = replace(_grid(0.0), baseline=None, maximise=True)
    frame = table.frame.assign(value=np.where(table.frame["a"] == "y", 0.75, 0.5) + 0.01 * table.frame["c"])
    effect = _by_level(replace(table, frame=frame))["y"]
    assert effect.mean == pytest.approx(0.25)
    assert (effect.low, effect.high) == pytest.approx((0.25, 0.25))


def test_the_halves_of_a_numeric_axis_are_compared_where_they_meet() -> None:
    found = _by_level(_grid(0.0))
    upper = found["above 3"]
    assert upper.reference == "up to 3"
    assert upper.pairs == 20
    # pairs differ in b alone: from (1, 3) to (10, 100)
    assert upper.mean == pytest.approx(100 * (((10 * 100) / (1 * 3)) ** 0.05 - 1), rel=0.05)


def test_holm_is_over_all_tests_of_the_study() -> None:
    found = list(_by_level(_grid(0.1)).values())
    least = min(found, key=lambda effect: effect.p)
    assert least.p_holm == pytest.approx(len(found) * least.p)


def test_references_are_off_or_none_or_the_first_choice() -> None:
    found = paired_effects(planted())
    assert isinstance(found, list)
    used = {effect.axis: effect.reference for effect in found}
    assert used["forecast.normalise"] == "off"
    assert used["views.warp"] == "none"
    assert used["strategy"] == "joint"
    assert used["encoder"] == "dilated-conv"


@pytest.mark.long
def test_planted_axes_are_found_and_axes_without_effect_are_not() -> None:
    null = {"objective", "encoder", "head.weight", "objective.queue", "encoder.depth", "views.warp"}
    p, found, wrong = [], 0, 0
    for seed in range(10):
        table = planted(80, seed=seed)
        table.frame.loc[18, "value"] = 1.0
        effects = paired_effects(table, n_bootstrap=400)
        assert isinstance(effects, list)
        p += [effect.p for effect in effects if effect.axis in null]
        wrong += sum(effect.p_holm < 0.05 for effect in effects if effect.axis in null)
        found += sum(effect.p < 0.05 for effect in effects if effect.level in ("on", "pretrain-then-probe"))
    assert (np.array(p) < 0.05).mean() < 0.10
    assert wrong <= 1
    assert found >= 18


def test_what_other_axes_explain_is_taken_off_inexact_pairs() -> None:
    """Level y was tried at large b alone, where every trial is worse: the level itself does nothing."""
    rng = np.random.default_rng(2)
    b = np.exp(np.r_[rng.uniform(0.0, 3.0, 60), rng.uniform(1.6, 4.6, 40)])
    table = _table(["x"] * 60 + ["y"] * 40, b.tolist(), [0.0] * 100, (b**0.1).tolist())
    effect = _by_level(table)["y"]
    plain = pair_up(table, A, np.arange(60), np.arange(60, 100))
    values = np.log(table.frame["value"].to_numpy(float))
    assert (values[plain.two] - values[plain.one]).mean() > 0.05
    assert abs(effect.mean) < 1.0


def test_a_constant_value_has_no_effect_and_does_not_fail() -> None:
    table = _grid(0.0)
    effect = _by_level(replace(table, frame=table.frame.assign(value=0.5)))["y"]
    assert (effect.mean, effect.low, effect.high, effect.p) == (0.0, 0.0, 0.0, 1.0)


@pytest.mark.parametrize("trials", [0, 5])
def test_too_few_trials_are_said_so(trials: int) -> None:
    assert isinstance(paired_effects(planted(trials)), Missing)


def test_few_pairs_are_shown_and_not_tested() -> None:
    table = _grid(0.1)
    frame = table.frame.drop(table.frame.index[table.frame["a"] == "y"][3:])
    effect = _by_level(replace(table, frame=frame.reset_index(drop=True)))["y"]
    assert effect.pairs == 3
    assert math.isnan(effect.p)
    assert math.isnan(effect.low)
    assert math.isfinite(effect.mean)


def test_the_stream_of_random_numbers_is_the_keys() -> None:
    d = np.arange(1.0, 20.0)
    first, second = (sign_flip_p(d, generator=numpy_generator("k", 1)) for _ in range(2))
    assert first == second
