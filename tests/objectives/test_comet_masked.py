import dataclasses

import pytest
import torch
from pydantic import ValidationError
from torch.nn import functional as F

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.errors import ConfigError
from tsrep.objectives.comet_masked import CometMasked
from tsrep.registry import OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.signals.batch import Batch

LEVELS = ("patient", "trial", "sample", "observation")
PUBLISHED = {
    "apply_weights_to_identity": False,
    "diagonal": "keep",
    "anchors": "earlier",
    "trial_negatives": "all",
    "identity_features": "time-course",
}


def encoder(**changes):
    torch.manual_seed(0)
    return DilatedConv(**{"channels": 2, "hidden": 8, "dim": 12, "depth": 3} | changes).double()


def batch(size=8, time=20):
    index = torch.arange(size)
    x = torch.randn(size, 2, time, generator=torch.Generator().manual_seed(1), dtype=torch.float64)
    return Batch(x, index % 2, index // 4, index // 2, index, index * time)


def only(level, **options):
    weights = {f"{other}_weight": 0.0 for other in LEVELS}
    return CometMasked(**weights | {f"{level}_weight": 1.0} | options)


def loss(objective, net, data, seed=0):
    return objective(net, data, generator=torch_generator(seed))


def literal(net, data, draws, weights):
    """The published total, eight passes and every pair by itself."""

    def views(level):
        keep = draws.keep.get(level, [None, None])
        z = [net(data.x, k).mT * d / 0.9 for k, d in zip(keep, draws.dropout[level], strict=True)]
        return z[0], z[1]

    def contrast(z):  # (group, row, dim), the second half holds the other views
        rows = z.shape[1]
        logits = (z @ z.mT).masked_fill(torch.eye(rows, dtype=torch.bool), -torch.inf)
        partner = torch.arange(rows).roll(rows // 2)
        return -logits.log_softmax(-1)[:, torch.arange(rows), partner].mean()

    def pyramid(z1, z2, stack):
        terms = []
        while z1.shape[1] > 1:
            terms.append(contrast(stack(z1, z2)))
            z1, z2 = (F.max_pool1d(z.mT, 2).mT for z in (z1, z2))
        return sum(terms) / len(terms)

    def identity(z1, z2, ids):
        similar = (
            (F.normalize(z1, dim=1).flatten(1) @ F.normalize(z2, dim=1).flatten(1).mT) / z1.shape[2] / 0.1
        )
        up, low = [], []
        for i in range(len(ids)):
            for j in range(len(ids)):
                if ids[i] == ids[j] and i < j:
                    up.append(similar[i].logsumexp(0) - similar[i, j])
                if ids[i] == ids[j] and i > j:
                    low.append(similar[:, j].logsumexp(0) - similar[i, j])
        return (torch.stack(up).mean() + torch.stack(low).mean()) / 2

    return {
        "patient": identity(*views("patient"), data.patient),
        "trial": identity(*views("trial"), data.trial),
        "sample": weights["sample"]
        * pyramid(*views("sample"), lambda a, b: torch.cat([a, b]).transpose(0, 1)),
        "observation": weights["observation"]
        * pyramid(*views("observation"), lambda a, b: torch.cat([a, b], 1)),
    }


def test_published_settings_are_the_literal_reading():
    weights = {"patient": 0.2, "trial": 0.3, "sample": 0.4, "observation": 0.5}
    objective = CometMasked(**{f"{k}_weight": v for k, v in weights.items()}, **PUBLISHED)
    net, data = encoder(), batch()
    draws = objective.draw(net, data, generator=torch_generator(3))

    ours, theirs = objective.terms(net, data, draws), literal(net, data, draws, weights)

    assert ours.keys() == theirs.keys()
    for level in LEVELS:
        torch.testing.assert_close(ours[level], theirs[level])
    parameters = list(net.parameters())
    for a, b in zip(
        torch.autograd.grad(sum(ours.values()), parameters),
        torch.autograd.grad(sum(theirs.values()), parameters),
        strict=True,
    ):
        torch.testing.assert_close(a, b)


@pytest.mark.parametrize("level", LEVELS)
def test_weights_scale_their_level(level):
    net, data = encoder(), batch()

    plain = loss(only(level), net, data)
    scaled = loss(only(level, **{f"{level}_weight": 0.125}), net, data)

    assert plain.keys() == {level}
    torch.testing.assert_close(scaled[level], 0.125 * plain[level])


@pytest.mark.parametrize(
    ("options", "passes"),
    [
        ({}, 5),
        ({"share_masks": True}, 3),
        ({"identity_views": "masked"}, 8),
        ({"identity_views": "masked", "share_masks": True}, 2),
        ({"patient_weight": 0.0, "trial_weight": 0.0}, 4),
        ({"observation_weight": 0.0}, 3),
        ({"sample_weight": 0.0, "observation_weight": 0.0}, 1),
    ],
)
def test_one_encoder_call_with_no_more_passes_than_needed(options, passes):
    net, data, calls = encoder(), batch(), []
    net.register_forward_hook(lambda module, args, out: calls.append(len(args[0])))

    terms = loss(CometMasked(**options), net, data)

    assert calls == [passes * len(data)]
    assert all(term.isfinite() for term in terms.values())


def test_shared_masks_give_sample_and_observation_the_same_views():
    objective = CometMasked(share_masks=True)
    draws = objective.draw(encoder(), batch(), generator=torch_generator(0))

    assert list(draws.keep) == ["masked"]
    assert set(draws.dropout) == {"patient", "trial", "masked"}


def test_randomness_comes_from_the_generator_alone():
    net, data, objective = encoder(), batch(), CometMasked()
    first = loss(objective, net, data)
    torch.manual_seed(99)
    before = torch.random.get_rng_state()

    again, other = loss(objective, net, data), loss(objective, net, data, seed=1)

    assert first == again
    assert all(first[level] != other[level] for level in LEVELS)
    assert torch.equal(before, torch.random.get_rng_state())


def test_order_of_the_batch_does_not_matter():
    net, data = encoder(), batch()
    objective, order = CometMasked(dropout=0.0, identity_views="clean"), torch.randperm(8)
    draws = objective.draw(net, data, generator=torch_generator(0))
    shuffled = Batch(**{name: each if each is None else each[order] for name, each in vars(data).items()})
    moved = dataclasses.replace(draws, keep={level: keep[:, order] for level, keep in draws.keep.items()})

    before, after = objective.terms(net, data, draws), objective.terms(net, shuffled, moved)

    for level in LEVELS:
        torch.testing.assert_close(before[level], after[level])


def test_by_default_trial_and_patient_level_do_not_fight():
    """The published trial level repels trials of one patient, the default one does not see them."""
    data = batch()
    z = torch.randn(8, 12, 20, generator=torch.Generator().manual_seed(2), dtype=torch.float64)

    def pull(objective):
        """How the loss changes as all trials of each patient are moved towards their common mean."""
        mean = z.view(2, 4, 12, 20).mean(1).repeat_interleave(4, 0)
        within = z.view(4, 2, 12, 20).mean(1).repeat_interleave(2, 0)
        t = torch.zeros((), dtype=torch.float64, requires_grad=True)
        moved = z + t * (mean - within)
        term = objective._loss("trial", moved, moved, data)
        return torch.autograd.grad(term, t)[0].item()

    options = {"identity_features": "time-course", "diagonal": "drop"}
    assert pull(only("trial", trial_negatives="same-patient", **options)) > 0
    assert pull(only("trial", **options)) < pull(only("trial", trial_negatives="all", **options))


def test_nothing_to_contrast_is_zero_not_nan():
    data = batch(size=1)
    net = encoder()

    terms = loss(CometMasked(observation_weight=0.0), net, data)
    sum(terms.values()).backward()

    assert [term.item() for term in terms.values()] == pytest.approx([0, 0, 0], abs=1e-12)
    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_missing_values_train():
    data = batch()
    data.x[2, 0, 5:9] = torch.nan
    net = encoder()

    terms = loss(CometMasked(), net, data)
    sum(terms.values()).backward()

    assert all(p.grad.isfinite().all() for p in net.parameters())


def test_a_few_steps_lower_the_loss():
    net, data, objective = encoder().float(), batch(), CometMasked()
    data = dataclasses.replace(data, x=data.x.float())
    optimizer = torch.optim.AdamW(net.parameters(), lr=3e-3)
    values = []
    for step in range(30):
        optimizer.zero_grad()
        total = sum(loss(objective, net, data, seed=step).values())
        total.backward()
        optimizer.step()
        objective.after_step()
        values.append(total.item())

    assert sum(values[-5:]) < 0.9 * sum(values[:5])


def test_bfloat16_autocast():
    net, data = encoder().float(), batch()
    data = dataclasses.replace(data, x=data.x.float())
    exact = loss(CometMasked(), net, data)

    with torch.autocast("cpu", torch.bfloat16):
        terms = loss(CometMasked(), net, data)

    for level in LEVELS:
        assert terms[level].dtype == torch.float32
        assert terms[level].item() == pytest.approx(exact[level].item(), rel=0.02)


def test_is_registered_with_what_it_needs():
    objective = OBJECTIVES.build({"name": "comet-masked", "sample_weight": 0.5})

    assert objective.needs == {"trial", "patient"}
    assert objective.sampler == "patient-wise"
    assert not list(objective.parameters())


def test_four_weights_of_zero_are_refused():
    with pytest.raises(ConfigError, match="give one of them a weight"):
        CometMasked(**{f"{level}_weight": 0.0 for level in LEVELS})


@pytest.mark.parametrize("setting", [{"temperature": 0}, {"dropout": 1}, {"trial_weight": -1}, {"mask": "x"}])
def test_impossible_settings_are_refused(setting):
    with pytest.raises(ValidationError):
        OBJECTIVES.entry("comet-masked").settings(**setting)
