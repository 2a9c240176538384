"""``features:FILE.npz``: vectors that were computed elsewhere, by record."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
from numpy.typing import NDArray
from torch import Tensor

from tsrep.array_files import read_arrays
from tsrep.encoders.encoder import UNBOUNDED, Encoder
from tsrep.errors import DataError, RunError
from tsrep.evaluation.arrays import Array
from tsrep.files import said
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.references.reference import PREFIXED, REFERENCES, ReferenceKind
from tsrep.signals import Panel
from tsrep.signals.contract import SignalContract
from tsrep.signals.convert import Converted, Policies
from tsrep.signals.panel import Ints

PREFIX = "features:"
TIMES = ("start_seconds", "start")  # arrays that order the windows of a record
CONTRACT = "contract.json"
NOTHING_CONVERTED = "the vectors were computed elsewhere, so nothing was converted"


@REFERENCES.register("features")
class FeaturesReference(ReferenceKind):
    """An ``.npz`` file with ``record``, names of recordings, and ``x``, a vector for each of its rows.

    A record may have several rows, one for each window, in the order of ``start_seconds`` (or of ``start``,
    as ``tsrep embed`` calls it) where there is such an array. A ``contract.json`` beside the file says what
    the vectors were computed from.
    """

    form, rank = "features:FILE.npz", PREFIXED

    def matches(self, text: str) -> bool:
        """See :meth:`ReferenceKind.matches`."""
        return text.startswith(PREFIX)

    def open(self, text: str) -> LoadedEncoder:
        """See :meth:`ReferenceKind.open`."""
        path = Path(text.removeprefix(PREFIX))
        vectors = read_vectors(path)
        return LoadedEncoder(
            _Nothing(text, vectors.x.shape[1]),
            _contract(path.with_name(CONTRACT), vectors.x.shape[1]),
            text,
            vectors.digest,
            name=path.stem,
            provenance={"parameters_from": str(path)},
            stored=vectors.of,
            shows=vectors.shown,
        )

    def check(self, text: str) -> tuple[str, ...]:
        """See :meth:`ReferenceKind.check`; the file is read."""
        vectors = read_vectors(Path(text.removeprefix(PREFIX)))
        return (
            f"{len(vectors.x):,} vectors of {vectors.x.shape[1]} numbers for {len(vectors.rows):,} records",
        )


@dataclass(frozen=True, eq=False)
class Vectors:
    """Vectors by the names of recordings.

    Attributes
    ----------
    path : Path
    record : array of str, shape (vector,)
        In the order of time within a record.
    x : float32 array, shape (vector, dim)
    """

    path: Path
    record: NDArray[np.str_]
    x: Array

    @cached_property
    def rows(self) -> dict[str, Ints]:
        """Rows of ``x`` by the name of the record."""
        names, inverse = np.unique(self.record, return_inverse=True)
        order = np.argsort(inverse, kind="stable")
        parts = np.split(order, np.cumsum(np.bincount(inverse))[:-1])
        return dict(zip(names.tolist(), parts, strict=True))

    @property
    def digest(self) -> str:
        """SHA-256 of names and numbers."""
        digest = hashlib.sha256("\0".join(self.record.tolist()).encode())
        digest.update(np.ascontiguousarray(self.x).tobytes())
        return digest.hexdigest()

    def shown(self, records: Panel, policies: Policies) -> Converted:
        """Recordings as often as they have vectors; those without any are unusable.

        Raises
        ------
        DataError
            When no record has a vector, or the records have no names.
        """
        del policies
        names = self._names(records)
        times = np.array([len(self.rows.get(name, ())) for name in names])
        if not times.any():
            raise DataError(
                f"{self.path} has no vector for any record of {records.source or 'the data'}; its first is "
                f"called {self.record[0]}, theirs {names[0]}, so name them alike"
            )
        reason = f"{self.path.name} has no vector for it"
        without = tuple((k, reason) for k, n in enumerate(times.tolist()) if not n)
        shown = records.select(np.repeat(np.arange(len(records)), times))
        return Converted(shown, (NOTHING_CONVERTED,), unusable=without)

    def of(self, windows: Panel) -> Array:
        """The vector of each window, shape (window, dim).

        Raises
        ------
        DataError
            When a vector is not finite.
        """
        names = self._names(windows)
        at = np.empty(len(names), np.int64)
        count: dict[str, int] = {}
        for k, name in enumerate(names):
            number = count[name] = count.get(name, -1) + 1
            at[k] = self.rows[name][number]
        x = self.x[at]
        bad = list(dict.fromkeys(np.array(names)[~np.isfinite(x).all(axis=1)].tolist()))
        if bad:
            raise DataError(
                f"{self.path} gives no finite number for {len(bad):,} of {len(set(names)):,} records (first: "
                f"{bad[0]}); compute their vectors again, or leave these records out of the file"
            )
        return np.asarray(x)

    def _names(self, panel: Panel) -> list[str]:
        """Name of each sample's record; where records have none, the number of the row."""
        given: Any = panel.record_names or [str(row) for row in range(len(panel.store))]
        return [given[row] for row in panel.row.tolist()]


def read_vectors(path: Path) -> Vectors:
    """Vectors from a file.

    Raises
    ------
    RunError
        When it is missing, broken, or lacks an array.
    """
    try:
        found = read_arrays(path)
    except (OSError, ValueError) as error:
        raise RunError(
            f"{path} cannot be read ({said(error)}); give an .npz file with record and x"
        ) from error
    for name in ("record", "x"):
        if name not in found:
            raise RunError(f"{path} has no array {name}; it has {', '.join(found)}, so save record and x")
    record, x = found["record"].astype(str), found["x"]
    if x.ndim != 2 or x.dtype.kind != "f" or record.shape != x.shape[:1] or not len(x):
        raise RunError(
            f"{path} has record of shape {record.shape} and x of shape {x.shape} and {x.dtype}; save one "
            "name for each row of x, (vector, dim) of floating-point numbers"
        )
    time = next((found[name] for name in TIMES if name in found), None)
    if time is not None and time.shape != record.shape:
        raise RunError(f"{path} has {len(record):,} names and times of shape {time.shape}; save one for each")
    _refuse_twice(path, record, x if time is None else time[:, None])
    order = np.arange(len(x)) if time is None else np.lexsort((time, record))
    return Vectors(path, record[order], np.asarray(x[order], np.float32))


def _refuse_twice(path: Path, record: NDArray[np.str_], told: NDArray[Any]) -> None:
    """Check that what tells windows of a record apart, shape (vector, number), is in the file once."""
    seen: set[tuple[str, bytes]] = set()
    for name, values in zip(record.tolist(), told, strict=True):
        if (key := (name, hashlib.blake2b(values.tobytes(), digest_size=16).digest())) in seen:
            raise RunError(
                f"{path} has a window of record {name} twice; save each once, and if windows are equal in "
                "truth tell them apart by an array start_seconds"
            )
        seen.add(key)


class _Nothing(Encoder):
    """In place of the encoder that computed vectors, which is not here."""

    def __init__(self, reference: str, dim: int) -> None:
        super().__init__()
        self.reference = reference
        self.dim, self.stride, self.receptive_field, self.causal = dim, 1, UNBOUNDED, False

    def forward(self, x: Tensor, keep: Tensor | None = None) -> NoReturn:
        del x, keep
        raise RunError(
            f"{self.reference} holds vectors without the encoder that computed them, so that nothing else "
            "can be encoded; use them to evaluate and to compare"
        )


def _contract(path: Path, dim: int) -> SignalContract:
    """What the vectors were computed from, as far as anybody says."""
    if path.is_file():
        return SignalContract.from_json(path.read_text(encoding="utf-8"))
    output = {"dim": dim, "stride": None, "time": False, "causal": False}
    return SignalContract(channels=None, channel_mode="each", sfreq=1.0, unit="a.u.", output=output)
