"""Filters as a contract and a panel's history name them."""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal, Self

from numpy.typing import NDArray
from pydantic import AfterValidator, Field, field_validator

from tsrep.registry import Settings
from tsrep.signals import filters
from tsrep.signals.panel import Floats

Hertz = Annotated[float, Field(gt=0)]
Seconds = Annotated[float, Field(gt=0)]
Steps = Annotated[int, Field(ge=1)]


def _in_order(band: tuple[float | None, float | None]) -> tuple[float | None, float | None]:
    low, high = band
    if low is not None and high is not None and low >= high:
        raise ValueError(f"the band goes from {low:g} to {high:g} Hz; give the lower edge first")
    return band


Edges = Annotated[tuple[Hertz | None, Hertz | None], AfterValidator(_in_order)]


class Butterworth(Settings):
    """Butterworth band, forward and backward; an edge that is null stays open."""

    kind: Literal["butter"] = "butter"
    band: Edges
    order: Steps = 4

    @property
    def said(self) -> str:
        """As a history says it."""
        return said_of_band(self.band) + ("" if self.order == 4 else f" order {self.order}")

    def within(self, nyquist: float) -> Self | None:
        """The filter of signals that hold nothing above a frequency, Hz; None where it does nothing."""
        band = _within(self.band, nyquist)
        return None if band is None else self.model_copy(update={"band": band})

    def apply(self, x: NDArray[Any], sfreq: float) -> Floats:
        """Signals through the filter, shape (..., time)."""
        return filters.bandpass(x, sfreq, *self.band, order=self.order)

    def source(self, sfreq: float) -> str:
        """A line of Python with ``signal`` of SciPy that does the same to ``x``, shape (..., time)."""
        edges = [edge for edge in self.band if edge is not None]
        kind = "bandpass" if len(edges) == 2 else "lowpass" if self.band[0] is None else "highpass"
        at = edges if len(edges) == 2 else edges[0]
        return f'b = signal.butter({self.order}, {at}, "{kind}", fs={sfreq!r}, output="sos"); {_BOTH_WAYS}'


class Notch(Settings):
    """One frequency removed, forward and backward."""

    kind: Literal["notch"] = "notch"
    hz: Hertz
    quality: Annotated[float, Field(gt=0)] = 30.0

    @property
    def said(self) -> str:
        """As a history says it."""
        return f"notch {self.hz:g} Hz" + ("" if self.quality == 30 else f" quality {self.quality:g}")

    def within(self, nyquist: float) -> Self | None:
        """See :meth:`Butterworth.within`."""
        return self if self.hz < nyquist else None

    def apply(self, x: NDArray[Any], sfreq: float) -> Floats:
        """Signals through the filter, shape (..., time)."""
        return filters.notch(x, sfreq, self.hz, quality=self.quality)

    def source(self, sfreq: float) -> str:
        """See :meth:`Butterworth.source`."""
        return f"b = signal.tf2sos(*signal.iirnotch({self.hz}, {self.quality}, fs={sfreq!r})); {_BOTH_WAYS}"


class Fir(Settings):
    """Linear-phase band of a window design, its delay taken off."""

    kind: Literal["fir"] = "fir"
    band: Edges
    taps: Annotated[int, Field(ge=3)]

    @field_validator("taps")
    @classmethod
    def _odd(cls, taps: int) -> int:
        if taps % 2 == 0:
            raise ValueError(f"taps is {taps}; give an odd number, whose delay is a whole number of steps")
        return taps

    @property
    def said(self) -> str:
        """As a history says it."""
        return f"fir {said_of_band(self.band)} {self.taps} taps"

    def within(self, nyquist: float) -> Self | None:
        """See :meth:`Butterworth.within`."""
        band = _within(self.band, nyquist)
        return None if band is None else self.model_copy(update={"band": band})

    def apply(self, x: NDArray[Any], sfreq: float) -> Floats:
        """Signals through the filter, shape (..., time)."""
        return filters.fir(x, sfreq, *self.band, taps=self.taps)

    def source(self, sfreq: float) -> str:
        """See :meth:`Butterworth.source`."""
        edges, half = [edge for edge in self.band if edge is not None], self.taps // 2
        return (
            f"b = signal.firwin({self.taps}, {edges}, pass_zero={self.band[0] is None}, fs={sfreq!r}); "
            f'e = np.pad(x, [(0, 0)] * (x.ndim - 1) + [({half}, {half})], "reflect", reflect_type="odd"); '
            'x = signal.oaconvolve(e, b.reshape((1,) * (x.ndim - 1) + (-1,)), "valid", axes=-1)'
        )


class MedianBaseline(Settings):
    """The running median of so many seconds subtracted."""

    kind: Literal["median-baseline"] = "median-baseline"
    seconds: Seconds

    @property
    def said(self) -> str:
        """As a history says it."""
        return f"median baseline {self.seconds:g} s"

    def within(self, nyquist: float) -> Self:
        """See :meth:`Butterworth.within`."""
        del nyquist
        return self

    def apply(self, x: NDArray[Any], sfreq: float) -> Floats:
        """Signals less their baseline, shape (..., time)."""
        return filters.without_median(x, sfreq, self.seconds)

    def source(self, sfreq: float) -> str:
        """See :meth:`Butterworth.source`; with ``ndimage`` of SciPy."""
        steps = 2 * (round(self.seconds * sfreq) // 2) + 1
        return f'x = x - ndimage.median_filter(x, (1,) * (x.ndim - 1) + ({steps},), mode="nearest")'


_BOTH_WAYS = "x = signal.sosfiltfilt(b, x, padlen=min(30 * (2 * len(b) + 1), x.shape[-1] - 1))"
FilterStep = Annotated[Butterworth | Notch | Fir | MedianBaseline, Field(discriminator="kind")]


def said_of_band(band: Edges) -> str:
    """How a history says a band: an open edge is 0 or inf."""
    low, high = band
    return f"band {low or 0:g}-{high or math.inf:g} Hz"


def _within(band: Edges, nyquist: float) -> Edges | None:
    low, high = band
    high = None if high is not None and high >= nyquist else high
    return None if low is None and high is None else (low, high)
