"""Headers of EDF and BDF files, byte by byte: units, rates, pauses, and times of day that there are not."""

from __future__ import annotations

import io
import re
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable
from tsrep.signals.units import decoded

WIDTHS = {".edf": 2, ".bdf": 3}  # bytes to a value
NOTES = ("EDF Annotations", "BDF Annotations")
TIME_OF_DAY = re.compile(rb"([01]\d|2[0-3])\.[0-5]\d\.[0-5]\d")
# volts to a unit by the bytes that MNE knows; any other it takes for volts
TAKEN = {b"uV": 1e-6, b"\xb5V": 1e-6, b"\x83\xcaV": 1e-6, b"mV": 1e-3}
START, RECORDS = slice(176, 184), slice(236, 244)


@dataclass(frozen=True)
class EdfHeader:
    """What the header says; signals are all that the file has, annotations too.

    Attributes
    ----------
    labels, units : tuples of str
    taken : tuple of float
        Volts to a unit that MNE reckons with.
    samples : tuple of int
        Of each signal in a data record.
    records : int
        Data records that there are.
    seconds : float
        Of a data record.
    bytes : int
        Of the header.
    width : int
        Bytes to a value.
    paused : bool
        Whether data records need not follow each other without a gap (EDF+D, BDF+D).
    timed : bool
        Whether the time of day of the start is one.
    """

    labels: tuple[str, ...]
    units: tuple[str, ...]
    taken: tuple[float, ...]
    samples: tuple[int, ...]
    records: int
    seconds: float
    bytes: int
    width: int
    paused: bool
    timed: bool

    @property
    def signals(self) -> list[int]:
        """Signals that are no annotations, and have the rate that is read."""
        return [i for i in self._signals if self.samples[i] == self._samples]

    @property
    def slower(self) -> dict[str, float]:
        """Rates of the signals that have another one, in Hz."""
        return {self.labels[i]: self.rate(i) for i in self._signals if self.samples[i] != self._samples}

    def rate(self, signal: int) -> float:
        """Of a signal, Hz."""
        return self.samples[signal] / self.seconds if self.seconds > 0 else 0.0

    @property
    def _signals(self) -> list[int]:
        return [i for i, label in enumerate(self.labels) if label not in NOTES]

    @property
    def _samples(self) -> int:
        """Samples to a data record of the signals called EEG, or where there are none of the fastest."""
        named = [i for i in self._signals if self.labels[i].upper().startswith("EEG")]
        return max((self.samples[i] for i in named or self._signals), default=0)


def read_edf_header(path: Path) -> EdfHeader:
    """Header of an EDF or BDF file whose data are all there.

    MNE would read on with fewer steps.

    Raises
    ------
    Unreadable
        When it is corrupted, or the file is shorter than it says.
    """
    kind, width = path.suffix[1:].upper(), WIDTHS[path.suffix.lower()]

    def number(what: str, text: bytes, convert: Callable[[bytes], Any] = int) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            said = text.decode("latin-1").strip()
            raise Unreadable(f"its {kind} header is corrupted ({what} is {said!r})") from error

    with path.open("rb") as stream:
        head = stream.read(256)
        length = number("the size of the header", head[184:192])
        records = number("the number of data records", head[RECORDS])
        seconds = number("the duration of a data record", head[244:252], float)
        signals = number("the number of signals", head[252:256])
        rest = stream.read(256 * max(signals, 0))

    def fields(first: int, size: int) -> list[bytes]:
        return [rest[signals * first + size * i :][:size] for i in range(signals)]

    samples = [number(f"the number of samples of signal {i + 1}", n) for i, n in enumerate(fields(216, 8))]
    steps = sum(samples)
    if length != 256 * (signals + 1) or signals < 1 or steps < 1 or min(samples) < 0:
        raise Unreadable(f"its {kind} header is corrupted ({signals} signals in {length} bytes of header)")
    wanted, size = length + records * steps * width, path.stat().st_size
    if size < wanted:
        raise Unreadable(f"the file is truncated: {size:,} of {wanted:,} bytes")
    return EdfHeader(
        labels=tuple(decoded(text).strip() for text in fields(0, 16)),
        units=tuple(decoded(text).strip() for text in fields(96, 8)),
        taken=tuple(TAKEN.get(text.strip(), 1.0) for text in fields(96, 8)),
        samples=tuple(samples),
        # a recorder that was stopped leaves -1 records
        records=records if records >= 0 else (size - length) // (steps * width),
        seconds=seconds,
        bytes=length,
        width=width,
        paused=head[192:197] in (b"EDF+D", b"BDF+D"),
        timed=TIME_OF_DAY.fullmatch(head[START]) is not None,
    )


def readable(path: Path, header: EdfHeader) -> Path | io.BytesIO:
    """The file as MNE can read it: with midnight for a time of day that is none; nothing uses it."""
    if header.timed:
        return path
    content = bytearray(path.read_bytes())
    content[START] = b"00.00.00"
    return io.BytesIO(bytes(content))


def record_onsets(path: Path, header: EdfHeader) -> NDArray[np.float64]:
    """Start of each data record in seconds since that of the first, from the first annotation of each.

    Raises
    ------
    Unreadable
        When a data record does not say when it starts.
    """
    signal = next((i for i, label in enumerate(header.labels) if label in NOTES), None)
    if signal is None:
        raise Unreadable("its header says that it was paused (EDF+D), but it has no annotations to say when")
    start, length = sum(header.samples[:signal]) * header.width, header.samples[signal] * header.width
    frame = sum(header.samples) * header.width
    shape = (header.records, frame)
    data = np.memmap(path, np.uint8, "r", offset=header.bytes, shape=shape)[:, start : start + length]
    onsets = []
    for i, record in enumerate(data):
        found = re.match(rb"[+-]\d+(\.\d*)?", record.tobytes())
        if found is None:
            raise Unreadable(f"data record {i + 1} does not say when it starts (EDF+D)")
        onsets.append(float(found[0]))
    return np.array(onsets) - onsets[0]


@dataclass(frozen=True)
class Clock:
    """Times in a file whose data records do not follow each other, from times since its start.

    Attributes
    ----------
    onsets : array, shape (data record,)
        Seconds since the start.
    seconds : float
        Of a data record.
    """

    onsets: NDArray[np.float64]
    seconds: float

    def in_file(self, time: float) -> float:
        """Seconds of data before a time; within a pause, those before the pause."""
        record = max(int(np.searchsorted(self.onsets, time + 1e-9, side="right")) - 1, 0)
        within = (time - float(self.onsets[record])) / self.seconds
        return (record + min(max(within, 0.0), 1.0)) * self.seconds

    @property
    def pauses(self) -> list[float]:
        """Where in the data time passed that was not recorded, in seconds."""
        gaps = np.abs(np.diff(self.onsets) - self.seconds) > 1e-3 * self.seconds
        return [float((i + 1) * self.seconds) for i in np.flatnonzero(gaps)]
