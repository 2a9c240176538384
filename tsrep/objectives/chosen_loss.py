"""Which loss an objective of two views trains with: its own, or one that is chosen by name."""

from __future__ import annotations

from collections.abc import Callable
from inspect import signature
from typing import Annotated, Any

import torch
from pydantic import TypeAdapter
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.losses.gather import gather_rows, world_size
from tsrep.losses.loss import Loss, refuse_views
from tsrep.losses.relation import Relation, Samples
from tsrep.objectives.objective import Objective
from tsrep.registry import LOSSES, Chosen
from tsrep.signals.batch import Batch

ChosenLoss = Annotated[Any, Chosen(LOSSES)] | None


def chosen_loss(settings: Any, own: Loss) -> Loss:
    """The loss that settings choose, or an objective's own where they are None.

    Raises
    ------
    ConfigError
        When it does not take two views.
    """
    if settings is None:
        return own
    checked: Any = TypeAdapter(ChosenLoss).validate_python(settings)
    loss: Loss = LOSSES.build(checked)
    refuse_views(loss, 2)
    return loss


def refuse_temperature(objective: type[Objective], settings: Any, temperature: Any) -> None:
    """Check that a temperature of an objective's own loss is not set beside another loss.

    Raises
    ------
    ConfigError
    """
    usual = signature(objective).parameters["temperature"].default
    if settings is not None and temperature != usual:
        raise ConfigError(
            f"objective.temperature is {temperature}, which has no effect beside objective.loss; leave it "
            "out, or set objective.loss.temperature where that loss has one"
        )


def loss_of_levels(settings: Any, own: Loss, objective: str) -> Loss:
    """The loss that settings choose for an objective that says itself which samples are positives.

    Raises
    ------
    ConfigError
        When the loss has none, or finds them by itself.
    """
    loss = chosen_loss(settings, own)
    if not loss.keeps_positives:
        name: Any = getattr(loss, "name", type(loss).__name__)
        raise ConfigError(
            f"objective {objective} says which samples are positives, and loss {name} has none or finds them "
            "by itself; choose one such as nt-xent or dcl"
        )
    return loss


def needs_of_loss(settings: Any) -> frozenset[str]:
    """What a chosen loss must know of every sample."""
    return frozenset() if settings is None else LOSSES.build(settings).needs


def two_view_terms(
    loss: Loss, z1: Tensor, z2: Tensor, batch: Batch, *, generator: torch.Generator
) -> dict[str, Tensor]:
    """Terms of a loss of two views of a batch.

    Parameters
    ----------
    loss : Loss
    z1, z2 : Tensors, shape (batch, dim)
    batch : Batch
        That both are views of.
    generator : torch.Generator
    """
    return view_terms(loss, torch.stack([z1, z2]), batch, generator=generator)


def total(terms: dict[str, Tensor]) -> Tensor:
    """The sum of the terms of a loss, where it is one term of an objective."""
    return torch.stack([*terms.values()]).sum()


def view_terms(
    loss: Loss,
    z: Tensor,
    batch: Batch,
    *,
    generator: torch.Generator,
    level: Callable[[Relation], Relation] = lambda plain: plain,
) -> dict[str, Tensor]:
    """The same of any number of views, shape (view, batch, dim); ``level`` changes the plain relation."""
    relation = level(Relation(Samples.of(batch, windows=loss.reads_windows)))
    drawn = loss.draw((len(z), z.shape[1] * world_size(), z.shape[2]), generator=generator)
    # every rank draws, and all take what the first has drawn
    return loss(z, relation, draws=None if drawn is None else gather_rows(drawn[None])[0])
