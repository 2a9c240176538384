"""Recordings by a folder, a file, a pattern or a list, in a fixed order."""

from __future__ import annotations

import difflib
import glob
import os
import re
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import numpy as np

from tsrep.datasets.tables.reading import read_listing
from tsrep.datasets.unlabelled.format import RecordingFormat, formats, suffix_of
from tsrep.datasets.unlabelled.recorded import Recorded
from tsrep.datasets.unlabelled.recording import Recording, Signal, Wanted
from tsrep.errors import DataError
from tsrep.files import expanded, said
from tsrep.registry import DATASETS


@dataclass(frozen=True)
class Found:
    """Files in order, as paths in a folder.

    Attributes
    ----------
    folder : Path
    files : sequence of str
        With ``/`` on every system.
    """

    folder: Path
    files: Sequence[str]

    def recordings(self, wanted: Wanted) -> Iterator[Recording]:
        """The recordings of the files, each by its path without suffix.

        Raises
        ------
        ConfigError, DataError
            When a file of many recordings cannot be used as it is given.
        """
        for file in self.files:
            stem = _stem(file)
            for within, opened in formats()[suffix_of(file)].entries(self.folder / file, wanted):
                alone = len(self.files) == 1
                name = within if within and alone else "/".join(filter(None, (stem, within)))
                yield Recording(name, partial(_signal, opened, name, wanted))


def _signal(opened: Callable[[], Recorded], name: str, wanted: Wanted) -> Signal:
    return opened().signal(name, wanted)


def find(where: str | Path | Sequence[str | Path]) -> Found:
    """The files of recordings that a text, a path or a list of paths names.

    Parameters
    ----------
    where : str, Path or sequence of them
        A folder, which is searched with all folders in it; a file; a pattern such as ``"night/*.edf"``;
        ``@FILE`` with one path in each line, from the folder of the list; or paths.

    Returns
    -------
    Found
        Files of a folder or a pattern by their paths, those of a list in its order.

    Raises
    ------
    DataError
        When there are none, or two recordings have one name.
    """
    found = _found(where)
    if not found.files:
        looked = ", ".join(sorted(_searched()))
        raise DataError(f"no recordings in {_spelt(where)} (looked for {looked}); give a place with some")
    _refuse_equal_names(found.files)
    return found


def _found(where: str | Path | Sequence[str | Path]) -> Found:
    if not isinstance(where, str | Path):
        return Found(Path(), [_with_suffix(Path(), os.fspath(each)) for each in where])
    text = os.fspath(where)
    if text.startswith("@"):
        return _listed(expanded(text[1:]))
    path = expanded(text)
    if suffix_of(path.name) and path.exists():
        return Found(path.parent, [path.name])
    if path.is_dir():
        return Found(path, sorted(_below(path)))
    if glob.has_magic(text):
        return _matching(path)
    close = difflib.get_close_matches(text, DATASETS.names(), n=1)
    hint = (
        f"did you mean the data set {close[0]}?"
        if close
        else f"give a folder of recordings, or a file in one of the formats {' '.join(sorted(formats()))}"
    )
    raise DataError(f"{text} is no folder, file, pattern, @list nor data set; {hint}")


def _searched() -> dict[str, RecordingFormat]:
    return {suffix: each for suffix, each in formats().items() if each.in_folders}


def _below(folder: Path, inside: str = "", above: frozenset[str] = frozenset()) -> Iterator[str]:
    """Paths of recordings in a folder and the folders in it.

    Hidden ones are passed over, and links to a folder that they are in, which has no end.
    """
    searched = tuple(_searched())
    above |= {os.path.realpath(folder / inside)}
    try:
        entries = os.scandir(folder / inside)
    except OSError as error:
        raise DataError(
            f"{folder / inside} cannot be read ({said(error)}); allow it, or give a list of recordings"
        ) from error
    with entries:
        for entry in entries:
            name = entry.name
            if name.startswith("."):
                continue
            if entry.is_dir():
                if not (entry.is_symlink() and os.path.realpath(entry.path) in above):
                    yield from _below(folder, f"{inside}{name}/", above)
            elif name.lower().endswith(searched) and not _is_part(folder / inside / name):
                yield inside + name


def _is_part(path: Path) -> bool:
    return formats()[suffix_of(path.name)].is_part(path)


def _matching(pattern: Path) -> Found:
    """Files that a pattern matches, as paths from the folder before its first wildcard."""
    fixed = pattern
    while glob.has_magic(os.fspath(fixed)):
        fixed = fixed.parent
    paths = fixed.glob(os.fspath(pattern.relative_to(fixed)))
    kept = (path for path in paths if suffix_of(path.name) and not _is_part(path))
    return Found(fixed, sorted(path.relative_to(fixed).as_posix() for path in kept))


def _listed(path: Path) -> Found:
    names = [name for name in read_listing(path) if not name.startswith("#")]
    return Found(path.parent, [_with_suffix(path.parent, name) for name in names])


def _with_suffix(folder: Path, name: str) -> str:
    """A path as given, with the suffix of a WFDB header where it has none."""
    spelt = name.replace(os.sep, "/")
    if suffix_of(spelt):
        return spelt
    if (folder / f"{spelt}.hea").is_file():
        return f"{spelt}.hea"
    raise DataError(
        f"{spelt} is in no format that is read here ({' '.join(sorted(formats()))}); leave it out or "
        "convert it"
    )


def _refuse_equal_names(files: Sequence[str]) -> None:
    # numbers take a small part of the memory that names would
    numbers = np.fromiter((hash(_stem(file)) for file in files), np.int64, len(files))
    if len(np.unique(numbers)) == len(files):
        return
    stems: dict[str, str] = {}
    for file in files:
        other = stems.setdefault(_stem(file), file)
        if other is not file:
            raise DataError(
                f"two recordings are called {_stem(file)} ({other}, {file}); name the files apart or give a "
                "list"
            )


def _stem(file: str) -> str:
    return file[: len(file) - len(suffix_of(file))]


def _spelt(where: object) -> str:
    return re.sub(r"\s+", " ", str(where))[:200] or "the list"
