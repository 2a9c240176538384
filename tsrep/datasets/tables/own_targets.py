"""Numbers to predict from a user's own table."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.tables.reading import Table, is_missing, row_of
from tsrep.errors import ConfigError, DataError
from tsrep.signals.panel import Floats, Ints

LONGEST_LIFE = 125  # years, which nobody was older than


@dataclass(frozen=True)
class Wanted:
    """Columns with numbers to predict, and their units.

    Attributes
    ----------
    names : tuple of str
    units : tuple of str, or None
        One for each, such as ``"years"``; None for no units.

    Raises
    ------
    ConfigError
        When there are other units than columns, or a column is named twice.
    """

    names: tuple[str, ...] = ()
    units: tuple[str, ...] | None = None

    def __post_init__(self) -> None:
        if self.units is not None and len(self.units) != len(self.names):
            raise ConfigError(
                f"dataset.target_units has {len(self.units)} units for {len(self.names)} targets; give each "
                "target one, or leave them out"
            )
        twice = next((name for name in self.names if self.names.count(name) > 1), None)
        if twice is not None:
            raise ConfigError(f"dataset.targets names {twice!r} twice; name each column once")

    def read(self, path: Path, table: Table) -> Targets | None:
        """The numbers of the table; None where none are wanted.

        Raises
        ------
        DataError
            When a cell is no finite number and not empty, or all cells of a column are empty.
        """
        return self.of(path, {name: _numbers(path, name, table[name]) for name in self.names})

    def of(self, path: Path, columns: Mapping[str, NDArray[np.float64]]) -> Targets | None:
        """The same of numbers that are read already, NaN where unknown.

        Raises
        ------
        DataError
            When a column has none, or an age is none.
        """
        if not self.names:
            return None
        for name, unit in zip(self.names, self.units or ("",) * len(self.names), strict=True):
            _refuse_other_ages(path, name, unit, columns[name])
        empty = next((name for name in self.names if np.isnan(columns[name]).all()), None)
        if empty is not None:
            raise DataError(
                f"column {empty!r} of {path} has no number; fill it, or leave it out of dataset.targets"
            )
        values = np.stack([columns[name] for name in self.names], axis=1).astype(np.float32)
        return Targets(values, self.names, self.units or ("",) * len(self.names))


@dataclass(frozen=True)
class Targets:
    """Numbers of records, shape (record, target), float32; NaN where unknown."""

    values: Floats
    names: tuple[str, ...]
    units: tuple[str, ...]

    def fields(self, records: Ints) -> dict[str, Any]:
        """Fields of a panel whose samples are these records."""
        chosen = self.values[records]
        return {
            "target": chosen,
            "target_known": np.isfinite(chosen),
            "target_names": self.names,
            "target_units": self.units,
        }


def _refuse_other_ages(path: Path, name: str, unit: str, values: NDArray[np.float64]) -> None:
    """Check that ages in years are some; a code for "over 89" would be learned as a number."""
    if name.casefold() != "age" or unit not in ("", "years"):
        return
    bad = np.flatnonzero(values > LONGEST_LIFE)
    if len(bad):
        raise DataError(
            f"column {name!r} of {path} has {values[bad[0]]:g} in {len(bad)} records (the first is number "
            f"{bad[0] + 1}), which is no age in years; PTB-XL writes 300 for ages over 89: leave such cells "
            "empty, or name another unit in dataset.target_units"
        )


def _numbers(path: Path, column: str, cells: Sequence[str]) -> NDArray[np.float64]:
    values = np.full(len(cells), np.nan)
    for row, cell in enumerate(cells):
        if is_missing(cell):
            continue
        try:
            values[row] = float(cell)
        except ValueError:
            values[row] = np.inf
        if not np.isfinite(values[row]):
            raise DataError(
                f"{row_of(path, row)} has {cell!r} as {column}, which must be a number; leave the cell empty "
                "where it is not known"
            )
    return values
