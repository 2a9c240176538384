"""Tables with tabs, as BIDS has them."""

from __future__ import annotations

import csv
from pathlib import Path

from tsrep.errors import DataError


def read_tsv(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a table with tabs.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            rows = [row for row in csv.reader(stream, delimiter="\t") if any(cell.strip() for cell in row)]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise DataError(f"{path} cannot be read as a table with tabs ({error})") from error
    header = [name.strip() for name in rows[0]] if rows else []
    short = next((i for i, row in enumerate(rows) if len(row) != len(header)), None)
    if short is not None:
        raise DataError(f"row {short + 1} of {path} has {len(rows[short])} fields of {len(header)}; mend it")
    return header, rows[1:]
