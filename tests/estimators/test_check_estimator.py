"""sktime's own suite over all four estimators; none of its tests is left out."""

from __future__ import annotations

import pytest
from sktime.utils.estimator_checks import check_estimator

import tsrep.estimators

ESTIMATORS = {
    "ContrastiveEncoder": 300,
    "TimestepEncoder": 300,
    "ContrastiveClassifier": 200,
    "ContrastiveForecaster": 700,
}


@pytest.mark.filterwarnings("ignore")  # sktime warns of changes to come in its own code
@pytest.mark.parametrize(("name", "least"), ESTIMATORS.items())
def test_all_checks_pass(name: str, least: int) -> None:
    results = check_estimator(getattr(tsrep.estimators, name), raise_exceptions=False, verbose=False)
    assert {test: why for test, why in results.items() if why != "PASSED"} == {}
    assert len(results) >= least


@pytest.mark.parametrize("name", ESTIMATORS)
def test_nothing_is_left_out(name: str) -> None:
    cls = getattr(tsrep.estimators, name)
    assert not cls.get_class_tag("tests:skip_all")
    assert not cls.get_class_tag("tests:skip_by_name")
