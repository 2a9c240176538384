"""Views made of other views: one after another, or one of several."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any

import torch
from pydantic import BaseModel, Field
from torch import Tensor

from tsrep.errors import ConfigError
from tsrep.registry import VIEWS, Chosen
from tsrep.views.view import View

AnyView = Annotated[Any, Chosen(VIEWS)]


@VIEWS.register("compose")
@dataclass(frozen=True)
class Compose:
    """One view after another; by default those of SimCLR.

    Attributes
    ----------
    views : tuple of View
        Given as views, or as names or settings of registered ones.
    """

    views: tuple[AnyView, ...] = (
        "window-slice",
        "scale",
        "lead-dropout",
        "baseline-wander",
        "cut-out",
        "jitter",
    )

    def __post_init__(self) -> None:
        object.__setattr__(self, "views", tuple(_built(view) for view in self.views))

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        for view in self.views:
            x = view(x, generator=generator)
        return x


@VIEWS.register("random-choice")
@dataclass(frozen=True)
class RandomChoice:
    """One of several views, drawn for each sample with equal chances.

    Attributes
    ----------
    views : tuple of View
        Given as views, or as names or settings of registered ones; at least one.
    """

    views: Annotated[tuple[AnyView, ...], Field(min_length=1)] = (
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
        object.__setattr__(self, "views", tuple(_built(view) for view in self.views))

    def __call__(self, x: Tensor, *, generator: torch.Generator) -> Tensor:
        """Altered copy of ``x``."""
        if len(self.views) == 1:
            return self._only(x, generator)
        choice = torch.randint(len(self.views), (len(x),), generator=generator, device=x.device)
        altered = torch.empty_like(x)
        for number, view in enumerate(self.views):
            chosen = (choice == number).nonzero()[:, 0]
            if len(chosen):
                altered[chosen] = view(x[chosen], generator=generator)
        return altered

    def _only(self, x: Tensor, generator: torch.Generator) -> Tensor:
        view: View = self.views[0]
        return view(x, generator=generator)


def _built(view: Any) -> View:
    settings = {"name": view} if isinstance(view, str) else view
    if isinstance(settings, BaseModel | Mapping):
        settings = VIEWS.build(settings)
    if not callable(settings):
        raise ConfigError(f"{view!r} is no view; give a view, or the name or settings of a registered one")
    made: View = settings
    return made
