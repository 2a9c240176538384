"""Runs on a series: trained on its past, judged by forecasts, resumed bit for bit, and nothing leaks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest
import torch

import tsrep
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.scores import Scores
from tsrep.runs import validation_score
from tsrep.runs.build import new_encoder
from tsrep.runs.config import configure, merged
from tsrep.runs.prepare_series import PreparedSeries
from tsrep.runs.task import prepare
from tsrep.runs.validation_score import origin_stride
from tsrep.training.hooks import Hook
from tsrep.training.interrupt import Interrupted

STEPS = 600
SMALL: dict[str, Any] = {
    "dataset": {"name": "series-csv"},
    "encoder": {"name": "dilated-conv-ar", "hidden": 4, "dim": 6, "depth": 2, "experts": 3},
    "objective": {"name": "autotcl", "trunk": {"name": "dilated-conv", "hidden": 4, "dim": 4, "depth": 1}},
    "window": {"steps": 24},
    "training": {"epochs": 2, "batch_size": 8, "validate_every": 1, "log_every": 1},
    "evaluation": {"seeds": 2, "forecast": {"horizons": [3, 6], "context": 12, "n_bootstrap": 100}},
}


def write_series(folder: Path, channels: int = 2, *, later: float = 0.0) -> Path:
    """A daily rhythm with noise, hourly; ``later`` is added to the last fifth."""
    rng = np.random.default_rng(0)
    hour = np.arange(STEPS)
    values = np.sin(2 * np.pi * hour / 24)[:, None] + 0.3 * rng.normal(size=(STEPS, channels))
    values[-STEPS // 5 :] += later
    table = pd.DataFrame(values, columns=[f"v{i}" for i in range(channels)])
    table.insert(0, "date", pd.date_range("2024-01-01", periods=STEPS, freq="h"))
    folder.mkdir(parents=True, exist_ok=True)
    table.to_csv(folder / "series.csv", index=False)
    return folder


def settings(root: Path, **changes: Any) -> dict[str, Any]:
    return merged(merged(SMALL, {"root": str(root)}), changes)


@pytest.fixture(scope="module")
def root(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_series(tmp_path_factory.mktemp("series"))


@pytest.fixture(scope="module")
def run(root: Path, tmp_path_factory: pytest.TempPathFactory) -> tsrep.Run:
    return tsrep.fit(settings(root), out=tmp_path_factory.mktemp("runs") / "run", progress=False)


def test_a_run_leaves_forecasts_beside_their_controls(run: tsrep.Run) -> None:
    scores = Scores.load(run.path)
    assert set(scores.methods) == {
        "autotcl",
        "random initialisation",
        "repeat-last",
        "seasonal-naive",
        "ridge-nlinear",
    }
    assert scores.horizons == (3, 6)
    (own,) = scores.where(method="autotcl", horizon=6)
    assert own.against == "random initialisation"
    assert own.n == 120 - 6
    assert scores.where(method="random initialisation", horizon=6).scores[0].seeds == 5
    assert (run.path / "report.html").stat().st_size > 10_000


def test_the_log_has_inner_terms_and_diagnostics(run: tsrep.Run) -> None:
    records = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    train = [r for r in records if r["kind"] == "train"]
    assert train
    assert all({"divergence", "saturation"} <= set(r["inner"]["augmenter"]) for r in train)
    assert all(0 <= r["diagnostics"]["keep_rate"] <= 1 for r in train)
    assert all("score" in r for r in records if r["kind"] == "validation")


def test_sections_come_from_their_part_only(root: Path) -> None:
    prepared = prepare(configure(settings(root)), progress=False)
    assert isinstance(prepared, PreparedSeries)
    panel, spans = prepared.panel, prepared.spans
    for index, span in ((prepared.split.train, spans.train), (prepared.split.validation, spans.validation)):
        assert len(index)
        assert (panel.start[index] >= span[0]).all()
        assert (panel.start[index] + panel.length <= span[1]).all()
    assert not len(prepared.split.test)
    assert panel.covariates == 7


def test_test_time_changes_nothing_that_is_trained(root: Path, run: tsrep.Run, tmp_path: Path) -> None:
    other = write_series(tmp_path / "other", later=50.0)
    again = tsrep.fit(settings(other), out=tmp_path / "again", evaluation=False, progress=False)
    ours, theirs = run.encoder().state_dict(), again.encoder().state_dict()
    assert all(torch.equal(ours[name], theirs[name]) for name in ours)


class StopAfter(Hook):
    """Ctrl-C after some steps."""

    def __init__(self, steps: int) -> None:
        self.steps = steps

    def on_step(self, step: int) -> None:
        if step == self.steps:
            raise KeyboardInterrupt


def test_a_stopped_run_with_an_augmenter_resumes_to_the_same_weights(
    root: Path, run: tsrep.Run, tmp_path: Path
) -> None:
    out = tmp_path / "stopped"
    config = settings(root, training={"save_seconds": 0})
    with pytest.raises(Interrupted):
        tsrep.fit(config, out=out, evaluation=False, progress=False, hooks=[StopAfter(3)])
    resumed = tsrep.fit(resume=out, evaluation=False, progress=False)
    for name in ("encoder", "objective"):
        ours, theirs = (getattr(r, name)().state_dict() for r in (run, resumed))
        assert all(torch.equal(ours[key], theirs[key]) for key in ours)


def test_every_step_is_embedded_from_its_own_past(root: Path, run: tsrep.Run) -> None:
    series = tsrep.load("series-csv", root)
    whole = tsrep.embed(run, series)
    assert whole.x.shape == (1, STEPS, 6)
    assert whole.ids["time"][0] == np.datetime64("2024-01-01T00:00:00")
    other = tsrep.load("series-csv", write_series(root / "other", later=9.0))
    changed = tsrep.embed(run, other)
    before = STEPS - STEPS // 5
    np.testing.assert_array_equal(whole.x[:, :before], changed.x[:, :before])
    assert not np.allclose(whole.x[:, before:], changed.x[:, before:])


@pytest.mark.usefixtures("plain_reports")
def test_each_channel_can_be_a_series_of_its_own(root: Path, tmp_path: Path) -> None:
    config = settings(root, dataset={"variables": "each"}, training={"epochs": 1})
    run = tsrep.fit(config, out=tmp_path / "each", progress=False)
    assert run.provenance["data"]["instances"] == 2
    assert len(run.provenance["data"]["channels"]) == 8
    assert tsrep.embed(run, tsrep.load("series-csv", root)).x.shape == (2, STEPS, 6)


def test_views_are_drawn(run: tsrep.Run, tmp_path: Path) -> None:
    assert "See the views that it was trained on" in (run.path / "report.html").read_text()
    assert tsrep.plot_views(run).read_bytes().startswith(b"\x89PNG")
    assert "See the views that it was trained on" not in (run.path / "report.html").read_text()
    assert tsrep.plot_views(run, out=tmp_path / "views.pdf").read_bytes().startswith(b"%PDF")
    with pytest.raises(RunError, match="does not end in"):
        tsrep.plot_views(run, out=tmp_path / "views.gif")
    with pytest.raises(RunError, match="there is no sample 999"):
        tsrep.plot_views(run, sample=999)


@pytest.mark.parametrize(
    ("changes", "message"),
    [
        ({"objective": {"name": "supervised"}}, "objective supervised needs a label"),
        ({"split": {"name": "stratified"}}, "not by stratified; use chronological or ett-months"),
        ({"evaluation": {"protocols": ["probe"]}}, "protocol probe does not score; use forecast"),
        ({"window": {"standardise": "record"}}, "a series is standardised per channel"),
        ({"window": {"seconds": 7200.0}}, r"cut by steps and not by seconds; .* set window\.steps"),
        ({"split": {"name": "train-test"}}, "series-csv is a series, divided in time, not by train-test"),
    ],
)
def test_what_does_not_go_with_a_series_is_refused_before_it_is_read(
    changes: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        configure(settings(Path("nowhere"), **changes))


def test_what_does_not_go_with_a_panel_is_refused() -> None:
    with pytest.raises(ConfigError, match="which the protocol forecast does not score"):
        configure({"evaluation": {"protocols": ["forecast"]}})
    with pytest.raises(ConfigError, match="is divided by patients, not by chronological"):
        configure({"split": "chronological"})


def test_sections_longer_than_a_part_are_refused(root: Path) -> None:
    with pytest.raises(DataError, match=r"fewer than a window of 100; shorten window\.steps"):
        prepare(configure(settings(root, window={"steps": 100})), progress=False)


@pytest.mark.parametrize(
    ("changes", "error", "message"),
    [
        ({"window": {"steps": 40}}, DataError, "the validation part gives one window of 40 steps"),
        ({"evaluation": {"forecast": {"horizons": [200]}}}, ConfigError, "120 steps, too few for a horizon"),
    ],
)
def test_what_would_fail_later_is_refused_before_a_folder_is_made(
    root: Path, tmp_path: Path, changes: dict[str, Any], error: type[Exception], message: str
) -> None:
    with pytest.raises(error, match=message):
        tsrep.fit(settings(root, **changes), out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()


def test_a_channel_without_training_values_is_refused(tmp_path: Path) -> None:
    path = write_series(tmp_path) / "series.csv"
    table = pd.read_csv(path)
    table.loc[: STEPS * 7 // 10, "v1"] = np.nan
    table.to_csv(path, index=False)
    with pytest.raises(DataError, match=r"channel 'v1' of .* has no value in the train part"):
        prepare(configure(settings(tmp_path)), progress=False)


def test_sections_fit_a_short_validation_part_by_themselves(root: Path) -> None:
    values = {key: value for key, value in settings(root).items() if key != "window"}
    prepared = prepare(configure(values), progress=False)
    assert prepared.panel.length == 30  # two in the 60 steps of validation
    assert len(prepared.split.validation) == 2


def test_labels_are_no_part_of_forecasts(run: tsrep.Run) -> None:
    sentence = r"evaluation\.labels is for labelled samples, and series-csv is a series"
    with pytest.raises(ConfigError, match=sentence):
        tsrep.evaluate(run, labels=[0.1], progress=False)


def test_views_of_a_run_that_is_not_finished(run: tsrep.Run, tmp_path: Path) -> None:
    for name in ("config.yaml", "provenance.json", "split.json", "manifest.json"):
        (tmp_path / name).write_text((run.path / name).read_text())
    with pytest.raises(RunError, match="has no encoder yet; finish it with: tsrep fit --resume"):
        tsrep.plot_views(tmp_path)


def test_series_and_records_are_not_confused(run: tsrep.Run) -> None:
    panel = tsrep.load("ptb-xl-sim", patients=10)
    with pytest.raises(RunError, match="was trained on a series, and what is to be embedded is"):
        tsrep.embed(run, panel)


def test_embed_says_that_other_data_are_of_another_kind(run: tsrep.Run, tmp_path: Path) -> None:
    from typer.testing import CliRunner

    from tsrep.cli.app import app

    out = tmp_path / "x.npz"
    given = ["embed", str(run.path), "--out", str(out), "--set"]
    done = CliRunner().invoke(app, [*given, "dataset.patients=12", "--dataset", "ptb-xl-sim"])
    assert "was trained on a series, and what is to be embedded is labelled records" in str(done.exception)
    done = CliRunner().invoke(app, [*given, "encoder.hidden=3"])
    assert "embed takes dataset.KEY=VALUE" in str(done.exception)
    assert not out.exists()
    assert CliRunner().invoke(app, [*given, "dataset.target=v0"]).exit_code == 0
    assert out.exists()


def test_a_context_shorter_than_a_stride_is_refused_before_the_folder_is_made(
    root: Path, tmp_path: Path
) -> None:
    encoder = {"name": "resnet1d", "width": 4, "dim": 4}
    config = settings(root, encoder=encoder, evaluation={"forecast": {"context": 2}})
    with pytest.raises(ConfigError, match="hold the encoder's stride of 4; give at least 3"):
        tsrep.fit(config, out=tmp_path / "run", evaluation=False, progress=False)
    assert not (tmp_path / "run").exists()


def test_sections_shorter_than_a_stride_are_refused_before_the_folder_is_made(
    root: Path, tmp_path: Path
) -> None:
    config = settings(root, encoder={"name": "resnet1d", "width": 4, "dim": 4}, window={"steps": 3})
    with pytest.raises(
        ConfigError, match="samples of 3 steps are shorter than one step of the encoder resnet1d"
    ):
        tsrep.fit(config, out=tmp_path / "run", evaluation=False, progress=False)
    assert not (tmp_path / "run").exists()


@pytest.mark.parametrize("period", [1, 7, 12, 24, 96, 168, 288, 1440])
def test_scored_origins_meet_every_step_of_the_season(period: int) -> None:
    origins = np.arange(0, period * 20, origin_stride(period))
    assert len(np.unique(origins % period)) == period


def test_a_validation_scores_some_of_many_instances(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    root = write_series(tmp_path / "many", channels=9)
    config = configure(settings(root, dataset={"variables": "each"}))
    prepared = prepare(config, progress=False)
    assert isinstance(prepared, PreparedSeries)
    scored = []

    def noted(_: Any, instances: Any, *rest: Any, **more: Any) -> float:
        scored.append(instances)
        return 0.0

    monkeypatch.setattr(validation_score, "validation_error", noted)
    validation_score.forecast_score(config, prepared, torch.device("cpu"))(
        new_encoder(config, prepared.panel, 0), torch.nn.Module()
    )
    assert [list(each) for each in scored] == [list(prepared.instances[::2])]


@pytest.mark.usefixtures("plain_reports")
def test_validation_forecasts_leave_those_of_the_test_part(run: tsrep.Run) -> None:
    before = Scores.load(run.path)
    scores = tsrep.evaluate(run, part="validation")
    assert {score.part for score in scores} == {"test", "validation"}
    assert scores.where(part="test").scores == before.scores
    assert set(scores.forecasts) == {"test", "validation"}
