"""Conformance of losses."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import torch
from torch import Tensor

from tsrep.losses.loss import Loss
from tsrep.losses.relation import Relation, Samples
from tsrep.rng import torch_generator
from tsrep.testing.assertions import close, global_randomness_untouched, require, require_factory, taken
from tsrep.testing.examples import example_batch

SIZE, DIM = 16, 4
FACTS = {"label", "trial", "patient", "target"}
Terms = dict[str, Tensor]
SINGLE = "convert what is subtracted or summed with tsrep.losses.similarity.single"


def check_loss(make: Callable[[], Loss]) -> None:
    """Check what a loss promises; see :class:`tsrep.losses.loss.Loss`.

    Parameters
    ----------
    make : callable
        ``make()`` gives a fresh loss.

    Raises
    ------
    AssertionError
        Naming the broken promise.
    """
    require_factory("loss", make)
    loss = make()
    for name in ("bank", "draws"):
        told = f"forward takes no {name}; write forward(self, z, relation=None, *, bank=None, draws=None)"
        require(name in taken(loss.forward, {name: None}), told)
    require(not loss.needs - FACTS, f"needs names {sorted(loss.needs - FACTS)}, which no sample has")
    require(not loss.state_dict(), "a loss keeps no state; what moves belongs to an objective")
    z = torch.randn(2, SIZE, DIM, generator=torch_generator("loss"), dtype=torch.float64)
    relation = Relation(_samples())
    _check_terms(loss, z, relation)
    _check_draws(loss)
    _check_order(loss, z, relation)
    _check_lengths(loss, z, relation)
    _check_gradients(loss, z, relation)
    _check_half_precision(loss, z, relation)
    _check_unusual(loss, z, relation)
    _check_what_it_reads(loss, z, relation)


def _samples() -> Samples:
    batch = example_batch(SIZE)
    target = torch.randn(SIZE, 1, generator=torch_generator("target"))
    return Samples.of(replace(batch, target=target), windows=True)


def _draws(loss: Loss, key: int = 0) -> Tensor | None:
    return loss.draw((2, SIZE, DIM), generator=torch_generator("draws", key))


def _total(terms: Terms) -> Tensor:
    return torch.stack([*terms.values()]).sum()


def _value(loss: Loss, z: Tensor, relation: Relation) -> Tensor:
    return _total(loss(z, relation, draws=_draws(loss)))


def _check_terms(loss: Loss, z: Tensor, relation: Relation) -> None:
    with global_randomness_untouched("the loss"):
        terms = loss(z, relation, draws=_draws(loss))
    require(len(terms) > 0, "the loss gives no terms")
    for name, term in terms.items():
        require(term.shape == (), f"term {name!r} has shape {tuple(term.shape)}, not that of a scalar")
        require(bool(term.isfinite()), f"term {name!r} is {term.item()}")
    require(close(_value(loss, z, relation), _total(terms)), "the same rows give unequal values")


def _check_draws(loss: Loss) -> None:
    one, again = _draws(loss), _draws(loss)
    same = one is None or (again is not None and torch.equal(one, again))
    require(same, "equal generators give unequal draws")


def _check_order(loss: Loss, z: Tensor, relation: Relation) -> None:
    if _draws(loss) is not None:
        return  # what is drawn may belong to a place in the batch
    order = torch.randperm(SIZE, generator=torch_generator("order"))
    moved = replace(relation.samples.at(order), place=torch.arange(SIZE))
    same = close(_value(loss, z[:, order], Relation(moved)), _value(loss, z, relation))
    require(same, "the value depends on the order of the samples")


def _check_lengths(loss: Loss, z: Tensor, relation: Relation) -> None:
    if not loss.normalises:
        return
    lengths = 1 + torch.arange(2 * SIZE, dtype=z.dtype).view(2, SIZE, 1)
    same = close(_value(loss, z * lengths, relation), _value(loss, z, relation))
    require(same, "the value depends on the length of rows; say normalises = False or bring them to one")


def _check_gradients(loss: Loss, z: Tensor, relation: Relation) -> None:
    few = z.clone().requires_grad_()
    with torch.enable_grad():
        right = torch.autograd.gradcheck(lambda x: _value(loss, x, relation), (few,), raise_exception=False)
    require(right or loss.detaches, "the gradient is not that of the value")


def _check_half_precision(loss: Loss, z: Tensor, relation: Relation) -> None:
    rounded = z.bfloat16()
    with torch.autocast("cpu", torch.bfloat16):
        low = _value(loss, rounded, relation)
    require(low.dtype == torch.float32, f"half precision gives a value in {low.dtype}, not float32; {SINGLE}")
    same = close(low, _value(loss, rounded.float(), relation), rtol=1e-2, atol=1e-2)
    require(same, f"half precision is not computed in float32; {SINGLE}")


def _check_unusual(loss: Loss, z: Tensor, relation: Relation) -> None:
    dead = z.clone()
    dead[0, 3] = 0
    cases = {
        "a row of zeros": dead,
        "two views alike": z[:1].expand(2, -1, -1),
        "equal rows": z[:, :1] + 0 * z,
    }
    for what, rows in cases.items():
        leaf = rows.clone().requires_grad_()
        value = _value(loss, leaf, relation)
        require(bool(value.isfinite()), f"{what}: the value is {value.item()}")
        (gradient,) = torch.autograd.grad(value, leaf)
        require(bool(gradient.isfinite().all()), f"{what}: the gradient is not finite")
    alone = replace(
        relation.samples, **dict.fromkeys(("sample", "label", "patient", "trial"), torch.zeros(SIZE))
    )
    leaf = z.clone().requires_grad_()
    value = _value(loss, leaf, Relation(alone))
    (gradient,) = torch.autograd.grad(value, leaf)
    finite = bool(value.isfinite()) and bool(gradient.isfinite().all())
    require(finite, "a batch of one sample over and over gives a value or gradient that is not finite")


def _check_what_it_reads(loss: Loss, z: Tensor, relation: Relation) -> None:
    value = _value(loss, z, relation)
    for name in FACTS - loss.needs:
        facts = {name: getattr(relation.samples, name).flip(0)}
        same = close(_value(loss, z, Relation(replace(relation.samples, **facts))), value)
        require(same, f"the value depends on {name}, which needs leaves out")
