"""The electrodes of the 10-05 system on a sphere.

References
----------
Oostenveld & Praamstra, "The five percent electrode system for high-resolution EEG and ERP measurements",
Clinical Neurophysiology 112, 2001.
"""

from __future__ import annotations

from functools import cache

import numpy as np
from numpy.typing import NDArray

# rows from front to back, the name of their outer electrodes, and degrees from Cz along the midline
_ROWS = (
    ("AFp", "AFp", 63), ("AF", "AF", 54), ("AFF", "AFF", 45), ("F", "F", 36), ("FFC", "FFT", 27),
    ("FC", "FT", 18), ("FCC", "FTT", 9), ("C", "T", 0), ("CCP", "TTP", -9), ("CP", "TP", -18),
    ("CPP", "TPP", -27), ("P", "P", -36), ("PPO", "PPO", -45), ("PO", "PO", -54), ("POO", "POO", -63),
)  # fmt: skip
_RING = 72.0  # degrees from Cz of the ring through Fpz, T7, Oz and T8
_NEAREST = 4


@cache
def electrodes() -> dict[str, NDArray[np.float64]]:
    """Position of each electrode on the unit sphere: right, front and up."""
    found = {"Nz": _at(0, 90), "Fpz": _at(0, _RING), "Oz": _at(180, _RING), "OIz": _at(180, 81)}
    found |= {"Iz": _at(180, 90)}
    for name, turn, tilt in (("Fp", 18.0, _RING), ("O", 162.0, _RING), ("OI", 162.0, 81), ("I", 162.0, 90)):
        ahead = 0.0 if name == "Fp" else 180.0
        for suffix, share in (("h", 0.5), ("", 1.0)):
            azimuth = ahead + share * (turn - ahead)
            found |= {f"{name}1{suffix}": _at(-azimuth, tilt), f"{name}2{suffix}": _at(azimuth, tilt)}
    for inner, outer, forward in _ROWS:
        found |= _row(inner, outer, forward)
    return found


def neighbours(name: str, among: tuple[str, ...]) -> dict[str, float]:
    """The nearest electrodes among some, weighted by the inverse of their distance; weights sum to 1.

    Parameters
    ----------
    name : str
        Of a channel; one that is no electrode has no neighbours.
    among : tuple of str
    """
    places = electrodes()
    there = [other for other in among if other in places]
    if name not in places or not there:
        return {}
    distance = np.array([np.arccos(np.clip(places[name] @ places[other], -1, 1)) for other in there])
    nearest = np.argsort(distance, kind="stable")[:_NEAREST]
    weight = 1 / np.maximum(distance[nearest], 1e-6)
    return {there[k]: float(w) for k, w in zip(nearest, weight / weight.sum(), strict=True)}


def _at(azimuth: float, tilt: float) -> NDArray[np.float64]:
    """The point so many degrees from Cz, turned from the front to the right."""
    a, t = np.deg2rad([azimuth, tilt])
    return np.array([np.sin(t) * np.sin(a), np.sin(t) * np.cos(a), np.cos(t)])


def _row(inner: str, outer: str, forward: float) -> dict[str, NDArray[np.float64]]:
    """Electrodes of a row: on the circle through its ends on the ring and its middle."""
    middle = _at(0, forward)
    end = _at(90 - forward, _RING)  # on the right
    normal = np.cross(end - middle, end * [-1, 1, 1] - middle)
    normal /= np.linalg.norm(normal)
    centre = (normal @ middle) * normal
    u = middle - centre
    v = np.array([1.0, 0, 0]) * np.linalg.norm(u)
    whole = np.arctan2((end - centre) @ v, (end - centre) @ u)
    found = {f"{inner}z": middle}
    for number in (1, 3, 5, 7, 9):
        name = outer if number >= 7 else inner
        for suffix, share in (("h", number / 8), ("", (number + 1) / 8)):
            angle = share * whole
            if number == 9:  # below the ring, by the tilt alone
                place = _at(90 - forward, _RING + (9 if suffix else 18))
            else:
                place = centre + np.cos(angle) * u + np.sin(angle) * v
            found[f"{name}{number + 1}{suffix}"] = place
            found[f"{name}{number}{suffix}"] = place * [-1, 1, 1]
    return found
