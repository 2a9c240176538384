"""The SVM of the UCR/UEA protocol against scikit-learn written out, its folds and its decisions."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import StratifiedKFold, cross_val_score
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.labels import svm as module
from tsrep.evaluation.labels.rbf_svm import _deciding
from tsrep.evaluation.labels.svm import SVM_C, fit_logistic, fit_svm, label_folds
from tsrep.evaluation.protocols.labels import evaluate_features
from tsrep.signals.panel import Panel
from tsrep.splits.split import Split


def blobs(n: int, classes: int, seed: int = 0, skill: float = 1.2) -> tuple[np.ndarray, np.ndarray]:
    rng = np.random.default_rng(seed)
    label = np.arange(n) % classes
    return skill * np.eye(classes)[label] @ rng.normal(size=(classes, 6)) + rng.normal(size=(n, 6)), label


@pytest.mark.parametrize(("n", "classes"), [(60, 2), (90, 3), (81, 4)])
def test_equals_scikit_learn_written_out(n, classes):
    x, y = blobs(n, classes)
    test, _ = blobs(200, classes, seed=1)
    literal = [
        cross_val_score(SVC(C=c, gamma="scale", kernel="rbf"), x, y, cv=StratifiedKFold(5)).mean()
        for c in (1e-4, 1e-3, 1e-2, 1e-1, 1.0, 1e1, 1e2, 1e3, 1e4, 1e8)
    ]
    model = fit_svm(x, y, classes)
    assert SVM_C[int(np.argmax(literal))] == model.C
    prob = model.predict(test)
    assert np.allclose(prob.sum(axis=1), 1)
    expected = SVC(C=model.C, gamma="scale").fit(x, y).predict(test)
    assert np.array_equal(prob.argmax(axis=1), expected)


def test_few_samples_choose_nothing():
    for n, classes in ((49, 2), (48, 12), (54, 11)):  # fewer than 50, and fewer than 5 a class
        x, y = blobs(n, classes)
        assert label_folds(y) == []
        assert fit_svm(x, y, classes).C == 1e8
        assert fit_logistic(x, y, classes).C == 1.0
    assert len(label_folds(blobs(50, 10)[1])) == 5


def test_decision_wins_over_the_largest_score():
    prob = np.array([[0.5, 0.3, 0.2], [0.2, 0.3, 0.5]])
    assert _deciding(prob, np.array([1, 2])).tolist() == [[0.3, 0.5, 0.2], [0.2, 0.3, 0.5]]


def test_labels_that_are_missing_from_the_fit():
    x, y = blobs(60, 2)
    prob = fit_svm(x, np.where(y == 1, 3, 1), 5).predict(x)
    assert (prob[:, [0, 2, 4]] == 0).all()
    assert (prob.argmax(axis=1) == np.where(y == 1, 3, 1)).mean() > 0.8
    only = fit_svm(x, np.full(60, 2), 4).predict(x[:3])
    assert only.tolist() == [[0, 0, 1, 0]] * 3


def test_a_patient_stays_in_one_fold():
    x, y = blobs(200, 2)
    patient = np.repeat(np.arange(100), 2)
    y = y[patient]
    for fitted, held in label_folds(y, patient):
        assert not set(patient[fitted]) & set(patient[held])
    alone = label_folds(y, np.arange(200))
    plain = StratifiedKFold(5).split(x, y)
    assert all(np.array_equal(a[1], b[1]) for a, b in zip(alone, plain, strict=True))
    assert label_folds(y[:90], patient[:90]) == []  # 45 patients


def test_rare_classes_do_not_stop_the_folds():
    y = np.repeat([0, 1, 2], [40, 40, 1])
    assert len(label_folds(y)) == 5
    assert fit_svm(np.random.default_rng(0).normal(size=(81, 3)), y, 3).predict(np.zeros((1, 3))).shape == (
        1,
        3,
    )


def test_many_samples_are_thinned_by_class():
    x, y = blobs(300, 3)
    y = np.where(np.arange(300) < 30, 1, 0)
    kept = module._thinned(y, 100)
    assert len(kept) == 100
    assert y[kept].sum() == 10
    assert np.array_equal(module._thinned(y, 300), np.arange(300))
    assert len(fit_svm(x, y, 2, largest=60, C=(1.0,)).support) <= 60


def test_logistic_regression_chooses_by_the_same_folds():
    x, y = blobs(90, 3, skill=0.7)
    probe = fit_logistic(x, y, 3, C=(0.01, 1.0))
    scores = []
    for c in (0.01, 1.0):
        right = []
        for fitted, held in StratifiedKFold(5).split(x, y):
            scaler = StandardScaler().fit(x[fitted])
            model = LogisticRegression(C=c, tol=1e-8, max_iter=10_000).fit(
                scaler.transform(x[fitted]), y[fitted]
            )
            right.append((model.predict(scaler.transform(x[held])) == y[held]).mean())
        scores.append(np.mean(right))
    assert (0.01, 1.0)[int(np.argmax(scores))] == probe.C
    whole = LogisticRegression(C=probe.C, tol=1e-9, max_iter=10_000)
    prob = whole.fit(StandardScaler().fit_transform(x), y).predict_proba(StandardScaler().fit_transform(x))
    assert np.allclose(probe.predict(x), prob, atol=1e-3)


def test_refusals():
    x, y = blobs(60, 2)
    for fit in (fit_svm, fit_logistic):
        with pytest.raises(DataError, match="no labelled samples"):
            fit(x[:0], y[:0], 2)
        with pytest.raises(DataError, match="features of sample 3 are not finite"):
            fit(np.where(np.arange(60)[:, None] == 3, np.nan, x), y, 2)
        with pytest.raises(DataError, match="one class per sample"):
            fit(x, np.eye(2, dtype=bool)[y], 2)


def problem() -> tuple[Panel, Split]:
    n = 150
    panel = Panel.from_arrays(
        np.zeros((n, 1, 2), np.float32), label=np.arange(n) % 3, patient=np.arange(n), sfreq=1
    )
    third = np.arange(n) // 3 % 3
    return panel, Split.make(panel, third == 0, third == 1, third == 2, how="thirds")


@pytest.mark.parametrize("protocol", ["svm", "logistic"])
def test_validation_labels_are_fitted_on_and_test_labels_are_not(protocol):
    panel, split = problem()
    x = (2 * np.eye(3)[panel.label] + np.random.default_rng(0).normal(size=(150, 3))).astype(np.float32)
    features = {"m": x, "random initialisation": [x + s for s in range(2)]}

    def scored(of: Panel, **more):
        return evaluate_features(
            features, of, split, protocols=(protocol,), fractions=(1.0,), seeds=2,
            n_bootstrap=20, **more,
        )  # fmt: skip

    one = scored(panel)
    (row,) = one.where(method="m")
    assert (row.details["labelled"], row.n, row.against) == (102, 48, "random initialisation")
    assert {s.method for s in one} == {"majority", "m", "random initialisation"}
    fit = fit_svm if protocol == "svm" else fit_logistic
    both = np.sort(np.concatenate([split.train, split.validation]))
    literal = fit(x[both], panel.label[both], 3).predict(x[split.test])
    key = ("m", protocol, 1.0, "all", "test")
    assert np.allclose(one.predictions[key].prob, literal)
    for part, matters in ((split.test, False), (split.validation, True)):
        label = panel.label.copy()
        label[part] = (label[part] + 1) % 3
        other = scored(replace(panel, label=label)).predictions[key].prob
        assert np.array_equal(one.predictions[key].prob, other) != matters
    held = scored(panel, part="validation")
    assert held.where(method="m").scores[0].details["labelled"] == 51


def test_multilabel_panels_are_refused():
    panel, split = problem()
    multi = replace(panel, label=np.eye(3, dtype=bool)[panel.label])
    with pytest.raises(ConfigError, match="svm needs one class per sample"):
        evaluate_features({"m": np.zeros((150, 2))}, multi, split, protocols=("svm",))
