"""Intervals that rest on too few blocks of time are marked wherever they are shown."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from tests.report.series_folder import add_receptive_field, make_forecasts, make_series_run
from tsrep.evaluation.scores import Scores
from tsrep.report.contents import read_run
from tsrep.report.receptive_field import receptive_table
from tsrep.report.series_page import error_table, gain_table

FLAG = "interval unreliable"


def forecasts(blocks: int) -> Scores:
    scores = make_forecasts(np.random.default_rng(0), ("a",), {24: 0.02}, 0.1)
    return replace(scores, scores=tuple(replace(s, blocks=blocks, block_length=48) for s in scores))


@pytest.mark.parametrize(("blocks", "marked"), [(3, True), (9, True), (10, False)])
def test_few_blocks_are_marked_in_every_table(blocks: int, marked: bool) -> None:
    scores = forecasts(blocks)
    header, *rows = scores.to_table()
    assert {row[header.index("blocks")] for row in rows} == {f"{blocks}, {FLAG}" if marked else f"{blocks}"}
    cells = [cell for row in gain_table(scores).rows for cell in row]
    assert any(cell.text == str(blocks) and (cell.below == FLAG) == marked for cell in cells)
    table = error_table(scores, "autotcl", "mse", intervals=True)
    text = " ".join(f"{cell.text} {cell.below}" for row in (table.header, *table.rows) for cell in row)
    assert f"{blocks} blocks" in text
    assert (FLAG in text) == marked


def test_scores_without_blocks_are_not_marked() -> None:
    scores = make_forecasts(np.random.default_rng(0), ("a",), {24: 0.02}, 0.1)
    assert not any(replace(s, blocks=0, block_length=0).unreliable for s in scores)


def test_a_period_without_a_p_value_says_why(tmp_path: Path) -> None:
    run = make_series_run(tmp_path / "run")
    add_receptive_field(run)
    path = run / "figures" / "receptive-field.json"
    stored = json.loads(path.read_text())
    next(iter(stored["runs"].values()))["scores"]["period 24"] |= {"p": None, "z": None}
    path.write_text(json.dumps(stored))
    table = receptive_table(read_run(run))
    assert table is not None
    told = next(row[3].text for row in table.rows if row[0].text == "periodicity 24")
    assert "not told from the last input steps" in told
    assert "other phases" not in told
