"""Every recorded value and gradient of the losses that are registered."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tsrep.losses.align_uniform import AlignUniform
from tsrep.losses.barlow_twins import BarlowTwins
from tsrep.losses.cacr import CACR
from tsrep.losses.dcl import DCL, DCLW
from tsrep.losses.hcl import HCL
from tsrep.losses.kernel import Kernel, contrasted
from tsrep.losses.nt_xent import NTXent
from tsrep.losses.rank_n_contrast import RankNContrast
from tsrep.losses.relation import Given, Relation, Same, Samples
from tsrep.losses.sigreg import SIGReg, normality
from tsrep.losses.soft_instance import SoftShares
from tsrep.losses.supcon import SupCon
from tsrep.losses.vicreg import VICReg
from tsrep.losses.w_mse import WMSE, whitened
from tsrep.losses.weighted_negatives import ClusterCount
from tsrep.losses.y_aware import YAware

Golden = dict[str, Tensor]
Shared = Callable[[str], Path]


def load(shared_path: Shared, name: str) -> Golden:
    return {key: torch.from_numpy(np.asarray(each)) for key, each in np.load(shared_path(name)).items()}


def plain(count: int, **known: Tensor) -> Relation:
    return Relation(Samples(**(vars(Samples.plain(count)) | known)))


def total(terms: dict[str, Tensor]) -> Tensor:
    return torch.stack(list(terms.values())).sum()


def meow(z: Tensor, golden: Golden) -> Tensor:
    rule = ClusterCount(golden["clusters"])
    relation = plain(8).changed(negatives=(rule,), view_pairs="one-way", normalise=False)
    return contrasted(z, relation, Kernel("none"), temperature=0.5)


def soft_instance(z: Tensor, golden: Golden) -> Tensor:
    """The recorded loss is the mean over time steps, at plain inner products."""
    shares = SoftShares(Given(golden["distance"]), 0.5, 10.0)
    kernel, relation = Kernel(reduce="raw"), plain(4).changed(positives=shares)
    steps = (contrasted(step, relation, kernel, temperature=1.0, similarity="dot") for step in z.unbind(3))
    return torch.stack(list(steps)).mean()


def published_cacr(z: Tensor, golden: Golden, **settings: Any) -> Tensor:
    """The public code's pairing: negatives of each pair of views in one direction alone."""
    loss = CACR(form="published", **settings)
    attraction = loss(z)["attraction"]
    pairs = [(x, y) for x in range(len(z)) for y in range(x + 1, len(z))]
    repelled = [loss(z[[x, y]], plain(8).changed(view_pairs="one-way"))["repulsion"] for x, y in pairs]
    return attraction + torch.stack(repelled).mean()


def age(golden: Golden) -> Relation:
    return plain(8, target=golden["label"][:, None])


def classes(golden: Golden) -> Relation:
    return plain(8, label=golden["labels"])


def clocs(z: Tensor, golden: Golden) -> Tensor:
    """Own samples and samples of the patient, each a relation of its own; 9.644150 by its specification."""
    own = plain(8).changed(view_pairs="cross")
    others = plain(8, patient=golden["patient"]).changed(view_pairs="cross", positives=Same("patient"))
    others = others.changed(own="candidate")
    by_rows = contrasted(z, own, Kernel(), temperature=0.1)
    return by_rows + contrasted(z, others, Kernel(reduce="pairs"), temperature=0.1)


Case = tuple[str, str, str, Callable[[Tensor, Golden], Tensor]]
CASES: list[Case] = [
    ("ntxent", "loss_t01", "t01", lambda z, g: total(NTXent(0.1)(z))),
    ("ntxent", "loss_t05", "t05", lambda z, g: total(NTXent(0.5)(z))),
    ("clocs", "loss_SimCLR", "SimCLR", lambda z, g: total(NTXent(0.1)(z))),
    ("supcon", "loss", "", lambda z, g: total(SupCon(0.1)(z, classes(g)))),
    (
        "supcon",
        "loss_anchor_first_view",
        "anchor_first_view",
        lambda z, g: total(SupCon(0.1, anchors="first-view")(z, classes(g))),
    ),
    ("dcl", "loss_dcl", "dcl", lambda z, g: total(DCL(0.1)(z))),
    ("dcl", "loss_dclw", "dclw_weight_detached", lambda z, g: total(DCLW(0.1)(z))),
    (
        "dcl",
        "loss_dclw",
        "dclw_weight_differentiated",
        lambda z, g: total(DCLW(0.1, form="published")(z)),
    ),
    ("hard_negatives_hcl", "loss_hard_b1", "hard_b1", lambda z, g: total(HCL(form="published")(z))),
    (
        "hard_negatives_hcl",
        "loss_hard_b2",
        "hard_b2",
        lambda z, g: total(HCL(beta=2, tau_plus=0.05, form="published")(z)),
    ),
    ("hard_negatives_hcl", "loss_debiased_b0", "debiased_b0", lambda z, g: total(HCL(beta=0)(z))),
    ("hard_negatives_hcl", "loss_plain", "plain", lambda z, g: total(HCL(beta=0, tau_plus=0)(z))),
    ("weighted_negatives_meow", "loss", "", meow),
    (
        "soft_labels_yaware",
        "loss_published",
        "published",
        lambda z, g: total(YAware(form="published")(z, age(g))),
    ),
    (
        "soft_labels_yaware",
        "loss_rows_normalised",
        "rows_normalised",
        lambda z, g: 2 * total(YAware()(z, age(g))),
    ),
    ("soft_labels_softclt", "loss_instance", "instance", soft_instance),
    ("vicreg", "loss", "", lambda z, g: total(VICReg()(z))),
    ("wmse", "loss", "", lambda z, g: total(WMSE(8, 0)(z, draws=g["groups"].flatten()))),
    ("wmse", "loss_mse", "mse", lambda z, g: total(WMSE(8, 0, "mse")(z, draws=g["groups"].flatten()))),
    ("wmse", "loss_eps01", "eps01", lambda z, g: total(WMSE(8, 0.1)(z, draws=g["groups"].flatten()))),
    ("align_uniform", "alignment", "alignment", lambda z, g: AlignUniform()(z)["alignment"]),
    (
        "align_uniform",
        "uniformity_z1",
        "uniformity",
        lambda z, g: AlignUniform()(torch.stack([z[0], z[0]]))["uniformity"],
    ),
    (
        "rank_n_contrast",
        "loss",
        "",
        lambda z, g: total(RankNContrast(form="published")(z, age(g))),
    ),
]


@pytest.mark.parametrize(
    ("file", "value", "suffix", "loss"), CASES, ids=[f"{file}-{value}" for file, value, *_ in CASES]
)
def test_values_and_gradients(
    shared_path: Shared, file: str, value: str, suffix: str, loss: Callable[[Tensor, Golden], Tensor]
) -> None:
    golden = load(shared_path, f"golden/losses/{file}.npz")
    rough = golden["z1"].dtype == torch.float32
    z = torch.stack([golden["z1"], golden["z2"]]).double().requires_grad_()
    found = loss(z, golden)
    (gradient,) = torch.autograd.grad(found, z)
    torch.testing.assert_close(
        found, golden[value].double(), rtol=1e-5 if rough else 1e-9, atol=1e-7 if rough else 1e-12
    )
    name = f"_{suffix}" if suffix else ""
    for view, mine in zip(("z1", "z2"), gradient, strict=True):
        recorded = golden.get(
            f"grad_{view}{name}", golden.get(f"grad_{view}_uniformity") if not name else None
        )
        if recorded is not None:
            gap = (mine - recorded).norm() / recorded.double().norm()
            assert gap < (1e-4 if rough else 1e-7), view


def test_clocs_is_two_relations(shared_path: Shared) -> None:
    golden = load(shared_path, "golden/losses/clocs.npz")
    z = torch.stack([golden["z1"], golden["z2"]])
    assert clocs(z, golden).item() == pytest.approx(9.644150, abs=1e-6)


def test_supcon_of_one_view_and_inside(shared_path: Shared) -> None:
    golden = load(shared_path, "golden/losses/supcon.npz")
    z = golden["z1"][None].clone().requires_grad_()
    published = total(SupCon(0.1, form="published")(z, classes(golden)))
    torch.testing.assert_close(published, golden["loss_single_view"], rtol=1e-9, atol=0)
    (gradient,) = torch.autograd.grad(published, z)
    assert (gradient[0] - golden["grad_z1_single_view"]).norm() < 1e-7 * gradient.norm()
    corrected = total(SupCon(0.1)(z, classes(golden)))
    assert corrected.item() == pytest.approx(5.778941, abs=1e-6)
    both = torch.stack([golden["z1"], golden["z2"]])
    assert total(SupCon(0.1, mean="inside")(both, classes(golden))).item() == pytest.approx(
        1.206376, abs=1e-6
    )
    scaled = total(SupCon(0.1)(both, classes(golden))) * 0.1 / 0.07
    torch.testing.assert_close(scaled, golden["loss_base007"])


def test_weights_and_parts(shared_path: Shared) -> None:
    dcl = load(shared_path, "golden/losses/dcl.npz")
    one, other = (torch.nn.functional.normalize(dcl[view], dim=1) for view in ("z1", "z2"))
    torch.testing.assert_close(DCLW().weights((one * other).sum(1)), dcl["weight_dclw"])
    vicreg = load(shared_path, "golden/losses/vicreg.npz")
    terms = VICReg(1, 1, 1)(torch.stack([vicreg["z1"], vicreg["z2"]]))
    for name, value in terms.items():
        torch.testing.assert_close(value, vicreg[name], rtol=1e-9, atol=0)
    wmse = load(shared_path, "golden/losses/wmse.npz")
    torch.testing.assert_close(whitened(wmse["z1"], 0), wmse["whitened_z1_all"], rtol=1e-9, atol=1e-9)
    ranked = load(shared_path, "golden/losses/rank_n_contrast.npz")
    tolerant = total(RankNContrast()(torch.stack([ranked["z1"], ranked["z2"]]), age(ranked)))
    assert tolerant.item() == pytest.approx(2.028539, abs=1e-6)
    soft = load(shared_path, "golden/losses/soft_labels_softclt.npz")
    samples = Samples.plain(4)
    shares = SoftShares(Given(soft["distance"]), 0.5, 10.0)(samples, samples)
    torch.testing.assert_close(shares, soft["soft_instance"], rtol=1e-7, atol=1e-9, check_dtype=False)
    weighted = load(shared_path, "golden/losses/weighted_negatives_meow.npz")
    counted = ClusterCount(weighted["clusters"])(Samples.plain(8), Samples.plain(8))
    torch.testing.assert_close(counted, weighted["weight"])


CACR_CASES: dict[str, dict[str, Any]] = {
    "full": {},
    "none": {"positive_sharpness": 0, "negative_sharpness": 0},
    "tneg2": {"negative_sharpness": 2},
    "tneg09_a2_b05": {"negative_sharpness": 0.9, "attraction": 2, "repulsion": 0.5},
    "two_views": {},
}


@pytest.mark.parametrize("name", CACR_CASES)
def test_cacr_in_the_published_pairing(shared_path: Shared, name: str) -> None:
    golden = load(shared_path, "golden/losses/cacr.npz")
    z = torch.stack([golden["z1"], golden["z2"]]) if name == "two_views" else golden["z"]
    z = z.clone().requires_grad_()
    value = published_cacr(z, golden, **CACR_CASES[name])
    expected = golden[f"attract_{name}"] + golden[f"repel_{name}"]
    torch.testing.assert_close(value, expected, rtol=1e-9, atol=0)
    (gradient,) = torch.autograd.grad(value, z)
    assert (gradient - golden[f"grad_{name}"]).norm() < 1e-7 * gradient.norm()


def test_sigreg(shared_path: Shared) -> None:
    golden = load(shared_path, "golden/losses/sigreg.npz")
    x = golden["x"].clone().requires_grad_()
    each = normality(x, golden["directions"])
    torch.testing.assert_close(each, golden["statistic_per_direction"], rtol=1e-5, atol=1e-6)
    (gradient,) = torch.autograd.grad(each.mean(), x)
    torch.testing.assert_close(each.mean(), golden["loss"], rtol=1e-5, atol=0)
    assert (gradient - golden["grad_x"]).norm() < 1e-4 * gradient.norm()
    collapsed = normality(torch.zeros(64, 6), golden["directions"]) / 64
    torch.testing.assert_close(collapsed, golden["collapsed_per_sample"].expand(16), rtol=1e-5, atol=0)


def test_regularisers(shared_path: Shared) -> None:
    golden = load(shared_path, "golden/baselines/regularisers.npz")
    losses = {"vicreg": VICReg(), "barlow": BarlowTwins(0.005), "barlow_0051": BarlowTwins(0.0051)}
    for name, loss in losses.items():
        z = torch.stack([golden["a"], golden["b"]]).requires_grad_()
        value = total(loss(z))
        torch.testing.assert_close(value, golden[f"{name}.loss"], rtol=1e-9, atol=0, msg=name)
        (gradient,) = torch.autograd.grad(value, z)
        recorded = torch.stack([golden[f"{name}.grad_a"], golden[f"{name}.grad_b"]])
        assert (gradient - recorded).norm() < 1e-7 * recorded.norm(), name
    views, directions = golden["sigreg.views"].double(), golden["sigreg.directions"].double()
    terms = SIGReg(weight=1.0)(views, draws=directions)
    torch.testing.assert_close(terms["normality"].float(), golden["sigreg.loss"], rtol=1e-5, atol=0)
