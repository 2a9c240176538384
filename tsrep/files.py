"""Files and folders that are written whole or not at all, and files that are read whole or refused."""

from __future__ import annotations

import hashlib
import json
import os
import re
import secrets
import shutil
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import RunError, TsrepError


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
    if folder.is_dir() and any(folder.iterdir()) and not any((folder / name).exists() for name in own):
        raise RunError(f"{folder} holds other files; give another --out, the name of a new folder")


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


def write_arrays(path: Path, **arrays: NDArray[Any]) -> None:
    """Write a compressed ``.npz`` file atomically."""
    with replacing(path) as temporary, temporary.open("wb") as file:
        np.savez_compressed(file, allow_pickle=False, **arrays)


def in_order(content: bytes) -> bytes:
    """A safetensors file with its metadata in the order of their names, in which equal files are equal."""
    start = 8 + int.from_bytes(content[:8], "little")
    header: dict[str, Any] = json.loads(content[8:start])
    told = {"__metadata__": dict(sorted(header.pop("__metadata__", {}).items()))}
    text = json.dumps(told | header, separators=(",", ":"), ensure_ascii=False).encode()
    text += b" " * (-len(text) % 8)  # tensors begin at a multiple of eight bytes
    return len(text).to_bytes(8, "little") + text + content[start:]


def sha256_of(path: Path) -> str:
    """SHA-256 of a file."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def note_digest(path: Path) -> None:
    """Keep the SHA-256 of a large file beside it, with the size and times by which a change is noticed."""
    write_json(_note_of(path), {"sha256": sha256_of(path), "stamp": _stamp(path)})


def is_as_noted(path: Path) -> bool:
    """Whether a large file is as it was noted; it is hashed only where size or times of change differ."""
    try:
        noted = read_json(_note_of(path))
        if noted["stamp"] == _stamp(path):
            return True
        if noted["sha256"] != sha256_of(path):
            return False
    except (OSError, ValueError, RecursionError, KeyError):
        return False
    with suppress(RunError):  # a cache of somebody else's is hashed each time
        note_digest(path)
    return True


def _note_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.sha256")


def _stamp(path: Path) -> list[int]:
    status = path.stat()
    return [status.st_size, status.st_mtime_ns, status.st_ctime_ns]


@contextmanager
def readable(path: Path, what: str, remedy: str) -> Iterator[None]:
    """A block that reads a file and what is in it; whatever a damaged one makes it raise is one sentence.

    Parameters
    ----------
    path : Path
    what : str
        What the file should be: ``"predictions"``.
    remedy : str
        What to do, as the sentence ends.

    Raises
    ------
    RunError
        When the block raises anything; a RunError of its own stays as it is.
    """
    try:
        yield
    except RunError:
        raise
    except FileNotFoundError as error:
        raise RunError(f"{path} is missing; {remedy}") from error
    except Exception as error:  # decoders and what looks into damaged content have no common class
        raise RunError(f"{path} cannot be read as {what} ({_reason(error)}); {remedy}") from error


def _reason(error: Exception) -> str:
    if isinstance(error, KeyError):
        return f"it lacks {error.args[0]}"
    if isinstance(error, UnicodeDecodeError):
        return "it is not UTF-8 text"
    if isinstance(error, RecursionError):
        return "it is nested too deeply"
    if isinstance(error, MemoryError):
        return "it wants more memory than there is"
    told = isinstance(error, OSError | ValueError | TypeError | TsrepError)
    text = getattr(error, "strerror", None) or str(error) if told else ""
    return " ".join(text.split())[:160].rstrip(".;") or type(error).__name__


def read_json(path: Path) -> dict[str, Any]:
    """Values by name from a JSON file; to be used within :func:`readable`.

    Raises
    ------
    OSError, ValueError, RecursionError
        When it is missing, no JSON, or holds something else.
    """
    found = json.loads(path.read_text(encoding="utf-8"))
    if not isinstance(found, dict):
        raise ValueError("it holds no values by name")
    return found


def read_lines(path: Path) -> tuple[list[dict[str, Any]], int]:
    """Objects of a file with one JSON object a line, and the number of lines that are none.

    A process that was killed may leave half a line.
    """
    found, unread = list[dict[str, Any]](), 0
    for line in filter(None, map(bytes.strip, path.read_bytes().split(b"\n"))):
        try:
            entry = json.loads(line)
        except (ValueError, RecursionError):
            entry = None
        if isinstance(entry, dict):
            found.append(entry)
        else:
            unread += 1
    return found, unread


def refuse_other_format(path: Path, found: Any, known: str | int) -> None:
    """Check that a file was written in the format that this version reads.

    Parameters
    ----------
    path : Path
    found, known : str or int
        ``3`` or ``"tsrep.scores/3"``.

    Raises
    ------
    RunError
        Saying whether a newer version wrote it.
    """
    if found == known:
        return
    if _number(found) > _number(known):
        fault, remedy = f"written by a newer tsrep (format {found}, this one reads {known})", "update tsrep"
    else:
        fault, remedy = f"of format {str(found)[:40]}, and this tsrep reads {known}", "make it again"
    raise RunError(f"{path} is {fault}; {remedy}")


def _number(version: Any) -> int:
    digits = re.search(r"(\d{1,9})$", str(version))
    return int(digits[1]) if digits else 0


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
