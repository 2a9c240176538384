"""What training leaves as it is, and when it thaws it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tests.training.bending import supervised_trainer
from tsrep.encoders.encoder import Encoder, StemWeight
from tsrep.encoders.recurrent import LSTM
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.encoders.s4d import S4D
from tsrep.encoders.transformer import Transformer
from tsrep.errors import ConfigError
from tsrep.training.adamw import AdamW, layered_groups
from tsrep.training.freezing import Thawing, all_frozen, freeze, frozen_groups, resting_parts
from tsrep.training.hooks import Hook


class Noisy(Encoder):
    """Two layers with running statistics and dropout, as encoders of others have them."""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dim, self.stride, self.causal, self.receptive_field = 6, 1, True, 1
        self.stem = nn.Sequential(nn.Conv1d(channels, 6, 1))
        parts = [nn.BatchNorm1d(6), nn.Dropout(0.5), nn.ReLU(), nn.Conv1d(6, 6, 1)]
        self.blocks = nn.ModuleList([nn.Sequential(*parts), nn.Sequential(nn.BatchNorm1d(6))])

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        z: Tensor = self.stem(x)
        for block in self.blocks:
            z = block(z)
        return z

    def stem_weights(self) -> list[StemWeight]:
        return [StemWeight("stem.0.weight")]


def trained_weights(encoder: Encoder) -> set[str]:
    return {name for name, weight in encoder.named_parameters() if weight.requires_grad}


def test_groups_are_named_by_number_by_name_and_all() -> None:
    encoder = ResNet1d(3, width=4, dim=6)
    names = ["stem", "blocks.0", "blocks.1", "blocks.2"]
    assert frozen_groups(encoder, "none") == []
    assert frozen_groups(encoder, "all") == names
    assert frozen_groups(encoder, "groups 0-2") == names[:3]
    assert frozen_groups(encoder, "groups 1") == names[1:2]
    assert frozen_groups(encoder, ("blocks",)) == names[1:]
    assert frozen_groups(encoder, ("blocks.1", "stem")) == ["stem", "blocks.1"]


@pytest.mark.parametrize(
    ("which", "message"),
    [
        ("groups 0-9", r"the encoder has 4 groups \(stem, blocks 0-2\), so there is no group 9"),
        ("groups 2-1", "write the lower one first"),
        (("block",), r"\(stem, blocks 0-2\), and none is called 'block'; did you mean 'blocks"),
    ],
)
def test_groups_that_are_not_there_are_refused(which: Any, message: str) -> None:
    with pytest.raises(ConfigError, match=message):
        frozen_groups(ResNet1d(3, width=4, dim=6), which)


def test_frozen_groups_ask_for_no_gradient_and_others_stay_as_they_were() -> None:
    encoder = S4D(3, width=8, depth=2)
    encoder.blocks[1].space.log_step.requires_grad_(False)
    freeze(encoder, ["stem.0", "blocks.0"])
    trained = trained_weights(encoder)
    assert not any(name.startswith(("stem.", "blocks.0.")) for name in trained)
    assert "output.weight" in trained
    assert "blocks.1.space.log_step" not in trained


def test_resting_parts_are_the_outermost_without_a_trained_weight() -> None:
    encoder = Noisy(3)
    freeze(encoder, ["blocks.0"])
    assert resting_parts(encoder) == [encoder.blocks[0]]
    freeze(encoder, ["stem.0", "blocks.1"])
    assert resting_parts(encoder) == [encoder]
    assert resting_parts(nn.Dropout()) == []


@pytest.mark.parametrize("which", [["blocks.0"], ["stem.0", "blocks.0", "blocks.1"]])
def test_what_is_frozen_keeps_weights_and_statistics_in_training(which: list[str], tmp_path: Path) -> None:
    encoder = Noisy(2)
    freeze(encoder, which)
    before = {name: value.clone() for name, value in encoder.state_dict().items()}
    trainer = supervised_trainer(tmp_path, encoder=encoder)
    trainer.run()
    after = trainer.net.encoder.state_dict()
    for name, value in before.items():
        frozen = any(name.startswith(f"{group}.") for group in which)
        assert torch.equal(value, after[name]) == frozen, name
    if len(which) == 3:
        assert not trainer.net.encoder.training


def test_thawing_goes_from_the_output_to_the_input() -> None:
    encoder = ResNet1d(3, width=4, dim=6)
    freeze(encoder, ["blocks.0"])
    thawing = Thawing(encoder, epochs=9)
    seen = []
    for epoch in (1, 2, 3, 4, 5):
        thawing.begin(epoch)
        seen.append({name.removesuffix(".weight")[:8] for name in trained_weights(encoder)})
    assert seen == [
        set(), {"blocks.2"}, {"blocks.1", "blocks.2"}, {"stem", "stem.bia", "blocks.1", "blocks.2"},
        {"stem", "stem.bia", "blocks.1", "blocks.2"},
    ]  # fmt: skip


@pytest.mark.parametrize("epochs", [1, 2, 3, 4])
def test_the_last_of_few_epochs_trains_all(epochs: int) -> None:
    encoder = Transformer(3, width=8, depth=3, heads=2)
    thawing = Thawing(encoder, epochs)
    thawing.begin(1)
    assert any(weight.requires_grad for weight in encoder.parameters()) == (epochs == 1)
    thawing.begin(epochs)
    assert all(weight.requires_grad for weight in encoder.parameters())


def test_gradual_training_moves_each_group_from_its_epoch_on_also_when_resumed(tmp_path: Path) -> None:
    class Stop(Hook):
        def on_step(self, step: int) -> None:
            if step == 5:
                raise KeyboardInterrupt

    def trainer(folder: str, *hooks: Hook) -> Any:
        torch.manual_seed(0)
        changes = {"gradual": True, "epochs": 4, "average": "none", "save_seconds": 0.0}
        return supervised_trainer(tmp_path / folder, *hooks, **changes)

    whole = trainer("whole")
    before = {name: value.clone() for name, value in whole.net.encoder.state_dict().items()}
    whole.run()
    moved = whole.net.encoder.state_dict()
    assert not all(torch.equal(before[name], moved[name]) for name in before)
    with pytest.raises(KeyboardInterrupt):
        trainer("stopped", Stop()).run()
    resumed = trainer("stopped")
    resumed.run()
    for name, value in moved.items():
        assert torch.equal(value, resumed.net.encoder.state_dict()[name]), name


def test_all_frozen_gives_each_weight_its_gradient_back() -> None:
    encoder = LSTM(3, hidden=4, dim=4)
    encoder.input.bias.requires_grad_(False)
    with all_frozen(encoder):
        assert not any(weight.requires_grad for weight in encoder.parameters())
    resting = [name for name, weight in encoder.named_parameters() if not weight.requires_grad]
    assert resting == ["input.bias"]


def test_rates_decay_towards_the_input_and_vectors_are_not_pulled_to_zero() -> None:
    encoder, head = S4D(3, width=8, depth=2), nn.Linear(8, 2)
    trained = [*encoder.parameters(), *head.parameters()]
    groups = layered_groups(trained, encoder, encoder.slow_parameters(), lr=0.1, decay=0.5)
    assert sorted(id(p) for group in groups for p in group["params"]) == sorted(map(id, trained))
    optimizer = AdamW(groups, lr=0.1, weight_decay=0.3)
    optimizer.set_rate(0.1)
    assert optimizer.layer_rates() == {
        "lr/stem.0": pytest.approx(0.0125),
        "lr/blocks.0": pytest.approx(0.025),
        "lr/blocks.1": pytest.approx(0.05),
        "lr/output": pytest.approx(0.1),
        "lr/objective": pytest.approx(0.1),
    }
    rate = {id(p): (g["lr"], g["weight_decay"]) for g in optimizer.param_groups for p in g["params"]}
    assert rate[id(encoder.output.bias)] == (pytest.approx(0.1), 0.0)
    assert rate[id(encoder.output.weight)] == (pytest.approx(0.1), 0.3)
    slow = encoder.blocks[0].space.slow_parameters()
    assert all(rate[id(p)] == (pytest.approx(min(slow.most_rate, 0.025)), 0.0) for p in slow.parameters)


def test_the_log_tells_the_rate_of_each_layer(tmp_path: Path) -> None:
    records: list[dict[str, Any]] = []

    class Kept(Hook):
        def on_record(self, record: dict[str, Any]) -> None:
            records.append(record)

    supervised_trainer(tmp_path, Kept(), layer_decay=0.5).run()
    told = [record for record in records if record["kind"] == "validation" and record["epoch"]]
    assert told
    for record in told:
        rates = [value for key, value in record.items() if key.startswith("lr/")]
        assert rates[0] < rates[-1]
