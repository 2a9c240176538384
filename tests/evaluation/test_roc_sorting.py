"""Areas of rare classes by one product are those by sums over all negatives."""

from __future__ import annotations

import numpy as np
import pytest

from tsrep.evaluation.labels.roc_sorting import FEW, RocSorting, areas_of_classes


@pytest.mark.parametrize("digits", [1, 9])  # with ties and without
def test_classes_of_few_positives_have_the_areas_of_any(digits: int) -> None:
    rng = np.random.default_rng(digits)
    units, rows = 200, 60
    row, sortings = rng.integers(0, rows, units), []
    for positives in (0, 1, 2, FEW, FEW + 1, 100, units - 1, units):
        positive = rng.permutation(np.arange(units) < positives)
        sortings.append(RocSorting(rng.random(units).round(digits), positive, row))
    weight = rng.integers(0, 3, (rows, 90)).astype(float)  # some leave no positive
    found = areas_of_classes(sortings, weight)
    np.testing.assert_allclose(found, np.array([each(weight) for each in sortings]), atol=1e-12)
    assert np.isnan(found[[0, -1]]).all()
    assert np.isnan(found[1, 0]).any()


def test_blocks_give_what_one_product_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    rng = np.random.default_rng(0)
    row, weight = np.arange(80) // 2, rng.random((40, 64))
    sortings = [RocSorting(rng.random(80), np.arange(80) == 3 * k, row) for k in range(7)]
    whole = areas_of_classes(sortings, weight)
    monkeypatch.setattr("tsrep.evaluation.labels.roc_sorting.BYTES", 1)
    np.testing.assert_allclose(areas_of_classes(sortings, weight), whole, rtol=1e-14)
    assert areas_of_classes([], weight).shape == (0, 2, 64)
