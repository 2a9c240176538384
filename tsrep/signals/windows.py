"""Windows of recordings as a contract wants them."""

from __future__ import annotations

import numpy as np

from tsrep.errors import ContractError
from tsrep.signals.contract import Window
from tsrep.signals.panel import Ints, Panel


def cut(panel: Panel, window: Window, sfreq: float | None = None) -> Panel:
    """Windows of recordings that are long enough, on the same store.

    Parameters
    ----------
    panel : Panel
        At the contract's rate.
    window : Window
    sfreq : float, Hz, optional
        That the window's seconds count at, where it is not the panel's.

    Returns
    -------
    Panel
        With the label, trial and patient of its recording for every window.

    Raises
    ------
    ContractError
        When longer recordings are refused.
    DataError
        When recordings are shorter than a window.
    """
    steps = window.steps or panel.length // window.multiple_of * window.multiple_of
    if panel.length == steps:
        return panel
    if window.longer == "refuse":
        raise ContractError(
            f"the recordings have {panel.length} steps and the encoder takes {steps}; cut them before"
        )
    return panel.cut(starts(panel.length, steps, sfreq or panel.sfreq, window), steps)


def starts(length: int, steps: int, sfreq: float, window: Window) -> Ints:
    """First steps of the windows of a recording.

    Parameters
    ----------
    length : int
        Steps of the recording.
    steps : int
        Of a window.
    sfreq : float, Hz
    window : Window
    """
    if window.longer == "crop-start":
        return np.zeros(1, np.int64)
    if window.longer == "crop-centre":
        return np.array([max(length - steps, 0) // 2])
    hop = steps if window.hop_seconds is None else max(round(window.hop_seconds * sfreq), 1)
    found = np.arange(0, length - steps + 1, hop)
    if window.tail == "align" and len(found) and found[-1] + steps < length:
        found = np.append(found, length - steps)
    return found
