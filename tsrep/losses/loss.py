"""What every loss of representations promises."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np
import torch
from torch import Tensor, nn

from tsrep.errors import ConfigError
from tsrep.losses.relation import Relation
from tsrep.signals.panel import Ints, Panel


class Loss(nn.Module, ABC):
    """A function of the representations of two or more views of each sample of a batch.

    A loss keeps no state but a temperature that is learned, draws nothing by itself and, in a distributed
    run, gathers the rows that it needs; an objective owns heads, queues and slow copies, and a
    :class:`tsrep.losses.relation.Relation` says which samples belong together. In a distributed run its value
    is such that the mean over ranks, and the gradient that ``DistributedDataParallel`` averages, are those of
    the whole batch.

    Attributes
    ----------
    views : tuple of (int, int or None)
        Fewest and most views that it takes; None is no limit.
    needs : frozenset of {"label", "trial", "patient", "target"}
        What it must know of every sample.
    reads_windows : bool
        Whether it compares the samples themselves.
    column : int
        Number of the target that it compares, where it does.
    takes_bank : bool
        Whether it contrasts each row with candidates, so that keys of past batches can be some of them.
    detaches : bool
        Whether some of its factors are numbers to the gradient, which then is not that of the value.
    normalises : bool
        Whether rows come to unit length first, so that their length does not matter.
    keeps_positives : bool
        Whether its positives are those of the relation that it is given.
    """

    views: ClassVar[tuple[int, int | None]] = (2, None)
    needs: frozenset[str] = frozenset()
    reads_windows: ClassVar[bool] = False
    column: int = 0
    takes_bank: ClassVar[bool] = False
    detaches: bool = False
    normalises: ClassVar[bool] = True
    keeps_positives: bool = False

    def draw(self, size: tuple[int, int, int], *, generator: torch.Generator) -> Tensor | None:
        """All randomness of one step, the same on every rank; None where there is none.

        Parameters
        ----------
        size : tuple of int
            Views, samples of all ranks, and dimensions.
        generator : torch.Generator
        """
        del size, generator
        return None

    def diagnostics(self) -> dict[str, Tensor]:
        """Scalars for the log that are no part of it, such as a temperature that is learned."""
        return {}

    def refuse_unfit(self, train: Panel) -> None:
        """Check before training that the samples have what the loss needs.

        Parameters
        ----------
        train : Panel

        Raises
        ------
        ConfigError
            When they have not; one sentence says what to change.
        """
        name = getattr(self, "name", type(self).__name__)
        if "label" in self.needs and len(np.unique(train.label[train.labelled], axis=0)) < 2:
            raise ConfigError(
                f"loss {name} compares classes, and all training samples have one; add samples of another "
                "class or choose a loss such as nt-xent"
            )
        if "target" in self.needs and (found := self._targets(train)) < 2:
            has = "all that are known are equal" if found else "none of the training samples has a known one"
            raise ConfigError(
                f"loss {name} compares numeric targets, such as age, and in column {self.column} {has}; name "
                "others with dataset.targets or choose a loss such as nt-xent"
            )

    def refuse_batches(self, train: Panel, batches: Sequence[Ints], dim: int, width: str) -> None:
        """Check before training that some batch holds what the loss compares or estimates.

        Parameters
        ----------
        train : Panel
            The training samples.
        batches : sequence of int64 arrays
            Those of an epoch, over all processes.
        dim : int
            Of representations.
        width : str
            The setting that decides about ``dim``.

        Raises
        ------
        ConfigError
            When none does; one sentence says what to change.
        """
        del dim, width
        for what, told in (("label", "class"), ("trial", "recording")):
            if what in self.needs and all(_alike(train, what, batch) for batch in batches):
                name = getattr(self, "name", type(self).__name__)
                raise ConfigError(
                    f"loss {name} tells samples apart by their {told}, but each batch is of one {told}; set "
                    "another sampler, such as random, or raise training.batch_size from "
                    f"{max(map(len, batches))}"
                )

    def refuse_head(self, hidden: int, projection: int) -> None:
        """Check before training that a projection head gives as many dimensions as the loss needs.

        Parameters
        ----------
        hidden, projection : int
            Widths of its hidden layer and of the linear map that follows.

        Raises
        ------
        ConfigError
            When it does not; one sentence says what to change.
        """
        del hidden, projection

    def _targets(self, train: Panel) -> int:
        """How many different targets are known in the column that the loss compares."""
        if train.target is None or train.target.shape[1] <= self.column:
            return 0
        known = np.isfinite(train.target)
        known = known if train.target_known is None else known & train.target_known
        return len(np.unique(train.target[known[:, self.column], self.column]))

    @abstractmethod
    def forward(
        self,
        z: Tensor,
        relation: Relation | None = None,
        *,
        bank: Tensor | None = None,
        draws: Tensor | None = None,
    ) -> dict[str, Tensor]:
        """Named, already weighted scalar terms whose sum is minimised.

        Parameters
        ----------
        z : Tensor, shape (view, batch, dim)
            Representations, of this rank's samples.
        relation : Relation, optional
            Of the samples of all ranks; without one each sample is its own and the others are negatives.
        bank : Tensor, shape (key, dim), optional
            Keys of past batches, without gradient.
        draws : Tensor, optional
            What :meth:`draw` gave.
        """

    if TYPE_CHECKING:

        def __call__(
            self,
            z: Tensor,
            relation: Relation | None = None,
            *,
            bank: Tensor | None = None,
            draws: Tensor | None = None,
        ) -> dict[str, Tensor]: ...


def _alike(train: Panel, what: str, batch: Ints) -> bool:
    """Whether all samples of a batch with a known label have the same label, or trial."""
    values = getattr(train, what)[batch[train.labelled[batch]] if what == "label" else batch]
    return bool((values == values[:1]).all())


def refuse_views(loss: Loss, count: int) -> None:
    """Check that a loss takes so many views.

    Raises
    ------
    ConfigError
        When it does not.
    """
    fewest, most = loss.views
    if count < fewest or (most is not None and count > most):
        wanted = f"{fewest} views" if most == fewest else f"{fewest} views or more"
        name: Any = getattr(loss, "name", type(loss).__name__)
        raise ConfigError(f"loss {name} takes {wanted} of each sample and gets {count}; choose another loss")
