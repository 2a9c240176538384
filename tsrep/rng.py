"""Random numbers as a function of a key, never of hidden state.

A key is a path of integers and words, such as ``(seed, "views", epoch, step, rank)``. The same key
gives the same stream on every call, so an interrupted run needs no generator state to resume.
"""

from __future__ import annotations

import threading
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

import numpy as np

if TYPE_CHECKING:
    import torch

_ONE_AT_A_TIME = threading.RLock()  # threads share the global generator


def _sequence(key: tuple[int | str, ...]) -> np.random.SeedSequence:
    words = [zlib.crc32(part.encode()) if isinstance(part, str) else int(part) for part in key]
    return np.random.SeedSequence(words)


def numpy_generator(*key: int | str) -> np.random.Generator:
    """NumPy generator for a key of non-negative integers and words."""
    return np.random.default_rng(_sequence(key))


def torch_generator(*key: int | str, device: torch.device | str = "cpu") -> torch.Generator:
    """Torch generator on ``device`` for a key of non-negative integers and words."""
    import torch

    state = _sequence(key).generate_state(2, np.uint32)
    generator = torch.Generator(device=device)
    return generator.manual_seed(int(state[0]) << 31 ^ int(state[1]))


@contextmanager
def initial_weights(*key: int | str) -> Iterator[None]:
    """Make torch's default initialisers draw from a key, and put the global generator back after."""
    import torch

    with _ONE_AT_A_TIME, torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(torch_generator(*key).initial_seed())
        yield
