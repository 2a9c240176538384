"""Rest against mental arithmetic from EEG, on subjects that no method has seen.

One command makes ``docs/results/eeg.md``; finished runs are kept and used again::

    .venv/bin/python studies/eeg_arithmetic.py --root DIR

``DIR`` holds ``eeg_125hz_int16_x20uV.npy`` (recording, channel, time), ``recordings.csv`` and
``channels.txt``. Only the 19 scalp channels are used: the ECG would tell arithmetic by the heart rate. The
subjects are dealt to six folds; each is tested once by models that four other folds trained and a fifth
chose, so every subject is scored once by something that has not seen that subject.
"""

from __future__ import annotations

import argparse
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from kept_runs import kept_run
from numpy.typing import NDArray
from results_page import write_page

from tsrep.encoders.pooling import POOLS
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.labels.aggregate import by_record
from tsrep.evaluation.labels.scoring import RANDOM_INIT, score
from tsrep.evaluation.predictions import Key, Predictions, load_predictions, save_predictions
from tsrep.evaluation.protocols.labels import MAJORITY, Features, evaluate_features
from tsrep.evaluation.scores import Score
from tsrep.runs.build import new_encoder
from tsrep.runs.config import configure, merged
from tsrep.runs.finetune import finetuned
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import prepare
from tsrep.signals import Panel

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
    "evaluation": {"finetune": {"head": {"pooling": "max-mean"}, "epochs": 10, "min_steps": 60, "lr": 1e-3}},
}
METHODS: dict[str, dict[str, Any]] = {
    "comet": {"objective": {"name": "comet", "share_masks": True}},
    "simclr": {"objective": "simclr"},
}
ROWS = (MAJORITY, BAND_POWER, RANDOM_INIT, *METHODS, SUPERVISED)


def main() -> None:
    """Train what is missing, score every subject, write the page."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--root", type=Path, required=True, help="folder of the recordings")
    parser.add_argument("--runs", type=Path, default=Path("runs/eeg-arithmetic"), help="folder of the runs")
    parser.add_argument("--out", type=Path, default=Path("docs/results/eeg.md"), help="page to write")
    parser.add_argument("--seeds", type=int, default=2)
    options = parser.parse_args()
    torch.set_num_threads(1)
    root = _scalp_only(options.root, options.runs / "data")
    found = [
        [_rotation(options.runs, root, fold, seed) for fold in range(FOLDS)] for seed in range(options.seeds)
    ]
    write_page(options.out, _page(found))


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


def _rotation(runs: Path, root: Path, fold: int, seed: int) -> dict[Key, Predictions]:
    """Predictions of all methods, per recording, for the subjects of one fold."""
    done = runs / f"predictions-{fold}-{seed}.npz"
    if done.exists():
        return load_predictions(done)
    split = {"name": "patients", "validation": _subjects(fold + 1), "test": _subjects(fold)}
    features: dict[str, Features] = {}
    for name, change in METHODS.items():
        here = {"root": str(root), "seed": seed, "split": split}
        config = configure(merged(merged(BASE, change), here))
        run = kept_run(runs / f"{name}-{fold}-{seed}", config)
        prepared = prepare(config, progress=False)
        features[name] = embed(run.encoder(), prepared.panel, pool=POOLS[config.evaluation.pool])
    assert isinstance(prepared, Prepared)
    features[RANDOM_INIT] = embed(
        new_encoder(config, prepared.panel, seed), prepared.panel, pool=POOLS[config.evaluation.pool]
    )
    features[BAND_POWER] = band_power(prepared.records.windows(prepared.panel.length))
    kept = evaluate_features(
        features, prepared.panel, prepared.split, protocols=("probe",), fractions=(1.0,), seeds=1
    ).predictions
    supervised = finetuned(
        config,
        prepared,
        new_encoder(config, prepared.panel, seed),
        prepared.split.train,
        prepared.split.test,
        choose=True,
        seed=seed,
        device=torch.device("cpu"),
        folder=runs / f"supervised-{fold}-{seed}",
    )
    kept[SUPERVISED, "probe", 1.0, "all", "test"] = by_record(supervised)
    save_predictions(done, kept)
    print(f"fold {fold}, seed {seed} is scored", flush=True)
    return kept


def band_power(windows: Panel) -> NDArray[np.float32]:
    """Logarithm of the power in five bands of each channel, shape (window, 5 * channel), dB of µV²."""
    from scipy import signal

    hertz, power = signal.welch(windows.x, windows.sfreq, nperseg=int(2 * windows.sfreq), axis=2)
    parts = [power[..., (hertz >= low) & (hertz < high)].sum(axis=2) for low, high in BANDS.values()]
    return np.asarray(10 * np.log10(np.concatenate(parts, axis=1) + 1e-6), np.float32)


def _scores(found: Sequence[Sequence[dict[Key, Predictions]]]) -> list[tuple[Score, float]]:
    """Each method's score, pooled over folds, and the accuracy of its probabilities as they are."""

    def pooled(method: str, ranked: bool) -> list[Predictions]:
        protocol = "none" if method == MAJORITY else "probe"
        key = (method, protocol, 1.0, "all", "test")
        return [_pooled([kept[key] for kept in folds], ranked) for folds in found]

    rows = []
    for method in ROWS:
        told = {"method": method, "protocol": "probe", "part": "test"}
        control = None if method in (RANDOM_INIT, MAJORITY) else pooled(RANDOM_INIT, True)
        ranked = score(pooled(method, method != MAJORITY), control=control, **told)
        plain = score(pooled(method, False), **told)
        rows.append((ranked[0], plain[0].metrics["accuracy"].value))
    return rows


def _pooled(parts: Sequence[Predictions], ranked: bool) -> Predictions:
    """Predictions of all folds; as ranks within each, since their probes are not on one scale."""
    prob = [part.prob for part in parts]
    if ranked:
        prob = [p.argsort(axis=0).argsort(axis=0) / (len(p) - 1) for p in prob]
    fields = (
        np.concatenate([getattr(part, name) for part in parts]) for name in ("target", "patient", "trial")
    )
    return Predictions(np.concatenate(prob), *fields)


def _page(found: Sequence[Sequence[dict[Key, Predictions]]]) -> str:
    lines = [
        "# Rest against mental arithmetic, from EEG",
        "",
        "Made by `.venv/bin/python studies/eeg_arithmetic.py --root DIR`; all settings are in the script.",
        "",
        f"- Data: EEG during mental arithmetic (eegmat 1.0.0, PhysioNet), {SUBJECTS} subjects, a minute of "
        f"rest and one of arithmetic each, {SCALP} scalp channels at 125 Hz in µV. The ECG is left out.",
        f"- Split: {FOLDS} folds of {SUBJECTS // FOLDS} subjects. Four folds train, one chooses epoch and "
        "penalty, one is tested, in turn: every subject is scored once and no subject is in two parts.",
        "- Encoder: resnet1d, the same for all, on windows of 4 s. `supervised` trains encoder and head with "
        "the labels; `band-power` is the log power of each channel in five bands; both and `random-init` "
        "have the same training subjects. All but `supervised` are read by a logistic regression.",
        f"- Values: per recording of 60 s (the mean of its 15 windows), {len(found)} seeds (training and "
        "start; `band-power` and `majority` have no chance in them), probabilities as ranks within a fold "
        "for AUROC. 95 % intervals by bootstrap over subjects; ± over seeds; the difference from the same "
        "random start is paired.",
        "",
        "| method | recordings | subjects | AUROC | minus random-init | accuracy |",
        "| --- | --- | --- | --- | --- | --- |",
    ]
    for row, accuracy in _scores(found):
        auroc, gain, spread = row.metrics["auroc"], row.difference.get("auroc"), row.spread["auroc"]
        noise = f" ± {spread:.3f}" if np.isfinite(spread) and spread > 0 else ""
        shown = "–" if gain is None else f"{gain.value:+.3f} [{gain.low:+.3f}, {gain.high:+.3f}]"
        lines.append(
            f"| {row.method} | {row.n} | {row.patients} "
            f"| {auroc.value:.3f} [{auroc.low:.3f}, {auroc.high:.3f}]{noise} | {shown} | {accuracy:.3f} |"
        )
    return "\n".join(lines) + "\n"


if __name__ == "__main__":
    main()
