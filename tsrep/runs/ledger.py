"""What an encoder has seen: fingerprints of the recordings that went into it, kept beside its weights."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any, Literal

import numpy as np
from numpy.typing import NDArray

from tsrep.errors import RunError
from tsrep.files import in_order, write_bytes
from tsrep.reading import readable, refuse_other_format
from tsrep.runs.seen import Seen, look_for
from tsrep.runs.sources import Source, set_of, summed
from tsrep.signals.fingerprint import Bytes, Fingerprints, Keys
from tsrep.signals.panel import Ints, Panel

FILE = "fingerprints.safetensors"
FORMAT = "tsrep.ledger/1"
Part = Literal["trained", "chosen", "labelled"]
PARTS: tuple[Part, ...] = ("trained", "chosen", "labelled")
# what stands beside each key, the part first
BESIDE = {
    "exact": ("exact_part",),
    "lead": ("lead_part",),
    "patient": ("patient_part",),
    "coarse": ("part", "mask"),
}
LARGEST, THINNED = 2_000_000, 8  # of more coarse keys one in eight is kept


def _no_keys() -> Keys:
    return np.zeros(0, np.uint64)


def _no_bytes() -> Bytes:
    return np.zeros(0, np.uint8)


def _no_shapes() -> Bytes:
    return np.zeros((0, 16), np.uint8)


@dataclass(frozen=True, eq=False)
class Ledger:
    """Keys of all recordings that weights depend on.

    A part is what a recording was used for, by its number in ``PARTS``: trained on, used for choosing
    (weights, settings, thresholds), or labels used by a head. Of several the first is kept.

    Attributes
    ----------
    exact, lead, patient : uint64 arrays, ascending
        Keys of whole recordings, of two leads together (see :class:`Fingerprints`), and of the patients of
        public data sets.
    exact_part, lead_part, patient_part : uint8 arrays
        The part of each.
    coarse, mask, part : uint8 arrays, shapes (key, 16), (key,) and (key,)
        Keys of shapes, the leads that they have, and parts.
    sources : tuple of Source
    complete : bool
        False where something that the weights were trained on is not known.
    thinned : bool
        Whether one in eight coarse keys is kept, which finds a data set but not every recording of it.
    """

    exact: Keys = field(default_factory=_no_keys)
    exact_part: Bytes = field(default_factory=_no_bytes)
    lead: Keys = field(default_factory=_no_keys)
    lead_part: Bytes = field(default_factory=_no_bytes)
    patient: Keys = field(default_factory=_no_keys)
    patient_part: Bytes = field(default_factory=_no_bytes)
    coarse: Bytes = field(default_factory=_no_shapes)
    mask: Bytes = field(default_factory=_no_bytes)
    part: Bytes = field(default_factory=_no_bytes)
    sources: tuple[Source, ...] = ()
    complete: bool = True
    thinned: bool = False

    @classmethod
    def of(
        cls, panel: Panel, part: Part = "trained", index: Ints | None = None, *, public: bool = False
    ) -> Ledger:
        """Keys of the records of a panel.

        Parameters
        ----------
        panel : Panel
            Records as they were read. Of simulated ones nothing is kept, as nobody can meet them again.
        part : {"trained", "chosen", "labelled"}
            What they were used for.
        index : int64 array, optional
            Samples of the panel; all when missing.
        public : bool
            Whether the data set is published, so that keys of its patients are kept too.
        """
        if panel.synthetic:
            return cls()
        chosen = np.arange(len(panel)) if index is None else index
        rows, prints = np.unique(panel.row[chosen]), Fingerprints.of(panel)
        people = np.unique(panel.patient[chosen])
        tiles, number = np.isin(prints.record, rows), np.uint8(PARTS.index(part))
        arrays: dict[str, NDArray[Any]] = {
            "exact": prints.exact[rows],
            "lead": prints.pair[rows],
            "coarse": prints.coarse[tiles],
            "mask": prints.mask[tiles],
            "patient": cls.patient_keys(panel, people) if public else np.zeros(0, np.uint64),
        }
        parts = {of[0]: np.full(len(arrays[key]), number) for key, of in BESIDE.items()}
        source = Source(panel.source, public, len(rows), len(people))
        return cls(**_unique(arrays | parts), sources=(source,))._within_size()

    def union(self, *others: Ledger, complete: bool = True) -> Ledger:
        """All that is in one of several ledgers.

        Parameters
        ----------
        *others : Ledger
        complete : bool
            False where a link of the chain has no ledger.
        """
        every = (self, *others)
        arrays = {name: np.concatenate([one.arrays[name] for one in every]) for name in self.arrays}
        return Ledger(
            **_unique(arrays),
            sources=summed(source for one in every for source in one.sources),
            complete=complete and all(one.complete for one in every),
            thinned=any(one.thinned for one in every),
        )._within_size()

    def only(self, *parts: Part) -> Ledger:
        """What was used for one of some things."""
        wanted, chosen = [PARTS.index(part) for part in parts], dict[str, Any]()
        for key, beside in BESIDE.items():
            kept = np.isin(getattr(self, beside[0]), wanted)
            chosen |= {name: getattr(self, name)[kept] for name in (key, *beside)}
        return Ledger(**chosen, sources=self.sources, complete=self.complete, thinned=self.thinned)

    def seen(self, panel: Panel, index: Ints | None = None) -> Seen:
        """Which records of a panel are in the ledger; those of simulated ones never are.

        Keys by themselves find copies that are rescaled, renamed, reordered, resampled, rounded, mildly
        filtered or at most 2 ms late; crops, larger shifts and other recordings of a patient they do not, nor
        rounded, resampled or filtered copies whose leads have the names of others.

        Parameters
        ----------
        panel : Panel
            Records as they were read.
        index : int64 array, optional
            Samples of the panel that matter; all when missing.
        """
        chosen = np.arange(len(panel)) if index is None else index
        if panel.synthetic:
            rows = np.unique(panel.row[chosen])
            return Seen(rows[:0], of=len(rows), complete=self.complete)
        return look_for(self, panel, chosen)

    def __len__(self) -> int:
        return sum(source.records for source in self.sources)

    @property
    def public(self) -> bool:
        """Whether all recordings are of data sets that are published."""
        return all(source.public for source in self.sources)

    @property
    def arrays(self) -> dict[str, NDArray[Any]]:
        """All keys and what stands beside them, by name."""
        return {name: getattr(self, name) for key, beside in BESIDE.items() for name in (key, *beside)}

    @property
    def digest(self) -> str:
        """SHA-256 of all that it says."""
        digest = hashlib.sha256(json.dumps(self._said, sort_keys=True).encode())
        for array in self.arrays.values():
            digest.update(array.tobytes())
        return digest.hexdigest()

    @property
    def _said(self) -> dict[str, Any]:
        sources = [asdict(source) for source in self.sources]
        return {"sources": sources, "complete": self.complete, "thinned": self.thinned}

    def has_patients_of(self, panel: Panel) -> bool:
        """Whether patients of the panel's data set are named."""
        return any(one.public and set_of(one.name) == set_of(panel.source) for one in self.sources)

    @staticmethod
    def patient_keys(panel: Panel, patients: Ints) -> Keys:
        """Keys of patients of a panel; the same number in another data set has another key."""
        salt = hashlib.blake2b(set_of(panel.source).encode(), digest_size=32).digest()
        names = (panel.patient_names[p] if panel.patient_names else str(p) for p in patients.tolist())
        digests = (hashlib.blake2b(name.encode(), key=salt, digest_size=8).digest() for name in names)
        return np.array([int.from_bytes(digest, "little") for digest in digests], np.uint64)

    def save(self, folder: Path) -> None:
        """Write ``fingerprints.safetensors`` into a folder."""
        from safetensors.numpy import save

        metadata = {"format": FORMAT, "digest": self.digest, "ledger": json.dumps(self._said)}
        arrays = {name: np.ascontiguousarray(array) for name, array in self.arrays.items()}
        write_bytes(folder / FILE, in_order(save(arrays, metadata)))

    @classmethod
    def load(cls, folder: Path) -> Ledger | None:
        """The ledger in a folder; None where there is none.

        Raises
        ------
        RunError
            When it is broken, or not what it was when it was written.
        """
        from safetensors import safe_open

        path = folder / FILE
        if not path.is_file():
            return None
        with readable(path, "a ledger", "restore it from a copy"):
            with safe_open(path, "np") as file:
                metadata = file.metadata() or {}
                arrays = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118 - no mapping
            refuse_other_format(path, metadata["format"], FORMAT)
            said = json.loads(metadata["ledger"])
            sources = tuple(Source(**source) for source in said.pop("sources"))
            ledger = cls(**arrays, sources=sources, **said)
            intact = ledger.digest == metadata["digest"] and ledger._whole
        if not intact:
            raise RunError(f"{path} is not the ledger that was written; restore it from a copy")
        return ledger

    @property
    def _whole(self) -> bool:
        """Whether arrays are of the types and shapes that are promised, and keys in order."""
        none = Ledger()
        return all(
            (array.dtype, array.shape[1:]) == (none.arrays[name].dtype, none.arrays[name].shape[1:])
            and len(array) == len(self.arrays[key])
            and (name != key or array.ndim == 2 or bool((array[1:] > array[:-1]).all()))
            for key, beside in BESIDE.items()
            for name, array in ((each, self.arrays[each]) for each in (key, *beside))
        )

    def _within_size(self) -> Ledger:
        """The same with one in eight coarse keys, where there are too many."""
        if self.thinned or len(self.coarse) <= LARGEST:
            return self
        kept = np.bitwise_xor.reduce(self.coarse, axis=1) % THINNED == 0
        fewer: dict[str, Any] = {name: getattr(self, name)[kept] for name in ("coarse", *BESIDE["coarse"])}
        return replace(self, **fewer, thinned=True)


def _unique(arrays: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Each key once, ascending, in the first part that it has; without keys that are none."""
    result: dict[str, Any] = {}
    for key, beside in BESIDE.items():
        # by part first, so that the first of equal keys has the lowest
        order = np.argsort(arrays[beside[0]], kind="stable")
        keys = arrays[key][order]
        whole = np.column_stack([keys, arrays["mask"][order]]) if keys.ndim == 2 else keys
        first = np.unique(whole, axis=0, return_index=True)[1]
        first = first[keys[first] != 0] if keys.ndim == 1 else first
        result |= {name: arrays[name][order][first] for name in (key, *beside)}
    return result
