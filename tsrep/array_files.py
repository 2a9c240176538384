"""Several arrays in a file."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.files import replacing


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write a compressed ``.npz`` file atomically."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def read_arrays(path: Path) -> dict[str, NDArray[Any]]:
    """Every array of an ``.npz`` file; none of them may hold objects.

    Raises
    ------
    ValueError
        When the file is broken in any way, cut off, or of another kind.
    OSError
        When it cannot be opened.
    """
    with path.open("rb") as file:
        try:
            with np.load(file) as stored:
                return {name: stored[name] for name in stored.files}
        except (OSError, MemoryError):
            raise
        except Exception as error:  # whatever zip, zlib and NumPy say of bytes that they cannot read
            raise ValueError(f"{path.name} is cut off or another kind of file") from error
