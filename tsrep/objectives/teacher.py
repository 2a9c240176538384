"""A slow copy of the encoder as a teacher: it follows by a moving average and gets no gradient."""

from __future__ import annotations

import copy
import math
from typing import Annotated, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

Momentum = Annotated[float, Field(ge=0, le=1)]
Rise = Literal["cosine", "linear"]


class SlowCopies(nn.ModuleList):
    """Copies of modules that follow them slowly and are never trained.

    They stay in evaluation mode, so that computing keys changes no running statistics.

    Parameters
    ----------
    *fast : nn.Module
    """

    def __init__(self, *fast: nn.Module) -> None:
        super().__init__(copy.deepcopy(module) for module in fast)
        self.requires_grad_(False).eval()

    def train(self, mode: bool = True) -> SlowCopies:
        """Stay in evaluation mode."""
        return super().train(False)

    @torch.no_grad()
    def follow(self, *fast: nn.Module, momentum: float) -> None:
        """``slow = momentum * slow + (1 - momentum) * fast`` for all weights; buffers are copied."""
        moving = nn.ModuleList(fast)
        weights: list[Tensor] = list(self.parameters())
        if weights:  # an encoder may have none
            torch._foreach_lerp_(weights, list(moving.parameters()), 1 - momentum)
        for mine, theirs in zip(self.buffers(), moving.buffers(), strict=True):
            mine.copy_(theirs)


class Teacher(nn.Module):
    """Slow copies whose momentum rises over training, by optimiser steps.

    Parameters
    ----------
    first, last : float
        Momentum of the first step and at the end of training.
    rise : {"cosine", "linear"}
        Half a cosine, or a straight line.
    """

    done: Tensor
    slow: SlowCopies | None

    def __init__(self, first: float, last: float = 1.0, rise: Rise = "cosine") -> None:
        super().__init__()
        self.first, self.last, self.rise, self.steps = first, last, rise, 0
        self.register_module("slow", None)
        self.register_buffer("done", torch.zeros((), dtype=torch.int64))
        # What a training step leaves for `after_step`: the modules that the copies follow.
        self._pending: tuple[nn.Module, ...] | None = None

    def attach(self, *fast: nn.Module) -> None:
        """Copy the modules that will be followed."""
        self.slow = SlowCopies(*fast)

    def copies(self) -> SlowCopies:
        """The copies, in the order of :meth:`attach`.

        Raises
        ------
        RuntimeError
            When nothing is attached.
        """
        if self.slow is None:
            raise RuntimeError("the teacher has no copy of the encoder; call objective.attach(encoder) first")
        return self.slow

    def note(self, *fast: nn.Module) -> None:
        """Remember, of a training step, what :meth:`after_step` lets the copies follow."""
        if self.training:
            self._pending = fast

    def momentum(self, step: int) -> float:
        """Of a step, counted from 0; that of the end from the last step on."""
        share = min(step / self.steps, 1.0) if self.steps else 0.0
        left = (math.cos(math.pi * share) + 1) / 2 if self.rise == "cosine" else 1 - share
        return self.last - (self.last - self.first) * left

    def after_step(self) -> None:
        """Let the copies follow, by the momentum of this step."""
        if self._pending is None:
            return
        self.copies().follow(*self._pending, momentum=self.momentum(int(self.done)))
        self.done += 1
        self._pending = None
