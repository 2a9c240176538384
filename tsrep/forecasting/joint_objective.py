"""Forecasting end to end: an encoder and a head trained on the error, on a contrast, or on both."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from functools import partial
from typing import Annotated, Any, ClassVar

import numpy as np
import torch
from pydantic import Field, TypeAdapter
from torch import Tensor

from tsrep.encoders.encoder import Encoder
from tsrep.forecasting.gradient_balance import gradient_balance
from tsrep.forecasting.instance_norm import Normalisation
from tsrep.forecasting.look_backs import LookBacks, Mixing, Seen
from tsrep.forecasting.mixing_weight import Schedule, scheduled
from tsrep.forecasting.refusals import (
    refuse_contrast,
    refuse_stride,
    refuse_warm_start,
    refused_on_look_backs,
)
from tsrep.forecasting.ridge_start import start_from_ridge
from tsrep.losses.gather import gather_rows
from tsrep.objectives.inner_optimisation import InnerOptimisation, Loss
from tsrep.objectives.objective import Objective, TrainingWindows, ViewInput
from tsrep.registry import HEADS, OBJECTIVES, Chosen
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.autotcl_augmenter import Augmenter
from tsrep.views.view import View

Count = Annotated[int, Field(gt=0)]
ChosenHead = Annotated[Any, Chosen(HEADS)]
ChosenContrast = Annotated[Any, Chosen(OBJECTIVES)] | None


@OBJECTIVES.register("forecast", runtime=("dim", "stride", "channels", "covariates"))
class Forecast(Objective):
    """Mean squared error of a forecast, and beside it any contrastive objective on the same look-backs.

    The loss is ``(1 - weight) * error + weight * contrast``. In evaluation mode the only term is the error,
    so that runs with and without a contrast are chosen by the same number; where ``weight`` is 1 there is no
    error, the terms are those of the contrast, and a run keeps the weights of its last epoch.

    Parameters
    ----------
    dim, stride : int
        Of the encoder.
    channels, covariates : int
        Of the samples; the first ``covariates`` channels are known covariates.
    lookback, horizon : int
        Steps that a forecast rests on, and steps ahead that it covers.
    head : name or settings of a head
        From representations to values; see :mod:`tsrep.forecasting.heads`.
    norm : {"mean-std", "last", "revin", "none"}
        What is taken off each window and put back on its forecast. Published models of this kind have none,
        which costs far more than any contrast gains.
    mixing : {"independent", "mixed"}
        Whether each channel is a row of its own, or an encoder sees all channels together.
    calendar : bool
        Whether encoder and head see the covariates.
    contrast : name or settings of an objective, or None
        It gets the look-backs as the encoder sees them; independent channels count as patients of their own.
    weight : float
        Share of the contrast in the loss, 0.5 in the published runs. Without a contrast it has no effect.
    schedule : {"constant", "linear", "cosine", "warm-up"}
        Of the share over training; see :func:`tsrep.forecasting.mixing_weight.scheduled`.
    frozen : bool
        Leave the encoder as it is and train the head alone.
    warm_start : bool
        Start a linear head from a ridge on what the encoder makes of the training windows before training;
        its penalty is the best on the validation windows.

    Raises
    ------
    ConfigError
        When the encoder's stride is longer than the look-back, or all that it sees of it; the contrast needs
        labels, or has a weight though the encoder is frozen; there is nothing to train; or a head that is to
        start from a ridge is not linear.

    References
    ----------
    Zhang et al., "What Constitutes Good Contrastive Learning in Time-Series Forecasting?", 2023, for the
    joint loss; Nie et al., "A Time Series is Worth 64 Words", ICLR 2023, for independent channels.
    """

    moved: Tensor
    forecasts = True
    defaults: ClassVar[Mapping[str, Any]] = {
        "encoder": {"name": "patch-transformer"},
        "training": {
            "epochs": 10,
            "batch_size": 64,
            "lr": 1e-3,
            "average": "ema",
            "validate_every": 1,
            "keep": "score",
            "patience": 3,
        },
    }

    def __init__(
        self,
        dim: int,
        stride: int,
        channels: int,
        covariates: int,
        lookback: Count = 336,
        horizon: Count = 96,
        head: ChosenHead = "flatten",
        norm: Normalisation = "mean-std",
        mixing: Mixing = "independent",
        calendar: bool = False,
        contrast: ChosenContrast = None,
        weight: Annotated[float, Field(ge=0, le=1)] = 0.1,
        schedule: Schedule = "constant",
        frozen: bool = False,
        warm_start: bool = False,
    ) -> None:
        super().__init__()
        refuse_stride(lookback, stride)
        self.lookback, self.horizon = lookback, horizon
        self.look_backs = LookBacks(
            norm, channels - covariates, covariates, lookback, stride, mixing, calendar=calendar
        )
        self.independent = self.look_backs.independent
        variates, shown = self.look_backs.variates, self.look_backs.shown
        self.head = HEADS.build(
            TypeAdapter(ChosenHead).validate_python(head),
            dim=dim,
            steps=lookback // stride,
            lookback=lookback,
            horizon=horizon,
            variates=variates,
            covariates=shown,
        )
        if warm_start:
            refuse_warm_start(self.head)
        settings = TypeAdapter(ChosenContrast).validate_python(contrast)
        refuse_contrast(settings, weight=weight, frozen=frozen)
        self.contrast: Objective | None = None
        if settings is not None and weight > 0:
            self.contrast = OBJECTIVES.build(
                settings,
                dim=dim,
                stride=stride,
                channels=variates + shown,
                covariates=shown,
                classes=1,
                multilabel=False,
            )
        self.weight, self.schedule, self.frozen = weight, schedule, frozen
        self.from_ridge = warm_start and weight < 1
        for part in (self.look_backs, self.head):
            part.requires_grad_(weight < 1)
        self.planned = 1
        self.register_buffer("moved", torch.zeros((), dtype=torch.long))

    @classmethod
    def encoder_channels(cls, settings: Any, channels: int, covariates: int) -> int:
        """One channel where channels are independent; covariates only where they are shown."""
        variates = 1 if settings.mixing == "independent" else channels - covariates
        return variates + (covariates if settings.calendar else 0)

    @classmethod
    def training_windows(cls, settings: Any) -> TrainingWindows:
        """Look-back and horizon at every step; look-backs may reach into the part before."""
        return TrainingWindows(settings.lookback + settings.horizon, hop=1, history=settings.lookback)

    @classmethod
    def pretraining(cls, settings: Any) -> Any:
        """The contrast alone, where there is one; else None."""
        if settings.contrast is None:
            return None
        return settings.model_copy(update={"weight": 1.0, "schedule": "constant", "frozen": False})

    @classmethod
    def trains_forecasts(cls, settings: Any) -> bool:
        """Not by the contrast alone."""
        return bool(settings.weight < 1)

    def attach(self, encoder: Encoder) -> None:
        """Pass on to the contrast."""
        if self.contrast is not None:
            self.contrast.attach(encoder)

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: look-backs that the contrast cannot learn from."""
        if self.contrast is not None:
            steps = self.lookback - self.look_backs.skipped
            with refused_on_look_backs():
                self.contrast.refuse_unfit(encoder, train.cut(np.zeros(1, np.int64), steps))

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`: batches of look-backs that the contrast cannot learn from."""
        if self.contrast is not None:
            each = self.look_backs.norm.channels if self.independent else 1
            with refused_on_look_backs():
                self.contrast.refuse_batches(encoder, train, [batch.repeat(each) for batch in batches])

    def begin(self, steps: int) -> None:
        """Learn over how many steps the schedule extends."""
        self.planned = max(1, steps)
        if self.contrast is not None:
            self.contrast.begin(steps)

    def warm_start(self, encoder: Encoder, train: Iterable[Batch], held: Iterable[Batch]) -> None:
        """See :meth:`Objective.warm_start`."""
        if self.from_ridge and (layer := self.head.linear) is not None:
            training = encoder.training
            encoder.eval()
            start_from_ridge(layer, *(map(partial(self._regressed, encoder), part) for part in (train, held)))
            encoder.train(training)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``mse`` and, in training, those of the contrast with its name in front."""
        terms: dict[str, Tensor] = {}
        share: Tensor | float = 0.0
        if self.contrast is not None and (self.training or self.weight == 1):
            share = scheduled(self.schedule, self.weight, self.moved / self.planned)
            inner = self.contrast(encoder, self.look_backs.rows(batch), generator=generator)
            terms = {f"contrast {name}": share * value for name, value in inner.items()}
        if self.weight == 1:
            return terms
        return {"mse": (1 - share) * self._error(encoder, batch, generator)} | terms

    def after_step(self) -> None:
        """One step along the schedule."""
        self.moved += 1
        if self.contrast is not None:
            self.contrast.after_step()

    def inner_optimisations(self) -> tuple[InnerOptimisation, ...]:
        """Those of the contrast, on the look-backs."""
        found = () if self.contrast is None else self.contrast.inner_optimisations()
        return tuple(replace(inner, loss=self._on_rows(inner.loss)) for inner in found)

    def diagnostics(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """How the two gradients compare on the weights of the encoder, and what the contrast reads.

        ``gradient ratio`` is the norm of the contrast's weighted gradient over that of the error's,
        ``gradient cosine`` tells whether they agree.
        """
        if self.contrast is None:
            return {}
        rows = self.look_backs.rows(batch)
        found = self.contrast.diagnostics(encoder, rows, generator=generator)
        weights = [p for p in encoder.parameters() if p.requires_grad]
        if self.weight == 1 or self.frozen or not weights:
            return found
        share = scheduled(self.schedule, self.weight, self.moved / self.planned)
        with torch.enable_grad():
            error = self._error(encoder, batch, generator)
            contrast = torch.stack(list(self.contrast(encoder, rows, generator=generator).values())).sum()
            return found | gradient_balance((1 - share) * error, share * contrast, weights)

    def predict(self, encoder: Encoder, past: Tensor, ahead: Tensor) -> Tensor:
        """See :meth:`Objective.predict`."""
        return self._forecast(encoder, self.look_backs.see(past, ahead), None)

    @property
    def has_forecasts(self) -> bool:
        """Whether the head was trained; with the contrast alone it was not."""
        return self.weight < 1

    @property
    def trains_encoder(self) -> bool:
        """Whether the encoder's weights are trained."""
        return not self.frozen

    def own_view(self) -> View | None:
        """That of the contrast."""
        return None if self.contrast is None else self.contrast.own_view()

    def augmenter(self) -> Augmenter | None:
        """That of the contrast."""
        return None if self.contrast is None else self.contrast.augmenter()

    def view_input(self, x: Tensor, channels: Sequence[str], covariates: int) -> ViewInput:
        """The normalised look-backs; independent channels are rows of their own."""
        shown = self.look_backs.shown
        seen = self.look_backs.encoded(self.look_backs.see(*self.look_backs.cut(x)[:2]))
        known, variates = tuple(channels[covariates - shown : covariates]), tuple(channels[covariates:])
        rows = [(name,) for name in variates] if self.independent else [variates]
        return ViewInput(seen, [known + row for row in rows], shown)

    def encode_look_backs(self, encoder: Encoder, past: Tensor) -> Tensor:
        """Last vector of every look-back; each independent channel is an instance of its own."""
        z = self.look_backs.represent(encoder, self.look_backs.see(past))[..., -1].float()
        return z.reshape(len(past), -1, z.shape[-1])

    def frozen_features(self, encoder: Encoder, past: Tensor, ahead: Tensor, channel: int | None) -> Tensor:
        """The flattened representation on the scale of the look-back, with that scale beside it.

        The scale that a window was divided by is multiplied back, so that a linear map of the features can do
        what a linear head can.
        """
        seen = self.look_backs.see(past, ahead, channel)
        scale = seen.level.scale.flatten(1)
        z = self.look_backs.represent(encoder, seen).flatten(1)
        return torch.cat([z * scale.mean(dim=1, keepdim=True), scale], dim=1)

    def forecast_base(self, past: Tensor, channel: int | None) -> Tensor | None:
        """What the normalisation takes off the look-back, such as its mean."""
        return self.look_backs.see(past, channel=channel).level.mean.flatten(1)

    def _forecast(self, encoder: Encoder, seen: Seen, generator: torch.Generator | None) -> Tensor:
        if self.frozen:
            encoder.eval()
        with torch.set_grad_enabled(torch.is_grad_enabled() and not (self.frozen and self.training)):
            z = self.look_backs.represent(encoder, seen)
        y = self.head(z, torch.nan_to_num(seen.x), seen.ahead, generator=generator)
        norm = self.look_backs.norm
        return norm.undo(y.float().reshape(-1, norm.channels, self.horizon), seen.level)

    @torch.no_grad()
    def _regressed(self, encoder: Encoder, batch: Batch) -> tuple[Tensor, Tensor]:
        """Inputs of the linear head and its targets, each multiplied by the scale of its window.

        Errors then count on the scale of the series, as they do in training; the last input is the scale
        itself, whose coefficient is the intercept.
        """
        past, ahead, target = self.look_backs.cut(batch.x)
        seen = self.look_backs.see(past, ahead)
        inputs = self.head.inputs(self.look_backs.represent(encoder, seen).float())
        rows, parts = inputs.shape[:2]
        scale = seen.level.scale.reshape(rows, parts, -1).mean(dim=2, keepdim=True)
        wanted = self.look_backs.norm.at(target, seen.level).reshape(rows, parts, -1)
        inputs = torch.cat([inputs, torch.ones_like(inputs[..., :1])], dim=-1)
        return (inputs * scale).flatten(0, 1), (wanted * scale).flatten(0, 1)

    def _error(self, encoder: Encoder, batch: Batch, generator: torch.Generator) -> Tensor:
        """Mean squared error over the targets that are there, of all ranks."""
        past, ahead, target = self.look_backs.cut(batch.x)
        forecast = self._forecast(encoder, self.look_backs.see(past, ahead), generator)
        error = forecast - torch.nan_to_num(target)
        there = ~torch.isnan(target)
        total, count = (gather_rows(some.sum()[None]).sum() for some in (error.square() * there, there))
        return total / count.clamp(min=1)

    def _on_rows(self, loss: Loss) -> Loss:
        def on_rows(encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
            return loss(encoder, self.look_backs.rows(batch), generator=generator)

        return on_rows
