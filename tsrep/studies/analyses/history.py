"""How a study went: trials with the best so far, what they reported while they ran, what failed and why."""

from __future__ import annotations

import numpy as np
import pandas as pd
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from tsrep.inspect.figures.style import ACCENT, CONTROL, INK, PALETTE, WIDTH, house, new_figure
from tsrep.report import tables as report_tables
from tsrep.report.tables import Cell, Columns, integer
from tsrep.studies.analyses import Analysis, Missing, Results, Shown
from tsrep.studies.analyses.presentation import (
    baseline_entry,
    baseline_line,
    dot,
    dots_note,
    scatter,
    trial_looks,
    value_label,
)
from tsrep.studies.keep.trial_table import TrialTable

MIN_TRIALS = 2
WITHOUT_VALUE = (("pruned", CONTROL, 0.035), ("failed", PALETTE[6], 0.06))


def shown_history(results: Results) -> Shown | Missing:
    """Values in the order of tickets, and the best so far."""
    table = results.table
    if table.count("complete") < MIN_TRIALS:
        return Missing("The history needs at least two complete trials.")
    found = table.frame[["ticket", "state", "origin", "value"]]
    best = table.loss(np.fmin.accumulate(table.loss(found["value"].to_numpy(float))))
    found = found.assign(best=best)
    caption = f"Value of each complete trial and the best so far.{dots_note(table)}"
    return Shown(caption, figure_history(found, table), {"": found})


def shown_reports(results: Results) -> Shown | Missing:
    """What trials that ended reported while they ran."""
    reported = results.table.intermediate
    if reported.empty:
        return Missing("No trial reported a value while it ran.")
    if reported["step"].nunique() < MIN_TRIALS:
        return Missing("Trials reported at a single step only.")
    found = reported.merge(results.table.frame[["ticket", "state"]], on="ticket")
    return Shown(
        "Values that trials reported while they ran; a cross is where a trial was stopped.",
        figure_reports(found, results.table),
        {"": found},
    )


def shown_failures(results: Results) -> Shown:
    """What failed and why, the most frequent first."""
    failed = results.table.frame[results.table.frame["state"] == "failed"]
    reasons = failed.groupby(failed["why"].replace("", "not known"))["ticket"].agg(list)
    columns: Columns[tuple[str, list[int]]] = {
        "trials": lambda item: integer(len(item[1])),
        "why": lambda item: Cell(item[0]),
        "which": lambda item: Cell(", ".join(map(str, item[1]))),
    }
    rows = sorted(reasons.items(), key=lambda item: -len(item[1]))
    return Shown(
        tables=[report_tables.table("Failed trials", rows, columns)],
        note="Trials are numbered as the budget counts them, from 0. One that was tried again after a crash "
        "has a larger number in the storage, which stands beside it in trials.csv.",
    )


ANALYSES = (
    Analysis("history", "History", 80, shown_history),
    Analysis("reports", "History", 85, shown_reports),
    Analysis("study", "Study", 90, shown_failures),
)


@house
def figure_history(found: pd.DataFrame, table: TrialTable) -> Figure:
    """Values in the order of tickets; trials without a value are ticks at the foot."""
    figure = new_figure(WIDTH, 3.3)
    axes, rows = figure.subplots(), table.complete
    looks = trial_looks(rows)
    for mask, look in looks.values():
        scatter(axes, table, rows.loc[mask, "ticket"].to_numpy(float), table.values[mask], **look)
    axes.step(found["ticket"], found["best"], where="post", color=INK, lw=1.2)
    baseline_line(axes, table)
    handles = [dot(name, look.get("marker", "o"), look["color"]) for name, (_, look) in looks.items()]
    handles += [Line2D([], [], color=INK, lw=1.2, label="best so far"), *baseline_entry(table)]
    for state, colour, height in WITHOUT_VALUE:
        tickets = found.loc[found["state"] == state, "ticket"]
        for ticket in tickets:
            axes.axvline(ticket, ymax=height, color=colour, lw=1.6)
        if len(tickets):
            handles.append(Line2D([], [], ls="", marker="|", ms=7, mew=1.6, color=colour, label=state))
    axes.set(ylim=(table.scale.low, table.scale.high), xlabel="trial", ylabel=value_label(table, 40))
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    figure.legend(handles=handles, loc="outside upper left", ncols=6)
    return figure


@house
def figure_reports(found: pd.DataFrame, table: TrialTable) -> Figure:
    """A line for each trial over its steps; pruned trials end in a cross, the best one is bold."""
    best = table.best_first["ticket"].head(1).tolist()
    figure = new_figure(WIDTH, 3.3)
    axes = figure.subplots()
    for ticket, rows in found.groupby("ticket", sort=True):
        _line(axes, rows, chosen=ticket in best)
    _room(axes, found["value"].to_numpy(float), table.maximise)
    axes.set(xlabel="step", ylabel="reported value")
    axes.xaxis.set_major_locator(MaxNLocator(10, integer=True))
    ended = found["state"] == "complete"
    handles = [
        *[Line2D([], [], color=INK, lw=2.0, label=f"best, trial {ticket}") for ticket in best],
        *[Line2D([], [], color=ACCENT, lw=0.9, label="complete")] * bool(ended.any()),
        *[Line2D([], [], color=CONTROL, lw=0.9, marker="x", ms=5, label="pruned or failed")]
        * (not ended.all()),
    ]
    figure.legend(handles=handles, loc="outside upper left", ncols=4)
    return figure


def _line(axes: Axes, rows: pd.DataFrame, *, chosen: bool) -> None:
    pruned = rows["state"].iloc[0] != "complete"
    colour, alpha, width = (
        (INK, 1.0, 2.0) if chosen else (CONTROL, 0.9, 0.9) if pruned else (ACCENT, 0.45, 0.9)
    )
    steps, values = rows["step"].to_numpy(), rows["value"].to_numpy()
    mark = "o" if len(rows) == 1 else None
    order = 2 + pruned + 2 * chosen
    axes.plot(steps, values, color=colour, alpha=alpha, lw=width, marker=mark, ms=2, zorder=order)
    if pruned:
        axes.plot(steps[-1:], values[-1:], ls="", marker="x", ms=5, mew=1.3, color=colour, zorder=3)


def _room(axes: Axes, values: np.ndarray, maximise: bool) -> None:
    """Leave out the worst first values, which would flatten all that follows."""
    low, high = np.nanquantile(values, [0.02, 1.0] if maximise else [0.0, 0.98])
    pad = 0.05 * (high - low or abs(high) or 1.0)
    axes.set_ylim(low - pad, high + pad)
