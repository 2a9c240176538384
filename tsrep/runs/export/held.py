"""Validation windows of a run in their unit, on which an exported predictor must decide as the original."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsrep.errors import RunError, TsrepError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.metrics import auroc_of
from tsrep.runs.export.traced import Runner, outputs
from tsrep.runs.prepared import evenly
from tsrep.signals.windows import cut

if TYPE_CHECKING:
    from tsrep.runs.export.subject import Subject
    from tsrep.runs.references.reference import Reference
    from tsrep.signals.contract import SignalContract

MOST, COMPARED = 1000, 50
TOLERANCE = 1e-5  # of a probability


@dataclass(frozen=True, eq=False)
class Held:
    """Windows at even distances.

    Attributes
    ----------
    windows : Tensor, shape (window, channel, time)
        In the contract's unit.
    label : array, shape (window,) or (window, class)
    """

    windows: Tensor
    label: NDArray[Any]

    def compare(self, subject: Subject, run: Runner) -> None:
        """Check that a program gives the same probabilities and decisions.

        Raises
        ------
        RunError
        """
        some = self.windows[evenly(len(self.windows), COMPARED)]
        with torch.no_grad():
            wanted, found = (outputs(each(some))[0].numpy() for each in (subject.module, run))
        far = float(np.abs(wanted - found).max())
        differs = np.asarray(subject.decide(wanted) != subject.decide(found))
        other = np.asarray(differs.reshape(len(some), -1).any(axis=1))
        if not far <= TOLERANCE or other.any():
            raise RunError(
                f"on {len(some)} windows of the validation part the exported program differs by {far:.1e} "
                f"and decides otherwise on {int(other.sum())}; nothing was written"
            )

    def auroc(self, prob: Array) -> float:
        """Macro AUROC of the windows; NaN where no class has both values."""
        return auroc_of(prob.astype(np.float64), self.label)


def held_windows(reference: Reference, contract: SignalContract, leads: Sequence[str]) -> Held | None:
    """Windows of the validation part of the run's own data; None where they are not at hand."""
    try:
        prepared: Any = reference.run.prepare()
        windows = cut(prepared.records, contract.window)
    except TsrepError:
        return None
    index = prepared.split.validation
    index = index[windows.labelled[index]] if len(windows) == len(prepared.panel) else index[:0]
    if not len(index):
        return None
    chosen = index[evenly(len(index), MOST)]
    channels = contract.channels or ()
    at = [channels.index(name) for name in leads or channels]
    x = np.ascontiguousarray(windows.take(chosen)[:, at])
    return Held(torch.from_numpy(x), windows.label[chosen])
