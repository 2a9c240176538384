"""Dropout drawn from a generator: its rate, its mean and its gradient."""

import pytest
import torch

from tsrep.rng import torch_generator
from tsrep.views.dropout import dropout, dropout_mask, dropped


@pytest.mark.parametrize("probability", [0.0, 0.1, 0.5])
def test_dropout_share_and_mean(probability):
    keep = dropout_mask((31, 107, 33), probability, generator=torch_generator(0))
    z = dropped(torch.ones(31, 107, 33), keep, probability)

    assert keep.float().mean().item() == pytest.approx(1 - probability, abs=0.005)
    assert z.mean().item() == pytest.approx(1, abs=0.01)
    assert set(z.unique().tolist()) <= {0.0, torch.tensor(1 / (1 - probability)).item()}


def test_dropped_elements_have_no_gradient():
    keep = torch.tensor([True, False, True])
    z = torch.tensor([1.0, 2.0, torch.nan], requires_grad=True)

    dropped(z, keep, 0.5).sum().backward()

    assert z.grad.tolist() == [2.0, 0.0, 2.0]


def test_dropout_keeps_the_mean_and_the_rate():
    z = dropout(torch.ones(100, 100, 20), 0.1, generator=torch_generator(2))

    assert (z == 0).float().mean().item() == pytest.approx(0.1, abs=0.005)
    assert z.mean().item() == pytest.approx(1, abs=0.005)


def test_dropout_of_nothing_is_the_identity():
    z = torch.ones(2, 3)

    assert dropout(z, 0.0, generator=torch_generator(2)) is z
