"""One recording cut into equal segments, without those that touch a span marked as bad."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable


@dataclass(frozen=True)
class Span:
    """Part of a recording that is marked as bad, in seconds from the start, and what it is called.

    A pause is the moment before which something was not recorded: it ends an epoch within which it lies, and
    none where it lies between two.
    """

    start: float
    stop: float
    name: str
    pause: bool = False


# where the recording was interrupted, which has no length in the data; -99 is EEGLAB's number for it
PAUSE = re.compile(r"((bad|edge)[ _]?)?boundary|edge|new segment|-99(\.0+)?", re.I)


def marked(onset: float, seconds: float, name: str) -> Span | None:
    """The span of an annotation or event that marks data as unusable, or a pause; None for any other.

    Parameters
    ----------
    onset, seconds : float
        A duration that is not known (NaN) or negative is none.
    name : str
    """
    plain = name.strip().rstrip("/")
    if PAUSE.fullmatch(plain):
        return Span(onset, onset, plain, pause=True)
    if not plain.lower().startswith(("bad", "edge", "boundary")):
        return None
    return Span(onset, onset + (seconds if seconds > 0 else 0.0), name)


def gap_spans(gaps: NDArray[np.bool_], sfreq: float, channels: Sequence[str]) -> list[Span]:
    """Spans of missing values of each channel.

    Parameters
    ----------
    gaps : bool array, shape (channel, time)
    sfreq : float, Hz
    channels : sequence of str
    """
    spans = []
    for channel, gap in zip(channels, gaps, strict=True):
        edges = np.flatnonzero(np.diff(gap, prepend=False, append=False)).reshape(-1, 2) / sfreq
        spans += [Span(start, stop, f"missing values (NaN) in channel {channel}") for start, stop in edges]
    return spans


def cut(
    values: NDArray[Any], rate: float, steps: int, spans: Sequence[Span], *, by: str, whole: bool
) -> tuple[NDArray[Any], dict[int, str]]:
    """Segments without those that touch a bad span.

    Parameters
    ----------
    values : array, shape (channel, time)
    rate : float, Hz
    steps : int
        Of a segment; what does not fill one at the end is left out.
    spans : sequence of Span
    by : str
        Setting that cuts recordings, for messages.
    whole : bool
        Whether the recording must be a single segment.

    Returns
    -------
    segments : array, shape (segment, channel, steps)
    left_out : dict of int to str
        Numbers of the others, each with the reason.

    Raises
    ------
    Unreadable
        When no segment is left, or the recording is not the one that it must be.
    """
    total, seconds = values.shape[1], steps / rate
    number = total // steps
    if whole and total != steps:
        raise Unreadable(f"{total} time steps instead of {steps}")
    if not number:
        raise Unreadable(f"{total / rate:g} s are shorter than a segment of {seconds:g} s")
    left_out: dict[int, str] = {}
    for span in spans:
        edge = round(span.start / seconds) * seconds
        if span.pause and abs(span.start - edge) * rate <= 0.5 + 1e-6:
            continue
        first = max(int(span.start // seconds), 0)
        stop = max(math.ceil(span.stop / seconds - 1e-9), first + 1)
        for k in range(first, min(stop, number)):
            left_out.setdefault(k, f"{span.name} within {k * seconds:g}-{(k + 1) * seconds:g} s")
    if left_out and whole:
        raise Unreadable(f"{left_out[0]}; set {by} to lose only the segments that it touches")
    if len(left_out) == number:
        raise Unreadable(f"every segment touches a bad span, the first: {left_out[0]}")
    segments = values[:, : number * steps].reshape(len(values), number, steps).transpose(1, 0, 2)
    return np.delete(segments, list(left_out), axis=0), dict(sorted(left_out.items()))
