"""A conversion on disk: a folder that appears complete and that many processes may open or make at once."""

from __future__ import annotations

import errno
import json
import shutil
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from zipfile import BadZipFile

import numpy as np
from numpy.typing import NDArray

from tsrep.digests import is_as_noted
from tsrep.signals.panel import Floats, Ints, Panel

ATTEMPTS, STORE = 5, "signals.npy"


@dataclass(frozen=True, eq=False)
class Converted:
    """A conversion on disk.

    Attributes
    ----------
    store : memory map, shape (piece, channel, time)
    gain, offset : float32 arrays, shape (piece or 1, channel)
    source, piece : int64 arrays, shape (piece,)
        Index of the source, and of the piece within it.
    skipped : tuple of (label, reason)
    digest : str
        Hash of the decoded content.
    """

    store: NDArray[Any]
    gain: Floats
    offset: Floats
    source: Ints
    piece: Ints
    skipped: tuple[tuple[str, str], ...]
    digest: str

    def panel(self, names: Sequence[str], **fields: Any) -> Panel:
        """Panel of the pieces, with a digest of their content and of what is said of them.

        Parameters
        ----------
        names : sequence of str
            Of the sources; pieces have the name of theirs.
        **fields
            Other arguments of :meth:`tsrep.signals.panel.Panel.from_store`.
        """
        panel = Panel.from_store(
            self.store,
            gain=self.gain,
            offset=self.offset,
            record_names=tuple(names[i] for i in self.source),
            **{"skipped": self.skipped, **fields},
        )
        return panel.hashed(self.digest)


def opened(folder: Path) -> Converted | None:
    """A conversion, or None where it is not there or damaged: only a complete one opens."""
    try:
        return _open(folder)
    except (OSError, EOFError, ValueError, KeyError, TypeError, BadZipFile):
        return None


def _open(folder: Path) -> Converted:
    meta = json.loads((folder / "meta.json").read_text(encoding="utf-8"))
    if not is_as_noted(folder / STORE):
        raise ValueError(f"{STORE} is not as it was written")
    with (folder / "rows.npz").open("rb") as stream, np.load(stream) as file:
        rows = dict(file)
    return Converted(
        store=np.load(folder / STORE, mmap_mode="c"),
        **rows,
        skipped=tuple((label, reason) for label, reason in meta["skipped"]),
        digest=meta["digest"],
    )


def put_in_place(temporary: Path, folder: Path) -> Converted:
    """Rename a finished conversion; where another process was first, theirs is as good as ours."""
    # opened before the others can see it: the map outlives whatever becomes of the folder
    ours = _open(temporary)
    for _ in range(ATTEMPTS):
        try:
            temporary.rename(folder)
        except OSError as error:
            if error.errno not in (errno.EEXIST, errno.ENOTEMPTY):
                raise
            theirs = opened(folder)
            if theirs is not None:
                return theirs
            # a damaged conversion leaves in one step, so that nobody sees half of it removed
            aside = temporary.with_name(f"{temporary.name}.damaged")
            with suppress(FileNotFoundError):
                folder.rename(aside)
            shutil.rmtree(aside, ignore_errors=True)
        else:
            return opened(folder) or ours
    return ours
