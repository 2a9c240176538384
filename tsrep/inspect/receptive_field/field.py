"""Empirical receptive field: which input steps each step of an output answers to, over many windows."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor, nn

from tsrep.array_files import read_arrays, write_arrays
from tsrep.errors import ConfigError, DataError
from tsrep.reading import readable

AT_ONCE = 32
Model = Callable[..., Tensor]


@dataclass(frozen=True, eq=False)
class ReceptiveField:
    """Shares of the input in each step of an output; lag 0 is the last input step.

    Attributes
    ----------
    mass : float64 array, shape (horizon, channel, lag)
        Average over windows; sums to 1 over channels and lags, or is 0 where no window counts.
    error : float64 array, shape (horizon, lag)
        Standard error over windows of the mass summed over channels; NaN for less than two windows.
    each : float32 array, shape (window, horizon, lag)
        The mass of every window, summed over channels.
    weight : float64 array, shape (window, horizon)
        What a window counts in the average: 1, or 0 when nothing in it reaches the output.
    ahead : int64 array, shape (horizon,)
        How many steps each output lies after the last input step.
    method : str
    """

    mass: NDArray[np.float64]
    error: NDArray[np.float64]
    each: NDArray[np.float32]
    weight: NDArray[np.float64]
    ahead: NDArray[np.int64]
    method: str

    @property
    def windows(self) -> int:
        """Number of windows that any step counts."""
        return int((self.weight > 0).any(axis=1).sum())

    @property
    def curve(self) -> NDArray[np.float64]:
        """Mass of each lag, all channels together; shape (horizon, lag)."""
        return np.asarray(self.mass.sum(axis=1))

    def by_distance(self) -> tuple[NDArray[np.int64], NDArray[np.float64]]:
        """Mass by how many steps an input lies before the output step, averaged over output steps.

        Returns
        -------
        distance : int64 array, shape (distance,)
            ``lag + ahead``.
        mass : float64 array, shape (distance,)
            Average over those output steps that have an input at this distance.
        """
        distance = self.ahead[:, None] + np.arange(self.curve.shape[1])  # (horizon, lag)
        first = int(distance.min())
        total = np.bincount((distance - first).ravel(), self.curve.ravel())
        count = np.bincount((distance - first).ravel())
        return first + np.arange(len(total)), total / np.maximum(count, 1)

    def save(self, path: Path) -> None:
        """Write an ``.npz`` file with one array for each attribute."""
        write_arrays(path, **(vars(self) | {"method": np.array(self.method)}))

    @classmethod
    def load(cls, path: Path) -> ReceptiveField:
        """Read what :meth:`save` wrote.

        Raises
        ------
        RunError
            When the file is missing or broken.
        """
        with readable(path, "a receptive field", "plot it again"):
            stored: dict[str, Any] = read_arrays(path)
            return cls(**stored | {"method": str(stored["method"])})


@dataclass(frozen=True, eq=False)
class Windows:
    """Some windows that went through a model together.

    Attributes
    ----------
    f : Model
    x : Tensor, shape (batch, channel, time)
    given : list of Tensor, each of shape (batch, ...)
    y : Tensor, shape (batch, output, horizon)
        What the model gave.
    rows : slice
        Which of all windows they are.
    """

    f: Model
    x: Tensor
    given: list[Tensor]
    y: Tensor
    rows: slice

    def again(self, x: Tensor) -> Tensor:
        """What the model gives for other values of the same windows."""
        return outputs(self.f, x, self.given)


def passes(
    f: Model, x: Tensor, given: Sequence[Tensor], at_once: int, *, differentiate: bool = False
) -> Iterator[Windows]:
    """All windows, some at a time, with a graph of their outputs back to ``x`` where that is wanted."""
    with undisturbed(f):
        for rows in chunks(len(x), at_once):
            part, more = x[rows].detach().float().requires_grad_(differentiate), [g[rows] for g in given]
            with torch.set_grad_enabled(differentiate):
                y = outputs(f, part, more)
            yield Windows(f, part, more, y, rows)


def measured(
    windows: Iterable[Windows],
    x: Tensor,
    mass: Callable[[Windows, list[int]], Iterable[Tensor]],
    method: str,
    *,
    steps: Sequence[int] | None,
    ahead: Sequence[int] | None,
    weighted: bool = False,
) -> ReceptiveField:
    """Mass of all windows, batch by batch, normalised in every window and averaged.

    Parameters
    ----------
    windows : iterable of Windows
        That of :func:`passes`.
    x, steps, ahead
        See :func:`tsrep.inspect.receptive_field.gradients.receptive_field`.
    mass : callable
        Of some windows: the unnormalised mass at each wanted step, shape (batch, channel, time).
    method : str
    weighted : bool
        Count windows by their raw total instead of alike.

    Raises
    ------
    ConfigError
        When there is no window or step, or the model gives another shape or no gradient.
    DataError
        When a mass is not finite at a step that is there.
    """
    missing = torch.isnan(x)
    # of every batch, by output step
    each: dict[int, list[NDArray[np.float32]]] = defaultdict(list)
    weights: dict[int, list[NDArray[np.float64]]] = defaultdict(list)
    total: dict[int, NDArray[np.float64]] = defaultdict(lambda: np.zeros(x.shape[1:]))
    for some in windows:
        wanted, distance = _wanted(some.y.shape[-1], steps, ahead)
        for at, (step, raw) in enumerate(zip(wanted, mass(some, wanted), strict=True)):
            there = raw.detach().double().masked_fill(missing[some.rows].to(raw.device), 0)
            found = there.cpu().numpy()[..., ::-1]  # (batch, channel, lag)
            size = found.sum(axis=(1, 2))
            if not np.isfinite(size).all():
                window = some.rows.start + int(np.isfinite(size).argmin())
                raise DataError(
                    f"the {method} is not finite in window {window} at output step {step}; leave the "
                    "window out"
                )
            share = found / np.where(size > 0, size, 1)[:, None, None]
            weights[at].append(size if weighted else (size > 0).astype(float))
            each[at].append(share.sum(axis=1).astype(np.float32))
            total[at] += np.tensordot(weights[at][-1], share, axes=1)
    if not each:
        raise ConfigError("there is no window to look at; give at least one")
    shares = np.stack([np.concatenate(batches) for batches in each.values()], axis=1)
    weight = np.stack([np.concatenate(batches) for batches in weights.values()], axis=1)
    whole = weight.sum(axis=0)
    mean = np.stack(list(total.values())) / np.where(whole > 0, whole, 1)[:, None, None]
    error = weighted_error(shares, mean.sum(axis=1), weight[..., None])
    return ReceptiveField(mean, error, shares, weight, distance, method)


def _wanted(
    horizon: int, steps: Sequence[int] | None, ahead: Sequence[int] | None
) -> tuple[list[int], NDArray[np.int64]]:
    """Positions on the horizon, and their steps from the last input step."""
    wanted = list(range(horizon) if steps is None else steps)
    for step in wanted:
        if not 0 <= step < horizon:
            raise ConfigError(f"there is no output step {step}; the horizon has {horizon}, from 0")
    distance = np.arange(1, horizon + 1) if ahead is None else np.asarray(ahead)
    if len(distance) != horizon:
        raise ConfigError(f"ahead names {len(distance)} steps, but the horizon has {horizon}; name each")
    return wanted, distance[wanted].astype(np.int64)


def weighted_error(each: NDArray[Any], mean: NDArray[Any], weight: NDArray[Any]) -> NDArray[np.float64]:
    """Standard error of a weighted mean over the first axis; NaN for less than two that count."""
    count = (weight > 0).sum(axis=0)
    whole = weight.sum(axis=0)
    square = np.zeros(np.broadcast_shapes(each.shape[1:], mean.shape))
    for row, share in zip(each, weight, strict=True):  # not at once, for all windows may not fit twice
        square += (share * (row - mean)) ** 2
    with np.errstate(divide="ignore", invalid="ignore"):
        error = np.sqrt(square * count / (count - 1)) / whole
    return np.where(count > 1, error, np.nan)


@contextmanager
def undisturbed(f: Model) -> Iterator[None]:
    """Evaluation mode, float32 and gradients on; modes are put back after.

    cuDNN is off, since its recurrent layers go backward in training mode only.
    """
    modes = {module: module.training for module in f.modules()} if isinstance(f, nn.Module) else {}
    for module in modes:
        module.training = False
    try:
        with (
            torch.enable_grad(),
            torch.autocast("cpu", enabled=False),
            torch.autocast("cuda", enabled=False),
            torch.backends.cudnn.flags(enabled=False),
        ):
            yield
    finally:
        for module, mode in modes.items():
            module.training = mode


def outputs(f: Model, x: Tensor, given: Sequence[Tensor]) -> Tensor:
    """What ``f`` gives, in float32.

    Raises
    ------
    ConfigError
        When it is not of shape (batch, output, horizon), or has no gradient that ``x`` asks for.
    """
    y = f(x, *given)
    if y.dim() != 3 or len(y) != len(x):
        raise ConfigError(
            f"the model gave {tuple(y.shape)} for {len(x)} windows; it must give (batch, output, horizon)"
        )
    if x.requires_grad and not y.requires_grad:
        raise ConfigError("the output of the model has no gradient; take occlusion, which needs none")
    return y.float()


def chunks(count: int, size: int) -> Iterator[slice]:
    """Slices of at most ``size`` rows that cover ``count`` rows."""
    for start in range(0, count, size):
        yield slice(start, min(start + size, count))
