"""A series: one long multichannel signal with a time stamp for every step."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from math import gcd
from pathlib import Path

import numpy as np
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from tsrep.errors import DataError
from tsrep.signals.panel import Floats, Ints, Panel, digest_of
from tsrep.text import in_a_line, in_html, origin, some

Times = NDArray[np.datetime64]
Span = tuple[int, int]


@dataclass(frozen=True, eq=False)
class Series:
    """A multichannel signal on a regular time axis; immutable.

    Attributes
    ----------
    values : float32 array, shape (channel, time)
        What is forecast, in ``unit`` (or standardised). Missing values are NaN.
    time : datetime64[s] array, shape (time,)
        Evenly spaced and ascending; calendar months and years count as even.
    channels : tuple of str
    freq : str
        Distance of two steps in words, such as ``"1 h"``, for captions.
    period : int
        Steps of the main season, such as 24 for hourly data; 1 when there is none.
    covariates : float32 array, shape (covariate, time)
        Known covariates, such as calendar features; shown to encoders, never forecast or altered.
    covariate_names : tuple of str
    unit, source, digest : str
        As in a panel.
    synthetic : bool
    """

    values: Floats
    time: Times
    channels: tuple[str, ...]
    freq: str = ""
    period: int = 1
    covariates: Floats = field(default_factory=lambda: np.zeros((0, 0), np.float32))
    covariate_names: tuple[str, ...] = ()
    unit: str = ""
    source: str = ""
    digest: str = ""
    synthetic: bool = False

    def __post_init__(self) -> None:
        for name, array in (("values", self.values), ("covariates", self.covariates)):
            if array.ndim != 2 or (array.shape[1] != len(self) and array.shape[0]):
                raise DataError(
                    f"the {name} of a series have shape (channel, {len(self)}), got {array.shape}"
                )
        if len(self.channels) != len(self.values) or not len(self.values):
            raise DataError(
                f"{len(self.channels)} channel names for {len(self.values)} channels; name each once"
            )
        if len(self.covariate_names) != len(self.covariates):
            raise DataError(
                f"{len(self.covariate_names)} names for {len(self.covariates)} covariates; name each once"
            )
        _check_even(self.time)

    @property
    def _facts(self) -> dict[str, str]:
        """What to show of it, empty where it is not known."""
        first, last = (str(self.time[i]) for i in (0, -1)) if len(self) else ("", "")
        return {
            "of": origin(self.source, self.synthetic),
            "steps": f"{len(self):,}{f' of {self.freq}' * bool(self.freq)}",
            "from": first,
            "to": last,
            "channels": some(self.channels),
            "covariates": some(self.covariate_names),
            "unit": self.unit,
        }

    def __repr__(self) -> str:
        return in_a_line("Series", self._facts)

    def _repr_html_(self) -> str:
        return in_html("Series", self._facts)

    def __len__(self) -> int:
        return len(self.time)

    @property
    def step_seconds(self) -> float:
        """Distance of two steps, in seconds."""
        return float((self.time[1] - self.time[0]) / np.timedelta64(1, "s")) if len(self) > 1 else 1.0

    @cached_property
    def x(self) -> Floats:
        """What encoders see: covariates, then values; shape (covariate + channel, time)."""
        return np.concatenate([self.covariates, self.values]) if self.covariate_names else self.values

    @property
    def inputs(self) -> tuple[str, ...]:
        """Names of the channels of :attr:`x`."""
        return self.covariate_names + self.channels

    def hashed(self) -> Series:
        """The series with a digest of its values and of all that is said of them."""
        said = {f.name: getattr(self, f.name) for f in fields(self) if f.name not in ("source", "digest")}
        return replace(self, digest=digest_of(*said.values()))

    def select(self, channels: Sequence[str]) -> Series:
        """The series with the named channels only, in that order; covariates stay.

        Raises
        ------
        DataError
            When there is no such channel.
        """
        for name in channels:
            if name not in self.channels:
                raise DataError(f"the series has no channel {name!r}; it has {', '.join(self.channels)}")
        index = [self.channels.index(name) for name in channels]
        return replace(self, values=self.values[index], channels=tuple(channels))

    def kept_in(self, folder: Path) -> Series:
        """The series itself: nothing is worked out of it that is worth a file."""
        del folder
        return self

    def windows(self, lookback: int, horizon: int) -> tuple[Floats, Floats]:
        """Every look-back window of :attr:`x` and the values that follow it; both are views.

        Returns
        -------
        past : shape (window, covariate + channel, lookback)
        future : shape (window, channel, horizon)

        Raises
        ------
        DataError
            When the series is shorter than both together.
        """
        if len(self) < lookback + horizon:
            raise DataError(
                f"the series has {len(self)} steps, fewer than a look-back of {lookback} and a horizon of "
                f"{horizon} together; shorten one of them"
            )
        past = sliding_window_view(self.x, lookback, axis=1)[:, : len(self) - lookback - horizon + 1]
        future = sliding_window_view(self.values, horizon, axis=1)[:, lookback:]
        return past.swapaxes(0, 1), future.swapaxes(0, 1)

    def training_windows(
        self, length: int, hop: int | Sequence[int] | None = None, *, spans: Sequence[Span]
    ) -> Panel:
        """Panel of windows of ``length`` steps every ``hop`` steps inside each span, on the same memory.

        Each window is a trial of its own, with its first step in the series as ``start`` and the number of
        its span as ``patient``.

        Parameters
        ----------
        length : int
        hop : int, or sequence of int with one for each span, optional
            ``length`` when missing.
        spans : sequence of (int, int)
            First step and step after the last.

        Returns
        -------
        Panel

        Raises
        ------
        DataError
            When a span is shorter than a window.
        """
        hops = [hop or length] * len(spans) if hop is None or isinstance(hop, int) else hop
        starts = [np.arange(a, b - length + 1, step) for (a, b), step in zip(spans, hops, strict=True)]
        for (a, b), found in zip(spans, starts, strict=True):
            if not len(found):
                raise DataError(
                    f"the part of the series from step {a} to {b} has {b - a} steps, fewer than a window of "
                    f"{length}; shorten window.steps"
                )
        start = np.concatenate(starts)
        return Panel.from_store(
            self.x[None],
            row=np.zeros(len(start), np.int64),
            start=start,
            length=length,
            label=np.zeros(len(start), np.int64),
            patient=np.repeat(np.arange(len(spans)), [len(found) for found in starts]),
            sfreq=1 / self.step_seconds,
            channels=self.inputs,
            classes=("series",),
            covariates=len(self.covariate_names),
            modality="series",
            unit=self.unit,
            source=self.source,
            digest=self.digest,
            synthetic=self.synthetic,
        )


def hop_through_seasons(hop: int, period: int) -> int:
    """The largest hop up to this one with which windows begin at every step of a season."""
    return next(step for step in range(hop, 0, -1) if gcd(step, period) == 1)


def _check_even(time: Times) -> None:
    steps = np.diff(time)
    uneven = np.flatnonzero(steps != steps[:1])
    months = calendar_months(time) if len(uneven) else None
    if months is not None and (jump := np.diff(months[0]))[0] > 0 and (jump == jump[0]).all():
        return
    if len(uneven) or (len(steps) and steps[0] <= np.timedelta64(0, "s")):
        at = time[uneven[0] + 1] if len(uneven) else time[0]
        raise DataError(f"the time stamps of a series are not evenly spaced at {at}; fill or remove steps")


def calendar_months(time: Times) -> tuple[Ints, np.timedelta64] | None:
    """Number of each stamp's month, and how long after the month begins all of them lie.

    Stamps on the last day of their months count as well: they lie so long before the next month begins.

    Parameters
    ----------
    time : datetime64[s] array, shape (time,)

    Returns
    -------
    (int64 array, timedelta64) or None
        None when stamps lie at different places in their months, or several in one month.
    """
    day = np.timedelta64(86400, "s")
    for shift in (0 * day, day):
        months = (time + shift).astype("datetime64[M]")
        rest = time - months.astype("datetime64[s]")
        if (rest == rest[0]).all() and len(np.unique(months)) == len(months):
            return months.astype(np.int64), rest[0]
    return None
