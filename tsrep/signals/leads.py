"""Limb leads from one another: six leads are six views of the same two dimensions."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.signals.names import LIMB, read_names

# each lead from I and II: rows in the order of LIMB
_OF_I_AND_II = np.array([[1, 0], [0, 1], [-1, 1], [-0.5, -0.5], [1, -0.5], [-0.5, 1]])
_CONTRADICTION = 0.05  # of the root mean square of the leads


def derivable(wanted: Sequence[str], recorded: Sequence[str]) -> bool:
    """Whether leads follow from recorded ones: limb leads from any two others."""
    return set(wanted) <= set(LIMB) and len(set(recorded) & set(LIMB)) >= 2


def derivation(wanted: Sequence[str], recorded: Sequence[str]) -> NDArray[np.float64]:
    """What to multiply recorded limb leads by to have others.

    Parameters
    ----------
    wanted, recorded : sequences of str
        Limb leads, of the latter two at least.

    Returns
    -------
    array, shape (wanted, recorded)
        The least-squares solution where more than two are recorded; a recorded lead is taken as it is.
    """
    views = _views(wanted) @ np.linalg.pinv(_views(recorded))  # (wanted, recorded)
    for row, name in enumerate(wanted):
        if name in recorded:
            views[row] = np.eye(len(recorded))[list(recorded).index(name)]
    views[np.abs(views) < 1e-12] = 0
    return views


def growth_of_noise(recorded: Sequence[str]) -> float:
    """How many times noise may grow when others are derived: the condition number of the recorded leads."""
    return float(np.linalg.cond(_views(recorded)))


def recorded_limb(channels: Sequence[str]) -> tuple[list[str], NDArray[np.int64], NDArray[np.float32]]:
    """Limb leads among the channels of an ECG: their names, places and signs."""
    named = {n.name: (k, n.sign) for k, n in enumerate(read_names(channels, "ecg")) if n.known}
    names = [name for name in LIMB if name in named]
    at = np.array([named[name][0] for name in names], np.int64)
    return names, at, np.array([named[name][1] for name in names], np.float32)


def contradictory(x: NDArray[Any], names: Sequence[str]) -> NDArray[np.bool_]:
    """Records whose limb leads are not six views of two dimensions, as swapped or mis-scaled ones are not.

    Parameters
    ----------
    x : array, shape (record, limb lead, time)
    names : sequence of str
        Of the leads, all limb leads.

    Returns
    -------
    bool array, shape (record,)
        Where what two dimensions leave over is above 5 % of the root mean square; with two leads nowhere.
    """
    views = _views(names)
    left_over = np.eye(len(names)) - views @ np.linalg.pinv(views)  # (lead, lead)
    x = np.nan_to_num(x.astype(np.float64))
    # an offset between electrodes drifts and is no contradiction
    x = x - x.mean(axis=2, keepdims=True)
    residual = np.sqrt(np.mean((left_over @ x) ** 2, axis=(1, 2)))
    return np.asarray(residual > _CONTRADICTION * np.sqrt(np.mean(x**2, axis=(1, 2))))


def _views(names: Sequence[str]) -> NDArray[np.float64]:
    """Coefficients of limb leads on I and II, shape (lead, 2)."""
    return _OF_I_AND_II[[LIMB.index(name) for name in names]]
