"""What a look at some recordings says: a unit that cannot be, leads that contradict, signals that drifted."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ContractError
from tsrep.signals import leads
from tsrep.signals.contract import SignalContract
from tsrep.signals.panel import Floats, Ints, Panel
from tsrep.signals.panel_checks import Modality
from tsrep.signals.units import canonical, factor, is_voltage
from tsrep.text import few

MANY, SOME, AT_ONCE = 500, 200, 256
BYTES = 64 << 20  # of signals looked at together
RARE = 0.01  # of records
SHIFT, STRETCH = 0.5, 2.0
OTHER_UNIT = 300.0  # times the median span; mV and µV are 1,000 apart


class Likely(NamedTuple):
    """Spans of signals that a unit makes likely: least, most, and the unit."""

    least: float
    most: float
    unit: str


_LIKELY: dict[Modality, tuple[Likely, ...]] = {
    "ecg": (Likely(0.5, 10, "mV"), Likely(500, 10_000, "µV")),
    "eeg": (Likely(5e-6, 5e-3, "V"), Likely(5, 5_000, "µV")),
}
_POSSIBLE: dict[Modality, Likely] = {"ecg": Likely(0.1, 20, "mV"), "eeg": Likely(2, 2_000, "µV")}


def some_of(panel: Panel, most: int) -> Panel:
    """At most so many samples, at even distances, and fewer of long ones."""
    most = at_once(panel, most)
    if len(panel) <= most:
        return panel
    return panel.select(np.unique(np.linspace(0, len(panel) - 1, most).round().astype(np.int64)))


def at_once(panel: Panel, most: int) -> int:
    """How many samples to look at together, one at least."""
    return max(1, min(most, BYTES // (4 * len(panel.channels) * panel.length)))


def unit_factor(panel: Panel, contract: SignalContract, unit: str | None) -> float:
    """What to multiply the recordings by to have them in the contract's unit.

    Raises
    ------
    ContractError
        When their unit is not known, or does not convert.
    """
    if not contract.physical:
        return 1.0
    has = canonical(panel.unit if unit is None else unit)
    if not has:
        guess = _guess(panel)
        looks = f" (they look like {guess})" if guess else ""
        raise ContractError(
            f"the recordings are in no known unit{looks} and the encoder needs {contract.unit}; say it with "
            "--unit"
        )
    if has != contract.unit and not (is_voltage(has) and is_voltage(contract.unit)):
        raise ContractError(
            f"the recordings are in {has}, which does not convert to the encoder's {contract.unit}; give the "
            "right unit with --unit"
        )
    return factor(has, contract.unit)


def span(panel: Panel) -> float:
    """Median over channels of the span from the 0.5 to the 99.5 % quantile of some records."""
    x = some_of(panel, SOME).x.swapaxes(0, 1)
    return float(_median_span(x.reshape(len(x), -1)))


def _median_span(x: Floats) -> NDArray[np.float64]:
    """As :func:`span`, of shape (..., channel, value) to (...); zero where nothing was recorded."""
    low, high = _quantiles(x, 0.005, 0.995)
    return np.nan_to_num(_quantiles(high - low, 0.5)[0])


def _quantiles(x: Floats | NDArray[np.float64], *levels: float) -> list[NDArray[np.float64]]:
    """Quantiles of the finite values along the last axis; NaN where there are none."""
    x = np.sort(np.where(np.isfinite(x), x, np.nan), axis=-1)  # NaN comes last
    count = np.isfinite(x).sum(axis=-1, keepdims=True)
    found = []
    for level in levels:
        place = level * np.maximum(count - 1, 0)
        below = np.floor(place).astype(np.int64)
        above = np.minimum(below + 1, np.maximum(count - 1, 0))
        low, high = (np.take_along_axis(x, k, -1)[..., 0].astype(np.float64) for k in (below, above))
        found.append(low + (high - low) * (place - below)[..., 0])
    return found


def doubts_of_unit(panel: Panel, contract: SignalContract, has: str) -> Iterator[str]:
    """Whether signals in the contract's unit span what no body gives."""
    possible = _POSSIBLE.get(contract.modality)
    if possible is None or not is_voltage(contract.unit):
        return
    spans = spans_of_records(panel) * factor(contract.unit, possible.unit)
    odd = np.flatnonzero((spans > 0) & ((spans < possible.least) | (spans > possible.most)))
    if not len(odd):
        return
    what = "leads" if contract.modality == "ecg" else "channels"
    if 2 * len(odd) >= len(spans):
        found = np.median(spans[odd])
        yield (
            f"after conversion to {possible.unit} the {what} span {found:,.4g}; the unit {has} is probably "
            "wrong: give the right one with --unit"
        )
        return
    yield (
        f"after conversion to {possible.unit} the {what} of {len(odd):,} of {len(spans):,} records that were "
        f"looked at span what no body gives (record {_called(panel, odd[0])}: {spans[odd[0]]:,.4g}); check "
        f"whether they are in {has}"
    )


def spans_of_records(panel: Panel) -> NDArray[np.float64]:
    """As :func:`span`, of each of some records."""
    return _median_span(some_of(panel, SOME).x)


def _called(panel: Panel, sample: int) -> str:
    """The name of the record that one of :func:`spans_of_records` is of."""
    some = some_of(panel, SOME)
    row = int(some.row[sample])
    return some.record_names[row] if some.record_names else str(some.trial[sample])


def contradictions(panel: Panel, contract: SignalContract) -> Iterator[str]:
    """Whether recorded limb leads are views of the same two dimensions."""
    if contract.modality != "ecg":
        return
    names, at, signs = leads.recorded_limb(panel.channels)
    if len(names) < 3:
        return
    x = some_of(panel, MANY).x[:, at] * signs[:, None]
    # a dead lead is no contradiction
    x = x[~(np.ptp(np.nan_to_num(x), axis=2) == 0).any(axis=1)]
    wrong = int(leads.contradictory(x, names).sum()) if len(x) else 0
    if wrong > RARE * len(x):
        often = f" in {wrong:,} of {len(x):,} records" if len(panel) > 1 else ""
        example = f"{names[-1]} is not what {names[0]} and {names[1]} make it"
        example = "III is not II − I" if names[:3] == ["I", "II", "III"] else example
        yield (f"the limb leads contradict one another{often} ({example}); check order and sign of the leads")


def still(panel: Panel, contract: SignalContract, used: NDArray[np.int64]) -> Iterator[str]:
    """Whether channels that are used never move, in more than a few of some records."""
    if contract.modality not in _POSSIBLE:
        return
    flat = np.asarray(_flat(some_of(panel, MANY).x[:, used]))  # (record, channel)
    often = flat.sum(axis=0)
    dead = np.flatnonzero(often > RARE * len(flat))
    if not len(dead):
        return
    names = [panel.channels[used[k]] for k in dead]
    where = f" in {often.max():,} of {len(flat):,} records that were looked at" if len(panel) > 1 else ""
    what = f"{_channel(contract.modality)}{'s' * (len(names) > 1)}"
    yield f"{what} {few(names, 3)} {'is' if len(names) == 1 else 'are'} constant or not recorded{where}"


def _flat(x: Floats) -> NDArray[np.bool_]:
    """Whether each channel never moves, shape (sample, channel)."""
    low, high = (f(x, axis=2) for f in (np.fmin.reduce, np.fmax.reduce))
    return np.asarray((low == high) | np.isnan(low))


def _channel(modality: Modality) -> str:
    return "lead" if modality == "ecg" else "channel"


def unusable(panel: Panel, contract: SignalContract, used: NDArray[np.int64]) -> list[tuple[int, str]]:
    """Samples with an infinite value, or most of whose leads never move; each with the reason."""
    found: list[tuple[int, str]] = []
    step = at_once(panel, AT_ONCE)
    for begin in range(0, len(panel), step):
        part = np.arange(begin, min(begin + step, len(panel)))
        x = panel.take(part)[:, used]
        names = [panel.channels[k] for k in used]
        found += [(int(part[k]), reason) for k, reason in _faults(x, names, contract.modality)]
    return found


def _faults(x: Floats, names: list[str], modality: Modality) -> Iterator[tuple[int, str]]:
    infinite = np.asarray(np.isinf(x).any(axis=2))
    flat = _flat(x)
    for sample in np.flatnonzero(infinite.any(axis=1) | (flat.mean(axis=1) > 0.5)).tolist():
        if infinite[sample].any():
            yield sample, f"{names[int(infinite[sample].argmax())]} has an infinite value"
        elif modality in ("ecg", "eeg"):
            dead = [names[k] for k in np.flatnonzero(flat[sample])]
            what = _channel(modality)
            yield (
                sample,
                f"{what} {dead[0]} is constant"
                if len(dead) == 1
                else f"{len(dead)} of {len(names)} {what}s are constant ({few(dead, 3)})",
            )


def drift(windows: Panel, contract: SignalContract, filled: Ints) -> Iterator[str]:
    """Whether standardised windows are spread unlike those that the encoder was trained on."""
    how = contract.standardise.how
    if how not in ("global", "channel"):
        return
    x = _of_one_unit(some_of(windows, MANY).x / contract.scale, contract)
    kept = np.setdiff1d(np.arange(x.shape[1]), filled)
    groups = [kept] if how == "global" else [kept[k : k + 1] for k in range(len(kept))]
    for group in groups:
        values = x[:, group]
        values = values[np.isfinite(values)].astype(np.float64)
        if not len(values):
            continue
        who = "the signals have" if how == "global" else f"{windows.channels[int(group[0])]} has"
        mean, std = values.mean(), values.std()
        if not 1 / STRETCH <= std <= STRETCH:
            times = f"{std:.2g}" if std < 100 else f"{std:,.0f}"
            yield f"{who} {times} times the deviation of the training records; check unit and filter"
        elif abs(mean) > SHIFT:
            yield f"{who} a mean {mean:.2g} deviations from the training records'; check unit and filter"


def _of_one_unit(x: Floats, contract: SignalContract) -> Floats:
    """Windows without the few in another unit, which :func:`doubts_of_unit` names."""
    if contract.modality not in _POSSIBLE or not is_voltage(contract.unit):
        return x
    size = np.ptp(np.nan_to_num(x), axis=2).max(axis=1)
    return x[size <= OTHER_UNIT * np.median(size)] if size.any() else x


def _guess(panel: Panel) -> str:
    found = span(panel)
    likely = _LIKELY.get(panel.modality, ())
    return next((each.unit for each in likely if each.least <= found <= each.most), "")


def refuse_standardised(how: str | None, contract: SignalContract) -> None:
    """Check that amplitudes are still there where the encoder needs them.

    Raises
    ------
    ContractError
    """
    if how is not None and contract.physical:
        raise ContractError(
            f"the recordings were standardised per {how} by their data set, so that their amplitude is lost; "
            "load them with dataset.standardise=none, or as they were recorded"
        )
