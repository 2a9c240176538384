"""Processes of one training run, as ``torchrun`` starts them; a single process needs none of it."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

import torch
from torch import distributed


@dataclass(frozen=True)
class Ranks:
    """This process among all of them."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self._reduced(float(flag), distributed.ReduceOp.MAX) if self.world > 1 else flag)

    def mean(self, value: float) -> float:
        """Mean over processes."""
        return self._reduced(value, distributed.ReduceOp.SUM) / self.world if self.world > 1 else value

    def from_first(self, value: float) -> float:
        """The first process's value."""
        return (
            self._reduced(value if self.first else 0.0, distributed.ReduceOp.SUM) if self.world > 1 else value
        )

    def _reduced(self, value: float, how: distributed.ReduceOp.RedOpType) -> float:
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        tensor = torch.tensor([value], dtype=torch.float64, device=device)
        distributed.all_reduce(tensor, how)
        return float(tensor)


@contextmanager
def process_group(device: torch.device) -> Iterator[Ranks]:
    """Join the group that ``torchrun`` describes in the environment, if any, and leave it afterwards."""
    if distributed.is_initialized():
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
        return
    if "RANK" not in os.environ:
        yield Ranks()
        return
    distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        yield Ranks(distributed.get_rank(), distributed.get_world_size())
    finally:
        distributed.destroy_process_group()


def pick_device(name: str) -> torch.device:
    """``auto`` is this process's CUDA device where there is one, else the CPU."""
    if name != "auto":
        return torch.device(name)
    if not torch.cuda.is_available():
        return torch.device("cpu")
    device = torch.device("cuda", int(os.environ.get("LOCAL_RANK", "0")))
    torch.cuda.set_device(device)
    return device
