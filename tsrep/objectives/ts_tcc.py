"""TS-TCC: the past of one view predicts the future of the other, and contexts of a sample find each other."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import Field
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.encoder import Encoder, Positive
from tsrep.errors import ConfigError
from tsrep.losses.gather import gather_rows
from tsrep.losses.nt_xent import NTXent
from tsrep.losses.similarity import Temperature
from tsrep.losses.ts_tcc import Asking, temporal_contrast
from tsrep.objectives.chosen_loss import (
    ChosenLoss,
    chosen_loss,
    needs_of_loss,
    refuse_temperature,
    total,
    two_view_terms,
)
from tsrep.objectives.objective import Objective
from tsrep.objectives.ts_tcc_context import Context
from tsrep.objectives.ts_tcc_views import FORM_VIEWS, Form
from tsrep.registry import OBJECTIVES, VIEWS, Chosen
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Ints, Panel
from tsrep.views.combined import ExceptCovariates
from tsrep.views.view import View

OtherView = Annotated[Any, Chosen(VIEWS)] | None
ASKING: dict[Form, Asking] = {"corrected": "context", "published": "target"}


@OBJECTIVES.register("ts-tcc", runtime=("dim", "channels", "covariates"))
class TsTcc(Objective):
    """Contrast predictions across a weak and a strong view over time, and their contexts over samples.

    Parameters
    ----------
    dim : int
        Width of the representation.
    channels, covariates : int
        Of the signal; the first ``covariates`` channels are known covariates, which no view alters.
    form : {"corrected", "published"}
        In the public code each future step looks for its context among those of the batch, in place of the
        context for its future; weak views are multiplied by white noise about 2; strong views copy the
        permuted first channel to all channels; the head has batch normalisation.
    lags : int
        Future steps of the representation that are predicted. More than the encoder's receptive field
        spans: nearer steps hold samples that the past has seen.
    hidden, depth, heads, feedforward : int
        Width of the context, blocks, attention heads and feedforward width of the network that makes it.
    dropout : float
        In that network.
    positions : {"none", "sinusoid"}
        Without positions (published) the context does not depend on the order of the past.
    cuts : {"batch", "sample"}
        Where the past ends: one step for the whole batch (published), or one for each sample.
    temperature : float
        Of the contrast of contexts; predictions are compared by plain inner products.
    contextual_weight : float
        Of the contrast of contexts.
    weak, strong : name or settings of a view, or None
        None takes those of the form: scale and jitter, and permutation and jitter.
    loss : name or settings of a loss, or None
        Of contexts, in place of NT-Xent, such as ``vicreg``.

    Raises
    ------
    ConfigError
        When ``heads`` does not divide ``hidden``, or views are given to the published form.

    References
    ----------
    Eldele et al., "Time-Series Representation Learning via Temporal and Contextual Contrasting", IJCAI 2021,
    equations 1 to 5. Deviations: the project's encoders; views are drawn anew each step in both forms.
    """

    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "resnet1d", "width": 32, "dim": 128}}

    def __init__(
        self,
        dim: int,
        channels: int,
        covariates: int = 0,
        form: Form = "corrected",
        lags: Positive = 24,
        hidden: Positive = 64,
        depth: Positive = 4,
        heads: Positive = 4,
        feedforward: Positive = 64,
        dropout: Annotated[float, Field(ge=0, lt=1)] = 0.1,
        positions: Literal["none", "sinusoid"] = "none",
        cuts: Literal["batch", "sample"] = "batch",
        temperature: Temperature = 0.2,
        contextual_weight: Annotated[float, Field(ge=0)] = 0.7,
        weak: OtherView = None,
        strong: OtherView = None,
        loss: ChosenLoss = None,
    ) -> None:
        super().__init__()
        refuse_temperature(TsTcc, loss, temperature)
        self.loss = chosen_loss(loss, NTXent(temperature))
        self.needs = self.loss.needs
        if form == "published" and (weak is not None or strong is not None):
            raise ConfigError(
                "objective.weak and objective.strong have no effect on the published form, which has views "
                "of its own; leave them out or set objective.form to corrected"
            )
        sizes = {"channels": channels, "covariates": covariates}
        first, second = FORM_VIEWS[form]
        self.weak = ExceptCovariates.of(first if weak is None else weak, **sizes)
        self.strong = ExceptCovariates.of(second if strong is None else strong, **sizes)
        self.lags, self.cuts, self.asking = lags, cuts, ASKING[form]
        self.contextual_weight = contextual_weight
        self.context = Context(dim, hidden, depth, heads, feedforward, dropout, positions == "sinusoid")
        # One map for all lags: those beyond the end of a short sample go unused.
        self.predict_lags = nn.Linear(hidden, lags * dim)
        half, quarter = max(dim // 2, 1), max(dim // 4, 1)
        norm = [nn.BatchNorm1d(half)] if form == "published" else []
        self.head = nn.Sequential(nn.Linear(hidden, half), *norm, nn.ReLU(), nn.Linear(half, quarter))

    @classmethod
    def needs_of(cls, settings: Any) -> frozenset[str]:
        """Those of the loss."""
        return needs_of_loss(settings.loss)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Terms ``temporal`` and ``contextual``; see :class:`Objective`."""
        views = [view(batch.x, generator=generator) for view in (self.weak, self.strong)]
        z = F.normalize(encoder(torch.cat(views)).float(), dim=1)  # (2 batch, dim, time')
        weak, strong = z.chunk(2)
        first, one = self._one_way(weak, strong, generator)
        second, other = self._one_way(strong, weak, generator)
        found = two_view_terms(self.loss, self.head(one), self.head(other), batch, generator=generator)
        return {"temporal": first + second, "contextual": self.contextual_weight * total(found)}

    def _one_way(self, past: Tensor, future: Tensor, generator: torch.Generator) -> tuple[Tensor, Tensor]:
        """Loss of predicting the future of one view from the past of the other, and the contexts."""
        size, dim, steps = past.shape
        lags = min(self.lags, steps - 1)
        drawn = torch.rand(size, generator=generator, device=past.device)
        if self.cuts == "batch":
            drawn = gather_rows(drawn[:1])[:1].expand(size)  # that of the first rank
        cut = (drawn * (steps - lags)).long()  # (batch,): the last step of the past
        context = self.context(past.mT, cut, generator=generator)  # (batch, hidden)
        predicted = self.predict_lags(context).unflatten(1, (self.lags, dim))[:, :lags]
        ahead = cut[:, None] + torch.arange(1, lags + 1, device=past.device)  # (batch, lag)
        target = future.gather(2, ahead[:, None].expand(-1, dim, -1)).mT  # (batch, lag, dim)
        return temporal_contrast(predicted, target, asking=self.asking), context

    def refuse_batches(self, encoder: Encoder, train: Panel, batches: Sequence[Ints]) -> None:
        """See :class:`Objective`; and what the loss refuses."""
        super().refuse_batches(encoder, train, batches)
        self.loss.refuse_batches(train, batches, max(encoder.dim // 4, 1), "encoder.dim")

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: a past that has seen all of the future, or no room for a future."""
        self.loss.refuse_unfit(train)
        if not encoder.causal and encoder.receptive_field >= train.length:
            raise ConfigError(
                "each step of the encoder sees the whole sample, so the past would hold the future that "
                "objective ts-tcc predicts; use a causal encoder or one that sees less such as resnet1d"
            )
        seen = encoder.receptive_field // encoder.stride
        if not encoder.causal and seen >= self.lags:
            raise ConfigError(
                f"one step of the encoder sees {encoder.receptive_field} steps of the signal, no fewer than "
                f"objective ts-tcc predicts ({self.lags} times {encoder.stride}), so the past would hold its "
                "future; use a causal encoder or one that sees less such as resnet1d, or raise objective.lags"
            )
        steps = train.length // encoder.stride
        if steps <= self.lags:
            raise ConfigError(
                f"a sample has {steps} steps of the encoder, and objective ts-tcc predicts {self.lags} after "
                "at least one; raise window.seconds, or use a smaller stride or fewer objective.lags"
            )

    def own_view(self) -> View:
        """The strong view."""
        return self.strong
