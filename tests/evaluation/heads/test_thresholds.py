"""Thresholds against their definitions, written out."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from pydantic import TypeAdapter, ValidationError

from tests.panels import make_panel
from tsrep.errors import ConfigError
from tsrep.evaluation.heads.rules import Rule, RuleText
from tsrep.evaluation.heads.settings import HeadSettings
from tsrep.evaluation.heads.thresholds import Thresholds, choose_thresholds
from tsrep.evaluation.predictions import Predictions

SHARES = np.array([0.3, 0.5])


def records(n: int = 200, seed: int = 0, digits: int = 2, per_patient: int = 1) -> Predictions:
    """Two labels, with probabilities that are often equal."""
    rng = np.random.default_rng(seed)
    target = rng.random((n, 2)) < 0.35
    prob = np.clip(0.35 + 0.2 * target + rng.normal(scale=0.2, size=(n, 2)), 0, 1).round(digits)
    return Predictions(prob, target, np.arange(n) // per_patient, np.arange(n))


def values(found: Thresholds) -> list[float]:
    return [each.value for each in found.classes if each is not None]


def chosen(rule: str, on: Predictions, n_bootstrap: int = 100) -> Thresholds:
    return choose_thresholds(Rule.of(rule), on, SHARES, n_bootstrap=n_bootstrap)


def rates(prob: np.ndarray, target: np.ndarray, at: float) -> dict[str, float]:
    decided = prob >= at
    hits, misses, alarms = (int(x.sum()) for x in (target & decided, target & ~decided, ~target & decided))
    return {
        "sensitivity": float(decided[target].mean()),
        "specificity": float((~decided[~target]).mean()),
        "f1": 2 * hits / (2 * hits + misses + alarms),
        "share": float(decided.mean()),
        "misses": misses,
        "alarms": alarms,
    }


CRITERIA: dict[str, Callable[[dict[str, float], int], float]] = {
    "f1": lambda r, _c: r["f1"],
    "youden": lambda r, _c: r["sensitivity"] + r["specificity"],
    "prior": lambda r, c: -abs(r["share"] - SHARES[c]),
    "cost=5:1": lambda r, _c: -(5 * r["misses"] + r["alarms"]),
    "cost=1:2.5": lambda r, _c: -(r["misses"] + 2.5 * r["alarms"]),
}


@pytest.mark.parametrize("rule", CRITERIA)
@pytest.mark.parametrize("seed", range(3))
def test_no_threshold_does_better(rule: str, seed: int) -> None:
    on = records(seed=seed)
    every = np.linspace(-0.005, 1.005, 102)  # between all probabilities, which have two digits
    for c, at in enumerate(values(chosen(rule, on))):
        reached = [CRITERIA[rule](rates(on.prob[:, c], on.target[:, c], t), c) for t in every]
        own = CRITERIA[rule](rates(on.prob[:, c], on.target[:, c], at), c)
        assert own == pytest.approx(max(reached), abs=1e-12)
        above = [r for r, t in zip(reached, every, strict=True) if t > at]
        assert all(r < own for r in above)  # of equals the highest


@pytest.mark.parametrize("wanted", [0.8, 0.95, 1.0])
def test_the_highest_threshold_that_reaches_a_sensitivity(wanted: float) -> None:
    on = records()
    for c, at in enumerate(values(chosen(f"sensitivity={wanted}", on))):
        assert rates(on.prob[:, c], on.target[:, c], at)["sensitivity"] >= wanted
        assert rates(on.prob[:, c], on.target[:, c], at + 1e-9)["sensitivity"] < wanted


@pytest.mark.parametrize("wanted", [0.8, 0.95, 1.0])
def test_the_lowest_threshold_that_reaches_a_specificity(wanted: float) -> None:
    on = records()
    for c, at in enumerate(values(chosen(f"specificity={wanted}", on))):
        assert rates(on.prob[:, c], on.target[:, c], at)["specificity"] >= wanted
        lower = on.prob[:, c][on.prob[:, c] < at].max()
        assert rates(on.prob[:, c], on.target[:, c], lower)["specificity"] < wanted


def test_a_class_that_is_never_worth_an_alarm_is_never_decided_on() -> None:
    on = records()
    prob = np.where(~on.target & (on.prob > 0.5), 1.0, on.prob)  # the surest are wrong
    found = values(chosen("cost=0.001:1", Predictions(prob, on.target, on.patient, on.trial)))
    assert not (prob >= found).any()


def test_twenty_of_twenty_reach_exactly_the_sensitivity_that_is_asked_for() -> None:
    """19 of 20 are 0.95, whatever the rounding of sums."""
    prob = np.linspace(0.01, 0.99, 40)
    target = np.arange(40) >= 20
    on = Predictions(np.stack([prob, prob], axis=1), np.stack([target, target], axis=1), *[np.arange(40)] * 2)
    assert values(chosen("sensitivity=0.95", on)) == [prob[21]] * 2


def test_a_given_number_is_taken() -> None:
    found = chosen("0.2", records())
    assert [(t.value, t.rule, t.part, t.low) for t in found.classes if t] == [(0.2, "0.2", "", None)] * 2
    assert not any(t.too_few for t in found.classes if t)


@pytest.mark.parametrize("lacking", [False, True])
def test_too_few_records_take_one_half(lacking: bool) -> None:
    on = records()
    for number, value in ((9, 0.5), (10, None)):
        target = on.target.copy()
        target[:, 1] = (np.arange(200) < number) ^ lacking
        first, second = chosen("f1", Predictions(on.prob, target, on.patient, on.trial)).classes
        assert first is not None
        assert second is not None
        assert not first.too_few
        assert second.too_few == (value is not None)
        assert (second.value == 0.5) == (value is not None)
        assert second.positives == (200 - number if lacking else number)


def test_intervals_are_over_patients_and_hold_the_value() -> None:
    apart, together = records(), records()
    for per in (1, 20):
        patient = np.repeat(np.arange(200), per)
        on = Predictions(
            *(np.repeat(a, per, axis=0) for a in (apart.prob, apart.target)), patient, np.arange(200 * per)
        )
        found = chosen("youden", on, n_bootstrap=400)
        for threshold in found.classes:
            assert threshold is not None
            assert threshold.low is not None
            assert threshold.high is not None
            assert threshold.low <= threshold.value <= threshold.high
            assert threshold.high - threshold.low > 0.02
        if per == 1:
            together = found
    # twenty copies of each record say nothing new of patients
    assert [(t.low, t.high) for t in found.classes if t] == [(t.low, t.high) for t in together.classes if t]  # type: ignore[attr-defined]


def test_one_patient_has_no_interval() -> None:
    on = records()
    (first, _) = chosen("f1", Predictions(on.prob, on.target, np.zeros(200, int), on.trial)).classes
    assert first is not None
    assert first.low is None


def test_of_two_exclusive_classes_the_second_has_the_threshold() -> None:
    on = records(seed=1)
    target = on.target[:, 1].astype(int)
    prob = np.stack([1 - on.prob[:, 1], on.prob[:, 1]], axis=1)
    found = chosen("sensitivity=0.9", Predictions(prob, target, on.patient, on.trial))
    assert found.classes[0] is None
    (at,) = values(found)
    decided = found.decide(prob)
    assert np.array_equal(decided, (prob[:, 1] >= at).astype(int))
    assert decided[target == 1].mean() >= 0.9
    assert values(chosen("sensitivity=0.9", on))[1] == at


def test_several_labels_are_decided_on_one_by_one() -> None:
    on = records()
    found = chosen("f1", on)
    assert np.array_equal(found.decide(on.prob), on.prob >= values(found))


@pytest.mark.parametrize(
    "text",
    [
        "f2",
        "sensitivity",
        "sensitivity=1.5",
        "f1=0.5",
        "cost=5",
        "cost=5:0",
        "1.5",
        "",
        "-0.1",
        "best",
        "cost=a:b",
    ],
)
def test_rules_that_mean_nothing_are_refused(text: str) -> None:
    with pytest.raises(ValidationError, match="it is no rule for thresholds; write f1, youden"):
        TypeAdapter(RuleText).validate_python(text)


@pytest.mark.parametrize(
    "given", ["f1", "youden", "prior", 0.5, "0.5", ".3", 1, "specificity=0.99", "cost=2:1"]
)
def test_rules_that_are_taken(given: Any) -> None:
    assert TypeAdapter(RuleText).validate_python(given) == str(given)


def test_three_exclusive_classes_have_no_thresholds() -> None:
    panel = make_panel()
    two, several = (np.arange(12) % 2), np.eye(3, dtype=bool)[panel.label]
    with pytest.raises(ConfigError, match=r"evaluation\.thresholds is f1, and of 3 exclusive classes"):
        HeadSettings(thresholds="f1").refuse_unfit(panel)
    HeadSettings().refuse_unfit(panel)
    HeadSettings(thresholds="f1").refuse_unfit(replace(panel, label=several))
    HeadSettings(thresholds="f1").refuse_unfit(replace(panel, label=two, classes=panel.classes[:2]))
