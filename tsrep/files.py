"""Files that are written whole or not at all, and arrays that are read whole or refused."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import RunError


def _mode() -> int:
    """Permissions of new files; the mask can only be read by setting it."""
    mask = os.umask(0)
    os.umask(mask)
    return 0o666 & ~mask


_MODE = _mode()  # once, as threads that write meanwhile would see no mask


@contextmanager
def replacing(path: Path) -> Iterator[Path]:
    """A temporary path that takes the place of ``path`` when the block ends well, and is removed if not.

    Raises
    ------
    RunError
        When the place cannot be written, or the disk is full.
    """
    temporary = path.with_name(f".{path.name}.{os.getpid()}.part")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            yield temporary
            temporary.chmod(_MODE)  # some writers make files that only their owner may read
            temporary.replace(path)
        finally:
            temporary.unlink(missing_ok=True)
    except OSError as error:
        raise unwritable(path, error) from error


def said(error: Exception) -> str:
    """What is wrong in words: of an error of the system without its number and the path."""
    return str(getattr(error, "strerror", None) or error)


def unwritable(path: Path, error: OSError) -> RunError:
    """What to tell a user whose file cannot be written."""
    return RunError(f"{path} cannot be written ({said(error)}); free space or choose another place")


def refuse_taken(path: Path, *suffixes: str, overwrite: bool) -> None:
    """Refuse a place for a file before anything is computed for it.

    Parameters
    ----------
    path : Path
    *suffixes : str
        Those that tell others what the file holds; any where there are none.
    overwrite : bool
        Whether a file that is there may be replaced.

    Raises
    ------
    RunError
        When it is a folder, has another suffix, or is there already.
    """
    if path.is_dir():
        raise RunError(f"{path} is a folder; give the name of a file")
    if suffixes and path.suffix.lower() not in suffixes:
        told = " or ".join(suffixes)
        raise RunError(f"{path} does not end in {told}, by which others know the format; rename it")
    if path.exists() and not overwrite:
        raise RunError(f"{path} exists; choose another name or --overwrite")


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


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
