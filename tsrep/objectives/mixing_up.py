"""Mixing-up: the mixture of two samples must show how much of either it holds."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.encoders.pooling import pool
from tsrep.losses.mixing_up import doubled_mixture_contrast, mixture_contrast
from tsrep.losses.similarity import Temperature
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch


@OBJECTIVES.register("mixing-up", runtime=("dim", "covariates"))
class MixingUp(Objective):
    """Contrast mixtures of two samples with the samples, by their shares in the mixture.

    Parameters
    ----------
    dim : int
        Width of the representation.
    covariates : int
        Leading channels that are known covariates; a mixture has those of its first sample.
    form : {"corrected", "published"}
        In the public code one share is drawn for the whole batch, a sample can be its own partner, and
        partners are encoded a second time, which gives the same gradient at half again the cost.
    alpha : float
        Both parameters of the beta distribution of shares.
    temperature : float
    hidden, projection : int
        Widths of the projection head; it serves the loss alone.
    pooling : {"max", "mean"}
        Over time.

    References
    ----------
    Wickstrøm et al., "Mixing up contrastive learning: self-supervised representation learning for time
    series", Pattern Recognition Letters 2022. Deviation: no batch normalisation in the projection head.
    """

    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "resnet1d", "width": 32, "dim": 128}}

    def __init__(
        self,
        dim: int,
        covariates: int = 0,
        form: Literal["corrected", "published"] = "corrected",
        alpha: Annotated[float, Field(gt=0, allow_inf_nan=False)] = 0.2,
        temperature: Temperature = 0.5,
        hidden: Positive = 128,
        projection: Positive = 128,
        pooling: Literal["max", "mean"] = "mean",
    ) -> None:
        super().__init__()
        self.covariates, self.published, self.alpha = covariates, form == "published", alpha
        self.temperature, self.pooling = temperature, pooling
        self.head = nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, projection))

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``contrast``; see :class:`Objective`."""
        x, order = batch.x, torch.randperm(len(batch), generator=generator, device=batch.x.device)
        # Each follows the next of one random order: nobody is its own partner.
        partner = order if self.published else order[order.argsort().add(1).remainder(len(batch))]
        share = shares(1 if self.published else len(batch), self.alpha, generator=generator)
        seen = torch.cat([x, self.mixed(x, partner, share), *([x[partner]] if self.published else [])])
        z, mixed, *again = self.head(pool(encoder(seen), self.pooling)).split(len(batch))
        if again:
            loss = doubled_mixture_contrast(mixed, z, again[0], share, temperature=self.temperature)
        else:
            loss = mixture_contrast(mixed, z, partner, share, temperature=self.temperature)
        return {"contrast": loss}

    def mixed(self, x: Tensor, partner: Tensor, share: Tensor) -> Tensor:
        """Mixtures; a step that is missing in either sample is missing.

        Parameters
        ----------
        x : Tensor, shape (batch, covariate + channel, time)
        partner : int64 Tensor, shape (batch,)
        share : Tensor, shape (batch,) or (1,)
            Of the sample itself.
        """
        weight = share.to(x.dtype)[:, None, None]
        mixture = weight * x + (1 - weight) * x[partner]
        return torch.cat([x[:, : self.covariates], mixture[:, self.covariates :]], dim=1)


def shares(size: int, alpha: float, *, generator: torch.Generator) -> Tensor:
    """Independent draws of a beta distribution with both parameters ``alpha``, shape (size,), float32.

    Made of gamma draws by the generator; torch's own sampler takes only the global one.

    Parameters
    ----------
    size : int
    alpha : float
    generator : torch.Generator
    """
    one, other = log_gamma_draws(2 * size, alpha, generator=generator).chunk(2)
    return torch.sigmoid(one - other).float()


def log_gamma_draws(size: int, alpha: float, *, generator: torch.Generator) -> Tensor:
    """Logarithms of gamma draws, which for a small ``alpha`` would round to zero, shape (size,), float64.

    Parameters
    ----------
    size : int
    alpha : float
        Shape of the distribution; its scale is 1.
    generator : torch.Generator

    References
    ----------
    Marsaglia & Tsang, "A simple method for generating gamma variables", ACM Transactions on Mathematical
    Software 26 (2000), with their rule for shapes below 1.
    """
    # Of so many trials the first that is accepted counts; each is accepted with probability above 0.95.
    trials: dict[str, Any] = {"generator": generator, "device": generator.device, "dtype": torch.float64}
    d = alpha + 1 - 1 / 3
    normal = torch.randn(16, size, **trials)
    v = (1 + normal / (9 * d) ** 0.5).clamp(min=1e-300) ** 3
    accept = torch.rand(16, size, **trials).log() < normal.square() / 2 + d * (1 - v + v.log())
    first = accept.int().argmax(dim=0)
    larger = (d * v.gather(0, first[None])[0]).log()  # of shape alpha + 1
    smaller: Tensor = larger + torch.rand(size, **trials).clamp(min=1e-300).log() / alpha
    return smaller
