"""Contrast with keys of a slow copy, of this batch or of a queue: what MoCo and CoST share.

Whatever moves, moves in ``after_step``: the copy, the queue and its place.
"""

from __future__ import annotations

import torch
from pydantic import NonNegativeInt
from torch import Tensor, nn

from tsrep.errors import ConfigError
from tsrep.losses.gather import gather_rows
from tsrep.losses.loss import Loss
from tsrep.losses.relation import Apart, Relation, Samples
from tsrep.losses.similarity import unit_rows
from tsrep.objectives.teacher import Follower
from tsrep.signals.batch import Batch

ExclusionZone = NonNegativeInt | None
NOBODY = torch.iinfo(torch.int64).min  # record of a key that comes from no window


class KeyQueue(nn.Module):
    """The last keys, of unit length, and which windows they come from; a ring that starts at random.

    Parameters
    ----------
    size, dim : int
    """

    keys: Tensor
    windows: Tensor
    pointer: Tensor

    def __init__(self, size: int, dim: int) -> None:
        super().__init__()
        self.register_buffer("keys", unit_rows(torch.randn(size, dim)))
        self.register_buffer("windows", torch.tensor([[NOBODY, 0]]).repeat(size, 1))
        self.register_buffer("pointer", torch.zeros((), dtype=torch.int64))

    @torch.no_grad()
    def enqueue(self, keys: Tensor, windows: Tensor) -> None:
        """Replace the oldest keys; of more than fit the last ones stay.

        Parameters
        ----------
        keys : Tensor, shape (batch, dim)
        windows : Tensor, shape (batch, 2), int64
            Record and first step of each.
        """
        size = len(self.keys)
        keys, windows = keys[-size:], windows[-size:]
        at = (self.pointer + torch.arange(len(keys), device=keys.device)) % size
        self.keys.index_copy_(0, at, unit_rows(keys).to(self.keys.dtype))
        self.windows.index_copy_(0, at, windows)
        self.pointer.add_(len(keys)).remainder_(size)


class MomentumContrast(Follower):
    """Slow copies, a queue of their keys, and the contrast of queries with both.

    Windows of one record (the same ``patient`` of the batch) whose starts are near are no negatives of one
    another. On a panel that leaves all windows of other patients. On a series the patient is its part, so
    that where each channel is an instance, other channels at the same time are none either.

    Parameters
    ----------
    dim : int
        Of a key.
    queue : int
        Keys in the queue; with 0 the negatives are the keys of the batch's other samples, of all ranks.
    loss : Loss
        One that takes a bank.
    momentum : float
        Of the copies, per step.
    exclusion_zone : int or None
        Starts less than so many steps apart are near; None is the window length, 0 leaves nothing out.

    Raises
    ------
    ConfigError
        When the loss takes no bank.
    """

    queue: KeyQueue | None

    def __init__(self, dim: int, queue: int, loss: Loss, momentum: float, exclusion_zone: int | None) -> None:
        super().__init__()
        if not loss.takes_bank:
            raise ConfigError(
                f"loss {getattr(loss, 'name', '')} compares views that both learn, and keys of a slow copy "
                "have no gradient; choose one that contrasts rows with candidates, such as infonce or dcl"
            )
        self.loss, self.momentum, self.exclusion_zone = loss, momentum, exclusion_zone
        self.register_module("queue", KeyQueue(queue, dim) if queue else None)
        # What a training step leaves for `after_step`: rows of the queue, and what the copies follow.
        self._pending: tuple[tuple[Tensor, Tensor], tuple[nn.Module, ...]] | None = None

    def forward(self, queries: Tensor, keys: Tensor, batch: Batch, *fast: nn.Module) -> dict[str, Tensor]:
        """Terms of finding one's key.

        Parameters
        ----------
        queries, keys : Tensors, shape (batch, dim)
        batch : Batch
            That both come from.
        *fast : nn.Module
            What the copies follow, in the order of :meth:`attach`.
        """
        windows = torch.stack([batch.patient, batch.start], dim=1)  # (batch, 2)
        if self.training:
            self._pending = (keys.detach(), windows), fast
        samples = Samples.of(batch, windows=self.loss.reads_windows)
        zone = batch.x.shape[2] if self.exclusion_zone is None else self.exclusion_zone
        relation = Relation(
            samples,
            bank=None if self.queue is None else samples.unknown(*self.queue.windows.unbind(1)),
            negatives=(Apart(zone),) if zone else (),
            view_pairs="one-way",
            in_batch=self.queue is None,
        )
        both = torch.stack([queries, keys.to(queries.dtype)])  # (view, batch, dim)
        return self.loss(both, relation, bank=None if self.queue is None else self.queue.keys)

    def after_step(self) -> None:
        """Let the copies follow and enqueue the keys of the last training step, of all ranks."""
        if self._pending is None:
            return
        (rows, fast), self._pending = self._pending, None
        self.copies().follow(*fast, momentum=self.momentum)
        if self.queue is not None:
            self.queue.enqueue(*(gather_rows(part) for part in rows))
