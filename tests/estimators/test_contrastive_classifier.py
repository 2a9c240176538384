from __future__ import annotations

import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression
from sklearn.model_selection import GridSearchCV, KFold
from sklearn.preprocessing import StandardScaler

from tests.estimators.signals import HEAD, SMALL, frame, waves
from tsrep.errors import ConfigError, DataError
from tsrep.estimators import ContrastiveClassifier, ContrastiveEncoder

SETTINGS = {**SMALL, "objective_params": HEAD}
TUNING = {"finetune": True, "finetune_params": {"epochs": 2, "min_steps": 8}}


def classifier(**changes: Any) -> ContrastiveClassifier:
    return ContrastiveClassifier(**{**SETTINGS, **changes})


def test_the_probe_is_a_logistic_regression_on_the_embeddings() -> None:
    x, y = waves(n=30)
    found = classifier().fit(x, y).predict_proba(x)
    z = StandardScaler().fit_transform(ContrastiveEncoder(**SETTINGS).fit_transform(x).to_numpy(np.float64))
    expected = LogisticRegression(tol=1e-8, max_iter=1000).fit(z, y).predict_proba(z)
    np.testing.assert_allclose(found, expected, atol=2e-3)


@pytest.mark.parametrize("changes", [{}, TUNING])
def test_equal_settings_give_equal_bits_through_pickle_and_file(
    changes: dict[str, Any], tmp_path: Path
) -> None:
    x, y = waves()
    model = classifier(**changes).fit(x, y)
    stored = ContrastiveClassifier.load(model.save(tmp_path / "model.zip"))
    for other in (clone(model).fit(x, y), stored, pickle.loads(pickle.dumps(model))):
        np.testing.assert_array_equal(model.predict_proba(x), other.predict_proba(x))
        np.testing.assert_array_equal(model.predict(x), other.predict(x))
    assert stored.classes_.dtype == model.classes_.dtype


@pytest.mark.parametrize("changes", [{}, TUNING])
def test_it_learns(changes: dict[str, Any]) -> None:
    sizes = {"hidden": 8, "dim": 16, "depth": 3}
    model = classifier(encoder_params=sizes, **{**changes, "finetune_params": {"min_steps": 150, "lr": 5e-3}})
    assert model.fit(*waves(n=40)).score(*waves(n=40, seed=1)) > 0.9


def test_finetuning_moves_the_encoder() -> None:
    x, y = waves()
    frozen, tuned = classifier().fit(x, y), classifier(**TUNING).fit(x, y)
    pairs = zip(frozen.encoder_.parameters(), tuned.encoder_.parameters(), strict=True)
    assert not all(torch.equal(a, b) for a, b in pairs)
    assert not any(part.training for part in tuned.encoder_.modules())


@pytest.mark.parametrize(
    "labels",
    [
        np.array([3, 1, 7]),
        np.array([True, False]),
        np.array([0.5, -1.5]),
        np.array(["b", "a", "c"]),
        np.array(["b", "a"], dtype=object),
    ],
    ids=lambda labels: str(labels.dtype),
)
def test_labels_of_any_kind(labels: np.ndarray, tmp_path: Path) -> None:
    x = waves()[0]
    y = labels[np.arange(12) % len(labels)]
    model = classifier().fit(x, y)
    np.testing.assert_array_equal(model.classes_, np.unique(labels))
    said = model.predict_proba(x)
    np.testing.assert_allclose(said.sum(axis=1), 1)
    np.testing.assert_array_equal(model.predict(x), model.classes_[said.argmax(axis=1)])
    again = ContrastiveClassifier.load(model.save(tmp_path / "model"))
    np.testing.assert_array_equal(again.predict(x), model.predict(x))


@pytest.mark.parametrize("kind", [pd.Series, list, pd.Categorical])
def test_labels_in_other_containers(kind: Any) -> None:
    x, y = waves()
    model = classifier().fit(x, kind(y))
    np.testing.assert_array_equal(model.classes_, ["fast", "slow"])
    np.testing.assert_array_equal(model.predict(x), classifier().fit(x, y).predict(x))


@pytest.mark.parametrize("labels", [["a", None], ["a", np.nan], [0.0, np.nan]])
def test_a_missing_label_is_no_class(labels: list[Any]) -> None:
    x = waves()[0]
    for y in (labels * 6, tuple(labels * 6), np.array(labels * 6, dtype=object)):
        with pytest.raises(DataError, match="the label of instance 1 is missing; fill it in"):
            classifier().fit(x, y)


@pytest.mark.filterwarnings("ignore:only single label")
def test_one_class_alone_is_stored_too(tmp_path: Path) -> None:
    x = waves()[0]
    model = classifier().fit(x, np.full(12, "a"))
    again = ContrastiveClassifier.load(model.save(tmp_path / "model"))
    assert again.predict(x).tolist() == ["a"] * 12


def test_several_columns_of_labels_are_not_stored(tmp_path: Path) -> None:
    x, y = waves()
    model = classifier().fit(x, np.column_stack([y, y]))
    with pytest.raises(ConfigError, match="save those of classifiers_ one by one"):
        model.save(tmp_path / "model")


def test_unequal_lengths_missing_values_and_windows() -> None:
    x, y = waves()
    x[0, 0, 3] = np.nan
    rows = frame([each[:, : 12 + i] for i, each in enumerate(x)])
    for changes in ({}, {"window": 6}, TUNING, TUNING | {"window": 6}):
        said = classifier(**changes).fit(rows, y).predict_proba(rows)
        np.testing.assert_allclose(said.sum(axis=1), 1)


def test_supervised_at_once() -> None:
    x, y = waves()
    model = classifier(objective="supervised", objective_params=None).fit(x, y)
    assert model.predict(x).shape == (12,)


def test_mne_epochs() -> None:
    mne = pytest.importorskip("mne")
    x, y = waves()
    epochs = mne.EpochsArray(x, mne.create_info(["Fz", "Cz"], 64.0, "eeg"), verbose="error")
    model = classifier().fit(epochs, y)
    np.testing.assert_array_equal(model.predict_proba(epochs), classifier().fit(x, y).predict_proba(x))


def test_scikit_learn_searches_a_grid() -> None:
    x, y = waves(n=16)
    grid = {"C": [0.1, 1.0], "encoder_params": [{"hidden": 4, "dim": d, "depth": 1} for d in (2, 4)]}
    search = GridSearchCV(classifier(), grid, cv=KFold(2), error_score="raise", scoring="accuracy").fit(x, y)
    assert search.best_estimator_.is_fitted


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"C": 0}, "C is 0; give a number above 0"),
        ({"finetune_params": 3}, "finetune_params is 3; give a mapping"),
        ({"finetune_params": {"epoch": 3}}, "unknown setting evaluation.finetune.epoch"),
        ({"objective": "comet", "objective_params": None, "window": 6}, "comet needs to know patients"),
    ],
)
def test_mistakes_are_one_sentence(changes: dict[str, Any], message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        classifier(**changes).fit(*waves())
