"""Sliding encoding against a literal loop over windows."""

import pytest
import torch
from torch import nn
from torch.nn import functional as F

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder, without_missing
from tsrep.encoders.resnet1d import ResNet1d
from tsrep.encoders.sliding import sliding_last_step
from tsrep.errors import ConfigError
from tsrep.registry import ENCODERS


class Causal(Encoder):
    """Two causal convolutions over a latent with a bias; counts the steps that it is asked to encode."""

    def __init__(self, channels):
        super().__init__()
        self.input = nn.Linear(channels, 4)
        self.convs = nn.ModuleList([nn.Conv1d(4, 4, 3), nn.Conv1d(4, 5, 3, dilation=2)])
        self.dim, self.stride, self.causal, self.receptive_field = 5, 1, True, 7
        self.steps = 0

    def forward(self, x, keep=None):
        self.steps += x.shape[0] * x.shape[2]
        x, keep = without_missing(x, keep)
        z = (self.input(x.mT) * keep[..., None]).mT
        return self.convs[1](F.pad(self.convs[0](F.pad(z, (2, 0))).tanh(), (4, 0)))


SMALL = {
    "dilated-conv": {"hidden": 6, "dim": 10, "depth": 4},
    "dilated-conv-ar": {"hidden": 6, "dim": 10, "depth": 4, "experts": 4},
    "causal-tcn": {"hidden": 6, "dim": 10, "depth": 2, "kernel": 3},
    "conv-s4d": {"width": 16},
    "gru": {"hidden": 6, "dim": 10},
    "informer": {"width": 8, "heads": 2, "feedforward": 6, "layers": 2, "dim": 10, "factor": 1},
    "inverted-transformer": {"length": 4, "width": 8},
    "lstm": {"hidden": 6, "dim": 10},
    "patch-transformer": {"width": 8, "patch": 4, "stride": 2},
    "resnet1d": {"width": 4, "dim": 6},
    "transformer": {"width": 8, "dim": 10},
}


def registered(name):
    torch.manual_seed(1)
    return ENCODERS.build({"name": name} | SMALL.get(name, {}), channels=3)


def literal(encoder, x, context):
    padded = F.pad(x, (context, 0), value=torch.nan)
    start = (context + 1) % encoder.stride
    windows = [padded[..., t + start : t + context + 1] for t in range(x.shape[-1])]
    return torch.stack([encoder(window)[..., -1] for window in windows], dim=-1)


@pytest.fixture
def x():
    torch.manual_seed(0)
    x = torch.randn(2, 3, 30)
    x[0, 0, 10] = torch.nan
    return x


def make(name):
    torch.manual_seed(1)
    return {
        "dilated": lambda: DilatedConv(3, hidden=6, dim=10, depth=4),
        "strided": lambda: ResNet1d(3, width=4, dim=6),
        "causal": lambda: Causal(3),
    }[name]()


@pytest.mark.parametrize("context", [3, 5, 6, 7, 25, 40])
@pytest.mark.parametrize("at_once", [1, 13, 500])
@pytest.mark.parametrize("name", ["dilated", "strided", "causal"])
def test_is_the_last_step_of_each_window(x, name, context, at_once):
    encoder = make(name)

    fast = sliding_last_step(encoder, x, context, at_once=at_once)

    assert not fast.requires_grad
    torch.testing.assert_close(fast, literal(encoder, x, context), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("context", [3, 11, 12, 25, 40])
@pytest.mark.parametrize("name", ENCODERS.names())
def test_every_registered_encoder_slides(x, name, context):
    encoder = registered(name)
    context = max(context, encoder.stride - 1)

    fast = sliding_last_step(encoder, x, context, at_once=13)

    assert fast.isfinite().all()
    torch.testing.assert_close(fast, literal(encoder, x, context), rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ENCODERS.names())
def test_last_step_of_every_registered_encoder(x, name):
    encoder = registered(name)
    x[1, :, :17] = torch.nan
    x = torch.cat([x, x], dim=-1)  # at least as long as any stride

    whole = encoder(x[..., x.shape[-1] % encoder.stride :])[..., -1]

    torch.testing.assert_close(encoder.last_step(x), whole, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(encoder.last_step_reader()(x), whole, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", ["causal-tcn", "gru", "identity", "lstm"])
def test_causal_encoders_see_no_later_step(x, name):
    encoder, changed = registered(name), x.clone()
    changed[..., 20:] += 5

    a, b = encoder(x), encoder(changed)

    torch.testing.assert_close(a[..., :20], b[..., :20])
    assert (a[..., 20] - b[..., 20]).norm() > 1e-3


@pytest.mark.parametrize("first", [0, 1, 6, 7, 20, 29])
@pytest.mark.parametrize("name", ["dilated", "causal"])
def test_steps_from_the_first_on_keep_their_past(x, name, first):
    encoder = make(name)

    rest = sliding_last_step(encoder, x, 6, first=first)

    torch.testing.assert_close(rest, sliding_last_step(encoder, x, 6)[..., first:])


@pytest.mark.parametrize(("context", "steps"), [(6, 2 * 36), (7, 2 * 37), (5, 2 * 30 * 6)])
def test_one_pass_where_the_window_holds_the_receptive_field(x, context, steps):
    encoder = make("causal")

    sliding_last_step(encoder, x, context)

    assert encoder.steps == steps


def test_later_steps_do_not_matter(x):
    changed = x.clone()
    changed[..., 20:] += 5
    encoder = make("dilated")

    a, b = sliding_last_step(encoder, x, 12), sliding_last_step(encoder, changed, 12)

    torch.testing.assert_close(a[..., :20], b[..., :20])
    assert not torch.allclose(a[..., 20:], b[..., 20:])


@pytest.mark.parametrize("time", [8, 9, 11])
def test_last_step_of_a_strided_encoder_ends_where_the_signal_ends(x, time):
    encoder = make("strided")

    last = encoder.last_step(x[..., :time])

    torch.testing.assert_close(last, encoder(x[..., time % 4 : time])[..., -1])


def test_a_window_shorter_than_the_stride_is_refused(x):
    with pytest.raises(ConfigError, match="give at least 3"):
        sliding_last_step(make("strided"), x, 2)


@pytest.mark.parametrize("first", [-1, 30])
def test_no_step_to_represent_is_refused(x, first):
    with pytest.raises(ConfigError, match="steps 0 to 29"):
        sliding_last_step(make("dilated"), x, 5, first=first)
