"""The convolutions of the residual encoder one by one, beside a matrix product on the same machine.

For each that a training step has (``encoder_rate.py``): the rate of the convolution, of the gradient of its
input and of that of its weights, as shares of a product of two square matrices, and its part of the counted
operations. The share of all of them bounds what a step can reach. Sides alternate in one process, and times
are processor time::

    OMP_NUM_THREADS=1 python benchmarks/convolution_rate.py
    OMP_NUM_THREADS=1 python benchmarks/convolution_rate.py --steps 250 --width 64
"""

from __future__ import annotations

import argparse
import json
from collections import Counter
from collections.abc import Callable
from statistics import median
from typing import Any

import torch
from encoder_rate import PRODUCT, SETTINGS, SIGNALS, seconds
from torch import Tensor, nn

from tsrep.registry import ENCODERS

Layer = tuple[int, int, int, int, int, int]  # channels in, out; kernel, stride, padding, steps
ENCODER = "resnet1d"
PASSES = ("forward", "input", "weights")


def layers(width: int, steps: int) -> Counter[Layer]:
    """Convolutions of the encoder, and how often it has each."""
    found: Counter[Layer] = Counter()

    def note(layer: nn.Conv1d, given: tuple[Tensor], _out: Tensor) -> None:
        (kernel,), (stride,), padding = layer.kernel_size, layer.stride, layer.padding[0]
        found[layer.in_channels, layer.out_channels, kernel, stride, int(padding), given[0].shape[-1]] += 1

    encoder = ENCODERS.entry(ENCODER).cls(SIGNALS[1], **SETTINGS[ENCODER][1] | {"width": width})
    for part in encoder.modules():
        if isinstance(part, nn.Conv1d):
            part.register_forward_hook(note)
    encoder(torch.zeros(1, SIGNALS[1], steps))
    return found


def operations(layer: Layer, batch: int) -> float:
    """Of one pass."""
    inside, outside, kernel, stride, padding, steps = layer
    return 2.0 * batch * inside * outside * kernel * ((steps + 2 * padding - kernel) // stride + 1)


def passes(layer: Layer, batch: int) -> dict[str, Callable[[], object]]:
    """The three passes of a layer, on maps whose channels lie together in memory, as the encoder has them."""
    inside, outside, kernel, stride, padding, steps = layer
    x = torch.randn(batch, inside, 1, steps).to(memory_format=torch.channels_last)
    weight = torch.randn(outside, inside, 1, kernel)
    more: list[Any] = [[1, stride], [0, padding], [1, 1], False, [0, 0], 1]
    gradient = torch.randn_like(torch.ops.aten.convolution(x, weight, None, *more))

    def backward(*wanted: bool) -> object:
        return torch.ops.aten.convolution_backward(gradient, x, weight, None, *more, [*wanted, False])

    return {
        "forward": lambda: torch.ops.aten.convolution(x, weight, None, *more),
        "input": lambda: backward(True, False),
        "weights": lambda: backward(False, True),
    }


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--batch", type=int, default=SIGNALS[0])
    parser.add_argument("--width", type=int, default=32)
    parser.add_argument("--steps", type=int, default=SIGNALS[2])
    parser.add_argument("--repeats", type=int, default=9)
    given = parser.parse_args()
    torch.set_num_threads(1)
    counts, one = layers(given.width, given.steps), torch.randn(PRODUCT, PRODUCT)
    total = sum(operations(layer, given.batch) * often for layer, often in counts.items())
    rows: list[dict[str, float]] = []
    spent = 0.0
    for layer, often in counts.items():
        sides = {"product": lambda: one @ one} | passes(layer, given.batch)
        times: dict[str, list[float]] = {side: [] for side in sides}
        for _ in range(given.repeats + 1):
            for side, run in sides.items():
                times[side].append(seconds(run))
        rate = 2 * PRODUCT**3 / median(times["product"][1:])
        shares = {p: operations(layer, given.batch) / median(times[p][1:]) / rate for p in PASSES}
        part = operations(layer, given.batch) * often / total
        spent += sum(part / share for share in shares.values())
        told = {"part": part, **shares}
        names = ("in", "out", "kernel", "stride", "padding", "steps")
        rows.append(dict(zip(names, layer, strict=True)) | {"layers": often})
        rows[-1] |= {name: round(value, 3) for name, value in told.items()}
        print(rows[-1], flush=True)
    # the first layer needs no gradient of its input, which this leaves out of account
    print(json.dumps({"name": "convolution_rate", "share": round(len(PASSES) / spent, 3), "rows": rows}))


if __name__ == "__main__":
    main()
