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
from tsrep.datasets.segments import Span

# function of MNE that reads a file, by its suffix
READERS = {".vhdr": "brainvision", ".edf": "edf", ".bdf": "bdf", ".set": "eeglab", ".fif": "fif"}
SUFFIXES = (*READERS, ".fif.gz")
CSV_RATE = 500.0
VOLT = 107  # FIFF_UNIT_V
LOST = re.compile(r"incorrect for record length|truncated|unexpected end|corrupt", re.I)
# what labels of EDF and BDF files may begin with
TYPED = ("EEG", "SEEG", "ECOG", "DBS", "EOG", "ECG", "EMG", "BIO", "RESP", "TEMP", "MISC", "SAO2", "STIM")
# bytes to a value of BrainVision
WIDTHS = {"INT_16": 2, "UINT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}
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
    volts : tuple of bool
        Which channels are voltages.
    sfreq : float, Hz
    steps : int
    bads : tuple of str
    placed : tuple of str
        Channels whose place on the head the file gives.
    """

    channels: tuple[str, ...]
    types: tuple[str, ...]
    volts: tuple[bool, ...]
    sfreq: float
    steps: int
    bads: tuple[str, ...] = ()
    placed: tuple[str, ...] = ()

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
        files += [path.parent / name for name in _named_in(path)]
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
        return header_of(raw)


def header_of(raw: Any) -> EegHeader:
    """Header of a recording that MNE has opened."""
    names = plain_names(raw.ch_names)
    plain = dict(zip(raw.ch_names, names, strict=True))
    places = [channel["loc"][:3] for channel in raw.info["chs"]]
    return EegHeader(
        channels=names,
        types=tuple(raw.get_channel_types()),
        volts=tuple(int(channel["unit"]) == VOLT for channel in raw.info["chs"]),
        sfreq=float(raw.info["sfreq"]),
        steps=int(raw.n_times),
        bads=tuple(plain[name] for name in raw.info["bads"]),
        placed=tuple(n for n, at in zip(names, places, strict=True) if np.isfinite(at).all() and at.any()),
    )


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
            _refuse_short(path)
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
    options = {"infer_types": True} if suffix in (".edf", ".bdf") else {}
    return getattr(mne.io, f"read_raw_{READERS[suffix]}")(path, **options)


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


def bad_spans(raw: Any) -> tuple[Span, ...]:
    """Annotations that mark data as unusable: BAD..., EDGE..., and the boundaries of EEGLAB."""
    found = []
    for note in raw.annotations:
        if marks_bad(str(note["description"])):
            start = float(note["onset"]) - raw.first_time * (raw.annotations.orig_time is not None)
            found.append(Span(start, start + float(note["duration"]), str(note["description"])))
    return tuple(found)


def without_type(label: str) -> str:
    """What MNE calls a channel of an EDF or BDF file: ``EEG Fp1`` is ``Fp1``."""
    kind, _, name = label.partition(" ")
    return name.strip() if kind.upper() in TYPED and name.strip() else label


def marks_bad(description: str) -> bool:
    """Whether an annotation or event of this name marks data as unusable."""
    return description.lower().startswith(("bad", "edge", "boundary"))


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
    types = tuple("misc" if name in EXTRA else "eeg" for name in names)
    return EegHeader(names, types, (True,) * len(names), CSV_RATE, steps)


def _named_in(header: Path) -> list[str]:
    try:
        lines = header.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []
    files = (line.partition("=")[2].strip() for line in lines if re.match(r"(Data|Marker)File=", line))
    return [name.replace("$b", header.stem) for name in files if name]


def _refuse_short(path: Path) -> None:
    """Check the header of an EDF, BDF or BrainVision file, and that its data are all there.

    MNE would read on with fewer steps.
    """
    suffix = suffix_of(path)
    if suffix == ".vhdr":
        _refuse_short_brainvision(path)
    elif suffix in (".edf", ".bdf"):
        _refuse_short_edf(path, suffix[1:].upper(), width=2 if suffix == ".edf" else 3)


def _refuse_short_brainvision(path: Path) -> None:
    said = dict(re.findall(r"^(\w+)=(.*?)\s*$", path.read_text(encoding="utf-8", errors="replace"), re.M))
    width, channels = WIDTHS.get(said.get("BinaryFormat", "")), said.get("NumberOfChannels", "")
    data = path.parent / said.get("DataFile", "").replace("$b", path.stem)
    if not channels.isdigit() or int(channels) < 1:
        raise Unreadable("its VHDR header is corrupted (no number of channels)")
    if not data.is_file():
        raise Unreadable(f"its data file {data.name} is missing")
    size, points = data.stat().st_size, said.get("DataPoints", "")
    if width is None:
        return
    frame = width * int(channels)
    if size % frame or (points.isdigit() and size < int(points) * frame):
        raise Unreadable(f"the file {data.name} is truncated: {size:,} bytes are no whole number of steps")


def _refuse_short_edf(path: Path, kind: str, width: int) -> None:
    def number(what: str, text: bytes, convert: Callable[[bytes], Any] = int) -> Any:
        try:
            return convert(text)
        except ValueError as error:
            said = text.decode("latin-1").strip()
            raise Unreadable(f"its {kind} header is corrupted ({what} is {said!r})") from error

    with path.open("rb") as stream:
        head = stream.read(256)
        length = number("the size of the header", head[184:192])
        records = number("the number of data records", head[236:244])
        number("the duration of a data record", head[244:252], float)
        signals = number("the number of signals", head[252:256])
        per_signal = stream.read(256 * max(signals, 0))[216 * signals : 224 * signals]
    samples = [per_signal[8 * i : 8 * i + 8] for i in range(signals)]
    steps = sum(number(f"the number of samples of signal {i + 1}", n) for i, n in enumerate(samples))
    if length != 256 * (signals + 1) or signals < 1 or steps < 1:
        raise Unreadable(f"its {kind} header is corrupted ({signals} signals in {length} bytes of header)")
    wanted, size = length + records * steps * width, path.stat().st_size
    # a recorder that was stopped leaves -1 records
    if records >= 0 and size < wanted:
        raise Unreadable(f"the file is truncated: {size:,} of {wanted:,} bytes")
