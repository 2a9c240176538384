"""Receptive field by occlusion: how far the output moves when a stretch of the input is made flat."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.inspect.receptive_field.field import ReceptiveField, Tally
from tsrep.inspect.receptive_field.gradients import Model, chunks, outputs, undisturbed
from tsrep.inspect.receptive_field.integrated_gradients import flattened

BLOCKS = 48
ROWS = 512  # windows that go through the model together


def occlusion_field(
    f: Model,
    x: Tensor,
    given: Sequence[Tensor] = (),
    *,
    steps: Sequence[int] | None = None,
    ahead: Sequence[int] | None = None,
    block: int | None = None,
    at_once: int = ROWS,
) -> ReceptiveField:
    """Replace blocks of one channel by its mean over the window; their steps share the change of the output.

    Parameters
    ----------
    f, x, given, steps, ahead
        See :func:`tsrep.inspect.receptive_field.field.receptive_field`; ``f`` need not be differentiable.
    block : int, optional
        Steps made flat together, counted from the end of the window; by default as many as make about 48
        blocks. The mass inside a block is even, so that a single step stands out with ``block=1`` only.
    at_once : int
        Windows that go through the model together.

    Raises
    ------
    ConfigError
        When ``block`` is not positive, or the model gives another shape.

    References
    ----------
    Zeiler and Fergus, "Visualizing and understanding convolutional networks", ECCV 2014.
    """
    windows, channels, time = x.shape
    if block is not None and block < 1:
        raise ConfigError(f"a block of occlusion has one step or more, got block={block}")
    size = block or max(1, round(time / BLOCKS))
    ends = list(range(time, 0, -size))
    hidden = [(c, max(0, end - size), end) for c in range(channels) for end in ends]
    tally: Tally | None = None
    with undisturbed(f), torch.no_grad():
        for rows in chunks(windows, max(1, at_once // min(len(hidden), 16))):
            part, more = x[rows].detach().float(), [g[rows] for g in given]
            y = outputs(f, part, more)
            tally = tally or Tally(x, y, steps, ahead, "occlusion")
            raw = torch.zeros(len(tally.steps), *part.shape, device=part.device)
            for some in chunks(len(hidden), max(1, at_once // len(part))):
                moved = _moved(f, part, more, y, hidden[some])[..., tally.steps]
                for (channel, start, end), change in zip(hidden[some], moved, strict=True):
                    raw[:, :, channel, start:end] = change.T[..., None] / (end - start)
            for at, mass in enumerate(raw):
                tally.add(rows, at, mass)
    if tally is None:
        raise ConfigError("there is no window to look at; give at least one")
    return tally.field()


def _moved(
    f: Model, x: Tensor, given: Sequence[Tensor], y: Tensor, hidden: Sequence[tuple[int, int, int]]
) -> Tensor:
    """Sum over outputs of the absolute change, for each hidden block; shape (block, batch, horizon)."""
    flat = flattened(x)
    altered = x.repeat(len(hidden), 1, 1, 1)
    for view, (channel, start, end) in zip(altered, hidden, strict=True):
        view[:, channel, start:end] = flat[:, channel, start:end]
    repeated = [g.repeat(len(hidden), *[1] * (g.dim() - 1)) for g in given]
    moved = outputs(f, altered.flatten(0, 1), repeated)
    change = moved.reshape(len(hidden), *y.shape) - y  # (block, batch, output, horizon)
    return change.abs().sum(dim=2)
