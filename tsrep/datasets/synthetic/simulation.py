"""A synthetic cohort in the layout of PTB-XL: patients with an anatomy, several records, and a disease."""

from __future__ import annotations

import csv
import json
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.datasets.synthetic.cohort import Cohort, draw_cohort
from tsrep.datasets.synthetic.dipole import ecg, rr_beats
from tsrep.datasets.synthetic.nuisance import dead_leads, noise
from tsrep.errors import DataError
from tsrep.files import expanded, temporary_beside
from tsrep.rng import numpy_generator
from tsrep.signals.panel import Floats

VERSION = 2
SECONDS = 10
CHUNK = 100
LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
# statement: kinds it belongs to, superclass, subclass
STATEMENTS: dict[str, tuple[str, str, str]] = {
    "NORM": ("diagnostic", "NORM", "NORM"),
    "AMI": ("diagnostic", "MI", "AMI"),
    "ASMI": ("diagnostic", "MI", "AMI"),
    "IMI": ("diagnostic", "MI", "IMI"),
    "LMI": ("diagnostic", "MI", "LMI"),
    "NDT": ("diagnostic form", "STTC", "STTC"),
    "NST_": ("diagnostic form", "STTC", "NST_"),
    "ISC_": ("diagnostic", "STTC", "ISC_"),
    "CLBBB": ("diagnostic", "CD", "CLBBB"),
    "CRBBB": ("diagnostic", "CD", "CRBBB"),
    "IRBBB": ("diagnostic", "CD", "IRBBB"),
    "LAFB": ("diagnostic", "CD", "LAFB/LPFB"),
    "1AVB": ("diagnostic", "CD", "_AVB"),
    "LVH": ("diagnostic", "HYP", "LVH"),
}
STATEMENTS |= dict.fromkeys(("QWAVE", "STE_", "STD_", "INVT", "HVOLT"), ("form", "", ""))
STATEMENTS |= dict.fromkeys(("SR", "SBRAD", "STACH", "SARRH"), ("rhythm", "", ""))


def simulate(
    out: Path | str,
    patients: int = 200,
    records_per_patient: float = 3.0,
    *,
    seed: int = 0,
    rates: tuple[int, ...] = (100,),
) -> Path:
    """Write a synthetic cohort in the layout of PTB-XL.

    Parameters
    ----------
    out : Path
        Folder that does not exist yet, or is empty; it appears all at once.
    patients : int
        At least 10, so that every fold has one.
    records_per_patient : float
        Mean; at least one each.
    seed : int
    rates : tuple of int
        100 writes ``records100``, 500 writes ``records500`` (the same hearts, other noise), Hz.

    Raises
    ------
    DataError
        When ``out`` has content, cannot be written, or there are too few patients.
    """
    out = expanded(out)
    if patients < 10:
        raise DataError(f"{patients} patients are too few for ten folds; simulate at least 10")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists and is not empty; simulate into a new folder")
    try:
        with temporary_beside(out, out.name) as temporary:
            _write(temporary, patients, records_per_patient, seed, rates)
            temporary.chmod(0o755)
            temporary.replace(out)
    except OSError as error:
        if not (out / "ptbxl_database.csv").exists():  # of another process that was first
            raise DataError(
                f"{out} cannot be written ({error.strerror}); choose another folder, for a cache with "
                "TSREP_CACHE"
            ) from error
    return out


def _write(
    folder: Path, patients: int, records_per_patient: float, seed: int, rates: tuple[int, ...]
) -> None:
    cohort = draw_cohort(patients, records_per_patient, seed)
    settings = {"patients": patients, "records_per_patient": records_per_patient, "seed": seed}
    (folder / "SYNTHETIC.json").write_text(json.dumps({"version": VERSION, **settings}), encoding="utf-8")
    _write_tables(folder, cohort)
    for rate in rates:
        for begin in range(0, len(cohort), CHUNK):
            counts = to_counts(signals(cohort, slice(begin, begin + CHUNK), rate, seed))
            for i, record in enumerate(counts, begin + 1):
                stem = folder / _name(i, rate)
                if i % 1000 in (0, 1):
                    stem.parent.mkdir(parents=True, exist_ok=True)
                write_wfdb(stem, record, sfreq=rate, channels=LEADS)


def signals(cohort: Cohort, part: slice, rate: int, seed: int) -> Floats:
    """ECG with noise of some records, shape (record, 12, time), mV."""
    rng = numpy_generator(seed, "signals", rate, part.start)
    n, steps = len(cohort.patient[part]), SECONDS * rate
    beats = rr_beats(numpy_generator(seed, "beats", part.start), cohort.rr[part], cohort.sinus[part], SECONDS)
    clean = ecg(cohort.waves.part(part), cohort.leads[part].astype(np.float32), beats, rate, steps)
    breath = 2 * np.pi * (rng.uniform(0.18, 0.35, (n, 1)) * np.arange(steps) / rate + rng.random((n, 1)))
    clean *= (1 + rng.uniform(0, 0.08, (n, 1)) * np.sin(breath)).astype(np.float32)[:, None]
    clean += noise(rng, n, rate, steps)
    clean[dead_leads(numpy_generator(seed, "dead", part.start), n, 0.02)] = 0
    return clean


def to_counts(millivolts: Floats) -> NDArray[np.int16]:
    """Microvolts as the records of PTB-XL hold them."""
    return np.clip(np.rint(millivolts * 1000), -32767, 32767).astype(np.int16)


def statements(cohort: Cohort, i: int) -> dict[str, float]:
    """The ``scp_codes`` of a record, most likely diagnosis first, then form and rhythm with likelihood 0."""
    present = [c for c in np.argsort(-cohort.severity[i]) if cohort.variant[i, c]]
    found: dict[str, float] = {}
    for c in present:
        s = cohort.severity[i, c]
        found[str(cohort.variant[i, c])] = 100.0 if s > 0.6 else 80.0 if s > 0.35 else 50.0
    found = found or {"NORM": 100.0}
    mi, sttc, _, hyp = cohort.severity[i]
    acute = cohort.stage[i] < 0.5
    inverted = (sttc > 0.75) or (mi > 0.5 and not acute)
    forms = {"QWAVE": mi > 0.35, "STE_": mi > 0.4 and acute, "STD_": cohort.variant[i, 1] == "ISC_"}
    forms |= {"INVT": inverted, "HVOLT": hyp > 0.5}
    heart_rate = 60 / cohort.rr[i]
    sinus = "SARRH" if cohort.sinus[i] > 0.07 else "SR"
    rhythm = "SBRAD" if heart_rate < 60 else "STACH" if heart_rate > 100 else sinus
    return {**found, **{code: 0.0 for code, is_there in forms.items() if is_there}, rhythm: 0.0}


def _write_tables(folder: Path, cohort: Cohort) -> None:
    with (folder / "scp_statements.csv").open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        out.writerow(
            ["", "description", "diagnostic", "form", "rhythm", "diagnostic_class", "diagnostic_subclass"]
        )
        for code, (kinds, superclass, subclass) in STATEMENTS.items():
            flags = ["1.0" if kind in kinds.split() else "" for kind in ("diagnostic", "form", "rhythm")]
            out.writerow([code, "", *flags, superclass, subclass])
    with (folder / "ptbxl_database.csv").open("w", newline="", encoding="utf-8") as stream:
        out = csv.writer(stream)
        columns = "ecg_id patient_id age sex device recording_date report scp_codes strat_fold"
        columns += " filename_lr filename_hr heart_rate"
        out.writerow(columns.split())
        for i in range(len(cohort)):
            ids = [i + 1, f"{cohort.patient[i]}.0", cohort.age[i], int(not cohort.male[i])]
            codes = str(statements(cohort, i))
            names = [_name(i + 1, rate) for rate in (100, 500)]
            rate_of_heart = f"{60 / cohort.rr[i]:.2f}"
            out.writerow([*ids, "simulated", "", "synthetic", codes, cohort.fold[i], *names, rate_of_heart])


def _name(record: int, rate: int) -> str:
    return f"records{rate}/{record // 1000 * 1000:05d}/{record:05d}_{'lr' if rate == 100 else 'hr'}"
