"""Files of labelled series: the ``.ts`` form through sktime, and the older UCR text form."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import DataError


@dataclass(frozen=True, eq=False)
class Labelled:
    """Series of a file, each a list of one float64 array a channel, and their class names."""

    series: list[list[NDArray[np.float64]]]
    label: list[str]


def read_labelled(path: Path) -> Labelled:
    """Read a ``.ts``, ``.tsv`` or ``.txt`` file.

    Parameters
    ----------
    path : Path

    Raises
    ------
    DataError
        When the file is empty, unreadable or without classes, or a channel of a series has no value or one
        that is infinite in single precision.
    """
    found = _read_ts(path) if path.suffix == ".ts" else _read_text(path)
    if not found.series:
        raise DataError(f"{path} has no series; give a file with at least one")
    for i, channels in enumerate(found.series):
        for c, values in enumerate(channels):
            if not np.isfinite(values).any():
                raise DataError(
                    f"series {i} of {path} has no value in channel {c}; remove the series or mend it"
                )
            if (np.abs(values) > np.finfo(np.float32).max).any():
                raise DataError(
                    f"series {i} of {path} has an infinite value in channel {c}; mend it (a missing one is ?)"
                )
    return found


def _read_ts(path: Path) -> Labelled:
    from sktime.datasets import load_from_tsfile_to_dataframe  # takes seconds

    try:
        names = _class_names(path)
        read = load_from_tsfile_to_dataframe(str(path), return_separate_X_and_y=True)
    except (OSError, ValueError, TypeError, IndexError, NameError) as error:
        # sktime meets a file without a header with a name that it has not set
        reason = "it has no header" if isinstance(error, NameError | TypeError) else str(error)
        raise DataError(f"{path} is not readable as a .ts file ({reason}); download it again") from error
    if not isinstance(read, tuple):
        raise DataError(f"{path} has no class labels; give a classification problem")
    table, label = read
    columns = [table[name].tolist() for name in table.columns]
    series = [
        [np.asarray(values, np.float64) for values in channels] for channels in zip(*columns, strict=True)
    ]
    for i, name in enumerate(label.tolist()):
        if name not in names:
            raise DataError(
                f"series {i} of {path} has class {name!r}, which @classLabel does not list; mend the file"
            )
    return Labelled(series, [names[name] for name in label.tolist()])


def _class_names(path: Path) -> dict[str, str]:
    """Names in the header by their lower-case form, which is all that sktime keeps."""
    with path.open(encoding="utf-8") as lines:
        for line in lines:
            words = line.split()
            if words and words[0].lower() == "@classlabel":
                names = {name.lower(): name for name in words[2:]}
                if len(names) < len(words[2:]):
                    raise DataError(f"{path} has class names that differ in case only; rename one of them")
                return names
            if words and words[0].lower() == "@data":
                break
    return {}


def _read_text(path: Path) -> Labelled:
    """One series a line, the label first, divided by blanks, tabs or commas; NaN at the end is padding."""
    try:
        lines = path.read_text(encoding="utf-8").split("\n")
        rows = [line.replace(",", " ").split() for line in lines if line.strip()]
        series = [[_trimmed(np.array(row[1:], np.float64))] for row in rows]
        return Labelled(series, [_plain(row[0]) for row in rows])
    except (OSError, ValueError) as error:
        raise DataError(
            f"{path} is not readable as labelled series ({error}); give lines of a label and numbers"
        ) from error


def _trimmed(values: NDArray[np.float64]) -> NDArray[np.float64]:
    """Without the missing values at the end."""
    known = np.flatnonzero(np.isfinite(values))
    return values[: known[-1] + 1] if len(known) else values[:0]


def _plain(label: str) -> str:
    """``-1.0000000e+00`` is the class ``-1``."""
    try:
        number = float(label)
    except ValueError:
        return label
    return str(int(number)) if number.is_integer() else label
