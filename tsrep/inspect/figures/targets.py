"""Predicted numbers against the true ones."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure

from tsrep.evaluation.targets.values import Values
from tsrep.inspect.figures.style import ACCENT, CONTROL, MUTED, house, new_figure


@house
def figure_values(values: Values, name: str) -> Figure:
    """Predictions of records against their true values, and the error against both together.

    Parameters
    ----------
    values : Values
    name : str
        Of the target, with its unit.
    """
    figure = new_figure(7.4, 3.4)
    left, right = figure.subplots(1, 2)
    true, predicted = values.true, values.predicted
    low, high = float(min(true.min(), predicted.min())), float(max(true.max(), predicted.max()))
    pad = 0.04 * (high - low or 1.0)
    size = 4 if len(true) > 400 else 12
    left.plot([low, high], [low, high], color=MUTED, lw=1, ls=(0, (4, 3)), zorder=1)
    left.scatter(true, predicted, s=size, color=ACCENT, alpha=0.5, lw=0)
    ends = (low - pad, high + pad)
    left.set(title=name, xlabel="true", ylabel="predicted", xlim=ends, ylim=ends)
    middle, error = (true + predicted) / 2, predicted - true
    right.scatter(middle, error, s=size, color=ACCENT, alpha=0.5, lw=0)
    bias, spread = float(error.mean()), float(error.std(ddof=1)) if len(error) > 1 else 0.0
    right.axhline(bias, color=CONTROL, lw=1.2)
    for limit in bias + 1.96 * spread * np.array([-1, 1]):
        right.axhline(limit, color=CONTROL, lw=1, ls=(0, (4, 3)))
    right.set(title="agreement", xlabel="mean of true and predicted", ylabel="predicted minus true")
    return figure
