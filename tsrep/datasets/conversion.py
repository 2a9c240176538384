"""Recordings decoded once, in parallel, into a memory map that later runs open in no time.

The folder of a conversion is named by a hash of its sources and settings. Of the sources it takes place,
size and times of change (of content and of the entry, to the nanosecond) rather than every byte: a changed,
replaced, added or removed file is noticed, even one whose modification time was put back, and looking costs
a fraction of a second where hashing gigabytes would not. A folder that moved is converted again. The content
itself is hashed once, while decoding, and that hash is what a panel's ``digest`` rests on, so the digest is
the same on every machine.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
import shutil
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any, Generic, TypeVar

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.converted import STORE, Converted, opened, put_in_place
from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.progress import progress_bar
from tsrep.digests import note_digest
from tsrep.errors import ConfigError, DataError
from tsrep.files import temporary_beside
from tsrep.signals.panel import Floats

FORMAT = 5
SLAB = 256
HEADER = 128
SPARE_BYTES = 8 << 20
S = TypeVar("S")


class TooCoarseError(Exception):
    """A recording would lose its resolution in 16 bits."""


@dataclass(frozen=True)
class Pieces:
    """Equally long pieces of one recording.

    Attributes
    ----------
    store : array, shape (piece, channel, time), int16 or float32
    gain, offset : arrays, shape (channel,)
    left_out : dict of int to str
        Numbers of the pieces that are not in ``store``, each with the reason.
    """

    store: NDArray[Any]
    gain: NDArray[Any]
    offset: NDArray[Any]
    left_out: Mapping[int, str] = field(default_factory=dict)

    def numbers(self) -> list[int]:
        """Number of each piece of the store within its recording."""
        every = range(len(self.store) + len(self.left_out))
        return [number for number in every if number not in self.left_out]


@dataclass(frozen=True)
class Job(Generic[S]):
    """What to convert.

    Attributes
    ----------
    name : str
        Start of the folder's name.
    sources : sequence
        One per recording, handed to ``decode``.
    labels : sequence of str
        What to call each source in messages.
    decode : callable, source to Pieces
        Runs in threads; raises Unreadable with a reason.
    key : dict
        Everything else that the result depends on, as JSON.
    shape : (int, int)
        Channels and time steps of every piece.
    dtype : "int16" or "float32"
    pieces : float
        Expected number of pieces per source, for the space needed.
    """

    name: str
    sources: Sequence[S]
    labels: Sequence[str]
    decode: Callable[[S], Pieces]
    key: dict[str, Any]
    shape: tuple[int, int]
    dtype: str = "int16"
    pieces: float = 1


def fingerprint(root: Path, files: Iterable[Path | str]) -> str:
    """Hash of place, size and times of change of some files; a missing file counts as such."""
    start = len(os.fspath(root))
    facts = [os.fspath(root.resolve())]
    for file in files:
        path = os.fspath(file)
        try:
            status = os.stat(path)  # noqa: PTH116 - a Path for each of 40,000 files would double the time
            facts.append(f"{path[start:]}|{status.st_size}|{status.st_mtime_ns}|{status.st_ctime_ns}")
        except OSError:
            facts.append(f"{path[start:]}|missing")
    return hashlib.sha256("\n".join(facts).encode()).hexdigest()


def convert(job: Job[S], cache: Path, *, strict: bool = False, progress: bool = True) -> Converted:
    """Open the conversion of a job, making it first where there is none.

    Raises
    ------
    DataError
        When the cache has no space or cannot be written, when nothing can be read, or (``strict``)
        when anything cannot.
    """
    folder = _folder(job, cache)
    converted = opened(folder)
    if converted is None and folder.exists():
        print(f"tsrep: {folder} is not as it was written and is made again", file=sys.stderr)
    converted = converted or _make(job, folder, strict, progress)
    if strict:
        _refuse(converted.skipped)
    return converted


def is_converted(job: Job[S], cache: Path) -> bool:
    """Whether a job's conversion is there, to be opened by :func:`convert`."""
    return opened(_folder(job, cache)) is not None


def _folder(job: Job[S], cache: Path) -> Path:
    text = json.dumps([FORMAT, job.key, job.shape, job.dtype], sort_keys=True)
    return cache / f"{job.name}-{hashlib.sha256(text.encode()).hexdigest()[:20]}"


def _make(job: Job[S], folder: Path, strict: bool, progress: bool) -> Converted:
    _refuse_full_disk(job, folder.parent)
    try:
        with temporary_beside(folder, job.name) as temporary:
            _write(job, temporary, strict, progress)
            return put_in_place(temporary, folder)
    except OSError as error:
        fault = f"the cache {folder.parent} cannot be written ({error.strerror or error});"
        if error.errno in (errno.ENOSPC, errno.EDQUOT):
            fault = f"the disk is full: no space to convert {job.name} in {folder.parent}; free some or"
        raise DataError(f"{fault} choose another folder with TSREP_CACHE") from error


def _write(job: Job[S], folder: Path, strict: bool, progress: bool) -> None:
    rows: list[tuple[int, int]] = []
    gains: list[NDArray[Any]] = []
    offsets: list[NDArray[Any]] = []
    skipped: list[tuple[str, str]] = []
    digest = hashlib.sha256()
    with (folder / STORE).open("wb") as out:
        out.write(bytes(HEADER))
        for i, result in _decoded(job, progress):
            if isinstance(result, str):
                skipped.append((job.labels[i], result))
                continue
            out.write(result.store.tobytes())
            digest.update(result.store.tobytes())
            digest.update(np.stack([result.gain, result.offset]).astype(np.float32).tobytes())
            skipped += [(f"{job.labels[i]}, segment {k}", why) for k, why in result.left_out.items()]
            rows += [(i, k) for k in result.numbers()]
            gains += [result.gain] * len(result.store)
            offsets += [result.offset] * len(result.store)
        if not rows:
            _refuse_all(job, skipped)
        if strict:
            _refuse(skipped)
        _write_header(out, job, len(rows))
        out.flush()
        os.fsync(out.fileno())
    note_digest(folder / STORE)
    source, piece = np.array(rows, np.int64).T
    np.savez(folder / "rows.npz", gain=_shared(gains), offset=_shared(offsets), source=source, piece=piece)
    meta = {"skipped": skipped, "digest": digest.hexdigest(), "key": job.key}
    (folder / "meta.json").write_text(json.dumps(meta), encoding="utf-8")


def _write_header(out: IO[bytes], job: Job[S], rows: int) -> None:
    facts = {
        "descr": np.dtype(job.dtype).newbyteorder("<").str,
        "fortran_order": False,
        "shape": (rows, *job.shape),
    }
    out.seek(0)
    np.lib.format.write_array_header_1_0(out, facts)
    if out.tell() != HEADER:
        raise AssertionError(f"the array header takes {out.tell()} bytes, not {HEADER}")


def _shared(values: list[NDArray[Any]]) -> Floats:
    """One row when all are equal, so that most conversions need no gain per record."""
    stacked = np.asarray(values, np.float32)
    return stacked[:1] if (stacked == stacked[0]).all() else stacked


def _decoded(job: Job[S], progress: bool) -> Iterator[tuple[int, Pieces | str]]:
    """Each source in order, as pieces or as the reason why there are none."""

    def attempt(source: S) -> Pieces | str:
        try:
            pieces = job.decode(source)
        except (Unreadable, DataError) as reason:
            return str(reason)
        except (ConfigError, TooCoarseError):
            raise
        except Exception as error:  # what a broken file makes a decoder raise has no common class
            what = " ".join(str(error).split())[:160].rstrip(".")
            return f"it cannot be decoded ({type(error).__name__}: {what})"
        if pieces.store.shape[1:] != job.shape or pieces.store.dtype != job.dtype:
            raise AssertionError(
                f"decoded {pieces.store.dtype} {pieces.store.shape[1:]} for {job.dtype} {job.shape}"
            )
        return pieces

    # slabs bound what waits in memory when the disk is slower than the decoders
    workers = min(8, (os.cpu_count() or 1) + 2)
    bar = progress_bar(f"converting {job.name}", len(job.sources), show=progress)
    with ThreadPoolExecutor(workers) as pool, bar as advance:
        for begin in range(0, len(job.sources), SLAB):
            slab = job.sources[begin : begin + SLAB]
            yield from enumerate(pool.map(attempt, slab), begin)
            advance(len(slab))


def _refuse_full_disk(job: Job[S], cache: Path) -> None:
    existing = next(p for p in (cache, *cache.absolute().parents) if p.exists())
    size = np.dtype(job.dtype).itemsize * job.shape[0] * job.shape[1]
    needed = int(len(job.sources) * job.pieces * size) + SPARE_BYTES
    free = shutil.disk_usage(existing).free
    if free < needed:
        raise DataError(
            f"converting {job.name} needs {needed / 1e6:.0f} MB in {cache} but {free / 1e6:.0f} MB are free "
            "there; free some or choose another folder with TSREP_CACHE"
        )


def _refuse(skipped: Sequence[tuple[str, str]]) -> None:
    if skipped:
        label, reason = skipped[0]
        more = f" (and {len(skipped) - 1} more)" if len(skipped) > 1 else ""
        raise DataError(
            f"record {label} cannot be used: {reason}{more}; fix it, or load without --strict to skip it"
        )


def _refuse_all(job: Job[S], skipped: Sequence[tuple[str, str]]) -> None:
    label, reason = skipped[0] if skipped else ("-", "there are none")
    raise DataError(
        f"none of the {len(job.sources)} records of {job.name} can be used; the first, {label}: {reason}; "
        "check that the folder is complete"
    )


def same_for_all(what: str, values: Sequence[tuple[str, Any]], remedy: str) -> Any:
    """The value that all recordings share.

    Parameters
    ----------
    what : str
        What the values are, in the plural.
    values : sequence of (str, value)
        Name of each recording, and its value.
    remedy : str

    Raises
    ------
    DataError
        When one differs from the commonest.
    """
    common = Counter(value for _, value in values).most_common(1)[0][0]
    odd = next(((name, value) for name, value in values if value != common), None)
    if odd is None:
        return common
    raise DataError(
        f"recordings have different {what}: {odd[0]} has {_show(odd[1])}, most have {_show(common)}; {remedy}"
    )


def steps_of_all(
    headers: Sequence[tuple[str, Any]], rate: float, seconds: float | None, what: str, setting: str
) -> int:
    """Steps of a sample at a rate: of so many seconds, or of whole recordings, which must be alike."""
    if seconds is not None:
        return max(round(seconds * rate), 1)
    lengths = [(name, max(round(header.steps * rate / header.sfreq), 1)) for name, header in headers]
    return int(same_for_all(what, lengths, f"set {setting} to cut them into equal parts"))


def _show(value: Any) -> str:
    if isinstance(value, tuple):
        return " ".join(value)
    return f"{value:g}" if isinstance(value, float) else str(value)
