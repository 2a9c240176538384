"""Classes that some samples say nothing about are fitted and scored on the samples that state them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.errors import DataError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.labels.apart import fit_apart
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.metrics import Scorer, classes_scored, metrics
from tsrep.evaluation.labels.neighbours import fit_neighbours
from tsrep.evaluation.predictions import Predictions, load_predictions, save_predictions
from tsrep.evaluation.protocols.attention import AttentionPooled
from tsrep.evaluation.protocols.finetune import FineTuning
from tsrep.evaluation.protocols.knn import NearestNeighbours
from tsrep.evaluation.protocols.labels import evaluate_features
from tsrep.rng import initial_weights
from tsrep.signals import Panel
from tsrep.splits.split import Split

N = 240


@pytest.fixture(scope="module")
def drawn():
    rng = np.random.default_rng(0)
    x = rng.normal(size=(N, 5))
    label = (x[:, :3] + 0.7 * rng.normal(size=(N, 3))) > 0
    known = np.ones((N, 3), bool)
    known[: N // 2, 1] = False  # one half, as a cohort, says nothing of the second class
    known[N // 2 :, 2] = False
    return x, label, known


def test_metrics_are_those_of_the_known_units(drawn):
    _, label, known = drawn
    prob = np.random.default_rng(1).random((N, 3))
    found = metrics(prob, label, known)
    each = [metrics(prob[known[:, [c]].ravel()][:, [c]], label[known[:, c]][:, [c]]) for c in range(3)]
    for name in ("auroc", "auprc", "precision", "recall", "f1"):
        assert found[name] == pytest.approx(np.mean([one[name] for one in each]))
    decided = (prob >= 0.5) == label
    assert found["accuracy"] == pytest.approx(decided[known].mean())
    assert found["brier"] == pytest.approx(((prob - label) ** 2)[known].mean())
    assert found["exact_match"] == pytest.approx((decided | ~known).all(axis=1).mean())


def test_what_is_unknown_has_no_influence(drawn):
    x, label, known = drawn
    prob = np.random.default_rng(1).random((N, 3))
    turned = np.where(known, label, ~label)
    assert metrics(prob, label, known) == metrics(prob, turned, known)
    group = np.arange(N) // 3
    weight = np.random.default_rng(2).random((N // 3, 4))
    one, other = (Scorer(prob, y, group, known=known) for y in (label, turned))
    for name, values in one(weight).items():
        np.testing.assert_array_equal(values, other(weight)[name])
    assert one.freedom == other.freedom
    fits = [fit_probe(x, y, 3, known=(known, None)).predict(x) for y in (label, turned)]
    np.testing.assert_array_equal(*fits)


def test_a_mask_of_ones_changes_nothing(drawn):
    x, label, known = drawn
    prob = np.random.default_rng(1).random((N, 3))
    ones = np.ones_like(known)
    assert metrics(prob, label, ones) == metrics(prob, label)
    masked = fit_probe(x, label, 3, C=(1.0,), known=(ones, None))
    plain = fit_probe(x, label, 3, C=(1.0,))
    np.testing.assert_allclose(masked.predict(x), plain.predict(x), atol=1e-6)
    assert classes_scored(label, 3, ones) == 3
    assert classes_scored(label, 3, ones & [True, False, True]) == 2


def test_each_class_is_fitted_on_the_samples_that_state_it(drawn):
    x, label, known = drawn
    probe = fit_probe(x, label, 3, C=(1.0,), known=(known, None))
    for c in range(3):
        rows = known[:, c]
        standardised = probe.standardiser(x)
        own = fit_probe(standardised[rows], label[rows][:, [c]], 1, C=(1.0,))
        # the features of the part are standardised anew, which the penalty notices a little
        gap = np.abs(probe.predict(x)[:, c] - own.predict(standardised)[:, 0])
        assert gap.max() < 0.03
    held = fit_probe(x, label, 3, C=(0.001, 1.0), validation=(x, label), known=(known, known))
    assert held.C == 1.0


@pytest.fixture(scope="module")
def panel(drawn):
    _, label, known = drawn
    return Panel.from_arrays(
        np.zeros((N, 1, 4), np.float32), label=label, patient=np.arange(N) // 2, sfreq=1.0, known=known
    )


def divided(panel):
    part = np.arange(N) // 2 % 4
    return Split.make(panel, part < 2, part == 2, part == 3, how="test")


def test_partly_known_samples_are_scored_by_the_probe(drawn, panel):
    x, _, known = drawn
    scores = evaluate_features({"mine": x}, panel, divided(panel), protocols=["probe"], n_bootstrap=50)
    score = next(s for s in scores if s.method == "mine" and s.fraction == 1)
    test = np.flatnonzero(np.arange(N) // 2 % 4 == 3)
    assert score.n == len(test)
    assert score.classes_scored == 3
    assert score.metrics["auroc"].value > 0.75
    kept = scores.predictions[score.key]
    np.testing.assert_array_equal(kept.known, known[test])
    again = metrics(kept.prob, kept.target, kept.known)
    assert score.metrics["auroc"].value == pytest.approx(again["auroc"])


@pytest.mark.parametrize("protocol", [NearestNeighbours(), AttentionPooled(heads=1, C=(1.0,), steps=40)])
def test_other_protocols_use_the_classes_that_samples_state(drawn, panel, protocol):
    x, label, known = drawn
    found = [
        evaluate_features(
            {"mine": x.astype(np.float32)}, replace(panel, label=y), divided(panel), protocols=[protocol],
            fractions=(1.0,), seeds=1, n_bootstrap=20,
        )
        for y in (label, np.where(known, label, ~label))
    ]  # fmt: skip
    assert found[0].to_json() == found[1].to_json()
    score = found[0].where(method="mine").scores[0]
    assert score.classes_scored == 3
    assert score.value > 0.65


def test_classes_of_the_same_samples_are_fitted_together(drawn):
    x, label, known = drawn
    calls = []

    def fit(x, y, classes, *, group, validation):
        calls.append((len(x), classes, None if validation is None else len(validation[0])))
        return fit_neighbours(x, y, classes, validation=validation)

    held = x[:30], label[:30]
    model = fit_apart(fit, x, label, 3, group=np.arange(N), validation=held, known=(known, known[:30]))
    assert set(calls) == {(N // 2, 1, 30), (N // 2, 1, None), (N, 1, 30)}
    own = fit_neighbours(x[N // 2 :], label[N // 2 :, [1]], 1)
    np.testing.assert_array_equal(model.predict(x)[:, [1]], own.predict(x))
    calls.clear()
    together = fit_apart(fit, x, label, 3, group=np.arange(N), validation=None, known=(None, None))
    assert calls == [(N, 3, None)]
    np.testing.assert_array_equal(together.predict(x), fit_neighbours(x, label, 3).predict(x))
    known = known & (np.arange(3) != 1)
    silent = fit_apart(fit, x, label, 3, group=np.arange(N), validation=None, known=(known, None))
    assert not silent.predict(x)[:, 1].any()


@pytest.mark.parametrize("strategy", ["full", "lp-ft"])
def test_fine_tuning_learns_and_chooses_on_what_is_stated(drawn, panel, strategy):
    x, label, known = drawn
    store = np.repeat(x[:, :, None], 4, axis=2).astype(np.float32)

    def model():
        with initial_weights(0, "encoder"):
            return DilatedConv(channels=5, hidden=4, dim=8, depth=1), None

    found = []
    for y in (label, np.where(known, label, ~label)):
        signals = Panel.from_arrays(store, label=y, patient=panel.patient, sfreq=1.0, known=known)
        evaluation = LabelEvaluation(signals, divided(panel), fractions=(1.0,), seeds=1, n_bootstrap=20)
        head = {"name": "supervised", "head": "linear"}
        protocol = FineTuning(head=head, strategy=strategy, epochs=12, min_steps=0, batch_size=32, lr=2e-2)
        found.append(protocol.evaluate([Candidate("m", "method", [model])], evaluation)[0])
    assert found[0].to_json() == found[1].to_json()
    assert found[0].where(method="m").scores[0].value > 0.6


def test_a_class_that_no_training_sample_states_is_refused(panel):
    known = panel.known.copy()
    known[divided(panel).train, 2] = False
    evaluation = LabelEvaluation(replace(panel, known=known), divided(panel))
    with pytest.raises(DataError, match=r"no training sample states whether it has 2, .*labels: common"):
        evaluation.refuse_unlabelled()


def test_masks_are_kept_with_predictions(tmp_path, drawn):
    _, label, known = drawn
    ids = np.arange(N)
    given = Predictions(np.full((N, 3), 0.5), label, ids, ids, known)
    key = ("a", "probe", 1.0, "all", "test")
    save_predictions(tmp_path / "p.npz", {key: given})
    np.testing.assert_array_equal(load_predictions(tmp_path / "p.npz")[key].known, known)
    assert given.of(ids[:5]).known.shape == (5, 3)
