"""A module as a program that runs without this package: traced, as bytes, and compared with itself."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from importlib.util import find_spec
from typing import Any, Literal

import numpy as np
import torch
from torch import Tensor, nn

from tsrep.errors import ConfigError, RunError
from tsrep.rng import torch_generator
from tsrep.runs.export.traced_recurrent import recurrent_layers_whole

Format = Literal["pt2", "onnx"]
Runner = Callable[..., Any]  # a tensor, or several in a tuple
Make = Callable[[int, int, int], Tensor]
METADATA = {"pt2": "tsrep.json", "onnx": "tsrep"}
BATCHES = (1, 2, 5)
TOLERANCE = 1e-4  # of the largest value; kernels add up in another order
OF_ONNX = ("onnx", "onnxscript", "onnxruntime")


@dataclass(frozen=True)
class Lengths:
    """Which lengths in time a traced module takes.

    Attributes
    ----------
    kind : {"any", "multiple", "fixed"}
    steps : int
        The least length, the number of which it must be a multiple, or the only length.
    """

    kind: Literal["any", "multiple", "fixed"]
    steps: int

    def tried(self, traced: int) -> tuple[int, ...]:
        """Some of these lengths, besides that of the example."""
        if self.kind == "fixed":
            return (self.steps,)
        if self.kind == "multiple":
            return tuple(self.steps * n for n in (2, 3, 2 * traced // self.steps + 1))
        return (self.steps, self.steps + 1, max(self.steps, traced - 1), 2 * traced + 1, 4 * traced)


def refuse_missing_packages(kind: Format) -> None:
    """Check that what the format needs is installed.

    Raises
    ------
    ConfigError
        Naming the extra that brings it.
    """
    absent = [name for name in OF_ONNX if find_spec(name) is None] if kind == "onnx" else []
    if absent:
        raise ConfigError(
            f"ONNX files need the package {absent[0]}, which is not installed; install tsrep[onnx]"
        )


def noise(batch: int, channels: int, length: int) -> Tensor:
    """Random signals, shape (batch, channel, time), with a value missing."""
    x = torch.randn(batch, channels, length, generator=torch_generator("export", batch, length))
    x[-1, :1, length // 2 : length // 2 + 1] = torch.nan
    return x


def trace(
    module: nn.Module, example: Sequence[Tensor], stride: int | None, make: Make = noise
) -> tuple[Any, Lengths]:
    """The program of a module for batches of any size, and for as many lengths as it allows.

    Parameters
    ----------
    module : Module
    example : sequence of Tensors, shape (batch, channel, time)
    stride : int or None
        Steps per step of the output; None where the length is given.
    make : callable
        Signals to try it with; see :func:`compare`.

    Returns
    -------
    torch.export.ExportedProgram
    Lengths

    Raises
    ------
    RunError
        When torch cannot trace it.
    """
    steps = example[0].shape[2]
    if stride is not None:
        blocks = torch.export.Dim("blocks", min=2)
        ways: list[tuple[Any, Lengths]] = [(torch.export.Dim.AUTO, Lengths("any", 2 * stride))]
        if stride > 1 and steps % stride == 0:  # or the file would not take what it is given here
            ways.append((stride * blocks, Lengths("multiple", stride)))
        for time, lengths in ways:
            program = _attempt(module, example, time)
            if program is not None and not _takes_any(program):
                return program, Lengths("fixed", steps)
            if program is not None and _agrees(module, program.module(), example, lengths, make):
                return program, lengths
    return _of_one_length(module, example), Lengths("fixed", steps)


def _of_one_length(module: nn.Module, example: Sequence[Tensor]) -> Any:
    try:
        return _traced(module, example, None)
    except Exception as error:  # torch has no common class, and somebody else's code may raise anything
        reason = (str(error) or type(error).__name__).splitlines()[0]
        raise RunError(
            f"{type(module).__name__} cannot be traced by torch.export ({reason}); use it in Python"
        ) from error


def _takes_any(program: Any) -> bool:
    """Whether the length of the first input was left open."""
    first = next(node for node in program.graph.nodes if node.name == program.graph_signature.user_inputs[0])
    return not isinstance(first.meta["val"].shape[2], int)


def _attempt(module: nn.Module, example: Sequence[Tensor], time: Any) -> Any:
    """A program, or None where the module cannot be traced with this length."""
    with suppress(Exception):  # torch has many classes for "this length must be fixed", and no common one
        return _traced(module, example, time)
    return None


def _traced(module: nn.Module, example: Sequence[Tensor], time: Any) -> Any:
    dims = {0: torch.export.Dim.AUTO} | ({} if time is None else {2: time})
    with torch.no_grad(), recurrent_layers_whole(), _quiet():
        return torch.export.export(module, tuple(example), dynamic_shapes=tuple(dims for _ in example))


def _agrees(module: nn.Module, run: Runner, example: Sequence[Tensor], lengths: Lengths, make: Make) -> bool:
    with suppress(Exception):  # the guards of a program on lengths raise what they like
        compare(module, run, example, lengths, make)
        return True
    return False


def compare(
    module: nn.Module, run: Runner, example: Sequence[Tensor], lengths: Lengths, make: Make = noise
) -> float:
    """Largest difference on random signals of several sizes, some values missing.

    Parameters
    ----------
    module : Module
    run : callable
        What takes the same inputs.
    example : sequence of Tensors
        Whose numbers of channels, and lengths but that of the first, are kept.
    lengths : Lengths
    make : callable
        Gives signals of so many samples, channels and steps.

    Returns
    -------
    float
        As a share of the largest value of each output.

    Raises
    ------
    RunError
        When the two differ by more than rounding.
    """
    worst = 0.0
    steps = example[0].shape[2]
    sizes = [(batch, steps) for batch in BATCHES]
    sizes += [(2 + k, length) for k, length in enumerate(lengths.tried(steps))]
    for batch, length in sizes:
        inputs = [make(batch, x.shape[1], x.shape[2] if k else length) for k, x in enumerate(example)]
        with torch.no_grad():
            wanted, found = outputs(module(*inputs)), outputs(run(*inputs))
        for one, other in zip(wanted, found, strict=True):
            worst = max(worst, _difference(one, other, f"{batch} signals of {length} steps"))
    return worst


def outputs(found: Any) -> tuple[Tensor, ...]:
    """What a module or program gives, as a tuple."""
    return found if isinstance(found, tuple) else (found,)


def _difference(wanted: Tensor, found: Tensor, what: str) -> float:
    if wanted.shape != found.shape:
        raise RunError(
            f"the exported program gives shape {tuple(found.shape)} for {what}, the original "
            f"{tuple(wanted.shape)}; nothing was written"
        )
    difference = float((wanted - found).abs().max() / wanted.abs().max().clamp(min=1))
    if not difference < TOLERANCE:
        raise RunError(
            f"the exported program differs from the original by {difference:.1e} of its largest value on "
            f"{what}; nothing was written"
        )
    return difference


def pt2_bytes(program: Any, metadata: str) -> bytes:
    """A program as the content of a file that :func:`torch.export.load` reads."""
    buffer = io.BytesIO()
    with _quiet():
        torch.export.save(program, buffer, extra_files={METADATA["pt2"]: metadata})
    return buffer.getvalue()


def pt2_runner(content: bytes) -> Runner:
    """The module in such a file."""
    with _quiet():
        module: nn.Module = torch.export.load(io.BytesIO(content)).module()
    return module


def onnx_bytes(program: Any, metadata: str, inputs: Sequence[str], outputs: Sequence[str] = ("z",)) -> bytes:
    """A program as the content of an ONNX file.

    Raises
    ------
    RunError
        When it uses something that ONNX does not know.
    """
    try:
        with recurrent_layers_whole(), _quiet():
            converted = torch.onnx.export(
                program, dynamo=True, verbose=False, input_names=list(inputs), output_names=list(outputs)
            )
    except torch.onnx.OnnxExporterError as error:
        reason = str(error.__cause__ or error).splitlines()[0]
        raise RunError(f"the encoder cannot be written as ONNX ({reason}); use the format pt2") from error
    assert converted is not None
    converted.model.metadata_props[METADATA["onnx"]] = metadata
    content: bytes = converted.model_proto.SerializeToString()
    return content


def onnx_runner(content: bytes) -> Runner:
    """What onnxruntime makes of such a file."""
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.log_severity_level = 3  # a recurrent layer tells of each length but the one it was traced with
    options.intra_op_num_threads = 1
    session = onnxruntime.InferenceSession(content, options, providers=["CPUExecutionProvider"])
    names = [entry.name for entry in session.get_inputs()]

    def run(*inputs: Tensor) -> tuple[Tensor, ...]:
        values = {name: np.ascontiguousarray(x.numpy()) for name, x in zip(names, inputs, strict=True)}
        return tuple(map(torch.from_numpy, session.run(None, values)))

    return run


@contextmanager
def _quiet() -> Iterator[None]:
    """Without what torch says of its own inner workings."""
    registration = logging.getLogger("torch.onnx._internal.exporter._registration")
    level = registration.level
    registration.setLevel(logging.ERROR)  # "torchvision is not installed"
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message=r".*treespec, LeafSpec", category=FutureWarning)
            warnings.filterwarnings("ignore", message=r"The tensor attributes? .*_flat_weights")
            yield
    finally:
        registration.setLevel(level)
