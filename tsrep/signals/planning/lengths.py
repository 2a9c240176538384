"""Recordings that are longer or shorter than the encoder's window."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ContractError
from tsrep.signals.contract import SignalContract, Window
from tsrep.signals.panel import Floats
from tsrep.signals.resample import resample


@dataclass(frozen=True)
class LengthPlan:
    """What becomes of the length of a record.

    Attributes
    ----------
    record : int
        Steps of a record at the encoder's rate.
    shaped : int
        Steps after it was repeated or resized; those of ``record`` where it is not.
    shown : int
        Steps of a window, with what is padded.
    repeat : bool
        Whether it is repeated, and not resized.
    notes : tuple of str
    """

    record: int
    shaped: int
    shown: int
    repeat: bool = False
    notes: tuple[str, ...] = ()

    def apply(self, x: NDArray[Any]) -> Floats:
        """Records of ``shaped`` steps, shape (record, channel, time)."""
        if self.shaped == self.record:
            return np.asarray(x, np.float32)
        if self.repeat:
            times = -(-self.shaped // x.shape[2])
            return np.tile(x, (1, 1, times))[..., : self.shaped]
        return resample(x, x.shape[2], self.shaped, how="linear")


def plan_length(record: int, sfreq: float, contract: SignalContract) -> LengthPlan:
    """Decide about recordings of so many steps at the encoder's rate.

    Raises
    ------
    ContractError
        When the contract refuses their length, or less than half of a window would be a recording.
    """
    window = contract.window
    wanted = window.steps or _multiple(record, window)
    if record == wanted:
        return LengthPlan(record, record, wanted)
    if record > wanted:
        return _longer(record, wanted, window)
    return _shorter(record, wanted, sfreq, window)


def _multiple(record: int, window: Window) -> int:
    """Steps of a whole recording that the encoder takes: the end is cropped, or added to."""
    of = window.multiple_of
    whole = record // of * of if window.longer == "slide" else -(-record // of) * of
    return max(whole, -(-window.least // of) * of)


def _longer(record: int, wanted: int, window: Window) -> LengthPlan:
    if window.longer == "refuse":
        raise ContractError(
            f"the recordings have {record} steps at the encoder's rate and it takes {wanted}; cut them before"
        )
    if window.longer == "interpolate":
        note = f"recordings of {record} steps were resized to {wanted}"
        return LengthPlan(record, wanted, wanted, notes=(note,))
    notes: tuple[str, ...] = ()
    if window.longer != "slide":
        place = "start" if window.longer == "crop-start" else "middle"
        notes = (f"of recordings of {record} steps {wanted} at their {place} were taken",)
    return LengthPlan(record, record, wanted, notes=notes)


def _shorter(record: int, wanted: int, sfreq: float, window: Window) -> LengthPlan:
    has, needs = f"{record / sfreq:g} s", f"{wanted / sfreq:g} s"
    if window.shorter == "refuse":
        raise ContractError(
            f"the recordings last {has} and the encoder takes windows of {needs}; use longer recordings"
        )
    if window.shorter == "interpolate":
        note = f"recordings of {record} steps were resized to {wanted}"
        return LengthPlan(record, wanted, wanted, notes=(note,))
    if window.shorter == "repeat":
        note = f"recordings of {has} were repeated to fill {needs}"
        return LengthPlan(record, wanted, wanted, repeat=True, notes=(note,))
    if 2 * record < wanted:
        raise ContractError(
            f"the recordings last {has}, less than half a window of {needs}; use longer recordings"
        )
    return LengthPlan(record, record, wanted, notes=(f"recordings of {has} were padded to {needs}",))
