"""The kernel against a literal reading, its identities on random masks, and some rows at a time."""

from __future__ import annotations

import math
from itertools import product
from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses import stream
from tsrep.losses.comet_patient_trial import patient_trial_contrast
from tsrep.losses.kernel import Kernel, contrasted
from tsrep.losses.relation import Apart, Given, Lighter, Relation, Same, Samples
from tsrep.registry import LOSSES
from tsrep.rng import torch_generator

N, DIM, KEYS = 5, 4, 3
SETTINGS = [
    Kernel(denominator, reduce, inside)
    for denominator, reduce, inside in product(
        ("all", "own", "none"), ("rows", "pairs", "raw"), (False, True)
    )
    if not (inside and (denominator == "own" or reduce != "rows"))
]


def normal(*shape: int, key: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch_generator("kernel", key), dtype=torch.float64)


def known(**facts: Tensor) -> Samples:
    return Samples(**(vars(Samples.plain(N)) | facts))


def soft() -> Relation:
    """Random shares and weights, some of them zero, a row without positive and one without negative."""
    share, weight = normal(N, N, key=1).clamp(min=0), normal(N, N, key=2).clamp(min=0)
    share[0], weight[1] = 0, 0
    return Relation(
        Samples.plain(N), positives=Given(share), negatives=(Given(weight),), own="candidate", normalise=False
    )


def literal(s: Tensor, share: Tensor, weight: Tensor, kernel: Kernel) -> float:
    """Row by row and positive by positive, from the definition."""
    lost, mass, rows = 0.0, 0.0, 0
    for of_row, p, w in zip(s.tolist(), share.double().tolist(), weight.double().tolist(), strict=True):
        positives = [j for j in range(len(p)) if p[j] > 0]
        negatives = [k for k in range(len(p)) if w[k] > 0 and p[k] == 0]
        if not positives or (kernel.denominator == "none" and not negatives):
            continue
        rows += 1
        own = {j: (w[j] if w[j] > 0 else 1.0) * math.exp(of_row[j]) for j in positives}
        others = sum(w[k] * math.exp(of_row[k]) for k in negatives)
        total = sum(p[j] for j in positives)
        scale = total if kernel.reduce == "rows" else 1.0
        if kernel.inside:
            z = others + (sum(own.values()) if kernel.denominator == "all" else 0)
            lost += math.log(z) - math.log(sum(p[j] / total * math.exp(of_row[j]) for j in positives))
            continue
        for j in positives:
            z = others + {"all": sum(own.values()), "own": own[j], "none": 0.0}[kernel.denominator]
            lost += p[j] / scale * (math.log(z) - of_row[j])
            mass += p[j]
    return lost / {"rows": rows, "pairs": mass, "raw": len(s)}[kernel.reduce]


@pytest.mark.parametrize("kernel", SETTINGS, ids=str)
def test_equals_a_literal_reading_and_its_gradient(kernel: Kernel) -> None:
    z, relation = normal(2, N, DIM), soft()
    row = torch.arange(2 * N)
    share, weight = relation.block(row // N, row % N, 2)
    unit = F.normalize(z, dim=2).flatten(0, 1)
    value = contrasted(z, relation, kernel, temperature=0.5)
    assert value.item() == pytest.approx(literal(unit @ unit.T / 0.5, share, weight, kernel))
    assert torch.autograd.gradcheck(
        lambda x: contrasted(x, relation, kernel, temperature=0.5), (z.requires_grad_(),)
    )


@pytest.mark.parametrize("kernel", SETTINGS, ids=str)
@pytest.mark.parametrize("one_positive", [False, True])
def test_some_rows_at_a_time_give_the_same(
    monkeypatch: pytest.MonkeyPatch, kernel: Kernel, one_positive: bool
) -> None:
    relation = Relation(Samples.plain(N)) if one_positive else soft()
    bank = normal(KEYS, DIM, key=5)
    relation = relation.changed(bank=Samples.plain(KEYS)) if one_positive else relation
    found = []
    for at_once in (2**20, 3 * (2 * N + KEYS)):
        monkeypatch.setattr(stream, "LOGITS_AT_ONCE", at_once)
        z = normal(2, N, DIM).requires_grad_()
        value = contrasted(z, relation, kernel, temperature=0.2, bank=bank if one_positive else None)
        found.append((value.detach(), *torch.autograd.grad(value, z)))
    torch.testing.assert_close(found[0], found[1])


@pytest.mark.parametrize("kernel", [k for k in SETTINGS if not k.inside], ids=str)
def test_rows_with_one_positive_are_no_special_case(kernel: Kernel) -> None:
    rules = (Lighter("patient", 0.3), Apart(2))
    samples = known(patient=torch.tensor([0, 0, 1, 1, 1]), start=torch.tensor([0, 1, 0, 5, 6]))
    quick = Relation(samples, negatives=rules)
    slow = quick.changed(positives=Same("sample"))
    values = [contrasted(normal(2, N, DIM), each, kernel, temperature=0.2) for each in (quick, slow)]
    torch.testing.assert_close(*values)


def test_with_one_positive_the_joint_row_is_the_softplus_of_the_decoupled() -> None:
    z = normal(2, 1, DIM)
    relation = Relation(Samples.plain(1), bank=Samples.plain(KEYS), view_pairs="one-way")
    joint, apart = (
        contrasted(z, relation, Kernel(name), temperature=0.1, bank=normal(KEYS, DIM, key=3))
        for name in ("all", "none")
    )
    torch.testing.assert_close(joint, F.softplus(apart))


def test_weight_zero_is_as_good_as_absent_and_shares_are_relative() -> None:
    z, relation = normal(2, N, DIM), soft()
    for reduce in ("rows", "pairs"):
        doubled = relation.changed(positives=Given(2 * relation.positives.matrix))  # type: ignore[attr-defined]
        values = [contrasted(z, each, Kernel(reduce=reduce), temperature=0.3) for each in (relation, doubled)]
        torch.testing.assert_close(*values)
    keep = torch.ones(N, N, dtype=torch.bool)
    keep[:, 4] = keep[4] = False
    keep[4, 4] = True
    masked = Relation(Samples.plain(N), negatives=(Given(keep),))
    alone = contrasted(z[:, :4], Relation(Samples.plain(4)), Kernel(), temperature=0.3)
    whole = contrasted(z, masked, Kernel(), temperature=0.3)
    torch.testing.assert_close(whole, 0.8 * alone)  # of the fifth sample nothing is left, and it counts


def test_a_constant_weight_of_negatives_adds_its_logarithm_or_nothing() -> None:
    z, heavy = normal(2, N, DIM), (Given(torch.full((N, N), 3.0, dtype=torch.float64)),)
    plain = contrasted(z, Relation(Samples.plain(N)), Kernel("none"), temperature=0.3)
    for normalise, expected in ((True, plain), (False, plain + math.log(3))):
        relation = Relation(Samples.plain(N), negatives=heavy, normalise=normalise)
        torch.testing.assert_close(contrasted(z, relation, Kernel("none"), temperature=0.3), expected)


def test_collapse_costs_the_logarithm_of_the_candidates() -> None:
    z = torch.ones(3, N, DIM)
    for view_pairs, candidates in (("all", 3 * N - 1), ("cross", 2 * N)):
        relation = Relation(Samples.plain(N), view_pairs=view_pairs)
        value = contrasted(z, relation, Kernel(), temperature=0.1)
        assert value.item() == pytest.approx(math.log(candidates))


def test_extreme_temperatures_stay_finite() -> None:
    z = normal(2, N, DIM)
    for temperature in (0.01, 10.0):
        assert contrasted(z, soft(), Kernel(), temperature=temperature).isfinite()


def test_repeated_samples_are_neither_negatives_nor_second_positives() -> None:
    z = normal(2, N, DIM)
    twice = known(sample=torch.tensor([0, 1, 2, 3, 3]), label=torch.tensor([0, 1, 2, 3, 3]))
    for positives in (Relation(twice), Relation(twice, positives=Same("label"))):
        row = torch.arange(2 * N)
        share, weight = positives.block(row // N, row % N, 2)
        assert not share[3, 4::N].any()
        assert not weight[3, 4::N].any()
        assert share[3, 3 + N]
    assert contrasted(z, Relation(twice), Kernel(), temperature=0.1).isfinite()


COMET: list[dict[str, Any]] = [
    {"diagonal": diagonal, "negatives": negatives}
    for diagonal in ("drop", "keep", "positive")
    for negatives in ("all", "other-groups")
]


@pytest.mark.parametrize("settings", COMET, ids=str)
def test_the_levels_of_comet_are_relations(settings: dict[str, Any]) -> None:
    trial, patient = torch.tensor([0, 0, 1, 2, 2]), torch.tensor([0, 0, 0, 1, 1])
    z = normal(2, N, DIM, 3)
    expected = patient_trial_contrast(z[0], z[1], trial, patient, temperature=0.2, **settings)
    own = {"drop": "drop", "keep": "candidate", "positive": "positive"}[settings["diagonal"]]
    apart = patient[:, None] != patient
    rules = (Given(apart | (trial[:, None] == trial)),) if settings["negatives"] == "other-groups" else ()
    relation = Relation(
        known(trial=trial), positives=Same("trial"), negatives=rules, view_pairs="cross", own=own
    )
    found = contrasted(z.amax(3), relation, Kernel(reduce="pairs"), temperature=0.2)
    torch.testing.assert_close(found, expected)


def with_targets(size: int) -> Relation:
    target = torch.arange(float(size), dtype=torch.float64)[:, None]
    return Relation(Samples(**(vars(Samples.plain(size)) | {"target": target})))


EVERY_LOSS = [{"name": name} for name in LOSSES.names()] + [
    {"name": "weighted-negatives", "by": by} for by in ("trial", "label", "target")
]


@pytest.mark.parametrize("settings", EVERY_LOSS, ids=str)
@pytest.mark.parametrize("size", [1, 16])  # the last batch of an epoch may have one sample
def test_registered_losses_of_two_and_of_six_views_in_single_precision(
    settings: dict[str, Any], size: int
) -> None:
    loss = LOSSES.build(settings)
    for views in (2, 6):
        if views > (loss.views[1] or views):
            continue
        draws = loss.draw((views, size, DIM), generator=torch_generator("draws"))
        z = normal(views, size, DIM).float().requires_grad_()
        value = torch.stack([*loss(z, with_targets(size), draws=draws).values()]).sum()
        (gradient,) = torch.autograd.grad(value, z)
        assert value.dtype == gradient.dtype == torch.float32
        assert value.isfinite()
        assert gradient.isfinite().all()


@pytest.mark.parametrize("name", LOSSES.names())
def test_registered_losses_in_parts(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    loss, found = LOSSES.build({"name": name}), []
    target = torch.arange(float(16))[:, None]
    samples = Samples(**(vars(Samples.plain(16)) | {"target": target}))
    draws = loss.draw((2, 16, DIM), generator=torch_generator("draws"))
    for at_once in (2**20, 100):
        monkeypatch.setattr(stream, "LOGITS_AT_ONCE", at_once)
        z = normal(2, 16, DIM).requires_grad_()
        value = torch.stack([*loss(z, Relation(samples), draws=draws).values()]).sum()
        found.append((value.detach(), *torch.autograd.grad(value, z)))
    torch.testing.assert_close(found[0], found[1])
