"""The ledger finds what was trained on under another name, unit, order of leads or rate, and nothing else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pandas as pd
import pytest
from scipy import signal

from tests.signals.test_fingerprint import TWELVE, panel_of, recordings
from tsrep.datasets.ecg.ptb_xl import PtbXl
from tsrep.errors import RunError
from tsrep.runs import ledger as ledgers
from tsrep.runs.ledger import Ledger, Source
from tsrep.runs.seen import CHANCE
from tsrep.runs.sources import set_of

X = recordings(24)
OTHER = recordings(24, seed=5)


def trained() -> Ledger:
    return Ledger.of(panel_of(X[:16], source="A 1.0"))


def test_copies_are_found_by_counts_and_others_are_not() -> None:
    order = np.random.default_rng(0).permutation(12)
    mixed = np.concatenate([X[:4, order] * 3 + 7, OTHER[:6]]).astype(np.int16)
    seen = trained().seen(panel_of(mixed, channels=[TWELVE[i] for i in order]))
    assert seen.rows.tolist() == [0, 1, 2, 3]
    assert (seen.exact, seen.leads, seen.coarse, seen.of) == (4, 0, 0, 10)
    assert seen.complete
    assert seen.patients is None


def test_two_equal_leads_are_found_where_the_others_differ() -> None:
    changed = X[:3].copy()
    changed[:, 3] += np.arange(changed.shape[2], dtype=np.int16) % 2
    seen = trained().seen(panel_of(changed))
    assert (seen.exact, seen.leads, seen.rows.tolist()) == (0, 3, [0, 1, 2])


def test_resampled_copies_are_found_by_shape() -> None:
    fine = signal.resample_poly(X[4:10].astype(float), 5, 1, axis=2).astype(np.float32)
    more = signal.resample_poly(OTHER.astype(float), 5, 1, axis=2).astype(np.float32)
    seen = trained().seen(panel_of(np.concatenate([fine, more]), 500))
    assert (seen.exact, seen.leads, seen.coarse) == (0, 0, 6)
    assert seen.rows.tolist() == list(range(6))
    assert seen.expected_by_chance == pytest.approx(30 * 16 * CHANCE[8], rel=1e-3)


def test_shapes_no_more_than_by_chance_are_counted_and_not_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tsrep.runs.seen.CHANCE", np.full(9, 0.9))
    fine = signal.resample_poly(X[4:6].astype(float), 5, 1, axis=2).astype(np.float32)
    seen = trained().seen(panel_of(fine, 500))
    assert (seen.coarse, seen.rows.tolist()) == (2, [])


def test_only_the_samples_that_are_asked_for_count() -> None:
    panel = panel_of(np.concatenate([X[:4], OTHER[:4]]))
    assert trained().seen(panel, np.array([2, 3, 4, 5])).rows.tolist() == [2, 3]
    assert trained().seen(panel.windows(250), np.arange(4, 32)).rows.tolist() == [1, 2, 3]


def test_nobody_has_seen_simulated_recordings() -> None:
    simulated = panel_of(X, synthetic=True)
    made = Ledger.of(simulated)
    assert len(made) == 0
    assert made.complete
    assert made.sources == ()
    assert not len(trained().seen(simulated).rows)
    assert not len(made.seen(panel_of(X)).rows)


def test_a_union_keeps_the_first_use_of_a_recording() -> None:
    panel = panel_of(X, source="A 1.0")
    chosen, labelled = np.arange(12, 20), np.arange(14, 24)
    whole = Ledger.of(panel, "labelled", labelled).union(trained(), Ledger.of(panel, "chosen", chosen))
    assert whole.seen(panel).rows.tolist() == list(range(24))
    assert whole.only("trained").seen(panel).rows.tolist() == list(range(16))
    assert whole.only("chosen").seen(panel).rows.tolist() == list(range(16, 20))
    assert whole.only("chosen", "labelled").seen(panel).rows.tolist() == list(range(16, 24))
    assert len(whole.exact) == len(np.unique(whole.exact)) == 24
    assert not trained().union(Ledger(), complete=False).complete
    assert not trained().union(Ledger(complete=False)).complete


def test_patients_are_known_again_in_their_data_set_only() -> None:
    panel = panel_of(X, source="A 1.0")
    made = Ledger.of(panel, index=np.arange(10), public=True)
    others = replace(panel_of(OTHER, source="A 1.1"), patient=np.arange(24) + 7)
    seen = made.seen(others)
    assert (seen.exact, seen.coarse, seen.patients, seen.rows.tolist()) == (0, 0, 3, [0, 1, 2])
    assert made.seen(replace(others, source="B")).patients is None
    assert not len(Ledger.of(panel, index=np.arange(10)).patient)


@pytest.mark.parametrize(
    ("source", "name"),
    [("PTB-XL 1.0.3", "PTB-XL"), ("ds004504 v2", "ds004504"), ("PTB-XL (part: 500 records)", "PTB-XL")],
)
def test_a_version_is_not_part_of_the_name_of_a_set(source: str, name: str) -> None:
    assert set_of(source) == name


def test_a_ledger_is_what_was_written(tmp_path: Path) -> None:
    made = Ledger.of(panel_of(X, source="A 1.0"), public=True).union(Ledger(complete=False))
    made.save(tmp_path)
    read = Ledger.load(tmp_path)
    assert read is not None
    assert read.digest == made.digest
    assert read.sources == (Source("A 1.0", True, 24, 24),)
    assert not read.complete
    for name, array in made.arrays.items():
        np.testing.assert_array_equal(read.arrays[name], array)
    assert Ledger.load(tmp_path / "elsewhere") is None


def test_a_broken_ledger_is_refused(tmp_path: Path) -> None:
    trained().save(tmp_path)
    file = tmp_path / ledgers.FILE
    content = bytearray(file.read_bytes())
    content[-1] ^= 1
    file.write_bytes(content)
    with pytest.raises(RunError, match="is not the ledger that was written"):
        Ledger.load(tmp_path)
    file.write_bytes(content[:50])
    with pytest.raises(RunError, match="cannot be read as a ledger"):
        Ledger.load(tmp_path)


@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("coarse", np.zeros((16, 8), np.uint8)),
        ("exact", np.arange(16)),
        ("mask", np.zeros(3, np.uint8)),
        ("exact", np.arange(16, dtype=np.uint64)[::-1]),
    ],
)
def test_keys_that_cannot_be_are_refused(tmp_path: Path, name: str, array: np.ndarray) -> None:
    replace(trained(), **{name: array}).save(tmp_path)
    with pytest.raises(RunError, match="is not the ledger that was written"):
        Ledger.load(tmp_path)


def test_a_large_ledger_keeps_some_shapes_and_all_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ledgers, "LARGEST", 10)
    made = trained()
    assert made.thinned
    assert 0 <= len(made.coarse) < 10
    assert len(made.mask) == len(made.part) == len(made.coarse)
    assert made.seen(panel_of(X)).exact == 16


@pytest.mark.long
def test_official_files_that_are_in_a_panel_of_another_resampling(
    shared_path: Callable[[str], Path],
) -> None:
    folder = shared_path("data/ptb-xl-panel")
    held = Ledger.of(panel_of(np.load(folder / "ecg_100hz_int16_uV.npy")))
    files = PtbXl(rate=100).load(shared_path("data/ptb-xl"), progress=False)
    seen = held.seen(files)
    both = {int(files.record_names[row]) for row in files.row}
    both &= set(pd.read_csv(folder / "records.csv")["ecg_id"])
    assert {int(files.record_names[row]) for row in seen.rows} == both
    assert (seen.of, seen.exact, seen.leads, seen.coarse) == (488, 0, 0, 31)
    assert seen.expected_by_chance < 0.1
