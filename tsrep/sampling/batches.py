"""A panel's samples as tensors, gathered by index."""

from __future__ import annotations

import warnings

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from tsrep.signals import Batch, Panel
from tsrep.signals.large_stores import ChunkedStore
from tsrep.signals.panel import Floats, Ints

AT_ONCE = 1024  # recordings moved to a device together


class PanelTensors:
    """Batches of a panel on a device.

    On the CPU the store is the panel's own memory (often a memory map) and nothing is copied. On
    CUDA the recordings that the panel uses move to the device, some at a time, when they fit in half of its
    free memory; otherwise samples are gathered on the host and sent batch by batch. A chunked store is read
    batch by batch, and of a large memory map no more than a part stays in memory.

    Parameters
    ----------
    panel : Panel
    device : torch.device or str
    """

    def __init__(self, panel: Panel, device: torch.device | str = "cpu") -> None:
        self.panel = panel
        self.device = torch.device(device)
        rows = np.unique(panel.row)
        self.resident = self._fits(len(rows))
        self._home = self.device if self.resident else torch.device("cpu")
        self._row = self._keep(np.searchsorted(rows, panel.row) if self.resident else panel.row)
        self._store: Tensor | None = None
        if self.resident:
            self._store = _moved(panel, rows, self._home)
        elif not isinstance(panel.store, ChunkedStore):
            self._store = _tensor_on(panel.store)
        self._start = self._keep(panel.start)
        if self._store is not None:
            record, _, step = self._store.stride()
            self._windows = _windows(self._store, panel.length)
            self._place = self._row * record + self._start * step  # of a window's first value in the store
        gain, offset = np.broadcast_arrays(panel.gain, panel.offset)
        self._plain = bool((gain == 1).all() and (offset == 0).all())  # as of a standardised series
        select = rows if self.resident and len(gain) > 1 else slice(None)
        self._gain, self._offset = self._keep(gain[select]), self._keep(offset[select])
        fields = {"label": panel.label, "patient": panel.patient, "trial": panel.trial}
        if panel.target is not None:
            fields["target"] = _known_targets(panel.target, panel.target_known)
        if panel.class_mask is not None:
            fields["known"] = panel.class_mask
        self._fields = {name: torch.from_numpy(each.copy()).to(self.device) for name, each in fields.items()}

    def __len__(self) -> int:
        return len(self.panel)

    def batch(self, index: Ints) -> Batch:
        """Samples ``index`` of the panel, in that order; ``x`` equals ``panel.take(index)``.

        Parameters
        ----------
        index : int64 array, shape (batch,)
        """
        sample = torch.from_numpy(np.asarray(index, np.int64))
        at = sample.to(self._home, non_blocking=True)
        there = sample.to(self.device, non_blocking=True)
        return Batch(
            x=self._send(self._gather(at)),
            sample=there,
            start=self._send(self._start[at]),
            **{name: values[there] for name, values in self._fields.items()},
        )

    def _gather(self, at: Tensor) -> Tensor:
        if self._store is None:
            return torch.from_numpy(self.panel.take(at.numpy()))
        if not self.resident:
            self.panel.pages.reads(self.panel.row[at.numpy()])
        raw = self._windows.index_select(0, self._place[at])  # (batch, channel, time); far faster than [...]
        if self._plain:
            return raw.to(torch.float32)
        row, each = self._row[at], len(self._gain) > 1
        gain, offset = (self._gain[row], self._offset[row]) if each else (self._gain, self._offset)
        # Two roundings, as in Panel.take; addcmul would fuse them and differ in the last bit.
        return raw.to(torch.float32).mul_(gain[:, :, None]).add_(offset[:, :, None])

    def _send(self, values: Tensor) -> Tensor:
        if self._home == self.device or self.device.type != "cuda":
            return values.to(self.device)
        return values.pin_memory().to(self.device, non_blocking=True)

    def _keep(self, values: NDArray[np.generic]) -> Tensor:
        return torch.from_numpy(np.array(values)).to(self._home)

    def _fits(self, rows: int) -> bool:
        if self.device.type != "cuda":
            return False
        need = self.panel.store[:1].nbytes * rows
        return need <= torch.cuda.mem_get_info(self.device)[0] // 2


def _known_targets(target: Floats, known: NDArray[np.bool_] | None) -> Floats:
    """NaN where a target is not known."""
    return target if known is None else np.where(known, target, np.float32(np.nan))


def _moved(panel: Panel, rows: Ints, device: torch.device) -> Tensor:
    """Some recordings on a device, without a second copy of all of them in memory."""
    first = torch.from_numpy(panel.store[rows[:1]])
    there = torch.empty((len(rows), *first.shape[1:]), dtype=first.dtype, device=device)
    for begin in range(0, len(rows), AT_ONCE):
        panel.pages.reads(rows[begin : begin + AT_ONCE])
        part = np.ascontiguousarray(panel.store[rows[begin : begin + AT_ONCE]])
        there[begin : begin + AT_ONCE] = torch.from_numpy(part).to(device)
    return there


def _windows(store: Tensor, length: int) -> Tensor:
    """Windows at every place of a store, shape (place, channel, length), without copying any.

    A place is an offset in the memory of the store, so that one index picks record and start. Windows that
    would run from one record into the next have places too, which nobody asks for.
    """
    records, channels, steps = store.shape
    record, channel, step = store.stride()
    places = (records - 1) * record + (steps - length) * step + 1
    return store.as_strided((places, channels, length), (1, channel, step))


def _tensor_on(store: NDArray[np.generic]) -> Tensor:
    with warnings.catch_warnings():
        # A read-only memory map is only ever read here.
        warnings.filterwarnings("ignore", message="The given NumPy array is not writable")
        return torch.from_numpy(np.asarray(store))
