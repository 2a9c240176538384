"""A training step of every encoder beside a matrix product on the same machine, and of plain layouts.

The operations of matrix products, convolutions and attention in a step, forward and backward, are counted,
and their rate is divided by that of a product of two square matrices. What is missing to 1 is the time of all
else (the profiler tells the part of a step that these operations take) and what they lose themselves to
shapes that are narrow. The residual and the temporal convolutional network also stand beside their plain
forms, of equal weights, with convolutions over ``(batch, channel, time)`` and transposed copies around the
normalisation. Sides alternate in one process, and times are processor time: other work counts little::

    OMP_NUM_THREADS=1 python benchmarks/encoder_rate.py
    OMP_NUM_THREADS=1 python benchmarks/encoder_rate.py --encoders resnet1d causal-tcn --repeats 15
"""

from __future__ import annotations

import argparse
import copy
import json
import time
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from operators import ATTENTION, PRODUCTS, shares
from torch import Tensor, nn
from torch.nn import functional as F
from torch.utils.flop_counter import FlopCounterMode

from tsrep.encoders.encoder import Encoder
from tsrep.registry import ENCODERS

SIGNALS = (32, 12, 1000)  # recordings: batch, leads, steps
SERIES = (32, 7, 168)  # look-backs of a forecaster: batch, channels, steps
SETTINGS: dict[str, tuple[tuple[int, int, int], dict[str, Any]]] = {
    "resnet1d": (SIGNALS, {"width": 32, "dim": 128}),
    "xresnet1d": (SIGNALS, {"layers": 18, "width": 32}),
    "dilated-conv": ((8, 12, 1000), {}),
    "conv-s4d": (SIGNALS, {}),
    "s4d": (SIGNALS, {}),
    "patch-transformer": ((224, 1, 168), {}),
    "transformer": (SERIES, {}),
    "inverted-transformer": (SERIES, {}),
    "informer": (SERIES, {}),
    "causal-tcn": (SERIES, {}),
    "gru": (SERIES, {}),
    "lstm": (SERIES, {}),
}
PRODUCT = 768  # rows of the matrices
TOLERANCE = 1e-10


def plain_resnet1d(encoder: Any, x: Tensor) -> Tensor:
    """The residual network with every layer over ``(batch, channel, time)``."""

    def norm(layer: nn.LayerNorm, z: Tensor) -> Tensor:
        return F.relu(F.layer_norm(z.mT, layer.normalized_shape, layer.weight, layer.bias, layer.eps).mT)

    latent = _conv(encoder.stem, x)
    for block in encoder.blocks:
        latent = latent[..., : latent.shape[-1] // block.stride * block.stride]
        out = _conv(block.conv2, norm(block.norm2, _conv(block.conv1, norm(block.norm1, latent))))
        shortcut = F.avg_pool1d(latent, block.stride) if block.stride > 1 else latent
        latent = out + (shortcut if isinstance(block.skip, nn.Identity) else _conv(block.skip, shortcut))
    return latent


def plain_causal_tcn(encoder: Any, x: Tensor) -> Tensor:
    """The temporal convolutional network likewise."""
    latent = encoder.input(x.mT).mT
    for block in encoder.blocks:
        hidden = latent
        for layer in (block.conv1, block.conv2):
            hidden = F.relu(_conv(layer, F.pad(hidden, (block.padding, 0))))
        latent = F.relu(hidden + latent)
    out: Tensor = encoder.output(latent.mT).mT
    return out


def _conv(layer: Any, x: Tensor) -> Tensor:
    return F.conv1d(x, layer.weight, layer.bias, layer.stride, layer.padding, layer.dilation)


PLAIN: dict[str, Callable[[Any, Tensor], Tensor]] = {
    "resnet1d": plain_resnet1d,
    "causal-tcn": plain_causal_tcn,
}


def step(encoder: Encoder, encode: Callable[[Tensor], Tensor], x: Tensor) -> list[Tensor]:
    """One forward and backward pass from a gradient of the output; returns those of the weights."""
    encoder.zero_grad(set_to_none=True)
    out = encode(x)
    torch.autograd.backward(out, out.detach())
    return [p.grad for p in encoder.parameters() if p.grad is not None]


def seconds(run: Callable[[], object]) -> float:
    clock = time.process_time()
    run()
    return time.process_time() - clock


def counted_part(run: Callable[[], object], repeats: int) -> float:
    """Part of the time in the operations that are counted."""
    found = shares(lambda: [run() for _ in range(repeats)])
    return sum(found.get(kind, 0.0) for kind in (PRODUCTS, ATTENTION))


def measured(name: str, repeats: int) -> dict[str, float]:
    """Operations, rate and ratios of an encoder."""
    torch.manual_seed(0)
    shape, settings = SETTINGS[name]
    encoder, x = ENCODERS.entry(name).cls(shape[1], **settings), torch.randn(*shape)
    with FlopCounterMode(display=False) as counter:
        step(encoder, encoder, x)
    operations = counter.get_total_flops()
    one = torch.randn(PRODUCT, PRODUCT)
    sides: dict[str, Callable[[], object]] = {
        "product": lambda: one @ one,
        "ours": lambda: step(encoder, encoder, x),
    }
    if name in PLAIN:
        _refuse_unequal(name, encoder, x)
        sides["plain"] = lambda: step(encoder, lambda x: PLAIN[name](encoder, x), x)
    times: dict[str, list[float]] = {side: [] for side in sides}
    for _ in range(repeats + 1):
        for side, run in sides.items():
            times[side].append(seconds(run))
    middle = {side: median(values[1:]) for side, values in times.items()}
    found = {
        "ms": 1e3 * middle["ours"],
        "gflop": operations / 1e9,
        "gflops": operations / middle["ours"] / 1e9,
        "share": operations / middle["ours"] / (2 * PRODUCT**3 / middle["product"]),
        "counted": counted_part(sides["ours"], repeats),
    }
    return found | ({"ratio": middle["ours"] / middle["plain"]} if "plain" in middle else {})


def _refuse_unequal(name: str, encoder: Encoder, x: Tensor) -> None:
    """In float64, as in float32 a ReLU near zero may open on one side and not on the other."""
    encoder, x = copy.deepcopy(encoder).double(), x[:2].double()
    ours, theirs = step(encoder, encoder, x), step(encoder, lambda x: PLAIN[name](encoder, x), x)
    worst = max(float((a - b).norm() / b.norm()) for a, b in zip(ours, theirs, strict=True))
    if worst > TOLERANCE:
        raise SystemExit(f"{name}: gradients differ from the plain form by {worst:.1e}")


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--encoders", nargs="+", default=list(SETTINGS), choices=list(SETTINGS))
    parser.add_argument("--repeats", type=int, default=9)
    parser.add_argument("--threads", type=int, default=1)
    given = parser.parse_args()
    torch.set_num_threads(given.threads)
    found = {}
    for name in given.encoders:
        found[name] = {key: round(value, 3) for key, value in measured(name, given.repeats).items()}
        print(f"{name:22s} {found[name]}", flush=True)
    print(json.dumps({"name": "encoder_rate", **found}))


if __name__ == "__main__":
    main()
