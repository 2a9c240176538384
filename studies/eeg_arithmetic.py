"""Rest against mental arithmetic from EEG, on subjects that no method has seen.

One command makes ``docs/results/eeg.md``; finished runs are kept and used again::

    .venv/bin/python studies/eeg_arithmetic.py --root DIR

``DIR`` holds ``eeg_125hz_int16_x20uV.npy`` (recording, channel, time), ``recordings.csv`` and
``channels.txt``. Only the 19 scalp channels are used: the ECG would tell arithmetic by the heart rate. The
subjects are dealt to six folds; each is tested once by models that four other folds trained and a fifth
chose, so every subject is scored once by something that has not seen that subject.
"""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
from kept_runs import command_line, kept_run, one_thread_workers
from numpy.typing import NDArray
from pooled_folds import pooled
from results_page import P_VALUES, spread, table, with_ends, with_holm, write_page
from scipy import signal

from tsrep.evaluation.bootstrap import resample
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.difference import Difference, paired_difference
from tsrep.evaluation.labels.evaluation import MAJORITY
from tsrep.evaluation.predictions import Key, Predictions, load_predictions, save_predictions
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.registry import PROTOCOLS
from tsrep.runs.config import configure, merged
from tsrep.signals import Panel
from tsrep.studies.confirm.final_scores import candidates

ARRAY, SCALP, SUBJECTS, FOLDS = "eeg_125hz_int16_x20uV.npy", 19, 36, 6
BANDS = {"delta": (1, 4), "theta": (4, 8), "alpha": (8, 13), "beta": (13, 30), "gamma": (30, 45)}
BAND_POWER, SUPERVISED = "band-power", "supervised"
BASE: dict[str, Any] = {
    "dataset": {
        "name": "arrays",
        "array": "scalp.npy",
        "patient": "subject",
        "label": "state",
        "sfreq": 125,
        "scale": 0.05,
        "unit": "µV",
    },
    "device": "cpu",
    "window": {"seconds": 4.0},
    "encoder": {"name": "resnet1d", "width": 16, "dim": 64},
    "training": {"epochs": 10, "batch_size": 64, "lr": 1e-3, "log_every": 10},
    "evaluation": {
        "protocols": ["probe"],
        "labels": [1.0],
        "seeds": 1,
        "finetune": {"head": {"pooling": "max-mean"}, "epochs": 10, "min_steps": 60, "lr": 1e-3},
    },
}
METHODS: dict[str, dict[str, Any]] = {
    "comet": {"objective": "comet"},
    "simclr": {"objective": "simclr"},
}
PROTOCOL_OF = dict.fromkeys((MAJORITY, BAND_POWER, RANDOM_INIT, *METHODS), "probe") | {SUPERVISED: "finetune"}
Fold = dict[Key, Predictions]


def main() -> None:
    """Train what is missing, score every subject, write the page."""
    options = command_line(__doc__, "eeg-arithmetic", page="eeg.md", seeds=5).parse_args()
    root = _scalp_only(options.root, options.runs / "data")
    jobs = [(options.runs, root, fold, seed) for seed in range(options.seeds) for fold in range(FOLDS)]
    with one_thread_workers(options.workers) as pool:
        found = list(pool.map(_rotation, jobs))
    by_seed = [found[at : at + FOLDS] for at in range(0, len(found), FOLDS)]
    write_page(options.out, _page(by_seed))


def _scalp_only(source: Path, target: Path) -> Path:
    """Folder with the 19 scalp channels and the table, made once."""
    target.mkdir(parents=True, exist_ok=True)
    if not (target / "scalp.npy").exists():
        np.save(target / "part.npy", np.load(source / ARRAY, mmap_mode="r")[:, :SCALP])
        (target / "part.npy").rename(target / "scalp.npy")
    shutil.copyfile(source / "recordings.csv", target / "records.csv")
    return target.resolve()


def _subjects(fold: int) -> list[str]:
    return [f"Subject{number:02d}" for number in range(SUBJECTS) if number % FOLDS == fold % FOLDS]


def _rotation(job: tuple[Path, Path, int, int]) -> Fold:
    """Predictions of all methods, per recording, for the subjects of one fold."""
    folder, root, fold, seed = job
    done = folder / f"predictions-{fold}-{seed}.npz"
    if done.exists():
        return load_predictions(done)
    split = {"name": "patients", "validation": _subjects(fold + 1), "test": _subjects(fold)}
    here = merged(BASE, {"root": str(root), "seed": seed, "split": split})
    runs = {
        name: [kept_run(folder / f"{name}-{fold}-{seed}", configure(merged(here, change)))]
        for name, change in METHODS.items()
    }
    task = runs["comet"][0].task
    prepared = task.prepare(progress=False)
    *trained, start = candidates(runs, prepared.panel)
    power = Candidate(
        BAND_POWER, "method", features=[band_power(prepared.records.windows(prepared.panel.length))]
    )
    evaluation = task.evaluation(prepared, lambda _: None, folder / f"{SUPERVISED}-{fold}-{seed}")
    kept = task.score([start, power, *trained], evaluation).predictions
    supervised = replace(start, name=SUPERVISED, role="method")
    finetuning = PROTOCOLS.build(task.config.evaluation.of("finetune"))
    kept |= finetuning.evaluate([supervised], evaluation)[0].predictions
    save_predictions(done, kept)
    print(f"fold {fold}, seed {seed} is scored", flush=True)
    return kept


def band_power(windows: Panel) -> NDArray[np.float32]:
    """Logarithm of the power in five bands of each channel, shape (window, 5 * channel), dB of µV²."""
    hertz, power = signal.welch(windows.x, windows.sfreq, nperseg=int(2 * windows.sfreq), axis=2)
    parts = [power[..., (hertz >= low) & (hertz < high)].sum(axis=2) for low, high in BANDS.values()]
    return np.asarray(10 * np.log10(np.concatenate(parts, axis=1) + 1e-6), np.float32)


def _rows(found: Sequence[Sequence[Fold]]) -> list[list[str]]:
    """Each method pooled over folds, with p values adjusted for the gains of all."""
    methods, gains, accuracy = zip(*_compared(found), strict=True)
    shown = zip(methods, gains, with_holm(gains), accuracy, strict=True)
    return [[*cells, with_ends(gain, "+.3f"), *p, right] for cells, gain, p, right in shown]


def _compared(found: Sequence[Sequence[Fold]]) -> Iterator[tuple[list[str], Difference | None, str]]:
    """AUROC of ranks, its gain, and the accuracy of the probabilities as they are."""

    def of(method: str, *, ranked: bool) -> list[Predictions]:
        key = (method, PROTOCOL_OF[method], 1.0, "all", "test")
        return [pooled([kept[key] for kept in folds], ranked=ranked) for folds in found]

    control = resample(of(RANDOM_INIT, ranked=True), names=["auroc"]).crossed(1)
    for method in PROTOCOL_OF:
        plain = of(method, ranked=False)
        own = resample(of(method, ranked=method != MAJORITY), names=["auroc"]).crossed(1)
        noise = spread(own.by_seed["auroc"]) if own.spread["auroc"] > 0 else ""
        compared = method not in (RANDOM_INIT, MAJORITY)
        gain = paired_difference(own, control)["auroc"] if compared else None
        accuracy = resample(plain, names=["accuracy"]).value["accuracy"]
        counts = str(len(plain[0])), str(len(np.unique(plain[0].patient)))
        value = with_ends(own.intervals()["auroc"]) + noise
        yield [method, *counts, value], gain, f"{accuracy:.3f}"


def _page(found: Sequence[Sequence[Fold]]) -> str:
    heads = ["method", "recordings", "subjects", "AUROC", f"minus {RANDOM_INIT}", *P_VALUES, "accuracy"]
    lines = [
        "# Rest against mental arithmetic, from EEG",
        "",
        "Made by `.venv/bin/python studies/eeg_arithmetic.py --root DIR`; all settings are in the script.",
        "",
        f"- Data: EEG during mental arithmetic (eegmat 1.0.0, PhysioNet), {SUBJECTS} subjects, a minute of "
        f"rest and one of arithmetic each, {SCALP} scalp channels at 125 Hz in µV. The ECG is left out.",
        f"- Split: {FOLDS} folds of {SUBJECTS // FOLDS} subjects. Four folds train, one chooses `C` and the "
        f"epoch of `{SUPERVISED}`, one is tested, in turn: every subject is scored once and no subject is in "
        "two parts.",
        f"- Encoder: resnet1d, the same for all, on windows of 4 s. `{SUPERVISED}` trains encoder and head "
        f"with the labels; `{BAND_POWER}` is the log power of each channel in five bands; both and "
        f"`{RANDOM_INIT}` have the same training subjects. All but `{SUPERVISED}` are judged by a logistic "
        "regression.",
        f"- Values: per recording of 60 s (the mean of its 15 windows), {len(found)} seeds (training and "
        f"random initialisation; `{BAND_POWER}` and `{MAJORITY}` have no chance in them), probabilities as "
        "ranks within a fold for AUROC. 95 % intervals over subjects and seeds; ± over seeds; the "
        "difference is from the random initialisations of the same seeds, on the same subjects; its p value "
        "stands beside the one adjusted by Holm's method over all differences.",
        "",
        *table(heads, _rows(found)),
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
