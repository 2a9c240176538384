"""Units of signals: every spelling that files have, and the exact factors between units of voltage."""

from __future__ import annotations

import unicodedata

from tsrep.errors import DataError

MICRO = "µV"
POWERS = {"V": 0, "mV": -3, MICRO: -6, "nV": -9}
# folded by _folded; the last is UTF-8 that a recorder took for Latin-1
_SPELLINGS = {"v": "V", "volt": "V", "volts": "V", "mv": "mV", "millivolt": "mV", "millivolts": "mV"}
_SPELLINGS |= {"nv": "nV", "nanovolt": "nV", "nanovolts": "nV"}
_SPELLINGS |= dict.fromkeys(("uv", "\u03bcv", "microvolt", "microvolts", "\u00e2\u03bcv"), MICRO)
NO_VOLTAGE = "no voltage"
# what other channels of a recorder are measured in
NO_VOLTAGES = {NO_VOLTAGE, "%", "%SpO2", "BPM", "bpm", "C", "°C", "degC", "deg", "mmHg", "cmH2O", "kPa"}
NO_VOLTAGES |= {"Ohm", "kOhm", "l/min", "L/min", "g", "S", "µS", "uS", "N", "n/a", "ARU", "Boolean", "lux"}
NO_VOLTAGES |= {"Rad", "dB", "Hz", "s", "ms", "mm", "mm/s"}
_SHIFT_JIS_MU = b"\x83\xca"


def decoded(text: bytes) -> str:
    """Text of a header whose encoding is not known: UTF-8, else Latin-1, with the mu of Shift-JIS."""
    try:
        return text.decode("utf-8")
    except UnicodeDecodeError:
        return text.replace(_SHIFT_JIS_MU, b"\xb5").decode("latin-1")


def canonical(unit: str) -> str:
    """A unit as it is written here: ``uv``, ``UV`` and both signs for micro are ``"µV"``.

    Parameters
    ----------
    unit : str

    Returns
    -------
    str
        ``V``, ``mV``, ``µV`` or ``nV`` for a voltage; any other unit, also none (``""``), as it is.

    Raises
    ------
    DataError
        When the unit could be two.
    """
    text = unicodedata.normalize("NFKC", unit.strip())
    if text in ("MV", "Mv"):
        raise DataError(f"the unit {text} may be mega- or millivolts; write mV")
    return _SPELLINGS.get(text.lower(), unit.strip())


def spelled(unit: str) -> str:
    """A canonical unit, or the one given where that could be two."""
    try:
        return canonical(unit)
    except DataError:
        return unit


def is_voltage(unit: str) -> bool:
    """Whether a canonical unit is one of voltage."""
    return unit in POWERS


def factor(unit: str, wanted: str) -> float:
    """What to multiply a value in one unit by to have it in another.

    Parameters
    ----------
    unit, wanted : str
        In any spelling.

    Raises
    ------
    DataError
        When there is no such factor, which names both.
    """
    of, to = canonical(unit), canonical(wanted)
    if of == to:
        return 1.0
    if of not in POWERS or to not in POWERS:
        raise DataError(f"the unit {of or '(none)'} does not convert to {to or '(none)'}; give the right one")
    # by powers of ten, as 1e-6 / 1e-3 is not exactly 1e-3
    return float(f"1e{POWERS[of] - POWERS[to]}")
