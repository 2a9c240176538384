"""A figure with its caption, and those that every kind of run has."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from tsrep.errors import RunError
from tsrep.report.contents import Contents
from tsrep.report.wording import capital, count

if TYPE_CHECKING:
    from matplotlib.figure import Figure

_SIGNATURE = b"\x89PNG\r\n\x1a\n"
_WIDEST = 920  # CSS pixels of the page's column


@dataclass(frozen=True)
class CaptionedFigure:
    """A rendered figure.

    Attributes
    ----------
    name : str
        File name without ending.
    section : str
        Where on the page it stands.
    caption : str
    png : bytes
    width : int
        CSS pixels, 100 an inch.
    numbers : str
        What it shows as a table, comma-separated; empty of a figure that was read from a file.
    """

    name: str
    section: str
    caption: str
    png: bytes
    width: int
    numbers: str = ""

    @property
    def alt(self) -> str:
        """What a reader who does not see it is told; the caption tells the rest."""
        return f"Figure: {self.caption.partition('. ')[0].rstrip('.')}."

    @property
    def data(self) -> str:
        """The file as a page holds it, in base 64."""
        return base64.b64encode(self.png).decode("ascii")


def captioned(name: str, section: str, caption: str, figure: Figure) -> CaptionedFigure:
    """Render a figure."""
    from tsrep.inspect.figures.numbers import numbers_csv
    from tsrep.inspect.figures.style import png

    width = round(100 * figure.get_figwidth())
    return CaptionedFigure(name, section, caption, png(figure), width, numbers_csv(figure))


def training_figures(contents: Contents) -> Iterator[CaptionedFigure]:
    """Training curves, where anything was logged."""
    from tsrep.inspect.figures.curves import figure_curves

    if contents.curves is None:
        return
    caption = (
        "Loss terms as weighted in the sum that is minimised, running means over training steps, and on the "
        "validation part; the validation score with the epoch whose weights were kept."
    )
    if contents.curves.inner:
        names = " and ".join(contents.curves.inner)
        caption += f" Panels that begin with {names} are the terms of that inner optimisation."
    if contents.curves.diagnostics:
        caption += " Purple: diagnostics, which are no part of any loss."
    yield captioned("curves", "training", caption, figure_curves(contents.curves, contents.kept_epoch()))


def representation_figures(contents: Contents) -> Iterator[CaptionedFigure]:
    """How representations lay at every validation, where that was logged."""
    from tsrep.inspect.figures.representations import figure_representations

    rows = contents.curves.representations if contents.curves is not None else []
    if not rows:
        return
    last = rows[-1]
    views = "the objective's own view" if last["own_view"] else "a window, cut, scaled and with noise"
    said = contents.collapse
    told = f"{capital(said)}." if said else "No collapse of the representations was seen."
    caption = (
        f"{told} Representations of {count(last['windows'])} fixed windows, one of each recording, and of "
        f"two views ({views}) of {count(last['pairs'])} of them. Alignment: squared distance of the views. "
        "Uniformity: 0 where all windows are one point. Effective rank and participation ratio: dimensions "
        "in use, which so many windows bound. Spread: 1 where representations lie all around. Separation: "
        "AUROC of views of a window against different windows. Retrieval: share of views whose nearest is "
        "their partner."
    )
    figure = figure_representations(rows, [row["epoch"] for row in rows])
    yield captioned("representations", "training", caption, figure)


def view_figures(contents: Contents) -> Iterator[CaptionedFigure]:
    """The views that the run trained with, where `tsrep plot views` has plotted them.

    Raises
    ------
    RunError
        When the file is no PNG.
    """
    path = contents.run / "figures" / "views.png"
    if path.is_file():
        caption = (
            f"Samples before and after the views that {contents.objective} trains on, and after fixed "
            "augmentations where they were plotted beside them."
        )
        yield stored_figure(path, "views", caption, "tsrep plot views")


def stored_figure(path: Path, section: str, caption: str, command: str) -> CaptionedFigure:
    """A figure that ``command`` has written into the folder.

    Raises
    ------
    RunError
        When the file is no PNG.
    """
    from tsrep.inspect.figures.style import DPI

    data = path.read_bytes()
    if not data.startswith(_SIGNATURE) or len(data) < 24:
        raise RunError(f"{path} is not a PNG file; remove it and plot it again with `{command}`")
    width = round(int.from_bytes(data[16:20], "big") * 100 / DPI)
    return CaptionedFigure(path.stem, section, caption, data, min(width, _WIDEST))
