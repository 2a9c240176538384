"""Samples of look-back and horizon as a forecaster's encoder sees them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import torch
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.forecasting.instance_norm import InstanceNorm, Level, Normalisation
from tsrep.signals.batch import Batch

Mixing = Literal["independent", "mixed"]


@dataclass(frozen=True)
class Seen:
    """A batch as encoder and head see it, one row for what is encoded together.

    Attributes
    ----------
    x : Tensor, shape (row, covariate + variate, lookback)
        Normalised; missing values are NaN.
    ahead : Tensor, shape (row, covariate, horizon)
    level : Level
        Of every channel, to put forecasts back.
    """

    x: Tensor
    ahead: Tensor
    level: Level


class LookBacks(nn.Module):
    """Cuts samples, takes the level off their look-backs, and lays these out in rows.

    Parameters
    ----------
    norm : {"mean-std", "last", "revin", "none"}
    variates, covariates : int
        Channels that are forecast, and known ones before them.
    lookback, stride : int
        Steps of a look-back, and of one vector of the encoder.
    mixing : {"independent", "mixed"}
        Whether each variate is a row of its own, or all of them are one.
    calendar : bool
        Whether rows begin with the covariates.
    """

    def __init__(
        self,
        norm: Normalisation,
        variates: int,
        covariates: int,
        lookback: int,
        stride: int,
        mixing: Mixing,
        *,
        calendar: bool,
    ) -> None:
        super().__init__()
        self.norm = InstanceNorm(norm, variates)
        self.covariates, self.shown = covariates, covariates if calendar else 0
        self.independent = mixing == "independent"
        self.variates = 1 if self.independent else variates  # of a row
        self.steps, self.skipped = lookback, lookback % stride  # encoders drop trailing steps, needed most

    def cut(self, x: Tensor) -> tuple[Tensor, Tensor, Tensor]:
        """Past, covariates ahead and target of samples of look-back and horizon; all are views."""
        past, ahead = x[..., : self.steps], x[..., self.steps :]
        return past, ahead[:, : self.covariates], ahead[:, self.covariates :]

    def see(self, past: Tensor, ahead: Tensor | None = None, channel: int | None = None) -> Seen:
        """What is encoded together, normalised.

        Parameters
        ----------
        past : Tensor, shape (batch, covariate + variate, lookback)
        ahead : Tensor, shape (batch, covariate, horizon), optional
            Without it nothing is known ahead.
        channel : int, optional
            ``past`` has this variate alone.
        """
        ahead = past[:, : self.covariates, :0] if ahead is None else ahead
        norm = self.norm if channel is None else self.norm.of_channel(channel)
        values, level = norm(past[:, self.covariates :])
        shown = past[:, self.covariates - self.shown : self.covariates]
        ahead = ahead[:, self.covariates - self.shown :]
        if not self.independent:
            return Seen(torch.cat([shown, values], dim=1), ahead, level)
        shown, ahead = (x.repeat_interleave(values.shape[1], dim=0) for x in (shown, ahead))
        # (batch * channel, covariate + 1, lookback)
        return Seen(torch.cat([shown, values.flatten(0, 1).unsqueeze(1)], dim=1), ahead, level)

    def encoded(self, seen: Seen) -> Tensor:
        """The last steps of the rows, as many as whole strides of the encoder."""
        return seen.x[..., self.skipped :]

    def represent(self, encoder: Encoder, seen: Seen) -> Tensor:
        """Representations of the rows, shape (row, dim, lookback // stride)."""
        return encoder(self.encoded(seen))

    def rows(self, batch: Batch) -> Batch:
        """The look-backs of a batch as one of their own, in which each variate is a patient."""
        seen = self.see(*self.cut(batch.x)[:2])
        each = len(seen.x) // len(batch)
        channel = torch.arange(each, device=batch.x.device).repeat(len(batch))

        def repeated(ids: Tensor) -> Tensor:
            return ids.repeat_interleave(each, dim=0)

        return Batch(
            x=self.encoded(seen),
            label=torch.zeros_like(repeated(batch.patient)),
            patient=repeated(batch.patient) * each + channel,
            trial=repeated(batch.trial) * each + channel,
            sample=repeated(batch.sample) * each + channel,
            start=repeated(batch.start),
        )
