"""Processes of one training run, as ``torchrun`` starts them; a single process needs none of it."""

from __future__ import annotations

import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, TypeVar

import torch
from torch import distributed

from tsrep.errors import ConfigError

T = TypeVar("T")


@dataclass(frozen=True)
class Ranks:
    """This process among all of them."""

    rank: int = 0
    world: int = 1

    @property
    def first(self) -> bool:
        """Whether this process writes the files."""
        return self.rank == 0

    def wait(self) -> None:
        """Until all processes are here."""
        if self.world > 1:
            distributed.barrier()

    def any(self, flag: bool) -> bool:
        """Whether the flag is set in any process."""
        return bool(self._reduced(float(flag), distributed.ReduceOp.MAX))

    def mean(self, value: float) -> float:
        """Mean over processes."""
        return self._reduced(value, distributed.ReduceOp.SUM) / self.world

    def from_first(self, value: T) -> T:
        """The first process's value."""
        if self.world == 1:
            return value
        told = [value]
        distributed.broadcast_object_list(told)
        return told[0]

    def to_first(self, value: T) -> list[T]:
        """The values of all processes by rank, in the first one; nothing in the others."""
        if self.world == 1:
            return [value]
        values: list[Any] | None = [None] * self.world if self.first else None
        distributed.gather_object(value, values)
        return values or []

    def _reduced(self, value: float, how: distributed.ReduceOp.RedOpType) -> float:
        if self.world == 1:
            return value
        device = "cuda" if distributed.get_backend() == "nccl" else "cpu"
        tensor = torch.tensor([value], dtype=torch.float64, device=device)
        distributed.all_reduce(tensor, how)
        return float(tensor)


ALONE = Ranks()  # a process by itself


@contextmanager
def process_group(device: torch.device) -> Iterator[Ranks]:
    """Join the group that ``torchrun`` describes in the environment, if any, and leave it afterwards."""
    joins = "RANK" in os.environ and not distributed.is_initialized()
    if joins:
        distributed.init_process_group("nccl" if device.type == "cuda" else "gloo")
    try:
        several = distributed.is_initialized()
        with warnings.catch_warnings():
            # of weights of 1x1 convolutions in channels-last memory, whose copy costs nothing that is noticed
            warnings.filterwarnings("ignore", "Grad strides do not match bucket view strides")
            yield Ranks(distributed.get_rank(), distributed.get_world_size()) if several else ALONE
    finally:
        if joins:
            distributed.destroy_process_group()


def first_process() -> bool:
    """Whether this is the process that writes and prints, also when the group has ended."""
    return os.environ.get("RANK", "0") == "0"


def pick_device(name: str) -> torch.device:
    """Device by name; ``cuda`` is this process's own, ``auto`` that one where there is one, else the CPU.

    Raises
    ------
    ConfigError
        When CUDA is asked for and missing.
    """
    there = torch.cuda.is_available()
    if name == "cpu" or (name == "auto" and not there):
        return torch.device("cpu")
    number = int(name.partition(":")[2] or os.environ.get("LOCAL_RANK", "0"))
    if not there or number >= torch.cuda.device_count():
        raise ConfigError(f"device is {name!r}, but there is no such CUDA device here; set it to cpu or auto")
    device = torch.device("cuda", number)
    torch.cuda.set_device(device)
    return device
