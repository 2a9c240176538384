"""Recurrent layers in a trace, as one operation for any length.

Left to itself, torch.export walks through a recurrent layer step by step to learn the shapes behind it, takes
minutes for long signals, and fixes their length, although all it records is a single operation. Told the
shapes, it leaves the length open.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor
from torch._decomp import decomposition_table

OF_AUTOGRAD = ("Autograd", "CompositeImplicitAutograd")


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
    shapes = {torch.ops.aten.gru.input: _gru, torch.ops.aten.lstm.input: _lstm}
    places: list[tuple[dict[Any, Any], Any, Any]] = []  # a table, a key in it, and what to put there
    for op, shape in shapes.items():
        kernels = getattr(op, "py_kernels", {})
        places += [(kernels, key, shape) for key in kernels if key.name in OF_AUTOGRAD]
        places += [(decomposition_table, op, shape)] if op in decomposition_table else []
    before = [table[key] for table, key, _ in places]
    try:
        for table, key, shape in places:
            table[key] = shape
        _forget(shapes)
        yield
    finally:
        for (table, key, _), own in zip(places, before, strict=True):
            table[key] = own
        _forget(shapes)


def _forget(operations: Iterable[Any]) -> None:
    """Make torch look their functions up again."""
    for op in operations:
        getattr(op, "_dispatch_cache", {}).clear()
