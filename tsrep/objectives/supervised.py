"""Labels alone: a classification head on the pooled representation."""

from __future__ import annotations

from typing import Annotated, ClassVar, Literal

import torch
from pydantic import Field, PositiveInt
from torch import Tensor, nn

from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import Pooling, pool
from tsrep.errors import ConfigError
from tsrep.losses.classification import classification_loss
from tsrep.objectives.objective import Objective
from tsrep.registry import OBJECTIVES
from tsrep.signals.batch import Batch
from tsrep.views.dropout import dropout
from tsrep.views.timestamp_masks import binomial_mask

Probability = Annotated[float, Field(ge=0, lt=1)]
HeadName = Literal["linear", "mlp", "published"]


@OBJECTIVES.register("supervised", runtime=("dim", "classes", "multilabel"))
class Supervised(Objective):
    """Cross-entropy of a head on pooled features; binary cross-entropy per class for several labels.

    What a sample does not say of a class takes no part: each class is averaged over the samples of a batch
    that state it.

    Parameters
    ----------
    dim, classes : int
        Width of the representation, and number of classes.
    multilabel : bool
        Whether a sample can have several classes.
    pooling : str
        Over time: ``"max"``, ``"mean"``, ``"last"`` or ``"max-mean"``.
    head : str
        ``"linear"``, ``"mlp"`` (one hidden layer), or ``"published"`` (COMET's public code: batch
        normalisation in the hidden layer and dropout on the logits).
    hidden : int
        Width of the hidden layer of the other two heads.
    dropout : float
        Probability, in training only.
    masked_steps : float
        Share of time steps whose latent is zeroed in training; the public code has 0.5.
    double_sigmoid : bool
        Published behaviour for two classes, ``"published"`` head only: two sigmoids on the logits
        before the cross-entropy, which then cannot fall below 0.584.

    Raises
    ------
    ConfigError
        When ``double_sigmoid`` does not go with the head or the classes.

    References
    ----------
    Strodthoff et al., "Deep learning for ECG analysis: benchmarks and insights from PTB-XL", IEEE J Biomed
    Health Inform 2021, for several labels; Wang et al., NeurIPS 2023, for the published head.
    """

    needs: frozenset[str] = frozenset({"label"})
    classifies: ClassVar[bool] = True
    takes_unknown: ClassVar[bool] = True

    def __init__(
        self,
        dim: int,
        classes: int,
        multilabel: bool = False,
        pooling: Pooling = "max",
        head: HeadName = "linear",
        hidden: PositiveInt = 128,
        dropout: Probability = 0.1,
        masked_steps: Probability = 0.0,
        double_sigmoid: bool = False,
    ) -> None:
        super().__init__()
        if double_sigmoid and (head != "published" or classes != 2 or multilabel):
            raise ConfigError(
                "objective.double_sigmoid is only defined for the published head and two exclusive classes "
                f"(head {head!r}, {classes} classes, multilabel {multilabel}); set it to false"
            )
        self.pooling = self.head_pooling = pooling
        self.masked_steps = masked_steps
        # Both pools stand side by side.
        inputs = 2 * dim if pooling == "max-mean" else dim
        self.head = ClassificationHead(head, inputs, classes, hidden, dropout, double_sigmoid)

    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        """Term ``classification``; see :class:`Objective`."""
        noise = generator if self.training else None
        logits = self.logits(encoder, batch.x, generator=noise)
        return {"classification": classification_loss(logits, batch.label, batch.known)}

    def logits(self, encoder: Encoder, x: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Class scores before the loss.

        Parameters
        ----------
        encoder : Encoder
        x : Tensor, shape (batch, channel, time)
        generator : torch.Generator, optional
            Source of dropout and masks; without it there are none.

        Returns
        -------
        Tensor, shape (batch, class)
        """
        # (batch, time): which steps of the latent are kept, as in pre-training by masked methods
        keep = None
        if generator is not None and self.masked_steps > 0:
            keep = binomial_mask(*x.shape[::2], generator=generator, probability=1 - self.masked_steps)
        scores: Tensor = self.head(self.pooled(encoder(x, keep)), generator=generator)
        return scores

    def pooled_logits(self, features: Tensor) -> Tensor:
        """See :meth:`Objective.pooled_logits`."""
        scores: Tensor = self.head(features)
        return scores

    def linear_head(self) -> nn.Linear | None:
        """See :meth:`Objective.linear_head`; of the head ``"linear"``."""
        return self.head.linear

    def pooled(self, z: Tensor) -> Tensor:
        """See :meth:`Objective.pooled`."""
        return pool(z, self.pooling)


class ClassificationHead(nn.Module):
    """From pooled features to class scores; dropout is drawn from the objective's generator.

    Parameters
    ----------
    kind : {"linear", "mlp", "published"}
        The last is that of COMET's public code, kept for comparison: batch normalisation in the hidden
        layer, and dropout on the logits in place of the features.
    inputs, classes : int
    hidden : int
        Width of the hidden layer of the last two kinds.
    dropout : float
        Probability; in effect only when a generator is given.
    double_sigmoid : bool
        Two sigmoids on the logits, so that the outputs lie between 0.5 and 0.731 and a cross-entropy over
        two classes cannot fall below 0.584.

    References
    ----------
    The public code of Wang et al., "Contrast Everything" (COMET), NeurIPS 2023.
    """

    def __init__(
        self, kind: HeadName, inputs: int, classes: int, hidden: int, dropout: float, double_sigmoid: bool
    ) -> None:
        super().__init__()
        self.published, self.dropout, self.double_sigmoid = kind == "published", dropout, double_sigmoid
        norm = [nn.BatchNorm1d(hidden)] if self.published else []
        self.layers = (
            nn.Sequential(nn.Linear(inputs, classes))
            if kind == "linear"
            else nn.Sequential(nn.Linear(inputs, hidden), *norm, nn.ReLU(), nn.Linear(hidden, classes))
        )

    @property
    def linear(self) -> nn.Linear | None:
        """The only map, where there is one."""
        first, *others = self.layers
        return first if isinstance(first, nn.Linear) and not others else None

    def forward(self, features: Tensor, *, generator: torch.Generator | None = None) -> Tensor:
        """Outputs that are taken for logits, shape (batch, class), of features, shape (batch, inputs)."""
        if self.published:  # its dropout zeroes whole class scores
            logits = self._dropped(self.layers(features), generator)
            return logits.sigmoid().sigmoid() if self.double_sigmoid else logits
        scores: Tensor = self.layers(self._dropped(features, generator))
        return scores

    def _dropped(self, values: Tensor, generator: torch.Generator | None) -> Tensor:
        return values if generator is None else dropout(values, self.dropout, generator=generator)
