from __future__ import annotations

import pickle
from typing import Any

import numpy as np
import pandas as pd
import pytest
from sklearn.base import clone
from sktime.datasets import load_airline

from tests.estimators.signals import HEAD, SMALL, frame, waves
from tsrep.errors import ConfigError, DataError
from tsrep.estimators import TimestepEncoder, with_ids


def encoder(**changes: Any) -> TimestepEncoder:
    return TimestepEncoder(**{**SMALL, **changes})


def test_a_series_keeps_its_index() -> None:
    y = load_airline()
    table = encoder().fit_transform(y)
    assert table.shape == (144, 4)
    pd.testing.assert_index_equal(table.index, y.index, check_names=False)
    assert table.columns.tolist() == ["z0", "z1", "z2", "z3"]


def test_containers_give_the_same_numbers() -> None:
    x = waves()[0]
    model = encoder().fit(x)
    array, table = model.transform(x), model.transform(frame(list(x)))
    assert array.shape == (12, 4, 24)
    np.testing.assert_array_equal(table.to_numpy(), array.transpose(0, 2, 1).reshape(-1, 4))


def test_equal_settings_give_equal_bits_through_pickle_and_file(tmp_path: Any) -> None:
    x = waves()[0]
    model = encoder().fit(x)
    again = clone(model).fit(x)
    stored = TimestepEncoder.load(model.save(tmp_path / "encoder"))
    pickled = pickle.loads(pickle.dumps(model))
    for other in (again, stored, pickled):
        np.testing.assert_array_equal(model.transform(x), other.transform(x))
    assert stored.get_params() == model.get_params()


def test_unequal_lengths_and_rows_in_any_order() -> None:
    x = waves()[0]
    model = encoder().fit(x)
    rows = frame([x[0], x[1, :, :9]])
    both = model.transform(rows)
    alone = model.transform(frame([x[1, :, :9]]))
    np.testing.assert_allclose(both.loc[1], alone.loc[0], atol=1e-6)
    pd.testing.assert_index_equal(both.index, rows.index)


@pytest.mark.parametrize(
    ("name", "sizes"),
    [("dilated-conv", SMALL["encoder_params"]), ("resnet1d", {"width": 4, "dim": 4})],
)
def test_with_a_context_nothing_comes_from_the_future(name: str, sizes: dict[str, int]) -> None:
    x = waves()[0]
    model = encoder(encoder=name, encoder_params=sizes, objective="simclr", objective_params=HEAD, context=8)
    model.fit(x)
    other = x.copy()
    other[:, :, 15:] = 50.0
    before, after = model.transform(x), model.transform(other)
    np.testing.assert_allclose(before[:, :, :15], after[:, :, :15], atol=1e-5)
    assert not np.allclose(before[:, :, 15], after[:, :, 15])


def test_without_a_context_each_step_sees_both_sides() -> None:
    x = waves()[0]
    model = encoder().fit(x)
    other = x.copy()
    other[:, :, 15:] = 50.0
    assert not np.allclose(model.transform(x)[:, :, 14], model.transform(other)[:, :, 14])


@pytest.mark.parametrize(
    ("context", "message"),
    [
        (None, "resnet1d gives a vector for every 4 steps"),
        (2, "context is 2, but a window of context"),
        (7.5, "context is 7.5; give a whole number"),
    ],
)
def test_steps_without_a_vector_are_told_before_training(context: Any, message: str) -> None:
    x = waves()[0]
    settings = {"encoder": "resnet1d", "encoder_params": {"width": 4, "dim": 4}, "context": context}
    with pytest.raises(ConfigError, match=message):
        encoder(**settings).fit(x)


def test_missing_steps_stay_out_of_the_others() -> None:
    x = waves()[0]
    x[:, 0, 5] = np.nan
    model = encoder().fit(x)
    other = x.copy()
    other[:, 1, 5] = 9.0
    np.testing.assert_array_equal(model.transform(x), model.transform(other))


def test_groups_train_one_encoder() -> None:
    x = with_ids(waves()[0], patient=np.repeat(range(3), 4))
    model = encoder().fit(x)
    assert not hasattr(model, "transformers_")
    assert model.transform(x).shape == (12 * 24, 4)


def test_other_channels_are_refused() -> None:
    with pytest.raises(DataError, match="the estimator was fitted on ch0, ch1"):
        encoder().fit(waves()[0]).transform(waves(channels=1)[0])
