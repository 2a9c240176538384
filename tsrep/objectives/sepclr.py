"""SepCLR: a common space of all recordings beside a salient space of what the healthy do not have."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import numpy as np
import torch
from pydantic import Field, NonNegativeFloat
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.encoders.pooling import pool
from tsrep.errors import ConfigError
from tsrep.losses.sepclr import Separated, separation_terms
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES, nearest
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.combined import ChosenView, ExceptCovariates
from tsrep.views.view import View

HEALTHY = ("norm", "normal", "healthy", "control", "controls", "healthy control", "hc")


@OBJECTIVES.register("sepclr", runtime=("dim", "channels", "covariates", "class_names"))
class SepCLR(Objective):
    """Separate what patients and controls share from what only patients show, by two heads on one encoder.

    Of labels it uses only who is healthy.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which no view alters.
    class_names : tuple of str
        Of the data.
    controls : tuple of str, or None
        Classes of healthy samples; None takes the one with a usual name, such as ``NORM`` or ``healthy``.
        All samples without such a class count as patients.
    view : name or settings of a view
        Drawn twice for each sample.
    pooling : {"max", "mean"}
        Over time.
    hidden, common, salient : int
        Width of the hidden layer of both heads, and of either space.
    common_weight, salient_weight, background_weight, joint_weight : float
        Of the terms; those of the salient space vary by orders of magnitude between data sets.

    Raises
    ------
    ConfigError
        When a class of ``controls`` does not exist, or none has a usual name.

    References
    ----------
    Louiset et al., "SepCLR: Separating common from salient patterns with contrastive representation
    learning", ICLR 2024. Weights are those of its public program for chest radiographs.
    """

    needs: frozenset[str] = frozenset({"label"})
    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "resnet1d", "width": 32, "dim": 128}}

    def __init__(
        self,
        dim: int,
        channels: int,
        class_names: tuple[str, ...],
        covariates: int = 0,
        controls: Annotated[tuple[str, ...], Field(min_length=1)] | None = None,
        view: ChosenView = "compose",
        pooling: Literal["max", "mean"] = "max",
        hidden: Positive = 128,
        common: Positive = 32,
        salient: Positive = 32,
        common_weight: NonNegativeFloat = 1.0,
        salient_weight: NonNegativeFloat = 1.0,
        background_weight: NonNegativeFloat = 10.0,
        joint_weight: NonNegativeFloat = 10.0,
    ) -> None:
        super().__init__()
        self.controls = _numbers(controls, class_names)
        self.view = ExceptCovariates.of(view, channels=channels, covariates=covariates)
        self.pooling = pooling
        self.weights = {
            "common": common_weight,
            "salient": salient_weight,
            "background": background_weight,
            "joint": joint_weight,
        }
        self.common, self.salient = (
            nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, width))
            for width in (common, salient)
        )

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``common``, ``salient``, ``background`` and ``joint``; see :class:`Objective`."""
        both = self.view(torch.cat([batch.x, batch.x]), generator=generator)  # (2 batch, channel, time)
        h = pool(encoder(both), self.pooling)
        (c1, c2), (s1, s2) = self.common(h).chunk(2), self.salient(h).chunk(2)
        terms = separation_terms(Separated(c1, c2, s1, s2, self.ill(batch.label)))
        return {name: self.weights[name] * term for name, term in terms.items()}

    def ill(self, label: Tensor) -> Tensor:
        """Which samples are of patients, shape (batch,), by labels as in :class:`Batch`."""
        numbers = torch.tensor(self.controls, device=label.device)
        return ~label[:, numbers].any(1) if label.ndim == 2 else ~torch.isin(label, numbers)

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: training patients of one group only."""
        del encoder
        ill = self.ill(torch.from_numpy(train.label[train.labelled]))
        if bool(ill.all()) or not bool(ill.any()):
            found = "patients" if bool(ill.any()) else "controls"
            names = ", ".join(train.classes[k] for k in self.controls)
            raise ConfigError(
                f"objective sepclr separates patients from controls (objective.controls: {names}), but all "
                f"training samples are of {found}; name other controls or add recordings"
            )

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`: batches of one sample, or none with patients and controls."""
        super().refuse_batches(encoder, train, batches)
        if max(map(len, batches)) < 2:
            raise ConfigError(
                "objective sepclr compares the samples of a batch, but each batch has one; raise "
                "training.batch_size, or add recordings where there is one sample only"
            )
        ill = self.ill(torch.from_numpy(train.label)).numpy()
        if all(len(np.unique(ill[batch[train.labelled[batch]]])) < 2 for batch in batches):
            raise ConfigError(
                "objective sepclr separates patients from controls, but no batch has both; set another "
                "sampler, such as random, or raise training.batch_size"
            )

    def own_view(self) -> View:
        """The fixed view, which leaves covariates as they are."""
        return self.view


def _numbers(controls: tuple[str, ...] | None, class_names: tuple[str, ...]) -> list[int]:
    if controls is None:
        usual = [k for k, name in enumerate(class_names) if name.lower() in HEALTHY]
        if not usual:
            raise ConfigError(
                f"objective sepclr must know which classes are healthy, and none of {', '.join(class_names)} "
                "has a usual name; set objective.controls"
            )
        return usual
    unknown = next((name for name in controls if name not in class_names), None)
    if unknown is not None:
        raise ConfigError(
            f"objective.controls names {unknown!r}, which is no class; {nearest(unknown, list(class_names))}"
        )
    return [class_names.index(name) for name in controls]
