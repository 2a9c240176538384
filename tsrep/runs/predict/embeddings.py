"""Features of windows, written as they come into an ``.npz`` file."""

from __future__ import annotations

import os
import tempfile
import zipfile
from pathlib import Path
from typing import IO

import numpy as np

from tsrep.evaluation.arrays import Array


class EmbeddingsFile:
    """An ``.npz`` file with ``x`` (window, dim), ``record``, ``start_seconds`` and ``stop_seconds``.

    Features wait on disk until their number is known.

    Parameters
    ----------
    path : Path
        File to make.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._waiting = tempfile.TemporaryFile(dir=path.parent)  # noqa: SIM115 - closed by discard
        self._dim = 0
        self._names: list[str] = []
        self._counts: list[int] = []
        self._times: list[Array] = []

    def write(self, record: str, features: Array, start: Array, stop: Array) -> None:
        """Add the windows of a recording.

        Parameters
        ----------
        record : str
        features : float32 array, shape (window, dim)
        start, stop : float64 arrays, shape (window,)
            Seconds.
        """
        self._dim = features.shape[1]
        self._waiting.write(np.ascontiguousarray(features, np.float32).tobytes())
        self._names.append(record)
        self._counts.append(len(features))
        self._times.append(np.stack([start, stop], axis=1))

    def close(self) -> None:
        """Write the file."""
        times = np.concatenate(self._times) if self._times else np.zeros((0, 2))
        with zipfile.ZipFile(self._path, "w", zipfile.ZIP_DEFLATED) as archive:
            with archive.open("x.npy", "w", force_zip64=True) as out:
                self._copy_features(out, len(times))
            for name, values in (
                ("record", np.repeat(np.array(self._names, np.str_), self._counts)),
                ("start_seconds", times[:, 0]),
                ("stop_seconds", times[:, 1]),
            ):
                with archive.open(f"{name}.npy", "w", force_zip64=True) as out:
                    np.lib.format.write_array(out, values, allow_pickle=False)
        self.discard()

    def discard(self) -> None:
        """Let go of what waits on disk."""
        self._waiting.close()

    def _copy_features(self, out: IO[bytes], rows: int) -> None:
        header = {"descr": "<f4", "fortran_order": False, "shape": (rows, self._dim)}
        np.lib.format.write_array_header_2_0(out, header)
        self._waiting.seek(0, os.SEEK_SET)
        while block := self._waiting.read(1 << 20):
            out.write(block)
