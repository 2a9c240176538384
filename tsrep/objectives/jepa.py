"""JEPA: what a slow copy of the encoder makes of hidden tokens is predicted from the visible ones."""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import torch
from pydantic import AfterValidator, Field
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.encoders.attention import TransformerBlocks
from tsrep.encoders.encoder import Encoder, Positive, without_missing
from tsrep.encoders.positions import sinusoid
from tsrep.errors import ConfigError
from tsrep.losses.hidden_tokens import Error, drawn_spans, drawn_union, hidden_token_error, others
from tsrep.losses.similarity import single
from tsrep.objectives.objective import Objective
from tsrep.objectives.teacher import Momentum, Teacher
from tsrep.objectives.whole_patches import refuse_rest
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.signals.panel import Panel

FEWEST = 4  # tokens of a sample


def _ascending(pair: tuple[float, float]) -> tuple[float, float]:
    if pair[0] > pair[1]:
        raise ValueError(f"the first of two values is the smaller one, not {pair[0]:g} before {pair[1]:g}")
    return pair


Share = Annotated[float, Field(gt=0, lt=1)]
Shares = Annotated[tuple[Share, Share], AfterValidator(_ascending)]
Momenta = Annotated[tuple[Momentum, Momentum], AfterValidator(_ascending)]


@OBJECTIVES.register("jepa", runtime=("dim", "stride"))
class Jepa(Objective):
    """Encode some tokens, and predict how a slow copy of the encoder that sees all represents the others.

    An encoder that can leave tokens out computes the visible ones only; any other one is told which steps
    are kept. Each step draws how many tokens are visible, and each sample where hidden spans lie.

    Parameters
    ----------
    dim, stride : int
        Of the representation.
    form : {"corrected", "published"}
        Each target brought to mean 0 and variance 1, so that training cannot shrink it, and every token
        hidden at times; or as in the public code of the paper that ``masks`` is from: targets as they are
        for spans, and for a union a last token that is never hidden.
    masks : {"spans", "union"}
        Hidden spans of each sample, which together have the drawn length; or four spans of some 20 % that
        may overlap, the same in the whole batch.
    keep : (float, float)
        Of spans, the smallest and largest share of visible tokens.
    least_span : float
        Of spans, the shortest one as a share of all tokens.
    width : int, optional
        Of the predictor; half of ``dim`` when missing, and a multiple of ``heads``.
    depth, heads : int
        Of the predictor, a transformer.
    error : {"l1", "smooth-l1"}
    momentum : (float, float)
        Of the slow copy, per step: at the start, rising along a line to that at the end of training.

    Raises
    ------
    ConfigError
        When ``heads`` does not divide ``width``, patches of the encoder overlap or do not divide windows, or
        windows have fewer than four tokens.

    References
    ----------
    Weimann and Conrad, Computers in Biology and Medicine 2025, with masks of Kim, 2024, as a choice; after
    Assran et al., "Self-supervised learning from images with a joint-embedding predictive architecture",
    CVPR 2023. Deviations: any encoder, no register tokens, tokens of all channels together, and the
    encoder itself is evaluated where the first evaluates its copy.
    """

    defaults: ClassVar[dict[str, Any]] = {"encoder": {"name": "patch-transformer", "patch": 10, "stride": 10}}
    predictor: Predictor

    def __init__(
        self,
        dim: int,
        stride: int,
        form: Literal["corrected", "published"] = "corrected",
        masks: Literal["spans", "union"] = "spans",
        keep: Shares = (0.15, 0.25),
        least_span: Share = 0.05,
        width: Positive | None = None,
        depth: Positive = 2,
        heads: Positive = 4,
        error: Error = "l1",
        momentum: Momenta = (0.99, 1.0),
    ) -> None:
        super().__init__()
        self.corrected, self.masks, self.error = form == "corrected", masks, error
        self.stride, self.keep, self.least_span = stride, keep, least_span
        self.teacher = Teacher(*momentum, rise="linear")
        if width is not None and width % heads:
            raise ConfigError(f"objective.heads is {heads} and does not divide objective.width, {width}")
        self.predictor = Predictor(dim, width or max(1, dim // 2 // heads) * heads, depth, heads)

    def begin(self, steps: int) -> None:
        """Remember how many steps the momentum has for its rise."""
        self.teacher.steps = steps

    def attach(self, encoder: Encoder) -> None:
        """Make the slow copy of the encoder."""
        if encoder.token_overlap:
            raise ConfigError(
                f"objective jepa hides whole patches, but those of the encoder share {encoder.token_overlap} "
                f"steps with the next one, so that visible ones would tell; set encoder.patch to "
                f"{encoder.stride}, as encoder.stride is"
            )
        self.teacher.attach(encoder)

    def refuse_unfit(self, encoder: Encoder, train: Panel) -> None:
        """See :class:`Objective`: windows of too few tokens, or that patches do not divide."""
        self._tokens(train.length)
        if encoder.token_overlap is not None:
            setting = "encoder.patch and encoder.stride"
            refuse_rest("jepa", train.length, self.stride, setting, step=1, fewest=FEWEST)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``prediction``; see :class:`Objective`."""
        tokens = self._tokens(batch.x.shape[-1])
        visible = self._visible(len(batch), tokens, generator)
        hidden = others(visible, tokens)
        seen = without_missing(batch.x)[1][:, : tokens * self.stride]
        known = seen.reshape(len(seen), tokens, self.stride).any(-1)  # (batch, token)
        context = encoded(encoder, batch.x, visible)
        predicted = self.predictor(context, visible, hidden, known.take_along_dim(visible, dim=1))
        self.teacher.note(encoder)
        target = self._target(batch.x, hidden)
        error = hidden_token_error(predicted, target, known.take_along_dim(hidden, dim=1), self.error)
        return {"prediction": error}

    @torch.no_grad()
    def _target(self, x: Tensor, hidden: Tensor) -> Tensor:
        """Hidden tokens as the slow copy represents them, shape (batch, hidden, dim)."""
        (encoder,) = self.teacher.copies()
        tokens: Tensor = encoder(x).mT.take_along_dim(hidden[..., None], dim=1)
        tokens = single(tokens)
        normalise = self.corrected or self.masks == "union"
        return F.layer_norm(tokens, tokens.shape[-1:]) if normalise else tokens

    def _visible(self, batch: int, tokens: int, generator: torch.Generator) -> Tensor:
        if self.masks == "union":
            return drawn_union(batch, tokens, last=self.corrected, generator=generator)
        least = max(1, round(self.least_span * tokens))
        return drawn_spans(batch, tokens, self.keep, least, generator=generator)

    def _tokens(self, steps: int) -> int:
        """Tokens of a sample of so many steps."""
        if (tokens := steps // self.stride) >= FEWEST:
            return tokens
        raise ConfigError(
            f"objective jepa predicts some tokens of a sample from others, but {steps} steps make {tokens} "
            f"of {self.stride} steps; give longer windows, or an encoder of a smaller stride, so that there "
            f"are at least {FEWEST}"
        )

    def after_step(self) -> None:
        """Let the copy follow, by the momentum of this step."""
        self.teacher.after_step()


class Predictor(nn.Module):
    """Hidden tokens from the visible ones, by a transformer that is narrower than the encoder.

    Parameters
    ----------
    dim, width, depth, heads : int
    feedforward : float
        Hidden width of a block's feedforward part, as a multiple of ``width``.
    """

    def __init__(self, dim: int, width: int, depth: int, heads: int, feedforward: float = 4.0) -> None:
        super().__init__()
        self.embed = nn.Linear(dim, width)
        self.hidden = nn.Parameter(nn.init.trunc_normal_(torch.empty(width), std=0.02))
        self.blocks = TransformerBlocks(width, depth, heads, feedforward, dim)

    def forward(self, context: Tensor, visible: Tensor, hidden: Tensor, known: Tensor) -> Tensor:
        """Predictions, shape (batch, hidden, dim).

        Parameters
        ----------
        context : Tensor, shape (batch, visible, dim)
        visible, hidden : int64 Tensor, shape (batch, visible) and (batch, hidden)
            Places of the tokens.
        known : Tensor, shape (batch, visible), bool
            Visible tokens that have a signal.
        """
        count, width = visible.shape[1] + hidden.shape[1], len(self.hidden)
        place = sinusoid(count, width, context.device).to(context.dtype)  # (token, width)
        seen = self.embed(context) + place[visible]
        tokens = torch.cat([seen, self.hidden + place[hidden]], dim=1)
        keep = torch.cat([known, torch.ones_like(hidden, dtype=torch.bool)], dim=1)
        predicted: Tensor = self.blocks(tokens, keep)[:, visible.shape[1] :]
        return predicted


def encoded(encoder: Encoder, x: Tensor, visible: Tensor) -> Tensor:
    """Visible tokens, shape (batch, visible, dim), of an encoder that sees no others.

    Parameters
    ----------
    encoder : Encoder
    x : Tensor, shape (batch, channel, time)
    visible : Tensor, shape (batch, visible), int64
    """
    if encoder.token_overlap is not None:
        return encoder.visible_tokens(x, visible)
    tokens = x.shape[-1] // encoder.stride
    seen = torch.zeros(len(x), tokens, dtype=torch.bool, device=x.device).scatter(1, visible, value=True)
    keep = F.pad(seen.repeat_interleave(encoder.stride, dim=1), (0, x.shape[-1] - tokens * encoder.stride))
    return encoder(x, keep).mT.take_along_dim(visible[..., None], dim=1)
