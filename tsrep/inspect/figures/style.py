"""One look for every figure: fonts, colours, grid, and how a figure becomes a PNG.

Figures are made as ``Figure`` objects without pyplot, so nothing is kept between them and no window
system is asked for. Colours stay apart for colour-blind readers and mean the same in every figure.
"""

from __future__ import annotations

import io
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from itertools import chain, repeat
from pathlib import Path
from typing import Any

import matplotlib as mpl
import numpy as np
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure, SubFigure
from matplotlib.lines import Line2D
from numpy.typing import NDArray

from tsrep.errors import RunError
from tsrep.evaluation.scores import Role
from tsrep.files import replacing

Look = dict[str, Any]

INK, MUTED, FAINT, GRID = "#1f2933", "#5f6b7a", "#c9d1d9", "#e6eaee"
ACCENT, CONTROL, FLOOR = "#0b5fa5", "#7b8794", "#b0b8c1"
OTHER = "#d3d9df"
PALETTE = (
    "#0072b2", "#d55e00", "#009e73", "#e69f00", "#aa4499",
    "#56b4e9", "#882255", "#999933", "#44aa99", "#332288", "#cc6677", "#8c6d31",
)  # fmt: skip
MARKS = ("o", "s", "D", "^", "v", "P", "X", "<", ">", "h", "p", "*")
WIDTH = 9.2
DPI = 180

_STAMPS: dict[str, Any] = {"png": {"Software": None}, "pdf": {"CreationDate": None}, "svg": {"Date": None}}
_HOUSE = mpl.rc_params_from_file(Path(__file__).with_name("house.mplstyle"), use_default_template=False)


@contextmanager
def _house_settings() -> Iterator[None]:
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_HOUSE)
        yield


house = _house_settings()  # decorator: the house style, whatever the reader's own settings are


def new_figure(width: float, height: float, *, laid_out: bool = True) -> Figure:
    """An empty figure of the given size in inches on an Agg canvas, laid out so that no labels overlap."""
    figure = Figure(figsize=(width, height), layout="constrained" if laid_out else None)
    FigureCanvasAgg(figure)
    return figure


def png(figure: Figure) -> bytes:
    """The figure as a PNG file; the same figure gives the same bytes."""
    return rendered(figure, "png")


def rendered(figure: Figure, kind: str) -> bytes:
    """The figure as a file of kind ``"png"``, ``"pdf"`` or ``"svg"``, without a time stamp."""
    buffer = io.BytesIO()
    with _house_settings():  # the layout is worked out while saving
        figure.savefig(buffer, format=kind, dpi=DPI, metadata=_STAMPS[kind])
    return buffer.getvalue()


def file_kind(path: Path) -> str:
    """Which kind of figure file a path names.

    Raises
    ------
    RunError
        When it is none that can be written.
    """
    kind = path.suffix.removeprefix(".").lower()
    if kind not in _STAMPS:
        raise RunError(f"{path} does not end in .png, .pdf or .svg; name a file that does")
    return kind


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure in the kind of file that the path names, whole or not at all."""
    content = rendered(figure, file_kind(path))  # before a folder is made
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def class_colours(classes: Sequence[str], support: Sequence[int] | Any = ()) -> dict[str, str]:
    """A colour for each class, the same in every figure of a run.

    Up to ten classes take the palette in their own order. Of more, the ten with the largest
    ``support`` have a colour and the others share a grey.
    """
    if len(classes) <= 10:
        return dict(zip(classes, PALETTE, strict=False))
    order = np.argsort(-np.asarray(support if len(support) else np.zeros(len(classes))), kind="stable")
    chosen = {classes[i]: PALETTE[rank] for rank, i in enumerate(order[:10])}
    return {name: chosen.get(name, OTHER) for name in classes}


def method_looks(roles: Mapping[str, Role]) -> dict[str, Look]:
    """Colour, line and marker of each method: strong for methods, greys for controls and baselines.

    Of several baselines the first one stands out: where they are in order it is the best.
    """
    several = list(roles.values()).count("baseline") > 1
    dashes, dots = (0, (5, 1.5)), (0, (1, 1.2))
    best = [(PALETTE[1], "s", dashes)] if several else []
    greys = [*best, (FLOOR, "x", dashes), (CONTROL, "^", dots), (FLOOR, "v", "-")]
    strong = [(ACCENT, "o", "-"), *zip(PALETTE[2:], MARKS[2:], repeat("-"), strict=False)]
    looks: dict[Role, Iterator[tuple[str, str, Any]]] = {
        "method": chain(strong, repeat((INK, "o", "-"))),
        "control": repeat((CONTROL, "o", "-")),
        "baseline": chain(greys, repeat((FLOOR, ".", "-"))),
    }
    found: dict[str, Look] = {}
    for method, role in roles.items():
        colour, mark, line = next(looks[role])
        fill = "white" if role == "control" else colour
        found[method] = {"color": colour, "marker": mark, "ls": line, "mfc": fill, "mec": colour}
        found[method] |= {"ms": 4.5, "mew": 1.2}
    return found


def panel_grid(figure: Figure | SubFigure, panels: int, across: int, **shared: Any) -> list[Axes]:
    """Axes of so many panels, some in a row; of those that share an axis the lowest ones are labelled."""
    down = math.ceil(panels / across)
    found = figure.subplots(down, across, squeeze=False, **shared).ravel().tolist()
    for i, axes in enumerate(found):
        axes.set_visible(i < panels)
        axes.tick_params(labelbottom=not shared or i + across >= panels)
    return list(found[:panels])


def line_only(look: Look) -> Look:
    """A look without its marker."""
    return {"color": look["color"], "ls": look["ls"], "lw": 1.4}


def method_legend(figure: Figure, looks: Mapping[str, Look], others: Sequence[Line2D] = ()) -> None:
    """The key of a figure, above its panels."""
    own = [Line2D([], [], label=name, **({"lw": 1.4} | dict(look))) for name, look in looks.items()]
    handles = [*others, *own]
    figure.legend(handles=handles, loc="outside upper left", ncols=min(6, len(handles)), handlelength=2.4)


def limits(values: NDArray[Any], *, room: float) -> tuple[float, float]:
    """Ends of an axis that shows all values, with a share of their range left free on both sides."""
    there = values[np.isfinite(values)]
    if not len(there):
        return -1.0, 1.0
    low, high = float(there.min()), float(there.max())
    free = room * (high - low) or 0.5
    return low - free, high + free


def bare(axes: Axes) -> None:
    """Take away ticks, grid and frame, for axes whose numbers mean nothing."""
    axes.set(xticks=[], yticks=[])
    axes.grid(False)
    axes.spines[:].set_visible(False)


def shorten(name: str, length: int = 22) -> str:
    """A name that fits a tick label."""
    return name if len(name) <= length else name[: length - 1].rstrip() + "…"


def distinct(names: Sequence[str], length: int) -> list[str]:
    """Names that fit and differ where the names do: cut at their end, else at their beginning, else whole."""
    found = list(names)
    for cut in (shorten, _ending):
        short = [cut(name, length) for name in names]
        if len(set(short)) == len(set(names)):
            return short
    return found


def _ending(name: str, length: int) -> str:
    return name if len(name) <= length else f"…{name[1 - length :].lstrip()}"
