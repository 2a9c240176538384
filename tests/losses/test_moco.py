"""Contrast with a queue against a literal reading, closed forms, gradients and invariances."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor
from torch.nn import functional as F

from tsrep.losses.infonce import InfoNCE
from tsrep.losses.relation import Apart, Given, Relation, Samples
from tsrep.rng import torch_generator


def normal(*shape: int, key: int = 0) -> Tensor:
    return torch.randn(shape, generator=torch_generator("queue", key), dtype=torch.float64)


def queue_contrast(
    q: Tensor, k: Tensor, queue: Tensor, allowed: Tensor | None = None, *, temperature: float
) -> Tensor:
    rules = () if allowed is None else (Given(allowed),)
    bank = Samples.plain(len(queue))
    relation = Relation(Samples.plain(len(q)), bank=bank, negatives=rules, in_batch=False)
    return InfoNCE(temperature)(torch.stack([q, k]), relation, bank=queue)["contrast"]


def located(windows: list[tuple[int, int]]) -> Samples:
    patient, start = torch.tensor(windows).unbind(1)
    return Samples.plain(1).unknown(patient, start)


def literal(q: Tensor, k: Tensor, queue: Tensor, temperature: float, allowed: Tensor) -> float:
    total = 0.0
    for i in range(len(q)):
        own = math.exp(F.cosine_similarity(q[i], k[i], dim=0).item() / temperature)
        others = sum(
            math.exp(F.cosine_similarity(q[i], queue[j], dim=0).item() / temperature)
            for j in range(len(queue))
            if allowed[i, j]
        )
        total -= math.log(own / (own + others))
    return total / len(q)


@pytest.mark.parametrize("temperature", [1.0, 0.07])
def test_equals_a_literal_reading(temperature: float) -> None:
    q, k, queue = normal(5, 6), normal(5, 6, key=1), normal(11, 6, key=2)
    some = normal(5, 11, key=3) > 0
    for allowed in (None, some):
        value = queue_contrast(q, k, queue, temperature=temperature, allowed=allowed)
        everything = torch.ones_like(some) if allowed is None else allowed
        assert value.item() == pytest.approx(literal(q, k, queue, temperature, everything))


def test_closed_forms() -> None:
    q = F.one_hot(torch.zeros(3, dtype=torch.long), 4).double()
    away = F.one_hot(torch.tensor([1, 2, 3, 1, 2]), 4).double()
    same = queue_contrast(q, q, q[:1].expand(5, -1), temperature=0.2)
    assert same.item() == pytest.approx(math.log(6))
    orthogonal = queue_contrast(q, q, away, temperature=0.2)
    assert orthogonal.item() == pytest.approx(math.log1p(5 * math.exp(-1 / 0.2)))


def test_gradients() -> None:
    q, k, queue = normal(3, 4), normal(3, 4, key=1), normal(5, 4, key=2)
    allowed = normal(3, 5, key=3) > 0

    def loss(q: Tensor, k: Tensor) -> Tensor:
        return queue_contrast(q, k, queue, temperature=0.5, allowed=allowed)

    assert torch.autograd.gradcheck(loss, (q.requires_grad_(), k.requires_grad_()))


def test_order_and_length_of_rows_do_not_matter() -> None:
    q, k, queue = normal(4, 5), normal(4, 5, key=1), normal(9, 5, key=2)
    allowed = normal(4, 9, key=3) > 0
    order = torch.randperm(9, generator=torch_generator("order"))
    value = queue_contrast(q, k, queue, temperature=0.1, allowed=allowed)
    moved = queue_contrast(q, k, queue[order], temperature=0.1, allowed=allowed[:, order])
    lengths = torch.arange(1, 10, dtype=torch.float64)[:, None]
    scaled = queue_contrast(3 * q, 0.2 * k, queue * lengths, temperature=0.1, allowed=allowed)
    torch.testing.assert_close(moved, value)
    torch.testing.assert_close(scaled, value)


def test_what_is_not_allowed_is_as_good_as_absent() -> None:
    q, k, queue = normal(4, 5), normal(4, 5, key=1), normal(9, 5, key=2)
    allowed = (torch.arange(9) < 6).expand(4, -1)
    value = queue_contrast(q, k, queue, temperature=0.1, allowed=allowed)
    torch.testing.assert_close(value, queue_contrast(q, k, queue[:6], temperature=0.1))


def test_without_negatives_there_is_no_loss_and_no_gradient() -> None:
    q = normal(4, 5).requires_grad_()
    loss = queue_contrast(
        q, normal(4, 5, key=1), normal(9, 5), temperature=0.1, allowed=torch.zeros(4, 9).bool()
    )
    loss.backward()
    assert loss.item() == 0
    assert q.grad is not None
    assert q.grad.abs().max() == 0


def test_half_precision_is_summed_in_single() -> None:
    q, k, queue = (rows.bfloat16() for rows in (normal(4, 5), normal(4, 5, key=1), normal(9, 5, key=2)))
    with torch.autocast("cpu", torch.bfloat16):
        value = queue_contrast(q, k, queue, temperature=0.07)
    assert value.dtype == torch.float32
    exact = queue_contrast(q.double(), k.double(), queue.double(), temperature=0.07)
    assert value.item() == pytest.approx(exact.item(), rel=1e-5)


windows = st.lists(st.tuples(st.integers(0, 2), st.integers(0, 30)), min_size=1, max_size=6)


@given(windows, windows, st.integers(0, 12))
@settings(max_examples=50, deadline=None)
def test_an_exclusion_zone_of_the_window_length_leaves_out_exactly_what_overlaps(
    one: list[tuple[int, int]], other: list[tuple[int, int]], length: int
) -> None:
    distinct = Apart(length)(located(one), located(other))
    for i, (record, start) in enumerate(one):
        steps = {(record, start + t) for t in range(length)}
        for j, (other_record, other_start) in enumerate(other):
            overlap = steps & {(other_record, other_start + t) for t in range(length)}
            assert bool(distinct[i, j]) == (not overlap)
