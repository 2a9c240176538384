"""Very many, very long, very few; other threads, other users, and two at a time."""

from __future__ import annotations

import os
import pwd
import shutil
import tempfile
import threading
import tracemalloc
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, NoReturn

import numpy as np
import pytest
import torch
from safetensors.torch import load_file

import tsrep
from tests.conftest import TINY
from tsrep.datasets.dataset import cache_folder
from tsrep.errors import RunError, SplitError
from tsrep.evaluation.labels.label_fractions import subsample_labels
from tsrep.registry import SAMPLERS
from tsrep.runs.config import configure
from tsrep.runs.evaluate import evaluate
from tsrep.runs.fit import fit
from tsrep.runs.folder import Run
from tsrep.runs.prepare_series import prepare_series
from tsrep.signals import Panel, Series
from tsrep.splits.by_patient import StratifiedPatients, stratified

pytestmark = pytest.mark.long

SHARES = np.array([0.6, 0.2, 0.2])


@contextmanager
def memory(megabytes: float) -> Iterator[None]:
    tracemalloc.start()
    try:
        yield
        assert tracemalloc.get_traced_memory()[1] / 1e6 < megabytes
    finally:
        tracemalloc.stop()


def panel(count: int, classes: int) -> Panel:
    """Two recordings a patient, of eight steps each."""
    patient = np.arange(count) // 2
    return Panel.from_arrays(
        np.random.default_rng(0).normal(size=(count, 1, 8)).astype(np.float32),
        label=patient * 7919 % classes,
        patient=patient,
        sfreq=100,
        classes=tuple(f"c{i}" for i in range(classes)),
    )


def test_two_hundred_thousand_recordings_are_divided_and_drawn_in_little_memory() -> None:
    many = panel(200_000, 5)
    train = np.arange(120_000)
    with memory(60):  # the signals alone have 6
        for name in ("random", "patient-wise", "trial-wise"):
            sampler = SAMPLERS.build({"name": name}, panel=many, batch_size=256, seed=0, rank=0, world=1)
            batches = sampler.epoch(0)
            assert len(np.unique(np.concatenate(batches))) == len(many)
        drawn = subsample_labels(many, train, 0.01, "patient")
        assert len(drawn) == 1200
    has = np.arange(5) == (np.arange(100_000) * 7919 % 5)[:, None]
    part = stratified(has, SHARES, np.random.default_rng(0))
    assert np.bincount(part).tolist() == [60_000, 20_000, 20_000]


def test_three_thousand_classes_take_no_step_of_classes_times_units() -> None:
    """A second for 9,000 patients; counting all classes anew for each took a minute and more."""
    has = np.arange(3000) == (np.arange(9_000) % 3000)[:, None]
    part = stratified(has, SHARES, np.random.default_rng(0))
    for number in range(3):
        assert has[part == number].any(axis=0).all()  # each class has three patients, for three parts


def test_a_series_of_five_million_steps_is_cut_without_copies() -> None:
    steps = 5_000_000
    values = np.sin(np.arange(steps, dtype=np.float32) / 50)[None]
    time = np.datetime64("2000-01-01", "s") + np.arange(steps)
    series = Series(values, time, ("x",), freq="1 s", period=300)
    window = {"window": {"steps": 256, "hop_steps": 256}, "objective": {"name": "ts2vec"}}
    config = configure({"dataset": {"name": "series-csv"}, **window})
    with memory(12 * values.nbytes / 1e6):
        prepared = prepare_series(config, series)
    assert len(prepared.panel) > 15_000
    assert prepared.panel.store.shape == (1, 1, steps)


def test_five_hundred_channels_train(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    np.save(tmp_path / "records.npy", rng.normal(size=(40, 500, 64)).astype(np.float32))
    rows = "".join(f"p{i // 2},{'ab'[i // 2 % 2]}\n" for i in range(40))
    (tmp_path / "records.csv").write_text(f"patient,label\n{rows}")
    config = {
        "dataset": {"name": "arrays", "sfreq": 50.0}, "root": tmp_path, "window": {"seconds": 1.28},
        "encoder": {"name": "dilated-conv", "hidden": 4, "dim": 8, "depth": 3},
        "objective": {"name": "simclr", "hidden": 8, "projection": 8},
        "training": {"epochs": 1, "batch_size": 16},
        "evaluation": {"protocols": ["knn"], "labels": [1.0], "seeds": 1, "n_bootstrap": 100},
    }  # fmt: skip
    run = fit(config, out=tmp_path / "run", progress=False, evaluation=True, illustrate=False)
    assert all(np.isfinite(score.value) for score in run.scores)


def test_one_patient_is_too_few_to_divide() -> None:
    one = panel(60, 2)
    with pytest.raises(SplitError, match="1 patient is too few for a stratified split"):
        StratifiedPatients()(Panel.from_arrays(
            one.x, label=one.label, patient=np.zeros(60, np.int64), sfreq=100, classes=("a", "b")
        ))  # fmt: skip


def test_threads_change_the_last_digits_and_nothing_else(tmp_path: Path) -> None:
    cohort = {"name": "ptb-xl-sim", "patients": 30, "records_per_patient": 1.0}
    config = TINY | {"dataset": cohort, "training": {"epochs": 1, "batch_size": 64}}
    weights = []
    for out, threads in (("one", 1), ("two", 2), ("again", 2)):
        torch.set_num_threads(threads)
        try:
            run = fit(config, out=tmp_path / out, progress=False, illustrate=False)
        finally:
            torch.set_num_threads(1)
        weights.append(load_file(run.path / "weights.safetensors"))
    one, two, again = weights
    assert all(torch.equal(two[name], again[name]) for name in two)
    assert all(torch.allclose(one[name], two[name], rtol=0, atol=1e-3) for name in one)


def test_a_user_without_a_home_is_told_what_to_set(monkeypatch: pytest.MonkeyPatch) -> None:
    def nobody(_: int) -> NoReturn:
        raise KeyError

    for name in ("HOME", "TSREP_CACHE", "XDG_CACHE_HOME"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setattr(pwd, "getpwuid", nobody)
    with pytest.raises(RunError, match=r"the home folder in ~ is not known; set HOME, .*TSREP_CACHE"):
        cache_folder(None)


@pytest.mark.skipif(os.geteuid() != 0, reason="only root can become another user")
def test_another_user_reads_a_run_and_is_refused_to_write_into_it(tiny_run: Path) -> None:
    with tempfile.TemporaryDirectory() as place:
        Path(place).chmod(0o755)
        run = Path(shutil.copytree(tiny_run, Path(place) / "run"))
        os.seteuid(65534)
        try:
            assert Run(run).encoder().dim == 8
            with pytest.raises(RunError, match=r"run.* cannot be written \(Permission denied"):
                evaluate(run, protocols=["knn"], labels=[1.0], seeds=1, progress=False)
        finally:
            os.seteuid(0)


def test_two_evaluations_at_once_keep_both_scores(tiny_run: Path, tmp_path: Path) -> None:
    run = Path(shutil.copytree(tiny_run, tmp_path / "run"))
    found: dict[str, Any] = {}

    def scored(protocol: str) -> None:
        found[protocol] = evaluate(run, protocols=[protocol], labels=[1.0], seeds=1, progress=False)

    both = [threading.Thread(target=scored, args=(name,)) for name in ("probe", "knn")]
    for each in both:
        each.start()
    for each in both:
        each.join()
    assert {score.protocol for score in tsrep.Run(run).scores} == {"probe", "knn"}
    assert len(found) == 2
