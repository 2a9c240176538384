"""Predictions for data sets by a finished run: its own test part, and files of the same recordings."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

import tsrep
from tsrep.errors import ConfigError, DataError
from tsrep.evaluation.predictions import load_predictions


def test_the_test_part_has_the_probabilities_that_were_scored(probed_run: Path) -> None:
    run = tsrep.Run(probed_run)
    loaded = tsrep.load_encoder(run)
    head = loaded.head()
    stored = load_predictions(probed_run / "predictions.npz")
    key = next(
        key for key in stored if key[0] == loaded.name and key[1] == head.fitted_on.protocol and key[2] == 1.0
    )
    scored = stored[key]
    table = run.predict("ptb-xl-sim", part="test", with_targets=True, calibration=False)
    assert len(table) == len(scored)
    order = np.argsort(scored.trial)
    names = np.array([str(name) for name in table["record"]])
    by_name = np.argsort(names)
    np.testing.assert_allclose(
        np.sort(table.probabilities, axis=0), np.sort(scored.prob[order], axis=0), atol=1e-12
    )
    flags = np.stack([table[name] for name in head.classes], axis=1)
    np.testing.assert_array_equal(np.sort(flags, axis=0), np.sort(scored.target.astype(int), axis=0))
    assert len(set(names[by_name])) == len(names)
    assert {float(p) for p in table["patient"]} == {float(p) for p in np.unique(scored.patient)}


def test_parts_are_disjoint_and_make_up_all(probed_run: Path) -> None:
    parts = [set(tsrep.predict(probed_run, "ptb-xl-sim", part=part)["record"]) for part in ("train", "test")]
    every = set(tsrep.predict(probed_run, "ptb-xl-sim")["record"])
    assert not parts[0] & parts[1]
    assert parts[0] | parts[1] < every


def test_settings_of_the_data_set_can_be_given(probed_run: Path) -> None:
    few = tsrep.predict(probed_run, "ptb-xl-sim", assignments=("dataset.patients=20",))
    assert 0 < len(few) < len(tsrep.predict(probed_run, "ptb-xl-sim"))
    with pytest.raises(ConfigError, match="did you mean 'patients'"):
        tsrep.predict(probed_run, "ptb-xl-sim", assignments=("dataset.patient=20",))
    with pytest.raises(DataError, match="no folder"):
        tsrep.predict(probed_run, "ptb-xl", root=Path("nowhere"))
