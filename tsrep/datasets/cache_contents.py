"""What the cache of converted recordings holds, and its removal."""

from __future__ import annotations

import re
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from tsrep.datasets.dataset import cache_folder
from tsrep.errors import ConfigError, DataError
from tsrep.registry import nearest

DIGEST = re.compile(r"-[0-9a-f]{16,64}(\.\w+)?$")
OURS = re.compile(  # names of what is kept, also half made; a folder that is shared has other things too
    r"\.?.+-[0-9a-f]{16,64}(\.[\w-]+)*|[0-9a-f]{12}-.+|\.converted-\w+|simulated|foreign|gpu\.json"
)
DAY = 86_400  # seconds


@dataclass(frozen=True)
class Kept:
    """Conversions of one data set.

    Attributes
    ----------
    name : str
    entries : tuple of Path
        Files and folders at the top of the cache.
    size : int
        Bytes.
    changed : float
        When the newest was made, seconds since 1970.
    """

    name: str
    entries: tuple[Path, ...]
    size: int
    changed: float


def cache_contents(cache: Path | str | None = None) -> list[Kept]:
    """What is kept, the largest first; other files that lie in the folder are none of it.

    Parameters
    ----------
    cache : Path, optional
        See :func:`tsrep.datasets.dataset.cache_folder`.
    """
    groups: dict[str, list[Path]] = {}
    folder = cache_folder(cache)
    there = sorted(folder.iterdir()) if folder.is_dir() else ()
    for entry in (entry for entry in there if OURS.fullmatch(entry.name)):
        groups.setdefault(DIGEST.sub("", entry.name).lstrip("."), []).append(entry)
    found = [_kept(name, entries) for name, entries in groups.items()]
    return sorted(found, key=lambda kept: (-kept.size, kept.name))


def _kept(name: str, entries: list[Path]) -> Kept:
    changed = max(map(_changed, entries), default=0.0)
    return Kept(name, tuple(entries), sum(size_of(entry) for entry in entries), changed)


def _changed(entry: Path) -> float:
    try:
        return entry.stat().st_mtime
    except OSError:  # removed meanwhile
        return 0.0


def size_of(place: Path) -> int:
    """Bytes of a file, or of all files below a folder; 0 where there is none."""
    return sum(_sizes(place))


def _sizes(place: Path) -> Iterator[int]:
    for path in (place, *place.rglob("*")) if place.is_dir() else (place,):
        try:
            yield path.lstat().st_size if not path.is_dir() else 0
        except OSError:  # removed meanwhile
            continue


def to_clear(
    name: str | None = None, *, older_than: float = 0, cache: Path | str | None = None
) -> tuple[Path, ...]:
    """Entries of the cache that are of a data set and were made so many days ago.

    Raises
    ------
    ConfigError
        When nothing is kept under that name.
    """
    kept = cache_contents(cache)
    names = [each.name for each in kept]
    if name is not None and name not in names:
        hint = nearest(name, names) if names else "it is empty"
        raise ConfigError(f"the cache {cache_folder(cache)} has nothing of {name!r}; {hint}")
    latest = time.time() - older_than * DAY
    chosen = (entry for each in kept if name in (None, each.name) for entry in each.entries)
    return tuple(entry for entry in chosen if _changed(entry) <= latest)


def remove(entries: tuple[Path, ...]) -> None:
    """Remove entries of the cache; what is opened meanwhile is converted again.

    Raises
    ------
    DataError
        When one cannot be removed.
    """
    for entry in entries:
        try:
            if entry.is_dir() and not entry.is_symlink():
                shutil.rmtree(entry)
            else:
                entry.unlink(missing_ok=True)
        except OSError as error:
            raise DataError(f"{entry} cannot be removed ({error.strerror}); remove it by hand") from error
