"""One list of classes for several cohorts, with a mask of what a cohort says nothing about."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import DataError
from tsrep.signals.panel import Panel

Space = Literal["common", "union"]


def stated(panel: Panel) -> tuple[str, ...]:
    """Classes that a cohort says something about."""
    if panel.known is None or panel.known.ndim == 1:
        return panel.classes
    return tuple(
        name
        for name, any_known in zip(panel.classes, np.asarray(panel.known.any(axis=0)), strict=True)
        if any_known
    )


def joined_classes(panels: Mapping[str, Panel], space: Space) -> tuple[str, ...]:
    """Classes of all cohorts together, in the order of the first.

    Parameters
    ----------
    panels : mapping of str to Panel
        By the names of the cohorts.
    space : {"common", "union"}
        Classes that every cohort states, or that any does.

    Raises
    ------
    DataError
        When some have one class a sample and others several, or they have no class in common.
    """
    kinds = {panel.multilabel for panel in panels.values()}
    if len(kinds) > 1:
        several = next(name for name, panel in panels.items() if panel.multilabel)
        one = next(name for name, panel in panels.items() if not panel.multilabel)
        raise DataError(
            f"samples of cohort {several} have several classes at once and those of {one} have one, which no "
            "list of classes joins; choose tasks of one kind"
        )
    every = list(dict.fromkeys(name for panel in panels.values() for name in stated(panel)))
    if space == "union":
        return tuple(every)
    common = [name for name in every if all(name in stated(panel) for panel in panels.values())]
    if not common:
        told = "; ".join(f"{name} has {', '.join(stated(panel)[:8])}" for name, panel in panels.items())
        raise DataError(
            f"the cohorts have no class in common: {told}; choose other tasks, or set dataset.labels to union"
        )
    return tuple(common)


def in_classes(panel: Panel, classes: Sequence[str]) -> tuple[Panel, int]:
    """A panel with labels of a list of classes, and how many of its samples have none of them.

    Of one class a sample, those whose class is not in the list are left out; of several, a class that the
    panel does not have is unknown throughout.
    """
    place = {name: i for i, name in enumerate(panel.classes)}
    at = np.array([place.get(name, -1) for name in classes], np.int64)
    if not panel.multilabel:
        number = np.full(len(panel.classes), -1)
        number[at[at >= 0]] = np.flatnonzero(at >= 0)
        label = number[panel.label]
        return _with(panel, np.flatnonzero(label >= 0), label, panel.known, classes), int((label < 0).sum())
    label = panel.label[:, at] & (at >= 0)
    has = np.ones_like(panel.label) if panel.known is None else _by_class(panel)
    known = has[:, at] & (at >= 0)
    return _with(panel, np.arange(len(panel)), label, None if known.all() else known, classes), 0


def _by_class(panel: Panel) -> NDArray[np.bool_]:
    assert panel.known is not None
    return np.broadcast_to(panel.known.reshape(len(panel), -1), panel.label.shape)


def _with(panel: Panel, keep: Any, label: Any, known: Any, classes: Sequence[str]) -> Panel:
    known = None if known is None else known[keep]
    chosen = replace(panel, known=None).select(keep)
    return replace(chosen, label=label[keep], known=known, classes=tuple(classes))
