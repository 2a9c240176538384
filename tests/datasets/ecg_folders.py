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


CODES = {"N": 1, "L": 2, "R": 3, "a": 4, "V": 5, "F": 6, "J": 7, "A": 8, "S": 9, "E": 10, "j": 11, "/": 12}
CODES |= {"Q": 13, "~": 14, "+": 28, "e": 34, "f": 38, "!": 31}


def write_annotations(path: Path, marks: list[tuple[int, str, str]], *, rate: float | None = None) -> None:
    """An annotation file in the MIT format from (step, symbol, text)."""
    words: list[int] = []
    if rate is not None:
        note = f"## time resolution: {rate:g}".encode()
        words += [22 << 10, 63 << 10 | len(note)]
        words += np.frombuffer(note + b"\0" * (len(note) % 2), "<u2").tolist()
    before = 0
    for at, symbol, text in marks:
        gap, before = at - before, at
        if gap > 1023:
            words += [59 << 10, gap >> 16, gap & 0xFFFF]
            gap = 0
        words.append(CODES[symbol] << 10 | gap)
        if text:
            raw = text.encode()
            words.append(63 << 10 | len(raw))
            words += np.frombuffer(raw + b"\0" * (len(raw) % 2), "<u2").tolist()
    np.array([*words, 0], "<u2").tofile(path)


def write_212(stem: Path, counts: np.ndarray, leads: tuple[str, str], comment: str) -> None:
    """A record in format 212 as those of MIT-BIH: gain 200 and zero at 1024."""
    flat = (counts.T.reshape(-1) + 1024).astype(np.int64) & 0xFFF
    first, second = flat[::2], flat[1::2]
    packed = np.stack([first & 0xFF, (first >> 8) | ((second >> 8) << 4), second & 0xFF], axis=1)
    packed.astype(np.uint8).tofile(stem.with_name(f"{stem.name}.dat"))
    lines = [f"{stem.name} 2 360 {counts.shape[1]}"]
    lines += [
        f"{stem.name}.dat 212 200 11 1024 {row[0] + 1024} 0 0 {name}"
        for row, name in zip(counts, leads, strict=True)
    ]
    stem.with_name(f"{stem.name}.hea").write_text("\n".join([*lines, f"# {comment}"]) + "\n")


def mitdb_folder(root: Path) -> dict[str, tuple[np.ndarray, list[tuple[int, str, str]]]]:
    """Eight recordings of a minute with the lead layouts, marks and the shared person of MIT-BIH."""
    layouts = {
        "100": (("MLII", "V5"), "69 M 1085 1629 x1"),
        "102": (("V5", "V2"), "84 F 1629 1629 x1"),
        "103": (("MLII", "V2"), "-1 M 742 654 x1"),
        "114": (("V5", "MLII"), "72 F 1003 1629 x1"),
        "118": (("MLII", "V1"), "69 M 1456 653 x1"),
        "201": (("MLII", "V1"), "68 M 1960 1629 x1"),
        "202": (("MLII", "V1"), "68 M 1960 1629 x1"),
        "105": (("MLII", "V1"), "73 F 1624 1629 x1"),
    }
    root.mkdir(parents=True)
    made = {}
    for k, (name, (leads, comment)) in enumerate(layouts.items()):
        counts = (beats(100 + k, 360 * 60, 2) // 2).astype(np.int16)
        symbols = "NLRejAaJSVEF/fQ" + "N" * 25
        marks = [(40, "N", "")] + [(300 + 500 * i, symbol, "") for i, symbol in enumerate(symbols)]
        marks += [(marks[-1][0] + 30, "+", "(AFIB"), (marks[-1][0] + 60, "~", ""), (360 * 60 - 9, "V", "")]
        write_212(root / name, counts, leads, comment)
        write_annotations(root / f"{name}.atr", marks)
        made[name] = counts, marks
    (root / "RECORDS").write_text("\n".join(layouts) + "\n")
    return made
