"""The attention-pooled head: the public codes' numbers, what it chooses, crops, and what is kept of it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from tests.conftest import TINY
from tests.panels import cohort
from tsrep.encoders.crops import Crops
from tsrep.encoders.pooling import POOLS
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.evaluation.candidate import Candidate
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.heads.settings import HeadSettings
from tsrep.evaluation.labels.attention import Attention, AttentionHeads, AttentionModule
from tsrep.evaluation.labels.attention_training import AttentionTraining, Losses, balanced, fit_attention
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.protocols.protocol import outcome, protocol_of
from tsrep.rng import initial_weights, torch_generator
from tsrep.runs.fit import fit
from tsrep.signals import Panel
from tsrep.splits.split import Split

CPU = torch.device("cpu")
QUICK = {"name": "attention", "steps": 30, "heads": 2, "C": [0.1, 1.0]}


@pytest.mark.parametrize(
    ("token", "query", "keys", "values", "out", "recorded"),
    [
        ("k.query_token", "k.cross_attention_block.q.weight", "", "", "k.cross_attention_block.proj.weight",
         "logits_kweimann"),
        ("a.query", "a.q_proj.weight", "a.k_proj.weight", "a.v_proj.weight", "a.c_proj.weight",
         "logits_ai4health"),
    ],
)  # fmt: skip
def test_scores_and_gradients_of_the_public_codes(
    shared_path: Callable[[str], Path],
    token: str,
    query: str,
    keys: str,
    values: str,
    out: str,
    recorded: str,
) -> None:
    arrays = np.load(shared_path("golden/baselines/attention_heads.npz"))
    g = {key: torch.from_numpy(np.asarray(arrays[key])) for key in arrays.files}
    both = g["k.cross_attention_block.kv.weight"].chunk(2)
    model = AttentionHeads(1, 16, 5, 4).double()
    with torch.no_grad():
        model.query.copy_(g[token][0] @ g[query].T)
        model.key.copy_(g[keys] if keys else both[0])
        model.value.copy_(g[values] if values else both[1])
        model.out.copy_(g[out])
    tokens = g["tokens"].requires_grad_()
    (logits,) = model(tokens.mT)
    torch.testing.assert_close(logits, g[recorded], rtol=1e-9, atol=1e-12)
    if not keys:
        (gradient,) = torch.autograd.grad((logits * g["weight"]).sum(), tokens)
        torch.testing.assert_close(gradient, g["grad_tokens"], rtol=1e-8, atol=1e-12)


def test_the_order_of_tokens_does_not_matter_and_gradients_are_right() -> None:
    with initial_weights(0):
        model = AttentionHeads(2, 4, 3, 2).double()
    tokens = torch.randn(3, 4, 5, generator=torch_generator("tokens"), dtype=torch.float64)
    torch.testing.assert_close(model(tokens.flip(2)), model(tokens))
    assert torch.autograd.gradcheck(model, tokens.requires_grad_())


def test_balanced_weights_make_classes_weigh_alike() -> None:
    flags = torch.eye(3, dtype=torch.bool)[[0, 0, 0, 0, 0, 1, 1, 1]]
    weight = balanced(flags, torch.ones_like(flags), multilabel=False)
    torch.testing.assert_close((weight * flags).sum(0), torch.tensor([4.0, 4.0, 0.0]))
    several = torch.tensor([[1, 1, 0]] * 3 + [[0, 1, 0]]).bool()
    weight = balanced(several, torch.ones_like(several), multilabel=True)
    torch.testing.assert_close(weight[:, 0], torch.tensor([2 / 3, 2 / 3, 2 / 3, 2]))
    assert (weight[:, 1:] == 1).all()


def test_what_is_unknown_has_no_part_in_the_loss() -> None:
    generator = torch_generator("scores")
    scores, answer = (torch.randn(2, *shape, generator=generator) for shape in ((5, 3), (3, 1, 4)))
    flags, known = (torch.rand(5, 3, generator=generator) < share for share in (0.5, 0.6))
    flags[0], flags[1], known[:2] = True, False, True
    tried: Any = [("none", 0.1), ("balanced", 2.0)]
    found = [
        Losses(tried, flags ^ (turned & ~known), known, multilabel=True)(scores, torch.arange(5), answer)
        for turned in (False, True)
    ]
    assert found[0] == found[1]
    expected = sum(
        Losses([one], flags[rows][:, [c]], known[rows][:, [c]], multilabel=True)(
            scores[[h]][:, rows][..., [c]], torch.arange(int(rows.sum())), 0 * answer[[h]][:, [c]]
        )
        for h, one in enumerate(tried)
        for c, rows in enumerate(known.T)
    )
    size = Losses(tried, flags, known, multilabel=True)(0 * scores, torch.arange(5), answer)
    nothing = Losses(tried, flags, known, multilabel=True)(0 * scores, torch.arange(5), 0 * answer)
    torch.testing.assert_close(found[0], expected + size - nothing)


def test_the_loss_of_each_head_is_weighted_cross_entropy_and_the_size_of_its_map() -> None:
    generator = torch_generator("scores")
    scores = torch.randn(2, 4, 3, generator=generator)
    answer = torch.randn(2, 3, 2, 5, generator=generator)
    sample = torch.tensor([3, 0, 5, 0])
    label = torch.tensor([0, 1, 0, 2, 0, 1])
    flags = torch.eye(3, dtype=torch.bool)[label]
    expected = 0.0
    weight = 6 / (3 * torch.tensor([3.0, 2.0, 1.0]))
    for head, (c, weights) in enumerate(((0.1, torch.ones(3)), (2.0, weight))):
        for row, of in enumerate(sample):
            each = scores[head, row].logsumexp(0) - scores[head, row, label[of]]
            expected += float(weights[label[of]] * each) / 4
        expected += float(answer[head].square().sum()) / (2 * c * 6)
    found = Losses([("none", 0.1), ("balanced", 2.0)], flags, torch.ones_like(flags), multilabel=False)(
        scores, sample, answer
    )
    assert found.item() == pytest.approx(expected, rel=1e-5)


class Ramp(ResNet1d):
    """Gives the mean of each four steps, so that crops can be counted out by hand."""

    def __init__(self) -> None:
        super().__init__(1, width=4, dim=4)
        self.dim = 1

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        return x[..., : x.shape[-1] // 4 * 4].unflatten(-1, (-1, 4)).mean(-1)


def test_crops_are_those_of_the_signal() -> None:
    x = torch.arange(22.0).expand(2, 1, 22)
    shown = Crops(Ramp(), 8, 4)
    z = shown(x)
    assert shown.count(22) == 4
    assert z[0, 0].tolist() == [1.5, 5.5, 5.5, 9.5, 9.5, 13.5, 13.5, 17.5]
    assert torch.equal(Crops(Ramp(), 30, 4)(x), Ramp()(x))
    keep = torch.ones(2, 22, dtype=torch.bool)
    assert torch.equal(shown(x, keep), z)
    other = shown.another()
    assert (other.crop, other.hop) == (8, 4)
    assert other.encoder is not shown.encoder


def places(n: int = 400) -> tuple[np.ndarray, np.ndarray]:
    """Tokens of which just one, marked by its first dimension, carries the class; flattened; and classes."""
    rng = np.random.default_rng(0)
    label, x = np.arange(n) % 2, rng.normal(size=(n, 4, 12)).astype(np.float32)
    at = rng.integers(12, size=n)
    x[:, 1] *= 3
    x[np.arange(n), 0, at] += 6
    x[np.arange(n), 1, at] = 2 * (2 * label - 1)
    return x.reshape(n, -1), label


def test_it_finds_the_token_that_carries_the_class_where_the_mean_does_not() -> None:
    x, label = places()
    how = AttentionTraining((1.0,), ("none",), 2, 150, 64, 1e-2)
    chosen = fit_attention(x[:300], label[:300], 2, dim=4, crops=1, how=how, seed=0, device=CPU)
    module = AttentionModule(chosen.arrays, 1, multilabel=False)
    right = module(torch.from_numpy(x[300:])).argmax(1).numpy() == label[300:]
    mean = x.reshape(-1, 4, 12)[300:].mean(2)[:, 1] > 0
    assert right.mean() > 0.9
    assert (mean == label[300:]).mean() < 0.8


def test_validation_chooses_and_without_it_the_last_strength_stands() -> None:
    x, label = places(240)
    how = AttentionTraining((1e-6, 1.0), ("none", "balanced"), 2, 60, 64, 1e-2)
    fit = {"dim": 4, "crops": 1, "how": how, "seed": 0, "device": CPU}
    chosen = fit_attention(x[:160], label[:160], 2, **fit, validation=(x[160:], label[160:]))  # type: ignore[arg-type]
    assert chosen.C == 1.0
    alone = fit_attention(x[:160], label[:160], 2, **fit)  # type: ignore[arg-type]
    assert (alone.C, alone.class_weights) == (1.0, "none")


@pytest.fixture(scope="module")
def data() -> tuple[Panel, Split]:
    panel = cohort()
    fold = panel.patient % 3
    return panel, Split.make(panel, fold == 0, fold == 1, fold == 2, how="thirds")


def test_a_kept_head_gives_the_scored_predictions_from_signals(
    data: tuple[Panel, Split], tmp_path: Path
) -> None:
    panel, split = data
    with initial_weights(0):
        encoder = ResNet1d(panel.x.shape[1], width=4, dim=4).eval()
    seconds = panel.length / panel.sfreq
    protocol = protocol_of(QUICK | {"crop": seconds / 2, "hop": seconds / 4})
    evaluation = LabelEvaluation(
        panel, split, fractions=(1.0,), seeds=1, n_bootstrap=20, heads=HeadSettings()
    )
    scores = outcome(protocol, [Candidate("m", "method", [lambda: (encoder, None)])], evaluation)
    (made,) = scores.heads.values()
    made.save(tmp_path)
    head = Head.load(tmp_path, made.name)
    assert isinstance(head.classifier, Attention)
    assert head.classifier.crops == 3
    shown = head.encoder(encoder)
    features = embed(shown, panel.select(split.test), pool=POOLS[head.pool])
    wanted = scores.predictions["m", "attention", 1.0, "all", "test"]
    found = head.scores(features, panel.trial[split.test])
    np.testing.assert_allclose(found, wanted.prob, rtol=1e-5, atol=1e-7)
    assert head.calibration is not None or head.notes


def test_bad_settings_are_refused_in_one_sentence(data: tuple[Panel, Split]) -> None:
    panel, split = data
    with initial_weights(0):
        encoder = ResNet1d(panel.x.shape[1], width=4, dim=6)
    evaluation = LabelEvaluation(panel, split, fractions=(1.0,), seeds=1, n_bootstrap=20)
    candidate = Candidate("m", "method", [lambda: (encoder, None)])
    for settings, message in (
        ({"heads": 4}, r"heads is 4, which does not divide the 6 dimensions"),
        ({"crop": 1 / panel.sfreq}, r"crop of .* s has 1 steps, fewer than the 4 of one step of the encoder"),
    ):
        with pytest.raises(ConfigError, match=message):
            outcome(protocol_of(QUICK | settings), [candidate], evaluation)
        with pytest.raises(ConfigError, match=message):  # as is asked before the encoder is trained
            protocol_of(QUICK | settings).refuse_encoder(encoder, panel.sfreq)
    assert replace(evaluation, part="validation").choosing is None


@pytest.mark.parametrize("settings", [{"heads": 3}, {"crop": 0.001, "heads": 2}])
def test_an_encoder_that_cannot_be_scored_is_refused_before_it_is_trained(
    settings: dict[str, Any], tmp_path: Path
) -> None:
    strided = {"encoder": {"name": "resnet1d", "width": 4, "dim": 8}}
    wanted = {"evaluation": {"protocols": ["attention"], "attention": settings}}
    with pytest.raises(ConfigError, match=r"evaluation\.attention\.(heads is 3|crop of 0\.001 s)"):
        fit(TINY | strided | wanted, out=tmp_path / "run", progress=False)
    assert not (tmp_path / "run").exists()
