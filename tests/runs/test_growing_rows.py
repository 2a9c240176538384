"""Rows that are added to, in a block that doubles."""

from __future__ import annotations

import numpy as np

from tsrep.runs.predict.growing import GrowingRows


def test_rows_come_back_as_they_were_added() -> None:
    rng, rows, kept = np.random.default_rng(0), GrowingRows(), []
    assert len(rows) == 0
    for count in (1, 0, 63, 1, 200, 1000, 3):
        kept.append(rng.normal(size=(count, 3)).astype(np.float32))
        rows.add(kept[-1])
        assert len(rows) == sum(map(len, kept))
    np.testing.assert_array_equal(rows.values, np.concatenate(kept))
    assert rows.values.dtype == np.float32
