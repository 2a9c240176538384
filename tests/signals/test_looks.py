"""What a look at recordings measures."""

from __future__ import annotations

import numpy as np
import pytest
from numpy.testing import assert_allclose

from tsrep.signals import Panel
from tsrep.signals.planning.looks import span, spans_of_records


@pytest.mark.parametrize("missing", [False, True])
def test_spans_are_between_quantiles_of_what_was_recorded(missing: bool) -> None:
    x = np.random.default_rng(0).normal(size=(5, 3, 201)).astype(np.float32)
    if missing:
        x[0, 0, 50:] = np.nan
        x[1, 1, ::2] = np.inf
        x[2, :, 1:] = np.nan  # a value alone spans nothing
        x[3, 2] = np.nan
        x[4] = np.nan
    panel = Panel.from_arrays(x, label=np.zeros(5, int), patient=np.arange(5), sfreq=10)

    def expected(channels: np.ndarray) -> float:
        kept = [values[np.isfinite(values)].astype(np.float64) for values in channels]
        found = [np.subtract(*np.quantile(values, [0.995, 0.005])) for values in kept if len(values)]
        return float(np.median(found)) if found else 0.0

    assert_allclose(spans_of_records(panel), [expected(record) for record in x], rtol=1e-6)
    assert_allclose(span(panel), expected(x.swapaxes(0, 1).reshape(3, -1)), rtol=1e-6)
