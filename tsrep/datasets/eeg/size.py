"""Whether an EEG file is as long as its header says; MNE would read on with fewer steps."""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

from tsrep.datasets.formats.wfdb_header import Unreadable

# bytes to a value of BrainVision
WIDTHS = {"INT_16": 2, "UINT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}


def refuse_short(path: Path, suffix: str) -> None:
    """Check the header of an EDF, BDF or BrainVision file, and that its data are all there.

    Raises
    ------
    Unreadable
        When the header is corrupted, or the file is shorter than it says.
    """
    match suffix:
        case ".edf":
            _refuse_short_edf(path, "EDF", 2)
        case ".bdf":
            _refuse_short_edf(path, "BDF", 3)
        case ".vhdr":
            _refuse_short_brainvision(path)


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
