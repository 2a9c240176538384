"""Nearest neighbours against a literal vote."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.errors import DataError
from tsrep.evaluation.labels.metrics import metrics
from tsrep.evaluation.labels.neighbours import Neighbours, fit_neighbours


def clusters(seed: int, n: int = 90, classes: int = 3, noise: float = 1.0):
    rng = np.random.default_rng(seed)
    label = rng.integers(classes, size=n)
    centre = np.random.default_rng(42).normal(size=(classes, 6))
    return (centre[label] + noise * rng.normal(size=(n, 6)) + 4).astype(np.float32), label


@pytest.mark.parametrize("multi", [False, True])
def test_vote_is_the_literal_one(multi):
    x, y = clusters(0)
    target = np.random.default_rng(1).random((90, 3)) < 0.4 if multi else y
    query, _ = clusters(2, n=11)
    found = Neighbours.of(x, target, 3, k=7).predict(query)
    flags = target if multi else np.eye(3)[y]
    x64, q64 = x.astype(np.float64), query.astype(np.float64)
    mean, deviation = x64.mean(axis=0), x64.std(axis=0)
    for q, prob in zip((q64 - mean) / deviation, found, strict=True):
        reference = (x64 - mean) / deviation
        cosine = reference @ q / np.linalg.norm(reference, axis=1) / np.linalg.norm(q)
        nearest = np.argsort(-cosine)[:7]
        weight = np.exp(cosine[nearest] / 0.07)
        assert prob == pytest.approx((weight[:, None] * flags[nearest]).sum(axis=0) / weight.sum(), abs=1e-4)


def test_one_search_serves_every_k_and_chunk(monkeypatch):
    x, y = clusters(0)
    query, _ = clusters(3, n=50)
    model = Neighbours.of(x, y, 3)
    with monkeypatch.context() as patch:
        patch.setattr("tsrep.evaluation.labels.neighbours._AT_ONCE", 7 * len(x))
        together = model.predict_each(query, (1, 5, 200))
    for prob, k in zip(together, (1, 5, 200), strict=True):
        assert np.allclose(prob, Neighbours.of(x, y, 3, k=k).predict(query), atol=1e-5)
    assert np.array_equal(model.predict_each(x, (1,))[0], np.eye(3)[y])  # each sample is its own nearest
    assert together[2].sum(axis=1) == pytest.approx(np.ones(50))


def test_k_is_the_best_on_the_validation_part():
    x, y = clusters(0, noise=2.0)
    held = clusters(4, noise=2.0)
    auroc = {k: metrics(Neighbours.of(x, y, 3, k=k).predict(held[0]), held[1])["auroc"] for k in (1, 5, 20)}
    assert fit_neighbours(x, y, 3, ks=(1, 5, 20), validation=held).k == max(auroc, key=auroc.__getitem__)
    assert fit_neighbours(x, y, 3).k == 20


def test_length_and_offset_of_features_do_not_matter():
    x, y = clusters(0)
    query, _ = clusters(5, n=20)
    plain = Neighbours.of(x, y, 3).predict(query)
    assert np.allclose(Neighbours.of(7 * x + 3, y, 3).predict(7 * query + 3), plain, atol=1e-3)


def test_refuses_no_neighbours():
    with pytest.raises(DataError, match="no labelled samples"):
        Neighbours.of(np.zeros((0, 3), np.float32), np.zeros(0, int), 2)
