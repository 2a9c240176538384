"""Calibration of records against closed forms, scikit-learn and what must not change."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.optimize import minimize
from scipy.special import expit, softmax
from sklearn.isotonic import IsotonicRegression

from tsrep.evaluation.heads.calibration import Calibration, Floor, fit_calibration
from tsrep.evaluation.labels.metrics import metrics, positives
from tsrep.evaluation.predictions import Predictions

KINDS = ("temperature", "vector", "isotonic")


def records(logit: np.ndarray, target: np.ndarray) -> Predictions:
    prob = expit(logit) if target.ndim == 2 else softmax(logit, axis=1)
    return Predictions(prob, target, np.arange(len(prob)), np.arange(len(prob)))


def drawn(multilabel: bool, n: int = 600, classes: int = 4, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Logits, and targets that come true with their probabilities."""
    rng = np.random.default_rng(seed)
    logit = rng.normal(size=(n, classes)) * 1.5 - 0.5
    if multilabel:
        return logit, rng.random(logit.shape) < expit(logit)
    return logit, (softmax(logit, axis=1).cumsum(axis=1) > rng.random((n, 1))).argmax(axis=1)


def log_loss(prob: np.ndarray, target: np.ndarray) -> float:
    flags = positives(target, prob.shape[1])
    of_class = np.where(flags, np.log(prob), np.log1p(-prob) if target.ndim == 2 else 0.0)
    return -float(of_class.sum(axis=1).mean())


def one(temperature: float, classes: int, multilabel: bool) -> Calibration:
    return Calibration(
        kind="temperature",
        multilabel=multilabel,
        temperature=(temperature,) * classes,
        bias=(0.0,) * classes,
        steps=(None,) * classes,
    )


@pytest.mark.parametrize("multilabel", [False, True])
def test_a_temperature_of_one_changes_no_bit(multilabel: bool) -> None:
    on = records(*drawn(multilabel))
    assert one(1.0, 4, multilabel)(on.prob) is on.prob


@pytest.mark.parametrize("multilabel", [False, True])
def test_logits_multiplied_by_three_are_restored(multilabel: bool) -> None:
    logit, target = drawn(multilabel)
    plain = fit_calibration("temperature", records(logit, target))
    tripled = fit_calibration("temperature", records(3 * logit, target))
    assert plain is not None
    assert tripled is not None
    ratio = np.array(tripled.temperature) / plain.temperature
    assert np.allclose(ratio, 3, atol=1e-4)
    assert np.allclose(plain.temperature, 1, atol=0.25)  # 600 records
    restored = tripled(records(3 * logit, target).prob)
    assert np.allclose(restored, plain(records(logit, target).prob), atol=1e-6)


@pytest.mark.parametrize("multilabel", [False, True])
def test_the_temperature_is_the_best_of_a_grid(multilabel: bool) -> None:
    logit, target = drawn(multilabel, n=300)
    on = records(2.2 * logit, target)
    found = fit_calibration("temperature", on)
    assert found is not None
    grid = np.exp(np.linspace(-0.5, 2, 2501))
    if multilabel:
        for c in range(4):
            loss = [log_loss(expit(2.2 * logit[:, c : c + 1] / t), target[:, c : c + 1]) for t in grid]
            assert found.temperature[c] == pytest.approx(grid[int(np.argmin(loss))], rel=2e-3)
    else:
        loss = [log_loss(softmax(2.2 * logit / t, axis=1), target) for t in grid]
        assert len(set(found.temperature)) == 1
        assert found.temperature[0] == pytest.approx(grid[int(np.argmin(loss))], rel=2e-3)


@pytest.mark.parametrize("kind", ["temperature", "vector"])
@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("seed", range(4))
def test_the_log_loss_of_what_it_was_fitted_on_never_rises(kind: str, multilabel: bool, seed: int) -> None:
    rng = np.random.default_rng(seed)
    logit, target = drawn(multilabel, n=int(rng.integers(60, 200)), seed=seed)
    on = records(logit * rng.uniform(0.2, 5) + rng.normal(size=4), target)
    found = fit_calibration(kind, on)  # type: ignore[arg-type]
    assert found is not None
    assert log_loss(found(on.prob), target) <= log_loss(on.prob, target) + 1e-12


@pytest.mark.parametrize("multilabel", [False, True])
def test_a_temperature_leaves_ranks_and_decisions(multilabel: bool) -> None:
    logit, target = drawn(multilabel)
    on = records(4 * logit, target)
    found = fit_calibration("temperature", on)
    assert found is not None
    after = found(on.prob)
    if multilabel:
        assert np.array_equal(np.argsort(after, axis=0), np.argsort(on.prob, axis=0))
        assert metrics(after, target)["auroc"] == metrics(on.prob, target)["auroc"]
    else:
        assert np.array_equal(np.argsort(after, axis=1), np.argsort(on.prob, axis=1))
        assert np.allclose(after.sum(axis=1), 1)
    assert metrics(after, target)["accuracy"] == metrics(on.prob, target)["accuracy"]


def test_two_exclusive_classes_keep_their_auroc() -> None:
    logit, target = drawn(False, classes=2)
    on = records(4 * logit, target)
    found = fit_calibration("temperature", on)
    assert found is not None
    assert metrics(found(on.prob), target)["auroc"] == metrics(on.prob, target)["auroc"]


@pytest.mark.parametrize("multilabel", [False, True])
def test_calibrated_probabilities_of_new_records_come_true(multilabel: bool) -> None:
    logit, target = drawn(multilabel, n=3000)
    found = fit_calibration("temperature", records(3 * logit, target))
    new, truth = drawn(multilabel, n=3000, seed=1)
    on = records(3 * new, truth)
    assert found is not None
    before, after = metrics(on.prob, truth)["ece"], metrics(found(on.prob), truth)["ece"]
    assert before > 0.08
    assert after < 0.03


def test_rare_classes_share_a_temperature() -> None:
    logit, target = drawn(True)
    target[:, 0] = False
    target[:19, 0] = True  # one short of a temperature of its own
    found = fit_calibration("temperature", records(logit, target))
    assert found is not None

    def loss(log: np.ndarray) -> float:
        return log_loss(expit(logit / np.exp(log[0])), target)

    pooled = np.exp(minimize(loss, [0.0], method="Nelder-Mead", options={"xatol": 1e-8}).x[0])
    assert found.temperature[0] == pytest.approx(pooled, rel=1e-5)
    assert all(abs(t - found.temperature[0]) > 1e-3 for t in found.temperature[1:])
    target[19, 0] = True
    own = fit_calibration("temperature", records(logit, target))
    assert own is not None
    assert abs(own.temperature[0] - pooled) > 1e-2


def test_vector_scaling_of_several_labels_is_platt_scaling() -> None:
    from sklearn.linear_model import LogisticRegression

    logit, target = drawn(True)
    on = records(2 * logit + 1, target)
    found = fit_calibration("vector", on)
    assert found is not None
    for c in range(4):
        plain = LogisticRegression(C=np.inf, tol=1e-10, max_iter=1000)
        plain.fit(2 * logit[:, c : c + 1] + 1, target[:, c])
        assert 1 / found.temperature[c] == pytest.approx(plain.coef_[0, 0], rel=1e-4)
        assert found.bias[c] == pytest.approx(plain.intercept_[0], abs=1e-4)


def test_vector_scaling_of_exclusive_classes_restores_shifted_priors() -> None:
    logit, target = drawn(False, n=4000)
    shift = np.array([1.0, -1.0, 0.5, -0.5])
    found = fit_calibration("vector", records(logit + shift, target))
    assert found is not None
    assert np.allclose(found.temperature, 1, atol=0.1)
    assert np.allclose(found.bias, -shift, atol=0.15)
    mean = found(records(logit + shift, target).prob).mean(axis=0)
    assert np.allclose(mean, np.bincount(target) / 4000, atol=1e-4)  # the score equation of a bias


def test_a_bias_takes_fifty_records() -> None:
    logit, target = drawn(True)
    for number, biased in ((49, False), (50, True)):
        target[:, 2] = np.arange(600) < number
        found = fit_calibration("vector", records(logit, target))
        assert found is not None
        assert (found.bias[2] != 0) == biased


def test_isotonic_regression_is_that_of_scikit_learn_with_ties_averaged() -> None:
    logit, target = drawn(True)
    on = Predictions(expit(logit).round(2), target, np.arange(600), np.arange(600))
    target[:, 3] = np.arange(600) < 99  # one short
    found = fit_calibration("isotonic", on)
    assert found is not None
    after = found(on.prob)
    for c in range(3):
        plain = IsotonicRegression(y_min=0, y_max=1, out_of_bounds="clip")
        assert np.allclose(after[:, c], plain.fit_transform(on.prob[:, c], target[:, c]))
        assert np.all(np.diff(after[np.argsort(on.prob[:, c]), c]) >= 0)
    assert found.steps[3] is None
    assert np.array_equal(np.argsort(after[:, 3]), np.argsort(on.prob[:, 3]))


def test_isotonic_regression_of_exclusive_classes_adds_up_to_one() -> None:
    logit, target = drawn(False, n=800)
    found = fit_calibration("isotonic", records(2 * logit, target))
    assert found is not None
    new = records(2 * drawn(False, seed=5)[0], drawn(False, seed=5)[1])
    after = found(new.prob)
    assert np.allclose(after.sum(axis=1), 1)
    assert ((after >= 0) & (after <= 1)).all()


@pytest.mark.parametrize("kind", KINDS)
@pytest.mark.parametrize("multilabel", [False, True])
def test_probabilities_of_zero_and_one_are_taken(kind: str, multilabel: bool) -> None:
    """Votes of neighbours are often unanimous, and sometimes wrong."""
    logit, target = drawn(multilabel, n=300)
    on = records(logit, target)
    prob = np.where(on.prob < 0.15, 0.0, np.where(on.prob > 0.85, 1.0, on.prob))
    prob = prob if multilabel else prob / prob.sum(axis=1, keepdims=True)
    found = fit_calibration(kind, Predictions(prob, target, on.patient, on.trial))  # type: ignore[arg-type]
    assert found is not None
    after = found(prob)
    assert np.isfinite(after).all()
    assert ((after >= 0) & (after <= 1)).all()
    assert metrics(after, target)["ece"] < metrics(prob, target)["ece"] + 0.02
    assert found.floor.low == prob[prob > 0].min() / 2


def test_probabilities_without_exact_zeros_are_not_clipped() -> None:
    assert Floor.of(np.array([[1e-200, 0.5]])).low == Floor().low


def test_an_encoder_that_knows_all_is_not_sharpened_without_end() -> None:
    logit = np.where(np.eye(2, dtype=bool)[np.arange(80) % 2], 4.0, -4.0)
    found = fit_calibration("temperature", records(logit, np.arange(80) % 2))
    assert found is not None
    assert found.temperature[0] == pytest.approx(np.exp(-3))


def test_none_is_none() -> None:
    assert fit_calibration("none", records(*drawn(False))) is None
