"""The figures of a study's report, each with a caption and its numbers."""

from __future__ import annotations

from dataclasses import asdict
from typing import TYPE_CHECKING

import pandas as pd

from tsrep.report.picture import picture
from tsrep.studies.confirm.finalists import summarise
from tsrep.studies.page.sections import Shown
from tsrep.studies.read.axis_names import short_names
from tsrep.studies.read.history import history, reports
from tsrep.studies.read.missing import Missing
from tsrep.studies.read.reading import Reading
from tsrep.studies.read.slices import slices
from tsrep.studies.read.value_scale import value_scale
from tsrep.studies.read.wording import is_preset

if TYPE_CHECKING:
    from matplotlib.figure import Figure

    from tsrep.evaluation.friedman_ranks import Comparison
    from tsrep.studies.read.contour import Contour
    from tsrep.studies.read.trial_table import TrialTable


def history_figure(reading: Reading) -> Shown | Missing:
    """Values in the order of tickets."""
    from tsrep.studies.draw.history import figure_history

    table = reading.table
    found = history(table)
    if isinstance(found, Missing):
        return found
    caption = f"Value of each complete trial and the best so far.{_dots(table)}{value_scale(table).note}"
    return _shown("history", caption, figure_history(table), found)


def reports_figure(reading: Reading) -> Shown | Missing:
    """What trials reported while they ran."""
    from tsrep.studies.draw.history import figure_reports

    found = reports(reading.table)
    if isinstance(found, Missing):
        return found
    caption = "Values that trials reported while they ran; a cross is where a trial was stopped."
    return _shown("reports", caption, figure_reports(reading.table), found)


def importance_figure(reading: Reading) -> Shown | Missing:
    """Importance of each axis."""
    from tsrep.studies.draw.importance import figure_importance

    found = reading.importance
    if isinstance(found, Missing):
        return found
    caption = (
        f"{found.evaluator}. Dots are shares of the sum over axes; bars are 95 % intervals over random "
        "halves of the trials, in which there are fewer best ones to go by, so that they lean towards "
        "equal shares. Blue: above what 95 % of studies with shuffled values reach (grey band). It is "
        "the importance among the trials that ran: an axis that the sampler settled early shows little "
        "here. Other evaluators may disagree."
    )
    numbers = pd.DataFrame([asdict(share) for share in found.shares])
    return _shown("importance", caption, figure_importance(found, reading.table), numbers)


def effects_figure(reading: Reading) -> Shown | Missing:
    """Paired effect of each level."""
    from tsrep.studies.draw.effects import figure_effects

    found = reading.effects
    if isinstance(found, Missing):
        return found
    caption = (
        "Mean difference between a level and the reference of its axis over pairs of trials that are as "
        "alike as can be in all other axes, less what an additive model of the other axes expects of "
        "the pair; bars are 95 % bootstrap intervals over pairs. Numeric axes are split at their "
        "median. Blue: sign-flip permutation test below 5 % after Holm's correction. Open dots: too few "
        "pairs to test."
    )
    return _shown(
        "effects", caption, figure_effects(found, reading.table), pd.DataFrame([asdict(e) for e in found])
    )


def cells_figure(reading: Reading) -> Shown | Missing:
    """All values in each level."""
    from tsrep.studies.draw.cells import figure_cells

    if isinstance(reading.cells, Missing):
        return reading.cells
    assert not isinstance(reading.cell_summary, Missing)  # it is of the same values
    caption = (
        "Every complete trial in the level that it has of each axis; black: median. Trials of a level "
        f"differ in all other axes.{_dots(reading.table)}{value_scale(reading.table).note}"
    )
    numbers = {"cells": reading.cells, "cells-summary": reading.cell_summary}
    return Shown(picture("cells", "", caption, figure_cells(reading.table)), numbers)


def slices_figure(reading: Reading) -> Shown | Missing:
    """The value along each axis."""
    from tsrep.studies.draw.slices import figure_slices

    found = slices(reading.table)
    if isinstance(found, Missing):
        return found
    caption = (
        "Value of each complete trial along each axis that it has active; later trials are darker, "
        f"diamonds are presets.{value_scale(reading.table).note}"
    )
    return _shown("slices", caption, figure_slices(reading.table), found)


def contour_figure(reading: Reading) -> Shown | Missing:
    """The value over two numeric axes."""
    from tsrep.studies.draw.contour import figure_contour

    found = reading.contour
    if isinstance(found, Missing):
        return found
    caption = (
        f"Value over {found.across.name} and {found.up.name}, linear between trials and nowhere beyond "
        "them. Trials differ in all other axes too, so that single bumps say little. The best trial has "
        "a ring."
    )
    return Shown(
        picture("contour", "", caption, figure_contour(found, reading.table)), _contour_numbers(found)
    )


def _contour_numbers(found: Contour) -> dict[str, pd.DataFrame]:
    across, up = found.across.name, found.up.name
    points = pd.DataFrame({across: found.x, up: found.y, "value": found.value})
    grid = pd.DataFrame(found.grid, index=found.grid_y, columns=found.grid_x).rename_axis(up)
    long = grid.reset_index().melt(up, var_name=across, value_name="value").dropna()
    return {"contour": points, "contour-grid": long[[across, up, "value"]]}


def front_figure(reading: Reading) -> Shown | Missing:
    """Cost against quality."""
    from tsrep.studies.draw.front import figure_front

    if isinstance(reading.costs, Missing):
        return reading.costs
    caption = (
        "Training time and value of each complete trial; on the front are those that no other trial "
        "beats in both. Times were measured while the study ran and hold for its "
        f"machines.{value_scale(reading.table).note}"
    )
    return _shown("cost", caption, figure_front(reading.costs, reading.table), reading.costs)


def finalists_figure(reading: Reading) -> Shown | Missing:
    """Finalists and controls on test."""
    from tsrep.studies.draw.finalists import figure_finalists

    if reading.finalists is None or reading.finalists.rows.empty:
        return Missing("No finalist has been confirmed on test yet.")
    rows = reading.finalists.rows
    found = summarise(rows)
    caption = (
        "Test scores of finalists (blue, in the order of their validation), trained anew from fresh seeds, "
        "and of controls (grey): means over seeds with 95 % intervals by bootstrap over the patients or "
        "blocks of time of the test part; small dots are single seeds."
    )
    numbers = {"finalists": found, "finalists-seeds": rows}
    return Shown(picture("finalists", "", caption, figure_finalists(found, rows)), numbers)


def ranks_figure(reading: Reading) -> Shown | Missing:
    """Critical differences between finalists."""
    if isinstance(reading.ranks, Missing):
        return reading.ranks
    caption = (
        "Average rank on test over blocks of task and seed; 1 is the best. Seeds of one task share its "
        "test part, so that blocks are not independent and p-values are too small."
    )
    return _ranks("ranks-finalists", caption, "Average rank of finalists on test", reading.ranks)


def level_ranks_figure(reading: Reading) -> Shown | Missing:
    """Critical differences between the levels of the most important axis that was tried in full."""
    if isinstance(reading.level_ranks, Missing):
        return reading.level_ranks
    axis, found = reading.level_ranks
    caption = (
        f"Average rank of the levels of {axis.name} on validation over blocks of task and setting of all "
        "other axes in which every level was tried."
    )
    title = f"Average rank of {short_names(reading.table.axes)[axis.name]}"
    return _ranks("ranks-levels", caption, title, found)


def _ranks(name: str, caption: str, title: str, found: Comparison) -> Shown:
    from tsrep.inspect.figures.ranks import figure_ranks

    if 2.0 ** (1 - len(found.sets)) * len(found.pairs) >= found.level:
        caption += " With so few blocks no pair can differ after Holm's correction, however clear its order."
    figure = figure_ranks(found, title, over="block")
    blocks = [
        (block, method, value, rank)
        for block, values, ranks in zip(found.sets, found.values, found.ranks, strict=True)
        for method, value, rank in zip(found.methods, abs(values), ranks, strict=True)
    ]
    numbers = {
        name: pd.DataFrame(blocks, columns=["block", "method", "value", "rank"]),
        f"{name}-pairs": pd.DataFrame([asdict(pair) for pair in found.pairs]),
    }
    return Shown(picture(name, "", caption, figure), numbers)


def _dots(table: TrialTable) -> str:
    """What the dots of a figure are, and its line; each sentence after a space."""
    named = any(is_preset(name) for name in table.complete["origin"])
    presets = " Blue dots were chosen by the sampler, orange diamonds are presets." if named else ""
    return presets + (" The dashed line is the baseline." if table.baseline is not None else "")


def _shown(name: str, caption: str, figure: Figure, numbers: pd.DataFrame) -> Shown:
    return Shown(picture(name, "", caption, figure), {name: numbers})
