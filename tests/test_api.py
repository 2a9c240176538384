"""The Python interface: the same way as the command line, in four calls."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tsrep
from tests.conftest import TINY
from tsrep.errors import DataError
from tsrep.training.hooks import Hook

pytestmark = pytest.mark.usefixtures("plain_reports")


def test_fit_evaluate_and_embed(tmp_path: Path) -> None:
    run = tsrep.fit(TINY, out=tmp_path / "run", progress=False)
    assert (run.path / "report.html").exists()
    scores = tsrep.evaluate(run, protocols=["knn"], labels=[1.0], seeds=1, progress=False)
    assert isinstance(scores, tsrep.Scores)
    panel = tsrep.load(TINY["dataset"])
    embeddings = tsrep.embed(run.path, panel.select(np.arange(3)))
    assert embeddings.x.shape == (24, 16)
    assert embeddings.ids["start"].tolist() == list(range(0, 1000, 125)) * 3


def test_a_run_without_evaluation_has_a_report_too(tiny_run: Path, tmp_path: Path) -> None:
    run = tsrep.fit(resume=tiny_run, evaluation=False, progress=False)
    assert "tsrep evaluate" in (run.path / "report.html").read_text()


def test_missing_data_say_where_to_get_them() -> None:
    with pytest.raises(DataError, match=r"`tsrep data fetch ptb-xl` or `--root DIR`"):
        tsrep.load("ptb-xl")


def test_unknown_names_are_attribute_errors() -> None:
    with pytest.raises(AttributeError, match="no attribute 'fitt'"):
        _ = tsrep.fitt  # type: ignore[attr-defined]


def test_tensorboard_events_are_written(tmp_path: Path) -> None:
    pytest.importorskip("tensorboard")
    settings = TINY | {"training": TINY["training"] | {"epochs": 1, "tensorboard": True}}
    run = tsrep.fit(settings, out=tmp_path / "run", evaluation=False, progress=False)
    assert list((run.path / "tensorboard").glob("events*"))


def test_hooks_see_every_step(tmp_path: Path) -> None:
    seen: list[int] = []

    class Count(Hook):
        def on_step(self, step: int) -> None:
            seen.append(step)

    tsrep.fit(TINY, out=tmp_path / "run", evaluation=False, progress=False, hooks=[Count()])
    assert seen == list(range(1, len(seen) + 1))
