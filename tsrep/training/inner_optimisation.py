"""Moves of an objective's inner players: their own optimisers, gradients, terms and random numbers."""

from __future__ import annotations

import math
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import torch
from torch import Tensor, distributed, nn

from tsrep.objectives.inner_optimisation import InnerOptimisation
from tsrep.rng import torch_generator
from tsrep.signals import Batch
from tsrep.training.adamw import AdamW
from tsrep.training.averaging import Step
from tsrep.training.distributed import Ranks
from tsrep.training.running_terms import RunningTerms
from tsrep.training.settings import TrainingSettings
from tsrep.training.state import Position


class InnerOptimisations:
    """All players of an objective.

    Outside a move their parameters ask for no gradient, so that neither the optimiser of the encoder nor
    a data-parallel wrapper knows of them.

    Parameters
    ----------
    net : Step
    settings : TrainingSettings
        For the gradient's limit and autocast.
    seed : int
    device : torch.device
    ranks : Ranks
    """

    def __init__(
        self, net: Step, settings: TrainingSettings, seed: int, device: torch.device, ranks: Ranks
    ) -> None:
        self.net, self.settings, self.seed = net, settings, seed
        self.device, self.ranks = device, ranks
        self.moves = [Move(player) for player in net.objective.inner_optimisations()]

    def stored(self) -> dict[str, Any]:
        """What belongs into the resumable state."""
        return {"inner_optimisations": self} if self.moves else {}

    def state_dict(self) -> dict[str, Any]:
        """Optimisers, and the terms since the last line of the log."""
        return {move.player.name: move.stored() for move in self.moves}

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        for move in self.moves:
            move.restore(state[move.player.name], self.device)

    def move(self, batch: Batch, at: Position, factor: float) -> None:
        """One step of every player whose turn it is; ``factor`` is the schedule's part of the full rate."""
        for move in self.moves:
            if at.step % move.player.every == 0:
                self._move(move, batch, at, factor)

    def _move(self, move: Move, batch: Batch, at: Position, factor: float) -> None:
        key = (self.seed, "player", move.player.name, at.epoch, at.cursor, self.ranks.rank)
        generator = torch_generator(*key, device=self.device)
        with _alone(self.net, move.parameters):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.amp):
                terms = move.player.loss(self.net.encoder, batch, generator=generator)
            loss = torch.stack(list(terms.values())).sum()
            grads = torch.autograd.grad(loss, move.parameters, allow_unused=True)
        move.step(self._mean(grads, move.parameters), self.settings.clip, move.player.lr * factor)
        move.terms.add(terms, len(batch), 0.0)

    def _mean(self, grads: tuple[Tensor | None, ...], parameters: list[nn.Parameter]) -> list[Tensor]:
        """Gradients averaged over the ranks."""
        filled = [torch.zeros_like(p) if g is None else g for g, p in zip(grads, parameters, strict=True)]
        if self.ranks.world == 1:
            return filled
        flat = torch.cat([g.flatten() for g in filled])
        distributed.all_reduce(flat)
        parts = torch.split(flat / self.ranks.world, [g.numel() for g in filled])
        return [part.view_as(g) for part, g in zip(parts, filled, strict=True)]

    def record(self, batch: Batch, at: Position) -> dict[str, Any]:
        """For the log: mean terms of each player since the last line, and the objective's readings.

        Raises
        ------
        RunError
            When a term is not finite.
        """
        terms = {move.player.name: means for move in self.moves if (means := move.flush(at.step + 1))}
        generator = torch_generator(
            self.seed, "diagnostics", at.epoch, at.cursor, self.ranks.rank, device=self.device
        )
        with torch.no_grad(), _evaluated(self.net):
            diagnostics = self.net.objective.diagnostics(self.net.encoder, batch, generator=generator)
        values = {name: self.ranks.mean(float(value)) for name, value in diagnostics.items()}
        finite = {name: value for name, value in values.items() if math.isfinite(value)}
        return ({"inner_optimisations": terms} if terms else {}) | ({"diagnostics": finite} if finite else {})


class Move:
    """A player with its optimiser and the terms since the last line of the log."""

    def __init__(self, player: InnerOptimisation) -> None:
        self.player = player
        self.parameters = [p for p in player.module.parameters() if p.requires_grad]
        self.optimizer = AdamW(self.parameters, lr=player.lr, weight_decay=player.weight_decay)
        self.terms = RunningTerms()
        for parameter in self.parameters:
            parameter.requires_grad_(False)

    def step(self, grads: list[Tensor], limit: float | None, rate: float) -> None:
        """Move the parameters along their gradients, which are not kept."""
        for parameter, grad in zip(self.parameters, grads, strict=True):
            parameter.grad = grad
        nn.utils.clip_grad_norm_(self.parameters, limit or math.inf)
        for group in self.optimizer.param_groups:
            group["lr"] = rate
        self.optimizer.step()
        self.optimizer.zero_grad(set_to_none=True)

    def flush(self, step: int) -> dict[str, float]:
        """Means of the terms, if it has moved."""
        if self.terms.sums is None:
            return {}
        self.terms.names = tuple(f"{self.player.name} {name}" for name in self.terms.names)
        means, _ = self.terms.flush(step)
        return {name.removeprefix(f"{self.player.name} "): value for name, value in means.items()}

    def stored(self) -> dict[str, Any]:
        """Plain values and tensors."""
        terms = {"terms": self.terms.stored(), "names": list(self.terms.names)}
        return {"optimizer": self.optimizer.state_dict(), **terms}

    def restore(self, state: dict[str, Any], device: torch.device) -> None:
        """What :meth:`stored` gave."""
        self.optimizer.load_state_dict(state["optimizer"])
        self.terms = RunningTerms.restore(state["terms"], device)
        self.terms.names = tuple(state["names"])


@contextmanager
def _alone(net: Step, parameters: list[nn.Parameter]) -> Iterator[None]:
    """Only these parameters ask for a gradient, and the encoder changes no state of its own."""
    asked = [p for p in net.parameters() if p.requires_grad]
    try:
        for parameter in asked:
            parameter.requires_grad_(False)
        for parameter in parameters:
            parameter.requires_grad_(True)
        with _evaluated(net.encoder):
            yield
    finally:
        for parameter in parameters:
            parameter.requires_grad_(False)
        for parameter in asked:
            parameter.requires_grad_(True)


@contextmanager
def _evaluated(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, and back in the mode that it was in."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
