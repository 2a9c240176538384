"""Cost against quality with the Pareto front."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D

from tsrep.inspect.figures.style import ACCENT, FLOOR, INK, MUTED, WIDTH, house, new_figure
from tsrep.studies.draw.marks import baseline_line, preset, scatter, value_label
from tsrep.studies.draw.slices import numeric_axis
from tsrep.studies.read.trial_table import Axis, TrialTable
from tsrep.studies.read.value_scale import Scale, value_scale

SECONDS = Axis("seconds", "float", log=True)


@house
def figure_front(costs: pd.DataFrame, table: TrialTable) -> Figure:
    """Training time of each trial and its value; trials on the front have their ticket beside them."""
    figure = new_figure(WIDTH, 3.5)
    axes, scale = figure.subplots(), value_scale(table)
    seconds, values = (costs[name].to_numpy(float) for name in ("seconds", "value"))
    front, named = costs["front"].to_numpy(bool), preset(costs)
    for mask, mark in ((~named, "o"), (named, "D")):
        colours = np.where(front[mask], ACCENT, FLOOR)
        scatter(
            axes, scale, seconds[mask], values[mask], c=colours, marker=mark, s=26, linewidths=0, zorder=3
        )
    axes.step(seconds[front], scale.place(values[front]), where="post", color=ACCENT, lw=1.2)
    baseline_line(axes, table)
    axes.set_xlim(seconds.min() / 1.12, seconds.max() * 1.12)
    axes.set_ylim(*_with_room(scale))
    numeric_axis(axes, SECONDS)
    axes.set_xlabel("training time in seconds")
    axes.set_ylabel(value_label(table, 40))
    _tickets(axes, costs[front], table)
    figure.legend(handles=_legend(table, bool(named.any())), loc="outside upper left", ncols=5)
    return figure


def _with_room(scale: Scale) -> tuple[float, float]:
    """Ends of the axis of values with a line of text beyond the best trial."""
    room = 0.07 * (scale.high - scale.low)
    return (scale.low, scale.high + room) if scale.maximise else (scale.low - room, scale.high)


def _tickets(axes: Axes, front: pd.DataFrame, table: TrialTable) -> None:
    """Tickets at the better side of the front, where there is room for them."""
    side = 1 if table.maximise else -1
    axes.figure.canvas.draw()
    taken: list[float] = []
    for _, row in front.iloc[::-1].iterrows():  # the best ones first
        x = axes.transData.transform((row["seconds"], row["value"]))[0]
        if all(abs(x - other) > 34 for other in taken):
            taken.append(x)
            axes.annotate(
                f"{row['ticket']}", (row["seconds"], row["value"]), xytext=(0, 7 * side), zorder=5,
                textcoords="offset points", ha="center", va="bottom" if side > 0 else "top", fontsize=7.5,
                color=INK, bbox={"facecolor": "white", "edgecolor": "none", "pad": 0.8, "alpha": 0.85},
            )  # fmt: skip


def _legend(table: TrialTable, presets: bool) -> list[Line2D]:
    def dot(label: str, mark: str, colour: str) -> Line2D:
        return Line2D([], [], ls="", marker=mark, color=colour, ms=5, mew=0, label=label)

    handles = [dot("on the front, with numbers of trials", "o", ACCENT), dot("beaten in both", "o", FLOOR)]
    if presets:
        handles.append(dot("preset", "D", MUTED))
    if table.baseline is not None:
        handles.append(Line2D([], [], color=MUTED, lw=1.1, ls=(0, (4, 3)), label="baseline"))
    return handles
