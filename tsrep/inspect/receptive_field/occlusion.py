"""Receptive field by occlusion: how far the output moves when a block of the input is made flat."""

from __future__ import annotations

from collections.abc import Sequence

import torch
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.inspect.receptive_field.field import Model, ReceptiveField, Windows, chunks, measured, outputs
from tsrep.inspect.receptive_field.gradients import flattened

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
        See :func:`tsrep.inspect.receptive_field.gradients.receptive_field`; ``f`` need not be differentiable.
    block : int, optional
        Steps replaced together, counted from the end of the window; by default as many as make about 48
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
    _, channels, time = x.shape
    if block is not None and block < 1:
        raise ConfigError(f"a block of occlusion has one step or more, got block={block}")
    size = block or max(1, round(time / BLOCKS))
    hidden = [(c, max(0, end - size), end) for c in range(channels) for end in range(time, 0, -size)]

    @torch.no_grad()
    def mass(windows: Windows) -> Tensor:
        raw = torch.zeros(len(windows.steps), *windows.x.shape, device=windows.x.device)
        for some in chunks(len(hidden), max(1, at_once // len(windows.x))):
            moved = _moved(f, windows, hidden[some])[..., windows.steps]
            for (channel, start, end), change in zip(hidden[some], moved, strict=True):
                raw[:, :, channel, start:end] = change.T[..., None] / (end - start)
        return raw

    together = max(1, at_once // max(1, min(len(hidden), 16)))
    return measured(f, x, given, mass, "occlusion", steps=steps, ahead=ahead, at_once=together)


def _moved(f: Model, windows: Windows, hidden: Sequence[tuple[int, int, int]]) -> Tensor:
    """Sum over outputs of the absolute change, for each hidden block; shape (block, batch, horizon)."""
    flat = flattened(windows.x)
    altered = windows.x.repeat(len(hidden), 1, 1, 1)  # (block, batch, channel, time)
    for view, (channel, start, end) in zip(altered, hidden, strict=True):
        view[:, channel, start:end] = flat[:, channel, start:end]
    repeated = [g.repeat(len(hidden), *[1] * (g.dim() - 1)) for g in windows.given]
    moved = outputs(f, altered.flatten(0, 1), repeated)
    change = moved.reshape(len(hidden), *windows.y.shape) - windows.y  # (block, batch, output, horizon)
    return change.abs().sum(dim=2)
