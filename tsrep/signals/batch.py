"""A training batch with named fields."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from torch import Tensor


@dataclass(frozen=True)
class Batch:
    """Some samples of a panel as tensors on one device.

    Attributes
    ----------
    x : Tensor, shape (batch, channel, time), float32
        Standardised signals; missing values are NaN.
    label : Tensor, shape (batch,) int64, or (batch, class) bool
    patient, trial, sample, start : Tensors, shape (batch,), int64
        ``sample`` is the index in the panel, ``start`` the first time step in the record.
    target : Tensor, shape (batch, target), float32, or None
        Numbers such as age; NaN where they are not known.
    known : Tensor, shape (batch, class), bool, or None
        Of which classes the label is known, where samples may have several; None where it is of all.
    """

    x: Tensor
    label: Tensor
    patient: Tensor
    trial: Tensor
    sample: Tensor
    start: Tensor
    target: Tensor | None = None
    known: Tensor | None = None

    def __len__(self) -> int:
        return len(self.x)
