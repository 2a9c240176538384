"""Ranks over blocks: complete ones only, controls without seeds in all of their task, the right way round."""

from __future__ import annotations

import itertools
import math
from dataclasses import replace

import pandas as pd
import pytest

from tests.studies.planted import confirmed, levels, numbers, planted
from tsrep.evaluation.friedman_ranks import Comparison
from tsrep.studies.analyses import Missing, Results
from tsrep.studies.analyses.ranks import finalist_ranks, level_ranks, shown_finalists
from tsrep.studies.confirm.finalists import Finalists
from tsrep.studies.keep.trial_table import TrialTable


def _ranks(rows: pd.DataFrame, *, maximise: bool = False) -> Comparison:
    found = finalist_ranks(rows, maximise=maximise)
    assert isinstance(found, Comparison)
    return found


def test_finalists_are_ranked_over_tasks_and_seeds() -> None:
    found = _ranks(confirmed())
    assert len(found.sets) == 10
    assert found.methods[0] == "trial 7"
    assert found.methods[-1] == "random initialisation"
    assert _ranks(confirmed(), maximise=True).methods[0] == "random initialisation"


@pytest.mark.parametrize("seed", [math.nan, 1000])
def test_a_control_that_was_scored_once_stands_in_every_block_of_its_task(seed: float) -> None:
    rows = confirmed()
    ridge = rows["finalist"] == "ridge-nlinear"
    once = rows[ridge].drop_duplicates("task").assign(seed=seed)
    found = _ranks(pd.concat([rows[~ridge], once]))
    assert len(found.sets) == 10
    column = found.values[:, found.methods.index("ridge-nlinear")]
    assert len(set(column.tolist())) == 2


def test_blocks_that_a_finalist_lacks_are_left_out() -> None:
    rows = confirmed()
    lacking = (rows["finalist"] == "trial 7") & (rows["seed"] == 1004)
    assert len(_ranks(rows[~lacking]).sets) == 8


def test_only_the_first_metric_counts() -> None:
    rows = confirmed()
    other = rows.assign(metric="mae", test=-rows["test"])
    assert _ranks(pd.concat([rows, other])).methods[0] == "trial 7"


def test_too_few_blocks_or_finalists_are_said_so() -> None:
    few = finalist_ranks(confirmed(seeds=2), maximise=False)
    assert isinstance(few, Missing)
    assert few.sentence.endswith("there are 6 and 4.")
    pair = confirmed()
    assert isinstance(
        finalist_ranks(pair[pair["finalist"].isin(["trial 7", "trial 14"])], maximise=False), Missing
    )
    assert isinstance(shown_finalists(Results(planted(2))), Missing)


def _grid(count: int, settings: int) -> TrialTable:
    axes = (levels("loss", *(f"l{i}" for i in range(count))), numbers("depth", 1, 9))
    rows = [
        {
            "ticket": i,
            "state": "complete",
            "value": 1.0 + 0.1 * int(a[1]) + 0.01 * b,
            "loss": a,
            "depth": float(b),
        }
        for i, (a, b) in enumerate(itertools.product(axes[0].range.choices, range(1, settings + 1)))
    ]
    frame = pd.DataFrame(rows).astype({"loss": object})
    return TrialTable("s", "", axes, frame, False, "error", (), None, pd.DataFrame())


def test_levels_of_a_grid_are_ranked_over_its_settings() -> None:
    found = level_ranks(_grid(3, 6))
    assert not isinstance(found, Missing)
    axis, ranks = found
    assert axis.name == "loss"
    assert ranks.methods == ("l0", "l1", "l2")
    assert len(ranks.sets) == 6


def test_each_task_is_a_block_of_its_own() -> None:
    table = _grid(3, 3)
    frame = table.frame.assign(**{"task:a": table.frame["value"], "task:b": table.frame["value"] * 2})
    found = level_ranks(replace(table, frame=frame, tasks=("a", "b")))
    assert not isinstance(found, Missing)
    assert len(found[1].sets) == 6


def test_levels_without_matched_blocks_are_said_so() -> None:
    for table in (_grid(3, 4), _grid(2, 9), planted(), planted(0)):
        assert isinstance(level_ranks(table), Missing)


def test_the_summary_is_means_over_seeds_with_controls_last() -> None:
    rows = confirmed(2, 3)
    found = Finalists(rows).summary
    assert found["finalist"].tolist()[-1] == "random initialisation"
    assert found["seeds"].tolist() == [3] * 8
    own = rows[(rows["finalist"] == "trial 7") & (rows["task"] == rows["task"].iloc[0])]["test"]
    row = found.iloc[0]
    assert (row["test"], row["spread"]) == pytest.approx((own.mean(), own.std()))
    assert row["high"] - row["low"] == pytest.approx(0.02)
