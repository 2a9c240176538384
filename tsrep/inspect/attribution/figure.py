"""One recording with what each lead and moment adds to the log odds of a class."""

from __future__ import annotations

import numpy as np
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import LinearSegmentedColormap, Normalize
from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tsrep.inspect.attribution.numbers import Attribution
from tsrep.inspect.figures.style import FAINT, INK, MUTED, PALETTE, WIDTH, house, limits, new_figure, shorten
from tsrep.inspect.receptive_field.samples_figure import colour_bar

FOR, AGAINST = PALETTE[1], PALETTE[0]
SIGNED = LinearSegmentedColormap.from_list("signed", [AGAINST, "#a9cfe8", "#ffffff", "#f6c69f", FOR])
MOST_CHANNELS = 16
BLOCKS = 100  # of a window; its single steps would be narrower than a pixel


@house
def figure_attribution(found: Attribution) -> Figure:
    """Traces on a ground whose colour speaks for or against the class, and beside them the sum of each lead.

    Of more than 16 channels it is those with the largest shares, in their order.

    Parameters
    ----------
    found : Attribution
    """
    shown = _shown(found)
    figure = new_figure(WIDTH, 1.2 + 0.46 * max(3, len(shown)))
    grid = figure.add_gridspec(len(shown), 2, width_ratios=(6, 1), hspace=0.0)
    edges, blocks = found.blocks(found.signal.shape[1] / found.sfreq / BLOCKS)
    most = float(np.abs(blocks[shown]).max()) or 1.0
    colour, first = Normalize(-most, most), None
    rows = []
    for row, channel in enumerate(shown):
        first = figure.add_subplot(grid[row, 0], sharex=first)
        _trace(first, found, channel, edges, blocks[channel], colour)
        first.tick_params(labelbottom=row == len(shown) - 1, bottom=row == len(shown) - 1)
        rows.append(first)
    rows[0].set_title(f"{found.record}: {found.label}, probability {found.probability:.2f}")
    rows[-1].set_xlabel("time (s)")
    sums = figure.add_subplot(grid[:, 1])
    _sums(sums, found, shown)
    bar = ScalarMappable(colour, SIGNED)
    said = f"share of the log odds, in {1000 * (edges[1] - edges[0]):.3g} ms"
    colour_bar(figure, bar, [*rows, sums], said, location="bottom", pad=0.02, fraction=0.03, aspect=50)
    return figure


def _shown(found: Attribution) -> list[int]:
    """Channels in their order, of many those with the largest shares."""
    size = np.abs(found.share).sum(axis=1)
    return sorted(np.argsort(-size, kind="stable")[:MOST_CHANNELS].tolist())


def _trace(
    axes: Axes, found: Attribution, channel: int, edges: np.ndarray, shares: np.ndarray, colour: Normalize
) -> None:
    signal = found.signal[channel]
    low, high = limits(signal, room=0.08)
    time = found.start + np.arange(len(signal)) / found.sfreq
    axes.pcolormesh(edges, [low, high], shares[None], cmap=SIGNED, norm=colour, rasterized=True, zorder=0)
    axes.plot(time, signal, color=INK, lw=0.8, label=found.channels[channel])
    axes.set(xlim=(edges[0], edges[-1]), ylim=(low, high), yticks=[])
    axes.set_ylabel(shorten(found.channels[channel], 14), rotation=0, ha="right", va="center")
    axes.grid(False)


def _sums(axes: Axes, found: Attribution, shown: list[int]) -> None:
    """Bars beside the traces, for the class to the right."""
    total = found.share.sum(axis=1)[shown]
    at = np.arange(len(shown))[::-1]
    axes.barh(at, total, height=0.6, color=np.where(total > 0, FOR, AGAINST))
    axes.axvline(0, color=FAINT, lw=1)
    axes.set(yticks=[], ylim=(-0.5, len(shown) - 0.5), title="sum of the lead")
    axes.xaxis.set_major_locator(MaxNLocator(3))
    axes.tick_params(colors=MUTED)
    axes.grid(False)
