"""What new users stumbled over: where the verdict stands, what a file is told, what is refused early."""

from __future__ import annotations

import io
import subprocess
import sys
from pathlib import Path
from typing import Any, cast

import numpy as np
import pandas as pd
import pytest
import torch

from tests.report.run_folder import make_run
from tsrep.datasets import progress
from tsrep.errors import ConfigError
from tsrep.evaluation.protocols.protocol import Protocol
from tsrep.inspect.curves import read_curves
from tsrep.inspect.figures.style import distinct
from tsrep.registry import PROTOCOLS, nearest
from tsrep.report import page_is_current, summarise
from tsrep.runs import evaluate
from tsrep.runs.config import configure
from tsrep.runs.evaluate import evaluating
from tsrep.runs.forecast_own import OwnForecast
from tsrep.runs.task.panel_task import PanelTask
from tsrep.signals import Panel
from tsrep.text import as_error, requirement
from tsrep.training import estimate
from tsrep.training.estimate import Estimate, duration
from tsrep.training.hooks import Plan, ProgressBar


def test_the_verdict_comes_after_the_tables(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    brief, whole = summarise(run), summarise(run, verbose=True)
    for text in (brief, whole):
        assert text.rfind("random initialisation  ") < text.rfind("An encoder trained by")
    assert "Gain over random initialisation" in whole
    assert len(brief.splitlines()) < len(whole.splitlines())
    assert f"tsrep show {run} --verbose" in brief
    assert "--verbose" not in whole


def test_a_page_is_written_once(tmp_path: Path) -> None:
    run = make_run(tmp_path / "run")
    assert not page_is_current(run)
    (run / "report.html").touch()
    assert page_is_current(run)
    (run / "scores.json").write_text((run / "scores.json").read_text())
    assert not page_is_current(run)


def test_an_error_is_shown_as_one(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert as_error("minus validation MSE") == ("validation MSE", -1)
    assert as_error("validation probe macro AUROC") == ("validation probe macro AUROC", 1)
    line: dict[str, Any] = {"kind": "validation", "epoch": 1, "step": 5, "loss": 2.0, "score": -0.56}
    bar = ProgressBar("forecast")
    bar.on_start(Plan(3, 30, 0))
    bar.on_record(line | {"score_name": "minus validation MSE"})
    bar.on_end()
    assert "validation MSE 0.560" in capsys.readouterr().err
    log = tmp_path / "metrics.jsonl"
    log.write_text(
        '{"kind": "validation", "epoch": 1, "step": 5, "score": -0.5, "score_name": "minus MSE"}\n'
    )
    name, values = read_curves(log).shown_score
    assert (name, values.tolist()) == ("MSE", [0.5])


def test_a_file_is_told_tenths_and_stages(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(progress, "PAUSE", 0)
    monkeypatch.setattr(evaluate, "PAUSE", 0)
    with progress.progress_bar("converting wfdb", 1000, show=True) as advance:
        for _ in range(20):
            advance(50)
    lines = capsys.readouterr().err.splitlines()
    assert len(lines) == 10
    assert lines[0].startswith("tsrep: converting wfdb: 10 % of 1,000, ")
    assert lines[-1] == "tsrep: converting wfdb: 100 % of 1,000, 0 s left"
    with evaluating(True) as tell:
        tell("comet, linear probe")
    assert capsys.readouterr().err == "tsrep: evaluating: comet, linear probe\n"
    with evaluating(False) as tell:
        tell("nothing")
    assert not capsys.readouterr().err


def test_first_steps_tell_what_training_takes(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    clock = iter([10.0, 12.0])
    monkeypatch.setattr(estimate, "perf_counter", lambda: next(clock))
    hook = Estimate(torch.device("cpu"), 1_000_000)
    hook.on_start(Plan(10, 1001, 0))
    for step in (1, 2, 3):  # the first warms up, the second is measured, the third says nothing more
        hook.on_step(step)
    said = capsys.readouterr().err
    assert said.count("\n") == 1
    assert "about 33 min for 999 steps of 2 s on cpu, then the scores; " in said
    assert said.endswith(" GB of memory, 10 MB on disk\n")
    assert (duration(40), duration(7200), duration(12_000)) == ("40 s", "2 h 0 min", "3 h 20 min")


def test_a_short_training_is_not_announced(capsys: pytest.CaptureFixture[str]) -> None:
    hook = Estimate(torch.device("cpu"), 1)
    hook.on_start(Plan(1, 20, 0))
    for step in range(1, 21):
        hook.on_step(step)
    assert not capsys.readouterr().err


def test_a_forecast_has_a_long_form() -> None:
    time = np.array(["2020-01-01", "2020-01-02"], "datetime64[D]")
    ends = np.arange(4.0).reshape(2, 2)
    forecast = OwnForecast(
        time=time, channels=("a", "b"), values=ends, bounds={0.8: (ends - 1, ends + 1)}, date="day",
        freq="1 d", source="own.csv", past=ends, past_time=time, notes=(),
    )  # fmt: skip
    table = pd.read_csv(io.StringIO(forecast.table(long=True)))
    assert list(table) == ["day", "channel", "value", "lower 0.8", "upper 0.8"]
    assert table["channel"].tolist() == ["a", "a", "b", "b"]
    assert table[table["channel"] == "b"]["upper 0.8"].tolist() == [3.0, 4.0]


def test_titles_differ_where_names_do() -> None:
    assert distinct(["a", "b"], 5) == ["a", "b"]
    cut = distinct(["same.beginning.one", "same.beginning.two"], 8)
    assert len(set(cut)) == 2
    assert max(map(len, cut)) <= 8
    assert distinct(["xaaaaaaaaay", "xbaaaaaaaay"], 3) == ["xa…", "xb…"]
    assert distinct(["xaaay", "xabay"], 3) == ["xaaay", "xabay"]


def test_protocols_that_cannot_score_are_refused_before_anything_is_read() -> None:
    settings = configure({"evaluation": {"protocols": ["probe", "logistic"]}}).evaluation
    settings.refuse_several_classes(False)
    with pytest.raises(ConfigError, match="protocol logistic needs one class per sample; use probe"):
        settings.refuse_several_classes(True)
    assert not cast(type[Protocol], PROTOCOLS.entry("svm").cls).multilabel


@pytest.mark.parametrize(
    ("values", "sentence"),
    [
        ({"pretrain": {"name": "simclr"}}, "unknown setting pretrain.name; known: amp"),
        ({"training": 3}, "training is 3, and settings by name are wanted; write them as key: value"),
        ({"window": {"seconds": 0}}, "window.seconds is 0: it must be greater than 0"),
        ({"seed": 1.5}, "seed is 1.5: it must be an integer"),
        ({"encoder": "cnn"}, "unknown encoder 'cnn'; known: causal-tcn, "),
        ({"encoder": "tcn"}, "unknown encoder 'tcn'; did you mean 'causal-tcn'"),
    ],
)
def test_a_setting_is_refused_in_words_of_this_project(values: dict[str, Any], sentence: str) -> None:
    with pytest.raises(ConfigError) as caught:
        configure(values)
    assert sentence in str(caught.value)


def test_hints_are_near_or_a_list() -> None:
    assert nearest("resnet", ["resnet1d", "gru"]) == "did you mean 'resnet1d'?"
    assert nearest("bogus", ["out", "seed"]) == "known: out, seed"
    assert requirement("Input should be greater than or equal to 1") == "it must be at least 1"
    assert requirement("Input should be a valid integer, unable to parse string as an integer") == (
        "it must be an integer"
    )


def test_segments_are_not_called_records() -> None:
    told: list[str] = []
    trial = np.array([0, 0, 1, 1])
    x = np.random.default_rng(0).normal(size=(4, 1, 400)).astype(np.float32)
    data = Panel.from_arrays(x, label=trial, trial=trial, patient=trial, sfreq=100, source="own")
    PanelTask(configure()).findings(data, told.append)
    assert told[0] == "own: 4 segments of 2 records of 2 patients, 1 channel at 100 Hz, 2 classes"


def test_output_that_cannot_be_written_is_one_sentence() -> None:
    if not Path("/dev/full").exists():
        pytest.skip("no device that is full")
    with Path("/dev/full").open("w") as full:
        words = [sys.executable, "-m", "tsrep", "list", "losses"]
        done = subprocess.run(words, check=False, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == 2
    assert done.stderr == (
        "tsrep: nothing more can be written (No space left on device); free space or choose another place\n"
    )
