"""COMET's levels on augmented views: the loss written out, NT-Xent as a special case, and what is refused."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.objectives_simulated import built, gains
from tests.objectives.test_lejepa import PLAIN, Recorder
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.losses.nt_xent import ntxent
from tsrep.losses.similarity import unit_rows
from tsrep.objectives.comet import Comet
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights, torch_generator
from tsrep.runs.config import configure
from tsrep.signals import Batch, Panel
from tsrep.testing import check_objective

NOISE = {"name": "jitter", "std": 0.5}


def objective(encoder: Encoder, **settings: Any) -> Comet:
    with initial_weights(0):
        made = built("comet", {"hidden": 8, "projection": 6} | settings, encoder, 3)
    assert isinstance(made, Comet)
    return made


def a_batch(patient: list[int], trial: list[int]) -> Batch:
    n = torch.arange(len(patient))
    x = torch.randn(len(n), 3, 12, generator=torch_generator("samples"))
    return Batch(
        x=x, label=n * 0, patient=torch.tensor(patient), trial=torch.tensor(trial), sample=n, start=n * 0
    )


def literal(z: Tensor, batch: Batch, temperature: float) -> dict[str, float]:
    """Sums over rows and positives, z of shape (2 * batch, dim)."""
    n, found = len(batch), {}
    s = (unit_rows(z) @ unit_rows(z).T / temperature).tolist()
    of = [(int(batch.patient[i % n]), int(batch.trial[i % n])) for i in range(2 * n)]
    rules = {
        "sample": lambda i, j: i % n == j % n,
        "trial": lambda i, j: i % n != j % n and of[i] == of[j],
        "patient": lambda i, j: of[i][0] == of[j][0] and of[i][1] != of[j][1],
    }
    for level, rule in rules.items():
        rows = []
        for i in range(2 * n):
            others = sum(math.exp(s[i][k]) for k in range(2 * n) if of[k][0] != of[i][0])
            each = [
                math.log(math.exp(s[i][j]) + others) - s[i][j] for j in range(2 * n) if j != i and rule(i, j)
            ]
            rows += [sum(each) / len(each)] if each else []
        found[level] = sum(rows) / len(rows)
    return found


def test_levels_are_the_sums_written_out() -> None:
    encoder = Recorder()
    batch = a_batch([0, 0, 0, 0, 1, 1, 2], [0, 0, 1, 1, 2, 2, 3])
    made = objective(encoder, view=NOISE, patient_weight=0.3, projection=None, temperature=0.3)
    terms = made(encoder, batch, generator=torch_generator(0))
    expected = literal(encoder.seen[0].amax(-1), batch, 0.3)
    weights = {"sample": 0.5, "trial": 0.5, "patient": 0.3}
    assert {name: term.item() for name, term in terms.items()} == pytest.approx(
        {name: weights[name] * expected[name] for name in weights}, rel=1e-5
    )


def test_samples_of_different_patients_are_contrasted_as_by_simclr() -> None:
    encoder, batch = Recorder(), a_batch([0, 1, 2, 3, 4], [0, 1, 2, 3, 4])
    made = objective(encoder, view=NOISE, sample_weight=1.0, trial_weight=0.0)
    (value,) = made(encoder, batch, generator=torch_generator(0)).values()
    z1, z2 = made.head(encoder.seen[0].amax(-1)).chunk(2)
    torch.testing.assert_close(value, ntxent(z1, z2, temperature=0.1))
    assert made.needs == {"patient"}


def test_the_order_and_scale_of_samples_do_not_matter() -> None:
    encoder, batch = Recorder(), a_batch([0, 0, 1, 1, 2, 2], [0, 0, 1, 1, 2, 2])
    order = torch.tensor([3, 0, 5, 1, 4, 2])
    mixed = Batch(**{k: v if v is None else v[order] for k, v in vars(batch).items()})
    made = objective(encoder, view=PLAIN, projection=None)
    found = [
        made(encoder, each, generator=torch_generator(0))
        for each in (batch, mixed, replace(batch, x=3 * batch.x))
    ]
    for other in found[1:]:
        torch.testing.assert_close(other, found[0])


def test_a_level_may_have_a_view_of_its_own() -> None:
    encoder, batch = Recorder(), a_batch([0, 0, 1, 1], [0, 0, 1, 1])
    made = objective(encoder, view=NOISE, trial_view=PLAIN, projection=None)
    shared = objective(encoder, view=PLAIN, projection=None)
    own = made(encoder, batch, generator=torch_generator(0))
    plain = shared(encoder, batch, generator=torch_generator(0))
    torch.testing.assert_close(own["trial"], plain["trial"])
    assert not torch.allclose(own["sample"], plain["sample"])
    assert [len(seen) for seen in encoder.seen] == [16, 8]


def test_without_positives_or_patients_there_is_nothing_to_learn() -> None:
    encoder = ResNet1d(3, width=4, dim=6)
    n, x = np.arange(4), np.zeros((4, 3, 40), np.float32)
    one = Panel.from_arrays(x, label=n % 2, patient=n * 0, trial=n // 2, sfreq=100)
    with pytest.raises(ConfigError, match="all training samples are of one"):
        objective(encoder).refuse_unfit(encoder, one)
    single = Panel.from_arrays(x, label=n % 2, patient=n, trial=n, sfreq=100)
    with pytest.raises(
        ConfigError, match=r"no two samples of a trial; cut several windows of each recording, or set"
    ):
        objective(encoder).refuse_unfit(encoder, single)
    objective(encoder, trial_weight=0.0).refuse_unfit(encoder, single)
    with pytest.raises(ConfigError, match="three levels of weight zero"):
        objective(encoder, sample_weight=0, trial_weight=0)


def a_panel(patient: list[int], trial: list[int]) -> Panel:
    n = len(patient)
    return Panel.from_arrays(
        np.zeros((n, 3, 40), np.float32), label=np.arange(n) % 2, patient=patient, trial=trial, sfreq=100
    )


def test_each_level_that_has_a_weight_wants_its_own_positives() -> None:
    encoder = ResNet1d(3, width=4, dim=6)
    patients = {"trial_weight": 0.0, "patient_weight": 0.5}
    windows = a_panel([0, 0, 1, 1], [0, 0, 1, 1])  # of one recording of each patient
    objective(encoder).refuse_unfit(encoder, windows)
    with pytest.raises(ConfigError) as refusal:
        objective(encoder, patient_weight=0.5).refuse_unfit(encoder, windows)
    assert str(refusal.value) == (
        "objective comet has a patient level, but the training part has no two trials of a patient; add "
        "recordings of its patients, or set objective.patient_weight to 0"
    )
    recordings = a_panel([0, 0, 1, 1], [0, 1, 2, 3])
    objective(encoder, **patients).refuse_unfit(encoder, recordings)
    assert not objective(encoder, **patients).repeats


def test_a_level_without_positives_in_any_batch_is_refused() -> None:
    encoder, n = ResNet1d(3, width=4, dim=6), np.arange(8)
    panel = a_panel([0, 0, 0, 0, 1, 1, 1, 1], [0, 0, 1, 1, 2, 2, 3, 3])
    apart, trials, both = [n[[0, 4]], n[[2, 6]]], [n[[0, 1, 4, 5]]], [n]
    made = objective(encoder, patient_weight=0.5)
    with pytest.raises(
        ConfigError, match="trial level, but no batch has two samples of a trial; set sampler"
    ):
        objective(encoder).refuse_batches(encoder, panel, apart)
    with pytest.raises(
        ConfigError, match=r"no batch has two trials .* \{name: patient-wise, trials: 2\}, or"
    ):
        made.refuse_batches(encoder, panel, trials)
    made.refuse_batches(encoder, panel, both)


def test_masked_levels_want_their_own_positives_and_negatives() -> None:
    encoder = ResNet1d(3, width=4, dim=6)
    windows, recordings = a_panel([0, 0, 1, 1], [0, 0, 1, 1]), a_panel([0, 0, 1, 1], [0, 1, 2, 3])
    patients = built("comet-masked", {"trial_weight": 0.0}, encoder, 3)
    assert not patients.repeats
    for panel in (windows, recordings):
        patients.refuse_unfit(encoder, panel)
    usual, nested = (
        built("comet-masked", {"trial_negatives": each}, encoder, 3)
        for each in ("other-patients", "same-patient")
    )
    usual.refuse_unfit(encoder, windows)
    with pytest.raises(
        ConfigError, match="comet-masked has a trial level, but the training part has no two sam"
    ):
        usual.refuse_unfit(encoder, recordings)
    with pytest.raises(ConfigError, match="has no two trials of a patient"):
        nested.refuse_unfit(encoder, windows)


def test_batches_of_one_patient_each_are_refused() -> None:
    encoder = ResNet1d(3, width=4, dim=6)
    n, x = np.arange(8), np.zeros((8, 3, 40), np.float32)
    panel = Panel.from_arrays(x, label=n % 2, patient=n // 4, trial=n // 2, sfreq=100)
    alone, mixed = [n[:4], n[4:]], [n[:3], n[3:]]
    masked: dict[str, Any] = {"name": "comet-masked", "patient_weight": 0.0}
    comets = [objective(encoder), *(built("comet-masked", each, encoder, 3) for each in ({}, masked))]
    for each in comets:
        with pytest.raises(
            ConfigError, match=r"each batch is of one patient; raise training\.batch_size from 4"
        ):
            each.refuse_batches(encoder, panel, alone)
        each.refuse_batches(encoder, panel, mixed)
    nested = built("comet-masked", masked | {"trial_negatives": "same-patient"}, encoder, 3)
    nested.refuse_batches(encoder, panel, alone)  # its negatives are other trials of the patient


def test_its_batches_hold_two_windows_of_a_recording() -> None:
    config = configure({"objective": {"name": "comet"}})
    assert config.sampler.model_dump() == {"name": "patient-wise", "trials": 2, "samples": 2}


@pytest.mark.long
def test_trained_it_reads_a_pitch_that_random_initialisations_do_not() -> None:
    found = gains("comet", seeds=2, steps=60)
    assert min(found) > 0.05, found


@pytest.mark.parametrize("settings", [{"patient_weight": 0.5}, {"projection": None, "pooling": "mean"}])
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "comet"} | settings, **run))
