"""Label sets of the 2021 challenge and of two of its sources."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.ecg.scored_classes import (
    CPSC9,
    OFFICIAL,
    RHYTHM4,
    SOURCES,
    Codes,
    Merge,
    Scored,
    flags,
    known_by_source,
    scored_classes,
)
from tsrep.errors import DataError
from tsrep.signals.panel import Ints

Task = Literal["scored", "scored-published", "cpsc9", "rhythm4", "all"]


@dataclass(frozen=True)
class Labelled:
    """Labels of all recordings of a task, and which take part in it.

    Attributes
    ----------
    keep : bool array, shape (recording,)
    label : bool array, shape (recording, class), or int64 array, shape (recording,)
    classes : tuple of str
    known : bool array, shape of ``label``, or None
    """

    keep: NDArray[np.bool_]
    label: NDArray[Any]
    classes: tuple[str, ...]
    known: NDArray[np.bool_] | None = None


def labels_of(
    task: Task, stated: Sequence[Codes], source: Ints, recorded: Ints, merge: Merge, min_count: int
) -> Labelled:
    """Labels of all recordings.

    Parameters
    ----------
    task : str
        See :class:`tsrep.datasets.ecg.cinc2021.Cinc2021`, as for ``merge`` and ``min_count``.
    stated : sequence of frozenset of int
        SNOMED CT codes of each recording.
    source : int64 array, shape (recording,)
        Where it is from, in the order of ``SOURCES``.
    recorded : int64 array
        Recordings whose signals can be read.

    Raises
    ------
    DataError
        When too few recordings state any code.
    """
    if task == "cpsc9":
        return _several(flags(stated, CPSC9), CPSC9)
    if task == "rhythm4":
        return _single(flags(stated, RHYTHM4), RHYTHM4)
    if task == "all":
        return _all(stated, source, recorded, min_count)
    if task == "scored-published":
        return Labelled(_any(stated), flags(stated, OFFICIAL), tuple(one.name for one in OFFICIAL))
    classes = scored_classes(merge)
    known = known_by_source(classes, merge)[source]
    used = np.flatnonzero(known[recorded].any(axis=0))  # what no source states is no class of these data
    own = [classes[c] for c in used]
    names = tuple(one.name for one in own)
    return Labelled(_any(stated), flags(stated, own), names, known[:, used])


def _any(stated: Sequence[Codes]) -> NDArray[np.bool_]:
    return np.array([bool(codes) for codes in stated])


def _several(flagged: NDArray[np.bool_], classes: Sequence[Scored]) -> Labelled:
    return Labelled(np.asarray(flagged.any(axis=1)), flagged, tuple(one.name for one in classes))


def _single(flagged: NDArray[np.bool_], classes: Sequence[Scored]) -> Labelled:
    """One class each: recordings that state none, or several, are left out."""
    return Labelled(flagged.sum(axis=1) == 1, flagged.argmax(axis=1), tuple(one.name for one in classes))


def _all(codes: Sequence[Codes], source: Ints, recorded: Ints, min_count: int) -> Labelled:
    """Every code that enough readable recordings state; unknown in sources that never state it."""
    counts = Counter(code for i in recorded.tolist() for code in codes[i])
    common = sorted(code for code, n in counts.items() if n >= min_count)
    if not common:
        raise DataError(f"no diagnosis has {min_count} recordings; set dataset.min_count to less")
    classes = [Scored(str(code), frozenset({code}), ()) for code in common]
    flagged = flags(codes, classes)
    used = np.array([flagged[source == k].any(axis=0) for k in range(len(SOURCES))])
    return Labelled(_any(codes), flagged, tuple(one.name for one in classes), used[source])
