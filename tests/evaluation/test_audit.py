"""What an audit measures: planted identity, place, shortcut and leak, and none where none is planted."""

from __future__ import annotations

import sys
from importlib.util import module_from_spec, spec_from_file_location
from itertools import combinations
from pathlib import Path
from types import ModuleType

import numpy as np
import pytest

from tests.panels import make_panel
from tsrep.evaluation.audit.attributes import over_new_people, predicted_levels, predicted_numbers
from tsrep.evaluation.audit.identity import Galleries, recognise
from tsrep.evaluation.audit.membership import Attack, by_patient, likelihood_ratio
from tsrep.evaluation.audit.within import WithinStrata
from tsrep.evaluation.bootstrap import resampled_by
from tsrep.evaluation.bootstrap.means import Means
from tsrep.evaluation.labels.metrics import Scorer
from tsrep.signals.sketch import signal_vectors


@pytest.fixture(scope="module")
def benchmark() -> ModuleType:
    """The program that plants, as a module."""
    path = Path(__file__).parents[2] / "benchmarks" / "audit.py"
    spec = spec_from_file_location("audit_benchmark", path)
    assert spec is not None
    assert spec.loader is not None
    module = module_from_spec(spec)
    sys.modules["audit_benchmark"] = module
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize("name", ["identity", "site", "age shortcut", "membership"])
def test_what_is_planted_is_found_and_nothing_where_nothing_is(benchmark: ModuleType, name: str) -> None:
    plant, above = benchmark.PLANTS[name]
    assert benchmark.found_in(plant, True, 1) == [above]
    assert benchmark.found_in(plant, False, 1) == [not above]


def test_intervals_of_probes_cover_people_whom_they_are_fitted_on() -> None:
    level = np.random.default_rng(0).integers(0, 2, 60)
    prob = np.random.default_rng(1).random((60, 2))
    found = resampled_by([Scorer(prob, level, None, ("recall",))], 60, n_bootstrap=200, seed=0)
    wide = over_new_people(found)
    assert wide.value == found.value
    assert wide.variance("recall").resampled == pytest.approx(5 / 3 * found.variance("recall").resampled)


def test_vectors_of_patients_are_always_recognised() -> None:
    patient = np.array([0, 0, 1, 1, 1, 2, 3, 3])
    found = recognise(np.eye(4)[patient], Galleries.drawn(patient))
    assert found.size == 4
    assert found.nearer.shape == (20, 3)  # patient 2 has one recording and is in the gallery only
    assert (found.top(1) == 1).all()
    assert found.equal_error == 0


def test_equal_vectors_recognise_nobody() -> None:
    patient = np.repeat(np.arange(10), 2)
    found = recognise(np.ones((20, 3)), Galleries.drawn(patient))
    assert (found.nearer == 4.5).all()
    assert (found.top(1) == 0).all()
    np.testing.assert_allclose(found.above_others, 0.5)


def test_probe_and_gallery_are_two_recordings_of_one_patient() -> None:
    patient = np.random.default_rng(0).integers(0, 30, 90)
    chosen = Galleries.drawn(patient, draws=5)
    for probe, gallery in zip(chosen.probe, chosen.gallery, strict=True):
        assert (patient[gallery] == np.unique(patient)).all()
        assert (patient[gallery[chosen.own]] == patient[probe]).all()
        assert (gallery[chosen.own] != probe).all()


def test_smaller_galleries_are_all_their_parts() -> None:
    """The share over all parts of a gallery, by counting them."""
    rng = np.random.default_rng(1)
    patient = np.repeat(np.arange(6), 2)
    found = recognise(rng.normal(size=(12, 3)), Galleries.drawn(patient, draws=1))
    nearer = int(found.nearer[0, 0])
    parts = list(combinations(range(5), 2))  # others beside the own one, the first of them nearer
    expected = np.mean([all(other >= nearer for other in part) for part in parts])
    assert found.top(1, 3)[0, 0] == pytest.approx(expected)


def test_only_people_alike_count_among_people_alike() -> None:
    patient = np.array([0, 0, 1, 2, 2])
    x = np.array([[1.0, 0], [0.8, 0.6], [0.9, 0.44], [0, 1.0], [-1.0, 0]])
    alike = np.zeros((5, 5), bool)
    found = recognise(x, Galleries.drawn(patient), alike)
    assert np.isnan(found.top_matched).all()
    alike[:] = True
    found = recognise(x, Galleries.drawn(patient), alike)
    np.testing.assert_array_equal(found.top_matched, found.nearer < 0.5)


def test_pairs_within_strata_by_counting() -> None:
    rng = np.random.default_rng(2)
    score, label, stratum = rng.integers(0, 5, 40), rng.random(40) < 0.4, rng.integers(0, 3, 40)
    won, pairs = 0.0, 0
    for i in np.flatnonzero(label):
        for j in np.flatnonzero(~label & (stratum == stratum[i])):
            won += (score[i] > score[j]) + 0.5 * (score[i] == score[j])
            pairs += 1
    scorer = WithinStrata(score[:, None].astype(float), label[:, None], stratum, np.arange(40))
    assert scorer(np.ones((40, 1)))["auroc"][0] == pytest.approx(won / pairs)


def test_no_pair_within_strata_is_no_value() -> None:
    label = np.array([True, True, False, False])
    scorer = WithinStrata(np.arange(4.0)[:, None], label[:, None], label.astype(int), np.arange(4))
    assert np.isnan(scorer(np.ones((4, 1)))["auroc"][0])


def test_means_are_those_of_patients_with_a_value() -> None:
    sums, counts = np.array([[2.0, 1], [0, 0], [3, 4]]), np.array([[2.0, 1], [1, 0], [3, 1]])
    means = Means(sums, counts, ("a", "b"))
    assert means(np.ones((3, 1)))["a"][0] == pytest.approx(5 / 6)
    assert means(np.ones((3, 1)))["b"][0] == pytest.approx(2.5)
    assert means.freedom == {"a": 2, "b": 1}


def test_no_recording_is_predicted_by_a_head_that_saw_its_patient() -> None:
    """Noise of each patient tells the level of the patient only to who has seen another recording."""
    rng = np.random.default_rng(3)
    patient = np.repeat(np.arange(60), 3)
    level = rng.integers(0, 2, 60)[patient]
    x = 5 * np.eye(60)[patient] + 0.01 * rng.normal(size=(180, 60))
    right = predicted_levels(x, level, patient).argmax(axis=1) == level
    assert right.mean() < 0.75


def test_ages_are_predicted_where_a_dimension_follows_them() -> None:
    rng = np.random.default_rng(4)
    age, patient = rng.uniform(20, 80, 100), np.arange(100)
    x = np.column_stack([age + rng.normal(0, 2, 100), rng.normal(size=(100, 3))])
    assert np.abs(predicted_numbers(x, age, patient) - age).mean() < 3


def test_share_of_members_at_one_in_a_hundred_others() -> None:
    member = np.repeat([True, False], 200)
    score = np.concatenate([np.full(50, 10.0), np.zeros(150), np.full(2, 9.0), np.full(198, 1.0)])
    found = Attack(score, member)(np.ones((400, 1)))
    assert found["tpr"][0] == pytest.approx(0.25)
    assert found["auroc"][0] == pytest.approx(0.25)


def test_equal_scores_are_taken_together() -> None:
    found = Attack(np.ones(100), np.arange(100) < 50)(np.ones((100, 1)))
    assert found["tpr"][0] == 0


def test_likelihood_ratio_is_of_encoders_that_did_not_see_the_recording() -> None:
    scores = np.array([[5.0, 0], [1, 0], [3, 0], [9, 0]])
    member = np.array([[True, False], [False, False], [False, True], [True, True]])
    found = likelihood_ratio(scores, member)
    assert found[0, 0] > 0  # above the mean of 1 and 3; the 9 of another member is not compared
    assert np.isnan(found[2, 0])  # one other is left, which says nothing of the spread
    assert by_patient(np.array([1.0, 3, 2]), np.array([0, 0, 1])).tolist() == [3, 2]


def test_inner_products_of_signals_survive() -> None:
    panel = make_panel(records=30, channels=3, time=400)
    x = panel.x.reshape(30, 3, -1).astype(float)
    flat = (x - x.mean(axis=2, keepdims=True)).reshape(30, -1)
    exact, noisy = flat @ flat.T, np.asarray(signal_vectors(panel), float)
    length = np.sqrt(np.diag(exact))
    wrong = (noisy @ noisy.T - exact) / np.outer(length, length)
    assert noisy.shape[1] <= 512
    assert np.abs(wrong).max() < 0.25
    short = make_panel(records=4, channels=2, time=40)
    assert signal_vectors(short).shape == (4, 80)
