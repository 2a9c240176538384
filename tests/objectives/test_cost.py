"""CoST: both branches against slow literal readings, and the contrasts against closed forms."""

from __future__ import annotations

import cmath
import math
from typing import Any

import pytest
import torch
from torch import Tensor

from tests.losses.literal import queue_contrast
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.objectives.cost import BandedFourier, CoST, TrendHead, amplitude_and_phase
from tsrep.registry import OBJECTIVES
from tsrep.rng import torch_generator
from tsrep.signals import Batch
from tsrep.testing import check_objective

PLAIN = {"name": "compose", "views": []}
CHANNELS, TIME = 3, 24


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def normal(*shape: int, key: int = 0, dtype: torch.dtype = torch.float64) -> Tensor:
    return torch.randn(shape, generator=torch_generator("cost", key), dtype=dtype)


def conv() -> DilatedConv:
    return DilatedConv(CHANNELS, hidden=4, dim=6, depth=2)


def a_batch(size: int = 4, key: int = 0) -> Batch:
    n = torch.arange(size)
    x = normal(size, CHANNELS, TIME, key=key, dtype=torch.float32)
    return Batch(x=x, label=n % 2, patient=n, trial=n, sample=n, start=n)


def make(encoder: Encoder, **settings: Any) -> CoST:
    values = {"name": "cost", "width": 5, "experts": 4, "bands": 9, "queue": 10} | settings
    made: CoST = OBJECTIVES.build(
        OBJECTIVES.entry("cost").settings.model_validate(values),
        dim=encoder.dim,
        channels=CHANNELS,
        covariates=0,
    )
    made.attach(encoder)
    return made


@pytest.mark.parametrize(("experts", "time"), [(3, 12), (5, 12), (1, 4)])
def test_the_trend_at_a_step_is_the_mean_of_causal_convolutions(experts: int, time: int) -> None:
    head, z = TrendHead(6, 4, experts).double(), normal(2, 6, time)
    latent = z.mT @ head.narrow.weight.T  # (batch, time, width)
    for step in range(time):
        expected = torch.zeros(2, 4, dtype=torch.float64)
        for expert in head.experts:
            taps = expert.weight.shape[2]
            expected += expert.bias
            for j in range(min(taps, step + 1)):
                expected += latent[:, step - j] @ expert.weight[:, :, taps - 1 - j].T
        at = torch.tensor([step])
        torch.testing.assert_close(head.trend(z, at), expected / experts)
        torch.testing.assert_close(head(z, at), head.project(expected / experts))


def literal_fourier(layer: BandedFourier, z: Tensor) -> Tensor:
    """By sums over steps and harmonics."""
    (batch, _, time), outputs = z.shape, layer.bias.shape[1]
    result = torch.zeros(batch, outputs, time, dtype=torch.float64)
    weight, bias = torch.view_as_complex(layer.weight), torch.view_as_complex(layer.bias)
    for f in range(time // 2 + 1):
        place = f / time * 2 * (layer.bands - 1)
        below = min(int(place), layer.bands - 2)
        share = place - below
        w = (1 - share) * weight[below] + share * weight[below + 1]
        b = (1 - share) * bias[below] + share * bias[below + 1]
        turn = [cmath.exp(-2j * math.pi * f * t / time) for t in range(time)]
        c = sum(z[:, :, t] * turn[t] for t in range(time)) @ w + b
        both_signs = 1 if f == 0 or 2 * f == time else 2
        for t in range(time):
            result[:, :, t] += both_signs * (c * turn[t].conjugate()).real / time
    return result


@pytest.mark.parametrize("time", [16, 11, 7, 1])
def test_each_frequency_has_its_own_affine_map(time: int) -> None:
    layer, z = BandedFourier(3, 2, bands=9).double(), normal(2, 3, time)
    torch.testing.assert_close(layer(z), literal_fourier(layer, z))


def test_a_window_of_the_nominal_length_uses_each_map_as_it_is() -> None:
    layer, z = BandedFourier(1, 1, bands=9).double(), normal(2, 1, 16)
    with torch.no_grad():
        layer.bias.zero_()
        before = torch.fft.rfft(layer(z))
        layer.weight[4] *= 3
        after = torch.fft.rfft(layer(z))
    expected = torch.ones(9, dtype=torch.float64)
    expected[4] = 3
    torch.testing.assert_close((after / before).abs(), expected.expand(2, 1, 9))


def test_gradients_of_the_season() -> None:
    layer = BandedFourier(2, 2, bands=4).double()

    def polar(z: Tensor) -> tuple[Tensor, Tensor]:
        amplitude, phase = amplitude_and_phase(layer(z))
        return amplitude, phase.sin()

    assert torch.autograd.gradcheck(polar, (normal(2, 2, 7).requires_grad_(),), atol=1e-4)
    flat = torch.zeros(2, 2, 8, requires_grad=True)
    torch.stack([*amplitude_and_phase(flat)]).sum().backward()
    assert flat.grad is not None
    assert flat.grad.isfinite().all()


def test_amplitude_and_phase_of_a_sine() -> None:
    t = torch.arange(32, dtype=torch.float64)
    wave = 3 * torch.cos(2 * math.pi * 5 * t / 32 + 0.4)
    amplitude, phase = amplitude_and_phase(wave[None, None])
    assert amplitude[0, 0, 5].item() == pytest.approx(3 * 16, rel=1e-6)
    assert phase[0, 0, 5].item() == pytest.approx(0.4, rel=1e-6)
    assert amplitude[0, 0, torch.arange(17) != 5].max() < 1e-5


def literal_instance_contrast(z: Tensor) -> float:
    """Of samples 2i and their twins, over all frequencies; shape (2 * batch, dim, frequency)."""
    n, total, rows = len(z) // 2, 0.0, z.double()
    for f in range(z.shape[2]):
        sims = (rows[:, :, f] @ rows[:, :, f].T).tolist()
        for i in range(2 * n):
            candidates = torch.tensor([sims[i][j] for j in range(2 * n) if j != i])
            total += float(candidates.logsumexp(0)) - sims[i][(i + n) % (2 * n)]
    return total / (2 * n * z.shape[2])


def test_terms_are_those_of_the_branches() -> None:
    encoder, batch = conv(), a_batch()
    objective = make(encoder, view=PLAIN, dropout=0.0, alpha=0.2)
    terms = objective(encoder, batch, generator=torch_generator(0))
    z = encoder(batch.x)
    season = objective.season(z)
    season = season / season.norm(dim=1, keepdim=True)
    spectrum = torch.fft.rfft(torch.cat([season, season]).double(), dim=2)
    for name, part in (("amplitude", spectrum.abs()), ("phase", spectrum.angle())):
        expected = 0.1 * literal_instance_contrast(part)
        assert terms[name].item() == pytest.approx(expected, rel=1e-3), name
    queue = objective.contrast.queue
    assert queue is not None
    q = [objective.trend(z, torch.tensor([step])) for step in range(TIME)]
    of_steps = [queue_contrast(each, each, queue.keys, temperature=0.07).item() for each in q]
    assert min(abs(terms["trend"].item() - value) for value in of_steps) < 1e-5


def test_seasons_that_are_all_alike_are_found_by_chance() -> None:
    encoder, batch = conv(), a_batch(5)
    objective = make(encoder, dropout=0.0, alpha=1.0)
    with torch.no_grad():
        objective.season.weight.zero_()
    terms = objective(encoder, batch, generator=torch_generator(0))
    for name in ("amplitude", "phase"):
        assert terms[name].item() == pytest.approx(math.log(9) / 2, rel=1e-5)


def test_the_season_sees_both_views_through_the_trained_encoder() -> None:
    encoder, batch = conv(), a_batch()
    objective = make(encoder)
    with torch.no_grad():
        for parameter in objective.contrast.copies().parameters():
            parameter.fill_(0.1)
    one = objective(encoder, batch, generator=torch_generator(0))
    with torch.no_grad():
        for parameter in objective.contrast.copies().parameters():
            parameter.fill_(-0.2)
    other = objective(encoder, batch, generator=torch_generator(0))
    assert torch.equal(one["amplitude"], other["amplitude"])
    assert torch.equal(one["phase"], other["phase"])
    assert not torch.equal(one["trend"], other["trend"])


def test_state_moves_in_after_step_alone_and_resumes() -> None:
    encoder = conv()
    objective, resumed = make(encoder), make(conv())
    fresh = {name: value.clone() for name, value in objective.state_dict().items()}
    objective(encoder, a_batch(), generator=torch_generator(0))
    for name, value in objective.state_dict().items():
        assert torch.equal(value, fresh[name]), name
    objective.after_step()
    queue = objective.contrast.queue
    assert queue is not None
    assert queue.pointer == 4
    assert torch.allclose(queue.keys.norm(dim=1), torch.ones(10), atol=1e-6)
    resumed.load_state_dict(objective.state_dict())
    for one in (objective, resumed):
        one(encoder, a_batch(key=1), generator=torch_generator(1))
        one.after_step()
    for name, value in objective.state_dict().items():
        assert torch.equal(value, resumed.state_dict()[name]), name


def test_half_precision_reaches_no_transform() -> None:
    encoder, batch = conv(), a_batch()
    objective = make(encoder)
    with torch.autocast("cpu", torch.bfloat16):
        assert objective.season(encoder(batch.x)).dtype == torch.float32
        terms = objective(encoder, batch, generator=torch_generator(0))
    assert all(value.isfinite() and value.dtype == torch.float32 for value in terms.values())


@pytest.mark.parametrize(
    "settings", [{"queue": 0, "experts": 1, "bands": 2}, {"dropout": 0.0, "exclusion_zone": 0}]
)
def test_settings_keep_the_promises(settings: dict[str, Any]) -> None:
    small = {"name": "cost", "width": 8, "experts": 3}
    check_objective(lambda **run: OBJECTIVES.build(small | settings, **run))
