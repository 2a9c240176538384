"""Methods that are compared as a family: Holm's correction, the primary contrast, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from tests.evaluation.test_bootstrap import cohort
from tsrep.errors import DataError
from tsrep.evaluation.comparison import compare_methods, holm
from tsrep.evaluation.predictions import Predictions


def test_holm_by_hand() -> None:
    p = [0.01, 0.04, 0.03, 0.5, math.nan]
    assert holm(p) == pytest.approx([0.04, 0.09, 0.09, 0.5, math.nan], nan_ok=True)
    assert holm(p, primary=1) == pytest.approx([0.03, 0.04, 0.06, 0.5, math.nan], nan_ok=True)


def test_methods_are_compared_as_a_family() -> None:
    def seeds(skill: float) -> list[Predictions]:
        base = cohort(0, patients=60)
        made = [cohort(s, patients=60, skill=0.0).prob for s in range(3)]
        flags = np.eye(3)[base.target]
        probs = [np.exp(np.log(p) + skill * flags) for p in made]
        return [
            Predictions(p / p.sum(axis=1, keepdims=True), base.target, base.patient, base.trial)
            for p in probs
        ]

    methods = {"random": seeds(0.0), "good": seeds(1.5), "same": [seeds(0.0)[i] for i in (1, 2, 0)]}
    contrasts = [("good", "random"), ("good", "same"), ("same", "random")]
    found = compare_methods(methods, contrasts, primary=("good", "random"), n_bootstrap=100)
    assert [(c.one, c.two) for c in found] == contrasts
    assert [c.primary for c in found] == [True, False, False]
    assert found[0].adjusted_p == found[0].difference.p < 0.05
    assert found[1].adjusted_p == pytest.approx(2 * found[1].difference.p)
    assert found[2].difference.low <= 0 <= found[2].difference.high
    with pytest.raises(DataError, match="random - good is none of the contrasts"):
        compare_methods(methods, contrasts, primary=("random", "good"))
    with pytest.raises(DataError, match="no predictions of other"):
        compare_methods(methods, [("good", "other")])
    with pytest.raises(DataError, match="3 predictions of good are not 2 for each encoder"):
        compare_methods(methods, contrasts, label_draws=2)
    strangers = [replace(each, patient=each.patient + 1000) for each in methods["good"]]
    with pytest.raises(DataError, match="random was scored on other patients, records or targets than good"):
        compare_methods(methods | {"good": strangers}, contrasts)
