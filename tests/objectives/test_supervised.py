"""The supervised objective learns, is quiet in evaluation, and knows the published head."""

from __future__ import annotations

import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.errors import ConfigError
from tsrep.objectives.supervised import Supervised
from tsrep.rng import torch_generator
from tsrep.signals import Batch


def _batch(multilabel: bool = False, size: int = 32) -> Batch:
    generator = torch_generator("signals")
    x = torch.randn(size, 3, 24, generator=generator)
    n = torch.arange(size)
    flags = torch.rand(size, 2, generator=generator) < 0.5
    label = flags if multilabel else n % 2
    x[:, 0] += 2 * (label[:, 0] if multilabel else label)[:, None]
    x[:, 1] += 2 * (label[:, 1] if multilabel else label)[:, None]
    return Batch(x=x, label=label, patient=n, trial=n, sample=n, start=n)


def _encoder() -> DilatedConv:
    torch.manual_seed(0)
    return DilatedConv(3, hidden=8, dim=8, depth=2)


@pytest.mark.parametrize("multilabel", [False, True])
@pytest.mark.parametrize("head", ["linear", "mlp", "published"])
def test_it_learns_separable_classes(multilabel: bool, head: Any) -> None:
    encoder, batch = _encoder(), _batch(multilabel)
    objective = Supervised(8, 2, multilabel, head=head, hidden=16)
    both = [*encoder.parameters(), *objective.parameters()]
    optimiser = torch.optim.AdamW(both, lr=1e-2)
    for step in range(60):
        (loss,) = objective(encoder, batch, generator=torch_generator(step)).values()
        optimiser.zero_grad()
        loss.backward()
        optimiser.step()
    objective.eval()
    logits = objective.logits(encoder, batch.x)
    hit = (logits > 0) == batch.label if multilabel else logits.argmax(1) == batch.label
    assert hit.float().mean().item() > 0.85


@pytest.mark.parametrize("head", ["linear", "mlp", "published"])
def test_evaluation_draws_nothing(head: Any) -> None:
    encoder, batch = _encoder(), _batch()
    objective = Supervised(8, 2, head=head, dropout=0.5, masked_steps=0.5)
    for training, different in ((False, 1), (True, 3)):
        objective.train(training)
        terms = [objective(encoder, batch, generator=torch_generator(seed)) for seed in range(3)]
        assert len({term["classification"].item() for term in terms}) == different


def test_masked_steps_reach_the_encoder_in_training_only() -> None:
    class Recorder(Encoder):
        dim, stride, receptive_field, causal = 3, 1, 1, True
        kept: Tensor | None = None

        def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
            self.kept = keep
            return x

    encoder, objective = Recorder(), Supervised(3, 2, masked_steps=0.5)
    objective(encoder, _batch(size=200), generator=torch_generator(0))
    assert encoder.kept is not None
    assert encoder.kept.float().mean().item() == pytest.approx(0.5, abs=0.03)
    objective.eval()(encoder, _batch(), generator=torch_generator(0))
    assert encoder.kept is None


def test_the_published_double_sigmoid_has_the_known_floor() -> None:
    objective = Supervised(8, 2, head="published", double_sigmoid=True, dropout=0.0)
    encoder, batch = _encoder(), _batch()
    scores = objective.logits(encoder, batch.x)
    assert 0.5 < scores.min() <= scores.max() < 1 / (1 + math.exp(-1))
    with torch.no_grad():  # as sure and as right as it can be
        for layer in objective.head.layers:
            for p in layer.parameters():
                p.zero_()
        objective.head.layers[-1].bias.copy_(torch.tensor([-50.0, 50.0]))  # type: ignore[operator, union-attr]  # a Linear
    right = Batch(**(vars(batch) | {"label": torch.ones(32, dtype=torch.long)}))
    (loss,) = objective(encoder, right, generator=torch_generator(0)).values()
    assert loss.item() == pytest.approx(math.log(1 + math.exp(0.5 - 1 / (1 + math.exp(-1)))), abs=1e-5)


@pytest.mark.parametrize(
    ("head", "classes", "multilabel"), [("mlp", 2, False), ("published", 5, False), ("published", 2, True)]
)
def test_double_sigmoid_elsewhere_is_refused(head: Any, classes: int, multilabel: bool) -> None:
    with pytest.raises(ConfigError, match="double_sigmoid"):
        Supervised(8, classes, multilabel, head=head, double_sigmoid=True)


def test_max_mean_pooling_doubles_the_features() -> None:
    encoder, batch = _encoder(), _batch()
    objective = Supervised(8, 4, pooling="max-mean")
    assert objective.logits(encoder, batch.x).shape == (32, 4)
