"""Weights of an ONNX file as 8-bit integers, accepted only where decisions stay as they are."""

from __future__ import annotations

import logging
import tempfile
import time
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np
from torch import Tensor

from tsrep.errors import RunError
from tsrep.evaluation.arrays import Array
from tsrep.runs.export.traced import onnx_runner

MOST_AUROC, MOST_DECISIONS = 0.002, 0.01


@dataclass(frozen=True)
class Loss:
    """What 8-bit weights change.

    Attributes
    ----------
    size : float
        Of the file, as a share of that with floats.
    difference : float
        Largest of an output, as a share of the largest value.
    decisions : float
        Share of windows that another class is decided on for.
    auroc : float or None
        Macro AUROC of validation windows lost; None where no labels were at hand.
    operations : str
        Kinds of operations whose weights are integers.
    seconds, float_seconds : float
        That the windows took here, by the new file and by the one with floats.
    """

    size: float
    difference: float
    decisions: float
    auroc: float | None
    operations: str
    seconds: float
    float_seconds: float

    @property
    def refusal(self) -> str:
        """Why the file should not be used; empty where it may."""
        if self.auroc is not None and self.auroc > MOST_AUROC:
            return f"macro AUROC falls by {self.auroc:.4f}, and {MOST_AUROC} is the most"
        if self.decisions > MOST_DECISIONS:
            return f"{self.decisions:.1%} of decisions change, and {MOST_DECISIONS:.0%} is the most"
        return ""

    def plain(self) -> dict[str, Any]:
        """Values for JSON."""
        return asdict(self)


def quantised(content: bytes) -> tuple[bytes, str]:
    """An ONNX file with 8-bit weights, and the operations that have them.

    Raises
    ------
    RunError
        When onnxruntime cannot run what it makes.
    """
    for operations in (None, ["MatMul"]):  # older releases cannot run convolutions of integers
        made = _quantised(content, operations)
        with suppress(Exception):
            onnx_runner(made)
            return made, "all" if operations is None else ", ".join(operations)
    raise RunError("onnxruntime cannot run the file with 8-bit weights; leave --quantise out")


def _quantised(content: bytes, operations: list[str] | None) -> bytes:
    from onnxruntime.quantization import QuantType, quantize_dynamic

    level = logging.root.level
    logging.root.setLevel(logging.ERROR)  # it recommends a preprocessing that changes nothing here
    try:
        with tempfile.TemporaryDirectory() as folder:
            before, after = Path(folder) / "float.onnx", Path(folder) / "int8.onnx"
            before.write_bytes(content)
            quantize_dynamic(before, after, weight_type=QuantType.QInt8, op_types_to_quantize=operations)
            return after.read_bytes()
    finally:
        logging.root.setLevel(level)


def loss_of(
    content: bytes,
    made: bytes,
    operations: str,
    windows: Tensor,
    decide: Callable[[Array], Array] | None,
    auroc: Callable[[Array], float] | None,
) -> Loss:
    """Compare two files on windows, shape (window, channel, time).

    Parameters
    ----------
    content, made : bytes
        The file with floats, and that with integers.
    operations : str
        See :class:`Loss`.
    windows : Tensor
    decide : callable, optional
        From probabilities to decisions; None where the first output is no probability.
    auroc : callable, optional
        Of probabilities, where labels are known.
    """
    (one, before), (two, after) = _timed(content, windows), _timed(made, windows)
    changed = 0.0
    if decide is not None:
        differs = decide(one) != decide(two)
        changed = float(differs.reshape(len(differs), -1).any(axis=1).mean())
    return Loss(
        size=len(made) / len(content),
        difference=float(np.abs(one - two).max() / max(np.abs(one).max(), 1e-30)),
        decisions=changed,
        auroc=None if auroc is None else auroc(one) - auroc(two),
        operations=operations,
        seconds=after,
        float_seconds=before,
    )


def _timed(content: bytes, windows: Tensor) -> tuple[Array, float]:
    run = onnx_runner(content)
    run(windows)
    began = time.perf_counter()
    found = run(windows)[0].numpy()
    return found, time.perf_counter() - began
