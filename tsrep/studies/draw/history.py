"""How a study went: every trial with the best so far, and what trials reported while they ran."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tsrep.inspect.figures.style import ACCENT, CONTROL, INK, MUTED, PALETTE, WIDTH, house, new_figure
from tsrep.studies.draw.marks import baseline_line, scatter, trial_looks, value_label
from tsrep.studies.read.history import history
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.trial_table import TrialTable
from tsrep.studies.read.value_scale import value_scale

FAILED = PALETTE[6]


@house
def figure_history(table: TrialTable) -> Figure:
    """Values in the order of tickets; trials without a value are ticks at the foot."""
    figure = new_figure(WIDTH, 3.3)
    axes, scale = figure.subplots(), value_scale(table)
    rows = table.complete
    for mask, look in trial_looks(rows).values():
        x, y = (rows.loc[mask, name].to_numpy(float) for name in ("ticket", "value"))
        scatter(axes, scale, x, y, **look)
    best = history(table)
    if not isinstance(best, Missing):
        axes.step(best["ticket"], best["best"], where="post", color=INK, lw=1.2)
    baseline_line(axes, table)
    axes.set_ylim(scale.low, scale.high)
    _without_value(axes, table)
    axes.set_xlabel("trial")
    axes.set_ylabel(value_label(table, 40))
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    figure.legend(handles=_legend(table), loc="outside upper left", ncols=6)
    return figure


def _without_value(axes: Axes, table: TrialTable) -> None:
    for state, colour, height in (("pruned", CONTROL, 0.035), ("failed", FAILED, 0.06)):
        for ticket in table.frame.loc[table.frame["state"] == state, "ticket"]:
            axes.axvline(ticket, ymax=height, color=colour, lw=1.6)


def _legend(table: TrialTable) -> list[Line2D]:
    def dot(label: str, mark: str, colour: str) -> Line2D:
        return Line2D([], [], ls="", marker=mark, color=colour, ms=4.5, mew=0, label=label)

    kinds = trial_looks(table.complete)
    handles = [dot(name, look.get("marker", "o"), look["color"]) for name, (_, look) in kinds.items()]
    handles.append(Line2D([], [], color=INK, lw=1.2, label="best so far"))
    if table.baseline is not None:
        handles.append(Line2D([], [], color=MUTED, lw=1.1, ls=(0, (4, 3)), label="baseline"))
    for state, colour in (("pruned", CONTROL), ("failed", FAILED)):
        if (table.frame["state"] == state).any():
            handles.append(Line2D([], [], ls="", marker="|", ms=7, mew=1.6, color=colour, label=state))
    return handles


@house
def figure_reports(table: TrialTable) -> Figure:
    """A line for each trial over its steps; pruned trials end in a cross, the best one is bold."""
    found = table.intermediate.merge(table.frame[["ticket", "state"]], on="ticket")
    best = table.best_first["ticket"].head(1).tolist()
    figure = new_figure(WIDTH, 3.3)
    axes = figure.subplots()
    for ticket, rows in found.groupby("ticket", sort=True):
        _line(axes, rows, chosen=ticket in best)
    _room(axes, found["value"].to_numpy(float), table.maximise)
    axes.set_xlabel("step")
    axes.set_ylabel("reported value")
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    figure.legend(handles=_report_legend(found, best), loc="outside upper left", ncols=4)
    return figure


def _line(axes: Axes, rows: pd.DataFrame, *, chosen: bool) -> None:
    pruned = rows["state"].iloc[0] != "complete"
    colour, alpha, width = (ACCENT, 0.45, 0.9) if not pruned else (CONTROL, 0.9, 0.9)
    if chosen:
        colour, alpha, width = INK, 1.0, 2.0
    steps, values = rows["step"].to_numpy(), rows["value"].to_numpy()
    order = 2 + pruned + 2 * chosen
    dot = "o" if len(rows) == 1 else None
    axes.plot(steps, values, color=colour, alpha=alpha, lw=width, marker=dot, ms=2, zorder=order)
    if pruned:
        axes.plot(steps[-1:], values[-1:], ls="", marker="x", ms=5, mew=1.3, color=colour, zorder=3)


def _room(axes: Axes, values: np.ndarray, maximise: bool) -> None:
    """Leave out the worst first values, which would flatten all that follows."""
    known = values[np.isfinite(values)]
    low, high = np.quantile(known, [0.02, 1.0] if maximise else [0.0, 0.98])
    pad = 0.05 * (high - low or abs(high) or 1.0)
    axes.set_ylim(low - pad, high + pad)


def _report_legend(found: pd.DataFrame, best: list[int]) -> list[Line2D]:
    handles = []
    if best:
        handles.append(Line2D([], [], color=INK, lw=2.0, label=f"best, trial {best[0]}"))
    if (found["state"] == "complete").any():
        handles.append(Line2D([], [], color=ACCENT, lw=0.9, label="complete"))
    if (found["state"] != "complete").any():
        handles.append(Line2D([], [], color=CONTROL, lw=0.9, marker="x", ms=5, label="pruned or failed"))
    return handles
