"""Reading the CSV, TSV and Parquet files that come with recordings; messages name file, row and column."""

from __future__ import annotations

import csv
import io
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.tables.identifiers import spelled
from tsrep.errors import ConfigError, DataError
from tsrep.files import said
from tsrep.registry import nearest
from tsrep.signals.panel import Ints

Table = dict[str, list[str]]
PARQUET = (".parquet", ".pq")
WHOLE = re.compile(r"([+-]?\d{1,19})(?:\.0*)?", re.ASCII)
SETTINGS = ("record", "file", "patient", "label")  # that name a column, by default one of their own name
LARGEST = np.iinfo(np.int64).max
NO_TEXT = re.compile(r"[\0-\x08\x0e-\x1f]")
SEPARATORS = {",": "commas", ";": "semicolons", "\t": "tabs"}
MISSING = frozenset(
    {"", "#N/A", "#N/A N/A", "#NA", "-NaN", "-nan", "<NA>", "N/A", "NA", "NULL", "NaN", "NaT", "None", "n/a"}
    | {"nan", "null", "1.#IND", "-1.#IND", "1.#QNAN", "-1.#QNAN"}
)  # of every table: what stands for no value


def is_missing(cell: str) -> bool:
    """Whether a cell of a table holds no value."""
    return cell.strip() in MISSING


def read_table(path: Path, columns: Sequence[str]) -> Table:
    """Some columns of a CSV, TSV or Parquet file as text.

    Raises
    ------
    DataError
        When the file cannot be read, is empty, or lacks a column.
    """
    if path.suffix in PARQUET:
        return _parquet_text(path, columns)
    header, rows = read_text(path)
    at = _positions(path, header, columns)
    if not rows:
        raise DataError(f"{path} has a header but no rows; it must have one row per record")
    _refuse_incomplete(path, header, rows, [len(row) <= max(at, default=0) for row in rows])
    return {column: [row[i] for row in rows] for column, i in zip(columns, at, strict=True)}


def column_names(path: Path) -> tuple[str, ...]:
    """Names of the columns of a CSV file.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            header = tuple(next(csv.reader(stream), ()))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unreadable(path, error) from error
    refuse_other_text(path, header)
    return header


def unreadable(path: Path, error: Exception) -> DataError:
    """What to tell a user whose table of text cannot be read."""
    if isinstance(error, OSError):
        return DataError(f"{path} cannot be read ({said(error)}); check the path")
    if isinstance(error, UnicodeDecodeError):
        return DataError(
            f"{path} is not text in UTF-8; save it as CSV in UTF-8, or as Parquet with that ending"
        )
    kind = "table with tabs" if path.suffix == ".tsv" else "CSV file"
    return DataError(f"{path} cannot be read as a {kind} ({error}); correct it")


def refuse_other_text(path: Path, header: Sequence[str]) -> None:
    """Check by its header that a table is text, and that its fields are separated as its ending says.

    Raises
    ------
    DataError
    """
    if NO_TEXT.search("".join(header)):
        raise DataError(f"{path} is not a text file; save it as CSV, or as Parquet with that ending")
    own = "\t" if path.suffix == ".tsv" else ","
    for mark, words in SEPARATORS.items():
        if mark != own and len(header) == 1 and mark in header[0]:
            raise DataError(f"the fields of {path} are separated by {words}; save it with {SEPARATORS[own]}")


def read_text(path: Path) -> tuple[list[str], list[list[str]]]:
    """Header and rows of a CSV file, or of a table with tabs as BIDS has them; empty rows are passed over.

    Raises
    ------
    DataError
        When it cannot be read, or rows of a table with tabs have another number of fields than its header.
    """
    tabs = path.suffix == ".tsv"
    try:
        with path.open(newline="", encoding="utf-8-sig") as stream:
            text = stream.read()
        reader = csv.reader(io.StringIO(text, newline=""), delimiter="\t" if tabs else ",")
        rows = [row for row in reader if row]
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise unreadable(path, error) from error
    refuse_other_text(path, rows[0] if rows else ())
    if tabs or text.count('"') % 2:
        _refuse_open_quote(path, rows)
    header, rows = rows[:1], rows[1:]
    names = header[0] if header else []
    if tabs:
        names, rows = [name.strip() for name in names], [row for row in rows if any(map(str.strip, row))]
        _refuse_incomplete(path, names, rows, [len(row) != len(names) for row in rows])
    return names, rows


def read_listing(path: Path) -> list[str]:
    """Lines of a text file that names records or files, without empty ones.

    Raises
    ------
    DataError
        When it cannot be read.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"the list {path} cannot be read ({said(error)}); give a text file of names"
        ) from error
    return [line.strip() for line in lines if line.strip()]


def _refuse_open_quote(path: Path, rows: list[list[str]]) -> None:
    """A quote that is not closed would take the rows behind it into one field."""
    i = next((i for i, row in enumerate(rows) if any("\n" in field for field in row)), None)
    if i is not None:
        raise DataError(f"row {i + 1} of {path} opens a quote that is not closed; close or remove it")


def _refuse_incomplete(path: Path, header: list[str], rows: list[list[str]], odd: list[bool]) -> None:
    if any(odd):
        i = odd.index(True)
        raise DataError(f"row {i + 2} of {path} has {len(rows[i])} fields of {len(header)}; complete it")


def read_parquet(path: Path) -> Any:
    """A Parquet file as a data frame.

    Raises
    ------
    ConfigError
        When no package that reads Parquet is installed.
    DataError
        When the file cannot be read.
    """
    import pandas as pd

    try:
        return pd.read_parquet(path)
    except ImportError as error:
        raise ConfigError(
            f"{path} cannot be read without pyarrow; install tsrep[parquet] or save the table as CSV"
        ) from error
    except Exception as error:  # of its engine, which has classes of its own
        reason = str(error).splitlines()[0] if str(error) else type(error).__name__
        raise DataError(f"{path} cannot be read as a Parquet file ({reason})") from error


def _parquet_text(path: Path, columns: Sequence[str]) -> Table:
    frame = read_parquet(path)
    header = [str(name) for name in frame.columns]
    at = _positions(path, header, columns)
    if not len(frame):
        raise DataError(f"{path} has no rows; it must have one row per record")
    return {
        column: [
            "" if missing else _cell(value) for value, missing in zip(values, values.isna(), strict=True)
        ]
        for column, values in ((column, frame.iloc[:, i]) for column, i in zip(columns, at, strict=True))
    }


def to_numbers(cells: Any) -> NDArray[np.float64]:
    """A column of a data frame as numbers; NaN where a cell has none. Dates are no numbers.

    Parameters
    ----------
    cells : pandas Series
    """
    import pandas as pd

    if not pd.api.types.is_numeric_dtype(cells):  # of dates pandas would make nanoseconds
        cells = cells.astype("str").where(cells.notna())
    return np.array(pd.to_numeric(cells, errors="coerce").to_numpy(np.float64, na_value=np.nan))


def _cell(value: Any) -> str:
    """As a CSV file would have it."""
    return value.decode("utf-8", "replace") if isinstance(value, bytes) else str(value)


def row_of(path: Path, row: int) -> str:
    """Where a row stands, for messages: as an editor counts lines, or as rows of a Parquet file."""
    return f"row {row + (1 if path.suffix in PARQUET else 2)} of {path}"


def integers(path: Path, column: str, values: Sequence[str]) -> Ints:
    """Whole numbers of a column, also when written as ``15709.0``.

    Raises
    ------
    DataError
        At the first value that is not a whole number.
    """
    numbers = [_whole(value) for value in values]
    bad = next((row for row, number in enumerate(numbers) if number is None), None)
    if bad is not None:
        raise DataError(f"{row_of(path, bad)} has {values[bad]!r} as {column}, which must be a whole number")
    return np.array(numbers, np.int64)


def codes(values: Sequence[str]) -> tuple[Ints, tuple[str, ...]]:
    """Numbers for names, in sorted order, and the names; whole numbers keep their value and need no names.

    One value with a leading zero makes names of all, since ``001`` and ``1`` are two people.
    """
    distinct = list(dict.fromkeys(values))
    texts = dict(zip(distinct, spelled(distinct), strict=True))
    numbers = {value: _whole(text) for value, text in texts.items()}
    if None not in numbers.values() and not any(map(_padded, texts.values())):
        return np.array([numbers[value] for value in values], np.int64), ()
    names, index = np.unique(np.array([texts[value] for value in values], np.str_), return_inverse=True)
    return index.astype(np.int64), tuple(names.tolist())


def refuse_duplicates(path: Path, column: str, values: Sequence[str] | Ints) -> None:
    """Raise a DataError at the first value that two rows share."""
    unique, first, count = np.unique(np.asarray(values), return_index=True, return_counts=True)
    if (count > 1).any():
        twice = unique[count > 1][np.argmin(first[count > 1])]
        raise DataError(f"{path} has {column} {twice} in more than one row; keep one row per record")


def _positions(path: Path, header: list[str], columns: Sequence[str]) -> list[int]:
    """Where columns are, each there once; all that are missing are named at once."""
    missing = [column for column in columns if column not in header]
    if not missing:
        for column in columns:
            if header.count(column) > 1:  # either may be meant
                raise DataError(
                    f"{path} has {header.count(column)} columns called {column!r}; rename all but one"
                )
        return [header.index(column) for column in columns]
    known = [name for name in header if name] or ["no columns"]
    hint = nearest(missing[0], known) if len(missing) == 1 else f"known: {', '.join(sorted(known))}"
    own = [f"--set dataset.{column}=COLUMN" for column in missing if column in SETTINGS]
    rename = f"; name {'yours' if len(own) == 1 else 'each'} with {' '.join(own)}" if own else ""
    whose = ", or add 'patient', which says whose each recording is" * ("patient" in missing)
    which = f"column{'s' * (len(missing) > 1)} {', '.join(map(repr, missing))}"
    raise DataError(f"{path} has no {which}; {hint}{rename}{whose}")


def _whole(text: str) -> int | None:
    """Exact value of a whole number that fits 64 bits; by way of a float, 17 digits would not survive."""
    match = WHOLE.fullmatch(text.strip())
    number = int(match[1]) if match else None
    return number if number is not None and abs(number) <= LARGEST else None


def _padded(text: str) -> bool:
    digits = text.lstrip("+-")
    return len(digits) > 1 and digits[0] == "0" and digits[1] != "."
