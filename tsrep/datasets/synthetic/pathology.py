"""How the five superclasses of PTB-XL change a dipole: Q waves, ST, T, conduction, voltage."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.synthetic.dipole import WAVE, Waves

Array = NDArray[Any]
CONDITIONS = ("MI", "STTC", "CD", "HYP")
# variants of each condition, with how often they come, and the statement written for them
VARIANTS: dict[str, dict[str, float]] = {
    "MI": {"AMI": 0.25, "ASMI": 0.2, "IMI": 0.4, "LMI": 0.15},
    "STTC": {"NDT": 0.35, "ISC_": 0.35, "NST_": 0.3},
    "CD": {"CLBBB": 0.22, "CRBBB": 0.22, "IRBBB": 0.26, "LAFB": 0.2, "1AVB": 0.1},
    "HYP": {"LVH": 1.0},
}
TOWARDS = {
    "AMI": (0.35, 0.0, -0.94),
    "ASMI": (-0.10, 0.0, -0.99),
    "IMI": (-0.10, 0.98, 0.15),
    "LMI": (0.93, -0.35, 0.10),
}
LATERAL = np.array([0.85, 0.35, -0.40])


def infarct(waves: Waves, at: Array, code: str, severity: Array, age: Array) -> None:
    """Loss of potential towards the scar, ST elevation over it, T inversion as it ages (0 acute, 1 old)."""
    u = np.array(TOWARDS[code])
    s = severity[:, None]
    d = waves.dipole
    forward = np.maximum(d[at, WAVE["R"]] @ u, 0)[:, None]
    d[at, WAVE["Q"]] -= s * (0.45 + 0.25 * forward) * u
    d[at, WAVE["R"]] -= 0.55 * s * forward * u
    d[at, WAVE["q"]] *= 1 - 0.6 * s
    waves.width[at, WAVE["Q"]] *= 1 + 0.3 * severity
    fresh = np.clip(1.2 - age, 0, 1)[:, None]
    d[at, WAVE["ST"]] += 0.34 * s * fresh * u
    d[at, WAVE["T0"]] += 0.22 * s * (1 - 1.4 * age[:, None]) * fresh * u
    d[at, WAVE["T"]] += 0.42 * s * (0.6 - 1.7 * age[:, None]) * u


def repolarise(waves: Waves, at: Array, code: str, severity: Array) -> None:
    """Flat or inverted T waves, with ST depression for ischaemia."""
    s = severity[:, None]
    inversion, depression = {"NDT": (1.25, 0.02), "ISC_": (1.5, 0.16), "NST_": (0.85, 0.09)}[code]
    for wave in ("T0", "T"):
        waves.dipole[at, WAVE[wave]] *= 1 - inversion * s
    waves.dipole[at, WAVE["ST"]] -= depression * s * LATERAL
    waves.dipole[at, WAVE["T0"]] -= 0.4 * depression * s * LATERAL


def block(waves: Waves, at: Array, code: str, severity: Array) -> None:
    """Bundle branch, fascicular or atrioventricular block."""
    d, s = waves.dipole, severity[:, None]
    if code == "1AVB":
        for wave in ("P", "P2"):
            waves.centre[at, WAVE[wave]] -= 0.04 + 0.07 * severity
    elif code == "LAFB":
        d[at, WAVE["q"]] += s * np.array([0.0, 0.20, 0.05])
        d[at, WAVE["R"], 1] *= 1 - 1.15 * severity
        d[at, WAVE["S"]] += s * np.array([0.10, -0.55, 0.0])
        waves.width[at, WAVE["S"]] *= 1 + 0.3 * severity
    elif code == "CLBBB":
        d[at, WAVE["q"]] = (1 - s) * d[at, WAVE["q"]] + s * np.array([0.12, 0.02, 0.08])
        d[at, WAVE["S2"]] *= 1 - s
        d[at, WAVE["X"]] += s * np.array([0.70, 0.22, 0.62])
        d[at, WAVE["R"]] *= 1 - 0.35 * s
        waves.width[at, WAVE["R"]] *= 1 + 0.55 * severity
        waves.width[at, WAVE["S"]] *= 1 + 0.7 * severity
        waves.width[at, WAVE["X"]] *= 1 + 0.25 * severity
        d[at, WAVE["ST"]] -= s * np.array([0.12, 0.03, 0.10])
        d[at, WAVE["T"]] -= s * np.array([0.50, 0.20, 0.18])
    else:
        size, delay = (0.85, 0.012) if code == "CRBBB" else (0.42, -0.004)
        d[at, WAVE["X"]] += (0.35 + 0.65 * s) * size * np.array([-0.55, 0.02, -0.62])
        waves.centre[at, WAVE["X"]] += delay * severity
        d[at, WAVE["S"]] *= 1 - 0.4 * s
        d[at, WAVE["S2"]] *= 1 - 0.6 * s
        d[at, WAVE["T"]] += size * s * np.array([0.05, 0.0, 0.22])


def thicken(waves: Waves, at: Array, severity: Array) -> None:
    """Left ventricular hypertrophy: voltage to the left and back, and strain when it is advanced."""
    d, s = waves.dipole, severity[:, None]
    size = np.linalg.norm(d[at, WAVE["R"]], axis=1, keepdims=True)
    d[at, WAVE["R"]] += s * size * np.array([0.80, 0.05, 0.40])
    d[at, WAVE["S"]] += s * size * np.array([0.05, 0.00, 0.60])
    waves.width[at, WAVE["R"]] *= 1 + 0.12 * severity
    strain = np.clip(severity - 0.45, 0, 1)[:, None]
    d[at, WAVE["ST"]] -= 0.30 * strain * LATERAL
    for wave in ("T0", "T"):
        d[at, WAVE[wave]] -= 2.2 * strain * d[at, WAVE[wave]] * np.array([1.0, 0.6, 0.6])


def apply(waves: Waves, variant: Array, severity: Array, age: Array) -> None:
    """Change the waves of all records.

    Parameters
    ----------
    variant : array of str, shape (record, condition)
        Statement, or ``""`` where the condition is absent; columns as in ``CONDITIONS``.
    severity : array, shape (record, condition), about 0.1 to 1.2
    age : array, shape (record,)
        Of an infarct, 0 to 1.
    """
    # blocks first: they set the course of QRS that scars and mass then change
    for condition in ("CD", "HYP", "MI", "STTC"):
        column = CONDITIONS.index(condition)
        for code in VARIANTS[condition]:
            at = np.flatnonzero(variant[:, column] == code)
            s = severity[at, column]
            if condition == "MI":
                infarct(waves, at, code, s, age[at])
            elif condition == "STTC":
                repolarise(waves, at, code, s)
            elif condition == "CD":
                block(waves, at, code, s)
            else:
                thicken(waves, at, s)
