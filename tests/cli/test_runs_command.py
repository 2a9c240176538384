"""`tsrep runs`: a table of all that is below a folder, from small files alone."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests.cli.conftest import Command
from tsrep.errors import ConfigError
from tsrep.evaluation.headline import headline
from tsrep.evaluation.scores import Scores
from tsrep.runs.overview import list_runs


def score(method: str, value: float, **more: Any) -> dict[str, Any]:
    ends = {"value": value, "low": value - 0.1, "high": value + 0.1}
    return {
        "method": method, "role": "method", "protocol": "probe", "metric": "auroc", "part": "test",
        "unit": "record", "metrics": {"auroc": ends}, "fraction": 1.0, "subsample_by": "all", "rank": 0,
        "difference": {"auroc": {"value": 0.05, "low": 0.01, "high": 0.09}}, **more,
    }  # fmt: skip


def folder(
    place: Path, objective: str, day: int, scores: list[dict[str, Any]] | None = None, *, done: bool = True
) -> None:
    place.mkdir(parents=True)
    (place / "config.yaml").write_text("version: 1\n")
    settings = {
        "objective": {"name": objective},
        "encoder": {"name": "gru"},
        "training": {"epochs": 20},
    }
    told = {
        "settings": settings,
        "data": {"name": "ptb-xl"},
        "started": f"2026-11-{day:02d}T10:00:00+00:00",
    }
    (place / "provenance.json").write_text(json.dumps(told))
    if done:
        (place / "encoder.safetensors").touch()
    if scores is not None:
        (place / "scores.json").write_text(json.dumps({"scores": scores}))


@pytest.fixture
def some(tmp_path: Path) -> Path:
    top = tmp_path / "runs"
    folder(top / "old", "simclr", 1, [score("simclr", 0.8), score("simclr", 0.7, fraction=0.1)])
    folder(top / "group" / "best", "comet", 2, [score("comet", 0.9)])
    folder(top / "trained", "comet", 3)
    folder(top / "stopped", "cpc", 4, done=False)
    (top / "stopped" / "metrics.jsonl").write_text('{"epoch": 2}\n{"epoch": 3}\n')
    (top / "broken").mkdir()
    (top / "broken" / "config.yaml").touch()
    (top / "study").mkdir()
    (top / "study" / "study.yaml").touch()
    folder(top / "study" / "trial", "comet", 5)
    return top


def test_each_run_has_a_state_and_its_main_score(some: Path) -> None:
    rows = {row.name: row for row in list_runs(some)}
    assert list(rows) == ["stopped", "trained", "group/best", "old", "broken"]  # newest first, no study
    assert (rows["old"].state, rows["old"].metric, rows["old"].value) == ("scored", "auroc", 0.8)
    assert (rows["old"].low, rows["old"].gain, rows["old"].gain_low) == (pytest.approx(0.7), 0.05, 0.01)
    assert rows["trained"].state == "trained"
    assert rows["stopped"].state == "not finished: epoch 3 of 20"
    assert rows["broken"].state == "not readable: provenance.json is missing"
    assert [row.name for row in list_runs(some, sort="score")][:2] == ["group/best", "old"]
    assert [row.name for row in list_runs(some, where=["objective=COM*", "state=scored"])] == ["group/best"]


def test_a_forecast_has_the_mean_over_horizons_without_an_interval(tmp_path: Path) -> None:
    scores = [score("comet", value, horizon=h) for value, h in ((0.2, 24), (0.4, 48))]
    folder(tmp_path / "r" / "one", "comet", 1, scores)
    row = list_runs(tmp_path / "r")[0]
    assert (row.value, row.low, row.horizons) == (pytest.approx(0.3), None, 2)


def test_the_main_score_is_that_of_the_page(tiny_run: Path) -> None:
    stored = Scores.load(tiny_run) if (tiny_run / "scores.json").exists() else None
    row = list_runs(tiny_run)[0]
    assert row.objective == "comet"
    assert row.state == ("trained" if stored is None else "scored")
    if stored is not None:
        assert row.value == headline(stored, "comet")[0].value


def test_the_table_and_json(some: Path, command: Command) -> None:
    table = command("runs", some).stdout
    assert "auroc 0.800 [0.700, 0.900]" in table
    assert "+0.050 [+0.010, +0.090]" in table
    assert json.loads(command("runs", some, "--where", "name=old", "--json").stdout)[0]["value"] == 0.8
    assert "no such runs in" in command("runs", some, "--where", "name=nothing").stdout


def test_what_cannot_be_asked_is_refused(some: Path, refused: Callable[..., str]) -> None:
    assert "there is no folder /nowhere; name the one with your runs" in refused("runs", "/nowhere")
    assert "runs are not sorted by 'dte'; did you mean 'date'?" in refused("runs", some, "--sort", "dte")
    assert "--where 'ecg' is not of the form column=pattern" in refused("runs", some, "--where", "ecg")
    with pytest.raises(ConfigError, match="runs are not chosen by 'objectiv'; did you mean 'objective'"):
        list_runs(some, where={"objectiv": "x"})
