"""A synthetic cohort in the layout of PTB-XL: patients with an anatomy, several records, and a disease."""

from __future__ import annotations

import csv
import json
import shutil
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from tsrep.datasets import pathology
from tsrep.datasets.dipole import DOWER, HEALTHY, WAVE, Heart, ecg, rotations, rr_beats, twelve_leads
from tsrep.datasets.nuisance import dead_leads, noise
from tsrep.datasets.pathology import CONDITIONS, VARIANTS, Waves
from tsrep.datasets.wfdb_writing import write_wfdb
from tsrep.errors import DataError
from tsrep.rng import numpy_generator
from tsrep.signals.panel import Floats

Array = NDArray[Any]
VERSION = 1
SECONDS = 10
CHUNK = 100
LEADS = ("I", "II", "III", "AVR", "AVL", "AVF", "V1", "V2", "V3", "V4", "V5", "V6")
# sets of conditions and how often a patient has them
MIXES: dict[tuple[str, ...], float] = {
    (): 0.40,
    ("MI",): 0.14,
    ("STTC",): 0.13,
    ("CD",): 0.12,
    ("HYP",): 0.08,
    ("MI", "CD"): 0.04,
    ("MI", "STTC"): 0.04,
    ("STTC", "HYP"): 0.03,
    ("CD", "HYP"): 0.02,
}
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
    "QWAVE": ("form", "", ""),
    "STE_": ("form", "", ""),
    "STD_": ("form", "", ""),
    "INVT": ("form", "", ""),
    "HVOLT": ("form", "", ""),
    "SR": ("rhythm", "", ""),
    "SBRAD": ("rhythm", "", ""),
    "STACH": ("rhythm", "", ""),
    "SARRH": ("rhythm", "", ""),
}


@dataclass(frozen=True)
class Cohort:
    """Records of a cohort before any signal is made; arrays have one entry per record.

    Attributes
    ----------
    patient, fold, age, male : arrays
    variant : array of str, shape (record, condition); ``""`` where absent
    severity : array, shape (record, condition)
    stage : array
        Of an infarct, 0 acute to 1 old.
    rr, sinus : arrays
        Mean RR interval in seconds; relative respiratory arrhythmia.
    waves : Waves
    leads : array, shape (record, 12, 3)
    """

    patient: Array
    fold: Array
    age: Array
    male: Array
    variant: Array
    severity: Array
    stage: Array
    rr: Array
    sinus: Array
    waves: Waves
    leads: Array

    def __len__(self) -> int:
        return len(self.patient)


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
    out = Path(out).expanduser()
    if patients < 10:
        raise DataError(f"{patients} patients are too few for ten folds; simulate at least 10")
    if out.exists() and (not out.is_dir() or any(out.iterdir())):
        raise DataError(f"{out} exists and is not empty; simulate into a new folder")
    try:
        out.parent.mkdir(parents=True, exist_ok=True)
        temporary = Path(tempfile.mkdtemp(prefix=f".{out.name}-", dir=out.parent))
    except OSError as error:
        raise DataError(f"{out} cannot be written ({error.strerror}); choose another folder") from error
    try:
        _write(temporary, patients, records_per_patient, seed, rates)
        temporary.chmod(0o755)
        temporary.replace(out)
    except OSError as error:
        if not (out / "ptbxl_database.csv").exists():
            raise DataError(f"{out} cannot be written ({error.strerror}); choose another folder") from error
    finally:
        shutil.rmtree(temporary, ignore_errors=True)
    return out


def _write(
    folder: Path, patients: int, records_per_patient: float, seed: int, rates: tuple[int, ...]
) -> None:
    cohort = draw_cohort(patients, records_per_patient, seed)
    settings = {"patients": patients, "records_per_patient": records_per_patient, "seed": seed}
    (folder / "SYNTHETIC.json").write_text(json.dumps({"version": VERSION, **settings}), encoding="utf-8")
    _write_tables(folder, cohort)
    for rate in rates:
        suffix = "lr" if rate == 100 else "hr"
        for begin in range(0, len(cohort), CHUNK):
            counts = to_counts(signals(cohort, slice(begin, begin + CHUNK), rate, seed))
            for i, record in enumerate(counts, begin + 1):
                stem = folder / _name(i, rate, suffix)
                if i % 1000 in (0, 1):
                    stem.parent.mkdir(parents=True, exist_ok=True)
                write_wfdb(stem, record, sfreq=rate, channels=LEADS)


def draw_cohort(patients: int, records_per_patient: float, seed: int) -> Cohort:
    """Patients, their diseases and anatomies, and what changes from record to record."""
    rng = numpy_generator(seed, "cohort")
    mix = rng.permutation(_quota(np.array(list(MIXES.values())), patients))
    each = np.minimum(1 + rng.poisson(max(records_per_patient - 1, 0), patients), 12)
    owner = rng.permutation(np.repeat(np.arange(patients), each))
    variant, severity = _diseases(rng, mix, owner)
    male = rng.random(patients) < 0.52
    sick = np.array([len(m) > 0 for m in MIXES])[mix]
    age = np.clip(rng.normal(np.where(sick, 66, 53), 14), 18, 95).round()
    rr = 60 / np.clip(rng.normal(72, 11, patients)[owner] + rng.normal(0, 5, len(owner)), 42, 135)
    stage = rng.beta(1.2, 1.0, len(owner))
    waves, leads = _anatomy(rng, patients, owner, rr)
    pathology.apply(waves, variant, severity, stage)
    return Cohort(
        patient=owner + 1,
        fold=_folds(rng, mix)[owner],
        age=age[owner],
        male=male[owner],
        variant=variant,
        severity=severity,
        stage=stage,
        rr=rr,
        sinus=np.minimum(rng.lognormal(np.log(0.03), 0.6, patients), 0.15)[owner],
        waves=waves,
        leads=leads,
    )


def signals(cohort: Cohort, part: slice, rate: int, seed: int) -> Floats:
    """ECG with noise of some records, shape (record, 12, time), mV."""
    rng = numpy_generator(seed, "signals", rate, part.start)
    n, steps = len(cohort.patient[part]), SECONDS * rate
    beats = rr_beats(numpy_generator(seed, "beats", part.start), cohort.rr[part], cohort.sinus[part], SECONDS)
    w = cohort.waves
    heart = Heart(
        centre=w.centre[part].astype(np.float32),
        width=w.width[part].astype(np.float32),
        dipole=w.dipole[part].astype(np.float32),
        leads=cohort.leads[part].astype(np.float32),
        beats=beats,
    )
    clean = ecg(heart, rate, steps)
    breath = 2 * np.pi * (rng.uniform(0.18, 0.35, (n, 1)) * np.arange(steps) / rate + rng.random((n, 1)))
    clean *= (1 + rng.uniform(0, 0.08, (n, 1)) * np.sin(breath)).astype(np.float32)[:, None]
    clean += noise(rng, n, rate, steps)
    clean[dead_leads(numpy_generator(seed, "dead", part.start), n, 0.02)] = 0
    return clean


def to_counts(millivolts: Floats) -> NDArray[np.int16]:
    """Microvolts as the records of PTB-XL hold them."""
    return np.clip(np.rint(millivolts * 1000), -32767, 32767).astype(np.int16)


def _quota(share: Array, n: int) -> Array:
    """Indices 0..len(share)-1, each as often as its share of ``n`` says, up to one."""
    edges = np.rint(np.cumsum(share) / share.sum() * n).astype(int)
    return np.repeat(np.arange(len(share)), np.diff(edges, prepend=0))


def _diseases(rng: np.random.Generator, mix: Array, owner: Array) -> tuple[Array, Array]:
    """Variant and severity of each condition in each record; a second condition comes and goes."""
    sets = list(MIXES)
    variant = np.full((len(owner), len(CONDITIONS)), "", dtype="<U5")
    severity = np.zeros(variant.shape)
    for column, condition in enumerate(CONDITIONS):
        names, share = list(VARIANTS[condition]), np.array(list(VARIANTS[condition].values()))
        chosen = np.array(names)[rng.choice(len(names), len(mix), p=share / share.sum())]
        grade = 0.18 + 0.85 * rng.beta(1.5, 1.8, len(mix))
        rank = np.array([sets[m].index(condition) if condition in sets[m] else -1 for m in mix])
        has = (rank == 0)[owner] | ((rank == 1)[owner] & (rng.random(len(owner)) < 0.75))
        variant[has, column] = chosen[owner[has]]
        varied = grade[owner] * rng.lognormal(0, 0.2, len(owner))
        severity[:, column] = np.where(has, np.clip(varied, 0.12, 1.1), 0)
    return variant, severity


def _anatomy(rng: np.random.Generator, patients: int, owner: Array, rr: Array) -> tuple[Waves, Array]:
    """Healthy waves and lead vectors of each record, from its patient's body and the day's posture."""
    n, waves = len(owner), len(HEALTHY)
    # about z (front to back) the axis turns most, then about y (head to feet)
    angles = np.radians(rng.normal(0, (9, 13, 17), (patients, 3))[owner] + rng.normal(0, (2, 3, 3), (n, 3)))
    size = rng.lognormal(0, 0.2, patients)[owner] * rng.lognormal(0, 0.07, n)
    shape = rng.lognormal(0, 0.18, (patients, waves, 1))[owner] * rng.lognormal(0, 0.04, (n, waves, 1))
    repolarised = np.minimum(rng.lognormal(0, 0.25, patients)[owner] * rng.lognormal(0, 0.08, n), 1.5)
    dipole = HEALTHY[:, 2:] * shape * size[:, None, None]
    dipole[:, [WAVE["T0"], WAVE["T"]]] *= repolarised[:, None, None]
    dipole[:, WAVE["T"]] += rng.normal(0, 0.035, (patients, 3))[owner]
    dipole[:, WAVE["ST"]] += rng.normal(0, 0.015, (patients, 3))[owner]
    dipole = np.einsum("nij,nwj->nwi", rotations(angles), dipole)
    centre = HEALTHY[:, 0] + rng.normal(0, 0.002, (patients, waves))[owner]
    centre[:, [0, 1]] += rng.normal(0, 0.012, patients)[owner, None]
    qt = np.sqrt(rr)[:, None] * rng.lognormal(0, 0.05, patients)[owner, None]
    late = [WAVE["ST"], WAVE["T0"], WAVE["T"]]
    centre[:, late] *= 0.35 + 0.65 * qt
    width = HEALTHY[:, 1] * rng.lognormal(0, 0.07, (patients, waves))[owner]
    width[:, late] *= 0.4 + 0.6 * qt
    torso = DOWER + rng.normal(0, 0.05, (patients, *DOWER.shape)) * np.abs(DOWER).max(axis=1, keepdims=True)
    return Waves(centre, np.maximum(width, 0.007), dipole), twelve_leads(torso)[owner]


def _folds(rng: np.random.Generator, mix: Array) -> Array:
    """Folds 1-10 of the patients, dealt out within each mix of diseases."""
    order = np.lexsort((rng.random(len(mix)), mix))
    fold = np.empty(len(mix), int)
    fold[order] = np.arange(len(mix)) % 10 + 1
    return fold


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
        columns += " filename_lr filename_hr"
        out.writerow(columns.split())
        for i in range(len(cohort)):
            ids = [i + 1, f"{cohort.patient[i]}.0", cohort.age[i], int(not cohort.male[i])]
            codes = str(statements(cohort, i))
            names = [_name(i + 1, 100, "lr"), _name(i + 1, 500, "hr")]
            out.writerow([*ids, "simulated", "", "synthetic", codes, cohort.fold[i], *names])


def _name(record: int, rate: int, suffix: str) -> str:
    return f"records{rate}/{record // 1000 * 1000:05d}/{record:05d}_{suffix}"
