"""Figures of the documentation, from data that are made on the spot.

    .venv/bin/python docs/make_images.py [NAME ...]

Without names all are made, which takes some minutes of two cores.
"""

from __future__ import annotations

import shutil
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pandas as pd
from PIL import Image

import tsrep

ROOT = Path(__file__).parents[1]
IMAGES = ROOT / "docs" / "images"


def cohort(folder: Path) -> None:
    """Figures from the report of the demo, and what one of its labels rests on."""
    run = fit(folder, config=ROOT / "configs" / "demo.yaml")
    take(run, "scores-test", "report-scores")
    take(run, "curves", "demo-curves")
    take(run, "map", "demo-map")
    take(run, "roc", "demo-roc")
    take(run, "reliability", "demo-reliability")
    take(run, "representations", "demo-representations")
    take(run, "flow", "demo-flow")
    take(run, "record-1", "demo-record")
    recordings = ROOT / "tsrep" / "datasets" / "ecg" / "sample" / "recordings"
    figure = IMAGES / "attribution.png"
    tsrep.plot_attribution(run, recordings, record="00486-mi", label="MI", out=folder / figure.name)
    shutil.copy(folder / figure.name, figure)


def classes(folder: Path) -> None:
    """Ten classes of rhythms with a number to predict, by two objectives, and both compared."""
    rng, rate = np.random.default_rng(0), 50.0
    label, level = np.arange(400) % 10, rng.uniform(0.5, 2.0, 400)
    time = np.arange(200) / rate
    turns = (2 + 0.7 * label[:, None]) * time + rng.uniform(0, 1, (400, 1))
    rhythm = level[:, None] * np.sin(2 * np.pi * turns) + rng.normal(0, 1.2, (400, 200))
    np.save(folder / "records.npy", rhythm[:, None].astype(np.float32))
    rows = {"patient": np.arange(400) // 2, "label": [f"rhythm {k}" for k in label], "level": level.round(3)}
    pd.DataFrame(rows).to_csv(folder / "records.csv", index=False)
    dataset = {"name": "arrays", "sfreq": rate, "targets": ["level"], "target_units": ["mV"]}
    settings = {
        "dataset": dataset,
        "root": str(folder),
        "encoder": {"name": "resnet1d", "width": 8, "dim": 32},
        "training": {"epochs": 4, "batch_size": 64, "lr": 3e-3},
        "evaluation": {"protocols": ["probe", "regression"], "labels": [1.0], "n_bootstrap": 200},
    }
    runs = [
        tsrep.fit(settings | {"objective": name}, out=folder / name, progress=False).path
        for name in ("simclr", "ts2vec")
    ]
    take(runs[0], "confusion", "confusion")
    take(runs[0], "class-areas", "class-areas")
    take(runs[0], "values-regression-level-mv", "values")
    tsrep.compare(runs, out=folder / "comparison", progress=False)
    shutil.copy(folder / "comparison" / "comparison.png", IMAGES)


def receptive_field(folder: Path) -> None:
    """Where a forecaster looks, in a series whose echoes are known."""
    run = fit(folder, config=ROOT / "configs" / "seasonal-sim.yaml", evaluation=False)
    tsrep.plot_receptive_field(run, out=folder / "receptive-field.png")
    for name in ("receptive-field", "receptive-field-samples"):
        shutil.copy(folder / f"{name}.png", IMAGES)


def views(folder: Path) -> None:
    """What AutoTCL's view and every fixed one do to a window of a series: the run of the tutorial."""
    run = fit(folder, config=folder_file(folder, "autotcl", "series.yaml"), evaluation=False)
    tsrep.plot_views(run, out=IMAGES / "views.png")


def forecast(folder: Path) -> None:
    """The continuation of a file: the series of the tutorial, a larger network."""
    hours = np.arange(2000)
    noise = np.random.default_rng(0).normal(0, 1, len(hours))
    load = 40 + 9 * np.sin(2 * np.pi * hours / 24) + 4 * np.sin(2 * np.pi * hours / 168) + noise
    dates = pd.date_range("2025-01-01", periods=len(hours), freq="h")
    pd.DataFrame({"date": dates, "load": load.round(2)}).to_csv(folder / "load.csv", index=False)
    run = tsrep.fit(
        {
            "dataset": {"name": "series-csv", "variables": "target", "target": "load"},
            "root": str(folder / "load.csv"),
            "encoder": {
                "name": "patch-transformer",
                "width": 32,
                "patch": 24,
                "stride": 24,
                "depth": 2,
                "heads": 2,
            },
            "objective": {"name": "forecast", "lookback": 168, "horizon": 48},
            "training": {"epochs": 6, "batch_size": 32, "lr": 2.0e-3},
            "evaluation": {"protocols": ["forecast"], "seeds": 1},
        },
        out=folder / "load",
        progress=False,
    )
    tsrep.forecast(run, folder / "load.csv", out=folder / "ahead")
    shutil.copy(folder / "ahead" / "forecast.png", IMAGES / "forecast.png")
    for name in ("errors-per-step", "forecasts"):
        take(run.path, name, name)


def study(folder: Path) -> None:
    """What mattered in the study of the tutorial, with more trials."""
    file = folder_file(folder, "study", "small-study.yaml")
    command = [sys.executable, "-m", "tsrep", "study", "run", str(file), "--no-confirm", "--trials", "24"]
    subprocess.run([*command, "--out", str(folder / "small")], check=True)
    for figure, name in {"history": "study-history", "slices": "study-slices"}.items():
        take(folder / "small" / "report", figure, name)


def levels(_folder: Path) -> None:
    """Patients, trials, samples and observations on two synthetic recordings of each of two people."""
    from matplotlib.figure import Figure

    panel = tsrep.load({"name": "ptb-xl-sim", "patients": 60, "records_per_patient": 2.0})
    count = np.bincount(panel.patient)
    figure = Figure(figsize=(9.2, 4.2), layout="constrained")
    axes = figure.subplots(4, 1, sharex=True, sharey=True)
    rows = [
        row
        for person in np.flatnonzero(count >= 2)[:2]
        for row in np.flatnonzero(panel.patient == person)[:2]
    ]
    steps, window = 750, 250
    time = np.arange(steps) / panel.sfreq
    for k, (axis, row) in enumerate(zip(axes, rows, strict=True)):
        colour = ("#33608c", "#b5651d")[k // 2]
        signal = panel.x[row, panel.channels.index("II"), :steps]
        axis.plot(time, signal - np.median(signal), color=colour, linewidth=0.9)
        for n in range(steps // window):
            axis.axvspan(
                n * window / panel.sfreq + 0.02,
                (n + 1) * window / panel.sfreq - 0.02,
                color=colour,
                alpha=0.07,
            )
        axis.set_ylabel(f"patient {'AB'[k // 2]}\ntrial {k % 2 + 1}", rotation=0, ha="right", va="center")
        axis.set_yticks([])
        axis.spines[["top", "right", "left"]].set_visible(False)
    across = axes[0].get_xaxis_transform()
    for n in range(steps // window):
        middle = (n + 0.5) * window / panel.sfreq
        axes[0].text(middle, 1.02, f"sample {n + 1}", ha="center", va="bottom", transform=across)
    axes[0].axvline(1.1, color="#222222", linewidth=1)
    axes[0].text(1.13, 0.02, "an observation", va="bottom", transform=across)
    axes[-1].set_xlabel("seconds (lead II, synthetic)")
    axes[-1].set_xlim(0, steps / panel.sfreq)
    figure.savefig(IMAGES / "levels.png", dpi=130)


def fit(folder: Path, *, config: Path, evaluation: bool = True) -> Path:
    """Train as a file says; the folder of the run."""
    from tsrep.runs.config_files import read_config

    return tsrep.fit(read_config(config), out=folder / "run", evaluation=evaluation, progress=False).path


def folder_file(folder: Path, tutorial: str, name: str) -> Path:
    """The block of a tutorial that is titled so, as a file."""
    text = (ROOT / "docs" / "tutorials" / f"{tutorial}.md").read_text(encoding="utf-8")
    block = text.split(f'title="{name}"\n')[1].split("```")[0]
    path = folder / name
    path.write_text(block, encoding="utf-8")
    return path


def take(run: Path, figure: str, name: str) -> None:
    """Copy a figure of a run."""
    shutil.copy(run / "figures" / f"{figure}.png", IMAGES / f"{name}.png")


FIGURES: dict[str, Callable[[Path], None]] = {
    "levels": levels,
    "receptive-field": receptive_field,
    "views": views,
    "forecast": forecast,
    "study": study,
    "classes": classes,
    "cohort": cohort,
}


def main() -> None:
    """Make those that are named, or all."""
    for name in sys.argv[1:] or FIGURES:
        print(name, flush=True)
        with tempfile.TemporaryDirectory() as folder:
            FIGURES[name](Path(folder))
    for path in IMAGES.glob("*.png"):
        with Image.open(path) as image:
            if image.mode != "P":
                image.convert("RGB").quantize(128, dither=Image.Dither.NONE).save(path, optimize=True)


if __name__ == "__main__":
    main()
