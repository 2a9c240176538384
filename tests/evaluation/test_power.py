"""Power of a comparison: its closed form, its simulation, and the numbers that it asks for."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import nct, norm
from scipy.stats import t as student

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.bootstrap import Interval, Resampled
from tsrep.evaluation.difference import Difference, difference_from_random, paired_difference
from tsrep.evaluation.power import Design, checked_gain, design_of
from tsrep.evaluation.scores import RANDOM_INIT, Score
from tsrep.report.power import power_sentence, power_table

MANY = 1e9  # degrees of freedom, where Student's distribution is the normal one


def design(per_patient: float = 0.04, per_seed: float = 0.0, seeds: int = 5, freedom: float = MANY) -> Design:
    return Design(400, seeds, per_patient, per_seed, freedom)


def score(found: Difference) -> Score:
    value = {"auroc": Interval(0.8, 0.7, 0.9)}
    return Score(
        "comet", "method", "probe", "auroc", "test", "record", 400, found.seeds, value, {}, patients=400,
        against=RANDOM_INIT, difference={"auroc": found},
    )  # fmt: skip


@pytest.mark.parametrize("gain", [0.005, 0.02, 0.028, 0.05])
def test_without_seeds_and_with_many_patients_it_is_that_of_a_normal_test(gain: float) -> None:
    shift = gain / 0.01
    expected = norm.sf(norm.ppf(0.975) - shift) + norm.cdf(-norm.ppf(0.975) - shift)
    assert design().power(gain) == pytest.approx(expected, abs=1e-6)
    assert design().power(-gain) == design().power(gain)


def test_patients_are_those_of_the_textbook() -> None:
    """Needed are ``(z(0.975) + z(0.8)) ** 2 * variance / gain ** 2``."""
    expected = (norm.ppf(0.975) + norm.ppf(0.8)) ** 2 * 0.04 / 0.028**2
    assert design().patients_for(0.028) == math.ceil(expected)


def test_seeds_alone_give_the_noncentral_t_distribution() -> None:
    found = design(per_patient=1e-12, per_seed=5 * 0.01**2)
    bound = student.ppf(0.975, 4)
    expected = nct.sf(bound, 4, 3.0) + nct.cdf(-bound, 4, 3.0)
    assert found.power(0.03) == pytest.approx(expected, abs=1e-6)


def test_it_is_how_often_a_simulated_gain_is_significant() -> None:
    rng, found, hits = np.random.default_rng(0), design(per_seed=5 * 0.01**2, freedom=399.0), 0
    for _ in range(4000):
        rows = rng.normal(0.04, 0.01 * math.sqrt(5), 5) + rng.normal(0, 0.01)
        resampled, between = 0.04 / 400, rows.var(ddof=1) / 5
        freedom = (resampled + between) ** 2 / (resampled**2 / 399 + between**2 / 4)
        hits += abs(rows.mean()) > student.ppf(0.975, freedom) * math.sqrt(resampled + between)
    assert found.power(0.04) == pytest.approx(hits / 4000, abs=0.03)


def test_the_numbers_asked_for_are_the_fewest_that_do() -> None:
    found = design(per_seed=5 * 0.01**2, freedom=399.0)
    patients, seeds = found.patients_for(0.05), found.seeds_for(0.04)
    assert patients is not None
    assert seeds is not None
    assert found.power(0.05, patients=patients) >= 0.8 > found.power(0.05, patients=patients - 1)
    assert found.power(0.04, seeds=seeds) >= 0.8 > found.power(0.04, seeds=seeds - 1)


def test_more_of_one_kind_cannot_make_up_for_too_few_of_the_other() -> None:
    found = design(per_seed=5 * 0.01**2)
    assert found.patients_for(0.01) is None
    assert found.seeds_for(0.02) is None
    assert found.patients_for(0.01, seeds=100) is not None


def test_a_single_encoder_stands_for_pairs_that_both_vary() -> None:
    spread = 0.02  # of random initialisations; the difference has 1 + 1 / k of its square
    found = Difference(
        0.02, -0.04, 0.08, p=0.4, freedom=5.0, covers="patients and random initialisations", seeds=1,
        against_seeds=5, resampled=0.0001, between=spread**2 * 1.2,
        freedom_resampled=399.0,
    )  # fmt: skip
    made = design_of(score(found))
    assert made.per_seed == pytest.approx(2 * spread**2)
    assert made.per_patient == pytest.approx(0.04)
    assert made.seeds == 1
    assert "with 5 seeds" in power_sentence(score(found), 0.05)


@pytest.mark.parametrize(("patients", "blocks"), [(400, 0), (0, 12)])
def test_a_rare_class_keeps_its_degrees_of_freedom_where_seeds_add_little(patients: int, blocks: int) -> None:
    """Of a class with six people, or of blocks, without a step where seeds begin to add something."""
    made = []
    for between in (0.0, 1e-12, 1e-9):
        found = Difference(
            0.05, -0.01, 0.11, p=0.1, freedom=5.0, covers="patients and training seeds", seeds=5,
            against_seeds=5, resampled=0.02**2, between=between, freedom_resampled=5.0,
        )  # fmt: skip
        made.append(design_of(replace(score(found), patients=patients, blocks=blocks)))
    assert [each.freedom for each in made] == pytest.approx([5.0] * 3, rel=1e-3)
    shift, bound = 0.05 / 0.02, student.ppf(0.975, 5)
    expected = nct.sf(bound, 5, shift) + nct.cdf(-bound, 5, shift)
    assert [each.power(0.05) for each in made] == pytest.approx([expected] * 3, rel=1e-3)
    assert len({each.patients_for(0.05) for each in made}) == 1


def side(rng: np.random.Generator, patients: np.ndarray, seeds: int, spread: float, err: float) -> Resampled:
    """Seeds that differ by ``spread`` and each err on patients of their own."""
    errors = rng.normal(0, err, (seeds, len(patients)))
    rows = rng.normal(0.7, spread, seeds) + errors[:, 0]
    return Resampled({"auroc": tuple(rows)}, {"auroc": rows[:, None] + patients + errors}, {"auroc": 11.0})


@pytest.mark.parametrize("spread", [0.0, 0.01, 0.05])
@pytest.mark.parametrize("kind", ["pairs", "sides", "sides with draws", "one encoder"])
def test_with_the_patients_and_seeds_at_hand_it_is_that_of_the_test(kind: str, spread: float) -> None:
    for number in range(20):
        rng = np.random.default_rng(number)
        patients, own = rng.normal(0, 0.02, 201), (1 if kind == "one encoder" else 4)
        draws = {"sides": 1, "sides with draws": 3}.get(kind)
        one, two = (side(rng, patients, n * (draws or 1), spread, 0.02) for n in (own, 4))
        if draws is not None:
            one, two = one.crossed(draws), two.crossed(draws)
        compared = difference_from_random if kind == "one encoder" else paired_difference
        found = compared(one, two)["auroc"]
        made = design_of(score(found))
        told = made.variance()
        assert told is not None
        assert told.error**2 == pytest.approx(found.resampled + found.between)
        assert told.freedom == pytest.approx(found.freedom)
        shift, bound = 0.05 / told.error, student.ppf(0.975, found.freedom)
        expected = nct.sf(bound, found.freedom, shift) + nct.cdf(-bound, found.freedom, shift)
        assert made.power(0.05) == pytest.approx(expected, abs=1e-6)
        assert made.power(0.05, patients=401) == pytest.approx(made.power(0.05), abs=2e-3)


def test_what_patients_make_of_the_spread_between_seeds_falls_with_both() -> None:
    found = design(per_seed=5 * 0.01**2, freedom=399.0)
    mixed = replace(found, per_both=5 * 400 * 0.01**2)
    told = [mixed.variance(patients=n, seeds=k) for n, k in ((400, 5), (800, 5), (10**9, 5), (400, 10))]
    assert [each and each.between and each.between.seen for each in told] == pytest.approx(
        [2 * 0.01**2, 1.5 * 0.01**2, 0.01**2, 0.01**2]
    )
    assert mixed.power(0.04) < found.power(0.04)
    assert mixed.power(0.04, patients=10**9) == pytest.approx(found.power(0.04, patients=10**9))


def test_few_patients_that_make_most_of_the_spread_leave_the_freedom_of_the_seeds() -> None:
    """Three seeds and four patients: 19 %, where the spread without its part of patients promises more."""
    found = Difference(
        0.02, -0.1, 0.14, p=0.5, freedom=2.0, covers="patients and training seeds", seeds=3, against_seeds=3,
        resampled=0.000586, between=0.000165, freedom_resampled=3.0, explained=0.0006, freedom_between=2.0,
        least_freedom=2.0,
    )  # fmt: skip
    own = replace(score(found), patients=4)
    made = design_of(own)
    assert made.power(0.05) == pytest.approx(0.19, abs=0.005)
    told, table = power_sentence(own, 0.05), power_table(own, 0.05)
    assert told.startswith("For a gain of the size given (0.050 AUROC), neither more patients alone nor more")
    assert [row[0] for row in table[1:3]] == ["3", "5"]
    assert told.endswith(f"both together do: {table[2][2]} patients with 5 seeds.")
    assert int(table[2][2]) == made.patients_for(0.05, seeds=5)


def test_a_single_encoder_is_no_number_of_seeds() -> None:
    found = Difference(
        0.02, -0.04, 0.08, p=0.4, freedom=5.0, covers="patients and random initialisations", seeds=5,
        against_seeds=5, resampled=0.0001, between=0.0001, freedom_resampled=399.0,
    )  # fmt: skip
    made = design_of(score(found))
    assert made.seeds == 1
    assert made.power(0.2) > 0.8
    assert made.seeds_for(0.2) == 2


def test_words_and_table_say_the_same() -> None:
    found = Difference(
        0.01, -0.02, 0.04, p=0.4, freedom=20.0, covers="patients and training seeds", seeds=5,
        against_seeds=5, resampled=0.0001, between=0.0001, freedom_resampled=399.0,
    )  # fmt: skip
    made = design_of(score(found))
    told, table = power_sentence(score(found), 0.05), power_table(score(found), 0.05)
    assert f"from {made.patients_for(0.05)} patients with these 5 seeds" in told
    assert f"or from {made.seeds_for(0.05)} seeds with these 400 patients" in told
    assert table[0] == ("seeds", "power with 400 patients", "patients for 80 %")
    assert table[2][0] == "5"
    assert table[2][2] == str(made.patients_for(0.05))
    told = power_sentence(score(found))
    assert "a difference of the size seen (0.010 AUROC), neither more patients alone" in told


def test_what_has_no_interval_or_gain_is_refused() -> None:
    bare = replace(score(Difference(0.1, math.nan, math.nan)), difference={})
    with pytest.raises(RunError, match="no interval of a gain"):
        design_of(bare)
    for gain in (0.0, -0.1, math.inf, math.nan):
        with pytest.raises(ConfigError, match="give a positive number"):
            checked_gain(gain)
