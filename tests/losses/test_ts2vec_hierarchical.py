import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch.nn import functional as F

from tsrep.losses.ts2vec_hierarchical import (
    halve_time,
    hierarchical_contrast,
    observation_contrast,
    sample_contrast,
    ts2vec_contrast,
)


def pair(batch=3, dim=4, time=11, dtype=torch.float64):
    generator = torch.Generator().manual_seed(0)
    z = torch.randn(2, batch, dim, time, generator=generator, dtype=dtype)
    return z[0].requires_grad_(), z[1].requires_grad_()


def literal(z1, z2, observation, sample, single_step):
    values, levels = [], 0
    while z1.shape[-1] > 1:
        values += [observation * observation_contrast(z1, z2), sample * sample_contrast(z1, z2)]
        z1, z2, levels = F.max_pool1d(z1, 2), F.max_pool1d(z2, 2), levels + 1
    if single_step:
        values, levels = [*values, sample * sample_contrast(z1, z2)], levels + 1
    return sum(values) / levels


@pytest.mark.parametrize("single_step", [False, True])
@pytest.mark.parametrize("time", [2, 3, 11, 16])
def test_pyramid_with_gradient(time, single_step):
    views = pair(time=time)

    ours = hierarchical_contrast(*views, observation=0.3, sample=0.6, single_step=single_step)
    theirs = literal(*views, 0.3, 0.6, single_step)

    torch.testing.assert_close(ours, theirs)
    for a, b in zip(torch.autograd.grad(ours, views), torch.autograd.grad(theirs, views), strict=True):
        torch.testing.assert_close(a, b)


@settings(deadline=None, max_examples=25)
@given(time=st.integers(2, 40), batch=st.integers(1, 4))
def test_the_two_contrasts_exchange_batch_and_time(time, batch):
    z1, z2 = pair(batch, 3, time)

    across_time = observation_contrast(z1, z2)
    across_batch = sample_contrast(z1.transpose(0, 2), z2.transpose(0, 2))

    torch.testing.assert_close(across_time, across_batch)


@pytest.mark.parametrize("time", [1, 2, 3, 8, 9])
def test_halving_is_max_pooling(time):
    z = pair(time=time)[0] if time > 1 else pair(time=2)[0][..., :1]
    if time == 1:
        assert halve_time(z).shape == (3, 4, 0)
        return
    ours, theirs = halve_time(z), F.max_pool1d(z, 2)

    torch.testing.assert_close(ours, theirs)
    torch.testing.assert_close(
        torch.autograd.grad(ours.square().sum(), z), torch.autograd.grad(theirs.square().sum(), z)
    )


def test_halving_gives_a_tie_to_the_first_step():
    z = torch.zeros(1, 1, 2, requires_grad=True)

    halve_time(z).sum().backward()

    assert z.grad.tolist() == [[[1.0, 0.0]]]


def test_gradcheck_of_halving():
    assert torch.autograd.gradcheck(halve_time, (pair(time=5)[0],))


def test_batch_of_one_has_no_sample_contrast_but_a_gradient():
    z1, z2 = pair(batch=1)

    loss = hierarchical_contrast(z1, z2, sample=1.0)
    loss.backward()

    assert loss.item() == pytest.approx(0, abs=1e-12)
    assert z1.grad.abs().max() < 1e-12


def test_constant_views_give_the_log_of_the_number_of_candidates():
    z = torch.ones(4, 3, 8)

    expected = torch.tensor([15.0, 7.0, 3.0]).log().mean()
    torch.testing.assert_close(hierarchical_contrast(z, z, observation=1.0), expected)
    torch.testing.assert_close(hierarchical_contrast(z, z, sample=1.0), torch.tensor(7.0).log())


def test_order_of_the_batch_does_not_matter():
    z1, z2 = pair()
    order = torch.tensor([2, 0, 1])

    torch.testing.assert_close(
        ts2vec_contrast(z1[order], z2[order], alpha=0.4), ts2vec_contrast(z1, z2, alpha=0.4)
    )


def test_temporal_unit_leaves_out_the_finest_levels():
    z1, z2 = pair(time=8)

    loss = hierarchical_contrast(z1, z2, observation=1.0, temporal_unit=2)

    pooled = [F.max_pool1d(z, 4) for z in (z1, z2)]
    torch.testing.assert_close(loss, observation_contrast(*pooled) / 3)


def test_a_weight_of_zero_is_not_computed(monkeypatch):
    def never(*_):
        raise AssertionError

    monkeypatch.setattr("tsrep.losses.ts2vec_hierarchical.sample_contrast", never)

    hierarchical_contrast(*pair(), observation=1.0)
