"""Training of attention-pooled heads: all candidates side by side, of which validation patients choose."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from tsrep.errors import DataError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.labels.attention import AT_ONCE, AttentionHeads, crop_tokens
from tsrep.evaluation.labels.linear_probe import refuse_infinite
from tsrep.evaluation.labels.metrics import auroc_of, positives
from tsrep.rng import initial_weights, torch_generator

ClassWeights = Literal["none", "balanced"]
CHECKS = 15  # how often validation patients are looked at


@dataclass(frozen=True)
class AttentionTraining:
    """How heads are trained.

    Attributes
    ----------
    C : sequence of float
        Inverse regularisation strengths of the map from pooled tokens to class scores.
    class_weights : sequence of {"none", "balanced"}
        Of samples in the loss.
    heads, steps, batch_size : int
    lr : float
    """

    C: Sequence[float]
    class_weights: Sequence[ClassWeights]
    heads: int
    steps: int
    batch_size: int
    lr: float


@dataclass(frozen=True, eq=False)
class Chosen:
    """The head that was chosen: see :class:`~tsrep.evaluation.labels.attention.Attention`."""

    arrays: Mapping[str, Array]
    C: float
    class_weights: str


def fit_attention(
    features: Array,
    label: Array,
    classes: int,
    *,
    dim: int,
    crops: int,
    how: AttentionTraining,
    seed: int,
    device: torch.device,
    validation: tuple[Array, Array] | None = None,
    known: tuple[Array | None, Array | None] = (None, None),
) -> Chosen:
    """Train a head for each ``C`` and weighting of classes, and choose one.

    Parameters
    ----------
    features : array, shape (sample, dim * crop * time)
        Flattened representations of the labelled samples.
    label : int array, shape (sample,), or bool array, shape (sample, class)
    classes, dim, crops : int
    how : AttentionTraining
    seed : int
    device : torch.device
    validation : (features, label), optional
        Its macro AUROC chooses the head and the step of training, of equals the first; without it, the last
        ``C`` with the first weighting is taken, after the last step.
    known : (array, array), of bool, shape (sample, class), or None
        Which labels of the two are known, where samples may have several classes; the others take no part.

    Raises
    ------
    DataError
        When there are no samples, or a feature is not finite.
    """
    if not len(features):
        raise DataError("there are no labelled samples to fit a head on; use a larger fraction of labels")
    refuse_infinite(features)
    tokens = crop_tokens(torch.from_numpy(features), dim, crops)  # (sample, crop, dim, time)
    scale, multilabel = _Scale.fit(tokens, device), label.ndim == 2
    tried = [(weighting, c) for weighting in how.class_weights for c in how.C]
    tried = tried if validation is not None else tried[len(how.C) - 1 : len(how.C)]
    with initial_weights(seed, "attention"):
        model = AttentionHeads(len(tried), dim, classes, how.heads).to(device)
    flags = positives(label, classes)
    stated = np.ones_like(flags) if known[0] is None else known[0]
    loss = Losses(tried, *map(torch.from_numpy, (flags, stated)), multilabel=multilabel).to(device)
    optimizer = torch.optim.Adam(model.parameters(), lr=how.lr)
    generator, rows = torch_generator(seed, "attention"), tokens.flatten(0, 1)
    best, found = -np.inf, None
    for step in range(1, how.steps + 1):
        drawn = torch.randint(len(rows), (min(how.batch_size, len(rows)),), generator=generator)
        scores = model(scale(rows[drawn]))
        optimizer.zero_grad()
        torch.autograd.backward(loss(scores, (drawn // crops).to(device), model.folded()[1]))
        optimizer.step()
        if validation is None or (step % max(1, how.steps // CHECKS) and step < how.steps):
            continue
        held = crop_tokens(torch.from_numpy(validation[0]), dim, crops)
        values = [
            auroc_of(prob, validation[1], known[1]) for prob in _probabilities(model, held, scale, multilabel)
        ]
        at = int(np.argmax(np.nan_to_num(values, nan=-np.inf)))
        if found is None or values[at] > best:
            best, found = np.nan_to_num(values[at], nan=-np.inf), _taken(model, at, tried, scale)
    return found or _taken(model, 0, tried, scale)


class Losses(nn.Module):
    """Loss of each head on a batch of crops: weighted cross-entropy, and the size of the map over ``2 C n``.

    Parameters
    ----------
    tried : sequence of (weighting of classes, C)
    flags, known : Tensor, shape (sample, class), bool
        Labels, and which of them are known; of exclusive classes all are.
    multilabel : bool
    """

    def __init__(
        self, tried: Sequence[tuple[ClassWeights, float]], flags: Tensor, known: Tensor, *, multilabel: bool
    ) -> None:
        super().__init__()
        self.multilabel = multilabel
        equal = torch.ones_like(flags, dtype=torch.float32)
        weight = torch.stack(
            [balanced(flags, known, multilabel) if each == "balanced" else equal for each, _ in tried]
        )
        self.weight = nn.Buffer(weight)  # (head, sample, class)
        self.flags, self.known = nn.Buffer(flags), nn.Buffer(known)  # (sample, class)
        strength = torch.tensor([c for _, c in tried], dtype=torch.float32)
        self.penalty = nn.Buffer(1 / (2 * strength * len(flags)))

    def forward(self, scores: Tensor, sample: Tensor, answer: Tensor) -> Tensor:
        """Sum over heads, each of which has parameters of its own.

        Parameters
        ----------
        scores : Tensor, shape (head, row, class)
        sample : int64 Tensor, shape (row,)
            That a row is a crop of.
        answer : Tensor, shape (head, class, head of attention, dim)
        """
        target = self.flags[sample].float().expand_as(scores)
        if self.multilabel:
            each = F.binary_cross_entropy_with_logits(scores, target, reduction="none")
        else:
            each = -target * scores.log_softmax(-1)
        loss = _known_mean(self.weight[:, sample] * each, self.known[sample]).sum(-1)  # (head,)
        return (loss + self.penalty * answer.square().sum((1, 2, 3))).sum()


def balanced(flags: Tensor, known: Tensor, multilabel: bool) -> Tensor:
    """Weights, shape (sample, class), by which classes weigh alike and the mean of what is known is 1.

    With several labels both values of each class weigh alike; of exclusive classes those that occur.
    """
    share = _known_mean(flags.float(), known)
    if multilabel:
        both = (share > 0) & (share < 1)
        return torch.where(both, torch.where(flags, 0.5 / share, 0.5 / (1 - share)), 1.0)
    return (1 / (share * (share > 0).sum())).nan_to_num(posinf=0).expand(flags.shape)


@dataclass(frozen=True)
class _Scale:
    """Mean and deviation of each dimension of tokens, shape (dim, 1)."""

    mean: Tensor
    deviation: Tensor

    @classmethod
    def fit(cls, tokens: Tensor, device: torch.device) -> _Scale:
        """From tokens, shape (sample, crop, dim, time)."""
        deviation, mean = torch.std_mean(tokens.double(), (0, 1, 3), unbiased=False)
        deviation = torch.where(deviation <= 1e-7 * mean.abs().clamp(min=1e-30), 1.0, deviation)
        return cls(*(value.float()[:, None].to(device) for value in (mean, deviation)))

    def __call__(self, tokens: Tensor) -> Tensor:
        return (tokens.to(self.mean.device) - self.mean) / self.deviation


@torch.no_grad()
def _probabilities(model: AttentionHeads, tokens: Tensor, scale: _Scale, multilabel: bool) -> Array:
    """Of each head, shape (head, sample, class); scores of crops are averaged."""
    samples, crops = tokens.shape[:2]
    rows = tokens.flatten(0, 1)
    parts = [model(scale(rows[at : at + AT_ONCE])).double() for at in range(0, len(rows), AT_ONCE)]
    scores = torch.cat(parts, dim=1)  # (head, sample * crop, class)
    logits = scores.view(len(scores), samples, crops, -1).mean(2)
    return (logits.sigmoid() if multilabel else logits.softmax(-1)).cpu().numpy()


@torch.no_grad()
def _taken(
    model: AttentionHeads, at: int, tried: Sequence[tuple[ClassWeights, float]], scale: _Scale
) -> Chosen:
    """One of the heads as it is now."""
    question, answer = (weight[at] for weight in model.folded())
    arrays = {
        "mean": scale.mean[:, 0],
        "deviation": scale.deviation[:, 0],
        "question": question,
        "answer": answer,
        "bias": model.bias[at],
    }
    weighting, c = tried[at]
    return Chosen({name: value.cpu().numpy().copy() for name, value in arrays.items()}, c, weighting)


def _known_mean(each: Tensor, known: Tensor) -> Tensor:
    """Mean of what is known of each class, shape (..., class), of values, shape (..., sample, class)."""
    return each.where(known, 0).sum(-2) / known.sum(-2).clamp(min=1)
