"""How fine-tuning begins, what it trains, and what it leaves."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from tests.panels import cohort
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.errors import ConfigError
from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.embedding import embed
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.evaluation.labels.linear_map import linear_map
from tsrep.evaluation.labels.linear_probe import fit_probe
from tsrep.evaluation.protocols import finetune
from tsrep.evaluation.protocols.finetune import FineTuning
from tsrep.objectives.objective import Objective
from tsrep.registry import PROTOCOLS
from tsrep.rng import initial_weights
from tsrep.signals import Panel
from tsrep.splits.split import Split
from tsrep.training.loop import Trainer

LINEAR = {"name": "supervised", "head": "linear", "dropout": 0.3}
CPU = torch.device("cpu")


def model() -> Model:
    with initial_weights(0, "encoder"):
        return ResNet1d(channels=1, width=4, dim=6, stem=3, kernel=3), None


def data(multilabel: bool = False, classes: int = 3) -> tuple[Panel, Split]:
    panel = cohort(patients=60, multilabel=multilabel)
    if classes == 2:
        panel = replace(panel, label=np.minimum(panel.label, 1), classes=panel.classes[:2])
    train = np.flatnonzero(panel.patient % 5 > 1)
    validation, test = (np.flatnonzero(panel.patient % 5 == k) for k in (0, 1))
    return panel, Split(train, validation, test, "patients")


class Watched:
    """Trainers, and what head and encoder were like before their first step."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.logits: list[torch.Tensor] = []
        self.trained: list[list[bool]] = []
        self.trainers: list[Trainer] = []
        monkeypatch.setattr(finetune, "Trainer", self)

    def __call__(self, encoder: Encoder, head: Objective, *rest: Any, **more: Any) -> Trainer:
        self.trained.append([weight.requires_grad for weight in encoder.parameters()])
        made = Trainer(encoder, head, *rest, **more)
        with torch.no_grad():
            x = made.validation.tensors.batch(np.arange(10)).x
            self.logits.append(head.eval().logits(encoder.eval(), x))
        self.trainers.append(made)
        return made


def tuned(monkeypatch: pytest.MonkeyPatch, panel: Panel, split: Split, **settings: Any) -> Watched:
    watched = Watched(monkeypatch)
    evaluation = LabelEvaluation(panel, split, fractions=(1.0,), seeds=1, n_bootstrap=10)
    protocol = FineTuning(epochs=2, min_steps=0, batch_size=32, **settings)
    protocol.evaluate([Candidate("m", "method", [model])], evaluation)
    return watched


@pytest.mark.parametrize(("multilabel", "classes"), [(False, 3), (False, 2), (True, 3)])
def test_before_its_first_step_lp_ft_gives_the_logits_of_the_probe(
    multilabel: bool, classes: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    panel, split = data(multilabel, classes)
    watched = tuned(monkeypatch, panel, split, head=LINEAR, strategy="lp-ft")
    encoder = model()[0]
    read = partial(embed, encoder, pool=lambda z: z.amax(dim=-1))
    held = panel.select(split.validation)
    probe = fit_probe(
        read(panel.select(split.train)),
        panel.label[split.train],
        classes,
        validation=(read(held), held.label),
    )
    weight, bias = linear_map(probe)
    features = read(held)[:10].astype(np.float64)
    logits = features @ weight.T + bias
    np.testing.assert_allclose(watched.logits[0].numpy(), logits, atol=1e-5)
    prob = torch.from_numpy(logits)
    prob = prob.sigmoid() if multilabel else prob.softmax(dim=1)
    np.testing.assert_allclose(prob.numpy(), probe.predict(read(held)[:10]), atol=1e-10)
    assert all(watched.trained[0])  # then all weights train


def test_a_class_without_a_label_keeps_a_logit_that_can_be_trained() -> None:
    rng = np.random.default_rng(0)
    features, label = rng.normal(size=(60, 4)), rng.integers(0, 2, 60) * 2  # of three classes 0 and 2
    probe = fit_probe(features, label, 3, C=(1.0,))
    weight, bias = linear_map(probe)
    logits = torch.from_numpy(features @ weight.T + bias)
    np.testing.assert_allclose(logits.softmax(1).numpy(), probe.predict(features), atol=2e-4)
    assert np.isfinite(bias).all()
    single = linear_map(fit_probe(features, np.ones(60, int), 3, C=(1.0,)))
    assert not single[0].any()
    assert single[1].argmax() == 1


def test_a_head_that_is_not_linear_is_trained_alone_first(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, split = data()
    watched = tuned(monkeypatch, panel, split, strategy="lp-ft", head_epochs=3)
    alone, whole = watched.trainers
    assert [any(flags) for flags in watched.trained] == [False, True]
    assert (alone.settings.epochs, whole.settings.epochs) == (3, 2)
    start = model()[0].state_dict()
    assert not torch.equal(whole.net.encoder.state_dict()["stem.weight"], start["stem.weight"])


def test_the_head_alone_leaves_every_weight_of_the_encoder(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, split = data()
    (trainer,) = tuned(monkeypatch, panel, split, strategy="head").trainers
    start = model()[0].state_dict()
    assert all(torch.equal(value, start[name]) for name, value in trainer.net.encoder.state_dict().items())


def test_strategies_and_rates_reach_the_training(monkeypatch: pytest.MonkeyPatch) -> None:
    panel, split = data()
    (trainer,) = tuned(monkeypatch, panel, split, strategy="gradual", layer_decay=0.75).trainers
    assert trainer.settings.gradual
    rates = trainer.optimizer.layer_rates()
    assert rates["lr/stem"] / rates["lr/blocks.2"] == pytest.approx(0.75**3)


def test_other_strategies_have_other_files(tmp_path: Path) -> None:
    digests = {FineTuning(strategy=name).digest for name in ("full", "lp-ft", "gradual", "head")}
    assert len(digests | {FineTuning(layer_decay=0.9).digest, FineTuning(head_epochs=1).digest}) == 6


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"layer_decay": 0}, "layer_decay"),
        ({"strategy": "lora"}, "strategy"),
        ({"head_epochs": 0}, "head_ep"),
    ],
)
def test_settings_out_of_range_are_refused(settings: dict[str, Any], message: str) -> None:
    from tsrep.runs.config import configure

    with pytest.raises(ConfigError, match=rf"evaluation\.finetune\.{message}"):
        configure({"evaluation": {"finetune": settings}})
    assert PROTOCOLS.entry("finetune").settings().strategy == "full"
