"""What makes a panel valid: one entry for each sample, a name for each number, patients in one piece."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING

import numpy as np

from tsrep.errors import DataError

if TYPE_CHECKING:
    from tsrep.signals.panel import Ints, Panel


def check_panel(panel: Panel) -> None:
    """Check that the fields of a panel go together.

    Raises
    ------
    DataError
        Naming the first field that does not fit.
    """
    if panel.store.ndim != 3:
        raise DataError(f"a panel's store has shape (record, channel, time), got {panel.store.shape}")
    if panel.store.dtype not in (np.int16, np.float32):
        raise DataError(f"a panel's store is int16 or float32, got {panel.store.dtype}")
    if len(panel.channels) != panel.store.shape[1]:
        raise DataError(
            f"{len(panel.channels)} channel names for {panel.store.shape[1]} channels; name each channel once"
        )
    if len(panel.record_names) not in (0, len(panel.store)):
        raise DataError(
            f"{len(panel.record_names)} record names for {len(panel.store)} records; name each record once"
        )
    if not 0 < panel.sfreq < math.inf:
        raise DataError(f"the sampling rate must be positive, got {panel.sfreq} Hz")
    for name, values in panel.per_sample().items():
        if len(values) != len(panel):
            raise DataError(
                f"{len(values)} values of {name} for {len(panel)} samples; give one for each sample"
            )
    for name, values in panel.meta.items():
        if len(values) != len(panel.trials) or values.dtype == object:
            raise DataError(
                f"meta {name!r} has {len(values)} values of type {values.dtype} for {len(panel.trials)} "
                "trials; give one number, text or date for each trial"
            )
    _check_numbered(panel)
    _check_masks(panel)
    shared = _in_several(panel.trial, panel.patient)
    if len(shared):
        raise DataError(f"trial {shared[0]} belongs to more than one patient; give every trial its own id")
    shared = panel.trial[:0] if panel.group is None else _in_several(panel.patient, panel.group)
    if len(shared):
        raise DataError(f"patient {shared[0]} belongs to more than one group; a group holds whole patients")


def _check_numbered(panel: Panel) -> None:
    """Classes, cohorts and targets have as many names as there are of them."""
    if panel.label.ndim == 2 and panel.label.shape[1] != len(panel.classes):
        raise DataError(
            f"{panel.label.shape[1]} label columns for {len(panel.classes)} classes; name each class once"
        )
    numbers = {"class": (panel.label, panel.classes), "cohort": (panel.cohort, panel.cohort_names)}
    for what, (index, names) in numbers.items():
        if index is None or index.ndim == 2 or not len(index):
            continue
        if not 0 <= index.min() <= index.max() < len(names):
            raise DataError(
                f"{what} indices run from {index.min()} to {index.max()} but there are {len(names)} "
                f"{'classes' if what == 'class' else 'cohorts'}"
            )
    targets = 0 if panel.target is None else panel.target.shape[1]
    if not targets == len(panel.target_names) == len(panel.target_units):
        raise DataError(
            f"{len(panel.target_names)} names and {len(panel.target_units)} units for {targets} targets; "
            "give each target a name and a unit"
        )


def _check_masks(panel: Panel) -> None:
    """Masks have the shape of what they mask, and known targets have a value."""
    for name, mask, of in (
        ("known", panel.known, panel.label),
        ("target_known", panel.target_known, panel.target),
    ):
        if mask is not None and (of is None or mask.shape != of.shape or mask.dtype != bool):
            shape = None if of is None else of.shape
            raise DataError(
                f"{name} is {mask.dtype} of shape {mask.shape}; give a bool mask of shape {shape}"
            )
    if panel.target is not None:
        there = np.isfinite(panel.target)
        if not (there if panel.target_known is None else there | ~panel.target_known).all():
            raise DataError("a target that is called known has no finite value; mark it in target_known")


def _in_several(parts: Ints, whole: Ints) -> Ints:
    """Parts that have samples in more than one whole."""
    order = np.argsort(parts, kind="stable")
    part, in_whole = parts[order], whole[order]
    shared: Ints = part[1:][(part[1:] == part[:-1]) & (in_whole[1:] != in_whole[:-1])]
    return shared
