"""What every training objective promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

import torch
from pydantic import BaseModel
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import Pooling
from tsrep.errors import ConfigError
from tsrep.losses.loss import Loss
from tsrep.objectives.inner_optimisation import InnerOptimisation
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.autotcl_augmenter import Augmenter
from tsrep.views.view import View


@dataclass(frozen=True)
class ViewInput:
    """Samples as views are given them.

    Attributes
    ----------
    x : Tensor, shape (row, covariate + channel, time)
    channels : list of tuples of str
        Names of the channels of the rows of a sample, covariates first; rows of a sample stand together.
    covariates : int
        Leading channels that no view alters.
    """

    x: Tensor
    channels: list[tuple[str, ...]]
    covariates: int


@dataclass(frozen=True)
class TrainingWindows:
    """How an objective wants a series cut.

    Attributes
    ----------
    steps, hop : int
        Of a training window, and from one to the next.
    history : int
        First steps of a window that may lie before the part it belongs to; of a forecast the look-back.
    """

    steps: int
    hop: int
    history: int

    @property
    def horizon(self) -> int:
        """Steps after the look-back, which are forecast."""
        return self.steps - self.history


class Objective(nn.Module, ABC):
    """Views, encoder and losses of one method tied together.

    What a method offers besides a loss it says by overriding a method; nobody asks for its class or name.

    Attributes
    ----------
    needs : frozenset of {"label", "trial", "patient", "target"}
        Fields of the batch that must carry meaning; :meth:`needs_of` where settings decide.
    contrasts_patients : bool
        Whether recordings of a patient attract each other, so that patients must be known.
    sampler : str
        Name of the batch sampler that suits the method.
    defaults : mapping
        Settings of a run that suit the method better than the general ones.
    forecasts : bool
        Whether the method forecasts a series: it declares :meth:`training_windows` and has ``lookback``,
        ``horizon`` and :meth:`predict`.
    classifies : bool
        Whether the method predicts classes and has :meth:`logits`.
    takes_unknown : bool
        Whether it learns each class from the samples that state it; other methods that need labels are given
        the samples of which all classes are known.
    head_pooling : str or None
        Of a method that predicts classes or a number, how it pools representations over time before all
        else; None where it does otherwise.
    lookback, horizon : int
        Of a method that forecasts, in steps; 0 otherwise.
    independent : bool
        Whether channels are encoded apart, by the same network.
    view : View, optional
        The fixed view of a method that has one; :meth:`own_view` gives it.
    """

    needs: frozenset[str] = frozenset()
    contrasts_patients: bool = False
    sampler: ClassVar[str] = "random"
    defaults: ClassVar[Mapping[str, Any]] = {}
    forecasts: ClassVar[bool] = False
    classifies: ClassVar[bool] = False
    takes_unknown: ClassVar[bool] = False
    head_pooling: Pooling | None = None
    lookback: int = 0
    horizon: int = 0
    independent: bool = False

    @property
    def repeats(self) -> frozenset[str]:
        """Of ``trial`` and ``patient`` those of which it needs several samples, by default all it needs."""
        return self.needs & {"trial", "patient"}

    @classmethod
    def needs_of(cls, settings: BaseModel) -> frozenset[str]:
        """What :attr:`needs` will be with such settings."""
        return cls.needs

    @classmethod
    def encoder_channels(cls, settings: BaseModel, channels: int, covariates: int) -> int:
        """Channels that the encoder sees of samples with so many, the first ``covariates`` known ahead."""
        return channels

    @classmethod
    def training_windows(cls, settings: BaseModel) -> TrainingWindows | None:
        """How series are cut for it; None leaves that to the run, and takes panels too."""
        return None

    @classmethod
    def pretraining(cls, settings: BaseModel) -> BaseModel | None:
        """Settings of the first of two phases of training; None where the method has one phase only."""
        return None

    @classmethod
    def trains_forecasts(cls, settings: BaseModel) -> bool:
        """Whether training with such settings leaves forecasts that can be scored."""
        return cls.forecasts

    def begin(self, steps: int) -> None:
        """Hear how many steps training will take."""

    def warm_start(self, encoder: Encoder, train: Iterable[Batch], held: Iterable[Batch]) -> None:
        """Set weights of its own that have a closed form, before the first step of training.

        Parameters
        ----------
        encoder : Encoder
            With the weights that it starts from.
        train, held : iterables of Batch
            All samples of the training and the validation part, once each; those of training in random order.

        Raises
        ------
        DataError
            When there is nothing to fit.
        """
        del encoder, train, held

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

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """Check that the method can learn from samples, before training begins.

        Parameters
        ----------
        encoder : Encoder
            That it will train.
        train : Panel
            The training samples.

        Raises
        ------
        ConfigError
            When it cannot, such as for too few channels or steps; one sentence says what to change.
        """
        del encoder, train

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """Check that batches hold what the method contrasts, before training begins.

        Parameters
        ----------
        encoder : Encoder
            That it will train.
        train : Panel
            The training samples.
        batches : sequence of int64 arrays
            Those of an epoch, over all processes.

        Raises
        ------
        ConfigError
            When none does, by default of a method that needs patients when each is of one patient; one
            sentence says what to change.
        """
        del encoder
        if "patient" in self.needs:
            self._refuse_lonely_patients(train, batches)

    def _refuse_lonely_patients(self, train: Panel, batches: Sequence[Ints]) -> None:
        if all((train.patient[batch] == train.patient[batch[0]]).all() for batch in batches):
            raise ConfigError(
                f"objective {getattr(self, 'name', type(self).__name__)} contrasts patients, but each batch "
                f"is of one patient; raise training.batch_size from {max(map(len, batches))}, or set a "
                "sampler that keeps fewer samples of a patient together, such as {name: patient-wise, "
                "samples: 2}"
            )

    def after_step(self) -> None:
        """Move whatever moves once per optimiser step, such as averaged copies and queues."""
        return

    def inner_optimisations(self) -> tuple[InnerOptimisation, ...]:
        """Inner optimisations; the terms of :meth:`forward` give their parameters no gradient."""
        return ()

    def diagnostics(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Scalars for the log that are no part of a loss, by default those that the loss tells of itself.

        They are asked for without gradients.
        """
        loss: Loss | None = getattr(self, "loss", None)
        return {} if loss is None else loss.diagnostics()

    def own_view(self) -> View | None:
        """The fixed view that the method trains with, if there is one; covariates stay as they are."""
        view: View | None = getattr(self, "view", None)
        return view

    def augmenter(self) -> Augmenter | None:
        """The learned augmenter, if there is one."""
        return None

    def view_input(self, x: Tensor, channels: Sequence[str], covariates: int) -> ViewInput:
        """Samples as views are given them.

        Parameters
        ----------
        x : Tensor, shape (batch, covariate + channel, time)
        channels : sequence of str
            Names of all channels of ``x``.
        covariates : int
        """
        return ViewInput(x, [tuple(channels)], covariates)

    def logits(self, encoder: Encoder, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Class scores, shape (batch, class), of samples, shape (batch, channel, time).

        Raises
        ------
        ConfigError
            When the method does not classify.
        """
        raise ConfigError(f"{type(self).__name__} predicts no classes; use an objective that does")

    def pooled_logits(self, features: Tensor) -> Tensor:
        """Class scores, shape (batch, class), of :meth:`pooled` features, without noise.

        Parameters
        ----------
        features : Tensor, shape (batch, feature)

        Raises
        ------
        ConfigError
            When the method reads more than pooled features, so that :attr:`head_pooling` is None.
        """
        del features
        raise ConfigError(f"{type(self).__name__} classifies no pooled features; use objective supervised")

    def linear_head(self) -> nn.Linear | None:
        """The map from :meth:`pooled` features to :meth:`logits`; None where there is more to it."""
        return None

    def pooled(self, z: Tensor) -> Tensor:
        """Features, shape (batch, feature), that :meth:`linear_head` reads of representations.

        Parameters
        ----------
        z : Tensor, shape (batch, dim, time)

        Raises
        ------
        ConfigError
            When the method has no such head.
        """
        del z
        raise ConfigError(f"{type(self).__name__} has no linear head; use objective supervised")

    def predict(self, encoder: Encoder, past: Tensor, ahead: Tensor) -> Tensor:
        """Forecasts in the units of the input.

        Parameters
        ----------
        past : Tensor, shape (batch, covariate + channel, lookback), standardised
            Missing values are NaN.
        ahead : Tensor, shape (batch, covariate, horizon)
            Covariates of the steps that are forecast; with none of shape (batch, 0, horizon).

        Returns
        -------
        Tensor, shape (batch, channel, horizon)

        Raises
        ------
        ConfigError
            When the method makes no forecasts.
        """
        raise ConfigError(
            f"{type(self).__name__} makes no forecasts; train one that does with: "
            "tsrep fit --objective forecast"
        )

    @property
    def has_forecasts(self) -> bool:
        """Whether :meth:`predict` was trained and says something."""
        return self.forecasts

    @property
    def trains_encoder(self) -> bool:
        """Whether the encoder's weights are trained."""
        return True

    def encode_look_backs(self, encoder: Encoder, past: Tensor) -> Tensor:
        """Last vector of every look-back, shape (batch, instance, dim), past as in :meth:`predict`."""
        return encoder(past)[..., -1].float()[:, None]

    def frozen_features(self, encoder: Encoder, past: Tensor, ahead: Tensor, channel: int | None) -> Tensor:
        """What a ridge forecasts from look-backs with, shape (batch, feature).

        Parameters
        ----------
        past, ahead : Tensor
            As in :meth:`predict`; with a channel, of this one only after the covariates.
        channel : int or None
            Number of the channel where they are :attr:`independent`.
        """
        return encoder(past).float().flatten(1)

    def forecast_base(self, past: Tensor, channel: int | None) -> Tensor | None:
        """What such forecasts are relative to, shape (batch, channel); None for zero."""
        return None

    if TYPE_CHECKING:

        def __call__(
            self, encoder: Encoder, batch: Batch, *, generator: torch.Generator
        ) -> dict[str, Tensor]: ...
