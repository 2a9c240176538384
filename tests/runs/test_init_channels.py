"""Weights of input channels that are put in order, left out, added and drawn anew."""

from __future__ import annotations

import pytest
import torch

from tsrep.encoders.encoder import Encoder, StemWeight
from tsrep.errors import ConfigError
from tsrep.registry import ENCODERS
from tsrep.runs.init.channels import ChannelChange

OLD = ("I", "II", "V1", "V2")
CHANNEL_WISE = {"lead-wise", "inverted-transformer", "identity", "trend-seasonal"}


def encoder(name: str, channels: int) -> Encoder:
    torch.manual_seed(0)
    made: Encoder = ENCODERS.build({"name": name}, channels=channels)
    return made.eval()


def adapted(name: str, change: ChannelChange) -> tuple[Encoder, Encoder]:
    """An encoder of the old channels, and one of the new that has its weights."""
    old, new = encoder(name, len(change.old)), encoder(name, len(change.new))
    weights = old.state_dict()
    for stem in old.stem_weights():
        weights[stem.name] = change.adapted(weights[stem.name], stem, seed=0)
    new.load_state_dict(weights)
    return old, new


def signal(channels: int) -> torch.Tensor:
    return torch.randn(2, channels, 96, generator=torch.Generator().manual_seed(1))


@pytest.mark.parametrize("name", sorted(set(ENCODERS.names()) - CHANNEL_WISE))
def test_columns_follow_their_channels_in_every_encoder(name: str) -> None:
    order = [2, 0, 3, 1]
    old, new = adapted(name, ChannelChange(OLD, tuple(OLD[k] for k in order)))
    x = signal(4)
    with torch.no_grad():
        torch.testing.assert_close(new(x[:, order]), old(x), rtol=1e-4, atol=1e-5)


@pytest.mark.parametrize("name", ["resnet1d", "patch-transformer", "dilated-conv"])
def test_a_subset_sees_what_the_whole_sees_of_channels_at_zero(name: str) -> None:
    old, new = adapted(name, ChannelChange(OLD, ("V2", "I")))
    x = signal(4)
    x[:, [1, 2]] = 0.0
    with torch.no_grad():
        torch.testing.assert_close(new(x[:, [3, 0]]), old(x), rtol=1e-4, atol=1e-5)


def test_a_rescaled_subset_keeps_the_sum_of_equal_channels() -> None:
    weight = torch.ones(3, 4, 5)  # equal columns, so that the sum over channels is known
    change = ChannelChange(OLD, ("II", "V1"), rescale=True)
    torch.testing.assert_close(change.adapted(weight, StemWeight("w"), 0).sum(1), weight.sum(1))
    assert "multiplied by 2" in change.told()
    plain = ChannelChange(OLD, ("II", "V1"))
    torch.testing.assert_close(plain.adapted(weight, StemWeight("w"), 0), weight[:, 1:3])
    assert "not rescaled" in plain.told()


def test_new_channels_keep_the_sum_of_equal_signals_and_differ() -> None:
    weight = torch.randn(3, 4, 5, generator=torch.Generator().manual_seed(0))
    change = ChannelChange(OLD, (*OLD, "V3", "V4"))
    found = change.adapted(weight, StemWeight("w"), seed=3)
    torch.testing.assert_close(found[:, :4], weight * 4 / 6)
    torch.testing.assert_close(found.sum(1), weight.sum(1), rtol=0.05, atol=0.01)
    third, fourth = found[:, 4], found[:, 5]
    assert 0 < (third - fourth).abs().max() < 0.01
    again = change.adapted(weight, StemWeight("w"), seed=3)
    assert torch.equal(found, again)
    assert not torch.equal(found, change.adapted(weight, StemWeight("w"), seed=4))
    assert "V3, V4 are new" in change.told()


def test_blocks_of_a_patch_stay_together() -> None:
    weight = torch.arange(8.0).reshape(1, 8)  # two channels of four steps
    change = ChannelChange(("a", "b"), ("b", "a"))
    found = change.adapted(weight, StemWeight("w", block=4), seed=0)
    assert found.tolist() == [[4, 5, 6, 7, 0, 1, 2, 3]]


def test_the_order_alone_changes_no_bit() -> None:
    weight = torch.randn(7, 4, 3)
    change = ChannelChange(OLD, OLD[::-1])
    assert torch.equal(change.adapted(weight, StemWeight("w"), 0), weight.flip(1))


def test_a_refusal_names_both_lists() -> None:
    with pytest.raises(ConfigError, match=r"have the channels II, and runs/a was trained on I, II, V1, V2"):
        ChannelChange(OLD, ("II",)).refuse("runs/a")
