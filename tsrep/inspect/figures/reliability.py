"""Reliability: how often an event happens that was given a probability."""

from __future__ import annotations

import numpy as np
from matplotlib.figure import Figure
from numpy.typing import ArrayLike

from tsrep.inspect.figures.style import ACCENT, CONTROL, FAINT, house, new_figure


@house
def figure_reliability(
    predicted: ArrayLike,
    observed: ArrayLike,
    low: ArrayLike,
    high: ArrayLike,
    count: ArrayLike,
    *,
    outcome: str = "observed share",
) -> Figure:
    """Observed against predicted probability with its band, above how many predictions lie where.

    Parameters
    ----------
    predicted, observed : array-like, shape (bin,)
        Mean predicted probability and share of events in each bin; empty bins are NaN.
    low, high : array-like, shape (bin,)
        95 % band of the observed share.
    count : array-like, shape (bin,)
        Predictions in each bin.
    outcome : str
        What the upper axis shows.
    """
    x, y, lower, upper, n = (np.asarray(v, np.float64) for v in (predicted, observed, low, high, count))
    full = np.isfinite(x) & np.isfinite(y) & (n > 0)
    figure = new_figure(4.5, 4.6)
    above, below = figure.subplots(2, 1, sharex=True, height_ratios=[4, 1])
    above.plot([0, 1], [0, 1], color=FAINT, lw=1, ls=(0, (4, 3)))
    above.fill_between(x[full], lower[full], upper[full], color=ACCENT, alpha=0.16, lw=0)
    above.plot(x[full], y[full], color=ACCENT, marker="o", ms=4)
    above.set(xlim=(0, 1), ylim=(0, 1), ylabel=outcome, title="reliability, with 95 % band")
    width = 0.9 / max(len(n), 1)
    centres = (np.arange(len(n)) + 0.5) / max(len(n), 1)
    below.bar(centres, n, width=width, color=CONTROL, lw=0)
    below.set(xlabel="predicted probability", ylabel="predictions")
    below.set_xticks(np.linspace(0, 1, 6))
    below.locator_params(axis="y", nbins=3)
    below.grid(axis="x", visible=False)
    return figure
