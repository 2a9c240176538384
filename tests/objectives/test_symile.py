"""Symile: products of signals, their candidates, groups of channels, and an exclusive or."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.objectives_simulated import SIMULATIONS, found_together, trained
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.losses.similarity import unit_rows
from tsrep.losses.symile import cyclic_moves, pairwise_clip, random_moves, symile
from tsrep.objectives.symile import Symile
from tsrep.registry import OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.signals import Batch, Panel
from tsrep.testing import check_objective
from tsrep.testing.examples import example_batch


@pytest.fixture
def golden(shared_path: Any) -> dict[str, Tensor]:
    return {k: torch.from_numpy(v) for k, v in np.load(shared_path("golden/losses/symile.npz")).items()}


@pytest.mark.parametrize("kind", ["all", "shuffled", "pairwise"])
def test_value_and_gradients_of_the_public_code(golden: dict[str, Tensor], kind: str) -> None:
    signals = [golden[name].requires_grad_() for name in "abc"]
    rows, scale = torch.stack(signals), golden["scale"].clone().requires_grad_()
    if kind == "pairwise":
        loss, value = pairwise_clip(rows, scale), "loss_pairwise_clip_sum"
    else:
        moves = golden["permutations"] if kind == "shuffled" else None
        loss, value = symile(rows, scale, moves=moves), f"loss_{kind}"
    assert loss.item() == pytest.approx(golden[value].item(), rel=1e-9)
    found = dict(zip(["a", "b", "c", "scale"], torch.autograd.grad(loss, [*signals, scale]), strict=True))
    stored = [name for name in found if f"grad_{name}_{kind}" in golden]
    assert len(stored) >= 1
    for name in stored:
        expected = golden[f"grad_{name}_{kind}"]
        assert (found[name] - expected).norm() <= 1e-7 * expected.norm(), name


def example(signals: int = 3, size: int = 5, dim: int = 4) -> Tensor:
    drawn = torch.randn(signals, size, dim, generator=torch_generator("signals"), dtype=torch.float64)
    return unit_rows(drawn)


def test_closed_forms_and_symmetries() -> None:
    rows = example()
    assert symile(rows, 0.0).item() == pytest.approx(2 * math.log(5))
    loss = symile(rows, 8.0)
    flipped = rows.clone()
    flipped[:2, :, 1] *= -1
    torch.testing.assert_close(symile(flipped, 8.0), loss)
    torch.testing.assert_close(symile(rows[[2, 0, 1]], 8.0), loss)
    torch.testing.assert_close(symile(rows[:, torch.tensor([3, 1, 4, 0, 2])], 8.0), loss)
    two = rows[:2]
    logits = 8 * two[0] @ two[1].mT
    own = torch.arange(5)
    clip = (
        torch.nn.functional.cross_entropy(logits, own) + torch.nn.functional.cross_entropy(logits.mT, own)
    ) / 2
    torch.testing.assert_close(symile(two, 8.0), clip)
    constant = torch.cat([two, torch.full_like(two[:1], 0.5)])
    scaled = clip + math.log(5)  # constant rows are ones over the root of 4
    with_constant = symile(constant, 16.0)
    pair = symile(two, 8.0)
    assert pair.item() == pytest.approx(clip.item())
    anchors = 3 * with_constant.item() - 2 * scaled.item()  # that of the constant signal
    joint = (16 * 0.5 * two[0] @ two[1].mT).flatten()
    expected = joint.logsumexp(0) - 8 * (two[0] * two[1]).sum(1).mean()
    assert anchors == pytest.approx(expected.item(), rel=1e-6)


def test_gradient_and_missing_signals() -> None:
    rows = example(3, 4).requires_grad_()
    present = torch.tensor([True, True, False, True])
    moves = cyclic_moves(3, 4, generator=torch_generator("moves"))
    for given in (None, moves):
        assert torch.autograd.gradcheck(lambda z, m=given: symile(z, 5.0, present=present, moves=m), rows)
    with torch.no_grad():
        without = rows[:, present]
        torch.testing.assert_close(symile(rows, 5.0, present=present), symile(without, 5.0))
        assert symile(rows, 5.0, present=present & False) == 0
        torch.testing.assert_close(pairwise_clip(rows, 5.0, present=present), pairwise_clip(without, 5.0))


@pytest.mark.parametrize("contrast", ["pairs", "tuples"])
def test_samples_without_a_signal_have_no_part(contrast: Any) -> None:
    encoder, whole = ResNet1d(3, width=4, dim=6), example_batch()
    made = Symile(6, tuple("abc"), contrast=contrast)
    whole.x[0, 1] = torch.nan
    rest = Batch(**{name: None if each is None else each[1:] for name, each in vars(whole).items()})
    found, expected = (made(encoder, each, generator=torch_generator(0)) for each in (whole, rest))
    torch.testing.assert_close(found["contrast"], expected["contrast"])


def test_cyclic_moves_never_give_the_own_tuple_and_random_ones_do() -> None:
    own = torch.arange(6)
    again = 0
    for key in range(40):
        moves = cyclic_moves(4, 6, generator=torch_generator("moves", key))
        assert moves.shape == (4, 3, 6)
        assert torch.equal(moves.sort(2).values, own.expand(4, 3, 6))
        assert (moves != own).all()
        assert all((moves[:, i] != moves[:, j]).all() for i in range(3) for j in range(i))
        drawn = random_moves(3, 6, generator=torch_generator("moves", key))
        again += int((drawn[:, 0] == drawn[:, 1]).sum())
    assert again > 0


def test_groups_see_their_channels_and_covariates_alone() -> None:
    names = ("day", "I", "II", "pulse", "breath")
    made = Symile(6, names, covariates=1, groups=(("II", "I"), ("pulse",), ("breath",)))
    assert made.seen.int().tolist() == [[1, 1, 1, 0, 0], [1, 0, 0, 1, 0], [1, 0, 0, 0, 1]]
    parts = Symile(6, tuple("abcdefg")).seen.int().tolist()
    assert [sum(column) for column in zip(*parts, strict=True)] == [1] * 7
    assert [sum(row) for row in parts] == [2, 3, 2]
    x = torch.zeros(4, 5, 10)
    x[0, 1], x[1, 3, :4], x[2, 4] = torch.nan, torch.nan, torch.nan
    assert made.present(x).tolist() == [False, True, False, True]


def test_which_candidates_are_taken() -> None:
    generator = torch_generator("moves")
    auto, shuffled = Symile(4, tuple("abc")), Symile(4, tuple("abc"), negatives="shuffled")
    assert auto._moves(300, generator) is None
    assert auto._moves(320, generator) is not None
    assert shuffled._moves(3, generator) is not None
    assert shuffled._moves(2, generator) is None
    assert Symile(4, tuple("abc"), negatives="all")._moves(320, generator) is None


def test_more_tuples_than_memory_holds_are_refused_or_shuffled() -> None:
    names = tuple("abcdefghijkl")
    encoder, twelve = ResNet1d(12, width=4, dim=4), tuple((name,) for name in names)
    panel = Panel.from_arrays(
        np.zeros((32, 12, 8), np.float32), label=np.arange(32) % 2, patient=np.arange(32), sfreq=1
    )
    batches = [np.arange(24), np.arange(24, 32)]
    made = Symile(4, names, groups=twelve, negatives="all")
    with pytest.raises(ConfigError, match=r"of 11 signals.*batch of 24 samples; set objective\.negatives to"):
        made.refuse_batches(encoder, panel, batches)
    Symile(4, names, negatives="all").refuse_batches(encoder, panel, batches)
    Symile(4, names, groups=twelve, negatives="all", contrast="pairs").refuse_batches(encoder, panel, batches)
    shuffled = Symile(4, names, groups=twelve)
    shuffled.refuse_batches(encoder, panel, batches)
    for size in (8, 24):  # the last batch has fewer samples than there are signals
        assert shuffled._moves(size, torch_generator("moves")) is not None


def test_channels_that_cannot_be_divided_are_refused() -> None:
    with pytest.raises(ConfigError, match="groups of channels and has 2 channels; use recordings with more"):
        Symile(4, ("I", "II"))
    with pytest.raises(ConfigError, match=r"names 'plse', which is no channel; did you mean 'pulse'"):
        Symile(4, ("I", "pulse"), groups=(("I",), ("plse",)))
    with pytest.raises(ConfigError, match="names 'I' twice"):
        Symile(4, ("I", "II"), groups=(("I", "II"), ("I",)))


@pytest.mark.long
def test_it_finds_what_only_all_signals_tell_and_pairs_do_not() -> None:
    steps = SIMULATIONS["symile"].quick
    tuples = found_together(*trained("symile", seed=0, steps=steps))
    pairs = found_together(*trained("symile", seed=0, steps=steps, contrast="pairs"))
    before = found_together(*trained("symile", seed=0, steps=0))
    assert tuples > 0.95, (tuples, pairs, before)
    assert max(pairs, before) < 0.75, (tuples, pairs, before)


@pytest.mark.parametrize(
    "settings",
    [{"negatives": "shuffled"}, {"form": "published", "negatives": "shuffled"}, {"contrast": "pairs"}],
)
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "symile"} | settings, **run))
