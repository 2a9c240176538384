"""What the attention encoders promise beyond the conformance checks."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor
from torch.nn import functional as F

from tsrep.encoders.attention import TransformerBlock, TransformerBlocks
from tsrep.encoders.encoder import UNBOUNDED, Encoder
from tsrep.encoders.inverted_transformer import InvertedTransformer
from tsrep.encoders.patch_transformer import PatchTransformer
from tsrep.encoders.positions import Positions, rotary_table, rotate, sinusoid
from tsrep.encoders.transformer import Transformer
from tsrep.errors import ConfigError, DataError
from tsrep.registry import ENCODERS
from tsrep.rng import torch_generator
from tsrep.testing import check_encoder

KINDS: tuple[Positions, ...] = ("none", "learned", "sinusoid", "rotary")
SMALL: dict[str, dict[str, Any]] = {
    "transformer": {"width": 16, "dim": 10},
    "patch-transformer": {"width": 16, "patch": 8, "stride": 4},
    "inverted-transformer": {"width": 16, "length": 8},
}


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def signals(batch: int = 2, time: int = 40, channels: int = 3) -> Tensor:
    return torch.randn(batch, channels, time, generator=torch_generator("signals"))


def small(name: str, **settings: Any) -> Encoder:
    encoder: Encoder = ENCODERS.build({"name": name} | SMALL[name] | settings, channels=3)
    return encoder


@pytest.mark.parametrize(
    "settings",
    [
        *({"name": "transformer", "positions": kind, "causal": True} for kind in KINDS),
        *({"name": "transformer", "positions": kind, "dim": 10} for kind in KINDS if kind != "sinusoid"),
        *({"name": "patch-transformer", "positions": kind} for kind in KINDS if kind != "sinusoid"),
        {"name": "patch-transformer", "patch": 8, "stride": 8, "dim": 10},
        {"name": "inverted-transformer", "length": 7},
    ],
    ids=str,
)
def test_every_variant_conforms(settings: dict[str, Any]) -> None:
    check_encoder(lambda channels: ENCODERS.build({"width": 16} | settings, channels=channels))


def test_a_block_equals_a_literal_reading() -> None:
    block, tokens = TransformerBlock(6, 2, 5), torch.randn(1, 4, 6)
    bias = torch.tensor([0.0, 0.0, -3e4, 0.0]).expand(1, 1, 1, 4)

    def norm(layer: torch.nn.LayerNorm, row: Tensor) -> Tensor:
        return (row - row.mean()) / (row.var(correction=0) + 1e-5).sqrt() * layer.weight + layer.bias

    with torch.no_grad():
        for part in (block.norm1, block.norm2):
            part.weight.normal_()
            part.bias.normal_()
        query, key, value = torch.stack([block.qkv(norm(block.norm1, row)) for row in tokens[0]]).chunk(3, 1)
        mixed = torch.zeros(4, 6)
        for head in (slice(0, 3), slice(3, 6)):
            for i in range(4):
                scores = torch.tensor([query[i, head] @ key[j, head] / math.sqrt(3) for j in range(4)])
                scores[2] = -math.inf
                mixed[i, head] = sum(scores.softmax(0)[j] * value[j, head] for j in range(4))
        x = tokens[0] + mixed @ block.out.weight.T + block.out.bias
        hidden = torch.stack([block.up(norm(block.norm2, row)) for row in x])
        hidden = hidden * (1 + torch.erf(hidden / math.sqrt(2))) / 2
        expected = x + hidden @ block.down.weight.T + block.down.bias
        torch.testing.assert_close(block(tokens, bias)[0], expected)


@pytest.mark.parametrize("width", [6, 7])
def test_sinusoid_equals_its_formula(width: int) -> None:
    even = width + width % 2
    for place, row in enumerate(sinusoid(5, width).tolist()):
        for i, value in enumerate(row):
            angle = place / 10_000 ** (2 * (i // 2) / even)
            assert value == pytest.approx(math.cos(angle) if i % 2 else math.sin(angle), abs=1e-6)


def test_rotation_keeps_lengths_and_knows_distances_alone() -> None:
    query, key = torch.randn(2, 1, 1, 1, 8).expand(-1, -1, -1, 30, -1)
    table = rotary_table(30, 8)
    a, b = rotate(query, table), rotate(key, table)
    torch.testing.assert_close(a.norm(dim=-1), query.norm(dim=-1))
    scores = (a @ b.mT)[0, 0]
    for distance in range(-29, 30):
        along = scores.diagonal(distance)
        torch.testing.assert_close(along, along[:1].expand_as(along), rtol=1e-4, atol=1e-4)
    assert scores[0].std() > 0.1


@pytest.mark.parametrize("kind", KINDS)
def test_only_without_positions_the_order_of_steps_is_unknown(kind: Positions) -> None:
    encoder, x = Transformer(3, width=16, positions=kind), signals()
    order = torch.randperm(40, generator=torch_generator("order"))
    moved = (encoder(x[..., order]) - encoder(x)[..., order]).abs().amax()
    assert moved < 1e-5 if kind == "none" else moved > 1e-2


@pytest.mark.parametrize("kind", KINDS)
def test_a_causal_transformer_sees_no_later_step_and_any_earlier_one(kind: Positions) -> None:
    encoder, x = Transformer(3, width=16, positions=kind, causal=True), signals()
    keep = torch.rand(2, 40, generator=torch_generator("keep")) < 0.7
    keep[1, :25] = False
    changed = x.clone()
    changed[..., 20:] += 5
    for kept in (None, keep):
        a, b = encoder(x, kept), encoder(changed, kept)
        assert torch.equal(a[..., :20], b[..., :20])
        assert (a[0, :, -1] - b[0, :, -1]).norm() > 1e-3
    x.requires_grad_()
    (grad,) = torch.autograd.grad(encoder(x)[0, :, 30].sum(), x)
    reached = grad[0].abs().sum(0).nonzero()[:, 0]
    assert (int(reached.min()), int(reached.max())) == (0, 30)


@pytest.mark.parametrize("causal", [False, True])
def test_steps_that_are_not_kept_might_as_well_not_be_there(causal: bool) -> None:
    encoder, x = Transformer(3, width=16, positions="none", causal=causal), signals(1)
    keep = torch.rand(1, 40, generator=torch_generator("keep")) < 0.6
    torch.testing.assert_close(encoder(x, keep)[..., keep[0]], encoder(x[..., keep[0]]))


def test_a_patch_without_a_kept_step_might_as_well_not_be_there() -> None:
    encoder = PatchTransformer(3, width=16, patch=8, stride=8, positions="none")
    x = signals(1)
    x[:, 1, 16:24] = torch.nan
    rest = torch.cat([x[..., :16], x[..., 24:]], dim=-1)
    torch.testing.assert_close(encoder(x)[..., [0, 1, 3, 4]], encoder(rest))


def test_a_patch_with_a_kept_step_is_seen() -> None:
    encoder, x = PatchTransformer(3, width=16), signals()
    keep = torch.zeros(2, 40, dtype=torch.bool)
    keep[:, 19] = True
    changed = x.clone()
    changed[..., 19] += 1
    assert ((encoder(x, keep) - encoder(changed, keep)).abs().amax((0, 1)) > 1e-4).all()


@pytest.mark.parametrize("half", [False, True])
@pytest.mark.parametrize(
    ("name", "settings"),
    [
        *((name, {}) for name in SMALL),
        ("transformer", {"causal": True}),
        ("transformer", {"causal": True, "positions": "rotary"}),
        ("patch-transformer", {"positions": "rotary"}),
    ],
)
def test_rows_without_a_kept_step_are_finite(name: str, settings: dict[str, Any], half: bool) -> None:
    encoder, x = small(name, **settings), signals()
    x[1] = torch.nan
    with torch.autocast("cpu", torch.bfloat16, enabled=half):
        z = encoder(x)
        empty = encoder(x, torch.zeros(2, 40, dtype=torch.bool))
    assert z.isfinite().all()
    torch.testing.assert_close(empty[1], z[1])
    torch.testing.assert_close(empty[0], z[1])
    torch.autograd.backward((z + empty).float().square().mean())
    assert all(p.grad is not None and p.grad.isfinite().all() for p in encoder.parameters())


@pytest.mark.parametrize("name", SMALL)
def test_half_precision_agrees_in_values_and_gradients(name: str) -> None:
    encoder, x = small(name), signals()
    x[0, 0, 5:20] = torch.nan
    gradients = []
    for half in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=half):
            z = encoder(x)
        assert z.dtype == (torch.bfloat16 if half else torch.float32)
        loss = (z.float() - 1).square().mean()
        grads = torch.autograd.grad(loss, [*encoder.parameters()])
        gradients.append(torch.cat([grad.flatten() for grad in grads]))
    assert F.cosine_similarity(*gradients, dim=0) > 0.99


@pytest.mark.parametrize("name", SMALL)
def test_gradients_reach_every_parameter(name: str) -> None:
    encoder = small(name, positions="learned") if name != "inverted-transformer" else small(name)
    torch.autograd.backward((encoder(signals()) - 1).square().mean())
    assert all(p.grad is not None and float(p.grad.abs().max()) > 0 for p in encoder.parameters())


def test_gradients_equal_finite_differences() -> None:
    blocks = TransformerBlocks(4, 1, 2, 1.5, 3, causal=True, rotary=True).double()
    tokens = torch.randn(2, 5, 4, dtype=torch.float64, requires_grad=True)
    keep = torch.tensor([[True, False, True, True, True], [False] * 5])
    assert torch.autograd.gradcheck(lambda x: blocks(x, keep), (tokens,))


@pytest.mark.parametrize("time", [8, 15, 16, 39, 336])
def test_patches_are_the_ones_of_the_paper(time: int) -> None:
    encoder, x = PatchTransformer(1), signals(3, time, channels=1)
    seen: list[Tensor] = []
    encoder.input.register_forward_hook(lambda _, args, out: seen.append(args[0]))
    assert encoder(x).shape == (3, 64, time // 8)
    padded = [*x[0, 0].tolist(), *[float(x[0, 0, -1])] * 8]
    expected = torch.tensor([padded[8 * i : 8 * i + 16] for i in range(time // 8)])
    assert torch.equal(seen[0][0], expected)


def test_a_patch_holds_its_channels_one_after_the_other() -> None:
    encoder, x = PatchTransformer(3, width=16), signals()
    seen: list[Tensor] = []
    encoder.input.register_forward_hook(lambda _, args, out: seen.append(args[0]))
    encoder(x)
    assert torch.equal(seen[0][:, 2].unflatten(1, (3, 16)), x[..., 16:32])


def test_a_missing_last_step_is_not_repeated() -> None:
    encoder, x = PatchTransformer(1, width=16), signals(1, channels=1)
    missing = x.clone()
    missing[..., -1] = torch.nan
    zero = x.clone()
    zero[..., -1] = 0
    torch.testing.assert_close(encoder(missing), encoder(zero))


@pytest.mark.parametrize("name", ["transformer", "patch-transformer"])
def test_learned_positions_end_where_they_were_learned(name: str) -> None:
    encoder = small(name, positions="learned", longest=40)
    assert encoder(signals(time=40)).isfinite().all()
    assert encoder.receptive_field == UNBOUNDED
    with pytest.raises(ConfigError, match="larger longest"):
        encoder(signals(time=44))


def test_permuted_channels_permute_the_tokens() -> None:
    encoder, x = InvertedTransformer(3, length=20, width=16), signals()
    tokens = encoder(x).unflatten(1, (3, 16))
    torch.testing.assert_close(encoder(x[:, [2, 0, 1]]).unflatten(1, (3, 16)), tokens[:, [2, 0, 1]])
    assert (tokens[:, 0] - tokens[:, 1]).norm() > 0.1


def test_blocks_are_encoded_on_their_own_and_channels_together() -> None:
    encoder, x = InvertedTransformer(3, length=13, width=16), signals()
    torch.testing.assert_close(encoder(x)[..., 1:2], encoder(x[..., 13:26]))
    changed = x.clone()
    changed[:, 2, 14] += 1
    difference = (encoder(x) - encoder(changed)).unflatten(1, (3, 16)).abs().amax((0, 2))
    assert (difference > 1e-5).tolist() == [[False, True, False]] * 3


@pytest.mark.parametrize("name", SMALL)
def test_exports_with_any_batch_and_length(name: str) -> None:
    encoder, x = small(name).eval(), signals()
    keep = torch.rand(2, 40, generator=torch_generator("keep")) < 0.8
    step = encoder.stride
    batch, time = torch.export.Dim("batch", min=1), torch.export.Dim("time", min=2) * step
    shapes = {"x": {0: batch, 2: time}, "keep": {0: batch, 1: time}}
    exported = torch.export.export(encoder, (x, keep), dynamic_shapes=shapes).module()
    for size, length in ((2, 40), (5, 64)):
        x = signals(size, length)
        keep = torch.rand(size, length, generator=torch_generator("keep")) < 0.8
        torch.testing.assert_close(exported(x, keep), encoder(x, keep), rtol=1e-5, atol=1e-5)


@pytest.mark.parametrize(
    ("name", "settings", "message"),
    [
        ("transformer", {"heads": 3}, "multiple of heads"),
        ("inverted-transformer", {"heads": 3}, "multiple of heads"),
        ("patch-transformer", {"patch": 3}, "leave gaps"),
        ("patch-transformer", {"heads": 16, "positions": "rotary"}, "multiple of 32"),
    ],
)
def test_settings_that_contradict_each_other_are_refused(
    name: str, settings: dict[str, Any], message: str
) -> None:
    with pytest.raises(ConfigError, match=message):
        small(name, **settings)


@pytest.mark.parametrize("settings", [{"depth": 0}, {"feedforward": 0}, {"positions": "fixed"}])
def test_impossible_settings_are_refused(settings: dict[str, Any]) -> None:
    with pytest.raises(ValidationError):
        ENCODERS.entry("transformer").settings(**settings)


@pytest.mark.parametrize("name", ["patch-transformer", "inverted-transformer"])
def test_a_signal_shorter_than_one_token_is_refused(name: str) -> None:
    with pytest.raises(DataError, match="of 3 steps is shorter"):
        small(name)(signals(time=3))


@pytest.mark.parametrize("kind", KINDS)
def test_hidden_patches_are_not_seen(kind: Positions) -> None:
    encoder = PatchTransformer(3, width=16, patch=8, stride=8, positions=kind)
    visible = torch.tensor([[0, 2, 3], [1, 3, 4]])
    x, changed = signals(), signals()
    hidden = torch.ones(2, 5, dtype=torch.bool).scatter(1, visible, False).repeat_interleave(8, dim=1)
    changed[hidden[:, None].expand_as(x)] = torch.nan
    found = encoder.visible_tokens(changed, visible)
    assert torch.equal(found, encoder.visible_tokens(x, visible))
    torch.testing.assert_close(found, encoder.tokens(changed).take_along_dim(visible[..., None], 1))
    moved = encoder.visible_tokens(x, visible + torch.tensor([[0], [-1]]))
    assert not torch.allclose(moved[1], found[1])  # another place, another patch
