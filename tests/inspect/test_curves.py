"""The metric log is read as it was written, through kills and resumes."""

from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest

from tsrep.errors import RunError
from tsrep.inspect.curves import read_curves, smooth


def write(path: Path, *lines: object) -> Path:
    path.write_text("".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines))
    return path


def check(epoch: int, score: float | None, loss: float) -> dict[str, object]:
    return {"kind": "validation", "epoch": epoch, "step": 10 * epoch, "loss": loss, "terms": {"a": loss},
            "score": score, "score_name": "AUROC"}  # fmt: skip


def train(step: int, **terms: float) -> dict[str, object]:
    return {"kind": "train", "epoch": 1, "step": step, "loss": sum(terms.values()), "terms": terms}


def test_steps_are_sorted_and_a_repeated_step_counts_once(tmp_path: Path) -> None:
    found = read_curves(write(tmp_path / "m", train(20, a=1.0), train(10, a=2.0), train(20, a=3.0)))
    assert found.step.tolist() == [10, 20]
    assert found.terms["a"].tolist() == [2.0, 3.0]
    assert np.isnan(found.lr).all()


def test_a_term_that_comes_later_is_nan_before(tmp_path: Path) -> None:
    found = read_curves(write(tmp_path / "m", train(1, a=1.0), train(2, a=1.0, b=5.0)))
    np.testing.assert_array_equal(found.terms["b"], [np.nan, 5.0])


def test_half_a_line_is_counted_not_fatal(tmp_path: Path) -> None:
    found = read_curves(write(tmp_path / "m", train(1, a=1.0), '{"kind": "train", "st'))
    assert (found.unread, found.step.tolist()) == (1, [1])


def test_epoch_zero_is_never_kept_and_ties_go_to_the_first(tmp_path: Path) -> None:
    checks = [check(0, 0.9, 0.1), check(1, 0.5, 3.0), check(2, 0.7, 2.0), check(3, 0.7, 1.0)]
    found = read_curves(write(tmp_path / "m", *checks))
    assert found.kept_epoch("probe") == found.kept_epoch("score") == 2
    assert found.kept_epoch("loss") == 3
    assert found.kept_epoch("last") == found.kept_epoch() == 3


def test_without_scores_the_last_is_kept(tmp_path: Path) -> None:
    found = read_curves(write(tmp_path / "m", check(1, None, 1.0), check(2, None, 0.5), check(3, None, 2.0)))
    assert found.kept_epoch("score") == 3
    assert found.kept_epoch("loss") == 2


def test_nothing_validated_keeps_nothing(tmp_path: Path) -> None:
    assert read_curves(write(tmp_path / "m", train(1, a=1.0), check(0, 0.5, 1.0))).kept_epoch() is None


@pytest.mark.parametrize("text", [None, "", "rubbish\n"])
def test_an_unreadable_log_is_a_user_mistake(tmp_path: Path, text: str | None) -> None:
    path = tmp_path / "metrics.jsonl"
    if text is not None:
        path.write_text(text)
    with pytest.raises(RunError, match="tsrep fit"):
        read_curves(path)


def test_smoothing_keeps_constants_and_passes_over_nan() -> None:
    values = np.array([2.0, np.nan, 2.0, 2.0, np.nan])
    np.testing.assert_allclose(smooth(values, 3), 2.0)
    np.testing.assert_allclose(smooth(np.arange(9.0), 3)[1:-1], np.arange(1.0, 8.0))


def test_inner_optimisations_and_diagnostics_are_read_where_they_were_logged(tmp_path: Path) -> None:
    first = train(1, a=1.0) | {
        "inner": {"augmenter": {"entropy": 0.5}},
        "diagnostics": {"keep_rate": 0.7},
    }
    last = train(3, a=1.0) | {"inner": {"augmenter": {"entropy": 0.1, "margin": 2.0}}}
    found = read_curves(write(tmp_path / "m", first, train(2, a=1.0), last))
    np.testing.assert_array_equal(found.inner["augmenter"]["entropy"], [0.5, np.nan, 0.1])
    np.testing.assert_array_equal(found.inner["augmenter"]["margin"], [np.nan, np.nan, 2.0])
    np.testing.assert_array_equal(found.diagnostics["keep_rate"], [0.7, np.nan, np.nan])
    assert read_curves(write(tmp_path / "n", train(1, a=1.0))).inner == {}
