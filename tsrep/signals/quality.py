"""What is wrong with recorded signals: values that are none, leads that are dead, clipped or absurd.

Every check takes physical values or stored counts of shape (record, channel, time) and says which leads have
the fault, a bool of shape (record, channel). Nothing is repaired.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import DataError
from tsrep.signals import leads as limb_leads
from tsrep.signals.fingerprint import in_chunks
from tsrep.signals.kept import Arrays, kept
from tsrep.signals.panel import Ints, Panel, digest_of
from tsrep.signals.units import factor, is_voltage

Mask = NDArray[np.bool_]
Floats = NDArray[np.floating[Any]]
Lead = tuple[int, str]
INFINITE, MISSING, FLAT, CLIPPED, ABSURD, CONTRADICTORY = (
    "an infinite value, which no encoder can take",
    "missing values (NaN), steps that encoders drop in all leads",
    "a flat lead",
    "a clipped lead",
    "an absurd amplitude",
    "limb leads that contradict one another (order, sign or unit of one is wrong)",
)
FAULTY = (INFINITE, FLAT, CLIPPED, ABSURD, CONTRADICTORY)
TOLD = (MISSING, *FAULTY[1:])
HELD = 6  # steps at the extreme that no signal holds by chance
FAR = 2.5  # standard deviations
LEVELS = 8  # from which on a lead varies freely
ABOVE = 1e4  # times the median deviation of the lead
LARGEST = 1e8  # where no unit says more
LARGEST_VOLTS = 1.0
APART = 1e3


@dataclass
class Quality:
    """Faults of a panel's leads.

    Attributes
    ----------
    leads : dict of str to list of (int, str)
        Row of the store and channel of every lead with a fault, by fault.
    amplitude : dict of int to float
        Largest median deviation of a row's leads; rows without any are not in it.
    """

    leads: dict[str, list[Lead]] = field(default_factory=lambda: defaultdict(list))
    amplitude: dict[int, float] = field(default_factory=dict)

    def look(self, panel: Panel, rows: Ints, x: NDArray[Any]) -> None:
        """Take note of the faults of some rows, whose stored values are ``x``."""
        gain, offset = (values.astype(np.float64) for values in panel.gain_and_offset(rows))
        found, amplitude = faults(x, gain, offset, panel.unit)
        found[CONTRADICTORY] = _contradictory(panel, x, gain, found[FLAT] | found[INFINITE])
        for what, mask in found.items():
            self.leads[what] += [(int(rows[r]), panel.channels[lead]) for r, lead in np.argwhere(mask)]
        largest = amplitude.max(axis=1)
        self.amplitude |= {int(row): float(a) for row, a in zip(rows, largest, strict=True) if a > 0}

    @property
    def records(self) -> dict[str, int]:
        """Number of recordings with each fault."""
        return {what: len({row for row, _ in leads}) for what, leads in self.leads.items() if leads}

    def by_channel(self, what: str) -> dict[str, list[int]]:
        """Rows with a fault by channel."""
        result: dict[str, list[int]] = defaultdict(list)
        for row, channel in self.leads.get(what, ()):
            result[channel].append(row)
        return result

    def apart(self) -> tuple[float, list[int]]:
        """By what factor amplitudes of two groups of recordings differ, and the rows of the smaller group.

        A factor below 1,000 is 1, of no rows.
        """
        rows = sorted(self.amplitude, key=self.amplitude.__getitem__)
        size = np.log10([self.amplitude[row] for row in rows])
        gaps = np.diff(size)
        if not len(gaps) or 10 ** (size[-1] - size[0]) < APART:
            return 1.0, []
        cut = int(gaps.argmax()) + 1
        few = rows[:cut] if cut <= len(rows) / 2 else rows[cut:]
        return float(10 ** (np.median(size[cut:]) - np.median(size[:cut]))), few


def look_through(panel: Panel) -> Quality:
    """Faults of all recordings of a panel, each read once; from the panel's cache where they are known."""
    rows = np.unique(panel.row)
    found = kept(panel, f"quality-1-{digest_of(rows)}", lambda: _looked(panel, rows))
    quality, names = Quality(), panel.channels
    for number, what in enumerate((*FAULTY, MISSING)):
        quality.leads[what] = [(row, names[lead]) for row, lead in found[f"fault_{number}"].tolist()]
    quality.amplitude = dict(zip(found["row"].tolist(), found["amplitude"].tolist(), strict=True))
    return quality


def _looked(panel: Panel, rows: Ints) -> Arrays:
    quality, number = Quality(), {name: k for k, name in enumerate(panel.channels)}
    for begin, x in in_chunks(panel, rows):
        quality.look(panel, rows[begin : begin + len(x)], x)
    found = {
        f"fault_{k}": np.array([(row, number[lead]) for row, lead in quality.leads[what]], np.int64).reshape(
            -1, 2
        )
        for k, what in enumerate((*FAULTY, MISSING))
    }
    amplitude = quality.amplitude
    return found | {"row": np.array([*amplitude], np.int64), "amplitude": np.array([*amplitude.values()])}


def refuse_infinite(panel: Panel) -> None:
    """Check that a panel has no value that is infinite in float32.

    Raises
    ------
    DataError
        Naming the first such record and channel.
    """
    if panel.store.dtype.kind != "f":
        return
    rows = np.unique(panel.row)
    for begin, x in in_chunks(panel, rows):
        part = rows[begin : begin + len(x)]
        gain, offset = panel.gain_and_offset(part)
        with np.errstate(over="ignore"):
            values = x * gain[:, :, None] + offset[:, :, None]
        infinite = np.isinf(values).any(axis=2)
        if infinite.any():
            record, lead = np.argwhere(infinite)[0].tolist()
            raise DataError(
                f"record {called(panel)[int(part[record])]} has an infinite value in {panel.channels[lead]}; "
                "correct it, write it as missing (NaN), or leave the record out, as quality: mark does"
            )


def told(panel: Panel) -> Iterator[str]:
    """What a user should know of a panel's signals before training on it, a sentence for each fault."""
    quality, names = look_through(panel), called(panel)
    for what in (CLIPPED, ABSURD, CONTRADICTORY):
        if leads := quality.leads.get(what):
            row, channel = leads[0]
            more = f" and {len(leads) - 1} more leads" if len(leads) > 1 else ""
            yield f"record {names[row]} has {what} ({channel}){more}; see tsrep data check"
    ratio, rows = quality.apart()
    if rows:
        yield f"{apart(ratio)}: record {names[rows[0]]} against others; look at their units"


def apart(ratio: float) -> str:
    """That amplitudes differ, for messages."""
    return f"amplitudes of recordings differ by a factor of {ratio:,.0f}"


def called(panel: Panel) -> dict[int, str]:
    """What to call a record, by its row: its name or trial, and whose it is where patients have names."""
    names, known = panel.record_names, panel.patient_names
    rows = zip(panel.row.tolist(), panel.trial.tolist(), panel.patient.tolist(), strict=True)
    return {
        row: (names[row] if names else str(trial)) + (f" ({known[patient]})" if known else "")
        for row, trial, patient in rows
    }


def faults(x: NDArray[Any], gain: Floats, offset: Floats, unit: str) -> tuple[dict[str, Mask], Floats]:
    """Leads with each fault, and the median deviation of all.

    Parameters
    ----------
    x : array, shape (record, channel, time)
        Stored values.
    gain, offset : float64 arrays broadcastable to (record, channel)
    unit : str
        Of the values once scaled.

    Returns
    -------
    masks : dict of str to bool array, shape (record, channel)
    deviation : array, shape (record, channel)
        In ``unit``.
    """
    # gaps take no part in the rest: filled with the mean, they are no extreme
    sound = _filled(x)
    low, high = sound.min(axis=2), sound.max(axis=2)
    flat = np.asarray(low == high)
    middle, deviation = _middle_and_deviation(sound)
    size = np.abs(gain)
    ends = np.sort([low * gain + offset, high * gain + offset], axis=0)  # (2, record, channel)
    masks = {
        INFINITE: np.isinf(x).any(axis=2) | (np.abs(ends).max(axis=0) > np.finfo(np.float32).max),
        MISSING: np.isnan(x).any(axis=2),
        FLAT: flat,
        CLIPPED: _clipped(sound, low, flat) | _clipped(sound, high, flat),
        ABSURD: _absurd(ends[0], ends[1], deviation * size, middle * gain + offset, unit),
    }
    return masks, deviation * size


def _contradictory(panel: Panel, x: NDArray[Any], gain: Floats, dead: Mask) -> Mask:
    """Limb leads of an ECG that are no views of two dimensions; a dead lead contradicts nothing."""
    result = np.zeros(x.shape[:2], bool)
    names, at, signs = limb_leads.recorded_limb(panel.channels if panel.modality == "ecg" else ())
    rows = np.flatnonzero(~dead[:, at].any(axis=1))
    if len(names) < 3 or not len(rows):
        return result
    scale = np.broadcast_to(gain, result.shape)[:, at] * signs  # (record, limb lead)
    wrong = limb_leads.contradictory(x[np.ix_(rows, at)] * scale[rows, :, None], names)
    result[np.ix_(rows[wrong], at)] = True
    return result


def _filled(x: NDArray[Any]) -> NDArray[Any]:
    there = np.isfinite(x)
    if there.all():
        return x
    total = x.sum(axis=2, where=there, dtype=np.float64)
    mean = total / np.maximum(there.sum(axis=2), 1)
    return np.where(there, x, mean[:, :, None].astype(x.dtype))


def _clipped(x: NDArray[Any], extreme: NDArray[Any], flat: Mask) -> Mask:
    """Leads that stay at an extreme for several steps, far from what they do elsewhere."""
    result = np.zeros(x.shape[:2], bool)
    at = np.asarray(x == extreme[:, :, None])
    for record, lead in np.argwhere(~flat & (at.sum(axis=2) >= HELD)).tolist():
        held, values = at[record, lead], x[record, lead].astype(np.float64)
        if _longest(held) >= HELD:
            # a long stay inflates the spread of all; the other samples tell more where they vary freely
            rest = values[~held]
            free = len(np.unique(rest)) >= LEVELS
            end = float(extreme[record, lead])
            result[record, lead] = _far(end, values) or (free and _far(end, rest))
    return result


def _far(value: float, values: Floats) -> bool:
    return bool(abs(value - values.mean()) > FAR * values.std())


def _longest(held: Mask) -> int:
    edges = np.flatnonzero(np.diff(held, prepend=False, append=False)).reshape(-1, 2)
    return int((edges[:, 1] - edges[:, 0]).max(initial=0))


def _absurd(low: Floats, high: Floats, deviation: Floats, middle: Floats, unit: str) -> Mask:
    """Leads that reach far beyond what electrodes can give, or what they themselves give most of the time."""
    limit = LARGEST_VOLTS * factor("V", unit) if is_voltage(unit) else LARGEST
    with np.errstate(invalid="ignore"):  # infinite throughout, which is found as such
        away = np.maximum(high - middle, middle - low)
    return (np.maximum(high, -low) > limit) | ((deviation > 0) & (away > ABOVE * deviation))


def _middle_and_deviation(x: NDArray[Any]) -> tuple[Floats, Floats]:
    """Median of each lead and median distance from it, from some 1,000 steps: no pop inflates them."""
    some = x[:, :, :: max(x.shape[2] // 1000, 1)].astype(np.float64)
    middle = np.median(some, axis=2)
    return middle, np.median(np.abs(some - middle[:, :, None]), axis=2)


def spreads(values: NDArray[Any]) -> NDArray[np.float64]:
    """Usual standard deviation of each channel within an epoch, shape (channel,); 0 where it never varies.

    Parameters
    ----------
    values : array, shape (epoch, channel, time)
    """
    filled = _filled(values)
    each = filled.std(axis=2, dtype=np.float64)  # (epoch, channel)
    return np.array([np.median(c[c > 0]) if (c > 0).any() else 0.0 for c in each.T])
