"""What a label rests on: a planted burst is found in its lead and at its time, and shares add up."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

import tsrep
from tests.runs.predicting import LEADS, RATE, contract
from tsrep.encoders.pooling import POOLS
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.heads.facts import FittedOn
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.labels.neighbours import Neighbours
from tsrep.inspect.attribution.figure import figure_attribution
from tsrep.inspect.attribution.numbers import Attribution, LogOdds, attribute
from tsrep.registry import ENCODERS
from tsrep.runs.architecture import Architecture
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.weights import weights_digest
from tsrep.signals import Panel

STEPS, BURST = 250, 30


def windows(rows: int, seed: int = 0) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """Noise, every other row with a fast burst in lead II somewhere; labels and where it begins."""
    rng = np.random.default_rng(seed)
    x = rng.normal(0, 0.3, (rows, 2, STEPS)).astype(np.float32)
    label, begin = np.arange(rows) % 2, rng.integers(20, STEPS - 20 - BURST, rows)
    for row in np.flatnonzero(label):
        x[row, 1, begin[row] : begin[row] + BURST] += 3 * np.sin(1.5 * np.arange(BURST))
    return x, label, begin


def panel_of(x: np.ndarray) -> Panel:
    names = tuple(f"r{i}" for i in range(len(x)))
    return Panel.from_arrays(
        x, label=np.zeros((len(x), 0), bool), patient=np.arange(len(x)), sfreq=RATE, channels=LEADS,
        unit="mV", modality="ecg", record_names=names,
    )  # fmt: skip


@pytest.fixture(scope="module")
def loaded() -> LoadedEncoder:
    """Random features with a probe that tells the burst."""
    settings = {"name": "dilated-conv", "hidden": 8, "dim": 16, "depth": 3}
    made = Architecture(ENCODERS.entry("dilated-conv").settings.model_validate(settings), len(LEADS))
    encoder = made.drawn(0).eval()
    weights = weights_digest(encoder.state_dict())
    x, label, _ = windows(200)
    panel = Panel.from_arrays(x, label=label, patient=np.arange(200), sfreq=RATE)
    probe = fit_probe(embed(encoder, panel, pool=POOLS["max-mean"]), label, 2, C=(1.0,))
    fitted = FittedOn(
        weights=weights, protocol="probe", fraction=1.0, subsample_by="all", seed=0, labelled="", samples=200,
        records=200, patients=200, class_counts=(100, 100),
    )  # fmt: skip
    head = Head(
        name="probe-1-0", classifier=probe, classes=("none", "burst"), multilabel=False, pool="max-mean",
        fitted_on=fitted,
    )  # fmt: skip
    told = contract(standardise={"how": "none"})
    return LoadedEncoder(encoder, told, "runs/a", weights, heads={head.name: head}, architecture=made)


@pytest.fixture(scope="module")
def found(loaded: LoadedEncoder) -> Attribution:
    return attribute(loaded, panel_of(windows(4, seed=1)[0]), record="r3")


def test_the_planted_lead_and_moment_carry_the_class(found: Attribution) -> None:
    begin = windows(4, seed=1)[2][3]
    assert (found.record, found.label) == ("r3", "burst")
    assert found.probability > 0.8
    sums = found.by_channel
    assert sums["II"] > 3 * abs(sums["I"])
    edges, shares = found.blocks(0.1)
    largest = edges[shares[1].argmax()]
    assert begin / RATE - 0.1 <= largest <= (begin + BURST) / RATE
    inside = found.share[1, begin : begin + BURST].sum()
    assert inside > 0.7 * found.share.sum()


def test_shares_add_up_to_what_flat_leads_lack(loaded: LoadedEncoder, found: Attribution) -> None:
    assert found.share.sum() == pytest.approx(found.log_odds - found.flat, rel=0.02)
    assert abs(found.facts["missed"]) < 0.02 * abs(found.log_odds - found.flat)
    edges, shares = found.blocks(0.07)  # blocks that do not divide the window
    assert edges[-1] == pytest.approx(STEPS / RATE)
    np.testing.assert_allclose(shares.sum(axis=1), found.share.sum(axis=1))
    table = tsrep.predict(loaded, panel_of(windows(4, seed=1)[0]))
    assert table.probabilities[3, 1] == pytest.approx(found.probability)
    assert found.log_odds == pytest.approx(np.log(found.probability / (1 - found.probability)), abs=1e-5)


def test_the_other_class_has_the_opposite_shares(loaded: LoadedEncoder, found: Attribution) -> None:
    other = attribute(loaded, panel_of(windows(4, seed=1)[0]), record="r3", label="none")
    np.testing.assert_allclose(other.share, -found.share, atol=1e-5)


def test_of_a_long_recording_the_window_with_the_class_is_looked_at(loaded: LoadedEncoder) -> None:
    x, _, begin = windows(4, seed=1)
    long = panel_of(np.concatenate([x[0], x[2], x[3]], axis=1)[None])
    found = attribute(loaded, long, label="burst")
    assert found.start == 5.0
    edges, shares = found.blocks(0.1)
    assert 5 + begin[3] / RATE - 0.1 <= edges[shares[1].argmax()] <= 5 + (begin[3] + BURST) / RATE
    first = attribute(loaded, panel_of(x[3:]), label="burst")
    np.testing.assert_allclose(found.share, first.share, atol=1e-6)


def test_the_figure_shows_every_lead_with_its_sum(found: Attribution) -> None:
    figure = figure_attribution(found)
    rows = [axes for axes in figure.get_axes() if axes.get_ylabel() in LEADS]
    assert [axes.get_ylabel() for axes in rows] == list(LEADS)
    bars = next(axes for axes in figure.get_axes() if axes.patches).patches
    np.testing.assert_allclose([bar.get_width() for bar in bars], list(found.by_channel.values()))
    assert repr(found).startswith("r3: burst 1.00; to the log odds add II +")
    many = replace(
        found, channels=tuple(f"c{i}" for i in range(20)), signal=np.tile(found.signal, (10, 1)),
        share=np.repeat(np.arange(20.0)[:, None], STEPS, axis=1),
    )  # fmt: skip
    named = [axes.get_ylabel() for axes in figure_attribution(many).get_axes() if axes.get_ylabel()]
    assert named == [f"c{i}" for i in range(4, 20)]


def test_mistakes_are_told(loaded: LoadedEncoder) -> None:
    recordings = panel_of(windows(4)[0])
    with pytest.raises(ConfigError, match=r"has no class 'brust'; did you mean 'burst'"):
        attribute(loaded, recordings, label="brust")
    with pytest.raises(DataError, match=r"has no recording 'r9'; it begins with r0, r1, r2"):
        attribute(loaded, recordings, record="r9")
    with pytest.raises(ConfigError, match="does not say which data it was trained on; name a recording"):
        attribute(loaded)
    held = Neighbours.of(np.eye(4, 32), np.array([0, 1, 0, 1]), 2)
    with pytest.raises(RunError, match="has no gradient to attribute its predictions by"):
        LogOdds(loaded.encoder, replace(loaded.head(), classifier=held))
