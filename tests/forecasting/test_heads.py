"""Heads: from a representation of the look-back to a forecast."""

import math

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError
from torch.nn import functional as F

from tsrep.errors import ConfigError
from tsrep.forecasting.heads.decoder import Attention, Decoder
from tsrep.forecasting.heads.flatten import Flatten
from tsrep.forecasting.heads.last_state import LastState
from tsrep.forecasting.heads.per_variate import PerVariate
from tsrep.forecasting.heads.position_wise import PositionWise
from tsrep.forecasting.instance_norm import InstanceNorm
from tsrep.registry import ENCODERS, HEADS

NAMES = ["decoder", "flatten", "last-state", "per-variate", "position-wise"]
SMALL = {"decoder": {"width": 8, "heads": 2, "depth": 1}}


@pytest.fixture(autouse=True)
def _same_weights():
    torch.manual_seed(0)


def draw(*shape, seed=0):
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed), dtype=torch.float64)


def build(name, *, dim=6, lookback=8, steps=None, horizon=4, variates=2, covariates=1, **chosen):
    if name == "per-variate":
        steps, dim = steps or 1, dim * (variates + covariates)
    values = HEADS.entry(name).settings(**{**SMALL.get(name, {}), **chosen})
    head = HEADS.build(
        values,
        dim=dim,
        steps=steps or lookback,
        lookback=lookback,
        horizon=horizon,
        variates=variates,
        covariates=covariates,
    ).double()
    z = draw(3, dim, steps or lookback, seed=1)
    past = draw(3, covariates + variates, lookback, seed=2)
    return head, z, past, draw(3, covariates, horizon, seed=3)


def test_registry_holds_these_heads():
    assert HEADS.names() == NAMES


@pytest.mark.parametrize("name", NAMES)
@settings(max_examples=12, deadline=None)
@given(
    dim=st.integers(1, 5),
    horizon=st.integers(1, 6),
    more=st.integers(0, 5),
    variates=st.integers(1, 3),
    covariates=st.integers(0, 3),
)
def test_shapes(name, dim, horizon, more, variates, covariates):
    head, z, past, ahead = build(
        name,
        dim=dim,
        lookback=horizon + more,
        horizon=horizon,
        variates=variates,
        covariates=covariates,
    )

    forecast = head(z, past, ahead)

    assert forecast.shape == (3, variates, horizon)
    assert forecast.isfinite().all()
    assert head(z[:0], past[:0], ahead[:0]).shape == (0, variates, horizon)


@pytest.mark.parametrize("name", NAMES)
def test_rows_are_forecast_each_on_its_own(name):
    head, z, past, ahead = build(name)

    torch.testing.assert_close(head(z, past, ahead)[1:2], head(z[1:2], past[1:2], ahead[1:2]))


@pytest.mark.parametrize("name", NAMES)
def test_gradients(name):
    head, *inputs = build(name, dim=3, lookback=4, horizon=3)
    weights = dict(head.named_parameters())
    inputs = [part[:2].clone().requires_grad_() for part in inputs]

    def forecast(*parts):
        z, past, ahead, *values = parts
        return torch.func.functional_call(head, dict(zip(weights, values, strict=True)), (z, past, ahead))

    assert torch.autograd.gradcheck(forecast, (*inputs, *weights.values()), fast_mode=True)


@pytest.mark.parametrize("name", NAMES)
def test_dropout_is_drawn_from_the_generator_and_only_in_training(name):
    chosen = {} if name == "position-wise" else {"dropout": 0.5}
    head, *inputs = build(name, **chosen)
    quiet = head.eval()(*inputs)

    def drawn(seed):
        return head(*inputs, generator=torch.Generator().manual_seed(seed))

    assert not any(isinstance(part, torch.nn.Dropout) for part in head.modules())
    assert torch.equal(drawn(0), quiet)
    head.train()
    state = torch.get_rng_state()
    assert torch.equal(head(*inputs), quiet)
    assert torch.equal(drawn(0), drawn(0))
    assert torch.equal(drawn(0), drawn(1)) == (not chosen)
    assert torch.equal(torch.get_rng_state(), state)


def test_dropout_keeps_the_mean_of_a_linear_head():
    head, z, past, ahead = build("last-state", dropout=0.3)
    quiet, rows = head.eval()(z, past, ahead), 20_000
    many = [part[:1].expand(rows, -1, -1) for part in (z, past, ahead)]

    noisy = head.train()(*many, generator=torch.Generator().manual_seed(0))

    error = noisy.std(dim=0) / math.sqrt(rows)
    assert ((noisy.mean(dim=0) - quiet[0]).abs() < 5 * error).all()
    assert error.min() > 0


@pytest.mark.parametrize("name", NAMES)
def test_state_survives_a_round_trip(name):
    head, *inputs = build(name)
    other, *_ = build(name)
    other.load_state_dict(head.state_dict())

    assert torch.equal(head(*inputs), other(*inputs))


def test_flatten_is_the_sum_it_stands_for():
    head, z, past, ahead = build("flatten", dim=5, steps=3, horizon=4, variates=2)
    weight = head.layers[0].weight.reshape(2, 4, 5, 3)  # (variate, horizon, dim, step)

    expected = torch.einsum("vhds,rds->rvh", weight, z) + head.layers[0].bias.reshape(2, 4)

    torch.testing.assert_close(head(z, past, ahead), expected)


def test_flatten_on_the_raw_window_less_its_last_value_is_nlinear():
    """A planted linear map from look-back to horizon comes back at any level of the window."""
    planted, x = draw(4, 8, seed=4), 10 * draw(5, 1, 8) + 100
    norm, head = InstanceNorm("last", 1), Flatten(1, 8, 1, 4).double()
    with torch.no_grad():
        head.layers[0].weight.copy_(planted)
        head.layers[0].bias.zero_()

    normalised, level = norm(x)
    forecast = norm.undo(head(normalised, normalised, x[:, :0, :4]), level)

    last = x[..., -1:]
    torch.testing.assert_close(forecast, (x - last) @ planted.T + last)


def test_last_state_reads_the_last_step_alone():
    head, z, past, ahead = build("last-state", horizon=4, variates=2)
    z.requires_grad_()

    forecast = head(z, past, ahead)
    forecast.sum().backward()

    assert z.grad.abs().sum((0, 1)).nonzero().flatten().tolist() == [7]
    expected = (z[..., -1] @ head.layers[0].weight.T + head.layers[0].bias).reshape(3, 2, 4)
    torch.testing.assert_close(forecast, expected)


@pytest.mark.parametrize("name", ["flatten", "last-state"])
def test_hidden_layer_makes_the_map_a_perceptron(name):
    head, z, past, ahead = build(name, hidden=7)
    first, _, second = head.layers
    assert first.out_features == second.in_features == 7
    seen = z.flatten(1) if name == "flatten" else z[..., -1]

    expected = second(F.relu(first(seen))).reshape(3, 2, 4)

    torch.testing.assert_close(head(z, past, ahead), expected)


def test_position_wise_reads_one_position_for_each_step():
    head, z, past, ahead = build("position-wise", lookback=8, horizon=3)
    z.requires_grad_()

    for step in range(3):
        (gradient,) = torch.autograd.grad(head(z, past, ahead)[..., step].sum(), z)
        assert gradient.abs().sum((0, 1)).nonzero().flatten().tolist() == [8 - 3 + step]


def test_position_wise_applies_one_map_at_all_positions():
    head, z, past, ahead = build("position-wise", lookback=8, horizon=3)
    first, _, second = head.layers
    assert (first.in_features, first.out_features, second.out_features) == (6, 6, 2)
    assert not first.bias.any()
    assert not second.bias.any()

    everywhere = torch.stack([second(F.relu(first(z[..., t]))) for t in range(8)], dim=-1)

    torch.testing.assert_close(head(z, past, ahead), everywhere[..., -3:])


@pytest.mark.parametrize(
    ("steps", "lookback", "horizon", "message"),
    [
        (4, 8, 2, "makes 4 of a look-back of 8; take an encoder of stride 1 or head 'flatten'"),
        (8, 8, 9, "8 is below 9; lengthen the look-back or take head 'last-state'"),
    ],
)
def test_position_wise_refuses_what_it_cannot_do(steps, lookback, horizon, message):
    with pytest.raises(ConfigError, match=message):
        PositionWise(6, steps, lookback, 1, horizon)


def test_per_variate_shares_one_map_and_leaves_covariates_out():
    head, z, past, ahead = build("per-variate", dim=5, variates=2, covariates=1)
    z.requires_grad_()

    forecast = head(z, past, ahead)
    forecast[:, 0].sum().backward()

    vectors = z.detach().reshape(3, 3, 5)  # covariate first
    expected = torch.stack([head.layer(vectors[:, 1]), head.layer(vectors[:, 2])], dim=1)
    torch.testing.assert_close(forecast, expected)
    reached = z.grad.reshape(3, 3, 5).abs().sum((0, 2)) > 0
    assert reached.tolist() == [False, True, False]


def test_per_variate_follows_the_order_of_the_variates():
    """Behind a network that knows no order of channels, permuted variates have permuted forecasts."""
    encoder = ENCODERS.build({"name": "inverted-transformer", "length": 8, "width": 8}, channels=4).double()
    head, *_ = build("per-variate", dim=8, variates=3, covariates=1)
    x, order = draw(2, 4, 8), [2, 0, 1]
    permuted = torch.cat([x[:, :1], x[:, 1:][:, order]], dim=1)

    plain, other = (head(encoder(part), part, part[:, :1, :4]) for part in (x, permuted))

    torch.testing.assert_close(other, plain[:, order])
    assert not torch.allclose(other, plain)


@pytest.mark.parametrize(("dim", "steps"), [(12, 2), (10, 1)])
def test_per_variate_refuses_what_it_cannot_take_apart(dim, steps):
    with pytest.raises(
        ConfigError, match=f"each of 3 channels, and the encoder makes {steps} of dimension {dim}"
    ):
        PerVariate(dim, steps, 2, 1, 4)


@pytest.mark.parametrize("label", [0, 3, 8])
def test_decoder_reads_the_last_values_of_the_label_length_alone(label):
    head, z, past, ahead = build("decoder", label_length=label)
    past.requires_grad_()

    (gradient,) = torch.autograd.grad(head(z, past, ahead).square().sum(), past, materialize_grads=True)

    reached = (gradient.abs() > 0).any(dim=0)
    assert reached.all(dim=0).tolist() == [False] * (8 - label) + [True] * label
    assert reached.any(dim=0).tolist() == [False] * (8 - label) + [True] * label


def test_decoder_sees_half_the_look_back_unless_told():
    assert build("decoder", lookback=9)[0].label_length == 4


def test_every_step_of_the_decoder_knows_its_place_its_covariates_and_the_representation():
    head, z, past, ahead = build("decoder", horizon=4)
    ahead.requires_grad_()
    z.requires_grad_()

    forecast = head(z, past, ahead)

    gaps = forecast[..., :, None] - forecast[..., None, :]
    assert (gaps.abs().amax((0, 1)) + torch.eye(4) > 1e-6).all()
    for step in range(4):
        on_ahead, on_z = torch.autograd.grad(
            forecast[..., step].square().sum(), (ahead, z), retain_graph=True
        )
        assert (on_ahead.abs().sum((0, 1)) > 0).all()
        assert (on_z.abs().sum((0, 1)) > 0).all()


def test_positions_alone_tell_steps_apart():
    head, z, past, ahead = build("decoder", horizon=4)
    placed = head(z, past, torch.zeros_like(ahead))
    head.positions.zero_()

    forecast = head(z, past, torch.zeros_like(ahead))

    assert ((placed[..., 1:] - placed[..., :1]).abs().amax((0, 1)) > 1e-6).all()
    torch.testing.assert_close(forecast, forecast[..., :1].expand_as(forecast))


def test_decoder_is_the_sum_of_its_parts_in_the_order_of_time():
    head, z, past, ahead = build("decoder", label_length=3, lookback=8, horizon=4, variates=2, covariates=1)
    block = head.blocks[0]
    x = torch.zeros(3, 7, 8, dtype=torch.float64)
    for place in range(7):
        nothing = torch.zeros(3, 2, dtype=torch.float64)
        seen = past[..., 5 + place] if place < 3 else torch.cat([ahead[..., place - 3], nothing], dim=-1)
        x[:, place] = head.input(seen) + head.positions[place]

    normal = block.norms[0](x)
    x = x + block.own(normal, normal)
    x = x + block.cross(block.norms[1](x), head.memory(z.mT))
    x = x + block.perceptron(block.norms[2](x))

    torch.testing.assert_close(head(z, past, ahead), head.output(x)[:, 3:].mT)


def test_attention_equals_loops_over_heads_and_steps():
    attention, x, memory = Attention(6, 2).double(), draw(1, 3, 6), draw(1, 5, 6, seed=1)
    query, (key, value) = attention.query(x)[0], attention.key_value(memory)[0].chunk(2, dim=-1)
    mixed = torch.zeros(3, 6, dtype=torch.float64)
    for part in (slice(0, 3), slice(3, 6)):
        for i in range(3):
            weight = torch.softmax(key[:, part] @ query[i, part] / math.sqrt(3), dim=0)
            mixed[i, part] = weight @ value[:, part]

    torch.testing.assert_close(attention(x, memory)[0], attention.output(mixed))


@pytest.mark.parametrize(
    ("chosen", "message"),
    [
        ({"label_length": 9}, "label_length of 9, beyond the look-back of 8"),
        ({"width": 10, "heads": 4}, "4 heads, which do not divide its width of 10"),
    ],
)
def test_decoder_refuses_settings_that_do_not_go_together(chosen, message):
    with pytest.raises(ConfigError, match=message):
        Decoder(6, 8, 4, 1, 0, **chosen)


@pytest.mark.parametrize(
    ("name", "chosen"),
    [
        ("flatten", {"dropout": 1.0}),
        ("last-state", {"hidden": 0}),
        ("decoder", {"label_length": -1}),
        ("position-wise", {"dropout": 0.1}),
    ],
)
def test_impossible_settings_are_refused(name, chosen):
    with pytest.raises(ValidationError):
        HEADS.entry(name).settings(**chosen)


@pytest.mark.parametrize("name", NAMES)
def test_forecast_is_finite_under_autocast(name):
    head, *inputs = build(name)
    head, inputs = head.float(), [part.float() for part in inputs]
    exact = head(*inputs)

    with torch.autocast("cpu", torch.bfloat16):
        rough = head(*inputs)

    torch.testing.assert_close(rough.float(), exact, atol=0.05, rtol=0.05)


def test_number_of_weights():
    assert sum(p.numel() for p in Flatten(4, 5, 2, 3).parameters()) == 4 * 5 * 2 * 3 + 2 * 3
    assert sum(p.numel() for p in LastState(4, 2, 3, hidden=7).parameters()) == 5 * 7 + 8 * 6
