"""Folders of published ECG data sets, small and with the faults that the real ones have."""

from __future__ import annotations

from pathlib import Path

import numpy as np

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")


def beats(seed: int, steps: int, leads: int = 12) -> np.ndarray:
    """Counts of 1000 to a millivolt, shape (lead, time), with limb leads that agree."""
    rng = np.random.default_rng(seed)
    x = np.cumsum(rng.normal(size=(leads, steps)), axis=1)
    x -= np.linspace(x[:, 0], x[:, -1], steps).T
    x = np.rint(x / np.abs(x).max() * 900)
    if leads == 12:
        one, two = x[0], x[1]
        x[2:6] = np.rint([two - one, -(one + two) / 2, one - two / 2, two - one / 2])
    return x.astype(np.int16)


def write_cinc(
    stem: Path,
    counts: np.ndarray,
    *,
    rate: float = 500,
    dx: str | None = "426783006",
    age: str = "60",
    sex: str = "Male",
    unit: str = "mV",
    hash_space: str = " ",
    gain: str = "1000.0(0)",
    name: str | None = None,
    leads: tuple[str, ...] = LEADS,
) -> None:
    """Header and MATLAB 4 file of one record of the challenge."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    name = name or stem.name
    lines = [f"{name} {len(counts)} {rate:g} {counts.shape[1]}"]
    lines += [
        f"{name}.mat 16x1+24 {gain}/{unit} 16 0 {row[0]} 0 0 {lead}"
        for row, lead in zip(counts, leads, strict=True)
    ]
    said = {"Age": age, "Sex": sex, "Dx": dx, "Rx": "Unknown"}
    lines += [f"#{hash_space}{key}: {value}" for key, value in said.items() if value is not None]
    stem.with_suffix(".hea").write_text("\n".join(lines) + "\n", encoding="ascii")
    head = np.array([30, len(counts), counts.shape[1], 0, 4], "<i4").tobytes() + b"val\0"
    stem.with_name(f"{name}.mat").write_bytes(head + np.ascontiguousarray(counts.T, "<i2").tobytes())


def cinc_folder(root: Path) -> dict[str, np.ndarray]:
    """Eight sources with three records each and the faults of the published bundle; counts by record."""
    top, made = root / "training", {}
    names = {
        "cpsc_2018": ("A0001", "A0002", "A0608"),
        "cpsc_2018_extra": ("Q0001", "Q0002", "Q0400"),
        "st_petersburg_incart": ("I0001", "I0002", "I0003"),
        "ptb": ("S0001", "S0002", "S0003"),
        "ptb-xl": ("HR00001", "HR00002", "HR00003"),
        "georgia": ("E00001", "E04603", "E00003"),
        "chapman_shaoxing": ("JS00001", "JS00344", "JS00003"),
        "ningbo": ("JS20001", "JS13118", "JS23074"),
    }
    rates = {"st_petersburg_incart": 257, "ptb": 1000}
    odd = {
        "A0001": {"steps": 6000, "dx": "59118001"},
        "A0608": {"age": "NaN", "dx": "164884008", "steps": 3000},
        "Q0002": {"age": "-1", "sex": "Unknown", "dx": "427084000"},
        "E00001": {"hash_space": "", "dx": "164889003,164889003,"},
        "JS00344": {"dx": "426177001,,164934002"},
        "JS20001": {"dx": "164890007,251238007"},
        "JS13118": {"dx": None},
        "HR00001": {"unit": "mv"},
    }
    for k, (source, records) in enumerate(names.items()):
        for j, name in enumerate(records):
            more = dict(odd.get(name, {}))
            rate = rates.get(source, 500)
            counts = beats(10 * k + j, more.pop("steps", rate * 5))
            if name == "E04603":
                counts[4, 7] = -32768
            if name == "Q0400":
                counts[:] = 0
            if name == "JS00003":
                counts[6:] = 0
            stem = top / source / "g1" / name.replace("JS23074", "S23074")
            write_cinc(stem, counts, rate=rate, name=name, **more)
            made[name] = counts
    return made
