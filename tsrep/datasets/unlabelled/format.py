"""Formats of recordings: each is one file, which says what its suffixes are and how it is read."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Callable, Iterable
from functools import cache
from pathlib import Path
from typing import ClassVar

from tsrep.datasets.unlabelled.recorded import Recorded
from tsrep.datasets.unlabelled.recording import Wanted
from tsrep.registry import Registry

RECORDINGS = Registry("recording format", "tsrep.datasets.unlabelled")
Entries = Iterable[tuple[str, Callable[[], Recorded]]]


class RecordingFormat(ABC):
    """Files of a format; registered with ``@RECORDINGS.register("name")``.

    Attributes
    ----------
    suffixes : tuple of str
        Lower case.
    in_folders : bool
        Whether a folder is searched for such files; others are named one by one.
    """

    name: ClassVar[str] = "unregistered"
    suffixes: ClassVar[tuple[str, ...]]
    in_folders: ClassVar[bool] = True

    @abstractmethod
    def entries(self, path: Path, wanted: Wanted) -> Entries:
        """The recordings of a file: what each is called within it (empty where it is the only one), and how
        it is opened.

        Raises
        ------
        ConfigError, DataError
            When the file holds many, and cannot be used as it is given.
        """

    def is_part(self, path: Path) -> bool:
        """Whether a file that a folder has is a part of another, and no recording of its own."""
        del path
        return False


@cache
def formats() -> dict[str, RecordingFormat]:
    """Every suffix with its format, longest first."""
    every = [RECORDINGS.build({"name": name}) for name in RECORDINGS.names()]
    found = {suffix: each for each in every for suffix in each.suffixes}
    return dict(sorted(found.items(), key=lambda item: (-len(item[0]), item[0])))


def suffix_of(name: str) -> str:
    """The suffix by which a file is known as a recording, as in :func:`formats`; empty when it is none."""
    lower = name.lower()
    return next((suffix for suffix in formats() if lower.endswith(suffix)), "")
