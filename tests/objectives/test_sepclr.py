"""SepCLR: its four terms, batches of one group, and a factor that only patients have."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.objectives_simulated import SIMULATIONS, gains
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.losses.sepclr import Separated, joint_density, separation_terms, uniformity
from tsrep.losses.similarity import unit_rows
from tsrep.objectives.sepclr import SepCLR
from tsrep.registry import OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.signals import Panel
from tsrep.testing import check_objective

ORDER = ("common", "salient", "background", "joint")


def test_value_and_gradients_of_the_public_code(shared_path: Any) -> None:
    golden = {k: torch.from_numpy(v) for k, v in np.load(shared_path("golden/losses/sepclr.npz")).items()}
    names = ("common1", "common2", "salient1", "salient2")
    rows = [golden[name].requires_grad_() for name in names]
    terms = separation_terms(Separated(*rows, ill=golden["target"] == 1))
    stored = ("common_term", "salient_term", "salient_background", "joint_entropy")
    for name, key in zip(ORDER, stored, strict=True):
        assert terms[name].item() == pytest.approx(golden[key].item(), rel=1e-9), name
    loss = sum(w * terms[name] for w, name in zip(golden["weights"], ORDER, strict=True))
    assert loss.item() == pytest.approx(golden["loss"].item(), rel=1e-9)
    for name, gradient in zip(names, torch.autograd.grad(loss, rows), strict=True):
        expected = golden[f"grad_{name}"]
        assert (gradient - expected).norm() <= 1e-7 * expected.norm(), name


def example(seed: int = 0) -> tuple[list[Tensor], Tensor]:
    generator = torch_generator("separated", seed)
    rows = [torch.randn(6, 3, generator=generator, dtype=torch.float64) for _ in range(4)]
    return [unit_rows(rows[0]), unit_rows(rows[1]), *rows[2:]], torch.tensor([1, 0, 1, 1, 0, 0]).bool()


def test_closed_forms() -> None:
    (c1, c2, s1, s2), ill = example()
    same = separation_terms(Separated(c1, c1, s1, s2, ill))["common"]
    torch.testing.assert_close(same, 2 * uniformity(c1))
    nobody = separation_terms(Separated(c1, c2, s1, s2, ill & False))
    assert nobody["salient"] == 0
    torch.testing.assert_close(nobody["background"], (s1.square().sum(1) + s2.square().sum(1)).mean() / 2)
    torch.testing.assert_close(nobody["joint"], (joint_density(c1, 0 * s1) + joint_density(c2, 0 * s1)) / 2)
    everybody = separation_terms(Separated(c1, c2, s1, s2, ill | True))
    assert everybody["background"] == 0
    pairs = [(-(c1[i] - c1[j]).square().sum()).exp() for i in range(6) for j in range(i)]
    torch.testing.assert_close(uniformity(c1), torch.stack(pairs).mean().log())


def test_gradients_exist_for_all_groups_and_order_does_not_matter() -> None:
    rows, ill = example()
    order = torch.randperm(6, generator=torch_generator("order"))
    moved = separation_terms(Separated(*(row[order] for row in rows), ill=ill[order]))
    for name, term in separation_terms(Separated(*rows, ill=ill)).items():
        torch.testing.assert_close(moved[name], term)
    for group in (ill, ill & False, ill | True):
        wanted = [row.clone().requires_grad_() for row in rows]
        assert torch.autograd.gradcheck(
            lambda *r, g=group: torch.stack([*separation_terms(Separated(*r, ill=g)).values()]), wanted
        )


def test_who_is_ill() -> None:
    made = SepCLR(4, 2, class_names=("MI", "NORM", "CD"))
    assert made.ill(torch.tensor([0, 1, 2])).tolist() == [True, False, True]
    several = torch.tensor([[1, 0, 1], [0, 1, 0], [0, 0, 0]]).bool()
    assert made.ill(several).tolist() == [True, False, True]
    named = SepCLR(4, 2, class_names=("a", "b", "c"), controls=("a", "c"))
    assert named.ill(torch.tensor([0, 1, 2])).tolist() == [False, True, False]


def test_what_cannot_be_separated_is_refused() -> None:
    with pytest.raises(ConfigError, match=r"none of a, b has a usual name; set objective\.controls"):
        SepCLR(4, 2, class_names=("a", "b"))
    with pytest.raises(ConfigError, match="'healty', which is no class; did you mean 'healthy'"):
        SepCLR(4, 2, class_names=("healthy", "ill"), controls=("healty",))
    x = np.zeros((4, 2, 8), np.float32)
    for label, found in (([1, 1, 1, 1], "patients"), ([0, 0, 0, 0], "controls")):
        panel = Panel.from_arrays(
            x, label=np.array(label), patient=np.arange(4), sfreq=10, classes=("healthy", "ill")
        )
        with pytest.raises(ConfigError, match=f"all training samples are of {found}"):
            SepCLR(4, 2, class_names=panel.classes).refuse_unfit(ResNet1d(2, width=4, dim=4), panel)


def test_a_sample_alone_costs_what_it_does_not_share_with_its_other_view() -> None:
    rows, ill = example()
    alone = Separated(*(row[:1].requires_grad_() for row in rows), ill=ill[:1])
    terms = separation_terms(alone)
    torch.testing.assert_close(terms["common"], (alone.common1 - alone.common2).square().sum())
    torch.testing.assert_close(terms["salient"], (alone.salient1 - alone.salient2).square().sum())
    assert terms["background"] == terms["joint"] == 0
    torch.stack([*terms.values()]).sum().backward()
    for row in (alone.common1, alone.common2, alone.salient1, alone.salient2):
        assert row.grad is not None
        assert row.grad.isfinite().all()


def test_batches_of_one_sample_are_refused() -> None:
    made, encoder = SepCLR(4, 2, class_names=("healthy", "ill")), ResNet1d(2, width=4, dim=4)
    n = np.arange(3)
    panel = Panel.from_arrays(np.zeros((3, 2, 8), np.float32), label=n % 2, patient=n, sfreq=10)
    with pytest.raises(ConfigError, match=r"each batch has one; raise training\.batch_size"):
        made.refuse_batches(encoder, panel, [n[:1], n[1:2], n[2:]])
    made.refuse_batches(encoder, panel, [n[:2], n[2:]])
    with pytest.raises(ConfigError, match="but no batch has both; set another sampler"):
        made.refuse_batches(encoder, panel, [n[::2]])


@pytest.mark.long
def test_trained_it_reads_the_salient_factor() -> None:
    found = gains("sepclr", seeds=2, steps=SIMULATIONS["sepclr"].quick)
    assert min(found) > 0.05, found


def test_settings_keep_the_promises() -> None:
    settings = {"name": "sepclr", "controls": ["class 1", "class 2"], "pooling": "mean"}
    check_objective(lambda **run: OBJECTIVES.build(settings, **run))
