"""What a split does with one recording that is stored twice, under other patients."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import SplitError
from tsrep.signals.panel import Ints, Panel
from tsrep.signals.same_signal import same_signal

SameSignal = Literal["join", "drop-train", "refuse"]
Parts = dict[str, Ints]
SHOWN = 3


@dataclass(frozen=True)
class Handled:
    """Parts without a signal in two of them.

    Attributes
    ----------
    parts : dict of int64 arrays
        Sample indices of each part.
    recordings : int
        How many were joined or left out.
    what : str
        A sentence without its full stop; empty where there was nothing to do.
    """

    parts: Parts
    recordings: int = 0
    what: str = ""


def handled(panel: Panel, parts: Parts, rule: SameSignal) -> Handled:
    """Parts after a rule for signals that are stored under several patients.

    Parameters
    ----------
    panel : Panel
    parts : dict of int64 arrays
        Sample indices of each part, the training part first and the test part last.
    rule : {"join", "drop-train", "refuse"}
        ``join`` keeps all patients who share a signal in one part, the last one that has any of them.
        ``drop-train`` leaves a copy out of the earlier of two parts. ``refuse`` raises.

    Raises
    ------
    SplitError
        When the rule is to refuse, and a signal is in two parts.
    """
    return RULES[rule](panel, parts, _signals(panel))


def joined_units(panel: Panel, unit: Ints) -> Ints:
    """Number of each sample's unit, such as its patient, after units that share a signal became one.

    Parameters
    ----------
    panel : Panel
    unit : int64 array, shape (sample,)

    Returns
    -------
    int64 array, shape (sample,)
        In the order of the first units.
    """
    return _joined(unit, _signals(panel))


def _signals(panel: Panel) -> Ints:
    """Number of the signal of each sample; a number of its own for a sample of a record without a copy."""
    of_record = same_signal(panel)
    records = np.unique(panel.row)
    copied = np.bincount(of_record[records], minlength=len(of_record)) > 1
    signal = of_record[panel.row]
    return np.where(copied[signal], signal, len(of_record) + np.arange(len(panel)))


def _joined(unit: Ints, signal: Ints) -> Ints:
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    units, u = np.unique(unit, return_inverse=True)
    signals, s = np.unique(signal, return_inverse=True)
    nodes = len(units) + len(signals)
    graph = coo_array((np.ones(len(u), bool), (u, s + len(units))), shape=(nodes, nodes))
    return np.asarray(connected_components(graph, directed=False)[1][u], np.int64)


def _join(panel: Panel, parts: Parts, signal: Ints) -> Handled:
    unit = panel.patient if panel.group is None else panel.group
    joined = _joined(unit, signal)
    first = np.full(int(joined.max(initial=0)) + 1, np.iinfo(np.int64).max)
    np.minimum.at(first, joined, unit)
    # a copy is a signal that another unit of those joined has too
    copies = _shared(signal, unit) & (unit != first[joined])
    recordings = len(np.unique(panel.trial[copies]))
    if not recordings:
        return Handled(parts)
    part = _part_of(panel, parts)
    last = np.full(len(first), -1)
    np.maximum.at(last, joined, part)
    part = np.where(part >= 0, last[joined], -1)
    moved = {name: np.flatnonzero(part == number) for number, name in enumerate(parts)}
    what = f"{_are(recordings)} stored again under another patient; such patients are in one part"
    return Handled(moved, recordings, what)


def _drop_train(panel: Panel, parts: Parts, signal: Ints) -> Handled:
    kept, later, dropped = dict(parts), np.zeros(0, np.int64), []
    for name in reversed(parts):
        copy = np.isin(signal[parts[name]], later)
        dropped.append(parts[name][copy])
        kept[name] = parts[name][~copy]
        later = np.union1d(later, signal[parts[name]])
    recordings = len(np.unique(panel.trial[np.concatenate(dropped)]))
    if not recordings:
        return Handled(parts)
    where = "training" if not dropped[1].size else "training or validation"
    what = f"{_are(recordings)} left out of {where}, as a later part has the same one"
    return Handled(kept, recordings, what)


def _refuse(panel: Panel, parts: Parts, signal: Ints) -> Handled:
    part = _part_of(panel, parts)
    inside = np.flatnonzero(part >= 0)
    leaking = inside[_shared(signal[inside], part[inside])]
    if not len(leaking):
        return Handled(parts)
    names = [_names(panel, leaking[signal[leaking] == s]) for s in np.unique(signal[leaking])[:SHOWN]]
    count = len(np.unique(panel.trial[leaking])) - len(np.unique(signal[leaking]))
    between = " and the ".join(name for number, name in enumerate(parts) if number in part[leaking])
    raise SplitError(
        f"the {between} part share {_recordings(max(count, 1))} under another name ({'; '.join(names)}); put "
        "copies into one part, or set split.same_signal to join or drop-train"
    )


RULES: Mapping[str, Callable[[Panel, Parts, Ints], Handled]] = {
    "join": _join,
    "drop-train": _drop_train,
    "refuse": _refuse,
}


def _part_of(panel: Panel, parts: Parts) -> Ints:
    """Number of each sample's part, -1 for none."""
    part = np.full(len(panel), -1)
    for number, index in enumerate(parts.values()):
        part[index] = number
    return part


def _shared(what: Ints, owner: Ints) -> NDArray[np.bool_]:
    """Which entries of ``what`` stand beside more than one owner."""
    pairs = np.unique(np.stack([what, owner]), axis=1)[0]
    return np.isin(what, pairs[1:][pairs[1:] == pairs[:-1]])


def _names(panel: Panel, samples: Ints) -> str:
    """What a signal is called, such as ``145 = 463``."""
    rows, first = np.unique(panel.row[samples], return_index=True)
    if panel.record_names:
        return " = ".join(dict.fromkeys(panel.record_names[row] for row in rows))
    return " = ".join(dict.fromkeys(str(panel.trial[samples[i]]) for i in first))


def _are(count: int) -> str:
    return f"{_recordings(count)} {'is' if count == 1 else 'are'}"


def _recordings(count: int) -> str:
    return f"{count:,} recording{'s' if count != 1 else ''}"
