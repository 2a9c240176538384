"""Recurrent layers in a trace, as one operation for any length.

Left to itself, torch.export walks through a recurrent layer step by step to learn the shapes behind it, takes
minutes for long signals, and fixes their length, although all it records is a single operation. Told the
shapes, it leaves the length open.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor


def _gru(x: Tensor, state: Tensor, *_: Any) -> tuple[Tensor, Tensor]:
    return _steps(x, state, *_), torch.empty_like(state)


def _lstm(x: Tensor, state: list[Tensor], *_: Any) -> tuple[Tensor, Tensor, Tensor]:
    return _steps(x, state[0], *_), torch.empty_like(state[0]), torch.empty_like(state[1])


def _steps(x: Tensor, state: Tensor, *settings: Any) -> Tensor:
    """Of every step, shape (batch, time, dim), or (time, batch, dim) as the input."""
    both_ways = bool(settings[5])
    return x.new_empty(*x.shape[:2], state.shape[2] * (1 + both_ways))


@contextmanager
def recurrent_layers_whole() -> Iterator[None]:
    """Only while tracing or converting: gives recurrent layers shapes in place of values.

    It puts these shape functions where torch 2.13 keeps its own step by step ones; with a torch that keeps
    them elsewhere nothing changes, and lengths stay fixed. Layers that run outside of a trace do not come by
    here. What is traced is compared with the original before it is used.
    """
    operations = {torch.ops.aten.gru.input: _gru, torch.ops.aten.lstm.input: _lstm}
    known = {op: getattr(op, "py_kernels", {}) for op in operations}
    before = {op: dict(kernels) for op, kernels in known.items()}
    try:
        for op, kernels in known.items():
            kernels.update(dict.fromkeys(_of_autograd(kernels), operations[op]))
            _forget(op)
        yield
    finally:
        for op, kernels in known.items():
            kernels.update(before[op])
            _forget(op)


def _of_autograd(kernels: dict[Any, Any]) -> list[Any]:
    return [key for key in kernels if key.name in ("Autograd", "CompositeImplicitAutograd")]


def _forget(op: Any) -> None:
    """Make torch look its functions up again."""
    getattr(op, "_dispatch_cache", {}).clear()
