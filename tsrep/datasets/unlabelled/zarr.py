"""Zarr arrays of many recordings."""

from __future__ import annotations

from pathlib import Path

from tsrep.datasets.formats.zarr_store import open_store
from tsrep.datasets.unlabelled.arrays import rows_of
from tsrep.datasets.unlabelled.format import RECORDINGS, Entries, RecordingFormat
from tsrep.datasets.unlabelled.recording import Wanted

HELD = 64 << 20


@RECORDINGS.register("zarr")
class ZarrArrays(RecordingFormat):
    """A Zarr array of recordings on disk, shape (record, channel, time), read chunk by chunk."""

    suffixes = (".zarr",)
    in_folders = False

    def entries(self, path: Path, wanted: Wanted) -> Entries:
        """See :meth:`RecordingFormat.entries`; a recording is called by its row."""
        store = open_store(str(path), HELD)
        return rows_of(path, lambda: store, wanted)
