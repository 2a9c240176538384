"""Regression on numeric targets: metrics, choice of the penalty, masks, refusals, a planted heart rate."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from sklearn.linear_model import Ridge as Reference
from sklearn.metrics import mean_absolute_error, r2_score, root_mean_squared_error

from tests.panels import cohort
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.protocols.labels import evaluate_features
from tsrep.evaluation.protocols.protocol import outcome
from tsrep.evaluation.protocols.regression import RidgeRegression
from tsrep.evaluation.protocols.regression_finetune import RegressionFineTuning
from tsrep.evaluation.scores import RANDOM_INIT, Score, Scores
from tsrep.evaluation.targets.evaluation import MEAN, TargetEvaluation, center_of, in_deciles
from tsrep.evaluation.targets.head import RegressionHead
from tsrep.evaluation.targets.ridge import fit_ridge
from tsrep.evaluation.targets.values import Errors, Values
from tsrep.registry import DATASETS
from tsrep.rng import initial_weights, numpy_generator, torch_generator
from tsrep.signals import Batch, Panel
from tsrep.splits.split import Split


def ages(missing: float = 0.0, seed: int = 0) -> tuple[Panel, Split, np.ndarray]:
    """A cohort with an age of each patient, its split, and features that carry it."""
    rng = numpy_generator(seed, "ages")
    panel = cohort(90)
    age = rng.normal(60, 12, panel.patient.max() + 1)[panel.patient].astype(np.float32)
    known = rng.random(len(panel)) >= missing
    target = np.stack([age, 2 * age - 9], axis=1)
    panel = replace(
        panel, target=np.where(known[:, None], target, np.nan), target_known=np.stack([known] * 2, axis=1),
        target_names=("age", "double"), target_units=("years", ""),
    )  # fmt: skip
    part = panel.patient % 4
    split = Split.make(panel, part < 2, part == 2, part == 3, how="by hand")
    features = rng.normal(size=(len(panel), 6)) * 5
    features[:, 2] += age
    return panel, split, features.astype(np.float32)


def scored(panel: Panel, split: Split, features: np.ndarray, **settings: Any) -> Scores:
    protocol = RidgeRegression(targets=settings.pop("targets", ("age",)))
    given = {"fractions": (1.0,), "seeds": 1, "n_bootstrap": 60} | settings
    random = numpy_generator(1, "noise").normal(size=(3, *features.shape)).astype(np.float32)
    methods: dict[str, Any] = {"trained": features, RANDOM_INIT: list(random)}
    return evaluate_features(methods, panel, split, protocols=[protocol], **given)


def of(scores: Scores, method: str = "trained", **where: Any) -> Score:
    return scores.where(method=method, unit="record", **where).scores[0]


def test_metrics_are_those_of_their_definitions_under_any_weights() -> None:
    rng = numpy_generator(0, "metrics")
    true, weight = rng.normal(50, 9, 40), rng.uniform(0.2, 3, 40)
    predicted = 0.6 * true + 11 + rng.normal(0, 4, 40)
    values = Values(predicted, true, np.arange(40), np.arange(40))
    found = {name: float(v[0]) for name, v in Errors(values, np.arange(40))(weight[:, None]).items()}
    moments = np.cov(true, predicted, aweights=weight)
    assert found == pytest.approx({
        "mae": mean_absolute_error(true, predicted, sample_weight=weight),
        "rmse": root_mean_squared_error(true, predicted, sample_weight=weight),
        "r2": r2_score(true, predicted, sample_weight=weight),
        "pearson": moments[0, 1] / np.sqrt(moments[0, 0] * moments[1, 1]),
        "slope": moments[0, 1] / moments[0, 0],
        "bias": np.average(predicted - true, weights=weight),
    })  # fmt: skip


def test_units_of_a_patient_share_their_weight() -> None:
    rng = numpy_generator(0, "patients")
    true, predicted = rng.normal(size=(2, 12))
    patient, weight = np.repeat(np.arange(4), 3), np.array([1.0, 2, 0.5, 0.1])
    values = Values(predicted, true, patient, np.arange(12))
    one = Errors(values, patient)(weight[:, None])
    each = Errors(values, np.arange(12))(weight[patient][:, None])
    assert {k: v[0] for k, v in one.items()} == pytest.approx({k: v[0] for k, v in each.items()})
    assert Errors(values, patient).freedom["mae"] == 3


def test_a_constant_prediction_has_no_correlation() -> None:
    values = Values(np.full(6, 3.0), np.arange(6.0), np.arange(6), np.arange(6))
    found = Errors(values, np.arange(6))(np.ones((6, 1)))
    assert np.isnan(found["pearson"][0])
    assert found["r2"][0] == pytest.approx(1 - (0.5**2 + np.var(np.arange(6.0))) / np.var(np.arange(6.0)))


def test_records_are_means_over_their_windows() -> None:
    values = Values(np.array([1.0, 3, 8]), np.array([2.0, 2, 5]), np.array([7, 7, 9]), np.array([4, 4, 2]))
    records = values.by_record()
    assert records.predicted.tolist() == [8, 2]
    assert records.true.tolist() == [5, 2]
    assert records.patient.tolist() == [9, 7]


def test_a_ridge_is_that_of_scikit_learn_and_held_out_patients_choose_its_penalty() -> None:
    rng = numpy_generator(0, "ridge")
    x = rng.normal(3, 2, size=(50, 8))
    y = x @ rng.normal(size=8) + rng.normal(0, 3, 50)
    group, penalties = np.arange(50) // 2, (1e-3, 0.1, 1.0, 30.0)
    held = rng.normal(3, 2, size=(20, 8)), rng.normal(size=20)
    found = fit_ridge(x, y, penalties, group=group, validation=held)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    other = (held[0] - x.mean(axis=0)) / x.std(axis=0)
    references = [Reference(alpha=50 * each).fit(scaled, y) for each in penalties]
    errors = [np.abs(each.predict(other) - held[1]).sum() for each in references]
    best = references[int(np.argmin(errors))]
    assert found.alpha == pytest.approx(best.alpha)
    np.testing.assert_allclose(found.predict(held[0]), best.predict(other), rtol=1e-9)
    weight, bias = found.linear_map()
    np.testing.assert_allclose(held[0] @ weight[0] + bias, best.predict(other), rtol=1e-9)


def test_more_features_than_samples_give_the_same_ridge() -> None:
    rng = numpy_generator(0, "wide")
    x, y = rng.normal(size=(12, 30)), rng.normal(size=12)
    found = fit_ridge(x, y, (0.5,), group=np.arange(12), validation=None)
    scaled = (x - x.mean(axis=0)) / x.std(axis=0)
    np.testing.assert_allclose(found.predict(x), Reference(alpha=6).fit(scaled, y).predict(scaled), rtol=1e-8)


def test_informative_features_beat_the_mean_and_the_control() -> None:
    scores = scored(*ages())
    good, control, mean = (of(scores, name) for name in ("trained", RANDOM_INIT, MEAN))
    assert good.metrics["pearson"].value > 0.8
    assert good.value < 0.7 * control.value
    assert good.gain is not None
    assert good.gain.high < 0  # an error: lower is better
    assert mean.role == "baseline"
    assert mean.metrics["r2"].value <= 0
    assert good.target == "age (years)"
    assert good.title == "ridge on frozen features"


def test_test_values_choose_nothing_and_permuted_ones_cannot_be_learned() -> None:
    panel, split, features = ages()
    altered = panel.target.copy()
    altered[split.test] = altered[np.random.default_rng(0).permutation(split.test)]
    one, other = (
        scored(replace(panel, target=target), split, features) for target in (panel.target, altered)
    )
    key = ("trained", "regression", 1.0, "all", "test", "age (years)")
    np.testing.assert_array_equal(one.values[key].predicted, other.values[key].predicted)
    shuffled = panel.target[np.random.default_rng(1).permutation(len(panel))]
    assert of(scored(replace(panel, target=shuffled), split, features)).metrics["r2"].low <= 0


def test_unknown_values_are_left_out_and_told() -> None:
    panel, split, features = ages(missing=0.3)
    scores = scored(panel, split, features)
    known = panel.target_known[split.test, 0].sum()
    assert of(scores).n == known
    assert "Samples without a known age are left out" in scores.notes[0]
    assert of(scores).metrics["pearson"].value > 0.8


def test_each_target_is_scored_by_itself_in_its_unit() -> None:
    scores = scored(*ages(), targets=None)
    one, two = (of(scores, target=name) for name in ("age (years)", "double"))
    assert two.value == pytest.approx(2 * one.value, rel=1e-4)
    assert two.metrics["r2"].value == pytest.approx(one.metrics["r2"].value, rel=1e-4)


def test_scores_and_values_are_read_as_they_were_written(tmp_path: Path) -> None:
    scores = scored(*ages())
    scores.save(tmp_path)
    read = Scores.load(tmp_path)
    assert read.to_json() == scores.to_json()
    for key, held in scores.values.items():
        np.testing.assert_array_equal(read.values[key].predicted, held.predicted)
    assert "target" in scores.to_table()[0]


def test_fewer_labels_are_drawn_across_the_deciles() -> None:
    panel, split, _ = ages()
    e = TargetEvaluation.of(LabelEvaluation(panel, split, seeds=1), 0)
    few = e.labelled(0.1, "patient")[0]
    assert set(e.panel.label[few]) == set(range(10))
    assert len(np.unique(panel.patient[few])) <= 20
    deciles = in_deciles(panel, 0, split.train).label[split.train]
    assert np.bincount(deciles).min() > 0.06 * len(deciles)


def test_patients_weigh_alike_in_the_center() -> None:
    assert center_of(np.array([0.0, 0, 0, 4]), np.array([1, 1, 1, 2])) == pytest.approx((2, 2))


@pytest.mark.parametrize(
    ("change", "targets", "error", "words"),
    [
        ({"target": None, "target_known": None, "target_names": (), "target_units": ()}, None, ConfigError,
         "has no numbers to predict; name some in dataset.targets"),
        ({}, ("aeg",), ConfigError, "there is no target 'aeg'"),
        ({"target_known": "test"}, None, DataError, "no age of the test part is known"),
        ({"target": 7.0}, None, DataError, "every known age of the training part is 7"),
    ],
)  # fmt: skip
def test_what_cannot_be_scored_is_refused_in_a_sentence(
    change: dict[str, Any], targets: Any, error: type[Exception], words: str
) -> None:
    panel, split, features = ages()
    if change.get("target_known") == "test":
        known = panel.target_known.copy()
        known[split.test] = False
        change = {"target_known": known}
    if change.get("target") == 7.0:
        change = {"target": np.full_like(panel.target, 7)}
    with pytest.raises(error, match=words):
        scored(replace(panel, **change), split, features, targets=targets)


def test_labels_that_are_not_known_do_not_matter() -> None:
    panel, split, features = ages()
    nothing = replace(panel, known=np.zeros(len(panel), bool))
    assert of(scored(nothing, split, features)).value == of(scored(panel, split, features)).value


def test_an_unknown_value_has_no_error_and_no_gradient() -> None:
    head = RegressionHead(1, 0, "mean", "l1", 0.0).eval()
    encoder = DilatedConv(1, hidden=2, dim=1, depth=1)
    x = torch.randn(3, 1, 8, generator=torch_generator(0))
    ids = torch.arange(3)
    target = torch.tensor([[1.0], [float("nan")], [2.0]])
    batch = Batch(x, ids, ids, ids, ids, ids, target=target)
    some = Batch(x[::2], *[ids[::2]] * 5, target=target[::2])
    one, other = (head(encoder, b, generator=torch_generator(0))["error"] for b in (batch, some))
    assert one.item() == pytest.approx(other.item())
    one.backward()
    assert head.linear.weight.grad.isfinite().all()


def test_fine_tuning_from_a_ridge_beats_the_mean_and_is_read_when_asked_again(tmp_path: Path) -> None:
    panel, split, _ = ages()
    x = panel.x + ((panel.target[:, :1, None] - 60) / 12).astype(np.float32)
    panel = replace(panel, store=x, row=np.arange(len(panel)), gain=np.ones((1, 1), np.float32))
    e = LabelEvaluation(panel, split, fractions=(1.0,), seeds=1, n_bootstrap=20, folder=tmp_path)

    def model() -> tuple[Any, Any]:
        with initial_weights(0, "encoder"):
            return DilatedConv(1, hidden=8, dim=8, depth=2), None

    protocol = RegressionFineTuning(
        targets=("age",), strategy="lp-ft", pooling="mean", dropout=0, epochs=1, min_steps=3, lr=1e-4
    )
    candidates = [Candidate("trained", "method", [model])]
    scores = outcome(protocol, candidates, e)
    assert of(scores).value < 0.65 * of(scores, MEAN).value
    again = outcome(protocol, candidates, e)  # from what was kept
    assert again.to_json() == scores.to_json()


def test_a_planted_heart_rate_is_recovered() -> None:
    settings = {"name": "ptb-xl-sim", "patients": 120, "records_per_patient": 2.0, "targets": ["heart_rate"]}
    panel = DATASETS.build(settings).load(None, progress=False)
    part = panel.patient % 10
    split = Split.make(panel, part < 5, part == 5, part > 5, how="by hand")
    steep = np.abs(np.diff(panel.with_channels(("II",)).x[:, 0])) ** 0.5  # QRS complexes
    power = np.abs(np.fft.rfft(steep - steep.mean(axis=1, keepdims=True), 2048)) ** 2
    related = np.fft.irfft(power)[:, 40:150]  # autocorrelation at lags of 0.4 to 1.5 s
    features = (related / power.mean(axis=1, keepdims=True)).astype(np.float32)
    scores = scored(panel, split, features, targets=("heart_rate",))
    assert of(scores).metrics["pearson"].value > 0.8
    assert of(scores).value < 0.65 * of(scores, MEAN).value
    assert of(scores).target == "heart_rate (1/min)"
