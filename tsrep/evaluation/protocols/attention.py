"""Attention head: one learned query pools the tokens of a frozen encoder, shown crops of each window."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Annotated, Any

import numpy as np
from pydantic import Field

from tsrep.encoders.crops import Crops
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS
from tsrep.errors import ConfigError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.heads.making import Fitted
from tsrep.evaluation.labels.attention import Attention
from tsrep.evaluation.labels.attention_training import AttentionTraining, ClassWeights, fit_attention
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.predictions import Predictions
from tsrep.evaluation.protocols.labels import LabelProtocol, Strengths
from tsrep.registry import DISTINCT, PROTOCOLS
from tsrep.signals.panel import Ints

Seconds = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1)]


@dataclass(frozen=True, eq=False)
class Tokens:
    """Flattened representations of all samples by one encoder.

    Attributes
    ----------
    features : array, shape (sample, dim * crop * time)
    dim, crops, crop, hop : int
        Width of a representation; crops of a window, their steps, and steps from one to the next.
    """

    features: Array
    dim: int
    crops: int
    crop: int
    hop: int

    @property
    def time(self) -> int:
        """Steps of the representation of a crop."""
        return int(self.features.shape[1]) // (self.dim * self.crops)


@PROTOCOLS.register("attention")
@dataclass(eq=False)
class AttentionPooled(LabelProtocol):
    """Attention-pooled head on the tokens of the frozen encoder, trained by Adam.

    Scores of the crops of a window are averaged. Published tables call this head linear, but it has more
    than ``2 dim ** 2`` weights and is not to be compared with a linear probe. Validation patients choose C,
    the weighting of classes and the step of training by macro AUROC; where the validation part itself is
    scored, the last C, the first weighting and the last step are taken.

    Parameters
    ----------
    crop, hop : float
        Seconds of a crop, and from one to the next; a shorter window is one crop.
    heads : int
        Of attention; divides the width of the representation.
    C : tuple of float
        Inverse regularisation strengths of the map from pooled tokens to class scores.
    class_weights : tuple of {"none", "balanced"}
    steps, batch_size : int
        Of training, in crops.
    lr : float
        Learning rate.

    References
    ----------
    Weimann and Conrad, "Self-supervised pre-training with joint-embedding predictive architecture boosts ECG
    classification performance", Computers in Biology and Medicine 2025 (their frozen evaluation).
    """

    title, rank = "attention head", 10

    crop: Seconds = 2.5
    hop: Seconds = 1.25
    heads: Count = 4
    C: Strengths = (0.01, 0.1, 1.0)
    class_weights: Annotated[tuple[ClassWeights, ...], Field(min_length=1), DISTINCT] = ("none", "balanced")
    steps: Count = 300
    batch_size: Count = 128
    lr: Annotated[float, Field(gt=0)] = 3e-3
    # the last encoder's, as the draws of labels follow one another
    _last: tuple[Callable[[], Any], Tokens] | None = field(default=None, init=False, repr=False)

    def predict(
        self,
        candidate: Candidate,
        seed: int,
        labelled: Ints,
        evaluation: LabelEvaluation,
        draw: str,
        *,
        keep: bool,
    ) -> tuple[Predictions, Fitted | None]:
        """See :meth:`LabelProtocol.predict`."""
        tokens, panel, held = (
            self._tokens(candidate, seed, evaluation, draw),
            evaluation.panel,
            evaluation.choosing,
        )
        x = tokens.features
        self._refuse_width(tokens.dim)
        chosen = fit_attention(
            x[labelled],
            panel.label[labelled],
            len(panel.classes),
            dim=tokens.dim,
            crops=tokens.crops,
            how=AttentionTraining(
                self.C, self.class_weights, self.heads, self.steps, self.batch_size, self.lr
            ),
            seed=seed,
            device=evaluation.device,
            validation=None if held is None else (x[held], panel.label[held]),
            known=evaluation.masks(labelled),
        )
        model = Attention(
            chosen.arrays,
            tokens.crop,
            tokens.hop,
            tokens.crops,
            tokens.time,
            chosen.C,
            chosen.class_weights,
            panel.multilabel,
        )

        def predicted(samples: Ints) -> Predictions:
            return evaluation.predictions(model.predict(x[samples]), samples)

        scored, spare = predicted(evaluation.scored), evaluation.spare
        if not keep:
            return scored, None
        return scored, Fitted(model, lambda: predicted(spare) if len(spare) else None, "tokens")

    def refuse_encoder(self, encoder: Encoder, sfreq: float) -> None:
        """See :meth:`Protocol.refuse_encoder`."""
        self._refuse_width(encoder.dim)
        crop = _steps(self.crop, sfreq)
        if crop < encoder.stride:
            raise ConfigError(
                f"evaluation.attention.crop of {self.crop:g} s has {crop} steps, fewer than the "
                f"{encoder.stride} of one step of the encoder; give longer crops"
            )

    def _refuse_width(self, dim: int) -> None:
        if dim % self.heads:
            raise ConfigError(
                f"evaluation.attention.heads is {self.heads}, which does not divide the {dim} dimensions of "
                "the representation; give another number"
            )

    def _tokens(self, candidate: Candidate, seed: int, evaluation: LabelEvaluation, draw: str) -> Tokens:
        """Tokens of all samples; features without an encoder are one token each."""
        if candidate.features:
            features = evaluation.features(candidate, seed, draw)
            return Tokens(features, features.shape[1], 1, 1, 1)
        maker = candidate.maker(seed, draw)
        if self._last is None or self._last[0] is not maker:
            evaluation.on_step(f"tokens of {candidate.name}")
            self._last = maker, self._embedded(maker, evaluation)
        return self._last[1]

    def _embedded(self, maker: Callable[[], Any], evaluation: LabelEvaluation) -> Tokens:
        panel, encoder = evaluation.panel, maker()[0]
        self.refuse_encoder(encoder, panel.sfreq)
        crop, hop = (_steps(seconds, panel.sfreq) for seconds in (self.crop, self.hop))
        shown = Crops(encoder, crop, hop).to(evaluation.device)
        crops, pool = shown.count(panel.length), POOLS["tokens"]
        features = embed(shown, panel, pool=pool, device=evaluation.device, amp=evaluation.amp)
        return Tokens(np.asarray(features), encoder.dim, crops, crop, hop)


def _steps(seconds: float, sfreq: float) -> int:
    return max(1, round(seconds * sfreq))
