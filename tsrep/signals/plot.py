"""A sample of a panel over time, its channels one above the other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np

from tsrep.errors import DataError

if TYPE_CHECKING:
    from matplotlib.axes import Axes

    from tsrep.signals.panel import Panel

APART = 1.2  # distance of two channels, as a share of the largest range


def plot_sample(panel: Panel, record: int | str = 0, ax: Axes | None = None) -> Axes:
    """Plot one sample.

    Parameters
    ----------
    panel : Panel
    record : int or str
        Number of the sample, or name of its record.
    ax : Axes, optional
        Where to plot; by default a new figure.

    Raises
    ------
    DataError
        When there is no such sample.
    """
    import matplotlib.pyplot as plt

    sample = _number(panel, record)
    signal = panel.take(np.array([sample]))[0]  # (channel, time)
    seconds = (panel.start[sample] + np.arange(panel.length)) / panel.sfreq
    spread = np.nanmax(signal, axis=1) - np.nanmin(signal, axis=1)
    apart = APART * (np.nanmax(spread) or 1.0)
    axes = plt.subplots(figsize=(9, 1 + 0.45 * len(signal)))[1] if ax is None else ax
    for row, values in enumerate(signal):
        axes.plot(seconds, values - np.nanmean(values) - row * apart, lw=0.8, color="#1f2933")
    axes.set_yticks(-apart * np.arange(len(signal)), panel.channels)
    unit = f" (lines {apart:.2g} {panel.unit} apart)" if panel.unit else ""
    axes.set(xlabel=f"seconds{unit}", xlim=(seconds[0], seconds[-1]), title=f"{record}")
    return axes


def _number(panel: Panel, record: int | str) -> int:
    if isinstance(record, str):
        if record not in panel.record_names:
            raise DataError(f"the panel has no record {record!r}; its names are panel.record_names")
        found = np.flatnonzero(panel.row == panel.record_names.index(record))
        if not len(found):
            raise DataError(f"no sample of the panel is of the record {record!r}; choose another")
        return int(found[0])
    if not -len(panel) <= record < len(panel):
        raise DataError(f"the panel has samples 0 to {len(panel) - 1}, and no {record}; choose one of them")
    return record % len(panel)
