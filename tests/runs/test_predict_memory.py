"""What predictions hold in memory depends neither on the length of recordings nor on their number."""

from __future__ import annotations

import tracemalloc
from pathlib import Path

import numpy as np
import pytest

from tests.runs.predicting import LEADS, predictor
from tsrep.datasets.formats.wfdb_record import write_wfdb
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.predict.options import Options
from tsrep.runs.predict.output import Destination
from tsrep.runs.predict.predict import predict_to
from tsrep.runs.predict.sources import Request
from tsrep.signals.convert import Policies

MB = 1 << 20
WINDOW = {"steps": 1000, "seconds": 10.0, "hop_seconds": 10.0}


def peak(loaded: LoadedEncoder, recordings: Path, out: Path, options: Options) -> float:
    """Most megabytes that NumPy and Python hold at a time while recordings are predicted."""
    tracemalloc.start()
    try:
        predict_to(Destination(out, overwrite=True), loaded, str(recordings), options=options)
        return tracemalloc.get_traced_memory()[1] / MB
    finally:
        tracemalloc.stop()


def holter(folder: Path, hours: float) -> Path:
    folder.mkdir()
    rng = np.random.default_rng(0)
    write_wfdb(
        folder / "day", rng.integers(-900, 900, (2, round(3600 * 250 * hours)), np.int16), sfreq=250.0,
        channels=LEADS,
    )  # fmt: skip
    return folder


@pytest.mark.parametrize("how", ["global", "record"])
def test_a_long_recording_takes_what_a_shorter_one_takes(how: str, tmp_path: Path) -> None:
    told = {"how": how} | ({"mean": (0.0,), "std": (0.5,)} if how == "global" else {})
    loaded, options = predictor(window=WINDOW, standardise=told), Options(batch_size=16, workers=0)
    one, three = (
        peak(loaded, holter(tmp_path / f"{hours}", hours), tmp_path / "p.csv", options)
        for hours in (0.75, 2.25)
    )
    whole = 2.25 * 3600 * 250 * 2 * 4 / MB  # in float32
    assert three < one + 2 < whole
    assert (tmp_path / "p.csv").read_text().count("\n") == 2


@pytest.mark.long
def test_many_recordings_take_what_a_few_take(tmp_path: Path) -> None:
    loaded = predictor()
    options = Options(
        batch_size=64, workers=2, policies=Policies(unit="mV"), request=Request(100.0, tuple(LEADS))
    )
    peaks = []
    for count in (40, 300):
        x = np.random.default_rng(0).normal(size=(count, 2, 1000)).astype(np.float32)
        np.save(tmp_path / f"x{count}.npy", x)
        peaks.append(peak(loaded, tmp_path / f"x{count}.npy", tmp_path / "p.csv", options))
    assert peaks[1] < peaks[0] + 2
