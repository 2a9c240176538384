"""The probe against scikit-learn, on degenerate labels, and its speed-ups against the plain problem."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.preprocessing import StandardScaler

from tsrep.errors import DataError
from tsrep.evaluation.labels.linear_probe import fit_probe, validation_probe
from tsrep.evaluation.labels.metrics import metrics


def features_and_labels(n: int, dim: int, classes: int, *, seed: int = 0, multi: bool = False):
    """Correlated features of a low-dimensional source, as encoders give."""
    world, rng = np.random.default_rng(99), np.random.default_rng(seed)
    mix, weight = world.normal(size=(10, dim)), world.normal(size=(10, classes))
    source = rng.normal(size=(n, 10))
    x = (3 + np.maximum(source @ mix, -1) + 0.5 * rng.normal(size=(n, dim))).astype(np.float32)
    logit = source @ weight
    if multi:
        return x, logit + rng.logistic(size=logit.shape) > 1
    return x, (logit + rng.gumbel(size=logit.shape)).argmax(axis=1)


@pytest.mark.parametrize("n", [40, 400])  # fewer and more samples than features
@pytest.mark.parametrize("C", [0.01, 1.0])
@pytest.mark.parametrize("kind", ["binary", "multinomial", "one-vs-rest", "multi-label"])
def test_agrees_with_scikit_learn(kind, n, C):
    classes = 2 if kind == "binary" else 4
    x, y = features_and_labels(n, 60, classes, multi=kind == "multi-label")
    scheme = "one-vs-rest" if kind == "one-vs-rest" else "multinomial"
    probe = fit_probe(x, y, classes, C=(C,), scheme=scheme, tolerance=1e-8)
    # float64 features: the scaler would otherwise compute in float32
    scaler = StandardScaler().fit(x.astype(np.float64))
    model = LogisticRegression(C=C, solver="lbfgs", tol=1e-9, max_iter=20_000)
    if kind in ("one-vs-rest", "multi-label"):
        model = OneVsRestClassifier(model)
    model.fit(scaler.transform(x.astype(np.float64)), y)
    parts = model.estimators_ if hasattr(model, "estimators_") else [model]
    weight = np.concatenate([part.coef_ for part in parts]).T
    assert np.abs(probe.weight - weight).max() < 1e-5 * max(1, np.abs(weight).max())
    expected = model.predict_proba(scaler.transform(x.astype(np.float64)))
    assert np.abs(probe.predict(x) - expected).max() < 1e-5


def test_path_ends_where_each_penalty_alone_does():
    x, y = features_and_labels(300, 40, 3)
    held = features_and_labels(200, 40, 3, seed=1)
    chosen = fit_probe(x, y, 3, C=(0.001, 0.01, 0.1, 1.0), validation=held, tolerance=1e-8)
    alone = {c: fit_probe(x, y, 3, C=(c,), tolerance=1e-8) for c in (0.001, 0.01, 0.1, 1.0)}
    best = max(alone, key=lambda c: metrics(alone[c].predict(held[0]), held[1])["auroc"])
    assert best == chosen.C
    assert np.abs(chosen.weight - alone[best].weight).max() < 1e-5


def test_default_tolerance_is_close_to_the_optimum():
    x, y = features_and_labels(2000, 60, 5, multi=True)
    rough, exact = (fit_probe(x, y, 5, C=(1.0,), tolerance=t) for t in (1e-5, 1e-9))
    assert np.abs(rough.predict(x) - exact.predict(x)).max() < 1e-3


def test_classes_with_one_value_get_their_rate():
    x, y = features_and_labels(50, 8, 4, multi=True)
    y[:, 1], y[:, 3] = False, True
    prob = fit_probe(x, y, 4, C=(1.0,)).predict(x)
    assert (prob[:, 1] == 0).all()
    assert (prob[:, 3] == 1).all()
    assert np.ptp(prob[:, 0]) > 0.1


@pytest.mark.parametrize("scheme", ["multinomial", "one-vs-rest"])
@pytest.mark.parametrize("present", [[2], [1, 3], [0, 1, 4]])
def test_classes_without_labels_get_zero(present, scheme):
    x, y = features_and_labels(60, 8, len(present))
    prob = fit_probe(x, np.array(present)[y], 5, C=(1.0,), scheme=scheme).predict(x)
    assert prob.sum(axis=1) == pytest.approx(np.ones(60))
    assert (prob[:, np.setdiff1d(np.arange(5), present)] == 0).all()
    assert (np.array(present)[y] == prob.argmax(axis=1)).mean() > 0.6


def test_constant_and_duplicate_features_do_no_harm():
    x, y = features_and_labels(80, 6, 2)
    plain = fit_probe(x, y, 2, C=(0.1,)).predict(x)
    constant = np.column_stack([x, np.full(80, 3.3, np.float32)])
    assert fit_probe(constant, y, 2, C=(0.1,)).predict(constant) == pytest.approx(plain, abs=1e-4)
    doubled = np.column_stack([x, x])
    assert np.isfinite(fit_probe(doubled, y, 2, C=(0.1,)).predict(doubled)).all()


def test_validation_probe_is_near_the_full_one():
    x, y = features_and_labels(2000, 40, 5, multi=True)
    held = features_and_labels(800, 40, 5, seed=1, multi=True)
    exact = metrics(fit_probe(x, y, 5, C=(0.1,)).predict(held[0]), held[1])["auroc"]
    assert validation_probe(x, y, *held, 5) == pytest.approx(exact, abs=3e-3)
    assert np.isnan(validation_probe(x, y, held[0][:3], np.zeros((3, 5), bool), 5))


def test_without_a_defined_validation_score_the_last_penalty_is_taken():
    x, y = features_and_labels(50, 8, 2)
    assert fit_probe(x, y, 2, validation=(x[:4], np.zeros(4, int))).C == 1.0
    assert fit_probe(x, y, 2).C == 1.0


def test_refuses_bad_features():
    x, y = features_and_labels(20, 4, 2)
    with pytest.raises(DataError, match="no labelled samples"):
        fit_probe(x[:0], y[:0], 2)
    x[3, 1] = np.nan
    with pytest.raises(DataError, match="sample 3"):
        fit_probe(x, y, 2)


@pytest.mark.parametrize("multi", [False, True])
def test_features_that_say_nothing_give_the_rates(multi):
    y = np.array([0, 1, 1, 2, 1])
    target = np.eye(3, dtype=bool)[y] if multi else y
    prob = fit_probe(np.ones((5, 4), np.float32), target, 3, C=(1.0,)).predict(np.ones((2, 4)))
    assert prob == pytest.approx(np.tile([0.2, 0.6, 0.2], (2, 1)), abs=1e-4)


def test_one_labelled_sample_is_enough_to_answer():
    prob = fit_probe(np.ones((1, 4), np.float32), np.array([2]), 3).predict(np.zeros((2, 4)))
    assert np.array_equal(prob, [[0, 0, 1], [0, 0, 1]])
