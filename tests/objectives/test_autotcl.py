"""AutoTCL and its fixed-view control: augmenter, forms, settings, saturation, every encoder and trunk."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tests.encoders import small as encoders
from tests.losses.literal import global_infonce
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.pooling import pool
from tsrep.errors import ConfigError
from tsrep.losses.autotcl_mask import spread_over_time
from tsrep.losses.infonce import local_infonce
from tsrep.losses.mmd import linear_mmd, rbf_mmd
from tsrep.objectives.autotcl import AutoTCL
from tsrep.objectives.objective import Objective
from tsrep.registry import ENCODERS, OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.runs.config import configure, plain
from tsrep.signals import Batch
from tsrep.testing import check_objective
from tsrep.testing.examples import example_batch, example_signal

CHANNELS, COVARIATES = 3, 1
SMALL = {"name": "dilated-conv", "hidden": 4, "dim": 6, "depth": 2}


def autotcl(**settings: Any) -> AutoTCL:
    torch.manual_seed(0)
    values = {"name": "autotcl", "trunk": SMALL} | settings
    objective: AutoTCL = OBJECTIVES.build(values, channels=CHANNELS, covariates=COVARIATES)
    return objective


def paper(**settings: Any) -> dict[str, Any]:
    return {"name": "paper"} | settings


def released(**settings: Any) -> dict[str, Any]:
    return {"name": "released"} | settings


def encoder(dim: int = 8) -> DilatedConv:
    torch.manual_seed(1)
    return DilatedConv(CHANNELS, hidden=6, dim=dim, depth=3)


def terms(objective: Objective, net: torch.nn.Module, batch: Batch, key: int = 0) -> dict[str, Tensor]:
    return objective(net, batch, generator=torch_generator("autotcl", key))


def moves(objective: Objective, net: torch.nn.Module, batch: Batch, key: int = 0) -> dict[str, Tensor]:
    (inner,) = objective.inner_optimisations()
    return inner.loss(net, batch, generator=torch_generator("autotcl", key))


@pytest.mark.parametrize(
    "settings",
    [
        {"form": "released"},
        {"form": paper(divergence="rbf", mask_per="time-channel", noise=0.0)},
        {"form": paper(divergence="adversarial", entropy=0, consistency=0)},
        {"form": released(divergence="adversarial", consistency=0.1, hard_mask=False)},
        {"frozen": True, "crop": 20},
    ],
)
def test_every_variant_conforms(settings: dict[str, Any]) -> None:
    check_objective(lambda **run: OBJECTIVES.build({"name": "autotcl"} | settings, **run))


@pytest.mark.parametrize("form", ["paper", "released"])
@pytest.mark.parametrize("role", ["encoder", "trunk"])
@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_encoder_serves_as_encoder_and_as_trunk(name: str, role: str, form: str) -> None:
    torch.manual_seed(0)
    chosen = {"name": name, **encoders.SMALL.get(name, {})}
    net = ENCODERS.build(chosen if role == "encoder" else SMALL, channels=CHANNELS)
    objective = autotcl(form=form, trunk=chosen if role == "trunk" else SMALL)
    batch = example_batch(4, channels=CHANNELS, time=70)
    total = torch.stack([*terms(objective, net, batch).values()]).sum()
    assert total.isfinite()
    trained = [*net.parameters()]
    assert total.requires_grad == bool(trained)  # without parameters the encoder only lets the augmenter move
    if trained:
        torch.autograd.backward(total)
    assert all(p.grad is not None and p.grad.isfinite().all() for p in trained)
    loss = torch.stack([*moves(objective, net, batch).values()]).sum()
    gradients = torch.autograd.grad(loss, [*objective.form.augmenter.parameters()])
    assert all(g.isfinite().all() for g in gradients)
    assert sum(float(g.abs().sum()) for g in gradients) > 0


def test_the_papers_terms_equal_a_literal_reading() -> None:
    objective, net, batch = autotcl(form=paper(noise=0.4)), encoder(), example_batch(time=48)
    generator = torch_generator("autotcl", 0)
    made = objective.form.augmenter(batch.x, generator=generator)
    keep = torch.rand(8, 48, generator=generator) < 0.6
    z, z_view = net(batch.x), net(made.view, keep)
    got = terms(objective, net, batch)
    torch.testing.assert_close(got["global"], global_infonce(pool(z), pool(z_view)))
    torch.testing.assert_close(got["local"], 0.3 * local_infonce(z_view))
    played = moves(objective, net, batch)
    unit, unit_view = (F.normalize(pool(net(signal)), dim=1) for signal in (batch.x, made.view))
    torch.testing.assert_close(played["divergence"], linear_mmd(unit, unit_view))
    torch.testing.assert_close(played["entropy"], 0.1 * made.nonzero.mean())
    assert set(played) == {"divergence", "entropy", "consistency", "saturation"}


@pytest.mark.parametrize("part", ["mask", "gain"])
def test_a_view_of_one_part_leaves_the_other_at_one_and_still_learns(part: str) -> None:
    objective, net, batch = autotcl(form=paper(parts=part)), encoder(), example_batch(time=48)
    made = objective.form.augmenter(batch.x, generator=torch_generator("autotcl", 0))
    changed = slice(COVARIATES, None)
    torch.testing.assert_close(made.view[:, changed], batch.x[:, changed] * made.mask * made.gain)
    other = made.gain if part == "mask" else made.mask
    assert (other == 1).all()
    played = moves(objective, net, batch)
    assert ("entropy" in played) == ("consistency" in played) == (part == "mask")
    before = {name: value.clone() for name, value in objective.form.augmenter.state_dict().items()}
    learn(objective, 3)
    moved = {n for n, v in objective.form.augmenter.state_dict().items() if not torch.equal(v, before[n])}
    assert {f"{part}_head.weight", f"{part}_head.bias"} <= moved


def test_the_released_terms_equal_a_literal_reading() -> None:
    objective, batch = autotcl(form=released(sparseness=0.5)), example_batch(time=48)
    torch.manual_seed(1)
    net = ENCODERS.build({"name": "dilated-conv-ar", "hidden": 6, "dim": 8, "depth": 3}, channels=CHANNELS)
    made = objective.form.augmenter(batch.x, generator=torch_generator("autotcl", 0))
    got = terms(objective, net, batch)
    z, z_view = net(batch.x), net(made.view)
    torch.testing.assert_close(got["global"], global_infonce(pool(z), pool(z_view)))
    torch.testing.assert_close(got["local"], 0.3 * local_infonce(z[:1]))
    played = moves(objective, net, batch)
    features = (pool(net.convolved(signal)) for signal in (batch.x, made.view))
    torch.testing.assert_close(played["divergence"], rbf_mmd(*features))
    torch.testing.assert_close(played["sparseness"], 0.5 * (made.keep.sum(1).mean() - 0.4))


def test_the_adversary_maximises_what_the_encoder_minimises() -> None:
    objective = autotcl(form=paper(divergence="adversarial", entropy=0, consistency=0, saturation=0))
    net, batch = encoder(), example_batch(time=48)
    assert moves(objective, net, batch)["adversarial"].item() == pytest.approx(
        -terms(objective, net, batch)["global"].item(), rel=1e-5
    )


def test_covariates_reach_the_encoder_unaltered() -> None:
    seen: list[Tensor] = []
    net, batch = encoder(), example_batch(time=48)
    net.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    terms(autotcl(), net, batch)
    x, view = seen[0].chunk(2)
    assert torch.equal(x[:, 0], view[:, 0])
    assert not torch.equal(x[:, 1:], view[:, 1:])
    seen.clear()
    terms(autotcl(form="released"), net, batch)
    x, view = seen[0].chunk(2)
    assert not torch.equal(x[:, 0], view[:, 0])


def test_a_frozen_augmenter_is_not_optimised_and_makes_the_same_views() -> None:
    frozen, free = autotcl(frozen=True), autotcl()
    assert frozen.inner_optimisations() == ()
    assert not any(p.requires_grad for p in frozen.parameters())
    net, batch = encoder(), example_batch(time=48)
    assert terms(frozen, net, batch)["global"] == terms(free, net, batch)["global"]


def test_a_crop_is_one_random_segment_of_the_batch() -> None:
    objective = autotcl(crop=20)
    x = torch.arange(48.0).expand(2, CHANNELS, 48)
    starts = set()
    for key in range(60):
        cut = objective._cropped(x, torch_generator("crop", key))
        assert cut.shape == (2, CHANNELS, 20)
        assert torch.equal(cut - cut[0, 0, 0], torch.arange(20.0).expand(2, CHANNELS, 20))
        starts.add(int(cut[0, 0, 0]))
    assert min(starts) < 4
    assert 25 <= max(starts) <= 28


@pytest.mark.parametrize("form", ["paper", "released", paper(divergence="rbf")])
def test_coinciding_samples_and_views_give_finite_losses_and_gradients(form: Any) -> None:
    objective, net = autotcl(form=form), encoder()
    same = example_batch(time=48)
    same.x.zero_()
    for loss, module in ((terms, net), (moves, objective.form.augmenter)):
        total = torch.stack([*loss(objective, net, same).values()]).sum()
        gradients = torch.autograd.grad(total, [*module.parameters()], allow_unused=True)
        assert total.isfinite()
        assert all(g is None or g.isfinite().all() for g in gradients)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"form": "pa"}, r"unknown form of autotcl 'pa'; did you mean 'paper'\?"),
        ({"form": released(noise=0.5)}, r"unknown setting objective\.form\.noise; known: consistency"),
        ({"form": paper(hard_mask=True)}, r"unknown setting objective\.form\.hard_mask; known: .*entropy"),
        ({"form": paper(stretch=0.0)}, r"objective\.form\.stretch is 0\.0: it must be greater"),
        (
            {"trunk": {"name": "dilated-conv", "depht": 3}},
            r"unknown setting objective\.trunk\.depht; did you mean 'depth'",
        ),
        ({"trunk": "lstn"}, r"unknown encoder 'lstn'; did you mean 'lstm'\?"),
    ],
)
def test_a_switch_that_nobody_reads_is_refused_in_one_sentence(settings: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        configure({"objective": {"name": "autotcl"} | settings})


def test_settings_survive_the_config_file() -> None:
    values = {"name": "autotcl", "form": paper(noise=0.25), "trunk": SMALL}
    config = configure({"objective": values})
    assert plain(config)["objective"]["form"]["noise"] == 0.25
    assert configure(plain(config)) == config
    assert configure({"objective": "autotcl"}).objective.form.name == "paper"


def learn(objective: AutoTCL, steps: int) -> dict[str, float]:
    """Train the augmenter alone and give its diagnostics on new signals."""
    net, batch = encoder().requires_grad_(False), example_batch(8, time=32)
    (inner,) = objective.inner_optimisations()
    optimizer = torch.optim.AdamW(inner.module.parameters(), lr=0.05)
    for step in range(steps):
        optimizer.zero_grad()
        played = inner.loss(net, batch, generator=torch_generator("autotcl", step))
        torch.autograd.backward(torch.stack([*played.values()]).sum())
        optimizer.step()
    with torch.no_grad():
        diagnostics = objective.diagnostics(net, batch, generator=torch_generator("diagnostics"))
    return {name: value.item() for name, value in diagnostics.items()}


@pytest.mark.long
def test_a_hostile_entropy_saturates_the_mask_unless_hinges_hold_it() -> None:
    bare = learn(autotcl(form=paper(entropy=3.0, consistency=0, saturation=0)), 80)
    hinged = learn(autotcl(form=paper(entropy=3.0, consistency=0)), 80)
    assert bare["keep_rate"] < 0.05
    assert bare["keep_spread"] < 0.03
    assert hinged["keep_rate"] > 0.08
    assert hinged["keep_spread"] > 0.045
    assert hinged["gain_spread"] > 0.04
    assert hinged["constant_masks"] == 0


@pytest.mark.long
def test_the_hinges_revive_a_mask_that_started_constant() -> None:
    for bias in (-30.0, 30.0):
        objective = autotcl(form=paper(entropy=0))
        torch.nn.init.zeros_(objective.form.augmenter.mask_head.weight)
        torch.nn.init.constant_(objective.form.augmenter.mask_head.bias, bias)
        start = learn(objective, 0)
        assert start["constant_masks"] == 1
        end = learn(objective, 150)
        assert 0.08 < end["keep_rate"] < 0.92
        assert end["keep_spread"] > 0.03
        assert end["constant_masks"] == 0


def test_diagnostics_show_saturation() -> None:
    objective = autotcl(form=released(hard_mask=False))
    augmenter = objective.augmenter()
    for head, bias in ((augmenter.mask_head, 40.0), (augmenter.gain_head, -40.0)):
        torch.nn.init.zeros_(head.weight)
        torch.nn.init.constant_(head.bias, bias)
    diagnostics = objective.diagnostics(encoder(), example_batch(), generator=torch_generator("diagnostics"))
    assert diagnostics["saturated"] == 1
    assert diagnostics["constant_masks"] == 1
    assert diagnostics["keep_spread"] < 1e-3
    assert diagnostics["gain_spread"] < 1e-3
    assert all(value.isfinite() for value in diagnostics.values())
    made = objective.form.augmenter(example_signal(2, CHANNELS, 9), generator=torch_generator("view"))
    assert spread_over_time(made.log_gain).isfinite().all()


def test_the_fixed_view_differs_from_autotcl_in_the_view_only() -> None:
    fixed = OBJECTIVES.build(
        {"name": "fixed-view", "view": {"name": "jitter", "std": 0.0}}, channels=CHANNELS, covariates=1
    )
    learned, net, batch = autotcl(), encoder(), example_batch(time=48)
    assert fixed.contrast == learned.form.contrast

    def identity(x: Tensor, *, generator: torch.Generator) -> Any:
        torch.randn(x[:, 1:].shape, generator=generator)  # what the jitter draws
        return type("Made", (), {"view": x})

    learned.form.augmenter.forward = identity
    one, other = terms(fixed, net, batch), terms(learned, net, batch)
    assert one.keys() == other.keys() == {"global", "local"}
    assert all(torch.equal(one[name], other[name]) for name in one)


def test_the_fixed_view_leaves_covariates_alone() -> None:
    fixed = OBJECTIVES.build({"name": "fixed-view", "view": "jitter"}, channels=CHANNELS, covariates=2)
    seen: list[Tensor] = []
    net, batch = encoder(), example_batch(time=48)
    net.register_forward_pre_hook(lambda _, args: seen.append(args[0]))
    terms(fixed, net, batch)
    x, view = seen[0].chunk(2)
    assert torch.equal(x[:, :2], view[:, :2])
    assert not torch.equal(x[:, 2:], view[:, 2:])
