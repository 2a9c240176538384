"""One EEG recording from disk, through MNE: BrainVision, EDF, BDF, EEGLAB and FIF, or a CSV of microvolts.

MNE talks while it reads and keeps its settings for the whole process, so files are opened one at a time under
a lock: what it would say is silenced, and warnings that mean lost data become reasons why a file cannot be
used.
"""

from __future__ import annotations

import logging
import re
import threading
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.dataset import Unreadable
from tsrep.datasets.eeg.brainvision_header import files_named_in, refuse_short, stated_units
from tsrep.datasets.eeg.edf_header import (
    WIDTHS,
    read_edf_header,
    readable,
)
from tsrep.signals.channel_names import distinct
from tsrep.signals.units import NO_VOLTAGE, NO_VOLTAGES, factor, is_voltage, spelled

# function of MNE that reads a file, by its suffix
READERS = {".vhdr": "brainvision", ".edf": "edf", ".bdf": "bdf", ".set": "eeglab", ".fif": "fif"}
SUFFIXES = (*READERS, ".fif.gz")
CSV_RATE = 500.0
VOLT = 107  # FIFF_UNIT_V
LOST = re.compile(r"incorrect for record length|truncated|unexpected end|corrupt", re.I)
# what labels of EDF and BDF files may begin with
TYPED = ("EEG", "SEEG", "ECOG", "DBS", "EOG", "ECG", "EMG", "BIO", "RESP", "TEMP", "MISC", "SAO2", "STIM")
# volts to a unit of BrainVision as MNE spells it; any other it takes for volts
TAKEN = {"µV": 1e-6, "uV": 1e-6, "mV": 1e-3, "nV": 1e-9, "µS": 1e-6, "uS": 1e-6}
# electrodes of TDBRAIN that are not on the scalp: eyes, heart, mastoids and so on
EXTRA = ("VPVA", "VNVB", "HPHL", "HNHR", "Erbs", "OrbOcc", "Mass", "A1", "A2", "artifacts")
READING = threading.Lock()


@dataclass(frozen=True)
class EegHeader:
    """What a file says of itself.

    Attributes
    ----------
    channels : tuple of str
        Without dots behind and without ``-REF`` or ``-LE``.
    types : tuple of str
        ``"eeg"``, ``"ecg"``, ``"eog"``, ..., as MNE calls them.
    units : tuple of str
        As the file states them.
    taken : tuple of float
        Volts to a unit that MNE reckons with.
    sfreq : float, Hz
    steps : int
    bads : tuple of str
    placed : tuple of str
        Channels whose place on the head the file gives.
    slower : tuple of str
        Channels that are not read, as they have another rate.
    """

    channels: tuple[str, ...]
    types: tuple[str, ...]
    units: tuple[str, ...]
    taken: tuple[float, ...]
    sfreq: float
    steps: int
    bads: tuple[str, ...] = ()
    placed: tuple[str, ...] = ()
    slower: tuple[str, ...] = ()

    def correction(self, channel: str) -> float:
        """What to multiply what MNE reads of a channel by, to have volts.

        Raises
        ------
        DataError
            When its unit is not known, or no voltage.
        """
        i = self.channels.index(channel)
        return factor(self.units[i], "V") / self.taken[i]

    @property
    def eeg(self) -> tuple[str, ...]:
        """Channels that are EEG."""
        return tuple(n for n, kind in zip(self.channels, self.types, strict=True) if kind == "eeg")


def suffix_of(path: Path) -> str:
    """The suffix by which a file is known as EEG, lower case; empty when it is none."""
    name = path.name.lower()
    return next((suffix for suffix in reversed(SUFFIXES) if name.endswith(suffix)), "")


def files_of(path: Path) -> list[Path]:
    """A recording's files as far as their names can be told, for fingerprints; never raises."""
    beside = {".vhdr": (".eeg", ".vmrk", ".dat"), ".set": (".fdt",)}.get(suffix_of(path), ())
    files = [path, *(path.with_suffix(suffix) for suffix in beside)]
    if suffix_of(path) == ".vhdr":
        files += files_named_in(path)
    if suffix_of(path) == ".fif":  # long recordings continue in NAME-1.fif or the next split-02
        files += sorted(path.parent.glob(f"{path.name[:-4]}-[0-9]*.fif"))
        files += sorted(path.parent.glob(re.sub(r"_split-\d+_", "_split-*_", path.name)))
    return list(dict.fromkeys(files))


def read_header(path: Path) -> EegHeader:
    """Header of a recording.

    Raises
    ------
    Unreadable
        When the header is corrupted, or the file is shorter than it says.
    """
    if path.suffix.lower() == ".csv":
        return _csv_header(path)
    with opened(path) as raw:
        return header_of(raw, path)


def header_of(raw: Any, path: Path | None = None) -> EegHeader:
    """Header of a recording that MNE has opened, from a file where that says more."""
    names = plain_names(raw.ch_names)
    plain = dict(zip(raw.ch_names, names, strict=True))
    places = [channel["loc"][:3] for channel in raw.info["chs"]]
    units, taken, slower = _facts(raw, path)
    return EegHeader(
        channels=names,
        types=tuple(map(_type, raw.get_channel_types(), units)),
        units=units,
        taken=taken,
        sfreq=float(raw.info["sfreq"]),
        steps=int(raw.n_times),
        bads=tuple(plain[name] for name in raw.info["bads"]),
        placed=tuple(n for n, at in zip(names, places, strict=True) if np.isfinite(at).all() and at.any()),
        slower=slower,
    )


def _type(kind: str, unit: str) -> str:
    """Type of a channel: what MNE guesses from a label or from a spelling gives way to the unit."""
    if kind == "eeg" and unit in NO_VOLTAGES:
        return "misc"
    return "eeg" if kind == "misc" and unit and is_voltage(spelled(unit)) else kind


def _facts(raw: Any, path: Path | None) -> tuple[tuple[str, ...], tuple[float, ...], tuple[str, ...]]:
    """Unit of each channel as stated, the volts that MNE took it for, and channels of other rates."""
    suffix = "" if path is None else suffix_of(path)
    slower: tuple[str, ...] = ()
    if path is not None and suffix in WIDTHS:
        header = read_edf_header(path)
        units, taken = [header.units[i] for i in header.signals], [header.taken[i] for i in header.signals]
        slower = tuple(without_type(label) for label in header.slower)
    elif path is not None and suffix == ".vhdr":
        units = list(stated_units(path))
        taken = [TAKEN.get(unit.replace("\xc2", ""), 1.0) for unit in units]
    else:
        units = ["V" if int(channel["unit"]) == VOLT else NO_VOLTAGE for channel in raw.info["chs"]]
        taken = [1.0] * len(units)
    kinds = raw.get_channel_types()
    if len(units) != len(kinds):
        raise Unreadable(f"its header has units for {len(units)} of {len(kinds)} channels")
    units = [NO_VOLTAGE if kind == "stim" else unit for unit, kind in zip(units, kinds, strict=True)]
    return tuple(units), tuple(taken), slower


@contextmanager
def opened(path: Path) -> Iterator[Any]:
    """A recording opened by MNE, its values not yet read, with MNE silent for as long.

    Raises
    ------
    Unreadable
        With the reason, for whatever MNE raises.
    """
    if not path.is_file():
        raise Unreadable("the file is missing")
    with silent_mne() as (mne, said):
        try:
            raw = _open(mne, path)
            _refuse_lost(said)
            yield raw
            _refuse_lost(said)
        except Unreadable:
            raise
        except Exception as error:  # what a broken file makes MNE raise has no common class
            kind = suffix_of(path).lstrip(".").upper() or "EEG"
            what = " ".join(str(error).split())[:160].rstrip(".") or type(error).__name__
            raise Unreadable(f"its {kind} header or data are corrupted ({what})") from error


@contextmanager
def silent_mne() -> Iterator[tuple[Any, list[warnings.WarningMessage]]]:
    """MNE, and what it warns of instead of saying it; one thread at a time."""
    with READING, warnings.catch_warnings(record=True) as said:
        warnings.simplefilter("always")
        import mne

        mne.utils.logger.addFilter(_nothing)  # which repeats warnings where a program has it write to a file
        try:
            with mne.utils.use_log_level("WARNING"):
                yield mne, said
        finally:
            mne.utils.logger.removeFilter(_nothing)


def _nothing(_record: logging.LogRecord) -> bool:
    return False


def _open(mne: Any, path: Path) -> Any:
    suffix = suffix_of(path).removesuffix(".gz")
    if suffix not in READERS:
        raise Unreadable(f"{path.name} is not BrainVision, EDF, BDF, EEGLAB or FIF")
    read = getattr(mne.io, f"read_raw_{READERS[suffix]}")
    if suffix in WIDTHS:
        return _open_edf(read, path)
    if suffix == ".vhdr":
        refuse_short(path)
    try:
        return read(path)
    except TypeError as error:
        if suffix == ".set" and "number of trials" in str(error):
            return _end_to_end(mne, mne.io.read_epochs_eeglab(path))
        raise


def _open_edf(read: Callable[..., Any], path: Path) -> Any:
    header = read_edf_header(path)
    source = readable(path, header)
    # MNE leaves out by the names that it has made of labels
    slower = [*header.slower, *map(without_type, header.slower)]
    options = {"infer_types": True, "exclude": slower, "preload": source is not path}
    try:
        return read(source, **options)
    except Exception as error:
        if "latin1" not in str(error):
            raise
        return read(readable(path, header), encoding="latin1", **options)


def _end_to_end(mne: Any, epochs: Any) -> Any:
    """Epochs of a file as one recording that was paused between them."""
    values = epochs.get_data(copy=False)
    number, _, steps = values.shape
    raw = mne.io.RawArray(np.concatenate(list(values), axis=1), epochs.info)
    onsets = np.arange(1, number) * steps / epochs.info["sfreq"]
    return raw.set_annotations(mne.Annotations(onsets, 0.0, "boundary"))


def _refuse_lost(said: Sequence[warnings.WarningMessage]) -> None:
    """Of all that MNE warns of, lost data make a file unusable."""
    for warning in said:
        text = " ".join(str(warning.message).split())
        if LOST.search(text):
            raise Unreadable(f"it is truncated or incomplete ({text[:160].rstrip('.')})")


def plain_names(names: Sequence[str]) -> tuple[str, ...]:
    """Channel names without trailing dots and without ``-REF`` or ``-LE``, where they stay different."""
    plain = [re.sub(r"[-_](REF|LE)$", "", name.strip().rstrip("."), flags=re.I) for name in names]
    return tuple(plain if len(set(plain)) == len(plain) else names)


def without_type(label: str) -> str:
    """What MNE calls a channel of an EDF or BDF file: ``EEG Fp1`` is ``Fp1``."""
    kind, _, name = label.partition(" ")
    return name.strip() if kind.upper() in TYPED and name.strip() else label


def read_csv(path: Path) -> NDArray[np.float64]:
    """Values of a CSV with one column per channel, in volts, shape (channel, time); the file is in µV.

    Raises
    ------
    Unreadable
        When it is no such table of numbers.
    """
    import pandas

    try:
        table = pandas.read_csv(path)
        return np.ascontiguousarray(table.to_numpy(np.float64).T) * 1e-6
    except (OSError, ValueError) as error:
        raise Unreadable(f"it is no CSV of numbers ({' '.join(str(error).split())[:120]})") from error


def _csv_header(path: Path) -> EegHeader:
    try:
        with path.open(encoding="utf-8-sig") as stream:
            names = tuple(name.strip().strip('"') for name in stream.readline().split(","))
            steps = sum(1 for line in stream if line.strip())
    except (OSError, UnicodeDecodeError) as error:
        raise Unreadable(f"it is no CSV file ({error})") from error
    names = distinct(names)
    types = tuple("misc" if name in EXTRA else "eeg" for name in names)
    return EegHeader(names, types, ("V",) * len(names), (1.0,) * len(names), CSV_RATE, steps)
