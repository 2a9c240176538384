"""The best linear head of an encoder as it is, in closed form, for training to start from."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import torch
from torch import Tensor, nn

from tsrep.errors import DataError

PENALTIES = (1.0, 1e1, 1e2, 1e3, 1e4, 1e5)
_PRODUCTS = 2e11  # multiplications of the sums over rows, half a minute of one core
_LEAST = 4096  # rows that are fitted however wide they are

Rows = Iterable[tuple[Tensor, Tensor]]  # inputs, shape (row, feature), and targets, shape (row, output)


@dataclass
class _Moments:
    """Sums of products over rows, which a ridge and its error need and no more; float64."""

    inputs: Tensor
    cross: Tensor
    targets: float = 0.0
    rows: int = 0

    @classmethod
    def of(cls, rows: Rows) -> _Moments | None:
        """Sums over complete rows, as many as can be afforded; None without any."""
        found: _Moments | None = None
        for x, y in _complete(rows):
            wide, outputs = x.shape[1], y.shape[1]
            if found is None:
                found = cls(x.new_zeros(wide, wide), x.new_zeros(wide, outputs))
            found.inputs.addmm_(x.T, x)
            found.cross.addmm_(x.T, y)
            found.targets += float(y.square().sum())
            found.rows += len(x)
            if found.rows >= max(_LEAST, _PRODUCTS / (wide * max(wide, outputs))):
                break
        return found

    def ridge(self, penalty: float) -> Tensor:
        """Coefficients, shape (feature, output); the last feature, that of the intercept, costs nothing."""
        sizes = self.inputs.diagonal()
        least = 1e-9 * float(sizes.max())  # beside large features the penalty itself would be rounded away
        penalties = torch.full((len(self.inputs),), max(penalty, least), dtype=torch.float64)
        penalties[-1] = 1e-9 * sizes[-1] if sizes[-1] > 0 else 1.0
        factor = torch.linalg.cholesky(self.inputs + torch.diag(penalties))
        return torch.cholesky_solve(self.cross, factor)

    def error(self, coefficients: Tensor) -> float:
        """Mean squared error over the rows and outputs."""
        fitted = torch.sum(coefficients * (self.inputs @ coefficients - 2 * self.cross))
        return (self.targets + float(fitted)) / (self.rows * coefficients.shape[1])


def _complete(rows: Rows) -> Iterator[tuple[Tensor, Tensor]]:
    for inputs, targets in rows:
        x, y = inputs.double().cpu(), targets.double().cpu()
        there = x.isfinite().all(dim=1) & y.isfinite().all(dim=1)
        if there.any():
            yield x[there], y[there]


@torch.no_grad()
def start_from_ridge(layer: nn.Linear, train: Rows, held: Rows) -> None:
    """Set a linear map to the ridge of training rows whose penalty is best on held-out rows.

    Parameters
    ----------
    layer : Linear
    train, held : iterables of (inputs, targets)
        Inputs of shape (row, feature + 1), the last one what the intercept is multiplied by (1, or the weight
        of a weighted row); targets of shape (row, output). Rows with a missing value are left out. Read as
        far as half a minute of one core allows, so training rows should come in random order.

    Raises
    ------
    DataError
        When no row of one of them is complete.
    """
    sums, judge = _Moments.of(train), _Moments.of(held)
    if sums is None or judge is None:
        raise DataError(
            "objective.warm_start finds no window without a missing value; fill the gaps of the series, or "
            "set it to false"
        )
    best = min(map(sums.ridge, PENALTIES), key=judge.error)
    layer.weight.copy_(best[:-1].T)
    layer.bias.copy_(best[-1])
