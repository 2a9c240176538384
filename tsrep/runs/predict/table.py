"""Predictions as columns in memory."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.kept_head import Cell
from tsrep.files import replacing, write_json
from tsrep.runs.predict.columns import Column
from tsrep.runs.predict.output import Destination
from tsrep.runs.predict.writers.writer import writer_of

if TYPE_CHECKING:
    import pandas as pd

MISSING: Mapping[str, Cell] = {"text": "", "number": float("nan"), "count": 0}
DTYPES: Mapping[str, Any] = {"text": object, "number": np.float64, "count": np.int64}


@dataclass(frozen=True, eq=False)
class PredictionTable:
    """Predictions, one row for each recording or window.

    Attributes
    ----------
    columns : tuple of Column
    rows : list of tuple
        Cells in the order of the columns; None where there is nothing.
    about : mapping
        How they were made: encoder, head, calibration, thresholds, notes and counts.
    """

    columns: tuple[Column, ...]
    rows: Sequence[Sequence[Cell]]
    about: Mapping[str, Any] = field(default_factory=dict)

    def __len__(self) -> int:
        return len(self.rows)

    def __getitem__(self, name: str) -> Array:
        """A column as an array; numbers that are missing are NaN, texts empty."""
        names = [column.name for column in self.columns]
        at = names.index(name) if name in names else -1
        if at < 0:
            raise KeyError(f"there is no column {name}; there are {', '.join(names)}")
        kind = self.columns[at].kind
        cells = [MISSING[kind] if row[at] is None else row[at] for row in self.rows]
        return np.array(cells, DTYPES[kind])

    @property
    def probabilities(self) -> Array:
        """Probabilities of the classes, shape (row, class); NaN where there is no prediction.

        Raises
        ------
        KeyError
            When the table has none, as with a head for a number.
        """
        names = [column.name for column in self.columns if column.name.startswith("p_")]
        if not names:
            raise KeyError("the table has no probabilities; its predictions are in the column prediction")
        return np.stack([self[name] for name in names], axis=1)

    def to_frame(self) -> pd.DataFrame:
        """The table as a pandas data frame."""
        import pandas as pd

        return pd.DataFrame({column.name: self[column.name] for column in self.columns})

    def save(self, path: Path | str, *, overwrite: bool = False) -> None:
        """Write the table as CSV, Parquet or JSON Lines by its suffix, and ``about`` as JSON beside it.

        Raises
        ------
        ConfigError
            When the suffix is none of them.
        RunError
            When the file exists and may not be replaced, or cannot be written.
        """
        place = Destination(Path(path), overwrite=overwrite)
        place.check()
        with replacing(place.out) as temporary:
            table = writer_of(place.out)(temporary, self.columns)
            try:
                table.write(self.rows)
                table.close(self.about)
            finally:
                table.discard()
        write_json(place.about, self.about)
