"""A plan that brings recordings to a contract, and its application."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from tsrep.signals.contract import SignalContract
from tsrep.signals.panel import Floats, Panel, digest_of
from tsrep.signals.planning.channels import ChannelPlan
from tsrep.signals.planning.finish import LONG_GAP, Finish
from tsrep.signals.planning.lengths import LengthPlan
from tsrep.signals.planning.rates import RatePlan
from tsrep.signals.rewriting import picked, rewritten
from tsrep.signals.standardise import standardised
from tsrep.signals.windows import cut


@dataclass(frozen=True, eq=False)
class Plan:
    """How recordings become what a contract asks for, decided before any of them is changed.

    Attributes
    ----------
    contract : SignalContract
    notes : tuple of str
        One sentence for each thing that is done to the signals; none where they fit.
    doubts : tuple of str
        What is doubtful of the signals or of what they become, a sentence each.
    unusable : tuple of (int, str)
        Samples of the panel that cannot be used, each with the reason.
    bandwidth : float
        Share of the band which the encoder was trained on that the recordings can hold, at most 1.
    factor : float
        From their unit to that of the contract.
    channels : ChannelPlan
    rate : RatePlan
    length : LengthPlan
    missing : {"zero", "mask"}
        What channels that nothing is known of become.
    """

    contract: SignalContract
    factor: float
    channels: ChannelPlan
    rate: RatePlan
    length: LengthPlan
    missing: str
    notes: tuple[str, ...] = ()
    doubts: tuple[str, ...] = ()
    unusable: tuple[tuple[int, str], ...] = ()

    @property
    def bandwidth(self) -> float:
        """See the class."""
        return self.rate.bandwidth

    @property
    def digest(self) -> str:
        """Hash of everything that the result depends on besides the recordings."""
        mix = self.channels.mix
        return digest_of(self.contract.digest, self.factor, mix, self.channels.blank, self.rate, self.length)

    def apply(self, panel: Panel) -> Panel:
        """Standardised windows of recordings like those that the plan was made for.

        Signals are computed anew only where more than names, unit, windows and scale change, and then kept in
        a file of the panel's cache where they are large.

        Parameters
        ----------
        panel : Panel
            The one that the plan was made for; where that has no unusable sample, also another of the same
            channels, unit, rate and length.

        Returns
        -------
        Panel
            With the contract's channels and rate. Samples that cannot be used are in ``skipped``.
        """
        windows = self._records(self.usable(panel))
        if self.length.shaped > self.length.shown:
            window = self.contract.window.model_copy(update={"steps": self.length.shown})
            windows = cut(windows, window, self.contract.sfreq)
        own = self.contract.standardise.how.startswith("window")
        if self.rate.within or own:
            make = self._within(windows)
            windows = rewritten(windows, make, (len(windows.channels), windows.length), self._key("windows"))
        windows = standardised(windows, self.contract.standardise)
        return self._finished(windows)

    def _key(self, stage: str) -> str:
        return f"{stage} {self.digest}"

    def usable(self, panel: Panel) -> Panel:
        """The panel without the samples that cannot be used."""
        if not self.unusable:
            return panel
        out = np.array([sample for sample, _ in self.unusable])
        names = panel.record_names
        said = tuple(
            (names[panel.row[sample]] if names else str(sample), reason) for sample, reason in self.unusable
        )
        kept = panel.select(np.setdiff1d(np.arange(len(panel)), out))
        return replace(kept, skipped=(*kept.skipped, *said))

    def _records(self, panel: Panel) -> Panel:
        """Records in the contract's unit with its channels, band, rate and length."""
        changed: dict[str, Any] = {"channels": self.channels.channels, "unit": self.contract.unit}
        changed["sfreq"] = panel.sfreq if self.contract.any_rate else self.contract.sfreq
        scaled = times(panel, self.factor)
        idle = self.rate.idle and self.length.shaped == self.length.record
        if idle and self.channels.identity:
            return replace(scaled, **changed)
        if idle and (picks := self.channels.picks) is not None:
            return picked(scaled, picks, self.channels.signs, self._key("picks"), **changed)
        said = (*panel.history, *self._done)
        steps = (len(self.channels.channels), self.length.shaped)
        return rewritten(
            scaled,
            lambda part: self._changed(scaled.take(part)),
            steps,
            self._key("records"),
            **changed,
            history=said,
            covariates=0,
        )

    def _changed(self, x: Floats) -> Floats:
        x = x if self.channels.identity else self.channels.apply(x)
        return self.length.apply(x if self.rate.idle else self.rate.apply(x))

    @property
    def _done(self) -> tuple[str, ...]:
        """What the history of converted recordings says besides."""
        rate = self.rate
        steps = [step.said for step in rate.before]
        if rate.sfreq != rate.target:
            steps.append(f"resampled {rate.sfreq:g}->{rate.target:g} Hz {rate.how}")
        return (*steps, *(step.said for step in rate.after))

    def _within(self, windows: Panel) -> Any:
        if not self.rate.within:
            return windows.take
        return lambda part: self.rate.filter_windows(windows.take(part))

    def _finished(self, windows: Panel) -> Panel:
        contract, blank = self.contract, self.channels.blank
        zero = blank if self.missing == "zero" else np.zeros_like(blank)
        rewrites = not self.rate.idle or bool(self.rate.within)
        gaps = round(LONG_GAP * windows.sfreq) if rewrites and windows.store.dtype.kind == "f" else 0
        finish = Finish(contract, self.length.shown, zero, gaps)
        may_miss = windows.store.dtype.kind == "f" and contract.missing_values != "nan"
        padded = windows.length < self.length.shown
        if not (
            zero.any() or may_miss or padded or contract.standardise.clip or self._has_gaps(windows, gaps)
        ):
            return times(windows, contract.scale)
        shape = (len(windows.channels), self.length.shown)
        return rewritten(windows, lambda part: finish.apply(windows.take(part)), shape, self._key("finished"))

    def _has_gaps(self, windows: Panel, gaps: int) -> bool:
        """Whether a window lost so many steps in a row."""
        if not gaps:
            return False
        rows = np.unique(windows.row)
        return any(np.isnan(windows.store[part]).any() for part in np.array_split(rows, len(rows) // 256 + 1))


def times(panel: Panel, factor: float) -> Panel:
    """The panel with its signals multiplied."""
    if factor == 1:
        return panel
    gain, offset = (values.astype(np.float64) * factor for values in (panel.gain, panel.offset))
    return replace(panel, gain=gain.astype(np.float32), offset=offset.astype(np.float32))
