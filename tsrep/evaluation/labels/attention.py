"""Class scores from tokens by one learned query: attention pools them, and a linear map follows.

References
----------
Weimann and Conrad, Computers in Biology and Medicine 2025: their frozen head, called linear there.
Deviations: tokens are standardised, the query is learned as it is used, and the map has an intercept.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

import numpy as np
import torch
from torch import Tensor, nn

from tsrep.encoders.crops import Crops
from tsrep.encoders.encoder import Encoder
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.classifier import Classifier, Stored
from tsrep.registry import CLASSIFIERS

AT_ONCE = 256


class AttentionHeads(nn.Module):
    """Several heads of the same shape, trained side by side on the same tokens.

    Parameters
    ----------
    several, dim, classes : int
    heads : int
        Of attention; divides ``dim``.
    """

    def __init__(self, several: int, dim: int, classes: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        scale = dim**-0.5
        self.query = nn.Parameter(torch.randn(several, dim) * 0.02)
        self.key = nn.Parameter(torch.randn(several, dim, dim) * scale)
        self.value = nn.Parameter(torch.randn(several, dim, dim) * scale)
        self.out = nn.Parameter(torch.randn(several, classes, dim) * scale)
        self.bias = nn.Parameter(torch.zeros(several, classes))

    def folded(self) -> tuple[Tensor, Tensor]:
        """What tokens and pooled tokens are multiplied with.

        Every head of attention asks one question of a token, so the query goes into the keys, and the output
        map into the values.

        Returns
        -------
        Tensor, shape (several, head, dim)
        Tensor, shape (several, class, head, dim)
        """
        several, dim = self.query.shape
        apart = (several, self.heads, dim // self.heads)  # (several, head, size)
        key, value = (weight.view(*apart, dim) for weight in (self.key, self.value))
        query = self.query.view(apart)
        question = torch.einsum("ghs,ghsd->ghd", query, key) * query.shape[-1] ** -0.5
        out = self.out.view(several, -1, *apart[1:])  # (several, class, head, size)
        return question, torch.einsum("gchs,ghsd->gchd", out, value)

    def forward(self, tokens: Tensor) -> Tensor:
        """Class scores, shape (several, row, class), of tokens, shape (row, dim, time)."""
        question, answer = self.folded()
        return attended(tokens, question, answer) + self.bias[:, None]


def attended(tokens: Tensor, question: Tensor, answer: Tensor) -> Tensor:
    """Class scores without an intercept.

    Parameters
    ----------
    tokens : Tensor, shape (row, dim, time)
    question : Tensor, shape (several, head, dim)
    answer : Tensor, shape (several, class, head, dim)

    Returns
    -------
    Tensor, shape (several, row, class)
    """
    weight = torch.einsum("ghd,ndt->gnht", question, tokens).softmax(-1)
    pooled = torch.einsum("gnht,ndt->gnhd", weight, tokens)  # (several, row, head, dim)
    return torch.einsum("gnhd,gchd->gnc", pooled, answer)


class AttentionModule(nn.Module):
    """One trained head, from the features of windows to their probabilities, in double precision.

    Parameters
    ----------
    arrays : mapping of str to array
        ``mean`` and ``deviation``, shape (dim,), ``question``, shape (head, dim), ``answer``, shape (class,
        head, dim), and ``bias``, shape (class,).
    crops : int
        Of a window; their scores are averaged.
    multilabel : bool
    """

    mean: Tensor
    deviation: Tensor
    question: Tensor
    answer: Tensor
    bias: Tensor

    def __init__(self, arrays: Mapping[str, Array], crops: int, *, multilabel: bool) -> None:
        super().__init__()
        for name in ("mean", "deviation", "question", "answer", "bias"):
            self.register_buffer(name, torch.tensor(np.asarray(arrays[name]), dtype=torch.float64))
        self.crops, self.multilabel = crops, multilabel

    def forward(self, features: Tensor) -> Tensor:
        """Map (window, dim * crop * time) to probabilities (window, class), float64."""
        tokens = crop_tokens(features.double(), len(self.mean), self.crops)
        tokens = (tokens - self.mean[:, None]) / self.deviation[:, None]
        scores = attended(tokens.flatten(0, 1), self.question[None], self.answer[None])[0]
        logits = scores.view(-1, self.crops, len(self.bias)).mean(1) + self.bias
        return logits.sigmoid() if self.multilabel else logits.softmax(dim=1)


def crop_tokens(features: Tensor, dim: int, crops: int) -> Tensor:
    """Tokens of each crop, shape (window, crop, dim, time), of flattened representations."""
    # the number of windows is the one left open, as graphs take batches of any size
    return features.reshape(-1, dim, crops, features.shape[1] // (dim * crops)).transpose(1, 2)


@CLASSIFIERS.register("attention")
@dataclass(frozen=True, eq=False)
class Attention(Classifier):
    """A trained attention-pooled head.

    Attributes
    ----------
    arrays : mapping of str to array
        See :class:`AttentionModule`.
    crop, hop : int
        Steps of a crop that the encoder is shown, and from one to the next.
    crops, time : int
        Crops of a window, and steps of the representation of each.
    C : float
        Inverse regularisation strength that was chosen.
    class_weights : {"none", "balanced"}
        That were chosen.
    multilabel : bool
    """

    arrays: Mapping[str, Array]
    crop: int
    hop: int
    crops: int
    time: int
    C: float
    class_weights: str
    multilabel: bool

    @torch.no_grad()
    def predict(self, features: Array) -> Array:
        """Probabilities, shape (sample, class), float64."""
        module, x = self.module(), torch.from_numpy(np.array(features, np.float32))
        parts = [module(x[at : at + AT_ONCE]) for at in range(0, len(x), AT_ONCE)]
        return np.asarray(torch.cat(parts).numpy())

    @property
    def width(self) -> int:
        """See :attr:`Classifier.width`."""
        return len(self.arrays["mean"]) * self.crops * self.time

    def around(self, encoder: Encoder) -> Encoder:
        """The encoder shown a window in crops."""
        return encoder if self.crops == 1 else Crops(encoder, self.crop, self.hop)

    def module(self) -> nn.Module:
        """See :meth:`Classifier.module`."""
        return AttentionModule(self.arrays, self.crops, multilabel=self.multilabel)

    def stored(self) -> Stored:
        """See :meth:`Classifier.stored`."""
        return Stored(dict(self.arrays), {name: getattr(self, name) for name in _SETTINGS})

    @classmethod
    def restored(cls, arrays: Mapping[str, Array], settings: Mapping[str, Any]) -> Self:
        """See :meth:`Classifier.restored`."""
        return cls(dict(arrays), **{name: settings[name] for name in _SETTINGS})


_SETTINGS = ("crop", "hop", "crops", "time", "C", "class_weights", "multilabel")
