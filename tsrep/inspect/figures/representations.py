"""How representations lay while they were trained, from the numbers of every validation."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator
from scipy.special import gammaln, ive

from tsrep.inspect.curves import Floats
from tsrep.inspect.figures.style import ACCENT, CONTROL, INK, MUTED, PALETTE, WIDTH, house, new_figure

Rows = Sequence[Mapping[str, Any]]
_BANDS = {
    "positive": (PALETTE[0], "views of a window"),
    "negative": (CONTROL, "different windows"),
    "hardest": (PALETTE[1], "nearest other window"),
}
_DENSITIES = {"same patient": PALETTE[1], "same label": PALETTE[2], "other": CONTROL}


def uniform_on_sphere(dim: int) -> float:
    """Uniformity of the uniform law on the unit sphere, the limit of every method.

    ``-4 + log(Gamma(D / 2) (2 / 4)^(D / 2 - 1) I_{D / 2 - 1}(4))``; for large D it tends to -4.
    """
    order = dim / 2 - 1
    scaled = ive(order, 4.0)  # I exp(-4); 0 where it is too small for a float
    if scaled <= 0:
        return -4 + 8 / dim  # the first term of the series
    return float(gammaln(dim / 2) + order * np.log(0.5) + np.log(scaled))


@house
def figure_representations(rows: Rows, epochs: Sequence[int]) -> Figure:
    """Six panels: where a run went, similarities, rank, and what has come near what.

    Parameters
    ----------
    rows : sequence of mapping
        See :class:`tsrep.training.diagnostics.Diagnostics`, the first before training.
    epochs : sequence of int
        Of the rows.
    """
    figure = new_figure(WIDTH, 4.9)
    axes = figure.subplots(2, 3)
    _path(axes[0, 0], rows)
    _bands(axes[0, 1], rows, epochs)
    _densities(axes[0, 2], rows[-1])
    _ranks(axes[1, 0], rows, epochs)
    _lines(
        axes[1, 1],
        "cosine above the mean of all pairs",
        {
            "one label, other patient": _column(rows, "tolerance") - _column(rows, "negative_mean"),
            "one patient": _column(rows, "patient_tolerance") - _column(rows, "negative_mean"),
        },
        epochs,
    )
    shares = {
        "spread": _column(rows, "spread"),
        "separation": _column(rows, "separation"),
        "retrieval": _column(rows, "retrieval"),
    }
    _lines(axes[1, 2], "spread and views found", shares, epochs)
    for each in (axes[0, 1], *axes[1]):
        each.set_xlabel("epoch")
        each.xaxis.set_major_locator(MaxNLocator(5, integer=True))
    return figure


def _column(rows: Rows, name: str) -> Floats:
    return np.array([np.nan if row.get(name) is None else row[name] for row in rows], np.float64)


def _path(axes: Axes, rows: Rows) -> None:
    uniformity, alignment = _column(rows, "uniformity"), _column(rows, "alignment")
    axes.plot(uniformity, alignment, color=ACCENT, marker="o", ms=3, lw=1)
    axes.plot(uniformity[:1], alignment[:1], "o", ms=7, mfc="white", mec=INK, label="before training")
    ideal = uniform_on_sphere(int(rows[-1]["dim"]))
    axes.axvline(ideal, color=MUTED, lw=1, ls=(0, (4, 3)), label="uniform on the sphere")
    axes.set(title="alignment against uniformity", xlabel="uniformity", ylabel="alignment")
    axes.legend(loc="best")


def _bands(axes: Axes, rows: Rows, epochs: Sequence[int]) -> None:
    for name, (colour, label) in _BANDS.items():
        mean, sd = _column(rows, f"{name}_mean"), _column(rows, f"{name}_sd")
        axes.fill_between(epochs, mean - sd, mean + sd, color=colour, alpha=0.18, lw=0)
        axes.plot(epochs, mean, color=colour, lw=1.3, marker="o", ms=2.5, label=label)
    axes.set_title("cosine, mean ± SD")
    axes.legend(loc="best")


def _densities(axes: Axes, row: Mapping[str, Any]) -> None:
    drawn = {"views of a window": (row["positives"], PALETTE[0])}
    drawn |= {name: (row["histograms"][name], colour) for name, colour in _DENSITIES.items()}
    for name, (counts, colour) in drawn.items():
        total = sum(counts)
        if total:
            edges = np.linspace(-1, 1, len(counts) + 1)
            axes.stairs(np.array(counts) * len(counts) / 2 / total, edges, color=colour, lw=1.2, label=name)
    axes.set(title="cosine at the last validation", xlabel="cosine", yticks=[])
    axes.legend(loc="upper left")


def _ranks(axes: Axes, rows: Rows, epochs: Sequence[int]) -> None:
    named = {
        "effective rank": _column(rows, "effective_rank"),
        "participation ratio": _column(rows, "participation_ratio"),
    }
    _lines(axes, "dimensions in use", named, epochs)
    windows, dim = rows[-1]["windows"], rows[-1]["dim"]
    noise = windows * dim / (windows + dim)
    axes.axhline(noise, color=MUTED, lw=1, ls=(0, (4, 3)), label="participation of noise")
    axes.set_ylim(bottom=0)
    axes.legend(loc="best")


def _lines(axes: Axes, title: str, named: Mapping[str, Floats], epochs: Sequence[int]) -> None:
    drawn = [item for item in zip(named.items(), PALETTE, strict=False) if np.isfinite(item[0][1]).any()]
    if not drawn:  # such as of recordings without labels, one of each patient
        axes.remove()
        return
    for (name, values), colour in drawn:
        axes.plot(epochs, values, color=colour, lw=1.3, marker="o", ms=2.5, label=name)
    axes.set_title(title)
    axes.legend(loc="best")
