"""What the state space encoders promise beyond the conformance checks."""

from __future__ import annotations

from typing import Any

import pytest
import torch
from pydantic import ValidationError
from torch import Tensor

from tsrep.encoders.conv_s4d import ConvS4D
from tsrep.encoders.s4d import S4D, StateSpaceEncoder
from tsrep.errors import ConfigError
from tsrep.registry import ENCODERS
from tsrep.rng import torch_generator
from tsrep.testing import check_encoder


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def signals(time: int = 120, batch: int = 2) -> Tensor:
    return torch.randn(batch, 3, time, generator=torch_generator("signals"))


@pytest.mark.parametrize(
    "settings",
    [
        {"name": "s4d", "bidirectional": True, "start": "legs"},
        {"name": "s4d", "stride": 1, "norm": "post", "dim": 5},
        {"name": "s4d", "trained_states": False, "band_limit": 0.5, "start": "inv"},
        {"name": "conv-s4d", "stride": 5, "kernel": 9},
        {"name": "conv-s4d", "bidirectional": True, "norm": "post"},
    ],
    ids=str,
)
def test_every_variant_conforms(settings: dict[str, Any]) -> None:
    check_encoder(lambda channels: ENCODERS.build({"width": 8, "depth": 2} | settings, channels=channels))


@pytest.mark.parametrize(
    "encoder",
    [S4D(3, width=8, depth=3, dim=5), ConvS4D(3, width=8, depth=2, norm="post")],
    ids=lambda encoder: type(encoder).__name__,
)
def test_step_by_step_is_the_convolution(encoder: StateSpaceEncoder) -> None:
    x = signals()
    latent, state, steps = encoder.latent(x), encoder.start(2), []
    for t in range(latent.shape[2]):
        z, state = encoder.step(latent[..., t], state)
        steps.append(z)
    torch.testing.assert_close(torch.stack(steps, dim=-1), encoder(x), rtol=1e-4, atol=1e-5)


def test_a_causal_encoder_knows_nothing_of_later_steps_and_all_of_earlier_ones() -> None:
    encoder, x = S4D(3, width=8, depth=2).double(), signals().double()
    changed = x.clone()
    changed[..., 60:64] += 1
    difference = (encoder(changed) - encoder(x)).abs().amax((0, 1))
    assert difference[:15].max() < 1e-12
    assert difference[15:].min() > 1e-8
    both = S4D(3, width=8, depth=2, bidirectional=True).double()
    assert (both(changed) - both(x)).abs().amax((0, 1)).min() > 1e-8


def test_a_two_sided_encoder_cannot_go_step_by_step() -> None:
    encoder = S4D(3, width=8, depth=1, bidirectional=True)
    assert encoder.causal is False
    with pytest.raises(ConfigError, match="cannot go step by step"):
        encoder.start(2)


def test_size_is_as_written() -> None:
    for width, states in ((64, 4), (128, 32)):
        block = S4D(3, width=width, depth=1, states=states).blocks[0]
        outside = 2 * width + 2 * width * width + 2 * width  # of normalisation and of the map of channels
        inside = sum(p.numel() for p in block.parameters()) - outside
        assert inside == width * (2 + 4 * states)
    assert sum(p.numel() for p in ConvS4D(12).stem.parameters()) == 12 * 3 * 512 + 512 + 3 * (512 * 512 + 512)


def test_voltage_reaches_the_representation_when_normalised_first() -> None:
    encoder, x = S4D(3, width=16), signals()
    after = S4D(3, width=16, norm="post")
    assert encoder(10 * x).std() > 3 * encoder(x).std()
    assert after(10 * x).std() < 2 * after(x).std()


def test_published_states_rest() -> None:
    encoder = ConvS4D(3, width=8, depth=2, trained_states=False)
    assert encoder.slow_parameters() == []
    assert {name for name, _ in encoder.blocks[0].space.named_parameters()} == {"output_weight", "skip"}


def test_impossible_settings_are_refused() -> None:
    with pytest.raises(ConfigError, match="leaves gaps; give one of at least 4"):
        ConvS4D(3, width=8, kernel=3, stride=4)
    for settings in ({"states": 0}, {"start": "hippo"}, {"step_sizes": (0.0, 1.0)}, {"band_limit": -1}):
        with pytest.raises(ValidationError):
            ENCODERS.entry("s4d").settings(**settings)


def test_encoders_without_stages_or_tokens_say_so() -> None:
    encoder, x = ENCODERS.build({"name": "resnet1d", "width": 4}, channels=3), signals()
    with pytest.raises(ConfigError, match="ResNet1d has no stage"):
        encoder.latent(x)
    with pytest.raises(ConfigError, match="ResNet1d cannot leave tokens out"):
        encoder.visible_tokens(x, torch.zeros(2, 3, dtype=torch.int64))
