"""TF-C: the loss in its three forms, spectra and their views, and the second encoder."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from benchmarks.objectives_simulated import SIMULATIONS, built, gains, make_batch
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.losses.nt_xent import ntxent
from tsrep.losses.tf_c import Domains, poly_ntxent, time_frequency_contrast
from tsrep.objectives.tf_c import TfC
from tsrep.registry import ENCODERS, OBJECTIVES
from tsrep.rng import initial_weights, torch_generator
from tsrep.signals import Panel
from tsrep.testing import check_objective
from tsrep.views.spectrum import (
    RemoveAndAdd,
    RemoveOrLift,
    amplitude_spectrum,
    lifted_components,
    removed_components,
)

STORED = ("ht", "ht_aug", "hf", "hf_aug", "zt", "zt_aug", "zf", "zf_aug")
NAMES = {
    "corrected": "corrected_hinge", "published-2022": "published_2022", "published-2023": "published_2023",
}  # fmt: skip


@pytest.fixture
def golden(shared_path: Any) -> dict[str, Tensor]:
    return {k: torch.from_numpy(v) for k, v in np.load(shared_path("golden/baselines/tfc_loss.npz")).items()}


@pytest.mark.parametrize("form", NAMES)
def test_value_and_gradients_of_three_forms(golden: dict[str, Tensor], form: Any) -> None:
    seen = [golden[name].clone().requires_grad_() for name in STORED]
    loss = torch.stack([*time_frequency_contrast(Domains(*seen), form=form).values()]).sum()
    assert loss.item() == pytest.approx(golden[f"{NAMES[form]}.loss"].item(), rel=1e-9)
    found = torch.autograd.grad(loss, seen, allow_unused=True)
    for name, gradient in zip(STORED, found, strict=True):
        expected = golden[f"{NAMES[form]}.grad.{name}"]
        own = torch.zeros_like(expected) if gradient is None else gradient
        torch.testing.assert_close(own, expected, rtol=1e-8, atol=1e-12)


def test_the_six_contrasts(golden: dict[str, Tensor]) -> None:
    pairs = {
        "l_t": ("ht", "ht_aug"), "l_f": ("hf", "hf_aug"), "l_tf": ("zt", "zf"),
        "l_1": ("zt", "zf_aug"), "l_2": ("zt_aug", "zf"), "l_3": ("zt_aug", "zf_aug"),
    }  # fmt: skip
    for name, (one, other) in pairs.items():
        a, b = golden[one], golden[other]
        assert poly_ntxent(a, b).item() == pytest.approx(golden[f"poly.{name}"].item(), rel=1e-9)
        assert ntxent(a, b, temperature=0.2).item() == pytest.approx(golden[f"plain.{name}"].item(), rel=1e-9)


def test_spectra_and_their_views(shared_path: Any) -> None:
    stored = np.load(shared_path("golden/baselines/tfc_spectrum.npz"))
    golden = {k: torch.from_numpy(v) for k, v in stored.items()}
    whole = amplitude_spectrum(golden["x"], "two-sided")
    torch.testing.assert_close(whole, golden["spectrum"])
    removed = removed_components(whole, golden["removed_mask_keep"])
    torch.testing.assert_close(removed, golden["corrected_removed"])
    added = whole + golden["added_mask"] * golden["added_uniform"] * 0.1 * whole.max()
    torch.testing.assert_close(removed + added, golden["published_2023"])
    lifted = lifted_components(whole, golden["added_mask"], 0.5 * golden["added_uniform"])
    torch.testing.assert_close(lifted, golden["corrected_added"])
    one_sided = amplitude_spectrum(golden["x"])
    torch.testing.assert_close(one_sided, torch.log1p(whole[..., :9] / 4))


def test_views_of_a_spectrum_change_what_they_say() -> None:
    x = torch.rand(400, 2, 50, generator=torch_generator("spectrum")) + 1
    changed = RemoveOrLift(0.2, 0.3)(x, generator=torch_generator("view"))
    removed, raised = (changed == 0).any(2).any(1), (changed > x).any(2).any(1)
    assert not (removed & raised).any()
    assert removed.float().mean().item() == pytest.approx(0.5, abs=0.08)
    assert (changed[removed] == 0).float().mean().item() == pytest.approx(0.2, abs=0.02)
    assert (changed <= x.amax(2, keepdim=True)).all()
    doubled = RemoveAndAdd()(x, generator=torch_generator("view"))
    assert (doubled / x).mean().item() == pytest.approx(1.9, abs=0.1)
    missing = x.clone()
    missing[0, 0, 5], missing[1] = torch.nan, torch.nan
    assert amplitude_spectrum(missing).isfinite().all()


def test_gradient_order_and_a_bounded_optimum() -> None:
    generator = torch_generator("rows")
    rows = [torch.randn(4, 3, generator=generator, dtype=torch.float64) for _ in range(8)]

    def total(*rows: Tensor, form: Any = "corrected") -> Tensor:
        return torch.stack([*time_frequency_contrast(Domains(*rows), form=form).values()]).sum()

    order = torch.randperm(4, generator=generator)
    for form in NAMES:
        torch.testing.assert_close(total(*(r[order] for r in rows), form=form), total(*rows, form=form))
        wanted = [row.clone().requires_grad_() for row in rows]
        assert torch.autograd.gradcheck(lambda *r, f=form: total(*r, form=f), wanted)
    # own domains agree and altered pairs are opposite: without the hinge that costs less than nothing
    unit = torch.eye(4, dtype=torch.float64)
    seen = Domains(unit, unit, unit, unit, unit, -unit, unit, -unit)
    consistency = {f: time_frequency_contrast(seen, form=f)["consistency"].item() for f in NAMES}  # type: ignore[arg-type]
    assert consistency["published-2022"] < 0
    assert consistency["corrected"] >= 0
    far = replace(seen, z_time_view=unit, z_frequency_view=unit)
    margin = time_frequency_contrast(far, margin=2.0)["consistency"]
    assert margin.item() == pytest.approx(0.8 * 3 * 2.0)


def test_the_second_encoder_is_another_of_the_same_kind_and_is_trained() -> None:
    with initial_weights(0):
        encoder = ResNet1d(2, width=4, dim=6)
        objective = built("tf-c", {"hidden": 8, "projection": 4}, encoder, 2)
    assert isinstance(objective, TfC)
    assert objective.frequency is not None
    own, other = encoder.stem.weight, objective.frequency.get_parameter("stem.weight")
    assert own.shape == other.shape
    assert not torch.equal(own, other)
    terms = objective(encoder, make_batch(torch.randn(5, 2, 41)), generator=torch_generator(0))
    torch.autograd.backward(torch.stack([*terms.values()]).sum())
    assert other.grad is not None
    assert objective.spectrum(torch.randn(3, 2, 41)).shape == (3, 2, 20)
    blank = OBJECTIVES.build({"name": "tf-c"}, dim=6, channels=2, covariates=0)
    with pytest.raises(RuntimeError, match=r"call objective\.attach"):
        blank(encoder, make_batch(torch.randn(5, 2, 41)), generator=torch_generator(0))


# encoders that are wide unless told
NARROW: dict[str, dict[str, Any]] = {
    "conv-s4d": {"width": 64},
    "dilated-conv-ar": {"hidden": 16, "dim": 32},
    "informer": {"width": 32, "dim": 32, "layers": 1},
}


@pytest.mark.parametrize("name", ENCODERS.names())
def test_the_second_encoder_starts_as_the_architecture_does(name: str) -> None:
    def drawn(seed: int) -> Encoder:
        with initial_weights(seed):
            made: Encoder = ENCODERS.build({"name": name} | NARROW.get(name, {}), channels=3)
        return made

    encoder, unrelated = drawn(0), drawn(1).state_dict()
    with initial_weights(2):
        objective = TfC(encoder.dim, 3, hidden=8, projection=4)
        objective.attach(encoder)
    assert objective.frequency is not None
    other = objective.frequency.state_dict()
    assert other.keys() == unrelated.keys()
    for key, own in encoder.state_dict().items():
        random = not torch.equal(own, unrelated[key])
        assert torch.equal(own, other[key]) is not random, key
        if random and own.numel() > 64:
            assert other[key].std().item() == pytest.approx(unrelated[key].std().item(), rel=0.3), key


@pytest.mark.long
def test_trained_it_reads_a_frequency() -> None:
    found = gains("tf-c", seeds=2, steps=SIMULATIONS["tf-c"].quick)
    assert min(found) > 0.02, found


def test_spectra_shorter_than_a_stride_are_refused() -> None:
    x = np.zeros((4, 2, 5), np.float32)
    panel = Panel.from_arrays(x, label=np.arange(4) % 2, patient=np.arange(4), sfreq=10)
    encoder = ResNet1d(2, width=4, dim=6)
    with pytest.raises(ConfigError, match="has 3 components, fewer than one step"):
        TfC(6, 2).refuse_unfit(encoder, panel)
    TfC(6, 2, form="published-2022").refuse_unfit(encoder, panel)


@pytest.mark.parametrize("form", ["published-2022", "published-2023"])
def test_forms_keep_the_promises(form: str) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "tf-c", "form": form}, **run))
