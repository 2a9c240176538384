"""A run says what a label of its own test part rests on, and its report shows it where traces may stand."""

from __future__ import annotations

import json
import shutil
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from tsrep.cli.app import app
from tsrep.report.contents import read_run
from tsrep.report.panel_figures import PANEL_FIGURES


def test_a_test_record_is_explained_and_shown(
    probed_run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    run = shutil.copytree(probed_run, tmp_path / "run")
    monkeypatch.setattr("tsrep.report.write_report", lambda folder: None)
    done = CliRunner().invoke(app, ["plot", "attribution", str(run)])
    assert done.exit_code == 0, done.output
    told = json.loads((run / "figures" / "attribution.json").read_text())
    assert "attribution.png" in done.output
    assert sum(told["channels"].values()) == pytest.approx(told["log_odds"] - told["flat"] - told["missed"])
    attributed = next(each for each in PANEL_FIGURES if each.__name__ == "_attribution")
    contents = read_run(run)
    (shown,) = attributed(contents)
    assert told["record"] in shown.caption
    assert not list(attributed(replace(contents, provenance={"data": {"name": "arrays"}})))
