"""Where the recordings of a run went: found, left out and why, and the parts that they are in."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from tsrep.report.captioned_figure import CaptionedFigure, captioned
from tsrep.report.contents import Contents
from tsrep.report.tables import Cell, Table, integer
from tsrep.report.wording import count

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

SHOWN, MIDDLE = 12, 0.5
CAPTION = "Flow of recordings and patients"


def flow_table(contents: Contents) -> Table:
    """Numbers of recordings and patients at each step; without rows where the run has not kept them."""
    flow = contents.flow
    header = (Cell("step"), Cell("recordings", numeric=True), Cell("patients", numeric=True))
    if not flow:
        return Table(CAPTION, header, [])
    rows: list[tuple[Cell, ...]] = [
        (Cell("found", strong=True), integer(flow["found"]), Cell("–", numeric=True))
    ]
    excluded = flow["excluded"]
    for reason, number, what in excluded[:SHOWN]:
        other = "" if what == "recording" else f" {what}s"
        rows.append((Cell(f"left out: {reason}"), Cell(f"{count(number)}{other}", numeric=True), Cell("")))
    if len(excluded) > SHOWN:
        rows.append((Cell(f"left out for {len(excluded) - SHOWN} more reasons"), Cell(""), Cell("")))
    steps = {"read": flow["read"], **flow["parts"]}
    breaks = {len(rows)}
    rows += [_row(name, numbers, strong=True) for name, numbers in steps.items()]
    for cohort, parts in flow.get("cohorts", {}).items():
        breaks.add(len(rows))
        rows += [_row(f"{cohort}: {part}", numbers) for part, numbers in parts.items()]
    return Table(CAPTION, header, rows, frozenset(breaks))


def _row(name: str, numbers: Mapping[str, int], *, strong: bool = False) -> tuple[Cell, Cell, Cell]:
    return Cell(name, strong=strong), integer(numbers["recordings"]), integer(numbers["patients"])


def flow_figures(contents: Contents) -> Iterator[CaptionedFigure]:
    """The flow as boxes, from what was found to the parts."""
    if contents.flow:
        caption = "Recordings found, left out, read and in each part; counts are of this run."
        yield captioned("flow", "flow", caption, figure_flow(contents.flow))


def figure_flow(flow: Mapping[str, Any]) -> Figure:
    """A flow chart in the manner of CONSORT."""
    from tsrep.inspect.figures.style import WIDTH, new_figure

    figure = new_figure(WIDTH, 2.6, laid_out=False)
    axes = figure.add_axes((0.01, 0.02, 0.98, 0.96))
    axes.set(xlim=(0, 1), ylim=(0, 1))
    axes.axis("off")
    lost = sum(number for _, number, what in flow["excluded"] if what == "recording")
    parts = flow["parts"]
    places = [(i + 0.5) / len(parts) for i in range(len(parts))]
    _arrow(axes, (MIDDLE, 0.84), (MIDDLE, 0.6))
    _arrow(axes, (MIDDLE, 0.71), (0.7, 0.71))
    for place in places:
        _arrow(axes, (MIDDLE, 0.42), (place, 0.25))
    _box(axes, (MIDDLE, 0.89), f"{count(flow['found'])} recordings found")
    _box(axes, (0.77, 0.71), f"{count(lost)} left out")
    read = flow["read"]
    _box(axes, (MIDDLE, 0.5), f"{count(read['recordings'])} read\nof {count(read['patients'])} patients")
    for place, (name, numbers) in zip(places, parts.items(), strict=True):
        words = f"{name}\n{count(numbers['recordings'])} recordings\n{count(numbers['patients'])} patients"
        _box(axes, (place, 0.13), words)
    return figure


def _box(axes: Axes, at: tuple[float, float], words: str) -> None:
    from tsrep.inspect.figures.style import FAINT, INK

    box = {"boxstyle": "square,pad=0.5", "facecolor": "white", "edgecolor": FAINT}
    axes.text(*at, words, ha="center", va="center", fontsize=8, color=INK, bbox=box)


def _arrow(axes: Axes, start: tuple[float, float], end: tuple[float, float]) -> None:
    from tsrep.inspect.figures.style import MUTED

    axes.annotate("", end, start, arrowprops={"arrowstyle": "-|>", "color": MUTED, "lw": 0.8})
