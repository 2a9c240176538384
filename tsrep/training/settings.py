"""Settings of the training loop, and the learning rate that they give each step."""

from __future__ import annotations

import math
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tsrep.errors import ConfigError
from tsrep.registry import Settings

LayerDecay = Annotated[float, Field(gt=0, le=1)]


class TrainingSettings(Settings):
    """How weights are found; the defaults suit contrastive pre-training of a small encoder."""

    epochs: Annotated[int, Field(ge=1)] = 20
    batch_size: Annotated[int, Field(ge=2)] = Field(128, description="samples per step, over all ranks")
    lr: Annotated[float, Field(gt=0)] = Field(1e-3, description="learning rate after the warm-up")
    layer_decay: LayerDecay = Field(
        1.0,
        description="learning rate of each layer group of the encoder as a share of that of the next one "
        "towards the output; below 1, one-dimensional weights do not decay",
    )
    gradual: bool = Field(
        False, description="train the objective alone at first, and one more layer group each epoch"
    )
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    schedule: Literal["cosine", "constant"] = Field("cosine", description="after the warm-up")
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(0.05, description="fraction of all steps")
    clip: Annotated[float, Field(gt=0)] | None = Field(1.0, description="largest gradient norm")
    average: Literal["ema", "uniform", "uniform-with-start", "none"] = Field(
        "ema",
        description="which average of the weights is validated and kept; uniform-with-start counts the "
        "random initialisation in, as the published COMET and AutoTCL do",
    )
    ema_decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    keep: Literal["last", "probe", "score", "loss"] = Field(
        "last",
        description="which epoch's weights; last needs no label; probe, of a panel, keeps one for each draw "
        "of labels that is scored, chosen by a probe that is fitted on these and judged by the same fraction "
        "of the validation labels; score, of a series, has the smallest validation error of forecasts; loss "
        "the smallest validation loss",
    )
    patience: Annotated[int, Field(ge=1)] | None = Field(
        None, description="stop after so many validations of which none was better for anything kept"
    )
    log_score: bool = Field(
        False,
        description="score the validation part also where that chooses nothing; a panel with all labels",
    )
    validate_every: Annotated[int, Field(ge=1)] = Field(1, description="epochs between validations")
    log_every: Annotated[int, Field(ge=1)] = Field(
        10, description="steps between lines of metrics.jsonl; an epoch without any has one of its last step"
    )
    save_seconds: Annotated[float, Field(ge=0)] = Field(60.0, description="time between resumable states")
    amp: bool | Literal["auto"] = Field(
        False, description="bfloat16 autocast; auto where that is measured to be faster"
    )
    compile: bool | Literal["auto"] = Field(
        False, description="torch.compile the encoder; auto where benchmarks/gpu.sh has found a gain"
    )

    @property
    def scored(self) -> bool:
        """Whether validations compute a score besides the loss."""
        return self.keep in ("probe", "score") or self.log_score

    @property
    def in_bfloat16(self) -> bool:
        """Whether autocast is on; ``auto`` is settled before training, see :mod:`tsrep.training.auto`."""
        return self.amp is True

    @property
    def compiled(self) -> bool:
        """Whether the encoder is compiled; ``auto`` is settled before training."""
        return self.compile is True

    @model_validator(mode="after")
    def _can_stop(self) -> Self:
        if self.patience is not None and self.keep == "last":
            raise ConfigError(
                f"patience is {self.patience}, but keep is last, which no validation changes; leave patience "
                "out, or set keep to loss, probe (a panel) or score (a series)"
            )
        return self


def learning_rate(settings: TrainingSettings, step: int, total: int) -> float:
    """Learning rate of step ``step`` (from 0) of ``total``: linear warm-up, then cosine to zero or constant.

    A function of the step, so that nothing has to be stored to resume.
    """
    warm = round(settings.warmup * total)
    if step < warm:
        return settings.lr * (step + 1) / warm
    if settings.schedule == "constant":
        return settings.lr
    return settings.lr * 0.5 * (1 + math.cos(math.pi * (step - warm) / max(total - warm, 1)))
