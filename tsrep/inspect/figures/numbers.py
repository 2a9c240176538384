"""The numbers that a figure shows, as rows of one long table."""

from __future__ import annotations

import csv
import io
from collections.abc import Iterator
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.axis import Axis
from matplotlib.collections import Collection, LineCollection, PathCollection
from matplotlib.container import BarContainer
from matplotlib.figure import Figure
from matplotlib.ticker import FixedFormatter, FixedLocator
from numpy.typing import NDArray

HEADER = ("panel", "shown", "name", "x", "y", "value")
Row = tuple[str, str, str, Any, Any, Any]


def numbers_csv(figure: Figure) -> str:
    """A row for every point, end of a bar or interval, vertex of a band, and cell of a matrix.

    Parameters
    ----------
    figure : Figure

    Returns
    -------
    str
        Comma-separated, with the columns ``panel`` (its title), ``shown`` (``line``, ``interval``, ``band``,
        ``points``, ``bar`` or ``cell``), ``name`` (as in the key), ``x``, ``y`` (where ticks have names the
        nearest one), and ``value`` (of a cell).
    """
    out = io.StringIO()
    lines = csv.writer(out, lineterminator="\n")
    lines.writerow(HEADER)
    for axes in figure.get_axes():
        if axes.get_visible():
            lines.writerows(_rows(axes))
    return out.getvalue()


def _rows(axes: Axes) -> Iterator[Row]:
    """What stands in one panel."""
    panel = axes.get_title(loc="left") or axes.get_title() or axes.get_ylabel()
    x_name, y_name = _categories(axes.xaxis), _categories(axes.yaxis)
    for shown, name, xy in _shapes(axes):
        for x, y in xy:
            yield panel, shown, name, _place(x, x_name), _place(y, y_name), ""
    for image in axes.get_images():
        cells: NDArray[Any] = np.ma.filled(np.ma.asarray(image.get_array(), float), np.nan)
        for (row, column), value in np.ndenumerate(cells) if cells.ndim == 2 else ():
            yield panel, "cell", "", _place(column, x_name), _place(row, y_name), _short(value)


def _shapes(axes: Axes) -> Iterator[tuple[str, str, NDArray[Any]]]:
    """Kind, name and points of what is drawn in coordinates of the data, each shape (point, 2)."""
    for line in axes.get_lines():
        xy = np.asarray(line.get_xydata(), float)
        if line.get_transform().contains_branch(axes.transData) and len(xy):
            yield "line", _named(line.get_label()), xy
    for found in axes.collections:
        yield from ((_kind(found), _named(found.get_label()), xy) for xy in _points(found))
    for bars in axes.containers:
        if isinstance(bars, BarContainer):
            ends = [(bar.get_x() + bar.get_width(), bar.get_y() + bar.get_height()) for bar in bars.patches]
            yield "bar", _named(bars.get_label()), np.array(ends, float).reshape(-1, 2)


def _kind(found: Collection) -> str:
    if isinstance(found, LineCollection):
        return "interval"
    return "points" if isinstance(found, PathCollection) else "band"


def _points(found: Collection) -> list[NDArray[Any]]:
    if isinstance(found, PathCollection):
        return [np.ma.filled(np.ma.asarray(found.get_offsets(), float), np.nan)]
    return [np.asarray(path.vertices, float) for path in found.get_paths()]


def _categories(axis: Axis) -> dict[float, str]:
    """Names of the ticks of an axis that has names, by their places."""
    locator, formatter = axis.get_major_locator(), axis.get_major_formatter()
    if not isinstance(locator, FixedLocator) or not isinstance(formatter, FixedFormatter):
        return {}
    places = locator.tick_values(-np.inf, np.inf)
    return {float(at): name for at, name in zip(places, formatter.seq, strict=False) if name}


def _place(value: float, names: dict[float, str]) -> str:
    """A value, or where ticks have names that of the nearest one."""
    nearest = min(names, key=lambda at: abs(at - value), default=value)
    return " ".join(names[nearest].split()) if names else _short(value)


def _named(label: object) -> str:
    """The label of the key; nothing for those that matplotlib makes up."""
    text = str(label)
    return "" if text.startswith("_") else text


def _short(value: Any) -> str:
    return f"{float(value):.5g}"
