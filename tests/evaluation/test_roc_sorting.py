"""Areas of many weightings are those of scikit-learn for each of them."""

from __future__ import annotations

import numpy as np
import pytest
from sklearn.metrics import average_precision_score, roc_auc_score

from tsrep.evaluation.labels.roc_sorting import RocSorting


@pytest.mark.parametrize("digits", [1, 9])  # with ties and without
@pytest.mark.parametrize("positives", [0, 1, 2, 16, 100, 199, 200])
def test_every_weighting_has_the_areas_of_scikit_learn(
    positives: int, digits: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    rng = np.random.default_rng(digits)
    units, rows, weightings = 200, 60, 90
    row = rng.integers(0, rows, units)
    positive = rng.permutation(np.arange(units) < positives)
    score = rng.random(units).round(digits)
    weight = rng.integers(0, 3, (rows, weightings)).astype(float)  # some leave no positive
    found = np.array(RocSorting(score, positive, row)(weight))
    for one, areas in zip(weight[row].T, found.T, strict=True):
        kept = one > 0
        if len(np.unique(positive[kept])) < 2:
            assert np.isnan(areas).all()
        else:
            given = (positive[kept], score[kept])
            wanted = [f(*given, sample_weight=one[kept]) for f in (roc_auc_score, average_precision_score)]
            np.testing.assert_allclose(areas, wanted, atol=1e-12)
    monkeypatch.setattr("tsrep.evaluation.labels.roc_sorting.BLOCK", 1)  # the fewest columns at a time
    np.testing.assert_allclose(RocSorting(score, positive, row)(weight), found, rtol=1e-13)
