"""What a table says of each recording besides its label: age, sex, device, and whatever else is named."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.tables.identifiers import spelled
from tsrep.datasets.tables.reading import Table, is_missing, row_of
from tsrep.errors import DataError

OLDEST, HIDDEN = 89, 300  # years; PTB-XL publishes higher ages as 300
LIFE = 120  # years, beyond which an age is a code
SEXES = {"f": "F", "female": "F", "m": "M", "male": "M"}


def ages(years: Iterable[float]) -> dict[str, NDArray[Any]]:
    """Ages as :attr:`tsrep.signals.panel.Panel.meta` has them: NaN above 89 years, which a flag says.

    Parameters
    ----------
    years : iterable of float
        NaN where unknown; 300 where hidden because the person is older than 89.
    """
    age = np.array(list(years), np.float64)
    over = age > OLDEST
    return {"age": np.where(over, np.nan, age), "over_89": over}


def read_metadata(path: Path, table: Table, columns: Sequence[str]) -> dict[str, NDArray[Any]]:
    """Columns of a table as arrays of numbers, where all cells are numbers or empty, else of texts.

    ``age`` is in years, and 300 says that somebody is older than 89; ``sex`` is F, M or empty.

    Raises
    ------
    DataError
        When an age or a sex is none.
    """
    found: dict[str, NDArray[Any]] = {}
    for name in columns:
        cells = ["" if is_missing(cell) else cell.strip() for cell in table[name]]
        if name == "age":
            found |= _ages(path, cells)
        elif name == "sex":
            found[name] = _sexes(path, cells)
        else:
            found[name] = _values(cells)
    return found


def _ages(path: Path, cells: Sequence[str]) -> dict[str, NDArray[Any]]:
    odd = next((i for i, cell in enumerate(cells) if cell and not _is_age(cell)), None)
    if odd is not None:
        raise DataError(
            f"{row_of(path, odd)} has {cells[odd]!r} as age; give years from 0 to {LIFE}, {HIDDEN} where "
            f"somebody is older than {OLDEST} and no more is known, and nothing where the age is unknown"
        )
    return ages(float(cell or "nan") for cell in cells)


def _is_age(cell: str) -> bool:
    try:
        return 0 <= float(cell) <= LIFE or float(cell) == HIDDEN
    except ValueError:
        return False


def _sexes(path: Path, cells: Sequence[str]) -> NDArray[np.str_]:
    odd = next((i for i, cell in enumerate(cells) if cell and cell.lower() not in SEXES), None)
    if odd is not None:
        raise DataError(f"{row_of(path, odd)} has {cells[odd]!r} as sex; write F, M or nothing")
    return np.array([SEXES.get(cell.lower(), "") for cell in cells])


def _values(cells: Sequence[str]) -> NDArray[Any]:
    """Numbers, NaN where a cell is empty, or texts where one is no number or all are empty."""
    try:
        if not any(cells):
            return np.array(cells)
        return np.array([float(cell) if cell else np.nan for cell in cells])
    except ValueError:
        return np.array(spelled(list(cells)))
