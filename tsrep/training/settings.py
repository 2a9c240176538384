"""Settings of the training loop."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from tsrep.registry import Settings


class TrainingSettings(Settings):
    """How weights are found; the defaults suit contrastive pre-training of a small encoder."""

    epochs: Annotated[int, Field(ge=1)] = 20
    skip_last_epoch: bool = Field(
        False, description="run one epoch less than asked, as the published COMET loop does"
    )
    batch_size: Annotated[int, Field(ge=2)] = Field(128, description="samples per step, over all ranks")
    lr: Annotated[float, Field(gt=0)] = 1e-3
    weight_decay: Annotated[float, Field(ge=0)] = 1e-2
    schedule: Literal["cosine", "constant"] = Field("cosine", description="after the warm-up")
    warmup: Annotated[float, Field(ge=0, lt=1)] = Field(0.05, description="fraction of all steps")
    clip: Annotated[float, Field(gt=0)] | None = Field(1.0, description="largest gradient norm")
    average: Literal["ema", "uniform", "none"] = Field(
        "ema", description="which average of the weights is validated and kept"
    )
    ema_decay: Annotated[float, Field(gt=0, lt=1)] = 0.99
    average_includes_init: bool = Field(
        False, description="count the random start in the average, as the published COMET does"
    )
    checkpoint: Literal["best-score", "best-loss", "last"] = Field(
        "best-score", description="which weights are kept, judged on the validation part"
    )
    patience: Annotated[int, Field(ge=1)] | None = Field(
        None, description="stop after so many validations without a better one"
    )
    validate_every: Annotated[int, Field(ge=1)] = Field(1, description="epochs between validations")
    log_every: Annotated[int, Field(ge=1)] = Field(10, description="steps between lines of metrics.jsonl")
    save_seconds: Annotated[float, Field(ge=0)] = Field(60.0, description="time between resumable states")
    amp: bool = Field(False, description="bfloat16 autocast")
    compile: bool = Field(False, description="torch.compile the encoder")
    tensorboard: bool = Field(False, description="also write TensorBoard events")

    @model_validator(mode="after")
    def _run_at_least_one_epoch(self) -> Self:
        if self.skip_last_epoch and self.epochs < 2:
            raise ValueError("skip_last_epoch leaves no epoch to run; set epochs to 2 or more")
        return self
