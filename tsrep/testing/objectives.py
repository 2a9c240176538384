"""Conformance of objectives."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import Any

import torch
from torch import Tensor

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.objectives.objective import Objective
from tsrep.registry import SAMPLERS
from tsrep.rng import torch_generator
from tsrep.signals import Batch
from tsrep.testing.assertions import (
    global_randomness_untouched,
    require,
    require_factory,
    require_gradients,
    state_untouched,
    taken,
)
from tsrep.testing.examples import example_batch
from tsrep.testing.losses import SINGLE

CHANNELS, CLASSES = 3, 3
MakeEncoder = Callable[[int], Encoder]
USUAL: tuple[MakeEncoder, ...] = (
    lambda channels: DilatedConv(channels, hidden=8, dim=12, depth=3),
    lambda channels: ResNet1d(channels, width=8, dim=12),
)
IDS = {"label", "trial", "patient"}


def check_objective(
    make: Callable[..., Objective],
    *,
    multilabel: bool = False,
    time: int = 64,
    encoders: Sequence[MakeEncoder] = USUAL,
) -> None:
    """Check what an objective promises; see :class:`tsrep.objectives.objective.Objective`.

    Every check is made with each of some encoders.

    Parameters
    ----------
    make : callable
        ``make(dim=, stride=, steps=, channels=, covariates=, classes=, channel_names=, class_names=,
        multilabel=)`` gives a fresh objective; it may take some of these alone. ``steps`` is the length of a
        sample's representation.
    multilabel : bool
        Whether to try it with several labels per sample.
    time : int
        Steps per sample.
    encoders : sequence of callable
        ``make(channels)`` gives an encoder; by default one that keeps the time steps and one that strides,
        neither of them causal.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    require_factory("objective", make)
    batch = example_batch(channels=CHANNELS, time=time, classes=CLASSES, multilabel=multilabel)
    for make_encoder in encoders:
        encoder = make_encoder(CHANNELS)
        sizes = {"dim": encoder.dim, "stride": encoder.stride, "steps": time // encoder.stride}
        samples = {
            "channels": CHANNELS,
            "covariates": 0,
            "classes": CLASSES,
            "channel_names": tuple(f"channel {i}" for i in range(CHANNELS)),
            "class_names": tuple(f"class {i}" for i in range(CLASSES)),
            "multilabel": multilabel,
        }
        fresh = partial(_attached, encoder, partial(make, **taken(make, sizes | samples)))
        _check_attributes(fresh())
        _check_terms(fresh(), encoder, batch)
        with torch.autocast("cpu", torch.bfloat16):
            _require_scalars(_terms(fresh(), encoder, batch), "term", " under bfloat16 autocast")
        _check_what_terms_depend_on(fresh().eval(), encoder, batch)
        _check_evaluation(fresh().eval(), encoder, batch)
        _check_round_trip(fresh(), fresh(), encoder, batch)
        for unusual in _unusual(batch):
            _check_gradients(fresh(), encoder, unusual)
            _check_inner_optimisations(fresh(), encoder, unusual)


def _attached(encoder: Encoder, make: Callable[[], Objective]) -> Objective:
    objective = make()
    objective.attach(encoder)
    return objective


def _terms(objective: Objective, encoder: Encoder, batch: Batch, key: int = 0) -> dict[str, Tensor]:
    return objective(encoder, batch, generator=torch_generator("conformance", key))


def _equal(one: dict[str, Tensor], other: dict[str, Tensor]) -> bool:
    return one.keys() == other.keys() and all(torch.equal(one[name], other[name]) for name in one)


def _require_scalars(terms: dict[str, Tensor], what: str, where: str = "") -> None:
    for name, term in terms.items():
        require(term.shape == (), f"{what} {name!r} has shape {tuple(term.shape)}, not that of a scalar")
        require(bool(term.isfinite()), f"{what} {name!r} is {term.item()}{where}")
        require(term.dtype == torch.float32, f"{what} {name!r} is {term.dtype}{where}, not float32; {SINGLE}")


def _check_attributes(objective: Objective) -> None:
    unknown = objective.needs - IDS - {"target"}
    require(not unknown, f"needs names {sorted(unknown)}, which are not fields of a batch")
    require(
        objective.sampler in SAMPLERS.names(), f"sampler {objective.sampler!r} is none of {SAMPLERS.names()}"
    )


def _check_terms(objective: Objective, encoder: Encoder, batch: Batch) -> None:
    x = batch.x.clone()
    with global_randomness_untouched("the objective"):
        terms = _terms(objective, encoder, batch)
        objective.after_step()
    require(len(terms) > 0, "the objective gives no terms")
    _require_scalars(terms, "term")
    require(torch.equal(batch.x, x), "the objective writes into the batch")
    shared = {id(p) for p in encoder.parameters()} & {id(p) for p in objective.parameters()}
    require(not shared, "the objective keeps the encoder itself, which would then be trained twice")


def _check_what_terms_depend_on(objective: Objective, encoder: Encoder, batch: Batch) -> None:
    terms = _terms(objective, encoder, batch)
    same = _equal(_terms(objective, encoder, batch), terms)
    require(same, "equal generators give unequal terms; draw everything from the generator")
    for name in IDS - objective.needs:
        other = replace(batch, **{name: getattr(batch, name).flip(0)})
        same = _equal(_terms(objective, encoder, other), terms)
        require(same, f"the terms depend on {name}, which needs leaves out")


def _check_evaluation(objective: Objective, encoder: Encoder, batch: Batch) -> None:
    with torch.no_grad(), state_untouched("evaluation", objective, encoder.eval()):
        _terms(objective, encoder, batch)
        diagnostics = objective.diagnostics(encoder, batch, generator=torch_generator("conformance"))
    require(all(value.shape == () for value in diagnostics.values()), "a diagnostic is no scalar")
    encoder.train()


def _check_round_trip(one: Objective, other: Objective, encoder: Encoder, batch: Batch) -> None:
    for step in range(2):
        _terms(one, encoder, batch, step)
        one.after_step()
    other.load_state_dict(one.state_dict())
    same = _equal(_terms(one.eval(), encoder, batch), _terms(other.eval(), encoder, batch))
    require(same, "state_dict lacks something that the terms depend on")


def _unusual(batch: Batch) -> list[Batch]:
    """As it is; two samples; ids without any positive; missing steps, and a sample that is missing."""
    missing = batch.x.clone()
    missing[0, 1, 10:20] = torch.nan
    missing[1] = torch.nan
    alone = torch.arange(len(batch))
    pair: dict[str, Any] = {name: each if each is None else each[:2] for name, each in vars(batch).items()}
    two = Batch(**pair)
    return [batch, two, replace(batch, trial=alone, patient=alone), replace(batch, x=missing)]


def _check_gradients(objective: Objective, encoder: Encoder, batch: Batch) -> None:
    encoder.zero_grad()
    total = torch.stack([*_terms(objective, encoder, batch).values()]).sum()
    require(bool(total.isfinite()), f"a batch of {len(batch)} samples gives {total.item()}")
    torch.autograd.backward(total)
    require_gradients("the terms", encoder)
    for inner in objective.inner_optimisations():
        untouched = all(parameter.grad is None for parameter in inner.module.parameters())
        require(untouched, f"the terms give a gradient to what the inner optimisation {inner.name!r} moves")
        inner.module.requires_grad_(False)
    require_gradients("the terms", objective)


def _check_inner_optimisations(objective: Objective, encoder: Encoder, batch: Batch) -> None:
    names = [inner.name for inner in objective.inner_optimisations()]
    require(len(set(names)) == len(names), f"inner optimisations share a name: {names}")
    encoder.requires_grad_(False).eval()
    for inner in objective.inner_optimisations():
        what = f"the loss of the inner optimisation {inner.name!r}"
        with state_untouched(what, encoder), global_randomness_untouched(what):
            terms, again = (
                inner.loss(encoder, batch, generator=torch_generator("conformance")) for _ in range(2)
            )
        require(_equal(terms, again), f"equal generators give {what} unequal values")
        _require_scalars(terms, f"{what}: term")
        torch.autograd.backward(torch.stack([*terms.values()]).sum())
        require_gradients(what, inner.module)
    encoder.requires_grad_(True).train()
