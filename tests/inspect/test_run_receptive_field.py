"""Receptive fields of trained runs: planted periods are found, and every kind of run has one."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

import tsrep
from tests.conftest import TINY
from tests.runs.test_series_runs import write_series
from tsrep.errors import ConfigError, RunError
from tsrep.inspect.receptive_field.field import ReceptiveField
from tsrep.inspect.receptive_field.gradients import gradient
from tsrep.inspect.receptive_field.of_run import Looked, Settings, look, plot_receptive_field
from tsrep.inspect.receptive_field.subject import subject_of
from tsrep.runs.config import merged
from tsrep.runs.folder import Run
from tsrep.runs.task import prepare

LOOKBACK, HORIZON = 120, 8
ECHO: dict[str, Any] = {
    "dataset": {"name": "seasonal-sim", "form": "echo", "noise": 0.0, "steps": 3000, "channels": 2},
    "objective": {"name": "forecast", "lookback": LOOKBACK, "horizon": HORIZON},
    "encoder": {
        "name": "patch-transformer", "width": 32, "depth": 1, "heads": 2, "patch": 8, "stride": 8,
    },
    "training": {"epochs": 3, "batch_size": 32, "lr": 3e-3, "average": "none"},
    "evaluation": {"forecast": {"horizons": [HORIZON]}, "seeds": 1},
}  # fmt: skip
QUICK = {"training": {"epochs": 1, "batch_size": 64}, "dataset": {"steps": 1200}}


pytestmark = pytest.mark.usefixtures("one_pixel")


def fit(out: Path, *changes: dict[str, Any]) -> Run:
    settings = ECHO
    for change in changes:
        settings = merged(settings, change)
    return tsrep.fit(settings, out=out, evaluation=False, progress=False)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("runs")


@pytest.fixture(scope="module")
def trained(folder: Path) -> Run:
    return fit(folder / "both")


@pytest.fixture(scope="module")
def quick(folder: Path) -> Run:
    return fit(folder / "quick", QUICK)


def looked_at_own(run: Run, settings: Settings) -> Looked:
    return look(run.loaded(), run.prepare(), settings)


def found_in(run: Run, period: int, **options: Any) -> tuple[np.ndarray, np.ndarray, Looked]:
    looked = looked_at_own(run, Settings(windows=16, period=period, **options))
    return *looked.field.by_distance(), looked


@pytest.mark.long
@pytest.mark.parametrize("method", ["gradient", "integrated", "occlusion"])
def test_two_planted_periods_are_the_two_peaks(trained: Run, method: str) -> None:
    distance, mass, looked = found_in(trained, 24, method=method)
    peaks = distance[np.argsort(-mass)[:2]]
    if method == "occlusion":  # in blocks, and of several steps that see the same block
        assert {round(peak / 12) for peak in peaks} <= {2, 8}
        return
    assert set(peaks.tolist()) == {24, 96}
    chance = mass.mean()
    assert mass[distance == 24] > 8 * chance
    assert mass[distance == 96] > 8 * chance
    score, scores = looked.period, looked.scores
    assert score is not None
    assert score.period == 24
    assert score.p < 0.02
    assert score.ratio.value > 1.8
    # what instance normalisation promises
    assert scores["scale degree"].value == pytest.approx(1, abs=1e-3)
    np.testing.assert_allclose(scores["scale degree"].per_step, 1, atol=1e-3)
    assert scores["affine error"].value < 1e-3


def test_peaks_move_with_the_step_ahead(trained: Run) -> None:
    field = looked_at_own(trained, Settings(windows=16)).field
    near, far = field.curve[:, :40], field.curve[:, 60:]
    assert near.argmax(axis=1).tolist() == [24 - h for h in range(1, HORIZON + 1)]
    assert (60 + far.argmax(axis=1)).tolist() == [96 - h for h in range(1, HORIZON + 1)]


@pytest.mark.long
@pytest.mark.parametrize("period", [24, 96])
def test_a_single_planted_period_is_the_peak(period: int, folder: Path) -> None:
    run = fit(folder / f"only-{period}", {"dataset": {"periods": [period]}})
    distance, mass, looked = found_in(run, period)
    assert distance[mass.argmax()] == period
    assert looked.period is not None
    assert looked.period.p < 0.02
    other = {24: 36, 96: 40}[period]
    wrong = looked_at_own(run, Settings(windows=16, period=other)).period
    assert wrong is not None
    assert wrong.period == other
    assert wrong.ratio.value < 1.1
    assert wrong.p > 0.05


def test_without_normalisation_forecasts_do_not_follow_the_level(folder: Path) -> None:
    run = fit(folder / "plain", QUICK, {"objective": {"norm": "none"}})
    scores = looked_at_own(run, Settings(windows=8)).scores
    assert scores["shift error"].value > 0.5


def test_the_report_shows_the_figure_that_lies_in_the_run_folder(quick: Run, tmp_path: Path) -> None:
    page = quick.path / "report.html"
    page.unlink(missing_ok=True)
    tsrep.plot_receptive_field(quick, windows=4, out=tmp_path / "elsewhere.png")
    assert not page.exists()
    path = tsrep.plot_receptive_field(quick.path, windows=4)
    assert path == quick.path / "figures" / "receptive-field.png"
    text = page.read_text(encoding="utf-8")
    assert "mean over 4 windows" in text
    assert "The receptive field in numbers" in text


def test_numbers_and_figures_lie_beside_each_other(quick: Run) -> None:
    path = plot_receptive_field(quick, windows=6)
    assert path == quick.path / "figures" / "receptive-field.png"
    stem = "receptive-field"
    names = {f"{stem}{end}" for end in (".png", ".pdf", ".json", ".npz", "-samples.png", "-samples.pdf")}
    assert names <= {p.name for p in path.parent.iterdir()}
    told = json.loads(path.with_suffix(".json").read_text())
    assert told["settings"]["windows"] == 6
    (numbers,) = told["runs"].values()
    assert numbers["windows"] == 6
    assert numbers["ahead"] == list(range(1, HORIZON + 1))
    field = ReceptiveField.load(path.with_suffix(".npz"))
    assert field.mass.shape == (HORIZON, 2, LOOKBACK)
    assert numbers["scores"]["centre"]["value"] == pytest.approx(
        float((field.curve @ np.arange(LOOKBACK)).mean()), rel=1e-4
    )


def test_one_step_the_loss_and_another_run(quick: Run, trained: Run, tmp_path: Path) -> None:
    path = tsrep.plot_receptive_field(quick, step=3, grad_of="loss", windows=4)
    assert path.name == "receptive-field-step-3-loss.png"
    loss = ReceptiveField.load(path.with_suffix(".npz"))
    assert loss.ahead.tolist() == [3]
    assert loss.method == "gradient of the loss"
    assert len(set(loss.weight[:, 0].tolist())) == 4  # windows count by their residual
    path = tsrep.plot_receptive_field(quick, compare=trained.path, windows=4, out=tmp_path / "two.svg")
    assert {p.name for p in tmp_path.iterdir()} == {
        "two.svg", "two-samples.svg", "two.json", "two.npz", "two-both.npz",
    }  # fmt: skip
    assert set(json.loads((tmp_path / "two.json").read_text())["runs"]) == {"quick", "both"}


@pytest.mark.parametrize("mixing", ["mixed", "independent"])
def test_gradients_of_frozen_encoders_with_covariates(mixing: str, folder: Path) -> None:
    root = write_series(folder / "data")
    changes = {
        "dataset": "series-csv",
        "root": str(root),
        "objective": {"mixing": mixing, "frozen": True, "calendar": True, "lookback": 40},
        "training": {"epochs": 1},
    }
    run = fit(folder / f"frozen-{mixing}", changes)
    subject = subject_of(run.loaded(), prepare(run.config, progress=False), part="test", windows=2, step=None)
    assert subject.channels == ("v0", "v1")
    assert [tuple(g.shape) for g in subject.given] == [(2, 7, 40), (2, 7, HORIZON)]
    subject.model.double()
    x = subject.x.double().requires_grad_()
    given = [g.double() for g in subject.given]
    y = subject.model(x, *given)
    slope = gradient(y, x, torch.ones_like(y))
    away = torch.randn(x.shape, generator=torch.Generator().manual_seed(0)).double()
    with torch.no_grad():
        moved = [subject.model(x + e * away, *given).double().sum() for e in (1e-3, -1e-3)]
    assert float((slope * away).sum()) == pytest.approx(float(moved[0] - moved[1]) / 2e-3, rel=1e-3)


def test_windows_are_complete_and_lie_in_their_part(quick: Run) -> None:
    prepared = prepare(quick.config, progress=False)
    values = prepared.instances[0].values
    start, stop = prepared.spans.validation
    values[:, start - 100] = np.nan
    subject = subject_of(quick.loaded(), prepared, part="validation", windows=10_000, step=None)
    assert not torch.isnan(subject.x).any()
    assert subject.target is not None
    last = values[:, stop - HORIZON : stop]
    np.testing.assert_array_equal(subject.target[-1].numpy(), last)
    # origins whose window would hold the missing step are left out
    origins = np.arange(start, stop - HORIZON + 1)
    kept = start - 100 < origins - LOOKBACK
    assert 0 < kept.sum() < len(kept)
    assert len(subject.x) == kept.sum()
    values[:, start - LOOKBACK : stop] = np.nan
    with pytest.raises(RunError, match="validation part of the series has no window of 128 steps"):
        subject_of(quick.loaded(), prepared, part="validation", windows=4, step=None)


def test_representations_of_a_series(folder: Path) -> None:
    change = {
        "objective": {"name": "ts2vec"},
        "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 12, "depth": 3},
        "evaluation": {"forecast": {"context": 40}},
        "window": {"steps": 40},
    }
    run = fit(folder / "series", QUICK, change)
    looked = looked_at_own(run, Settings(windows=5))
    assert looked.field.mass.shape == (1, 2, 41)  # the last step and its context
    assert looked.field.ahead.tolist() == [0]
    assert not looked.subject.forecasts
    reach = run.encoder().receptive_field // 2 + 1
    assert (looked.field.curve[0, reach:] == 0).all()
    with pytest.raises(RunError, match="the loss is that of a forecast"):
        looked_at_own(run, Settings(windows=2, grad_of="loss"))
    with pytest.raises(RunError, match="has the steps 1 to 41, so there is no step 42"):
        looked_at_own(run, Settings(windows=2, step=42))
    text = (run.path / "config.yaml").read_text()
    (run.path / "config.yaml").write_text(text.replace("context: 40", "context: 0"))
    assert looked_at_own(Run(run.path), Settings(windows=2)).field.mass.shape == (1, 2, 1)


def test_encoders_and_classifiers_of_recordings(tiny_run: Path, folder: Path) -> None:
    path = plot_receptive_field(tiny_run, windows=3, out=folder / "encoder.png")
    field = ReceptiveField.load(path.with_suffix(".npz"))
    assert len(field.ahead) == 12
    assert field.ahead[-1] == 0
    reach = Run(tiny_run).encoder().receptive_field // 2 + 1
    lag = np.arange(field.curve.shape[1])
    for ahead, curve in zip(field.ahead, field.curve, strict=True):
        assert (curve[np.abs(lag + ahead) > reach] == 0).all()  # around the output step
    settings = TINY | {"objective": "supervised", "training": TINY["training"] | {"epochs": 1}}
    run = tsrep.fit(settings, out=folder / "supervised", evaluation=False, progress=False)
    path = plot_receptive_field(run, windows=3)
    field = ReceptiveField.load(path.with_suffix(".npz"))
    assert field.mass.shape[:2] == (1, 12)
    assert field.mass.sum() == pytest.approx(1)
    with pytest.raises(RunError, match="has the steps 1 to 1, so there is no step 2"):
        plot_receptive_field(run, step=2)


def test_mistakes_are_told(quick: Run, tmp_path: Path) -> None:
    for options, message in (
        ({"step": HORIZON + 1}, "has the steps 1 to 8, so there is no step 9"),
        ({"part": "tset"}, "there is no part 'tset'; use train, validation or test"),
        ({"method": "gradeint"}, "unknown method 'gradeint'; did you mean 'gradient'"),
        ({"grad_of": "los"}, "unknown grad_of 'los'; did you mean 'loss'"),
        ({"grad_of": "loss", "method": "occlusion"}, "goes with the method gradient"),
        ({"out": tmp_path / "figure.jpg"}, r"does not end in .png, .pdf or .svg"),
        ({"windows": 0}, "needs a window or more"),
        ({"compare": tmp_path}, "is no run folder"),
    ):
        with pytest.raises(RunError, match=message):
            plot_receptive_field(quick, **options)  # type: ignore[arg-type]  # some are mistakes
    for period, message in ((4, "too short to score"), (1000, "no multiple of the period 1000 is within")):
        with pytest.raises(ConfigError, match=message):
            plot_receptive_field(quick, period=period, windows=2, out=tmp_path / "a.png")
    assert not list(tmp_path.iterdir())


def test_names_of_runs_may_have_dots(quick: Run, tmp_path: Path) -> None:
    other = shutil.copytree(quick.path, tmp_path / "rate.01")
    plot_receptive_field(quick, compare=other, windows=2, out=tmp_path / "a.b.svg")
    assert {p.name for p in tmp_path.glob("a*")} == {
        "a.b.svg", "a.b-samples.svg", "a.b.json", "a.b.npz", "a.b-rate.01.npz",
    }  # fmt: skip
