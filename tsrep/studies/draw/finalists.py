"""Test scores of the finalists and controls, task by task."""

from __future__ import annotations

import math

import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tsrep.inspect.figures.style import ACCENT, CONTROL, WIDTH, house, new_figure, shorten
from tsrep.rng import numpy_generator
from tsrep.studies.read.wording import metric_name

ACROSS = 2


@house
def figure_finalists(summary: pd.DataFrame, rows: pd.DataFrame) -> Figure:
    """A panel for each task and metric: means with intervals, a small dot for each seed.

    Parameters
    ----------
    summary : DataFrame
        As :func:`tsrep.studies.confirm.finalists.summarise` gives it.
    rows : DataFrame
        The scores of single seeds.
    """
    keys = list(summary[["task", "metric"]].drop_duplicates().itertuples(index=False, name=None))
    names = list(dict.fromkeys(summary["finalist"]))
    across = min(ACROSS, len(keys))
    down = math.ceil(len(keys) / across)
    figure = new_figure(WIDTH if across > 1 else 0.75 * WIDTH, down * (0.27 * len(names) + 0.85))
    panels = figure.subplots(down, across, squeeze=False, sharey=True)
    for panel, (task, metric) in zip(panels.ravel(), keys, strict=False):
        own = summary[(summary["task"] == task) & (summary["metric"] == metric)]
        seeds = rows[(rows["task"] == task) & (rows["metric"] == metric)]
        _panel(panel, own, seeds, names)
        panel.set_title(shorten(str(task), 44))
        panel.set_xlabel(f"test {metric_name(metric)}")
    for panel in panels.ravel()[len(keys) :]:
        panel.set_visible(False)
    return figure


def _panel(panel: Axes, own: pd.DataFrame, seeds: pd.DataFrame, names: list[str]) -> None:
    for _, row in own.iterrows():
        i = names.index(row["finalist"])
        colour = CONTROL if row["origin"] == "control" else ACCENT
        single = seeds.loc[seeds["finalist"] == row["finalist"], "test"].to_numpy(float)
        shake = numpy_generator("finalists", row["finalist"]).uniform(-0.16, 0.16, len(single))
        panel.scatter(single, i + shake, s=8, color=colour, alpha=0.45, linewidths=0)
        if math.isfinite(row["low"]):
            panel.plot([row["low"], row["high"]], [i, i], color=colour, lw=1.6, solid_capstyle="butt")
        panel.plot([row["test"]], [i], ls="", marker="o", ms=5.5, mec=colour, mfc=colour)
    panel.set_yticks(range(len(names)), [shorten(name, 30) for name in names])
    panel.set_ylim(len(names) - 0.4, -0.6)
    panel.grid(axis="y", visible=False)
    panel.tick_params(axis="y", length=0)
    panel.xaxis.set_major_locator(MaxNLocator(5))
