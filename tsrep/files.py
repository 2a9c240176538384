"""Files and folders that are written whole or not at all."""

from __future__ import annotations

import json
import os
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

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

    A symbolic link is replaced itself: one in a folder from elsewhere must not choose what is written over.

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


def expanded(path: Path | str) -> Path:
    """A path with the home folder of its user in place of ``~``.

    Raises
    ------
    RunError
        When nobody knows the home folder.
    """
    try:
        return Path(path).expanduser()
    except RuntimeError as error:
        raise RunError(
            f"the home folder in {path} is not known; set HOME, or give the whole path (folders for data and "
            "conversions with TSREP_DATA and TSREP_CACHE)"
        ) from error


def said(error: Exception) -> str:
    """What is wrong in words: of an error of the system without its number and the path."""
    return str(getattr(error, "strerror", None) or error)


def unwritable(path: Path, error: OSError) -> RunError:
    """What to tell a user whose file cannot be written."""
    return RunError(f"{path} cannot be written ({said(error)}); free space or choose another place")


def refuse_other_folder(folder: Path, *own: str) -> None:
    """Refuse a folder for results that is a file, or holds something else than such results.

    Parameters
    ----------
    folder : Path
        One that is not there, or empty, will do.
    *own : str
        Names in it of which one tells that such results were written there before.

    Raises
    ------
    RunError
    """
    if folder.is_file():
        raise RunError(f"{folder} is a file; give another --out, the name of a folder")
    refuse_below_file(folder)
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).exists() for name in own):
        raise RunError(f"{folder} holds other files; give another --out, the name of a new folder")


def refuse_below_file(path: Path) -> None:
    """Refuse a place that would lie in a file as if that were a folder.

    Raises
    ------
    RunError
    """
    there = next((folder for folder in path.parents if folder.exists()), None)
    if there is not None and not there.is_dir():
        raise RunError(f"{path} cannot be written ({there} is a file, not a folder); choose another place")


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
    refuse_below_file(path)
    if suffixes and path.suffix.lower() not in suffixes:
        told = " or ".join(suffixes)
        raise RunError(f"{path} does not end in {told}, by which others know the format; rename it")
    if os.path.lexists(path) and not overwrite:  # a link to nothing too
        raise RunError(f"{path} exists; choose another name or --overwrite")


@contextmanager
def temporary_beside(folder: Path, name: str = "") -> Iterator[Path]:
    """A new folder to rename to ``folder`` when all is in it; whatever has not been renamed is removed.

    Parameters
    ----------
    folder : Path
    name : str
        How the temporary folder is called after the dot; that of ``folder`` unless given.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    temporary = folder.with_name(f".{name or folder.name}.{os.getpid()}-{secrets.token_hex(4)}.part")
    temporary.mkdir()
    try:
        yield temporary
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def write_bytes(path: Path, content: bytes) -> None:
    """Write a file atomically."""
    with replacing(path) as temporary:
        temporary.write_bytes(content)


def write_text(path: Path, text: str) -> None:
    """Write a UTF-8 text file atomically."""
    with replacing(path) as temporary:
        temporary.write_text(text, encoding="utf-8")


def write_json(path: Path, value: Any) -> None:
    """Write indented JSON atomically; NaN is refused."""
    write_text(path, json.dumps(value, indent=2, allow_nan=False) + "\n")


def in_order(content: bytes) -> bytes:
    """A safetensors file with its metadata in the order of their names, in which equal files are equal."""
    start = 8 + int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8:start])
    told = {"__metadata__": dict(sorted(header.pop("__metadata__", {}).items()))}
    text = json.dumps(told | header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[start:]
