"""How often keys of recordings miss a changed copy or take two recordings for one, and how long they take.

On a panel of 2,010 ECGs of PTB-XL (``ptb-xl-panel`` among the shared data): every pair of different records,
the same records changed, copies that are shifted or cut, and what a ledger of the panel finds of the
official files. Run from the repository root:

    TSREP_SHARED=../shared python benchmarks/fingerprint.py

``--quick`` takes 300 records. Without the panel the records are simulated, and the rates say little.
"""

from __future__ import annotations

import argparse
import json
import os
import time
from collections.abc import Callable
from itertools import combinations, islice
from pathlib import Path

import numpy as np
import pandas as pd
from scipy import signal
from threadpoolctl import threadpool_limits

from tsrep.datasets.ecg.ptb_xl import PtbXl
from tsrep.datasets.synthetic.ptb_xl_sim import PtbXlSim
from tsrep.runs.ledger import Ledger
from tsrep.runs.seen import CHANCE
from tsrep.signals import Panel
from tsrep.signals.filters import bandpass
from tsrep.signals.fingerprint import Fingerprints
from tsrep.signals.same_signal import near_keys, same_signal
from tsrep.signals.shifted import Spectra, shifted_copies

LEADS = ("I", "II", "III", "aVR", "aVL", "aVF", "V1", "V2", "V3", "V4", "V5", "V6")
FULL = 17_418  # records of PTB-XL's training folds
MOST = 12  # bits
SHIFTED = 300

Array = np.ndarray


def ecgs(count: int) -> tuple[Array, str]:
    """Counts of µV, shape (record, lead, 1000), and what they are."""
    shared = Path(os.environ.get("TSREP_SHARED", "../shared"))
    path = shared / "data" / "ptb-xl-panel" / "ecg_100hz_int16_uV.npy"
    if path.is_file():
        return np.load(path)[:count], "PTB-XL"
    records = PtbXlSim(patients=count, records_per_patient=1.0).load(None, progress=False)
    return np.asarray(records.store[:count]), "simulated"


def panel_of(x: Array, sfreq: float = 100) -> Panel:
    """A panel with a patient for each record."""
    n = len(x)
    return Panel.from_arrays(x, label=np.arange(n) % 2, patient=np.arange(n), sfreq=sfreq, channels=LEADS)


def changes(x: Array) -> dict[str, Callable[[], tuple[Array, float]]]:
    """The same records, changed, and their rate in Hz."""
    fine = signal.resample_poly(x.astype(np.float32), 10, 1, axis=2)
    noise = np.random.default_rng(0).normal(0, 20, x.shape)
    mixed = x[:, np.random.default_rng(0).permutation(x.shape[1])]
    halves = (mixed * np.float32(1 / 3)).astype(np.float16).astype(np.float32)
    return {
        "gain and offset": lambda: ((x * np.float32(0.001) + np.float32(0.3)), 100),
        "rounded to 10 µV": lambda: (np.round(x / 10) * 10, 100),
        "noise of 20 µV": lambda: (x + noise, 100),
        "0.5 to 40 Hz": lambda: (bandpass(x, 100, 0.5, 40), 100),
        "high-pass 1 Hz": lambda: (bandpass(x, 100, 1, None), 100),
        "250 Hz": lambda: (fine[:, :, ::4], 250),
        "500 Hz": lambda: (fine[:, :, ::2], 500),
        "2 ms later": lambda: (np.roll(fine, 2, axis=2)[:, :, ::2], 500),
        "4 ms later": lambda: (np.roll(fine, 4, axis=2)[:, :, ::2], 500),
        "leads mixed, float16": lambda: (halves, 100),
        "mixed, 10 µV": lambda: (np.round(mixed / 10) * 10, 100),
        "mixed, noise of 20 µV": lambda: (mixed + noise, 100),
        "mixed, 0.5 to 40 Hz": lambda: (bandpass(mixed, 100, 0.5, 40), 100),
        "mixed, 500 Hz": lambda: (signal.resample_poly(mixed.astype(np.float32), 5, 1, axis=2), 500),
    }


def misses(x: Array) -> dict[str, dict[str, float]]:
    """Share of changed records whose keys are not those of the original."""
    before, result = Fingerprints.of(panel_of(x)), {}
    for name, change in changes(x).items():
        y, sfreq = change()
        after = Fingerprints.of(panel_of(np.asarray(y, np.float32), sfreq))
        bits = np.bitwise_count(before.coarse ^ after.coarse).sum(axis=1)
        free = np.bitwise_count(before.free ^ after.free).sum(axis=1)
        result[name] = {
            "exact": float((before.exact != after.exact).mean()),
            "coarse": float((bits > MOST).mean()), "most bits": int(bits.max()),
            "free": float((free > MOST).mean()), "most free": int(free.max()),
        }  # fmt: skip
    return result


def false_pairs(x: Array) -> dict[str, float]:
    """Pairs of different records that are taken for one, out of all pairs."""
    panel = panel_of(x)
    prints, rows = Fingerprints.of(panel), np.arange(len(x))
    keys = prints.coarse, prints.mask
    near, free = (
        sum(len(i) for i, _ in near_keys(each, None, MOST / 128))
        for each in (keys, (prints.free, np.full(len(x), 255, np.uint8)))
    )
    joined = len(x) - len(np.unique(same_signal(panel)))
    spectra = Spectra.of(panel, rows)
    shifted = np.unique(np.sort(shifted_copies(panel, spectra, spectra), axis=1), axis=0)
    nearest = min(
        int(np.bitwise_count(prints.coarse[i] ^ np.delete(prints.coarse, i, axis=0)).sum(axis=1).min())
        for i in range(len(x))
    )
    pairs = len(x) * (len(x) - 1) // 2
    return {
        "pairs": pairs, "coarse": near, "free of order": free, "joined": joined,
        "shifted": len(shifted), "nearest bits": nearest,
    }  # fmt: skip


def shifted_misses(x: Array) -> dict[str, float]:
    """Share of shifted and of cut copies that are not found, and pairs that are wrong."""
    n = len(x) // 2
    rng, fine = np.random.default_rng(0), signal.resample_poly(x.astype(np.float32), 10, 1, axis=2)
    moved = np.empty_like(x[:n])
    for i, by in enumerate(rng.integers(-1000, 1001, n)):
        y = fine[n + i].copy()  # another record before it begins or after it ends
        y[:, max(by, 0) : y.shape[1] + min(by, 0)] = fine[i, :, max(-by, 0) : y.shape[1] - max(by, 0)]
        moved[i] = np.round(y[:, ::10])
    cut = np.zeros_like(moved)
    cut[:, :, :800] = x[:n, :, 100:900]
    every, result = np.arange(2 * n), {}
    for name, copy in (("shifted", moved), ("cut", cut)):
        panel = panel_of(np.concatenate([x[:n], copy]))
        found = shifted_copies(panel, Spectra.of(panel, every[:n]), Spectra.of(panel, every[n:]))
        right = int((found[:, 1] - found[:, 0] == n).sum())
        result |= {name: 1 - right / n, f"{name}, wrong pairs": len(found) - right}
    return result


def chance(x: Array) -> dict[str, dict[str, float]]:
    """Share of pairs of different records that match by some leads alone, beside what the ledger expects."""
    prints, result = Fingerprints.of(panel_of(x)), {}
    words = np.ascontiguousarray(prints.coarse).view(np.uint16).reshape(len(x), 8)
    one, other = np.triu_indices(len(x), 1)
    differ = np.stack([np.bitwise_count(words[one, lead] ^ words[other, lead]) for lead in range(8)], axis=1)
    for leads in range(2, 9):
        choices = list(islice(combinations(range(8), leads), 12))
        found = sum(int((differ[:, list(each)].sum(1) <= 16 * leads * MOST // 128).sum()) for each in choices)
        result[f"{leads} leads"] = {
            "found": found / len(one) / len(choices),
            "expected": float(CHANCE[leads]),
        }
    return result


def official(x: Array) -> dict[str, float]:
    """Records of the official files that a ledger of the panel finds, where both are at hand."""
    shared = Path(os.environ.get("TSREP_SHARED", "../shared")) / "data"
    table = shared / "ptb-xl-panel" / "records.csv"
    if not (table.is_file() and (shared / "ptb-xl").is_dir()):
        return {}
    held = set(pd.read_csv(table)["ecg_id"][: len(x)])
    files = PtbXl(rate=100).load(shared / "ptb-xl", progress=False)
    seen = Ledger.of(panel_of(x)).seen(files)
    found, truth = ({int(files.record_names[row]) for row in rows} for rows in (seen.rows, files.row))
    truth &= held
    return {
        "records": seen.of, "in the panel": len(truth), "found": len(found & truth),
        "wrong": len(found - truth), "exact": seen.exact, "by chance": seen.expected_by_chance,
    }  # fmt: skip


def seconds(x: Array) -> dict[str, float]:
    """Processor time of the keys of PTB-XL's training records, and of comparing them with its test fold."""
    panel = panel_of(x)
    start = time.process_time()
    prints = Fingerprints.of(panel)
    keys = (time.process_time() - start) / len(x) * FULL
    times = -(-FULL // len(x))
    train = np.tile(prints.coarse, (times, 1))[:FULL], np.tile(prints.mask, times)[:FULL]
    test = train[0][:2158] ^ np.uint8(170), train[1][:2158]
    start = time.process_time()
    for _ in near_keys(test, train, MOST / 128):
        pass
    pairs, rows, start = time.process_time() - start, np.arange(len(x)), time.process_time()
    half = len(x) // 2
    shifted_copies(panel, Spectra.of(panel, rows[:half]), Spectra.of(panel, rows[half:]))
    return {
        "keys of 17,418 records": keys, "2,158 x 17,418 pairs": pairs,
        f"shifted copies of {len(x):,} records": time.process_time() - start,
    }  # fmt: skip


def main() -> None:
    """Print the rates, and last one JSON line."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--quick", action="store_true", help="300 records")
    x, source = ecgs(300 if parser.parse_args().quick else 2010)
    with threadpool_limits(1):
        miss, wrong = misses(x), false_pairs(x)
        moved, took = shifted_misses(x[: 2 * SHIFTED]), seconds(x)
        by_leads, files = chance(x), official(x)
    print(f"{len(x):,} records, {source}; share missed at {MOST} of 128 bits")
    for name, rates in miss.items():
        print(f"  {name:21} exact {rates['exact']:7.2%}  coarse {rates['coarse']:7.2%}  "
              f"most bits {rates['most bits']:3}  free of order {rates['free']:7.2%}  "
              f"most bits {rates['most free']:3}")  # fmt: skip
    for name, rates in by_leads.items():
        print(
            f"  {name} alone: {rates['found']:.1e} of different pairs match, {rates['expected']:.0e} expected"
        )
    for part in (wrong, moved, took, files):
        print("  " + ", ".join(f"{name} {value:,.4g}" for name, value in part.items()))
    kept = {name: rates for name, rates in miss.items() if name != "4 ms later"}
    worst = max(min(rates["coarse"], rates["free"]) for rates in kept.values())
    facts = {"name": "fingerprint", "records": len(x), "miss_max": worst, "miss": miss}
    print(
        json.dumps(
            facts
            | {"false": wrong, "shifted_miss": moved, "seconds": took, "chance": by_leads}
            | {"official": files}
        )
    )


if __name__ == "__main__":
    main()
