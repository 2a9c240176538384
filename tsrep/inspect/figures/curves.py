"""Training curves: each loss term, the validation score with the chosen epoch, the learning rate."""

from __future__ import annotations

import math

import numpy as np
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import EngFormatter, MaxNLocator

from tsrep.inspect.curves import Curves, Floats, Ints, smooth
from tsrep.inspect.figures.style import (
    ACCENT,
    CONTROL,
    FAINT,
    INK,
    MUTED,
    PALETTE,
    WIDTH,
    Look,
    house,
    new_figure,
    panel_grid,
    shorten,
)

RAISED = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")  # the house reads no mathematics in text


@house
def figure_curves(curves: Curves, chosen: int | None = None) -> Figure:
    """Small multiples of the loss terms above the validation score and the learning rate.

    The terms of inner optimisations and the diagnostics of the objective, where it has any, stand in between.

    Parameters
    ----------
    curves : Curves
    chosen : int, optional
        The epoch whose weights were kept; by default the last one.
    """
    terms = list(dict.fromkeys([*curves.terms, *curves.validation_terms])) or ["loss"]
    inner = _inner(curves)
    rows = [math.ceil(len(names) / 4) for names in (terms, inner) if names]  # of up to four panels
    heights = [*(2.0 * down for down in rows), 2.3]
    figure = new_figure(WIDTH, sum(heights))
    parts = figure.subfigures(len(heights), 1, squeeze=False, height_ratios=heights, hspace=0.05)[:, 0]
    panels = panel_grid(parts[0], len(terms), math.ceil(len(terms) / rows[0]))
    for axes, name in zip(panels, terms, strict=True):
        _term(axes, curves, name)
    panels[0].legend(loc="best")
    if inner:
        more = panel_grid(parts[1], len(inner), math.ceil(len(inner) / rows[1]))
        for axes, (title, values, colour) in zip(more, inner, strict=True):
            axes.set_title(title)
            _trace(axes, curves.step, values, colour)
        panels += more
    below, right = parts[-1].subplots(1, 2, width_ratios=[2, 1])
    _validation(below, curves, curves.kept_epoch() if chosen is None else chosen)
    _learning_rate(right, curves)
    last = max(1, *curves.step.tolist(), *curves.validation_step.tolist())
    for axes in (*panels, below, right):
        axes.set(xlabel="training step", xlim=(-0.02 * last, 1.02 * last))
        axes.xaxis.set_major_locator(MaxNLocator(8 if axes is below else 4, integer=True))
        axes.xaxis.set_major_formatter(EngFormatter(sep=""))
    return figure


def _inner(curves: Curves) -> list[tuple[str, Floats, str]]:
    """Title, values and colour of what is not a term of the main loss."""
    terms = {f"{one}: {name}": v for one, named in curves.inner.items() for name, v in named.items()}
    found = [(terms, PALETTE[2]), (curves.diagnostics, PALETTE[4])]
    return [(shorten(n.replace("_", " "), 28), v, c) for named, c in found for n, v in named.items()]


def _term(axes: Axes, curves: Curves, name: str) -> None:
    axes.set_title(f"{name.replace('_', ' ')}{'' if name == 'loss' else ' loss'}")
    _trace(axes, curves.step, curves.terms.get(name, curves.loss))
    values = curves.validation_terms.get(name, curves.validation_loss if name == "loss" else None)
    if values is not None and np.isfinite(values).any():
        look: Look = {"color": PALETTE[1], "marker": "o", "ms": 2.5, "lw": 1.1, "label": "validation"}
        axes.plot(curves.validation_step, values, **look)


def _trace(axes: Axes, step: Ints, values: Floats, colour: str = ACCENT) -> None:
    logged = np.isfinite(values)
    step, values = step[logged], values[logged]  # an inner optimisation may step less often
    few = len(values) < 40
    line = values if few else smooth(values, max(5, len(values) // 40))
    if not few:
        axes.plot(step, values, color=colour, alpha=0.22, lw=0.7)
        low, high = np.percentile(values, [0.5, 99.5])
        flat = high - low <= 1e-6 * abs(high)
        pad = 0.05 * (abs(high) or 1.0) if flat else 0.08 * (high - low)
        axes.set_ylim(low - pad, high + pad)
        axes.set_autoscaley_on(False)
    axes.plot(step, line, color=colour, label="training", marker="o" if few else "", ms=2.5)


def _validation(axes: Axes, curves: Curves, chosen: int | None) -> None:
    scored = bool(np.isfinite(curves.score).any())
    name, values = curves.shown_score if scored else ("loss", curves.validation_loss)
    axes.set_title(name if "validation" in name else f"validation {name}")
    if not np.isfinite(values).any():
        axes.text(0.5, 0.5, "no validation was logged", transform=axes.transAxes, ha="center", color=MUTED)
        return
    axes.plot(curves.validation_step, values, color=INK, marker="o", ms=3, lw=1.2)
    first = curves.validation_epoch == 0
    if first.any() and np.isfinite(values[first][0]):
        axes.axhline(float(values[first][0]), color=CONTROL, lw=1, ls=(0, (4, 3)), zorder=1)
        axes.annotate(
            "before training", (1, float(values[first][0])), xycoords=("axes fraction", "data"),
            xytext=(-2, 3), textcoords="offset points", ha="right", va="bottom", color=MUTED, fontsize=7.5,
        )  # fmt: skip
    at = np.flatnonzero(curves.validation_epoch == chosen)
    if len(at):
        step, value = int(curves.validation_step[at[-1]]), float(values[at[-1]])
        axes.axvline(step, color=FAINT, lw=1.2, zorder=0)
        axes.plot([step], [value], marker="o", ms=8, mfc="none", mec=PALETTE[1], mew=1.6, zorder=5)
        axes.set_title(f"kept: epoch {chosen}, {value:.3f}".replace("-", "−"), loc="right", color=PALETTE[1])


def _learning_rate(axes: Axes, curves: Curves) -> None:
    peak = np.nanmax(curves.lr, initial=0.0)
    power = math.floor(math.log10(peak * 1.05)) if peak > 0 else 0
    axes.set_title(f"learning rate / 10{str(power).translate(RAISED)}" if power else "learning rate")
    mark = "o" if len(curves.lr) < 2 else ""
    axes.plot(curves.step, curves.lr * 10.0**-power, color=CONTROL, marker=mark, ms=3)
    axes.set_ylim(bottom=0)
