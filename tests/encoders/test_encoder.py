"""What every encoder says of its layers and tokens."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from torch import Tensor, nn

from tsrep.encoders.dilated_conv_ar import DilatedConvAR
from tsrep.encoders.encoder import Encoder, StemWeight, TokenEncoder, without_missing
from tsrep.encoders.parameterless import Identity
from tsrep.encoders.patch_transformer import PatchTransformer
from tsrep.encoders.recurrent import LSTM
from tsrep.encoders.transformer import Transformer
from tsrep.registry import ENCODERS
from tsrep.testing import check_encoder


def names(encoder: Encoder) -> list[list[str]]:
    return [sorted(group) for _, group in encoder.layer_groups()]


@pytest.mark.parametrize("name", ENCODERS.names())
def test_groups_follow_the_signal(name: str) -> None:
    """With a convex loss of its output alone, each group is reached, and the first one reads the signal."""
    encoder = ENCODERS.build({"name": name}, channels=3)
    groups = encoder.layer_groups()
    parameters = [name for name, _ in encoder.named_parameters()]
    assert sorted(parameters) == sorted(name for _, group in groups for name in group)
    assert len(groups) >= 3 or not parameters


def test_blocks_are_groups_of_their_own() -> None:
    encoder = Transformer(3, width=8, depth=3, heads=2, positions="learned")
    heads = [{name.rsplit(".", 2)[0] for name in group} for group in names(encoder)]
    blocks = [group for group in names(encoder) if group[0].startswith("blocks.blocks")]
    assert names(encoder)[0] == ["input.bias", "input.weight"]
    assert names(encoder)[1] == ["positions.table"]
    assert [len(group) for group in blocks] == [12, 12, 12]
    assert names(encoder)[-1] == ["blocks.output.bias", "blocks.output.weight"]
    assert len(heads) == 1 + 1 + 3 + 2
    told = [name for name, _ in encoder.layer_groups()]
    assert told[:3] == ["input", "positions", "blocks.blocks.0"]
    assert told[-1] == "blocks.output"


def test_experts_are_one_layer_and_each_layer_of_cells_another() -> None:
    conv = names(DilatedConvAR(3, hidden=4, dim=6, depth=2, experts=3))
    assert [group[0].split(".")[0] for group in conv] == ["input", "blocks", "blocks", "blocks", "experts"]
    assert len(conv[-1]) == 6
    cells = names(LSTM(3, hidden=4, dim=6, layers=2))
    assert [group[0][-3:] for group in cells[1:]] == ["_l0", "_l1"]
    lead_wise = ENCODERS.build({"name": "lead-wise", "trunk": "resnet1d"})
    assert [name for name, _ in lead_wise.layer_groups()][:2] == ["trunk.stem", "trunk.blocks.0"]
    assert Identity(3).layer_groups() == []


def test_shared_parameters_are_in_their_first_group() -> None:
    encoder = Transformer(3, width=8, depth=2, heads=2)
    encoder.blocks.blocks[1] = encoder.blocks.blocks[0]
    grouped = [name for _, group in encoder.layer_groups() for name in group]
    assert len(grouped) == len(set(grouped)) == len(list(encoder.parameters()))


@pytest.mark.parametrize(
    ("encoder", "count"),
    [(Transformer(3, width=8, heads=2), 48), (PatchTransformer(3, width=8, heads=2, dim=6), 6)],
)
def test_tokens_are_steps_or_patches(encoder: TokenEncoder, count: int) -> None:
    x = torch.randn(2, 3, 48, generator=torch.Generator().manual_seed(0))
    x[0, 1, 5] = torch.nan
    tokens = encoder.tokens(x)
    assert tokens.shape == (2, count, encoder.dim)
    torch.testing.assert_close(encoder(x), tokens.mT)


class Faulty(TokenEncoder):
    """One map for each step, with one fault at a time."""

    fault = ""

    def __init__(self, channels: int) -> None:
        super().__init__()
        self.dim, self.stride, self.causal, self.receptive_field = 4, 1, True, 1
        self.maps = nn.ModuleList([nn.Linear(channels, 4), nn.Linear(4, 4)])

    def tokens(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        x, keep = without_missing(x, keep)
        tokens: Tensor = self.maps[1](self.maps[0](x.mT) * keep[..., None])
        return tokens

    def forward(self, x: Tensor, keep: Tensor | None = None) -> Tensor:
        z = super().forward(x, keep)
        return 2 * z if self.fault == "tokens" else z

    def stem_weights(self) -> list[StemWeight]:
        return [] if self.fault == "stem" else [StemWeight("maps.0.weight")]

    def layer_groups(self) -> Any:
        first, second = super().layer_groups()
        match self.fault:
            case "twice":
                return [first, second, first]
            case "lacks":
                return [first]
            case "empty":
                return [first, ("none", []), second]
            case "named alike":
                return [first, (first[0], second[1])]
        return [first, second]


@pytest.mark.parametrize(
    ("fault", "message"),
    [
        ("twice", "more than one group"),
        ("lacks", "lacks parameters"),
        ("empty", "empty group"),
        ("named alike", "two groups of one name"),
        ("stem", "how the shape of maps.0.weight depends"),
        ("tokens", "tokens are not the steps"),
    ],
)
def test_faults_are_caught(fault: str, message: str) -> None:
    check_encoder(Faulty)
    with pytest.raises(AssertionError, match=message):
        check_encoder(type("Other", (Faulty,), {"fault": fault}))
