"""sktime's own suite over all estimators, in parts that workers share; none of its checks is left out.

The second of an estimator's two small settings takes the checks alone whose outcome settings can change:
what is fitted, kept and predicted. The others look at the class, its tags and how it takes its input.
"""

from __future__ import annotations

from functools import cache

import pytest
from sktime.utils.estimator_checks import check_estimator

import tsrep.estimators

# fewest results in each part of the checks; a check gives one for each kind of data
PARTS = {
    "ContrastiveEncoder": (75, 80),
    "TimestepEncoder": (75, 80),
    "ContrastiveClassifier": (35, 45, 50),
    "ContrastiveForecaster": (55, 140, 60, 35, 45, 30),
}
SLOW = (  # in different parts
    "test_update_predict_predicted_index",
    "test_predict_time_index",
    "test_predict_time_index_with_X",
    "test_hierarchical_with_exogenous",
    "test_predict_interval",
    "test_fit_idempotent",
    "test_non_state_changing_method_contract",
    "test_methods_have_no_side_effects",
    "test_persistence_via_pickle",
    "test_save_estimators_to_file",
    "test_deepcopy_fitted_predict",
)
OF_SETTINGS = {
    "test_classifier_output",
    "test_clone",
    "test_fit_idempotent",
    "test_fit_transform_output",
    "test_hierarchical_with_exogenous",
    "test_persistence_via_pickle",
    "test_pretrain_state_transitions",
    "test_predict_quantiles",
    "test_save_estimators_to_file",
    "test_score",
    "test_set_params",
    "test_update_predict_single",
}


@cache
def checks(name: str) -> list[str]:
    """Names of all checks that sktime has for an estimator, slow ones first."""
    from sktime.tests.test_class_register import get_test_classes_for_obj

    suites = get_test_classes_for_obj(getattr(tsrep.estimators, name))
    found = {check for suite in suites for check in dir(suite) if check.startswith("test")}
    return sorted(found, key=lambda check: (SLOW.index(check) if check in SLOW else len(SLOW), check))


@pytest.mark.filterwarnings("ignore")  # sktime warns of changes to come in its own code
@pytest.mark.parametrize(
    ("name", "part"),
    [
        pytest.param(name, part, marks=[pytest.mark.long] if part else [])
        for name in PARTS
        for part in range(len(PARTS[name]))
    ],
)
def test_all_checks_pass(name: str, part: int) -> None:
    results = passed(name, 0, checks(name)[part :: len(PARTS[name])])
    assert len(results) >= PARTS[name][part]


@pytest.mark.long
@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("name", PARTS)
def test_checks_that_settings_can_change_pass_with_others(name: str) -> None:
    chosen = [check for check in checks(name) if check in OF_SETTINGS]
    assert len(chosen) >= 6
    passed(name, 1, chosen)


def passed(name: str, settings: int, chosen: list[str]) -> dict[str, str]:
    """Results of checks of an estimator with the settings of that number, all of which pass."""
    estimator = getattr(tsrep.estimators, name).create_test_instances_and_names()[0][settings]
    results = check_estimator(estimator, raise_exceptions=False, tests_to_run=chosen, verbose=False)
    assert {test: why for test, why in results.items() if why != "PASSED"} == {}
    assert {test.split("[")[0] for test in results} == set(chosen)
    return dict(results)


@pytest.mark.parametrize("name", PARTS)
def test_nothing_is_left_out(name: str) -> None:
    cls = getattr(tsrep.estimators, name)
    assert not cls.get_class_tag("tests:skip_all")
    assert not cls.get_class_tag("tests:skip_by_name")
    assert len(checks(name)) >= 45
    assert len(cls.get_test_params()) == 2
