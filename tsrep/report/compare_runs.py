"""What a comparison says besides where all encoders are runs: differing settings, and training curves."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tsrep.errors import TsrepError
from tsrep.inspect.curves import Curves, Floats, read_curves
from tsrep.inspect.figures.style import MARKS, PALETTE, WIDTH, house, new_figure, panel_grid, shorten
from tsrep.report.captioned_figure import CaptionedFigure, captioned
from tsrep.report.tables import Cell, Table, table
from tsrep.runs.compare.comparison import Comparison
from tsrep.runs.config_files import read_config

OF_THE_PLACE = ("name", "root", "device", "seed", "seeds", "version")  # not of the method
CAPTION = (
    "Training of each run, of several seeds of the first: validation scores, and losses where two runs have "
    "the same objective with the same settings. Other losses do not compare."
)


@dataclass(frozen=True)
class RunSections:
    """Both sections; empty where an encoder is no run.

    Attributes
    ----------
    settings : Table or None
    curves : list of CaptionedFigure
    """

    settings: Table | None = None
    curves: Sequence[CaptionedFigure] = ()


def run_sections(comparison: Comparison) -> RunSections:
    """Settings in which runs differ, and their training curves."""
    folders = {name: _folder(comparison.about[name]) for name in comparison.encoders}
    if not all(folders.values()):
        return RunSections()
    try:
        settings = {name: dict(_flat(read_config(place / "config.yaml"))) for name, place in folders.items()}
        curves = {name: read_curves(place / "metrics.jsonl") for name, place in folders.items()}
    except TsrepError:  # told where the run itself is opened; its scores stand all the same
        return RunSections()
    figure = captioned("curves", "training", CAPTION, figure_training(curves, _losses(settings)))
    return RunSections(_differences(settings), [figure])


def _losses(settings: Mapping[str, Mapping[str, Any]]) -> dict[str, str]:
    """What each run minimises: its objective, and what sets it apart from others of this objective."""
    found = {}
    for run, values in settings.items():
        loss = _loss(values)
        others = [own for own in settings.values() if own["objective.name"] == values["objective.name"]]
        alike = [own for own in others if _loss(own) == loss]
        told = [str(values["objective.name"])]
        if loss is not None and len(alike) < len(others):
            told.append(f"loss {loss}")
        told += [
            f"{path.removeprefix('objective.').removesuffix('.name')} {_said(value)}"
            for path, value in values.items()
            if path.startswith("objective.") and len({repr(own.get(path)) for own in alike}) > 1
        ]
        found[run] = ", ".join(told)
    return found


def _loss(values: Mapping[str, Any]) -> Any:
    return values.get("objective.loss.name", values.get("objective.loss"))


def _folder(about: Mapping[str, Any]) -> Path | Any:
    """The run that an encoder is of; false where it is of none."""
    place = Path(next(iter(about.get("references", ())), ""))
    return place if (place / "config.yaml").is_file() and (place / "metrics.jsonl").is_file() else None


def _flat(values: Mapping[str, Any], above: str = "") -> Iterator[tuple[str, Any]]:
    for key, value in values.items():
        if isinstance(value, Mapping) and value:
            yield from _flat(value, f"{above}{key}.")
        else:
            yield f"{above}{key}", value


def _differences(settings: Mapping[str, Mapping[str, Any]]) -> Table:
    """A row for each setting that is not the same in all runs; a dash where a run does not have it."""
    paths = dict.fromkeys(path for values in settings.values() for path in values)
    differing = [
        path
        for path in paths
        if path not in OF_THE_PLACE and len({repr(own.get(path)) for own in settings.values()}) > 1
    ]
    columns: dict[str | Cell, Any] = {"setting": Cell}
    for name, own in settings.items():
        columns[name] = lambda path, own=own: Cell(_said(own[path]) if path in own else "–")
    caption = "Settings in which the runs differ" if differing else "The runs have the same settings"
    return table(caption, differing, columns)


def _said(value: Any) -> str:
    return "null" if value is None else str(value)


@house
def figure_training(curves: Mapping[str, Curves], objectives: Mapping[str, str]) -> Figure:
    """A panel for each validation score, and for each loss that several runs have.

    Parameters
    ----------
    curves : mapping of run to Curves
    objectives : mapping of run to str
    """
    panels: dict[str, dict[str, Floats]] = {}
    for name, own in curves.items():
        if np.isfinite(own.score).any():
            title, values = own.shown_score
            panels.setdefault(title or "validation score", {})[name] = values
    for name, own in curves.items():
        if list(objectives.values()).count(objectives[name]) > 1 or not panels:
            panels.setdefault(f"validation loss of {objectives[name]}", {})[name] = own.validation_loss
    across = min(len(panels), 3)
    down = math.ceil(len(panels) / across)
    figure = new_figure(WIDTH, 2.6 * down + 0.3)
    for axes, (title, lines) in zip(panel_grid(figure, len(panels), across), panels.items(), strict=True):
        _panel(axes, title, lines, curves)
    return figure


def _panel(axes: Axes, title: str, lines: Mapping[str, Floats], curves: Mapping[str, Curves]) -> None:
    for number, (name, own) in enumerate(curves.items()):
        if name in lines:
            colour, mark = PALETTE[number % len(PALETTE)], MARKS[number % len(MARKS)]
            label = shorten(name, 28)
            axes.plot(own.validation_epoch, lines[name], color=colour, marker=mark, ms=3, label=label)
    axes.set(title=title, xlabel="epoch")
    axes.xaxis.set_major_locator(MaxNLocator(6, integer=True))
    axes.legend(loc="best")
