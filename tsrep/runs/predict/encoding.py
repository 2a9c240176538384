"""Windows of recordings, one after the other, in batches through the encoder and the head."""

from __future__ import annotations

import copy
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable
from tsrep.encoders.pooling import POOLS
from tsrep.errors import RunError, TsrepError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.embedding import evaluating
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.predict.columns import Outcome, Windows
from tsrep.runs.predict.conversion import Shown
from tsrep.runs.predict.growing import GrowingRows
from tsrep.runs.predict.reading import Opened
from tsrep.signals.panel import Floats
from tsrep.text import few, plural
from tsrep.training.distributed import pick_device

HALVINGS = 2  # of the batch when the device has no memory for it
Encoded = tuple[Array, Array]  # features (window, dim), uncalibrated probabilities (window, class)


class Encoding:
    """Features and probabilities of windows.

    Parameters
    ----------
    loaded : LoadedEncoder
    head : KeptHead
    batch_size : int
        Windows at a time; fewer once the device has run out of memory.
    device : str or None
        None is that of the encoder's run.
    """

    def __init__(self, loaded: LoadedEncoder, head: KeptHead, *, batch_size: int, device: str | None) -> None:
        self.head, self.batch_size = head, batch_size
        self.masks_channels = loaded.contract.output.accepts_missing_channels
        self._device = pick_device(device or loaded.device)
        self._encoder = head.encoder(copy.deepcopy(loaded.encoder)).to(self._device)
        self._pool = POOLS[head.pool]
        self._least = max(batch_size >> HALVINGS, 1)

    def __call__(self, x: Floats) -> Encoded:
        """Features and uncalibrated probabilities of windows, shape (window, channel, time).

        Raises
        ------
        RunError
            When the device has no memory for a quarter of a batch.
        """
        while True:
            try:
                parts = range(0, len(x), self.batch_size)
                features = np.concatenate([self._features(x[at : at + self.batch_size]) for at in parts])
                return features, np.asarray(self.head.classifier.predict(features), np.float64)
            except torch.OutOfMemoryError as error:
                if self.batch_size <= self._least:
                    raise RunError(
                        f"the device has no memory for {self.batch_size} windows at a time; give a smaller "
                        "--batch-size"
                    ) from error
                self.batch_size //= 2

    @torch.no_grad()
    def _features(self, x: Floats) -> Array:
        with evaluating(self._encoder):
            z = self._encoder(torch.from_numpy(x).to(self._device))  # (window, dim, time')
            return np.asarray(self._pool(z).float().cpu().numpy())


@dataclass(eq=False)
class Waiting:
    """A recording whose windows are not yet all predicted."""

    opened: Opened
    times: GrowingRows = field(default_factory=GrowingRows)
    scores: GrowingRows = field(default_factory=GrowingRows)
    features: GrowingRows = field(default_factory=GrowingRows)
    due: int = 0
    left_out: dict[str, int] = field(default_factory=dict)
    failed: str = ""
    read: bool = False

    @property
    def done(self) -> bool:
        """Whether nothing of it is still to come."""
        return self.read and not self.due

    def leave_out(self, reason: str, windows: int) -> None:
        """Take note of windows that are not predicted."""
        if windows:
            self.left_out[reason] = self.left_out.get(reason, 0) + windows

    def take(self, features: Array, scores: Array, *, keep: bool) -> None:
        """Receive the next windows; their features are kept on request."""
        finite: Array = np.all(np.isfinite(features), axis=1)
        self.scores.add(np.where(finite[:, None], scores, np.nan))
        if keep:
            self.features.add(features)
        self.due -= len(scores)

    def outcome(self) -> tuple[Outcome, Array | None]:
        """What became of it, and the features of its windows if they were kept."""
        signal = self.opened.signal
        said: dict[str, Any] = {"record": self.opened.name, "notes": self.opened.notes}
        said["doubts"] = self.opened.doubts
        if signal is not None:
            said |= {"patient": signal.patient, "targets": signal.targets}
        if self.failed or not len(self.scores):
            return Outcome(**said, reason=self.failed or self._left_out() or "it has no window"), None
        finite: Array = np.all(np.isfinite(self.scores.values), axis=1)
        self.leave_out("the encoder gives no finite number", int((~finite).sum()))
        if not finite.any():
            return Outcome(**said, reason=self._left_out()), None
        start, stop = self.times.values[finite].T
        windows = Windows(start, stop, self.scores.values[finite])
        found = Outcome(**said, windows=windows, reason=self._left_out())
        return found, self.features.values[finite] if len(self.features) else None

    def _left_out(self) -> str:
        return "; ".join(
            f"{plural(count, 'window')} left out: {reason}" for reason, count in self.left_out.items()
        )


class Batch:
    """Windows of several recordings that go through the encoder together.

    Parameters
    ----------
    encode : Encoding
    keep : bool
        Whether recordings shall have the features of their windows.
    """

    def __init__(self, encode: Encoding, *, keep: bool) -> None:
        self._encode, self._size, self._keep = encode, encode.batch_size, keep
        self._parts: list[tuple[Waiting, Floats]] = []
        self._count = 0

    def add(self, waiting: Waiting, shown: Shown) -> None:
        """Take all windows of a slice, encoding whenever a batch is full."""
        at, count, windows = 0, len(shown.windows), shown.windows
        shape = (len(windows.channels), windows.length)
        if self._parts and count and self._parts[0][1].shape[1:] != shape:
            self.run()
        while at < count:
            part = np.arange(at, min(count, at + self._size - self._count))
            x = windows.take(part)
            self._join(waiting, windows.channels, x, shown.start[part], shown.stop[part])
            at += len(part)
            if self._count == self._size:
                self.run()

    def _join(self, waiting: Waiting, names: Sequence[str], x: Floats, start: Array, stop: Array) -> None:
        there = np.isfinite(x)
        # (window,): whether there is a step of which the encoder can say anything
        useful: Array = np.any(there if self._encode.masks_channels else np.all(there, axis=1), axis=-1)
        useful = np.any(useful, axis=1) if useful.ndim == 2 else useful
        for reason in map(partial(_nothing, names), there[~useful]):
            waiting.leave_out(reason, 1)
        if not useful.any():
            return
        waiting.times.add(np.stack([start[useful], stop[useful]], axis=1))
        waiting.due += int(useful.sum())
        self._parts.append((waiting, x[useful]))
        self._count += int(useful.sum())

    def run(self) -> None:
        """Encode what there is."""
        if not self._parts:
            return
        features, scores = self._encode(np.concatenate([x for _, x in self._parts]))
        at = 0
        for waiting, x in self._parts:
            part = slice(at, at + len(x))
            waiting.take(features[part], scores[part], keep=self._keep)
            at += len(x)
        self._parts, self._count = [], 0


def _nothing(names: Sequence[str], there: NDArray[np.bool_]) -> str:
    """Why an encoder can say nothing of a window, by where it has values, shape (channel, time)."""
    lacking = [name for name, found in zip(names, np.any(there, axis=1).tolist(), strict=True) if not found]
    if not lacking:
        return "no step has a value in every channel"
    return f"{few(lacking, 3)} {'has' if len(lacking) == 1 else 'have'} no value"


def outcomes(
    recordings: Iterable[Opened], encode: Encoding, *, features: bool
) -> Iterator[tuple[Outcome, Array | None]]:
    """What becomes of recordings, in their order, with the features of their windows on request.

    Parameters
    ----------
    recordings : iterable of Opened
    encode : Encoding
    features : bool
    """
    batch, waiting = Batch(encode, keep=features), deque[Waiting]()
    for opened in recordings:
        waiting.append(Waiting(opened))
        _read(waiting[-1], batch)
        while waiting and waiting[0].done:
            yield waiting.popleft().outcome()
    batch.run()
    for each in waiting:
        yield each.outcome()


def _read(waiting: Waiting, batch: Batch) -> None:
    """Hand all windows of a recording to the batch; what goes wrong with it is its reason."""
    try:
        for shown in waiting.opened.slices():
            for reason, count in shown.left_out.items():
                waiting.leave_out(reason, count)
            batch.add(waiting, shown)
    except (Unreadable, TsrepError) as error:
        if isinstance(error, RunError):
            raise
        waiting.failed = str(error)
    waiting.read = True
