"""Inner optimisations of an objective: each has its own optimiser, gradients, terms and random numbers."""

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
from tsrep.training.averaging import RunningTerms, Step
from tsrep.training.checkpoint import Position
from tsrep.training.distributed import Ranks
from tsrep.training.settings import TrainingSettings


class InnerOptimisations:
    """All inner optimisations of an objective.

    Outside of their steps their parameters ask for no gradient, so that neither the optimiser of the encoder
    nor a data-parallel wrapper knows of them.

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
        self.optimisers = [InnerOptimiser(inner) for inner in net.objective.inner_optimisations()]

    def state_dict(self) -> dict[str, Any]:
        """Optimisers, and the terms since the last line of the log."""
        return {
            one.inner.name: {"optimizer": one.optimizer.state_dict(), "terms": one.terms.state_dict()}
            for one in self.optimisers
        }

    def load_state_dict(self, state: dict[str, Any]) -> None:
        """Restore what :meth:`state_dict` gave."""
        for one in self.optimisers:
            own = state[one.inner.name]
            one.optimizer.load_state_dict(own["optimizer"])
            one.terms.load_state_dict(own["terms"])

    def step(self, batch: Batch, at: Position, factor: float) -> None:
        """One step of each whose turn it is; ``factor`` is the schedule's part of the full learning rate."""
        for one in self.optimisers:
            if at.step % one.inner.every == 0:
                self._step(one, batch, at, factor)

    def _step(self, one: InnerOptimiser, batch: Batch, at: Position, factor: float) -> None:
        # the key under which the recorded results of AutoTCL drew; another word draws other numbers
        generator = self._generator("player", one.inner.name, at=at)
        with _alone(self.net, one.parameters):
            with torch.autocast(self.device.type, torch.bfloat16, enabled=self.settings.in_bfloat16):
                terms = one.inner.loss(self.net.encoder, batch, generator=generator)
            loss = torch.stack(list(terms.values())).sum()
            # Asked for by name: no gradient may be left on the encoder, whose own step comes next.
            grads = torch.autograd.grad(loss, one.parameters, materialize_grads=True)
        # From here on as in the loop, with an optimiser and a learning rate of its own.
        for parameter, grad in zip(one.parameters, self._mean(grads), strict=True):
            parameter.grad = grad
        nn.utils.clip_grad_norm_(one.parameters, self.settings.clip or math.inf)
        for group in one.optimizer.param_groups:
            group["lr"] = one.inner.lr * factor
        one.optimizer.step()
        one.optimizer.zero_grad(set_to_none=True)
        one.terms.add(terms)

    def _mean(self, grads: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Gradients averaged over the ranks, by one message for all."""
        if self.ranks.world > 1:
            flat = nn.utils.parameters_to_vector(grads)
            distributed.all_reduce(flat)
            nn.utils.vector_to_parameters(flat / self.ranks.world, grads)
        return grads

    def record(self, batch: Batch, at: Position) -> dict[str, Any]:
        """For the log: mean terms of each since the last line, and the objective's diagnostics.

        Raises
        ------
        RunError
            When a term is not finite.
        """
        means = {one.inner.name: one.terms.flush(at.step + 1)[0] for one in self.optimisers}
        with torch.no_grad(), _evaluated(self.net):
            generator = self._generator("diagnostics", at=at)
            diagnostics = self.net.objective.diagnostics(self.net.encoder, batch, generator=generator)
        # Of all ranks; what is not a finite number has no place in JSON.
        values = {name: self.ranks.mean(float(value)) for name, value in diagnostics.items()}
        found = {
            "inner": {name: terms for name, terms in means.items() if terms},
            "diagnostics": {name: value for name, value in values.items() if math.isfinite(value)},
        }
        return {key: value for key, value in found.items() if value}

    def _generator(self, *what: str, at: Position) -> torch.Generator:
        return torch_generator(self.seed, *what, at.epoch, at.cursor, self.ranks.rank, device=self.device)


class InnerOptimiser:
    """An inner optimisation with its optimiser and the terms since the last line of the log."""

    def __init__(self, inner: InnerOptimisation) -> None:
        self.inner = inner
        self.parameters = [p for p in inner.module.parameters() if p.requires_grad]
        self.optimizer = AdamW(self.parameters, lr=inner.lr, weight_decay=inner.weight_decay)
        self.terms = RunningTerms(f"{inner.name} ")
        nn.ParameterList(self.parameters).requires_grad_(False)


@contextmanager
def _alone(net: Step, parameters: list[nn.Parameter]) -> Iterator[None]:
    """Only these parameters ask for a gradient, and the encoder changes no state of its own."""
    own = nn.ParameterList(parameters)
    others = nn.ParameterList(p for p in net.parameters() if p.requires_grad).requires_grad_(False)
    own.requires_grad_(True)
    try:
        with _evaluated(net.encoder):
            yield
    finally:
        own.requires_grad_(False)
        others.requires_grad_(True)


@contextmanager
def _evaluated(module: nn.Module) -> Iterator[None]:
    """The module in evaluation mode, and back in the mode that it was in."""
    training = module.training
    module.eval()
    try:
        yield
    finally:
        module.train(training)
