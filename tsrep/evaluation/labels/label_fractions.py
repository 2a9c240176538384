"""Fractions of the training labels: by sample, by record, and by patient."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import ConfigError
from tsrep.evaluation.labels.metrics import positives
from tsrep.rng import numpy_generator
from tsrep.signals.panel import Ints, Panel

SubsampleBy = Literal["sample", "record", "patient"]


def subsample_labels(
    panel: Panel,
    train_index: Ints,
    fraction: float,
    by: SubsampleBy = "sample",
    *,
    seed: int = 0,
) -> Ints:
    """Indices of the training samples whose labels may be used.

    Parameters
    ----------
    panel : Panel
    train_index : int64 array
        Nothing outside of it is ever drawn, and no sample that states no class.
    fraction : float
        Of samples, records (trials) or patients, in (0, 1].
    by : str
        What is drawn; all samples of a drawn record or patient come along.
    seed : int

    Returns
    -------
    int64 array of panel indices, sorted

    Raises
    ------
    ConfigError
        When the fraction is outside (0, 1].

    Notes
    -----
    Guarantees: for one seed a smaller fraction is a subset of a larger one. Units with the same set of
    classes form a stratum; each stratum is drawn in proportion, to within one unit. Each class has at
    least one positive and one negative sample, if the training part has them at all; where the
    fraction is too small for that, a few more units than asked for are drawn (at most two a class).
    """
    if not 0 < fraction <= 1:
        raise ConfigError(f"a fraction of labels lies above 0 and up to 1, not {fraction}; give 0.1 for 10 %")
    train_index = np.unique(np.asarray(train_index, np.int64))
    train_index = train_index[panel.stated[train_index]]
    unit = {"sample": np.arange(len(panel)), "record": panel.trial, "patient": panel.patient}[by]
    _, group = np.unique(unit[train_index], return_inverse=True)
    flags = _values_in_groups(panel, train_index, group)
    order = _stratified_order(flags, numpy_generator(seed, "labels", by))
    core = _cover(flags[order])
    order = np.concatenate([order[core], np.delete(order, core)])
    size = max(round(fraction * len(order)), len(core), 1)
    return train_index[np.isin(group, order[:size])]


def _values_in_groups(panel: Panel, index: Ints, group: NDArray[Any]) -> NDArray[np.bool_]:
    """Which values each group has, shape (group, 2 x class): class positive, class negative."""
    flags = positives(panel.label[index], len(panel.classes))
    known = np.ones_like(flags) if panel.known is None or panel.known.ndim == 1 else panel.known[index]
    both = np.concatenate([flags & known, ~flags & known], axis=1)
    out = np.zeros((group.max(initial=-1) + 1, both.shape[1]), bool)
    np.logical_or.at(out, group, both)
    return out


def _stratified_order(flags: NDArray[np.bool_], generator: np.random.Generator) -> NDArray[Any]:
    """Order of groups in which every beginning has each stratum in proportion."""
    _, stratum, count = np.unique(flags, axis=0, return_inverse=True, return_counts=True)
    shuffled = generator.permutation(len(flags))
    by_stratum = shuffled[np.argsort(stratum[shuffled], kind="stable")]
    rank = np.arange(len(flags)) - np.repeat(np.cumsum(count) - count, count)
    place = (rank + generator.random(len(flags))) / count[stratum[by_stratum]]
    return np.asarray(by_stratum[np.argsort(place, kind="stable")])


def _cover(flags: NDArray[np.bool_]) -> list[int]:
    """The first groups in order that together have every value that occurs; rare values first."""
    core: list[int] = []
    for value in np.argsort(flags.sum(axis=0), kind="stable"):
        if flags[:, value].any() and not flags[core, value].any():
            core.append(int(np.argmax(flags[:, value])))
    return core
