"""SHA-256 of files, and large files that are hashed once only."""

from __future__ import annotations

import hashlib
from contextlib import suppress
from pathlib import Path

from tsrep.errors import RunError
from tsrep.files import write_json
from tsrep.reading import read_json


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
