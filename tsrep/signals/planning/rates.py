"""From the recordings' rate and band to the encoder's: what is filtered, resampled, doubted or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ConfigError, ContractError
from tsrep.signals import history
from tsrep.signals.contract import SignalContract
from tsrep.signals.filter_steps import FilterStep
from tsrep.signals.filters import bridged
from tsrep.signals.panel import Floats, Panel
from tsrep.signals.policies import Policies
from tsrep.signals.resample import Interpolation, ratio_of, resample

SAME, NEAR = 1e-3, 1e-2
MOST_DOWN, MOST_UP = 16.0, 4.0
ENOUGH, TOO_LITTLE = 0.8, 0.4


@dataclass(frozen=True)
class RatePlan:
    """How recordings come to the encoder's rate and band.

    Attributes
    ----------
    sfreq, target : float, Hz
        Equal where nothing is resampled.
    how : str
    before, after, within : tuple of filters
        Of records before and after resampling, and of windows.
    bandwidth : float
        Share of the encoder's band that the recordings can hold, at most 1.
    notes, doubts : tuples of str
        What is done, and what a reader of scores should be warned of.
    """

    sfreq: float
    target: float
    how: Interpolation
    before: tuple[FilterStep, ...] = ()
    after: tuple[FilterStep, ...] = ()
    within: tuple[FilterStep, ...] = ()
    bandwidth: float = 1.0
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()

    @property
    def idle(self) -> bool:
        """Whether records stay as they are."""
        return self.sfreq == self.target and not self.before and not self.after

    def steps(self, length: int) -> int:
        """Steps of a record at the encoder's rate."""
        return length if self.sfreq == self.target else max(round(length * self.target / self.sfreq), 1)

    def apply(self, x: NDArray[Any]) -> Floats:
        """Signals at the encoder's rate, shape (record, channel, time'); gaps stay gaps."""
        gaps = np.isnan(x)
        x = _over_gaps(x, gaps)
        for step in self.before:
            x = step.apply(x, self.sfreq)
        x = resample(x, self.sfreq, self.target, how=self.how)
        for step in self.after:
            x = step.apply(x, self.target)
        return _with_gaps(x, gaps, self.sfreq / self.target)

    def filter_windows(self, x: NDArray[Any]) -> Floats:
        """Windows through the filters that are for windows."""
        gaps = np.isnan(x)
        x = _over_gaps(x, gaps)
        for step in self.within:
            x = step.apply(x, self.target)
        return _with_gaps(x, gaps, 1.0)


def plan_rate(panel: Panel, contract: SignalContract, policies: Policies) -> RatePlan:
    """Decide about rate and filters.

    Raises
    ------
    ContractError
        When the rates do not go together, or the recordings lack too much of the encoder's band.
    """
    if contract.any_rate:
        return RatePlan(panel.sfreq, panel.sfreq, contract.resample)
    target, notes = _target(panel.sfreq, contract.sfreq)
    bandwidth = _bandwidth(panel, contract, policies)
    _refuse_far(panel.sfreq, target, contract)
    if contract.resample == "decimate" and ratio_of(panel.sfreq, target).numerator != 1:
        raise ContractError(
            f"the encoder keeps every so many-th step, and {panel.sfreq:g} Hz is no multiple of {target:g} "
            "Hz; resample the recordings before"
        )
    if target != panel.sfreq:
        notes.append(f"recordings were resampled from {panel.sfreq:g} to {target:g} Hz ({contract.resample})")
    steps, said, doubts = _filters(panel, contract, target)
    if bandwidth < ENOUGH:
        doubts.append(
            f"the recordings hold {100 * bandwidth:.0f} % of the band that the encoder was trained on"
        )
    places = {"before resampling": "before", "after resampling": "after", "in window": "within"}
    fields: dict[str, Any] = {places[contract.filter_when]: steps}
    return RatePlan(
        panel.sfreq,
        target,
        contract.resample,
        **fields,
        bandwidth=bandwidth,
        notes=(*notes, *said),
        doubts=tuple(doubts),
    )


def _target(has: float, wanted: float) -> tuple[float, list[str]]:
    if has == wanted:
        return has, []
    off = abs(has / wanted - 1)
    if off <= SAME:
        return has, [f"the rate {has:g} Hz is taken for {wanted:g} Hz"]
    if off <= NEAR + 1e-9:
        raise ContractError(
            f"the rate {has:g} Hz is not {wanted:g} Hz; resample the recordings, or give the right rate"
        )
    try:
        ratio_of(has, wanted)
    except ConfigError:
        raise ContractError(
            f"{has:g} and {wanted:g} Hz have no ratio of small whole numbers; give the true rate with --rate"
        ) from None
    return wanted, []


def _refuse_far(has: float, target: float, contract: SignalContract) -> None:
    if has / target > MOST_DOWN:
        raise ContractError(
            f"from {has:g} to {target:g} Hz nearly all of the recordings would be lost; choose an encoder "
            "for their rate"
        )
    if target / has > MOST_UP:
        low, high = contract.trained_on.band
        raise ContractError(
            f"from {has:g} to {target:g} Hz nothing is gained above {has / 2:g} Hz, and the encoder was "
            f"trained on {low or 0:g}-{high or target / 2:g} Hz; use recordings of a higher rate"
        )


def _bandwidth(panel: Panel, contract: SignalContract, policies: Policies) -> float:
    holds = history.highest(panel.history, panel.sfreq)
    low, high = contract.trained_on.band
    need = high or contract.sfreq / 2
    share = min(1.0, holds / need)
    if share < TOO_LITTLE and not policies.allow_upsampling:
        raise ContractError(
            f"the recordings have {panel.sfreq:g} Hz and hold nothing above {holds:g} Hz, and the encoder "
            f"was trained on {low or 0:g}-{need:g} Hz; use recordings of at least {2 * ENOUGH * need:g} Hz, "
            "or allow it with --allow-upsampling"
        )
    return share


def _filters(
    panel: Panel, contract: SignalContract, target: float
) -> tuple[tuple[FilterStep, ...], list[str], list[str]]:
    """Filters that are still to be applied, what is said of them, and what is doubtful."""
    if contract.filter is None:
        return (), ["the filter of the encoder's own recordings is not known; none was applied"], []
    notes, steps, doubts = [], [], []
    rate = panel.sfreq if contract.filter_when == "before resampling" else target
    for step in contract.filter:
        fits = step.within(rate / 2)
        if step.said in panel.history:
            notes.append(f"filter {step.said} had been applied to the recordings before")
        elif fits is None:
            notes.append(f"filter {step.said} has nothing to do below {rate / 2:g} Hz")
        else:
            steps.append(fits)
            notes.append(f"filter {fits.said} was applied")
    wanted = {step.said for step in contract.filter}
    other = [step.said for step in history.filters(panel.history) if step.said not in wanted]
    if other:
        doubts.append(f"the recordings are filtered unlike those of the encoder ({', '.join(other)})")
    return tuple(steps), notes, doubts


def _over_gaps(x: NDArray[Any], gaps: NDArray[np.bool_]) -> Floats:
    if not gaps.any():
        return np.asarray(x, np.float32)
    steps = x.shape[-1]
    return bridged(x.reshape(-1, steps), gaps.reshape(-1, steps)).reshape(x.shape)


def _with_gaps(x: Floats, gaps: NDArray[np.bool_], stride: float) -> Floats:
    """Missing values where a step, or one of the two that it lies between, was missing."""
    if not gaps.any():
        return x
    at = np.minimum(np.arange(x.shape[-1]) * stride, gaps.shape[-1] - 1)
    left, right = np.floor(at).astype(int), np.ceil(at).astype(int)
    return np.where(gaps[..., left] | gaps[..., right], np.float32(np.nan), x)
