"""Records in every format but 16, through the ``wfdb`` package."""

from __future__ import annotations

import importlib
import re
import tempfile
import threading
import warnings
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.formats.wfdb_record.header import (
    Signal,
    has_segments,
    lines_of,
    millivolts,
    signal_files,
    signals_of,
)
from tsrep.datasets.formats.wfdb_record.record import WfdbRecord
from tsrep.datasets.quantisation import in_float32
from tsrep.signals.channel_names import distinct
from tsrep.signals.filters import bridged
from tsrep.signals.resample import resample

# what wfdb can parse after the number of samples: a time of day, and a date
STARTS = re.compile(r"(\d{1,2}(:\d{1,2}){1,2}(\.\d{1,6})?( \d{2}/\d{2}/\d{4})?)?")
IMPORTING = threading.Lock()


def through_wfdb(stem: Path, start: int = 0, stop: int | None = None) -> WfdbRecord:
    wfdb = _package()
    heads = _signal_lines(stem)
    times = max((signal.per_frame for head in heads for signal in head), default=1)
    try:
        with _parsable(stem) as place:
            # frames are smoothed unless told, which would average their samples
            # several samples to a frame are brought to one rate, for which the whole of them is needed
            part = {"sampfrom": start, "sampto": stop} if times == 1 else {}
            record = wfdb.rdrecord(str(place), physical=True, smooth_frames=times == 1, **part)
    except Exception as error:
        # the package raises whatever its parser stumbles on; any of it means that the record is unusable
        raise Unreadable(f"wfdb cannot read it ({type(error).__name__}: {error})") from error
    signals = record.e_p_signal if times > 1 else record.p_signal
    if signals is None or not len(signals):
        raise Unreadable("wfdb finds no signal in it")
    # (channel, time), those with fewer samples to a frame at the highest rate
    values = np.stack([_stretched(s, max(map(len, signals))) for s in signals]) if times > 1 else signals.T
    values = values[:, start:stop] if times > 1 else values
    names = record.sig_name or [""] * len(values)
    factors, units = zip(*map(millivolts, _stated_units(heads, names)), strict=True)
    channels = distinct([name or "" for name in names])
    # a level far from zero would cost float32 its resolution
    offset = np.array([_level(channel) for channel in values])
    return WfdbRecord(
        counts=in_float32((values - offset[:, None])[None], channels)[0],
        gain=np.array(factors),
        offset=offset * factors,
        channels=channels,
        sfreq=float(record.fs) * times,
        units=units,
        comments=tuple(record.comments or ()),
    )


def _package() -> Any:
    """The wfdb package, imported when first needed; it warns about its own use of pandas."""
    with IMPORTING, warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return importlib.import_module("wfdb")


def _signal_lines(stem: Path) -> list[tuple[Signal, ...]]:
    """Signals of a record, or of each of its segments that has any."""
    body = lines_of(stem)[0]
    if not has_segments(body):
        return [signals_of(body)]
    names = dict.fromkeys(line.split()[0] for line in body[1:])
    return [signals_of(lines_of(stem.parent / name)[0]) for name in names if name not in ("~", stem.name)]


def _stated_units(heads: Sequence[tuple[Signal, ...]], names: Sequence[str]) -> list[str]:
    """Unit of each signal as headers state it, which are read as bytes: wfdb takes µV for V.

    Raises
    ------
    Unreadable
        When segments differ, or names do not tell which signal is which.
    """
    alike = all(len(head) == len(names) for head in heads)
    if not alike and len(set(names)) < len(names):
        raise Unreadable("its segments have other signals, and two have one name")
    told: dict[int | str, str] = {}
    for head in heads:
        for i, signal in enumerate(head):
            key = i if alike else signal.name
            if told.setdefault(key, signal.unit) != signal.unit:
                raise Unreadable(
                    f"its segments have {signal.name} in {told[key]} and in {signal.unit}; convert them"
                )
    return [told.get(i if alike else name, "mV") for i, name in enumerate(names)]


@contextmanager
def _parsable(stem: Path) -> Iterator[Path]:
    """The record for wfdb: where it cannot parse what a header says of dates, a copy that does not say it."""
    body = lines_of(stem)[0]
    words = body[0].split() if body else []
    if STARTS.fullmatch(" ".join(words[4:])):
        yield stem
        return
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        text = "\n".join([" ".join(words[:4]), *body[1:]])
        (folder / f"{stem.name}.hea").write_text(text + "\n", encoding="utf-8")
        for file in signal_files(stem)[1:]:
            (folder / file.name).symlink_to(file.resolve())
        yield folder / stem.name


def _level(values: NDArray[np.float64]) -> float:
    """The middle of a channel, where it is large against the channel's range; else 0."""
    there = values[np.isfinite(values)]
    if not len(there):
        return 0.0
    low, high = float(there.min()), float(there.max())
    return (low + high) / 2 if abs(low + high) > 1e3 * (high - low) > 0 else 0.0


def _stretched(signal: NDArray[np.float64], steps: int) -> NDArray[np.float64]:
    """A signal at a higher rate; missing values (NaN) stay where they are."""
    gaps = ~np.isfinite(signal)
    if len(signal) == steps or gaps.all():
        return np.resize(signal, steps)
    full = bridged(signal[None], gaps[None]) if gaps.any() else signal[None]
    result: NDArray[np.float64] = resample(full, len(signal), steps)[0].astype(np.float64)
    result[gaps[np.arange(steps) * len(signal) // steps]] = np.nan
    return result
