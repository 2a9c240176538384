"""NT-Xent against a literal loop, closed forms and symmetries."""

from __future__ import annotations

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from tsrep.losses.classification import classification_loss
from tsrep.losses.nt_xent import ntxent
from tsrep.rng import torch_generator


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def _literal(z1: Tensor, z2: Tensor, temperature: float) -> Tensor:
    """Equation 1 of Chen et al., one anchor after the other."""
    n, views = len(z1), [*z1, *z2]
    terms = []
    for i, anchor in enumerate(views):
        similar = [torch.cosine_similarity(anchor, other, dim=0) / temperature for other in views]
        others = torch.stack([s for k, s in enumerate(similar) if k != i])
        terms.append(others.exp().sum().log() - similar[(i + n) % (2 * n)])
    return torch.stack(terms).mean()


@given(n=st.integers(1, 6), dim=st.integers(1, 5), temperature=st.floats(0.1, 2), seed=st.integers(0, 99))
@settings(max_examples=30, deadline=None)
def test_values_and_gradients_equal_the_literal_loop(n: int, dim: int, temperature: float, seed: int) -> None:
    z = torch.randn(2, n, dim, generator=torch_generator(seed), dtype=torch.float64)
    mine, theirs = z.clone().requires_grad_(), z.clone().requires_grad_()
    one = ntxent(*mine, temperature=temperature)
    other = _literal(*theirs, temperature=temperature)
    torch.testing.assert_close(one, other)
    one.backward()
    other.backward()
    torch.testing.assert_close(mine.grad, theirs.grad)


def test_orthogonal_samples_closed_form() -> None:
    z = torch.eye(5)
    expected = math.log(math.exp(1 / 0.5) + 8) - 1 / 0.5
    assert ntxent(z, z, temperature=0.5).item() == pytest.approx(expected, rel=1e-6)


def test_collapse_costs_the_logarithm_of_the_candidates() -> None:
    z = torch.ones(7, 3)
    assert ntxent(z, z, temperature=0.1).item() == pytest.approx(math.log(13), rel=1e-6)


def test_length_and_order_do_not_matter() -> None:
    z1, z2 = torch.randn(2, 6, 4, generator=torch_generator(0))
    order = torch.tensor([3, 1, 5, 0, 2, 4])
    value = ntxent(z1, z2)
    torch.testing.assert_close(ntxent(7 * z1, 0.2 * z2), value)
    torch.testing.assert_close(ntxent(z1[order], z2[order]), value)
    torch.testing.assert_close(ntxent(z2, z1), value)


def test_autocast_keeps_float32() -> None:
    z1, z2 = torch.randn(2, 16, 32, generator=torch_generator(0))
    plain = ntxent(z1, z2)
    with torch.autocast("cpu", torch.bfloat16):
        under = ntxent(z1, z2)
        low = ntxent(z1.bfloat16(), z2.bfloat16())
    assert under.dtype == low.dtype == torch.float32
    torch.testing.assert_close(under, plain, rtol=0, atol=0)
    torch.testing.assert_close(low, plain, rtol=0.02, atol=0)


def test_uniform_logits_cost_log_of_the_classes() -> None:
    exclusive = classification_loss(torch.zeros(4, 5), torch.tensor([0, 1, 4, 2]))
    several = classification_loss(torch.zeros(4, 5), torch.rand(4, 5) < 0.5)
    assert exclusive.item() == pytest.approx(math.log(5))
    assert several.item() == pytest.approx(math.log(2))


def test_classification_is_in_float32_for_half_logits() -> None:
    logits = torch.randn(4, 5).bfloat16()
    assert classification_loss(logits, torch.zeros(4, dtype=torch.long)).dtype == torch.float32


def test_unknown_labels_take_no_part_in_the_classification_loss() -> None:
    generator = torch_generator(3)
    logits = torch.randn(6, 4, generator=generator, dtype=torch.float64, requires_grad=True)
    label, known = (torch.rand(6, 4, generator=generator) < share for share in (0.5, 0.6))
    known[:, 2] = False  # no sample of the batch states it
    loss = classification_loss(logits, label, known)
    sign = torch.where(label, -1.0, 1.0) * logits
    each = [torch.nn.functional.softplus(sign[known[:, c], c]).mean() for c in (0, 1, 3)]
    torch.testing.assert_close(loss, torch.stack(each).mean().float())
    loss.backward()
    assert not logits.grad[~known].any()
    assert logits.grad[known].all()
    torch.testing.assert_close(classification_loss(logits, label ^ ~known, known), loss, rtol=0, atol=0)
    whole = classification_loss(logits, label, torch.ones_like(known))
    torch.testing.assert_close(whole, classification_loss(logits, label))
    assert classification_loss(logits, label, torch.zeros_like(known)) == 0
