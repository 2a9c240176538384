"""Symile on groups of channels: what three or more simultaneous signals tell only together."""

from __future__ import annotations

import math
from collections.abc import Sequence
from itertools import pairwise
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.encoders.pooling import pool
from tsrep.errors import ConfigError
from tsrep.losses.gather import gather_rows, world_size
from tsrep.losses.symile import cyclic_moves, pairwise_clip, random_moves, symile
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES, nearest
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.text import plural

Group = Annotated[tuple[str, ...], Field(min_length=1)]
MOST_TUPLES, LIMIT = 100_000, 1_000_000  # of one batch: by default, and at all
PARTS = 3


@OBJECTIVES.register("symile", runtime=("dim", "channel_names", "covariates"))
class Symile(Objective):
    """Contrast tuples of signals of one recording, such as ECG, pulse and respiration, by their product.

    Every group of channels is encoded with the other channels set to zero and has a head of its own, so that
    any encoder of all channels will do.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channel_names : tuple of str
        Of the data; the first ``covariates`` are known covariates, which every group sees.
    covariates : int
    groups : tuple of tuples of str, or None
        Channels of each signal, two groups or more. None takes three groups of neighbouring channels.
    form : {"corrected", "published"}
        In the published form shuffled candidates may be the own tuple again, and the scale does not grow
        with the width.
    negatives : {"auto", "all", "shuffled"}
        All tuples of a batch, at most 1,000,000, or as many shuffled ones as there are samples; ``"auto"``
        takes all as long as there are at most 100,000.
    contrast : {"tuples", "pairs"}
        With ``"pairs"`` the sum over pairs of signals, a control that cannot see what only all tell together.
    hidden, projection : int
        Widths of the heads; they serve the loss alone.
    pooling : {"max", "mean"}
        Over time.
    scale : float
        Inverse temperature at the start, learned and at most 100; for three signals or more it counts in
        units of the root of ``projection`` for each signal beyond two, as products of unit vectors shrink.

    Raises
    ------
    ConfigError
        When channels cannot be divided so.

    References
    ----------
    Saporta et al., "Contrasting with Symile: Simple Model-Agnostic Representation Learning for Unlimited
    Modalities", NeurIPS 2024. Deviations: one encoder for all signals; shuffles and scale of
    the corrected form.
    """

    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "resnet1d", "width": 32, "dim": 128}}
    seen: Tensor

    def __init__(
        self,
        dim: int,
        channel_names: tuple[str, ...],
        covariates: int = 0,
        groups: Annotated[tuple[Group, ...], Field(min_length=2)] | None = None,
        form: Literal["corrected", "published"] = "corrected",
        negatives: Literal["auto", "all", "shuffled"] = "auto",
        contrast: Literal["tuples", "pairs"] = "tuples",
        hidden: Positive = 128,
        projection: Positive = 32,
        pooling: Literal["max", "mean"] = "max",
        scale: Annotated[float, Field(gt=0, le=100)] = 1 / 0.07,
    ) -> None:
        super().__init__()
        chosen = _channels_of_groups(groups, channel_names, covariates)
        self.form, self.negatives, self.contrast, self.pooling = form, negatives, contrast, pooling
        seen = torch.zeros(len(chosen), len(channel_names), dtype=torch.bool)
        for row, channels in zip(seen, chosen, strict=True):
            row[channels] = row[:covariates] = True
        self.register_buffer("seen", seen, persistent=False)  # (group, channel): what each group shows
        self.heads = nn.ModuleList(
            nn.Sequential(nn.Linear(dim, hidden), nn.ReLU(), nn.Linear(hidden, projection)) for _ in chosen
        )
        self.log_scale = nn.Parameter(torch.tensor(math.log(scale)))
        beyond = 0 if form == "published" or contrast == "pairs" else len(chosen) - 2
        self.unit = projection ** (beyond / 2)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``contrast``; see :class:`Objective`."""
        rows, scale = self.embedded(encoder, batch.x), self.unit * self.log_scale.exp().clamp(max=100)
        present = self.present(batch.x)
        if self.contrast == "pairs":
            return {"contrast": pairwise_clip(rows, scale, present=present)}
        loss = symile(rows, scale, present=present, moves=self._moves(len(batch), generator))
        return {"contrast": loss}

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`: more tuples than memory holds."""
        super().refuse_batches(encoder, train, batches)
        signals, largest = len(self.heads), max(map(len, batches))
        if self.contrast == "tuples" and self.negatives == "all" and largest ** (signals - 1) > LIMIT:
            raise ConfigError(
                f"objective symile takes all tuples of {signals - 1} signals as candidates, which are "
                f"{largest ** (signals - 1):,} of a batch of {largest} samples; set objective.negatives to "
                "shuffled"
            )

    def embedded(self, encoder: Encoder, x: Tensor) -> Tensor:
        """Projections of every group of channels.

        Parameters
        ----------
        encoder : Encoder
        x : Tensor, shape (batch, covariate + channel, time)

        Returns
        -------
        Tensor, shape (group, batch, projection)
        """
        shown = torch.where(self.seen[:, None, :, None], x, 0)  # (group, batch, channel, time)
        h = pool(encoder(shown.flatten(0, 1)), self.pooling).view(*shown.shape[:2], -1)
        return torch.stack([head(part) for head, part in zip(self.heads, h, strict=True)])

    def present(self, x: Tensor) -> Tensor:
        """Samples of which no group is missing at all times, shape (batch,), bool."""
        step_missing = x.isnan()[:, None] & self.seen[:, :, None]  # (batch, group, channel, time)
        return ~step_missing.any(2).all(2).any(1)

    def _moves(self, size: int, generator: torch.Generator) -> Tensor | None:
        """Shuffled candidates, the same on all ranks; None for all tuples."""
        signals, count = len(self.heads), size * world_size()
        tuples, few = count ** (signals - 1), count < signals
        if self.negatives == "all" or (self.negatives == "auto" and tuples <= MOST_TUPLES):
            return None
        if few and tuples <= LIMIT:
            return None
        # so few samples cannot all move by different numbers
        draw = random_moves if self.form == "published" or few else cyclic_moves
        return gather_rows(draw(signals, count, generator=generator)[None])[0]


def _channels_of_groups(
    groups: tuple[tuple[str, ...], ...] | None, names: tuple[str, ...], covariates: int
) -> list[list[int]]:
    """Numbers of the channels of each group."""
    own = names[covariates:]
    if groups is None:
        if len(own) < PARTS:
            raise ConfigError(
                f"objective symile contrasts three groups of channels and has {plural(len(own), 'channel')}; "
                "use recordings with more, or name two groups in objective.groups"
            )
        cuts = [round(k * len(own) / PARTS) for k in range(PARTS + 1)]
        groups = tuple(own[start:stop] for start, stop in pairwise(cuts))
    listed = [name for group in groups for name in group]
    for name in listed:
        if name not in own:
            raise ConfigError(
                f"objective.groups names {name!r}, which is no channel; {nearest(name, list(own))}"
            )
        if listed.count(name) > 1:
            raise ConfigError(f"objective.groups names {name!r} twice; a channel belongs to one group")
    return [[names.index(name) for name in group] for group in groups]
