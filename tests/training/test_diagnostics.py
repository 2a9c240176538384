"""Diagnostics of representations: closed forms, invariances, golden values, and the collapse in words."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.panels import make_panel
from tsrep.encoders.encoder import Encoder
from tsrep.objectives.objective import Objective
from tsrep.rng import numpy_generator
from tsrep.signals import Batch, Panel
from tsrep.training.collapse import CollapseWatch, collapse
from tsrep.training.diagnostics import (
    KINDS,
    Diagnostics,
    effective_rank,
    fixed_windows,
    geometry,
    kinds_of_pairs,
    of_views,
    uniformity,
    unit_rows,
)
from tsrep.training.hooks import Plan

NUMBERS = ("uniformity", "effective_rank", "participation_ratio", "spread", "negative_mean", "hardest_mean")


def of_patients(count: int) -> np.ndarray:
    """Pairs of which none has anything in common."""
    return np.zeros(count * (count - 1) // 2, np.int8)


def test_equal_rows_have_no_spread_and_no_rank() -> None:
    found = geometry(np.ones((9, 5)) * 0.3, of_patients(9))
    assert found["uniformity"] == pytest.approx(0, abs=1e-12)
    assert found["spread"] == pytest.approx(0, abs=1e-12)
    assert found["effective_rank"] == 0
    assert found["participation_ratio"] == 0
    assert of_views(np.ones((4, 5)), np.ones((4, 5)), np.ones(36))["alignment"] == pytest.approx(0, abs=1e-12)


def test_orthonormal_rows_are_at_minus_four() -> None:
    found = geometry(np.eye(6), of_patients(6))
    assert found["uniformity"] == pytest.approx(-4)
    assert found["negative_mean"] == 0
    assert found["negative_sd"] == 0
    assert found["hardest_mean"] == 0
    assert found["effective_rank"] == pytest.approx(5)  # the mean takes one dimension


def test_rows_of_zeros_are_counted() -> None:
    rows = np.eye(6)
    rows[2] = 0
    assert geometry(rows, of_patients(6))["dead_rows"] == 1


def test_one_vector_for_each_class_has_tolerance_one() -> None:
    panel = make_panel(12)
    found = geometry(np.eye(3)[panel.label], kinds_of_pairs(panel))
    assert found["tolerance"] == pytest.approx(1)
    assert found["patient_tolerance"] == pytest.approx(0)  # the two records of a patient differ in class


def test_numbers_do_not_change_under_a_rotation() -> None:
    rng = numpy_generator(0, "rotation")
    h, turn = rng.normal(size=(20, 8)), np.linalg.qr(rng.normal(size=(8, 8)))[0]
    one, other = (geometry(rows, of_patients(20)) for rows in (h, 3 * h @ turn))
    assert [one[name] for name in ("uniformity", "effective_rank", "negative_sd")] == pytest.approx(
        [other[name] for name in ("uniformity", "effective_rank", "negative_sd")]
    )


def test_writing_a_window_twice_raises_uniformity_alone() -> None:
    h = numpy_generator(0, "twice").normal(size=(20, 8))
    once, twice = geometry(h, of_patients(20)), geometry(np.tile(h, (2, 1)), of_patients(40))
    assert twice["effective_rank"] == pytest.approx(once["effective_rank"])
    assert twice["uniformity"] > once["uniformity"]


def test_white_noise_has_the_participation_ratio_of_its_size() -> None:
    found = geometry(numpy_generator(0, "white").normal(size=(256, 128)), of_patients(256))
    assert found["participation_ratio"] == pytest.approx(256 * 128 / 384, rel=0.03)
    assert found["spread"] == pytest.approx(1, abs=0.02)
    assert found["uniformity"] == pytest.approx(-3.938, abs=0.01)  # of the uniform law on the sphere


def test_golden_alignment_and_uniformity(shared_path: Callable[[str], Path]) -> None:
    held = np.load(shared_path("golden/losses/align_uniform.npz"))
    z1, z2 = held["z1"], held["z2"]
    cosine = (unit_rows(z1) @ unit_rows(z1).T)[np.triu_indices(len(z1), 1)]
    assert uniformity(cosine) == pytest.approx(float(held["uniformity_z1"]), abs=1e-9)
    assert of_views(z1, z2, np.sort(cosine))["alignment"] == pytest.approx(float(held["alignment"]), abs=1e-9)


def test_separation_is_the_share_of_pairs_in_order() -> None:
    rng = numpy_generator(0, "separation")
    first, second = rng.normal(size=(2, 12, 4))
    negatives = np.sort(rng.uniform(-1, 1, 30))
    unit = [rows / np.linalg.norm(rows, axis=1, keepdims=True) for rows in (first, second)]
    positive = (unit[0] * unit[1]).sum(axis=1)
    expected = np.mean([[float(p > n) for n in negatives] for p in positive])
    found = of_views(first, second, negatives)
    assert found["separation"] == pytest.approx(expected)
    nearest = (unit[0] @ unit[1].T).argmax(axis=1) == np.arange(12)
    assert found["retrieval"] == pytest.approx(nearest.mean())
    assert sum(found["positives"]) == 12


def test_effective_rank_of_equal_singular_values_is_their_number() -> None:
    assert effective_rank(np.array([2.0, 2, 2, 0, 0])) == pytest.approx(3)


def test_kinds_follow_patients_before_labels_and_known_labels_alone() -> None:
    panel = make_panel(6)  # labels 0 1 2 0 1 2, patients 0 0 1 1 2 2
    pairs = dict(zip(zip(*np.triu_indices(6, 1), strict=True), kinds_of_pairs(panel), strict=True))
    assert KINDS[pairs[0, 1]] == "same patient"
    assert KINDS[pairs[0, 3]] == "same label"
    assert KINDS[pairs[0, 2]] == "other"
    known = np.array([False, True, True, True, True, True])
    hidden = Panel.from_arrays(
        panel.store, label=panel.label, patient=panel.patient, sfreq=10, scale=1e-3, known=known
    )
    assert KINDS[kinds_of_pairs(hidden)[2]] == "other"  # of 0
    assert 3


def test_windows_are_one_of_each_record_and_few_of_each_patient() -> None:
    records = make_panel(40)
    panel = Panel.from_arrays(records.store, label=records.label, patient=np.arange(40) // 20, sfreq=10)
    panel = panel.windows(10)
    found = fixed_windows(panel, np.arange(len(panel)), 100, seed=0)
    assert len(found) == 8
    assert len(np.unique(panel.trial[found])) == 8
    assert len(fixed_windows(panel, np.arange(len(panel)), 5, seed=0)) == 5
    assert (found == fixed_windows(panel, np.arange(len(panel)), 100, seed=0)).all()


class Means(Encoder):
    """The mean of each channel, scaled."""

    dim, stride, receptive_field, causal = 2, 1, 1, True

    def __init__(self, factor: float = 1.0) -> None:
        super().__init__()
        self.factor = torch.nn.Parameter(torch.tensor(factor))

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        return self.factor * x


class Nothing(Objective):
    def forward(self, encoder: Encoder, batch: Batch, *, generator: torch.Generator) -> dict[str, Tensor]:
        raise AssertionError("diagnostics ask for no loss")


def diagnostics(panel: Panel) -> Diagnostics:
    return Diagnostics(panel, "mean", 0, torch.device("cpu"))


def test_numbers_are_those_of_the_pooled_representations() -> None:
    panel = make_panel(12)
    found = diagnostics(panel)(Means().eval(), Nothing())
    expected = geometry(panel.x.mean(axis=2).astype(np.float64), kinds_of_pairs(panel))
    assert [found[name] for name in NUMBERS] == pytest.approx([expected[name] for name in NUMBERS], rel=1e-5)
    assert found["pairs"] == 3
    assert not found["own_view"]
    json.dumps(found, allow_nan=False)


def test_the_same_weights_give_the_same_numbers_twice() -> None:
    one = diagnostics(make_panel(12))
    assert one(Means().eval(), Nothing()) == one(Means().eval(), Nothing())


def test_representations_that_are_not_finite_give_no_numbers() -> None:
    assert diagnostics(make_panel(12))(Means(float("nan")).eval(), Nothing()) == {}


def row(spread: float = 0.5, rank: float = 20.0, dead: int = 0) -> dict[str, Any]:
    return {"spread": spread, "effective_rank": rank, "dim": 32, "windows": 64, "dead_rows": dead}


@pytest.mark.parametrize(
    ("trained", "words"),
    [
        ([row(), row(), row()], None),
        ([row(0.05), row(0.05)], None),  # three must agree
        ([row(0.05), row(), row(0.05)], None),
        ([row(0.05)] * 3, "have collapsed"),
        ([row(rank=1.5)] * 3, "have collapsed"),
        ([row(rank=1.9), row(0.05), row(0.05)], "have collapsed"),
        ([row(rank=2.5)] * 3, "below a tenth"),
        ([row(dead=3)] * 3, "3 of 64 windows are encoded as zero"),
    ],
)
def test_a_collapse_is_said_in_words(trained: list[dict[str, Any]], words: str | None) -> None:
    said = collapse([row(rank=30.0), *trained])
    assert said is None if words is None else words in str(said)


def test_what_training_has_not_brought_about_is_no_collapse() -> None:
    assert collapse([row(0.01)]) is None
    assert collapse([row(0.08, rank=1.4)] + [row(0.07, rank=1.2)] * 3) is None
    assert collapse([row(0.08)] + [row(0.03)] * 3) is not None


def test_the_watch_says_it_once_also_after_a_resume(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    log = tmp_path / "metrics.jsonl"
    records = [
        {"kind": "validation", "epoch": epoch, "diagnostics": row(0.01 if epoch else 0.5)}
        for epoch in range(6)
    ]
    log.write_text("".join(json.dumps(r) + "\n" for r in records[:3]), encoding="utf-8")
    watch = CollapseWatch(log)
    watch.on_start(Plan(5, 50, 20))
    for record in records[3:]:
        watch.on_record(record)
    said = capsys.readouterr().err
    assert said.count("have collapsed") == 1
    assert said.startswith("tsrep: epoch 3: ")
