"""Cost against quality: training time and value of each complete trial, and the Pareto front."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from tsrep.inspect.figures.style import ACCENT, FLOOR, INK, MUTED, WIDTH, house, new_figure
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.presentation import (
    baseline_entry,
    baseline_line,
    beyond_note,
    dot,
    numeric_axis,
    preset,
    scatter,
    value_label,
)
from tsrep.studies.define.ranges import Array, Range
from tsrep.studies.keep.trial_table import TrialTable

SECONDS = Range("float", log=True)


def on_front(cost: Array, loss: Array) -> Array:
    """Whether each point is on the Pareto front of two things to be small.

    Parameters
    ----------
    cost, loss : float64 arrays, shape (trial,)

    Returns
    -------
    bool array, shape (trial,)
        Equal points are on it together.
    """
    # [one, other]: whether the other dominates the one
    no_worse = (cost <= cost[:, None]) & (loss <= loss[:, None])
    better = (cost < cost[:, None]) | (loss < loss[:, None])
    return np.asarray(~(no_worse & better).any(axis=1))


def shown(results: Results) -> Shown | Missing:
    """Complete trials with what they cost and whether they are on the front, the cheapest first."""
    table = results.table
    timed = table.complete["seconds"].to_numpy(float) > 0
    if timed.sum() < 2:
        return Missing("Cost against quality needs at least two complete trials with their training time.")
    found = table.complete.loc[timed, ["ticket", "origin", "seconds", "parameters", "value"]]
    front = on_front(found["seconds"].to_numpy(float), table.loss(found["value"].to_numpy(float)))
    costs = found.assign(front=front).sort_values(["seconds", "ticket"], ignore_index=True)
    return Shown(
        "Training time and value of each complete trial; on the front are those that no other trial "
        "dominates. Times were measured while the study ran and hold for its "
        f"machines.{beyond_note(table)}",
        figure_cost(costs, table),
        {"": costs},
    )


ANALYSES = (Analysis("cost", "Cost against quality", 70, shown),)


@house
def figure_cost(costs: pd.DataFrame, table: TrialTable) -> Figure:
    """Training time of each trial and its value; trials on the front have their ticket beside them."""
    figure = new_figure(WIDTH, 3.5)
    axes = figure.subplots()
    seconds, values = (costs[name].to_numpy(float) for name in ("seconds", "value"))
    front, named = costs["front"].to_numpy(bool), preset(costs)
    colours = np.where(front, ACCENT, FLOOR)
    for mask, mark in ((~named, "o"), (named, "D")):
        scatter(axes, table, seconds[mask], values[mask], c=colours[mask], marker=mark, s=26, zorder=3)
    axes.step(seconds[front], table.scale.place(values[front]), where="post", color=ACCENT, lw=1.2)
    baseline_line(axes, table)
    axes.set(xlim=(seconds.min() / 1.12, seconds.max() * 1.12), ylim=_with_room(table))
    axes.set(xlabel="training time in seconds", ylabel=value_label(table, 40))
    numeric_axis(axes, SECONDS)
    _tickets(axes, costs[front], table)
    handles = [dot("on the front, with numbers of trials", "o", ACCENT), dot("dominated", "o", FLOOR)]
    handles += [dot("preset", "D", MUTED)] * bool(named.any()) + baseline_entry(table)
    figure.legend(handles=handles, loc="outside upper left", ncols=5)
    return figure


def _with_room(table: TrialTable) -> tuple[float, float]:
    """Ends of the axis of values with a line of text beyond the best trial."""
    low, high = table.scale.low, table.scale.high
    room = 0.07 * (high - low)
    return (low, high + room) if table.maximise else (low - room, high)


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
