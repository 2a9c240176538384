"""Diagonal state spaces against recorded numbers, the recurrence and sums written out."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.encoders.depthwise_convolution import depthwise_convolution
from tsrep.encoders.state_space import DiagonalStateSpace, StateSpaceBlock, StateSpaceSettings
from tsrep.encoders.state_space_starts import state_space_start
from tsrep.errors import ConfigError
from tsrep.rng import torch_generator

SharedPath = Callable[[str], Path]


@pytest.fixture(autouse=True)
def _same_weights() -> None:
    torch.manual_seed(0)


def golden(shared_path: SharedPath, name: str) -> dict[str, Tensor]:
    arrays = np.load(shared_path(f"golden/baselines/{name}.npz"))
    return {key: torch.from_numpy(arrays[key]) for key in arrays.files}


def space(width: int = 3, **settings: Any) -> DiagonalStateSpace:
    return DiagonalStateSpace(width, StateSpaceSettings(**settings)).double()


def signals(*shape: int) -> Tensor:
    return torch.randn(shape, generator=torch_generator("signals"), dtype=torch.float64)


def impose(module: DiagonalStateSpace, **values: Tensor) -> None:
    for name, value in values.items():
        getattr(module, name).data = value.clone()


def recorded_block(g: dict[str, Tensor]) -> StateSpaceBlock:
    block = StateSpaceBlock(3, StateSpaceSettings(), "pre").double()
    impose(
        block.space,
        log_step=g["p.kernel.log_dt"],
        log_decay=g["p.kernel.log_A_real"],
        frequency=g["p.kernel.A_imag"],
        output_weight=g["p.kernel.C"][None],
        skip=g["p.D"],
    )
    block.mix.weight.data, block.mix.bias.data = g["p.output_linear.0.weight"], g["p.output_linear.0.bias"]
    return block


def test_layer_and_its_gradients_are_the_recorded_ones(shared_path: SharedPath) -> None:
    g = golden(shared_path, "s4d_layer")
    block, u = recorded_block(g), g["u"].requires_grad_()
    inner = block.space
    torch.testing.assert_close(inner.kernels(20)[0], g["kernel"], rtol=1e-9, atol=1e-12)
    linear = inner(u)
    torch.testing.assert_close(linear, g["linear_output"], rtol=1e-9, atol=1e-12)
    out = F.glu(block.mix(F.gelu(linear)), dim=1)
    torch.testing.assert_close(out, g["output"], rtol=1e-9, atol=1e-12)
    of = [u, inner.skip, inner.log_step, inner.log_decay, inner.frequency, inner.output_weight]
    of += [block.mix.weight, block.mix.bias]
    found = torch.autograd.grad((out * g["output_weight"]).sum(), of)
    names = ["u", "D", "kernel.log_dt", "kernel.log_A_real", "kernel.A_imag", "kernel.C"]
    names += ["output_linear.0.weight", "output_linear.0.bias"]
    for name, grad in zip(names, found, strict=True):
        wanted = g[f"grad_{name}" if name == "u" else f"grad.{name}"]
        torch.testing.assert_close(grad.reshape(wanted.shape), wanted, rtol=1e-8, atol=1e-10)


@pytest.mark.parametrize("states", [4, 32])
@pytest.mark.parametrize("kind", ["lin", "inv", "legs", "real"])
def test_starts_are_the_recorded_ones(shared_path: SharedPath, kind: Any, states: int) -> None:
    g = golden(shared_path, "s4d_inits")
    a, b = (g[f"init.{kind}.N{2 * states}.{part}"].to(torch.complex128) for part in "AB")
    decay, frequency, weight = state_space_start(kind, states)
    torch.testing.assert_close(-decay, a.real, rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(-frequency, a.imag, rtol=1e-5, atol=1e-3)
    # an eigenvector's phase is arbitrary; the authors limit the imaginary part, which alone is seldom less
    torch.testing.assert_close(torch.view_as_complex(weight).abs(), b.abs(), rtol=3e-3, atol=1e-3)


@pytest.mark.parametrize("kind", ["lin", "inv", "legs"])
@pytest.mark.parametrize("discretisation", ["zoh", "bilinear"])
def test_kernels_are_the_recorded_ones(shared_path: SharedPath, kind: Any, discretisation: Any) -> None:
    case = f"diag-{kind}.{discretisation}."
    g = golden(shared_path, "s4d_inits")
    mine = {key.removeprefix(case): value for key, value in g.items() if key.startswith(case)}
    module = space(2, start=kind, discretisation=discretisation)
    b, c = (torch.view_as_complex(mine[name][0]) for name in "BC")
    impose(
        module,
        log_step=mine["inv_dt"][:, 0],
        log_decay=mine["A_real"],
        frequency=-mine["A_imag"],
        input_weight=torch.view_as_real(torch.ones(4, dtype=torch.complex128)),
        output_weight=torch.view_as_real(c * b)[None],
    )
    torch.testing.assert_close(module.kernels(12)[0], mine["kernel"], rtol=1e-5, atol=1e-5)


def test_both_directions_are_the_recorded_ones(shared_path: SharedPath) -> None:
    g = golden(shared_path, "s4d_bidirectional")
    y = depthwise_convolution(g["u"], g["kernel_forward"], g["kernel_backward"]) + g["D"][:, None] * g["u"]
    torch.testing.assert_close(y, g["output"], rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("time", [1, 2, 7, 30])
@pytest.mark.parametrize("both", [False, True])
def test_the_convolution_is_the_sum_it_stands_for(time: int, both: bool) -> None:
    x, kernel, later = signals(2, 3, time), signals(3, time), signals(3, time) + 1
    wanted = torch.zeros_like(x)
    for t in range(time):
        for s in range(time):
            weight = kernel[:, t - s] if s <= t else both * later[:, s - t - 1]
            wanted[..., t] += weight * x[..., s]
    torch.testing.assert_close(depthwise_convolution(x, kernel, later if both else None), wanted)


def test_gradients_of_the_convolution() -> None:
    x, kernel, later = (signals(*shape).requires_grad_() for shape in ((2, 2, 6), (2, 6), (2, 6)))
    assert torch.autograd.gradcheck(depthwise_convolution, (x, kernel, later))
    assert torch.autograd.gradcheck(lambda kernel: depthwise_convolution(x.detach(), kernel), (kernel,))


@pytest.mark.parametrize("discretisation", ["zoh", "bilinear"])
@pytest.mark.parametrize("start", ["lin", "inv", "legs", "real"])
def test_steps_are_the_convolution(start: Any, discretisation: Any) -> None:
    module, x = space(start=start, discretisation=discretisation), signals(2, 3, 150)
    state, steps = module.start(2), []
    for t in range(150):
        y, state = module.step(x[..., t], state)
        steps.append(y)
    torch.testing.assert_close(torch.stack(steps, dim=-1), module(x), rtol=1e-9, atol=1e-10)


def test_gradients_of_all_weights() -> None:
    module, x = space(2, start="legs", discretisation="bilinear", bidirectional=True), signals(1, 2, 5)
    names = [name for name, _ in module.named_parameters()]

    def output(*values: Tensor) -> Any:
        return torch.func.functional_call(module, dict(zip(names, values, strict=True)), (x,))

    assert torch.autograd.gradcheck(output, tuple(module.parameters()))


def test_the_band_limit_silences_states_that_alias() -> None:
    free, limited = space(start="lin", states=32), space(start="lin", states=32, band_limit=1.0)
    limited.load_state_dict(free.state_dict())
    for module in (free, limited):
        module.log_step.data.fill_(np.log(0.095))  # state n turns by 0.095 n pi: those from 11 on alias
    cut = space(start="lin", states=32)
    cut.load_state_dict(free.state_dict())
    cut.output_weight.data[:, :, 11:] = 0
    torch.testing.assert_close(limited.kernels(9), cut.kernels(9))
    assert not torch.allclose(limited.kernels(9)[0], free.kernels(9)[0])


def test_a_real_state_decays_without_turning() -> None:
    module = space(1, start="real", states=1)
    kernel = module.kernels(50)[0][0]
    step = module.log_step.exp()
    torch.testing.assert_close(kernel[1:] / kernel[:-1], (-step).exp().expand(49))


def test_single_precision_keeps_the_phase_over_many_steps() -> None:
    module = space(4, start="inv", states=32)
    exact = module.kernels(5000)[0]
    single = DiagonalStateSpace(4, StateSpaceSettings(start="inv", states=32))
    single.load_state_dict(module.state_dict())
    module.load_state_dict(single.state_dict())  # the same rounded weights
    exact = module.kernels(5000)[0]
    assert (single.kernels(5000)[0] - exact).abs().max() < 1e-5 * exact.abs().max()


def test_float32_under_autocast() -> None:
    module, x = space().float(), signals(2, 3, 40).float()
    with torch.autocast("cpu", torch.bfloat16):
        half = module(x.bfloat16())
    assert half.dtype == torch.bfloat16
    assert torch.equal(half, module(x.bfloat16().float()).bfloat16())


def test_states_at_rest_have_no_group_and_no_gradient() -> None:
    trained, resting = space(), space(trained_states=False)
    assert len(trained.slow_parameters().parameters) == 3
    assert resting.slow_parameters().parameters == []
    assert {name for name, _ in resting.named_parameters()} == {"output_weight", "skip"}
    assert resting.state_dict().keys() == trained.state_dict().keys()


def test_step_sizes_in_the_wrong_order_are_refused() -> None:
    with pytest.raises(ConfigError, match="smaller one first"):
        space(step_sizes=(0.1, 0.01))
