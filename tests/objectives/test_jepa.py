"""JEPA: the public codes' numbers, masks, the teacher, and a signal that only others of its parts tell."""

from __future__ import annotations

import functools
import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from benchmarks.objectives_simulated import SIMULATIONS, built, gains
from tsrep.encoders.attention import TransformerBlock
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.patch_transformer import PatchTransformer
from tsrep.encoders.positions import sinusoid
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.losses.hidden_tokens import drawn_spans, drawn_union, hidden_token_error, others
from tsrep.objectives.jepa import Jepa, Predictor, encoded
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights, torch_generator
from tsrep.signals import Panel
from tsrep.testing import check_objective
from tsrep.testing.examples import example_batch

Golden = dict[str, Tensor]


def load(path: Path) -> Golden:
    return {key: torch.from_numpy(np.asarray(value)) for key, value in np.load(path).items()}


class WithRegister(PatchTransformer):
    """As the public encoder: a learned token goes first and is taken off again."""

    def __init__(self) -> None:
        super().__init__(3, width=16, patch=5, stride=5, depth=2, heads=2)
        self.register = nn.Parameter(torch.empty(1, 1, 16))
        self.blocks.output = nn.Identity()

    def tokens(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        latent, _ = self._patches(x, keep)
        return self._without(latent)

    def visible_tokens(self, x: Tensor, visible: Tensor) -> Tensor:
        latent, _ = self._patches(x, None)
        return self._without(latent.take_along_dim(visible[..., None], dim=1))

    def _without(self, latent: Tensor) -> Tensor:
        tokens: Tensor = self.blocks(torch.cat([self.register.expand(len(latent), -1, -1), latent], 1))
        return tokens[:, 1:]


def fill(module: nn.Module, golden: Golden, prefix: str, names: dict[str, str]) -> None:
    """Weights by the names that the public code has for them; biases, which it lacks, are zero."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            public = functools.reduce(lambda n, pair: n.replace(*pair), names.items(), name)
            value = golden.get(f"w.{prefix}{public}")
            parameter.zero_() if value is None else parameter.copy_(_shaped(value, parameter))
    for part in module.modules():
        if isinstance(part, nn.LayerNorm):
            part.eps = 1e-6


def _shaped(value: Tensor, parameter: Tensor) -> Tensor:
    # their patches are a convolution, (width, channel, step); ours are a matrix of the same order
    return value.reshape(parameter.shape)


BLOCK = {"qkv": "attn.qkv", "out.": "attn.proj.", "up.": "mlp.fc1.", "down.": "mlp.fc2."}
OURS = {"blocks.blocks": "blocks", "blocks.norm": "norm", "blocks.output": "proj", **BLOCK}


def public_positions(tokens: int, width: int, device: Any = None) -> Tensor:
    """Ours but for the last digit, as angles are rounded in another order."""
    rate = torch.exp(torch.arange(0, width, 2) * (-math.log(10000.0) / width))
    angles = torch.arange(tokens, dtype=torch.float32)[:, None] * rate
    found = torch.stack([angles.sin(), angles.cos()], dim=-1).flatten(1)
    torch.testing.assert_close(found, sinusoid(tokens, width))
    return found


def test_the_step_of_the_public_code(shared_path: Callable[[str], Path], monkeypatch: Any) -> None:
    golden = load(shared_path("golden/baselines/jepa_kweimann.npz"))
    for module in ("encoders.positions", "objectives.jepa"):
        monkeypatch.setattr(f"tsrep.{module}.sinusoid", public_positions)
    encoder = WithRegister().double()
    objective = Jepa(16, 5, form="published", width=8, depth=1, heads=2)
    objective.predictor = Predictor(16, 8, 1, 2, feedforward=2.0).double()
    fill(objective.predictor, golden, "predictor.", {"hidden": "mask_token", **OURS})
    names = {"input.": "patch_embed.proj.", "register": "registers", **OURS}
    fill(encoder, golden, "target_encoder.", names)
    objective.attach(encoder)
    fill(encoder, golden, "encoder.", names)
    slow = objective.teacher.copies()
    slow.follow(encoder, momentum=float(golden["momentum"]))
    after = slow[0].input.weight.unflatten(1, (3, 5))  # type: ignore[union-attr,operator]
    torch.testing.assert_close(after, golden["target_after_patch_weight"], rtol=1e-12, atol=0)
    x = golden["x"].clone().requires_grad_()
    torch.testing.assert_close(encoded(encoder, x, golden["keep"]), golden["context"], rtol=1e-9, atol=1e-12)
    assert torch.equal(others(golden["keep"], 10), golden["hide"])
    monkeypatch.setattr(objective, "_visible", lambda *_: golden["keep"])
    batch = example_batch(channels=3, time=50)
    batch = type(batch)(**{k: v if v is None else v[:2] for k, v in vars(batch).items()} | {"x": x})
    loss = objective(encoder, batch, generator=torch_generator(0))["prediction"]
    torch.testing.assert_close(loss, golden["loss"], rtol=1e-9, atol=0)
    weights = (x, encoder.input.weight, encoder.blocks.blocks[1].down.weight, objective.predictor.hidden)
    recorded = [golden["grad_x"]] + [
        golden[f"g.{name}"]
        for name in (
            "encoder.patch_embed.proj.weight",
            "encoder.blocks.1.mlp.fc2.weight",
            "predictor.mask_token",
        )
    ]
    for found, wanted in zip(torch.autograd.grad(loss, weights), recorded, strict=True):  # type: ignore[arg-type]
        torch.testing.assert_close(found, wanted.reshape(found.shape), rtol=1e-8, atol=1e-12)


def through(golden: Golden, prefix: str, tokens: Tensor, place: Tensor, bias: Tensor | None) -> Tensor:
    """Blocks before each of which positions are added."""
    for number in range(sum(key.startswith(f"w.{prefix}") and "norm1.weight" in key for key in golden)):
        block = TransformerBlock(tokens.shape[-1], 2, 2 * tokens.shape[-1]).double()
        fill(block, golden, f"{prefix}{number}.", BLOCK)
        for norm in (block.norm1, block.norm2):
            norm.eps = 1e-5
        tokens = block(tokens + place, bias)
    return tokens


def normed(golden: Golden, name: str, x: Tensor) -> Tensor:
    return F.layer_norm(x, x.shape[-1:], golden[f"w.{name}.weight"], golden[f"w.{name}.bias"])


def mapped(golden: Golden, name: str, x: Tensor) -> Tensor:
    return F.linear(x, golden[f"w.{name}.weight"], golden[f"w.{name}.bias"])


def lead_tokens(golden: Golden, prefix: str, x: Tensor, columns: Tensor) -> Tensor:
    """Tokens of some columns of every lead, which attend to their lead and to their column."""
    leads, count = x.shape[1], x.shape[2] // 5
    at = columns.repeat(leads)
    bias = torch.where(golden["attention_mask"].bool(), 0.0, -torch.inf).double()[at][:, at]
    tokens = mapped(golden, f"{prefix}W_P", x.reshape(len(x), leads * count, 5))[:, at]
    tokens = through(
        golden, f"{prefix}encoder_blocks.blocks.", tokens, golden[f"w.{prefix}pos_embed"][at], bias
    )
    return normed(golden, f"{prefix}norm", tokens)


def test_the_error_of_the_public_code_with_a_token_for_each_lead(shared_path: Callable[[str], Path]) -> None:
    golden = load(shared_path("golden/baselines/jepa_sehun.npz"))
    x, hidden = golden["x"].clone().requires_grad_(), golden["mask"]
    whole = torch.ones_like(hidden)
    with torch.no_grad():
        target = F.layer_norm(lead_tokens(golden, "target_encoder.", x, whole), (16,))
    target = target.unflatten(1, (2, 6))[:, :, hidden].flatten(0, 1)  # (batch * lead, hidden, dim)
    context = mapped(golden, "predictor.predictor_embed", lead_tokens(golden, "encoder.", x, ~hidden))
    context = context.reshape(6, -1, 8)
    tokens = torch.cat([context, golden["w.predictor.mask_token"].expand(6, int(hidden.sum()), 8)], 1)
    order = torch.cat([(~hidden).nonzero()[:, 0], hidden.nonzero()[:, 0]])
    place = golden["w.predictor.pos_embed"][order]
    tokens = through(golden, "predictor.predictor_blocks.blocks.", tokens, place, None)
    predicted = mapped(golden, "predictor.predictor_proj", normed(golden, "predictor.predictor_norm", tokens))
    predicted = predicted[:, context.shape[1] :]
    known = torch.ones(predicted.shape[:2], dtype=torch.bool)
    loss = hidden_token_error(predicted, target, known, "smooth-l1")
    torch.testing.assert_close(loss, golden["loss"], rtol=1e-8, atol=0)
    (gradient,) = torch.autograd.grad(loss, x)
    torch.testing.assert_close(gradient, golden["grad_x"], rtol=1e-7, atol=1e-11)
    seen = lead_tokens(golden, "encoder.", x, whole).mean(1)
    torch.testing.assert_close(seen, golden["representation_mean"], rtol=1e-8, atol=1e-10)


def runs(hidden: Tensor) -> list[int]:
    """Lengths of the hidden spans of a sample, shape (token,)."""
    edges = F.pad(hidden.int(), (1, 1)).diff()
    return list((edges.nonzero()[edges[edges != 0] < 0] - edges.nonzero()[edges[edges != 0] > 0])[:, 0])


def hidden_of(visible: Tensor, tokens: int) -> Tensor:
    return torch.zeros(len(visible), tokens, dtype=torch.bool).scatter(1, others(visible, tokens), value=True)


def test_spans_are_as_long_and_hide_as_much_as_the_recorded_ones(shared_path: Callable[[str], Path]) -> None:
    golden = load(shared_path("golden/baselines/jepa_masks_examples.npz"))
    count, least = golden["keep"].shape[1], int(golden["min_block"])
    recorded, ours = (
        ~golden["keep"],
        hidden_of(drawn_spans(400, count, (0.2, 0.2), least, generator=torch_generator(0)), count),
    )
    for hidden in (recorded, ours):
        assert (hidden.sum(1) == count - int(golden["kept"])).all()
        assert min(min(runs(row)) for row in hidden) >= least
    spans = [np.mean([len(runs(row)) for row in hidden]) for hidden in (recorded, ours)]
    assert abs(spans[0] - spans[1]) < 1, spans
    assert ours.float().mean(0).min() > 0.02  # no token is always visible


@pytest.mark.parametrize(("tokens", "keep"), [(4, (0.15, 0.25)), (25, (0.15, 0.25)), (62, (0.5, 0.9))])
def test_drawn_shares_keep_to_their_limits(tokens: int, keep: tuple[float, float]) -> None:
    shares = []
    for key in range(30):
        visible = drawn_spans(3, tokens, keep, 2, generator=torch_generator(key))
        assert (visible.diff(dim=1) > 0).all()
        assert visible.min() >= 0
        assert visible.max() < tokens
        shares.append(visible.shape[1] / tokens)
        both = torch.cat([visible, others(visible, tokens)], 1).sort(1).values
        assert torch.equal(both, torch.arange(tokens).expand(3, -1))
    assert keep[0] <= min(shares)
    assert max(shares) <= keep[1] + 1 / tokens


def test_a_union_hides_about_half_and_the_last_token_unless_as_published() -> None:
    hidden = {
        last: torch.cat(
            [hidden_of(drawn_union(2, 50, last=last, generator=torch_generator(k)), 50) for k in range(300)]
        ).float()
        for last in (True, False)
    }
    for each in hidden.values():
        assert 0.5 < each.mean() < 0.6
        assert torch.equal(each[::2], each[1::2])  # the batch shares them
    assert hidden[True][:, -1].mean() > 0.03
    assert hidden[False][:, -1].max() == 0


@pytest.mark.parametrize("tokens", [2, 4, 7])
@pytest.mark.parametrize("last", [True, False])
def test_a_union_leaves_a_token_to_see_and_one_to_predict(tokens: int, last: bool) -> None:
    drawn = [drawn_union(1, tokens, last=last, generator=torch_generator(k)) for k in range(100)]
    assert {visible.shape[1] for visible in drawn} <= set(range(1, tokens))
    if last and tokens == 4:  # whichever is uncovered
        assert {int(visible) for visible in drawn if visible.shape[1] == 1} == set(range(tokens))


def objective(encoder: Encoder, **settings: Any) -> Jepa:
    made = built("jepa", {"depth": 1, "heads": 2, "width": 8} | settings, encoder, 3)
    assert isinstance(made, Jepa)
    return made


ENCODERS: tuple[Callable[[], Encoder], ...] = (
    lambda: PatchTransformer(3, width=8, patch=4, stride=4, depth=1, heads=2),
    lambda: ResNet1d(3, width=4, dim=6),
)


@pytest.mark.parametrize("make", ENCODERS)
def test_hidden_samples_reach_the_target_alone(make: Callable[[], Encoder]) -> None:
    with initial_weights(0):
        encoder = make()
    x, visible = example_batch().x, torch.tensor([[0, 1, 2, 9]])
    visible = visible.expand(len(x), -1)
    changed = x.clone()
    changed[..., 12:36] += 5
    seen, other = (encoded(encoder, each, visible) for each in (x, changed))
    torch.testing.assert_close(seen, other, rtol=0, atol=0)
    kept = torch.zeros(x.shape[::2], dtype=torch.bool)
    kept[:, :12] = kept[:, 36:40] = True
    torch.testing.assert_close(seen, encoder(x, kept).mT[:, [0, 1, 2, 9]])


def test_places_not_order_tell_the_predictor_what_to_predict() -> None:
    with initial_weights(0):
        predictor = Predictor(6, 8, 1, 2)
    generator, known = torch_generator("context"), torch.ones(2, 3, dtype=torch.bool)
    context = torch.randn(2, 3, 6, generator=generator)
    visible, hidden = torch.tensor([[0, 3, 4]]).expand(2, -1), torch.tensor([[1, 2]]).expand(2, -1)
    found = predictor(context, visible, hidden, known)
    turned = predictor(context[:, [2, 0, 1]], visible[:, [2, 0, 1]], hidden.flip(1), known)
    torch.testing.assert_close(turned, found.flip(1))
    unknown = predictor(context, visible, hidden, known & torch.tensor([True, True, False]))
    context[:, 2] += 1
    torch.testing.assert_close(
        predictor(context, visible, hidden, known & torch.tensor([True, True, False])), unknown
    )
    assert not torch.allclose(predictor(context, visible, hidden, known), found)


def test_gradients_and_samples_without_a_signal() -> None:
    generator = torch_generator("tokens")
    predicted, target = (torch.randn(3, 4, 2, generator=generator, dtype=torch.float64) for _ in range(2))
    known = torch.tensor([[True, True, False, True], [False] * 4, [True] * 4])
    for error in ("l1", "smooth-l1"):
        arguments = predicted.clone().requires_grad_(), target, known, error
        assert torch.autograd.gradcheck(hidden_token_error, arguments)
    each = (predicted - target).abs().mean(-1)
    expected = (each[0, known[0]].mean() + each[2].mean()) / 3
    torch.testing.assert_close(hidden_token_error(predicted, target, known), expected)


def test_the_mean_of_two_ranks_is_the_whole_batch() -> None:
    generator = torch_generator("ranks")
    predicted, target = (torch.randn(6, 4, 2, generator=generator) for _ in range(2))
    known = torch.rand(6, 4, generator=generator) < 0.7
    parts = [
        hidden_token_error(*(x[rows] for x in (predicted, target, known))) for rows in ([0, 1, 2], [3, 4, 5])
    ]
    torch.testing.assert_close(sum(parts) / 2, hidden_token_error(predicted, target, known))


def test_targets_have_unit_scale_unless_as_published() -> None:
    x, hidden = example_batch().x, torch.tensor([[1, 2, 5]])
    hidden = hidden.expand(len(x), -1)
    found = {}
    for form in ("corrected", "published"):
        with initial_weights(0):
            encoder = ENCODERS[1]()
            jepa = objective(encoder, form=form)
        found[form] = jepa._target(x, hidden)
    torch.testing.assert_close(found["published"], encoder(x).mT[:, [1, 2, 5]].detach())
    torch.testing.assert_close(
        found["corrected"].std(-1, unbiased=False), torch.ones(len(x), 3), atol=1e-2, rtol=0
    )


def test_the_teacher_resumes_as_if_it_had_not_stopped(shared_path: Callable[[str], Path]) -> None:
    def steps(encoder: Encoder, jepa: Jepa, which: range) -> Tensor:
        jepa.begin(6)
        weights = [p for p in (*encoder.parameters(), *jepa.parameters()) if p.requires_grad]
        for step in which:
            (term,) = jepa(encoder, example_batch(), generator=torch_generator(step)).values()
            for weight, grad in zip(weights, torch.autograd.grad(term, weights), strict=True):
                weight.data.sub_(0.1 * grad)
            jepa.after_step()
        return torch.cat([v.double().flatten() for m in (encoder, jepa) for v in m.state_dict().values()])

    with initial_weights(0):
        one, other = ENCODERS[0](), ENCODERS[0]()
        whole, resumed = (objective(each, momentum=(0.5, 0.9)) for each in (one, other))
    before = steps(one, whole, range(3))
    other.load_state_dict(one.state_dict())
    resumed.load_state_dict(whole.state_dict())
    after = steps(one, whole, range(3, 6))
    assert torch.equal(after, steps(other, resumed, range(3, 6)))
    assert not torch.equal(before, after)
    golden = load(shared_path("golden/baselines/schedules.npz"))
    teacher = objective(one, momentum=(0.998, 0.9995)).teacher
    teacher.steps = int(golden["total"])
    found = torch.tensor([teacher.momentum(step) for step in range(22)], dtype=torch.float64)
    torch.testing.assert_close(found, golden["linear_momentum"], rtol=1e-12, atol=0)


@pytest.mark.long
def test_trained_it_tells_where_a_slow_process_under_noise_ends() -> None:
    found = gains("jepa", seeds=2, steps=SIMULATIONS["jepa"].quick)
    assert min(found) > 0.05, found


@pytest.mark.parametrize(
    "settings", [{"form": "published", "error": "smooth-l1"}, {"masks": "union", "keep": (0.5, 0.5)}]
)
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    small = {"name": "jepa", "depth": 1, "heads": 2}
    check_objective(
        lambda **run: OBJECTIVES.build(small | settings, **run), encoders=[lambda c: ENCODERS[0]()]
    )


def test_what_cannot_be_predicted_is_refused() -> None:
    overlapping = PatchTransformer(3, width=8, patch=8, stride=4, depth=1, heads=2)
    with pytest.raises(ConfigError, match=r"share 4 steps with the next one.*set encoder\.patch to 4"):
        objective(overlapping)
    encoder = ENCODERS[0]()
    short = Panel.from_arrays(
        np.zeros((4, 3, 15), np.float32), label=[0, 1, 0, 1], patient=range(4), sfreq=100
    )
    with pytest.raises(ConfigError, match="15 steps make 3 of 4 steps; give longer windows"):
        objective(encoder).refuse_unfit(encoder, short)
    longer = Panel.from_arrays(np.zeros((2, 3, 18), np.float32), label=[0, 1], patient=[0, 1], sfreq=100)
    with pytest.raises(
        ConfigError, match=r"set window\.steps to 16, or encoder\.patch and encoder\.stride to"
    ):
        objective(encoder).refuse_unfit(encoder, longer)
    strided = ENCODERS[1]()  # of no patches: it leaves trailing steps out, whatever trains it
    objective(strided).refuse_unfit(strided, longer)
    with pytest.raises(ConfigError, match=r"objective\.heads is 3 and does not divide objective\.width, 8"):
        objective(encoder, heads=3, width=8)
    with pytest.raises(ValueError, match=r"the smaller one, not 0\.5 before 0\.2"):
        OBJECTIVES.entry("jepa").settings(keep=(0.5, 0.2))
