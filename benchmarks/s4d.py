"""State spaces beside the loop over time, a dense convolution, and a residual network of equal size.

Run ``python benchmarks/s4d.py`` (one thread, about two minutes). One layer of 64 channels and 4 pairs of
states goes forward and backward over signals of 250, 1,000 and 5,000 steps: as a convolution by Fourier
transforms (ours), as the recurrence step by step, and as a convolution tap by tap with the same kernel. They
alternate in one process and the ratio is that of the fastest repeats by processor time. Then the encoder
``s4d`` stands beside ``resnet1d`` with as many parameters and as many output steps. The last line is the
encoder at 1,000 steps, whose time goal is 2.
"""

from __future__ import annotations

import argparse
import json
import time
from collections.abc import Callable

import torch
from torch import Tensor
from torch.nn import functional as F

from tsrep.encoders.resnet1d import ResNet1d
from tsrep.encoders.s4d import S4D
from tsrep.encoders.state_space import DiagonalStateSpace, StateSpaceSettings
from tsrep.rng import torch_generator

LEADS, WIDTH = 12, 64


def by_loop(layer: DiagonalStateSpace, x: Tensor) -> Tensor:
    """The recurrence in complex numbers, its constants computed once."""
    step = layer.log_step.exp()[:, None]
    growth = step * torch.complex(-layer.log_decay.exp(), layer.frequency)  # (width, state)
    turn = growth.exp()
    gain = torch.view_as_complex(layer.output_weight[0]) * step * (turn - 1) / growth
    state, steps = torch.zeros(len(x), *growth.shape, dtype=turn.dtype), []
    for value in x.unbind(-1):
        state = turn * state + value[..., None]
        steps.append(2 * (gain * state).sum(-1).real)
    return torch.stack(steps, dim=-1) + layer.skip[:, None] * x


def by_taps(layer: DiagonalStateSpace, x: Tensor) -> Tensor:
    """A depthwise convolution with as many taps as steps."""
    (kernel,) = layer.kernels(x.shape[-1])
    padded = F.pad(x, (x.shape[-1] - 1, 0))
    y = F.conv1d(padded, kernel.flip(-1)[:, None], groups=len(kernel))
    return y + layer.skip[:, None] * x


def seconds(work: Callable[[], Tensor], module: torch.nn.Module) -> float:
    """Processor time of a pass forward and backward."""
    module.zero_grad()
    began = time.process_time()
    work().square().mean().backward()
    return time.process_time() - began


def fastest(sides: dict[str, tuple[Callable[[], Tensor], torch.nn.Module]], repeats: int) -> dict[str, float]:
    """Least time of each side, which take turns."""
    best = dict.fromkeys(sides, float("inf"))
    for _ in range(repeats):
        for name, (work, module) in sides.items():
            best[name] = min(best[name], seconds(work, module))
    return best


def layer_case(steps: int, batch: int, repeats: int) -> tuple[float, dict[str, float | str]]:
    """Time of a layer, and the line that compares it."""
    layer = DiagonalStateSpace(WIDTH, StateSpaceSettings())
    x = torch.randn(batch, WIDTH, steps, generator=torch_generator(steps, "signals"))
    with torch.no_grad():
        difference = float((layer(x) - by_loop(layer, x)).abs().max())
    sides = {
        name: (lambda way=way: way(layer, x), layer)
        for name, way in (("ours", DiagonalStateSpace.__call__), ("loop", by_loop), ("dense", by_taps))
    }
    best = fastest(sides, repeats)
    return best["ours"], {
        "name": f"s4d_layer_t{steps}",
        "time_ratio": round(best["ours"] / best["loop"], 4),
        "time_ratio_dense": round(best["ours"] / best["dense"], 4),
        "milliseconds": round(1e3 * best["ours"], 2),
        "max_abs_diff": difference,
    }


def equal_resnet(parameters: int) -> ResNet1d:
    """The residual network with the nearest number of parameters, twice as wide at its end."""
    sizes = [ResNet1d(LEADS, width=width, dim=2 * width) for width in range(8, 65, 2)]
    return min(sizes, key=lambda net: abs(count(net) - parameters))


def count(module: torch.nn.Module) -> int:
    """Number of parameters."""
    return sum(parameter.numel() for parameter in module.parameters())


def encoder_case(steps: int, batch: int, repeats: int) -> dict[str, float | str]:
    """The encoder beside the residual network."""
    ours = S4D(LEADS)
    theirs = equal_resnet(count(ours))
    x = torch.randn(batch, LEADS, steps, generator=torch_generator(steps, "leads"))
    best = fastest({"ours": (lambda: ours(x), ours), "theirs": (lambda: theirs(x), theirs)}, repeats)
    return {
        "name": f"s4d_encoder_t{steps}",
        "time_ratio": round(best["ours"] / best["theirs"], 3),
        "parameters": count(ours),
        "parameters_resnet1d": count(theirs),
        "output_steps": steps // ours.stride,
        "output_steps_resnet1d": steps // theirs.stride,
        "milliseconds": round(1e3 * best["ours"] / batch, 3),
        "milliseconds_resnet1d": round(1e3 * best["theirs"] / batch, 3),
    }


def main() -> None:
    """Print a line for each comparison."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="short signals and two repeats")
    parser.add_argument("--repeats", type=int, default=7)
    given = parser.parse_args()
    torch.set_num_threads(1)
    torch.manual_seed(0)
    lengths, repeats = ([64, 128], 2) if given.quick else ([250, 1000, 5000], given.repeats)
    spent = []
    for steps in lengths:
        own, line = layer_case(steps, 4, 2 if steps > 1000 else repeats)
        spent.append(own)
        print(json.dumps(line), flush=True)
    times = ", ".join(f"{steps} steps {1e3 * own:.1f} ms" for steps, own in zip(lengths, spent, strict=True))
    growth, longer = spent[-1] / spent[0], lengths[-1] / lengths[0]
    print(f"ours: {times}; {longer:.0f} times the steps take {growth:.1f} times the time", flush=True)
    for steps in (lengths[0], lengths[-1], lengths[1]):
        print(json.dumps(encoder_case(steps, 4 if steps > 1000 else 16, repeats)), flush=True)


if __name__ == "__main__":
    main()
