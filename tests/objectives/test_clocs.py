"""CLOCS: pieces of recordings, who finds whom, and what the published code leaves untrained."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from benchmarks.objectives_simulated import SIMULATIONS, gains, patients
from tsrep.encoders.lead_wise import LeadWise
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.losses.clocs import clocs_contrast
from tsrep.losses.nt_xent import ntxent
from tsrep.objectives.clocs import Clocs
from tsrep.registry import OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.signals import Batch, Panel
from tsrep.testing import check_objective


@pytest.mark.parametrize("views", [2, 4])
@pytest.mark.parametrize("ids", ["repeated", "unique"])
@pytest.mark.parametrize("form", ["corrected", "published"])
def test_value_and_gradients_of_the_public_code(shared_path: Any, views: int, ids: str, form: Any) -> None:
    golden = np.load(shared_path("golden/baselines/clocs.npz"))
    z = torch.from_numpy(golden[f"z{views}"]).requires_grad_()
    patient = torch.from_numpy(golden[f"ids_{ids}"])
    loss = clocs_contrast(z.permute(0, 2, 1), patient, form=form)
    stem = f"v{views}_{ids[:3]}.{form}"
    assert loss.item() == pytest.approx(golden[f"{stem}.loss"].item(), rel=1e-9)
    (gradient,) = torch.autograd.grad(loss, z)
    torch.testing.assert_close(gradient, torch.from_numpy(golden[f"{stem}.grad"]), rtol=1e-8, atol=1e-12)


def test_other_branches_and_copies_of_the_public_code(shared_path: Any) -> None:
    golden = {k: torch.from_numpy(v) for k, v in np.load(shared_path("golden/baselines/clocs.npz")).items()}
    z4, z2 = golden["z4"].permute(0, 2, 1).clone().requires_grad_(), golden["z2"].permute(0, 2, 1)
    cmc = clocs_contrast(z4, None)
    assert cmc.item() == pytest.approx(golden["v4.cmc.loss"].item(), rel=1e-9)
    (gradient,) = torch.autograd.grad(cmc, z4)
    torch.testing.assert_close(gradient.permute(0, 2, 1), golden["v4.cmc.grad"], rtol=1e-8, atol=1e-12)
    assert ntxent(*z2.unbind(1)).item() == pytest.approx(golden["v2.simclr.loss"].item(), rel=1e-9)
    one_patient = clocs_contrast(z2, torch.zeros(len(z2)), form="published")
    assert one_patient.item() == pytest.approx(golden["tfc_repo_v2_uni.loss"].item(), rel=1e-9)


def test_the_second_record_of_the_public_code(shared_path: Any) -> None:
    golden = {k: torch.from_numpy(v) for k, v in np.load(shared_path("golden/losses/clocs.npz")).items()}
    views = [golden[name].requires_grad_() for name in ("z1", "z2")]
    z = torch.stack(views, dim=1)
    for name, loss in (
        ("CMSC", clocs_contrast(z, golden["patient"], form="published")),
        ("CMC", clocs_contrast(z, None)),
        ("SimCLR", ntxent(*views)),
    ):
        assert loss.item() == pytest.approx(golden[f"loss_{name}"].item(), rel=1e-9)
        for view, gradient in zip(("z1", "z2"), torch.autograd.grad(loss, views), strict=True):
            expected = golden[f"grad_{view}_{name}"]
            assert (gradient - expected).norm() <= 1e-7 * expected.norm()
    assert clocs_contrast(z, golden["patient"]).item() == pytest.approx(9.644150, abs=1e-6)


def literal(z: Tensor, patient: Tensor, temperature: float) -> float:
    """The corrected form, written as loops."""
    size, views, total, pairs = z.shape[0], z.shape[1], 0.0, 0
    for a in range(views):
        for b in range(a + 1, views):
            pairs += 1
            for one, other in ((a, b), (b, a)):
                own, others = [], []
                for i in range(size):
                    s = [
                        float(F.cosine_similarity(z[i, one], z[k, other], 0)) / temperature
                        for k in range(size)
                    ]
                    lse = math.log(sum(math.exp(v) for v in s))
                    own.append(lse - s[i])
                    others += [lse - s[j] for j in range(size) if j != i and patient[j] == patient[i]]
                total += (sum(own) / len(own) + (sum(others) / len(others) if others else 0)) / 2
    return total / pairs


def test_value_is_that_of_the_definition_and_of_draws_on_average() -> None:
    z = torch.randn(5, 3, 4, generator=torch_generator("rows"), dtype=torch.float64)
    patient = torch.tensor([7, 3, 7, 7, 9])
    whole = clocs_contrast(z, patient, temperature=0.3)
    assert whole.item() == pytest.approx(literal(z, patient, 0.3), rel=1e-9)
    single = [clocs_contrast(z, patient, temperature=0.3, chosen=torch.tensor([k])) for k in range(3)]
    torch.testing.assert_close(torch.stack(single).mean(), whole)


def test_order_scale_and_names_of_patients_do_not_matter_and_collapse_costs_log_batch() -> None:
    generator = torch_generator("rows")
    z = torch.randn(6, 2, 4, generator=generator, dtype=torch.float64)
    patient = torch.tensor([0, 0, 1, 1, 2, 3])
    loss = clocs_contrast(z, patient)
    order = torch.randperm(6, generator=generator)
    torch.testing.assert_close(clocs_contrast(z[order], 5 - patient[order]), loss)
    torch.testing.assert_close(clocs_contrast(z * torch.rand(6, 2, 1, dtype=torch.float64), patient), loss)
    same = torch.ones_like(z)
    assert clocs_contrast(same, patient).item() == pytest.approx(2 * math.log(6))
    assert clocs_contrast(same, patient, form="published").item() == pytest.approx(math.log(6))
    assert torch.autograd.gradcheck(lambda z: clocs_contrast(z, patient), z.requires_grad_())


def test_pieces_are_halves_and_leads_at_the_same_time() -> None:
    x = torch.arange(2 * 3 * 9.0).view(2, 3, 9)
    made = {v: Clocs(4, 3, views=v).pieces(x) for v in ("segments", "leads", "segments-leads")}  # type: ignore[arg-type]
    assert torch.equal(made["segments"], torch.stack([x[..., :4], x[..., 4:8]], dim=1))
    assert torch.equal(made["leads"], x[:, :, None])
    expected = torch.stack([x[..., :4], x[..., 4:8]], dim=2).view(2, 6, 1, 4)
    assert torch.equal(made["segments-leads"], expected)
    beside = Clocs(4, 3, covariates=1, views="leads").pieces(x)
    assert torch.equal(beside[:, :, 0], x[:, :1].expand(-1, 2, -1))
    assert torch.equal(beside[:, :, 1], x[:, 1:])
    unit = Clocs(4, 3, form="published").pieces(x)
    assert bool((unit.amin(-1) == 0).all())
    assert bool((unit.amax(-1) == 1).all())


@pytest.mark.long
def test_trained_it_reads_what_belongs_to_a_patient() -> None:
    found = gains("clocs", seeds=2, steps=SIMULATIONS["clocs"].quick)
    assert min(found) > 0.05, found


def panel(channels: int, time: int) -> Panel:
    x = np.random.default_rng(0).normal(size=(6, channels, time)).astype(np.float32)
    return Panel.from_arrays(x, label=np.arange(6) % 2, patient=np.arange(6) // 2, sfreq=10)


def test_what_cannot_be_learned_from_is_refused() -> None:
    joined, apart = ResNet1d(3, width=4, dim=6), LeadWise({"name": "resnet1d", "width": 4, "dim": 6})
    with pytest.raises(ConfigError, match=r"one channel only; set objective\.views to segments"):
        Clocs(6, 1, views="leads").refuse_unfit(apart, panel(1, 20))
    with pytest.raises(ConfigError, match="half a sample has 3 steps"):
        Clocs(6, 3).refuse_unfit(joined, panel(3, 7))
    with pytest.raises(ConfigError, match=r"set encoder\.name to lead-wise"):
        Clocs(6, 3, views="leads").refuse_unfit(joined, panel(3, 20))
    with pytest.raises(ConfigError, match="the number of pairs of views is 3"):
        Clocs(6, 3, views="leads", pairs=4)
    with pytest.raises(ConfigError, match="no effect on the published form"):
        Clocs(6, 3, views="leads", pairs=2, form="published")
    Clocs(6, 3, views="leads").refuse_unfit(apart, panel(3, 20))
    Clocs(6, 3).refuse_unfit(joined, panel(3, 8))


@pytest.mark.parametrize("views", ["leads", "segments-leads"])
def test_each_lead_is_encoded_by_itself(views: Any) -> None:
    encoder = LeadWise({"name": "resnet1d", "width": 4, "dim": 6})
    batch: Batch = patients(0)[0]
    objective = Clocs(6, 2, views=views, projection=5, pairs=1)
    terms = objective(encoder, batch, generator=torch_generator(0))
    assert terms["contrast"].isfinite()
    permuted = encoder(batch.x.flip(1))
    torch.testing.assert_close(permuted, encoder(batch.x))
    torch.testing.assert_close(permuted, (encoder(batch.x[:, :1]) + encoder(batch.x[:, 1:])) / 2)


@pytest.mark.parametrize("settings", [{"form": "published"}, {"patient_positives": False, "projection": 4}])
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "clocs"} | settings, **run))
