"""What every training objective promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.objectives.inner_optimisation import InnerOptimisation
from tsrep.signals.batch import Batch


@dataclass(frozen=True)
class TrainingWindows:
    """How an objective wants a series cut.

    Attributes
    ----------
    steps, hop : int
        Of a sample, and from one sample to the next.
    history : int
        First steps of a sample that may lie before the part it belongs to.
    """

    steps: int
    hop: int
    history: int


class Objective(nn.Module, ABC):
    """Views, encoder and losses of one method tied together.

    Attributes
    ----------
    needs : frozenset of {"label", "trial", "patient"}
        Fields of the batch that must carry meaning.
    sampler : str
        Name of the batch sampler that suits the method.
    defaults : mapping
        Settings of a run that suit the method better than the general ones.
    """

    needs: frozenset[str] = frozenset()
    sampler: ClassVar[str] = "random"
    defaults: ClassVar[Mapping[str, Any]] = {}

    @classmethod
    def encoder_channels(cls, settings: BaseModel, channels: int, covariates: int) -> int:
        """Channels that the encoder sees of samples with so many, the first ``covariates`` known ahead."""
        del settings, covariates
        return channels

    @classmethod
    def training_windows(cls, settings: BaseModel) -> TrainingWindows | None:
        """How series are cut for it; None leaves that to the run, and takes panels too."""
        del settings
        return None

    def begin(self, steps: int) -> None:
        """Hear how many steps training will take."""
        del steps

    @abstractmethod
    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Named, already weighted scalar terms whose sum is minimised.

        Parameters
        ----------
        encoder : Encoder
        batch : Batch
        generator : torch.Generator
            On the device of the batch; the only source of randomness.
        """

    def attach(self, encoder: Encoder) -> None:
        """Copy what must be copied of the encoder, such as a slow copy of all of it.

        Called once, when both are built and the encoder has the weights that it starts from, before any
        stored state is loaded and before they move to a device. The encoder itself is not to be kept: it
        would be trained and stored twice.
        """
        del encoder

    def after_step(self) -> None:
        """Move whatever moves once per optimiser step, such as averaged copies and queues."""
        return

    def inner_optimisations(self) -> tuple[InnerOptimisation, ...]:
        """Inner players; the terms of :meth:`forward` give their parameters no gradient."""
        return ()

    def diagnostics(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Scalars for the log that are no part of a loss; asked for without gradients."""
        del encoder, batch, generator
        return {}

    if TYPE_CHECKING:

        def __call__(
            self, encoder: Encoder, batch: Batch, *, generator: torch.Generator
        ) -> dict[str, Tensor]: ...
