"""Objectives of two views with any loss: the same as asking the loss, or refused in a sentence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError, RunError
from tsrep.losses.relation import Relation, Samples
from tsrep.objectives.objective import Objective
from tsrep.registry import LOSSES, OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.signals import Batch, Panel
from tsrep.testing import check_objective
from tsrep.testing.examples import example_batch

BANKED = [
    "cacr",
    "dcl",
    "dclw",
    "hcl",
    "infonce",
    "nt-xent",
    "soft-instance",
    "supcon",
    "weighted-negatives",
    "y-aware",
]


KEPT = ["cacr", "dcl", "hcl", "infonce", "nt-xent", "weighted-negatives"]


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def build(settings: dict[str, Any], channels: int = 3, dim: int = 12, **run: Any) -> Objective:
    name = settings["name"]
    checked = OBJECTIVES.entry(name).settings(**settings)
    sizes = {"dim": dim, "channels": channels, "covariates": 0} | run
    made: Objective = OBJECTIVES.build(checked, **sizes)
    return made


def conv() -> Encoder:
    return DilatedConv(3, hidden=8, dim=12, depth=2)


def aged(size: int = 8) -> Batch:
    batch = example_batch(size)
    return replace(batch, target=torch.arange(float(size))[:, None])


def terms_of(objective: Objective, batch: Batch) -> dict[str, Tensor]:
    encoder = conv()
    objective.attach(encoder)
    terms = objective(encoder, batch, generator=torch_generator(0))
    torch.autograd.backward(torch.stack([*terms.values()]).sum())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())
    return terms


@pytest.mark.parametrize("name", LOSSES.names())
def test_simclr_takes_every_loss(name: str) -> None:
    settings: dict[str, Any] = {"name": "simclr", "projection": 3, "loss": {"name": name}}
    objective = build(settings)
    assert all(term.isfinite() for term in terms_of(objective, aged()).values())
    loss = LOSSES.build({"name": name})
    assert objective.needs == loss.needs
    checked = OBJECTIVES.entry("simclr").settings(**settings)
    assert OBJECTIVES.entry("simclr").cls.needs_of(checked) == loss.needs


@pytest.mark.parametrize("name", LOSSES.names())
def test_fixed_view_and_autotcl_take_every_loss_for_their_global_term(name: str) -> None:
    dim = {"group": 13} if name == "w-mse" else {}
    for settings in (
        {"name": "fixed-view", "loss": {"name": name} | dim},
        {"name": "autotcl", "form": {"name": "paper", "loss": {"name": name} | dim}},
    ):
        assert terms_of(build(settings), aged(16))["global"].isfinite()


@pytest.mark.parametrize("name", LOSSES.names())
@pytest.mark.parametrize("queue", [0, 8])
def test_moco_takes_what_contrasts_rows_with_candidates(name: str, queue: int) -> None:
    settings = {"name": "moco", "projection": 3, "queue": queue, "exclusion_zone": 0, "loss": {"name": name}}
    if name not in BANKED:
        with pytest.raises(ConfigError, match=f"loss {name} compares views that both learn"):
            build(settings)
        return
    assert all(term.isfinite() for term in terms_of(build(settings), aged()).values())


@pytest.mark.parametrize("name", LOSSES.names())
@pytest.mark.parametrize("objective", ["comet", "clocs"])
def test_levels_take_what_keeps_their_positives(objective: str, name: str) -> None:
    settings: dict[str, Any] = {"name": objective, "loss": {"name": name}}
    if name not in KEPT:
        with pytest.raises(ConfigError, match=f"{objective} says which samples.*loss {name} "):
            build(settings)
        return
    made = build(settings)
    assert all(term.isfinite() for term in terms_of(made, aged()).values())
    checked = OBJECTIVES.entry(objective).settings(**settings)
    assert LOSSES.build({"name": name}).needs <= made.needs
    assert (
        LOSSES.build({"name": name}).needs <= OBJECTIVES.entry(objective).cls.needs_of(checked) | made.needs
    )


@pytest.mark.parametrize("name", LOSSES.names())
def test_contexts_and_domains_take_every_loss(name: str) -> None:
    loss = {"name": name} | ({"group": 13} if name == "w-mse" else {})
    for settings in ({"name": "ts-tcc", "lags": 4}, {"name": "tf-c", "projection": 12}):
        made = build(settings | {"loss": loss})
        assert all(term.isfinite() for term in terms_of(made, aged(16)).values())
        assert made.needs == LOSSES.build({"name": name}).needs


def test_a_level_contrasts_its_own_positives_by_any_loss() -> None:
    made = build({"name": "comet", "loss": "dcl", "patient_weight": 0.0})
    encoder, batch = conv(), aged()
    plain, moved = (
        made(encoder, replace(batch, trial=trial), generator=torch_generator(0))
        for trial in (torch.arange(8) // 2, torch.arange(8) % 4)
    )
    assert torch.equal(plain["sample"], moved["sample"])
    assert not torch.equal(plain["trial"], moved["trial"])


def test_two_halves_without_patients_are_contrasted_alike_by_nt_xent() -> None:
    values = []
    for loss in ({}, {"loss": {"name": "nt-xent", "temperature": 0.1}}):
        torch.manual_seed(0)
        made = build({"name": "clocs", "patient_positives": False} | loss)
        values.append(terms_of(made, aged())["contrast"])
    torch.testing.assert_close(*values)


def test_a_loss_of_clocs_goes_with_its_corrected_form_and_all_pairs() -> None:
    for more in ({"form": "published"}, {"pairs": 1}):
        with pytest.raises(ConfigError, match="goes with the corrected form and all pairs"):
            build({"name": "clocs", "loss": "dcl"} | more)


def test_the_own_losses_are_the_defaults() -> None:
    pairs = (
        ({"name": "ts-tcc", "temperature": 0.3, "lags": 4}, {"name": "nt-xent", "temperature": 0.3}),
        ({"name": "tf-c", "temperature": 0.3}, {"name": "nt-xent", "temperature": 0.3}),
        ({"name": "simclr", "temperature": 0.3}, {"name": "nt-xent", "temperature": 0.3}),
        ({"name": "moco", "temperature": 0.3}, {"name": "infonce", "temperature": 0.3}),
        ({"name": "fixed-view", "temperature": 0.3}, {"name": "infonce", "temperature": 0.3}),
    )
    for own, loss in pairs:
        values = []
        others = own if own["name"] == "fixed-view" else {k: v for k, v in own.items() if k != "temperature"}
        for settings in (own, others | {"loss": loss}):  # the local contrast of a fixed view has it as well
            torch.manual_seed(0)
            values.append(terms_of(build(settings), aged()))
        assert values[0].keys() == values[1].keys()
        assert all(torch.equal(values[0][name], values[1][name]) for name in values[0])


def test_what_is_known_of_samples_reaches_the_loss() -> None:
    off = {"crop": 1.0, "scale": 0, "leads": 0, "wander": 0, "cut": 0, "jitter": 0}
    objective = build({"name": "simclr", "loss": "y-aware", **off})
    encoder, batch = conv(), aged()
    found = objective(encoder, batch, generator=torch_generator(0))["contrast"]
    z = objective.get_submodule("head")(encoder(batch.x).amax(2))
    expected = LOSSES.build({"name": "y-aware"})(torch.stack([z, z]), Relation(Samples.of(batch)))["contrast"]
    torch.testing.assert_close(found, expected)
    other = replace(batch, target=batch.x.new_zeros(8, 1))
    assert not torch.equal(objective(encoder, other, generator=torch_generator(0))["contrast"], found)


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"name": "nope"}, "nope"),
        ({"name": "nt-xent", "temperature": 0}, "temperature"),
        ({"name": "nt-xent", "pairs": {"same_patient": 2}}, "same_patient"),
        ({"name": "hcl", "temperature": 0.1}, "raise the temperature to 0.2"),
        ({"name": "y-aware", "sigma": -1}, "sigma"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises((ConfigError, ValueError), match=message):
        build({"name": "simclr", "loss": settings})


def panel(**facts: Any) -> Panel:
    x = np.zeros((6, 3, 8), np.float32)
    return Panel.from_arrays(x, label=np.arange(6) % 2, patient=np.arange(6) // 2, sfreq=1.0, **facts)


def test_missing_targets_and_a_single_class_are_refused_before_training() -> None:
    aware, classes = (build({"name": "simclr", "loss": name}) for name in ("y-aware", "supcon"))
    with pytest.raises(ConfigError, match="y-aware compares numeric targets"):
        aware.refuse_unfit(conv(), panel())
    unknown = replace(
        panel(),
        target_known=np.zeros((6, 1), np.bool_),
        target=np.full((6, 1), np.nan, np.float32),
        target_names=("age",),
        target_units=("y",),
    )
    with pytest.raises(ConfigError, match="none of the training samples"):
        aware.refuse_unfit(conv(), unknown)
    aware.refuse_unfit(
        conv(), replace(unknown, target_known=None, target=np.arange(6, dtype=np.float32)[:, None])
    )
    with pytest.raises(ConfigError, match="all training samples have one"):
        classes.refuse_unfit(conv(), replace(panel(), label=np.zeros(6, np.int64)))
    classes.refuse_unfit(conv(), panel())


def test_equal_targets_are_refused_before_training() -> None:
    target = np.full((6, 1), 70, np.float32)
    same = replace(panel(), target=target, target_names=("age",), target_units=("y",))
    for name in ("y-aware", "rank-n-contrast", {"name": "weighted-negatives", "by": "target"}):
        with pytest.raises(ConfigError, match="in column 0 all that are known are equal"):
            build({"name": "simclr", "loss": name}).refuse_unfit(conv(), same)


@pytest.mark.parametrize(
    ("loss", "told"),
    [
        ("supcon", "class"),
        ({"name": "weighted-negatives", "by": "label", "weight": 0.0}, "class"),
        ({"name": "supcon", "by": "trial"}, "recording"),
        ({"name": "cacr", "by": "trial"}, "recording"),
    ],
)
@pytest.mark.parametrize("name", ["simclr", "ts-tcc", "tf-c", "fixed-view"])
def test_batches_of_one_class_or_recording_are_refused(name: str, loss: Any, told: str) -> None:
    made = build({"name": name, "loss": loss}, stride=1)
    n = np.arange(6)
    alike = replace(panel(), label=n // 3, trial=n // 3, patient=n // 3)
    with pytest.raises(ConfigError, match=f"each batch is of one {told}; set another sampler"):
        made.refuse_batches(conv(), alike, [n[:3], n[3:]])
    made.refuse_batches(conv(), alike, [n[1:4], n[3:]])


def test_too_narrow_groups_and_an_unbounded_adversary_are_refused() -> None:
    objective = build({"name": "simclr", "projection": 3, "loss": {"name": "w-mse", "group": 3}})
    with pytest.raises(ConfigError, match="covariance is singular"):
        terms_of(objective, aged())
    with pytest.raises(ConfigError, match=r"in 3 dimensions.*or lower objective\.projection"):
        objective.refuse_batches(conv(), panel(), [np.arange(6)])
    form = {"name": "paper", "divergence": "adversarial", "loss": "vicreg"}
    with pytest.raises(ConfigError, match="maximises the loss"):
        build({"name": "autotcl", "form": form})


@pytest.mark.parametrize("settings", [{"name": "lejepa"}, {"name": "simclr", "loss": "sigreg"}])
def test_batches_without_a_distribution_are_refused(settings: dict[str, Any]) -> None:
    made = build(settings, stride=1)
    for sizes, remedy in (((7, 7), r"set training\.batch_size to 8 or more"), ((7,), "add recordings")):
        with pytest.raises(ConfigError, match=f"sigreg.*the largest batch has 7 samples; {remedy}"):
            made.refuse_batches(conv(), panel(), [np.arange(size) for size in sizes])
    made.refuse_batches(conv(), panel(), [np.arange(8), np.arange(3)])


WHITENED: dict[str, Any] = {"name": "w-mse"}


@pytest.mark.parametrize(
    ("settings", "group", "message"),
    [
        (
            {"name": "simclr", "projection": 3},
            None,
            r"set training\.batch_size to 6 or objective\.projection to 2",
        ),
        ({"name": "lejepa", "projection": 3}, 5, r"set training\.batch_size to 5 or loss\.group to 4"),
        ({"name": "fixed-view"}, None, r"groups of 24 samples.*has 4; set encoder\.dim to 2"),
        ({"name": "autotcl"}, 13, r"set loss\.group to 4 and encoder\.dim below that"),
    ],
)
def test_batches_that_fill_no_group_are_refused(
    settings: dict[str, Any], group: int | None, message: str
) -> None:
    loss = WHITENED if group is None else WHITENED | {"group": group}
    own = {"form": {"name": "paper", "loss": loss}} if settings["name"] == "autotcl" else {"loss": loss}
    made = build(settings | own, stride=1)
    with pytest.raises(ConfigError, match=message):
        made.refuse_batches(conv(), panel(), [np.arange(4), np.arange(4, 6)])
    made.refuse_batches(conv(), panel(), [np.arange(24), np.arange(24, 26)])


@pytest.mark.parametrize("name", ["simclr", "lejepa"])
def test_whitening_more_dimensions_than_the_hidden_layer_has_is_refused(name: str) -> None:
    settings = {"name": name, "hidden": 4, "projection": 5}
    with pytest.raises(ConfigError, match=r"lower objective\.projection to 4, raise objective\.hidden to 5"):
        build(settings | {"loss": WHITENED | {"epsilon": 0}}, stride=1).refuse_unfit(conv(), panel())
    for fit in (
        settings | {"loss": WHITENED},
        settings | {"hidden": 5, "loss": WHITENED | {"epsilon": 0}},
    ):
        build(fit, stride=1).refuse_unfit(conv(), panel())


def test_representations_that_collapse_are_no_longer_whitened() -> None:
    loss = LOSSES.build(WHITENED | {"epsilon": 0})
    z = torch.randn(2, 8, 3, generator=torch_generator("views"))
    assert loss(z)["difference"].isfinite()
    z[1, :, 2] = 0
    for broken in (z, torch.ones(2, 8, 3)):
        with pytest.raises(RunError, match=r"6 samples in 3 dimensions.*raise loss\.epsilon from 0$"):
            loss(broken)
        assert LOSSES.build(WHITENED)(broken)["difference"].isfinite()
    assert loss(z * torch.nan)["difference"].isnan()  # of which training tells by itself


@pytest.mark.parametrize("loss", [{"name": "supcon", "by": "patient"}, {"name": "vicreg"}, {"name": "hcl"}])
def test_objectives_with_another_loss_conform(loss: dict[str, Any]) -> None:
    settings = OBJECTIVES.entry("simclr").settings(loss=loss)
    check_objective(lambda **run: OBJECTIVES.build(settings, **run))


def test_a_forecast_refuses_a_contrast_that_needs_labels() -> None:
    sizes = {"dim": 12, "stride": 1, "channels": 3, "covariates": 0}
    wanting = {"name": "simclr", "loss": "supcon"}
    settings = OBJECTIVES.entry("forecast").settings(lookback=16, horizon=4, contrast=wanting)
    with pytest.raises(ConfigError, match="needs a label"):
        OBJECTIVES.build(settings, **sizes)


@pytest.mark.parametrize("name", ["clocs", "comet", "moco", "simclr", "tf-c", "ts-tcc"])
def test_a_temperature_that_a_chosen_loss_would_not_use_is_refused(name: str) -> None:
    build({"name": name, "temperature": 0.3})
    build({"name": name, "loss": {"name": "dcl", "temperature": 0.3}})
    with pytest.raises(
        ConfigError, match=r"no effect beside objective\.loss; leave it out, or set objective"
    ):
        build({"name": name, "loss": "dcl", "temperature": 0.3})
