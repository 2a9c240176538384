"""Headers of BrainVision files: units, and whether the data are all there."""

from __future__ import annotations

import re
from pathlib import Path

from tsrep.datasets.dataset import Unreadable
from tsrep.signals.units import decoded

# bytes to a value
WIDTHS = {"INT_16": 2, "UINT_16": 2, "INT_32": 4, "IEEE_FLOAT_32": 4}


def stated_units(header: Path) -> tuple[str, ...]:
    """Unit of each channel; the format has µV where a header says nothing.

    Raises
    ------
    Unreadable
        When the header cannot be read.
    """
    lines = re.findall(r"^\s*Ch(\d+)\s*=(.*)$", _text(header).partition("[Coordinates]")[0], re.M | re.I)
    told = {int(n): fields.split(",") for n, fields in lines}
    units = (told.get(n, [])[3:4] for n in range(1, max(told, default=0) + 1))
    return tuple((unit[0].strip() if unit else "") or "µV" for unit in units)


def files_named_in(header: Path) -> list[Path]:
    """Data and markers that a header names; never raises."""
    try:
        found = re.findall(r"^(?:Data|Marker)File=(.*?)\s*$", _text(header), re.M)
    except Unreadable:
        return []
    return [header.parent / name.replace("$b", header.stem) for name in found if name]


def refuse_short(header: Path) -> None:
    """Check the header, and that the data are all there, as MNE would read on with fewer steps.

    Raises
    ------
    Unreadable
        When it is corrupted, or its data are missing or truncated.
    """
    said = dict(re.findall(r"^(\w+)=(.*?)\s*$", _text(header), re.M))
    width, channels = WIDTHS.get(said.get("BinaryFormat", "")), said.get("NumberOfChannels", "")
    data = header.parent / said.get("DataFile", "").replace("$b", header.stem)
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


def _text(header: Path) -> str:
    try:
        return decoded(header.read_bytes())
    except OSError as error:
        raise Unreadable(f"{header.name} cannot be read ({error.strerror})") from error
