"""ProbSparse attention against a loop over queries, and the Informer encoder."""

import math

import pytest
import torch
from pydantic import ValidationError
from torch import nn
from torch.nn import functional as F

from tsrep.encoders.informer import Informer, prob_sparse_attention, sampled_keys, sparse_count, sparsity
from tsrep.errors import ConfigError
from tsrep.registry import ENCODERS

ALL = 1000


@pytest.fixture(autouse=True)
def _same_weights():
    torch.manual_seed(0)


def signals(batch=2, time=40, key=1):
    return torch.randn(batch, 3, time, generator=torch.Generator().manual_seed(key))


def small(**settings):
    torch.manual_seed(0)
    sizes = {"width": 16, "dim": 10, "layers": 2, "heads": 4, "feedforward": 8}
    return Informer(3, **(sizes | settings)).eval()


def parts(time=30, width=4, batch=2, heads=3):
    torch.manual_seed(2)
    return torch.randn(3, batch, heads, time, width, dtype=torch.float64)


def literal(query, key, value, sampled, keep, active, measure):
    """One query at a time, as the paper says it."""
    out = torch.empty_like(value)
    for b in range(len(query)):
        there = [s for s in range(query.shape[2]) if keep[b, s]]
        for h in range(query.shape[1]):
            q, k, v = query[b, h], key[b, h], value[b, h]
            measured = []
            for t in range(len(q)):
                scores = [float(q[t] @ k[s]) for s in sampled[t].tolist() if keep[b, s]]
                over = len(scores) if measure == "mean" else len(there)
                measured.append(max(scores) - sum(scores) / over if scores else -math.inf)
            first = sorted(range(len(q)), key=lambda t: -measured[t])[:active]
            for t in range(len(q)):
                out[b, h, t] = v[there].mean(0)
                if t in first:
                    weight = torch.softmax(
                        torch.stack([q[t] @ k[s] for s in there]) / math.sqrt(len(q[t])), 0
                    )
                    out[b, h, t] = weight @ v[there]
    return out


@pytest.mark.parametrize("measure", ["mean", "published"])
@pytest.mark.parametrize("kept", [1.0, 0.6])
@pytest.mark.parametrize("width", [1, 4])  # 1: the sampled keys are gathered; 4: all scores are made
def test_attention_equals_a_loop_over_queries(width, kept, measure):
    query, key, value = parts(width=width)
    keep = torch.rand(2, 30) < kept
    (sampled,) = sampled_keys(1, 30, 12, seed=0)

    got = prob_sparse_attention(query, key, value, sampled, keep, active=9, measure=measure)

    torch.testing.assert_close(got, literal(query, key, value, sampled, keep, 9, measure))


def test_both_ways_to_the_sampled_scores_agree():
    query, key, _ = parts(time=40, width=8)
    keep = torch.rand(2, 40) < 0.7
    (few,) = sampled_keys(1, 40, 4, seed=0)
    many = few.repeat(1, 2)  # the same keys twice: the same maximum and mean

    torch.testing.assert_close(sparsity(query, key, few, keep), sparsity(query, key, many, keep))


def test_all_keys_and_queries_give_full_attention():
    query, key, value = parts()
    keep = torch.rand(2, 30) < 0.7
    (sampled,) = sampled_keys(1, 30, 30, seed=0)

    got = prob_sparse_attention(query, key, value, sampled, keep, active=30)

    full = F.scaled_dot_product_attention(query, key, value, attn_mask=keep[:, None, None])
    torch.testing.assert_close(got, full)


def test_gradients_are_those_of_finite_differences():
    query, key, value = (part.clone().requires_grad_() for part in parts(time=7, heads=2, batch=1))
    keep = torch.tensor([[True] * 5 + [False, True]])
    (sampled,) = sampled_keys(1, 7, 3, seed=0)

    def attend(*parts):
        return prob_sparse_attention(*parts, sampled, keep, active=3)

    assert torch.autograd.gradcheck(attend, (query, key, value))


@pytest.mark.parametrize(("length", "count"), [(1, 1), (2, 2), (24, 12), (96, 15), (168, 18), (720, 21)])
def test_counts_are_those_of_the_paper(length, count):
    assert sparse_count(length, 3) == count


def test_sampled_keys_are_a_function_of_seed_and_length():
    torch.manual_seed(5)
    one = sampled_keys(5, 168, 18, seed=3)
    torch.manual_seed(6)

    assert torch.equal(one, sampled_keys(5, 168, 18, seed=3))
    assert not torch.equal(one, sampled_keys(5, 168, 18, seed=4))
    assert not torch.equal(one[0], one[1])
    counts = one.flatten().bincount(minlength=168).double()
    expected = one.numel() / 168
    assert len(counts) == 168
    assert ((counts - expected) ** 2 / expected).sum() < 168 + 5 * math.sqrt(2 * 168)  # chi-square, 5 sigma
    assert torch.equal(sampled_keys(2, 6, 6, seed=0)[1, 3], torch.arange(6))


class Plain(nn.Module):
    """A block as torch's own parts write it, with full attention."""

    def __init__(self, block, width, heads):
        super().__init__()
        self.block = block
        self.attention = nn.MultiheadAttention(width, heads, batch_first=True)
        enter, leave = block.attention.enter, block.attention.leave
        values = (enter.weight, enter.bias, leave.weight, leave.bias)
        mine = self.attention
        theirs = (mine.in_proj_weight, mine.in_proj_bias, mine.out_proj.weight, mine.out_proj.bias)
        for target, value in zip(theirs, values, strict=True):
            target.data = value.data

    def forward(self, x, keep):
        attended = self.attention(x, x, x, key_padding_mask=~keep, need_weights=False)[0]
        x = self.block.norm1(x + attended)
        return self.block.norm2(x + self.block.mix(x))


def test_with_every_step_active_it_is_a_plain_transformer():
    encoder, x = small(factor=ALL, positions="none"), signals()
    keep = torch.rand(2, 40) < 0.7

    latent = encoder.input(x.mT) * keep[..., None]
    for block in encoder.blocks:
        latent = Plain(block, 16, 4)(latent, keep)

    expected = encoder.output(encoder.norm(latent)).mT
    torch.testing.assert_close(encoder(x, keep), expected, rtol=1e-5, atol=1e-5)


def test_without_positions_and_with_full_attention_order_is_unknown():
    x, order = signals(), torch.randperm(40)
    blind, seeing = small(factor=ALL, positions="none"), small(factor=ALL)

    assert (blind(x[..., order]) - blind(x)[..., order]).abs().max() < 1e-5
    assert (seeing(x[..., order]) - seeing(x)[..., order]).abs().max() > 1e-2


def test_two_passes_are_equal_in_any_state_of_the_generators():
    encoder, x = small(factor=1, positions="none"), signals(4, 96)
    one = encoder(x)
    torch.manual_seed(77)

    assert torch.equal(one, encoder.train()(x))
    assert not torch.equal(one, small(factor=1, positions="none", seed=1)(x))


def test_few_steps_attend_and_the_rest_share_the_mean():
    query, key, value = parts(time=30)
    (sampled,) = sampled_keys(1, 30, 12, seed=0)
    keep = torch.ones(2, 30, dtype=torch.bool)

    got = prob_sparse_attention(query, key, value, sampled, keep, active=5)

    lazy = (got - value.mean(2, keepdim=True)).abs().amax(-1) < 1e-12
    assert (lazy.sum(-1) == 25).all()


def test_a_sample_without_any_step_is_finite_and_alone():
    encoder, x = small(), signals().requires_grad_()
    gone = torch.where(torch.tensor([True, False])[:, None, None], torch.nan, x)

    z = encoder(gone)
    z.square().sum().backward()

    assert z.isfinite().all()
    assert all(p.grad.isfinite().all() for p in encoder.parameters())
    torch.testing.assert_close(z[1:], encoder(x[1:]))


def test_bfloat16_autocast_stays_close():
    encoder, x = small(width=32, dim=64, factor=ALL), signals(time=50)
    with torch.autocast("cpu", torch.bfloat16):
        z = encoder(x)
    z.float().square().mean().backward()

    exact = encoder(x)
    assert (z - exact).norm() < 0.02 * exact.norm()
    assert all(p.grad.dtype == torch.float32 and p.grad.isfinite().all() for p in encoder.parameters())


def test_exports_with_any_batch():
    encoder, x = small(), signals(time=24)
    shapes = {"x": {0: torch.export.Dim("batch", min=1)}}

    exported = torch.export.export(encoder, (x,), dynamic_shapes=shapes).module()

    for size in (2, 5):
        x = signals(size, 24, key=size)
        torch.testing.assert_close(exported(x), encoder(x), rtol=1e-5, atol=1e-6)


def test_is_registered_with_the_published_size():
    encoder = ENCODERS.build({"name": "informer"}, channels=7)
    count = sum(p.numel() for p in encoder.parameters())

    assert count - (7 + 1) * 128 == 457_216
    assert (encoder.dim, encoder.stride, encoder.causal) == (320, 1, False)


@pytest.mark.parametrize(
    "settings", [{"factor": 0}, {"positions": "rotary"}, {"measure": "sum"}, {"seed": -1}, {"heads": 0}]
)
def test_impossible_settings_are_refused(settings):
    with pytest.raises(ValidationError):
        ENCODERS.entry("informer").settings(**settings)


def test_heads_that_cannot_share_the_width_are_refused():
    with pytest.raises(ConfigError, match="width is 16, which 3 heads cannot share"):
        small(heads=3)
