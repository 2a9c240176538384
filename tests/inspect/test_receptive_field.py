"""The receptive field of maps whose gradient is known, and of the published measure."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor, nn

from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.errors import ConfigError, DataError, RunError
from tsrep.inspect.receptive_field.field import ReceptiveField
from tsrep.inspect.receptive_field.gradients import (
    flattened,
    integrated_field,
    integrated_gradients,
    receptive_field,
)
from tsrep.inspect.receptive_field.occlusion import occlusion_field

WINDOWS, CHANNELS, TIME, OUTPUTS, HORIZON = 5, 2, 12, 3, 4


def noise(*shape: int, seed: int = 0) -> Tensor:
    return torch.randn(*shape, generator=torch.Generator().manual_seed(seed))


WEIGHT = noise(OUTPUTS, HORIZON, CHANNELS, TIME, seed=1)


def linear(x: Tensor) -> Tensor:
    return torch.einsum("bct,ohct->boh", x, WEIGHT)


def curved(x: Tensor) -> Tensor:
    return torch.tanh(linear(x) / 4) + linear(x**2) / 8


def expected(raw: Tensor) -> np.ndarray:
    """Mass of (horizon, channel, time), lag 0 being the last step."""
    share = raw.double() / raw.double().sum(dim=(1, 2), keepdim=True)
    return share.flip(-1).numpy()


def test_mass_of_a_linear_map_is_its_weights() -> None:
    field = receptive_field(linear, noise(WINDOWS, CHANNELS, TIME), at_once=2)
    np.testing.assert_allclose(field.mass, expected(WEIGHT.abs().sum(0)), atol=1e-7)
    np.testing.assert_allclose(field.error, 0, atol=1e-7)
    assert field.mass.shape == (HORIZON, CHANNELS, TIME)
    assert field.ahead.tolist() == [1, 2, 3, 4]
    assert field.windows == WINDOWS


def test_lag_0_is_the_last_step() -> None:
    field = receptive_field(lambda x: x[..., -3:], noise(2, 1, 7))
    np.testing.assert_array_equal(field.curve.argmax(axis=1), [2, 1, 0])


@settings(max_examples=15, deadline=None)
@given(
    st.integers(1, 4), st.integers(1, 3), st.integers(2, 9), st.sampled_from(["output", "loss"]),
    st.integers(0, 99),
)  # fmt: skip
def test_each_step_sums_to_one(windows: int, channels: int, time: int, grad_of: str, seed: int) -> None:
    weight = noise(2, 3, channels, time, seed=seed)
    field = receptive_field(
        lambda x: torch.einsum("bct,ohct->boh", x.sin(), weight),
        noise(windows, channels, time, seed=seed + 1),
        target=noise(windows, 2, 3, seed=seed + 2),
        grad_of=grad_of,  # type: ignore[arg-type]  # one of the two
    )
    np.testing.assert_allclose(field.mass.sum(axis=(1, 2)), 1)
    np.testing.assert_allclose(field.each.sum(axis=2), 1, rtol=1e-5)
    assert (field.mass >= 0).all()


def test_windows_count_alike_however_steep_they_are() -> None:
    x = torch.tensor([[[1.0, 2.0, 3.0]], [[100.0, 0.0, 0.0]]])
    field = receptive_field(lambda v: v.square().sum(dim=-1, keepdim=True), x)
    shares = np.array([[3, 2, 1], [0, 0, 6]]) / 6
    np.testing.assert_allclose(field.curve[0], shares.mean(axis=0), atol=1e-7)
    np.testing.assert_allclose(field.error[0], shares.std(axis=0, ddof=1) / np.sqrt(2), atol=1e-7)


def test_error_is_that_of_the_mean_over_windows() -> None:
    field = receptive_field(curved, noise(WINDOWS, CHANNELS, TIME))
    error = field.each.std(axis=0, ddof=1) / np.sqrt(WINDOWS)
    np.testing.assert_allclose(field.error, error, rtol=1e-4)
    assert np.isnan(receptive_field(curved, noise(1, CHANNELS, TIME)).error).all()


def test_steps_are_those_of_the_whole() -> None:
    x = noise(WINDOWS, CHANNELS, TIME)
    whole = receptive_field(curved, x)
    for some in (
        receptive_field(curved, x, steps=[3, 1]),
        receptive_field(curved, x, steps=[3, 1], at_once=2),
    ):
        np.testing.assert_allclose(some.mass, whole.mass[[3, 1]], rtol=1e-5)
        assert some.ahead.tolist() == [4, 2]
    with pytest.raises(ConfigError, match="there is no output step 4; the horizon has 4"):
        receptive_field(curved, x, steps=[4])


def test_random_signs_are_exact_where_channels_are_apart() -> None:
    weight = noise(10, HORIZON, TIME)

    def apart(x: Tensor) -> Tensor:
        return torch.einsum("bct,cht->bch", x.sin(), weight)

    x = noise(WINDOWS, 10, TIME)
    exact = receptive_field(apart, x, exact=10)
    drawn = receptive_field(apart, x, exact=0, draws=1)
    np.testing.assert_allclose(drawn.mass, exact.mass, rtol=1e-5)


def test_random_signs_have_the_root_of_summed_squares_as_expectation() -> None:
    weight = noise(40, 1, 1, TIME)

    def mixed(x: Tensor) -> Tensor:
        return torch.einsum("bct,ohct->boh", x, weight)

    field = receptive_field(mixed, noise(2, 1, TIME), draws=2000)
    np.testing.assert_allclose(field.mass[0], expected(weight.square().sum(0).sqrt())[0], rtol=0.06)
    again = receptive_field(mixed, noise(2, 1, TIME), draws=2000)
    np.testing.assert_array_equal(field.mass, again.mass)
    other = receptive_field(mixed, noise(2, 1, TIME), draws=2000, seed=1)
    assert not np.array_equal(field.mass, other.mass)


def published(f: nn.Module, x: Tensor, y: Tensor) -> np.ndarray:
    """The notebook's loop, with ``x.grad`` cleared after each step: the sum over batches of |gradient|."""
    total = torch.zeros(HORIZON, TIME)
    for rows in (slice(0, 3), slice(3, 6)):
        part = x[rows].clone().requires_grad_()
        for step in range(HORIZON):
            part.grad = None
            loss = nn.functional.mse_loss(f(part)[:, :, step], y[rows, :, step])
            loss.backward()
            assert part.grad is not None
            total[step] += part.grad.abs().sum(dim=(0, 1))
    return (total / total.sum(dim=1, keepdim=True)).flip(-1).numpy()


def test_gradient_of_the_loss_is_the_published_measure() -> None:
    x, y = noise(6, CHANNELS, TIME), noise(6, OUTPUTS, HORIZON, seed=2)

    class Curved(nn.Module):
        def forward(self, x: Tensor) -> Tensor:
            return curved(x)

    field = receptive_field(Curved(), x, target=y, grad_of="loss")
    np.testing.assert_allclose(field.curve, published(Curved(), x, y), rtol=1e-4)
    assert not np.allclose(field.curve, receptive_field(curved, x).curve, rtol=1e-2)


def test_a_window_without_a_residual_does_not_count_for_the_loss() -> None:
    x = noise(3, CHANNELS, TIME)
    y = curved(x)
    y[1] += 1
    field = receptive_field(curved, x, target=y, grad_of="loss")
    alone = receptive_field(curved, x[1:2], target=y[1:2], grad_of="loss")
    np.testing.assert_allclose(field.mass, alone.mass, rtol=1e-5)
    assert field.windows == 1


def test_missing_truth_has_no_loss() -> None:
    x, y = noise(3, CHANNELS, TIME), noise(3, OUTPUTS, HORIZON, seed=2)
    y[0] = torch.nan
    field = receptive_field(curved, x, target=y, grad_of="loss")
    rest = receptive_field(curved, x[1:], target=y[1:], grad_of="loss")
    np.testing.assert_allclose(field.mass, rest.mass, rtol=1e-5)


def test_a_step_that_nothing_reaches_has_no_mass() -> None:
    def half(x: Tensor) -> Tensor:
        return torch.cat([x[:, :, -1:], torch.zeros_like(x[:, :, :1])], dim=2)

    field = receptive_field(half, noise(3, 1, TIME))
    assert field.mass.sum(axis=(1, 2)).tolist() == [1, 0]
    assert field.weight.sum(axis=0).tolist() == [3, 0]


def test_missing_steps_have_no_mass_and_encoders_do_not_mind() -> None:
    torch.manual_seed(0)
    encoder = DilatedConv(CHANNELS, hidden=4, dim=6, depth=2)
    x = noise(3, CHANNELS, TIME)
    x[:, 0, 4] = torch.nan
    field = receptive_field(encoder, x, steps=[TIME - 1], ahead=range(1 - TIME, 1))
    lag = TIME - 1 - 4
    # the encoder keeps no step with a missing value, so that its other channels have no mass either
    assert field.curve[0, lag] == 0
    assert field.curve[0].sum() == pytest.approx(1)
    assert field.ahead.tolist() == [0]


def test_a_gradient_that_is_not_finite_is_told() -> None:
    x = noise(2, CHANNELS, TIME)
    x[1] = 1e30
    with pytest.raises(DataError, match="is not finite in window 1 at output step 2"):
        receptive_field(lambda v: linear(v**5), x, steps=[2])


def test_a_module_is_judged_in_evaluation_mode_and_put_back() -> None:
    torch.manual_seed(0)
    model = nn.Sequential(nn.Dropout(0.5), nn.Conv1d(CHANNELS, OUTPUTS, 1), nn.Dropout(0.5))
    model[2].eval()
    one, two = (receptive_field(model, noise(3, CHANNELS, TIME)) for _ in range(2))
    np.testing.assert_array_equal(one.mass, two.mass)
    assert [m.training for m in model.modules()] == [True, True, True, False]
    assert all(p.grad is None for p in model.parameters())


def test_what_is_given_goes_with_its_window_and_has_no_mass() -> None:
    x, gain = noise(WINDOWS, 1, TIME), noise(WINDOWS, 1, TIME, seed=3)

    def gained(x: Tensor, gain: Tensor) -> Tensor:
        return (x * gain).sum(dim=-1, keepdim=True)

    want = (gain.abs() / gain.abs().sum(dim=-1, keepdim=True)).mean(dim=0).flip(-1).numpy()
    for measure in (receptive_field, integrated_field, occlusion_field):
        field = measure(gained, x, [gain], at_once=2)
        assert field.mass.shape == (1, 1, TIME)
        if measure is receptive_field:
            np.testing.assert_allclose(field.curve, want, rtol=1e-5)
        whole = measure(gained, x, [gain])
        np.testing.assert_allclose(field.mass, whole.mass, rtol=1e-4)


def test_distance_counts_from_the_output_step() -> None:
    field = receptive_field(lambda x: x[..., :4], noise(2, 1, 10))  # repeats what was ten steps before
    distance, mass = field.by_distance()
    assert distance.tolist() == list(range(1, 14))
    assert mass[distance == 10].tolist() == [1]
    assert mass.sum() == pytest.approx(1)


def test_numbers_are_kept(tmp_path: Path) -> None:
    field = receptive_field(curved, noise(3, CHANNELS, TIME))
    with pytest.raises(RunError, match=r"field\.npz is missing"):
        ReceptiveField.load(tmp_path / "field.npz")
    for content in (b"", b"text", b"PK\x03\x04"):
        (tmp_path / "field.npz").write_bytes(content)
        with pytest.raises(RunError, match=r"field\.npz cannot be read"):
            ReceptiveField.load(tmp_path / "field.npz")
    np.savez(tmp_path / "field.npz", mass=np.zeros(3))
    with pytest.raises(RunError, match=r"field\.npz cannot be read"):
        ReceptiveField.load(tmp_path / "field.npz")
    field.save(tmp_path / "field.npz")
    again = ReceptiveField.load(tmp_path / "field.npz")
    for name, value in vars(field).items():
        np.testing.assert_array_equal(getattr(again, name), value)


def test_mistakes_are_told() -> None:
    x = noise(2, CHANNELS, TIME)
    with pytest.raises(ConfigError, match="needs the truth"):
        receptive_field(linear, x, grad_of="loss")
    with pytest.raises(ConfigError, match="must give \\(batch, output, horizon\\)"):
        receptive_field(lambda v: v.sum(dim=-1), x)
    with pytest.raises(ConfigError, match="has no gradient; take occlusion"):
        receptive_field(lambda v: v.detach(), x)
    with pytest.raises(ConfigError, match="no window"):
        receptive_field(linear, x[:0])
    with pytest.raises(ConfigError, match="names 2 steps"):
        receptive_field(linear, x, ahead=[1, 2])


def test_integrated_gradients_are_complete() -> None:
    x = noise(WINDOWS, CHANNELS, TIME)
    pull = noise(WINDOWS, OUTPUTS, seed=5)
    found = integrated_gradients(curved, x, [], [(2, pull), (0, -pull)])
    gain = (curved(x) - curved(flattened(x))) * pull[..., None]
    np.testing.assert_allclose(found[0].sum(dim=(1, 2)), gain[..., 2].sum(dim=1), atol=1e-5)
    np.testing.assert_allclose(found[1].sum(dim=(1, 2)), -gain[..., 0].sum(dim=1), atol=1e-5)


def test_integrated_and_occluded_mass_of_a_linear_map() -> None:
    x = noise(WINDOWS, CHANNELS, TIME)
    away = (x - x.mean(dim=-1, keepdim=True)).abs()
    raw = torch.einsum("ohct,bct->bhct", WEIGHT.abs(), away)
    want = np.mean([expected(each) for each in raw], axis=0)
    np.testing.assert_allclose(integrated_field(linear, x, at_once=2).mass, want, atol=1e-6)
    np.testing.assert_allclose(occlusion_field(linear, x, block=1).mass, want, atol=1e-5)
    some = integrated_field(linear, x, steps=[1], points=1)
    np.testing.assert_allclose(some.mass, want[[1]], atol=1e-6)


def test_blocks_share_their_change_evenly_and_end_where_the_window_does() -> None:
    x = noise(1, 1, 10)
    away = (x - x.mean())[0, 0]
    field = occlusion_field(lambda v: v.sum(dim=-1, keepdim=True), x, block=4)
    blocks = [(6, 10), (2, 6), (0, 2)]
    raw = torch.zeros(10)
    for start, end in blocks:
        raw[start:end] = away[start:end].sum().abs() / (end - start)
    np.testing.assert_allclose(field.curve[0], (raw / raw.sum()).flip(0), rtol=1e-4)


def test_occlusion_needs_no_gradient_and_all_agree_on_where_a_map_looks() -> None:
    def last_sign(x: Tensor) -> Tensor:
        return torch.sign(x[..., 3:4].detach())

    assert occlusion_field(last_sign, noise(20, 1, TIME), block=1).curve.argmax() == TIME - 4

    def peaked(x: Tensor) -> Tensor:
        return torch.tanh(3 * x[..., 3:4]) + 0.05 * x.mean(dim=-1, keepdim=True)

    for measure in (receptive_field, integrated_field, occlusion_field):
        assert measure(peaked, noise(20, 1, TIME)).curve.argmax() == TIME - 4


@pytest.mark.parametrize("measure", [integrated_field, occlusion_field])
def test_missing_values_stay_missing(measure) -> None:
    def present(x: Tensor) -> Tensor:
        assert torch.isnan(x[..., 5]).all()
        assert not torch.isnan(x[..., 6:]).any()
        return torch.nan_to_num(x).cumsum(dim=-1)[..., -2:]

    x = noise(2, 1, TIME)
    x[..., 5] = torch.nan
    field = measure(present, x)
    assert field.curve[0, TIME - 6] == 0
    np.testing.assert_allclose(field.curve.sum(axis=1), 1)


def test_settings_of_the_cross_checks_are_checked() -> None:
    with pytest.raises(ConfigError, match="points=0"):
        integrated_field(linear, noise(1, CHANNELS, TIME), points=0)
    with pytest.raises(ConfigError, match="block=0"):
        occlusion_field(linear, noise(1, CHANNELS, TIME), block=0)


def test_recurrent_networks_have_a_receptive_field_too() -> None:
    torch.manual_seed(0)
    lstm = nn.LSTM(CHANNELS, 4, batch_first=True)

    class Recurrent(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.lstm = lstm

        def forward(self, x: Tensor) -> Tensor:
            return self.lstm(x.transpose(1, 2))[0].transpose(1, 2)

    field = receptive_field(Recurrent(), noise(3, CHANNELS, TIME), ahead=range(1 - TIME, 1))
    for step in range(TIME):  # causal: lags below the distance to the last step have no mass
        assert (field.curve[step, : TIME - 1 - step] == 0).all()
        assert field.curve[step, TIME - 1 - step :].sum() == pytest.approx(1)
