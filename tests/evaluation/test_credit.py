"""Partial credit of the 2021 challenge: its weights, a case by hand, its scale, and masks."""

from __future__ import annotations

import hashlib
from dataclasses import replace

import numpy as np
import pytest

from tsrep.datasets.ecg.scored_classes import OFFICIAL, scored_classes
from tsrep.errors import ConfigError
from tsrep.evaluation.labels.credit import NORMAL, PLACES, Credit
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.metrics import Scorer, metrics
from tsrep.evaluation.protocols.labels import evaluate_features
from tsrep.signals import Panel
from tsrep.splits.split import Split

CLASSES = tuple(each.name for each in OFFICIAL)
PUBLISHED = "900729f5add52429c0f6090616e07b95ddf887af24db7efd4697151d24e9ba83"
FOUR = ("NSR", "AF", "AFL", "QAb")


def of_challenge(true: np.ndarray, decided: np.ndarray, names: tuple[str, ...] = FOUR) -> float:
    scorer = Scorer(
        decided.astype(float), true, names=["accuracy"], credit=Credit.of("challenge-2021", names)
    )
    return float(scorer(np.ones((len(true), 1)))["credit"][0])


def test_the_weights_are_the_published_ones() -> None:
    """The digest is of the published table, whose rows and columns are in this order."""
    spelled = {"LBBB": "CLBBB", "RBBB": "CRBBB"}
    order = sorted(CLASSES, key=lambda name: spelled.get(name, name))
    weights = Credit.of("challenge-2021", order).weights
    np.testing.assert_array_equal(weights, weights.T)
    np.testing.assert_array_equal(np.diag(weights), 1)
    assert weights[~np.eye(26, dtype=bool)].max() == 0.5
    told = ",".join(f"{each:.4f}" for each in weights.ravel())
    assert hashlib.sha256(told.encode()).hexdigest() == PUBLISHED


def test_every_class_of_the_loader_has_a_place() -> None:
    for merge in ("official", "harmonised"):
        assert {each.name for each in scored_classes(merge)} <= PLACES.keys()


def test_a_case_by_hand() -> None:
    true = np.array([[1, 0, 0, 0], [0, 1, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]], bool)
    decided = np.array([[1, 0, 0, 0], [0, 0, 1, 0], [0, 1, 0, 0], [0, 0, 0, 1]], bool)
    # right; flutter for fibrillation shares among two; one of two found; nothing true
    earned = 1 + 0.5 / 2 + (1 + 0.4) / 2 + 0
    most = 1 + 1 + (1 + 0.4 + 0.4 + 1) / 2 + 0
    inactive = 1 + 0.25 / 2 + (0.25 + 0.15) / 3 + 0
    assert of_challenge(true, decided) == pytest.approx((earned - inactive) / (most - inactive))


def test_its_scale_and_what_each_recording_weighs() -> None:
    rng = np.random.default_rng(0)
    true, decided = rng.random((2, 60, 26)) < 0.15
    normal = np.zeros_like(true)
    normal[:, CLASSES.index(NORMAL)] = True
    assert of_challenge(true, true, CLASSES) == pytest.approx(1)
    assert of_challenge(true, normal, CLASSES) == 0
    assert of_challenge(true, true & False, CLASSES) < 0  # deciding on nothing is worse than normal
    assert of_challenge(normal, decided, CLASSES) == 0  # the true classes earn no more than the normal one
    # literally: a confusion matrix of all pairs, each recording weighing one over its classes
    weights = Credit.of("challenge-2021", CLASSES).weights

    def total(chosen: np.ndarray) -> float:
        confusion = np.zeros((26, 26))
        for one, other in zip(true, chosen, strict=True):
            confusion += np.outer(one, other) / max((one | other).sum(), 1)
        return float((confusion * weights).sum())

    expected = (total(decided) - total(normal)) / (total(true) - total(normal))
    assert of_challenge(true, decided, CLASSES) == pytest.approx(expected)


def test_what_is_not_known_earns_nothing_and_costs_nothing() -> None:
    rng = np.random.default_rng(1)
    true, decided, known = rng.random((3, 40, 4)) < 0.5
    credit = Credit.of("challenge-2021", FOUR)
    values = [
        Scorer(chosen.astype(float), flags, known=known, credit=credit)(np.ones((40, 1)))["credit"]
        for flags, chosen in ((true, decided), (true ^ ~known, decided ^ ~known))
    ]
    assert values[0] == values[1]


def test_scores_have_it_with_an_interval_beside_all_others() -> None:
    rng = np.random.default_rng(2)
    x = rng.normal(size=(160, 6))
    label = (x[:, :4] + 0.6 * rng.normal(size=(160, 4))) > 0.6
    patient = np.arange(160) // 2
    panel = Panel.from_arrays(
        np.zeros((160, 1, 4), np.float32), label=label, patient=patient, sfreq=1.0, classes=FOUR
    )
    split = Split.make(panel, patient % 4 < 2, patient % 4 == 2, patient % 4 == 3, how="by hand")
    settings = {"protocols": ["probe"], "fractions": (1.0,), "seeds": 1, "n_bootstrap": 50}
    plain, scores = (
        evaluate_features({"mine": x}, panel, split, credit=credit, **settings)
        for credit in (None, "challenge-2021")
    )
    one, two = (found.where(method="mine", unit="record").scores[0] for found in (plain, scores))
    found = two.metrics["credit"]
    assert found.low < found.value < found.high <= 1
    assert {name: each for name, each in two.metrics.items() if name != "credit"} == one.metrics
    kept = scores.predictions[two.key]
    assert found.value == pytest.approx(of_challenge(kept.target, kept.prob >= 0.5))
    assert "credit" not in metrics(kept.prob, kept.target)
    odd = LabelEvaluation(replace(panel, classes=("NSR", "AF", "AFL", "MI")), split, credit="challenge-2021")
    with pytest.raises(ConfigError, match=r"knows no class 'MI'.*cinc2021"):
        odd.refuse_unlabelled()
    odd = LabelEvaluation(replace(panel, classes=("SB", "AF", "AFL", "PR")), split, credit="challenge-2021")
    with pytest.raises(ConfigError, match="always deciding on NSR, which is no class of the data"):
        odd.refuse_unlabelled()
    single = replace(panel, label=label.argmax(axis=1))
    with pytest.raises(ConfigError, match="those of the data have one each"):
        LabelEvaluation(single, split, credit="challenge-2021").refuse_unlabelled()
