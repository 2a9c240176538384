"""Views made of other views: one after another, one of several, or of all channels but the covariates."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field, TypeAdapter
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.registry import VIEWS, Chosen
from tsrep.views.view import View

ChosenView = Annotated[Any, Chosen(VIEWS)]


@VIEWS.register("compose")
@dataclass(frozen=True)
class Compose:
    """One view after another; by default those of SimCLR.

    Parameters
    ----------
    views : tuple of View
        Given as views, or as names or settings of registered ones.
    """

    views: tuple[ChosenView, ...] = (
        "window-slice",
        "scale",
        "lead-dropout",
        "baseline-wander",
        "cut-out",
        "jitter",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "views", tuple(build_view(view) for view in self.views))

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        for view in self.views:
            x = view(x, generator=generator)
        return x


@VIEWS.register("random-choice")
@dataclass(frozen=True)
class RandomChoice:
    """One of several views, drawn for each sample with equal chances.

    Parameters
    ----------
    views : tuple of View
        Given as views, or as names or settings of registered ones; at least one.
    """

    views: Annotated[tuple[ChosenView, ...], Field(min_length=1)] = (
        "jitter",
        "scale",
        "shift",
        "cut-out",
        "permutation",
        "magnitude-warp",
        "time-warp",
        "window-slice",
        "window-warp",
        "frequency-dropout",
    )

    def __post_init__(self) -> None:
        if not self.views:
            raise ConfigError("view 'random-choice' has no views to choose from; give at least one")
        object.__setattr__(self, "views", tuple(build_view(view) for view in self.views))

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        if len(self.views) == 1:
            return Compose(self.views)(x, generator=generator)
        choice = torch.randint(len(self.views), (len(x),), generator=generator, device=x.device)
        altered = torch.empty_like(x)
        for number, view in enumerate(self.views):
            chosen = (choice == number).nonzero()[:, 0]
            if len(chosen):
                altered[chosen] = view(x[chosen], generator=generator)
        return altered


@dataclass(frozen=True)
class ExceptCovariates:
    """A view of all channels but the first ``covariates``, which are known and stay unaltered.

    Attributes
    ----------
    view : View
        Sees, and draws for, the other channels alone.
    covariates : int
    """

    view: View
    covariates: int = 0

    @classmethod
    def of(cls, view: Any, *, channels: int, covariates: int) -> ExceptCovariates:
        """Build a view by its name or settings for the other ones of so many channels."""
        return cls(build_view(view, channels=channels - covariates, covariates=0), covariates)

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        altered = self.view(x[:, self.covariates :], generator=generator)
        return torch.cat([x[:, : self.covariates], altered], dim=1)


def build_view(view: Any, **runtime: int) -> View:
    """A view as it is, or a registered one by its name or settings.

    Parameters
    ----------
    view : View, str, mapping or settings
    **runtime : int
        What only a run knows, such as ``channels``.

    Raises
    ------
    ConfigError
        When there is no view of this name, or ``view`` cannot be called.
    """
    if isinstance(view, str | Mapping | BaseModel):
        view = VIEWS.build(TypeAdapter(ChosenView).validate_python(view), **runtime)
    if not callable(view):
        raise ConfigError(f"{view!r} is no view; give a view, or the name or settings of a registered one")
    made: View = view
    return made
