"""Heads for numbers: their interval, what is kept and read again, and what is predicted with them."""

from __future__ import annotations

import csv
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.evaluation.test_regression import ages, of
from tests.runs.predicting import ecg, predictor, record
from tsrep.api import predict
from tsrep.cli.predict import first_rows
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.pooling import POOLS
from tsrep.errors import RunError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.heads.facts import Estimate, FittedOn, Performance
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.heads.kept import keep_heads, load_heads
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.evaluation.heads.settings import HeadSettings
from tsrep.evaluation.heads.value_head import ValueHead, ValueInterval, fit_interval
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.protocols.labels import evaluate_features
from tsrep.evaluation.protocols.protocol import outcome
from tsrep.evaluation.protocols.regression import RidgeRegression
from tsrep.evaluation.protocols.regression_finetune import RegressionFineTuning
from tsrep.evaluation.scores import Scores
from tsrep.evaluation.targets.linear_value import LinearValue
from tsrep.rng import initial_weights, numpy_generator
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.predict.output import Destination
from tsrep.runs.predict.predict import predict_to
from tsrep.signals import Panel


@pytest.fixture(scope="module")
def kept() -> tuple[Panel, np.ndarray, Scores]:
    panel, split, features = ages()
    scores = evaluate_features(
        {"trained": features}, panel, split, protocols=[RidgeRegression()], fractions=(1.0,), seeds=1,
        n_bootstrap=40, heads=HeadSettings(),
    )  # fmt: skip
    return panel, features, scores


def test_an_interval_is_the_quantile_of_errors_of_patients_who_weigh_alike() -> None:
    error = np.arange(1.0, 20)
    found = fit_interval(100 + error, np.full(19, 100.0), np.arange(19), 0.9)
    assert found == ValueInterval(coverage=0.9, margin=18, records=19, patients=19)
    # the eighteenth of nineteen patients and one more; a patient with many records weighs no more
    patient = np.concatenate([np.arange(19), np.full(500, 18)])
    more = np.concatenate([error, np.full(500, 19.0)])
    assert fit_interval(more, np.zeros(519), patient, 0.9).margin == 18  # type: ignore[union-attr]
    assert fit_interval(error[:8], np.zeros(8), np.arange(8), 0.9) is None


def test_intervals_hold_new_values_as_often_as_they_state() -> None:
    rng, inside = numpy_generator(0, "intervals"), []
    for _ in range(300):
        error = np.abs(rng.standard_t(3, 60))
        found = fit_interval(error, np.zeros(60), np.arange(60), 0.8)
        assert found is not None
        inside.append(np.mean(np.abs(rng.standard_t(3, 60)) <= found.margin))
    assert np.mean(inside) == pytest.approx(0.8, abs=0.02)


def test_each_number_has_a_head_that_gives_the_scored_values_when_read_again(
    kept: tuple[Panel, np.ndarray, Scores], tmp_path: Path
) -> None:
    panel, features, scores = kept
    assert list(scores.heads) == ["regression-age-1-0", "regression-double-1-0"]
    keep_heads(scores.heads, tmp_path)
    heads = load_heads(tmp_path)
    assert list(heads) == list(
        scores.heads
    )  # the best of each number; the first is taken unless one is named
    head, score = heads["regression-age-1-0"], of(scores, target="age (years)")
    assert isinstance(head, ValueHead)
    values = scores.values[(*score.key, score.target)]
    test = np.flatnonzero(np.isin(panel.trial, values.trial))
    np.testing.assert_array_equal(head.values(features[test], panel.trial[test]), values.predicted)
    assert (head.target, head.unit, head.answers) == ("age", "years", "age (years)")
    assert head.interval is not None
    assert head.interval.coverage == 0.9
    assert head.fitted_on.class_counts == ()
    assert score.of_head["mae"] == score.metrics["mae"]
    assert 0.5 < score.of_head["coverage"].value <= 1
    assert head.quality == -head.validation.metrics["mae"].value  # type: ignore[union-attr, operator]
    with pytest.raises(RunError, match=r"predicts age \(years\); load it by another class"):
        Head.load(tmp_path, head.name)


def test_the_best_of_each_question_is_kept_and_classes_come_first(tmp_path: Path) -> None:
    def value(name: str, target: str, mae: float) -> KeptHead:
        held = Performance(
            part="validation", records=9, patients=9,
            metrics={"mae": Estimate(value=mae, low=None, high=None)},
        )  # fmt: skip
        model = LinearValue(np.ones((1, 2)), 0.0)
        return ValueHead(
            name=name, classifier=model, pool="max", fitted_on=FITTED, target=target, validation=held
        )

    probe = predictor().head()
    probe = replace(probe, fitted_on=FITTED)
    heads = {
        h.name: h for h in (value("a", "age", 3.0), value("b", "age", 2.0), value("c", "bmi", 9.0), probe)
    }
    keep_heads(heads, tmp_path)
    assert list(load_heads(tmp_path)) == ["probe-1-0", "b", "c"]


FITTED = FittedOn(
    protocol="regression", fraction=1, subsample_by="all", seed=0, labelled="", samples=1, records=1,
    patients=1, class_counts=(),
)  # fmt: skip


def test_too_few_patients_and_none_are_told() -> None:
    panel, split, features = ages()
    few = replace(split, validation=split.validation[np.isin(panel.patient[split.validation], (2, 6))])
    given: dict[str, Any] = {"protocols": [RidgeRegression(targets=("age",))], "fractions": (1.0,)}
    given |= {"seeds": 1, "n_bootstrap": 10, "heads": HeadSettings()}
    scores = evaluate_features({"m": features}, panel, few, **given)
    assert scores.notes == (
        "Head regression-age-1-0 has no interval, as the validation part has 2 patients; a coverage of 0.9 "
        "takes 9.",
    )
    scores = evaluate_features({"m": features}, panel, split, part="validation", **given)
    assert "no validation patients are left" in scores.notes[0]


def test_a_tuned_head_brings_its_encoder(tmp_path: Path) -> None:
    panel, split, _ = ages()
    x = panel.x + ((panel.target[:, :1, None] - 60) / 12).astype(np.float32)
    panel = replace(panel, store=x, row=np.arange(len(panel)), gain=np.ones((1, 1), np.float32))
    e = LabelEvaluation(
        panel, split, fractions=(1.0,), seeds=1, n_bootstrap=20, folder=tmp_path, heads=HeadSettings()
    )

    def model() -> tuple[Any, Any]:
        with initial_weights(0, "encoder"):
            return DilatedConv(1, hidden=4, dim=4, depth=1), None

    protocol = RegressionFineTuning(targets=("age",), epochs=1, min_steps=3)
    scores = outcome(protocol, [Candidate("trained", "method", [model])], e)
    scores.heads["regression-finetune-age-1-0"].save(tmp_path)
    head = ValueHead.load(tmp_path, "regression-finetune-age-1-0")
    tuned = head.encoder(model()[0])
    test = panel.select(np.flatnonzero(panel.patient % 4 == 3))
    found = head.values(embed(tuned, test, pool=POOLS[head.pool]), test.trial)
    score = of(scores)
    np.testing.assert_allclose(found, scores.values[(*score.key, score.target)].predicted, rtol=1e-5)


def loaded(interval: ValueInterval | None) -> LoadedEncoder:
    """An encoder of random weights with a head for a number."""
    plain = predictor()
    before = plain.head()
    model = LinearValue(np.linspace(-1, 1, 16)[None], 60.0)
    head = ValueHead(
        name="regression-age-1-0", classifier=model, pool="max-mean", fitted_on=before.fitted_on,
        target="age", unit="years", interval=interval,
    )  # fmt: skip
    return replace(plain, heads={head.name: head})


def test_numbers_are_predicted_with_unit_and_interval(tmp_path: Path) -> None:
    for k in range(2):
        record(tmp_path / "in" / f"r{k}", 10, seed=k)
    (tmp_path / "in" / "r1.dat").unlink()
    encoder = loaded(ValueInterval(coverage=0.9, margin=7.5, records=9, patients=9))
    out = tmp_path / "p.csv"
    facts = predict_to(Destination(out, windows=False), encoder, tmp_path / "in")
    with out.open(encoding="utf-8", newline="") as stream:
        rows = list(csv.DictReader(stream))
    windows = (ecg(10).reshape(2, 4, 250).transpose(1, 0, 2) / 1000 - 0.1) / 0.3
    z = encoder.encoder(torch.from_numpy(windows.astype(np.float32)))
    features = POOLS["max-mean"](z).detach().numpy()
    value = float(encoder.head().classifier.predict(features).mean())
    assert list(rows[0])[:7] == ["record", "patient", "status", "prediction", "unit", "low", "high"]
    assert float(rows[0]["prediction"]) == pytest.approx(value, rel=1e-6)
    assert (rows[0]["unit"], rows[1]["prediction"], rows[1]["status"]) == ("years", "", "failed")
    ends = float(rows[0]["low"]), float(rows[0]["high"])
    assert ends == pytest.approx((value - 7.5, value + 7.5))
    first, second = first_rows(out)
    assert first == f"  r0: {value:.4g} years [{value - 7.5:.4g}, {value + 7.5:.4g}]"
    assert second.startswith("  r1: ")
    said = facts["head"]
    assert (said["predicts"], said["target"], said["unit"]) == ("value", "age", "years")
    assert said["interval"]["margin"] == 7.5
    table = predict(loaded(None), tmp_path / "in", windows=True)
    assert [c.name for c in table.columns] == [
        "record", "window", "start_seconds", "stop_seconds", "prediction", "unit",
    ]  # fmt: skip
    assert table["prediction"].mean() == pytest.approx(value, rel=1e-6)
    with pytest.raises(KeyError, match="no probabilities"):
        _ = table.probabilities


def test_known_numbers_stand_beside_predicted_ones_on_request() -> None:
    x = np.stack([ecg(2.5, seed=k) for k in range(3)]).astype(np.float32) / 1000
    panel = Panel.from_arrays(
        x, label=np.zeros((3, 0), bool), classes=(), patient=np.arange(3), sfreq=100.0, unit="mV",
        channels=predictor().contract.channels, target=np.array([[50.0], [60], [70]], np.float32),
        target_known=np.array([[True], [False], [True]]), target_names=("age",), target_units=("years",),
        modality="ecg",
    )  # fmt: skip
    table = predict(loaded(None), panel, with_targets=True)
    np.testing.assert_array_equal(table["age"], [50, np.nan, 70])
    assert np.isfinite(table["prediction"]).all()


def test_a_number_is_not_exported_as_classes() -> None:
    with pytest.raises(RunError, match=r"predicts age \(years\), a number, and this takes a head for"):
        loaded(None).head().of_classes()
