"""The encoder or forecaster of a run as a file that runs without this package."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, Literal

from torch import Tensor, nn

from tsrep.errors import ConfigError
from tsrep.files import replacing
from tsrep.objectives.forecaster import Forecaster
from tsrep.runs.folder import Run, opened
from tsrep.runs.export.traced import (
    Format,
    Lengths,
    compare,
    noise,
    onnx_bytes,
    onnx_runner,
    pt2_bytes,
    pt2_runner,
    refuse_missing_packages,
    trace,
)

What = Literal["encoder", "forecaster"]
EXAMPLE = 3  # samples to trace with; 1 would count as fixed


@dataclass(frozen=True)
class Exported:
    """A file that was written.

    Attributes
    ----------
    path : Path
    lengths : Lengths
        In time, that it takes.
    metadata : dict
        As in the file.
    difference : float
        Largest from the original, as a share of the largest value.
    """

    path: Path
    lengths: Lengths
    metadata: dict[str, Any]
    difference: float


class PastAlone(nn.Module):
    """A forecaster that knows nothing in advance, as a map of the past alone."""

    def __init__(self, forecaster: Forecaster) -> None:
        super().__init__()
        self.forecaster = forecaster

    def forward(self, past: Tensor) -> Tensor:
        """Map (batch, channel, lookback) to (batch, channel, horizon)."""
        return self.forecaster(past, past.new_zeros(past.shape[0], 0, self.forecaster.horizon))


def export(
    run: Run | Path | str,
    *,
    format: Format = "pt2",
    what: What = "encoder",
    out: Path | str | None = None,
    steps: int | None = None,
) -> Exported:
    """Write a run's encoder or forecaster, compared with the original on random signals first.

    The batch may have any size. The length in time may be any that the encoder takes where it can be traced
    so, otherwise a multiple of its stride or one length; the file's metadata say which. Signals are expected
    standardised; mean and deviation are in the metadata too, which is JSON.

    Parameters
    ----------
    run : Run or path of a run folder
    format : {"pt2", "onnx"}
        A program of ``torch.export``, or ONNX.
    what : {"encoder", "forecaster"}
        ``"forecaster"``, of runs that forecast, goes from the past (and covariates ahead) to the future.
    out : Path, optional
        By default ``encoder.pt2`` and the like in the run folder.
    steps : int, optional
        Length of a sample where the encoder takes one length only; by default that of the run's samples.

    Returns
    -------
    Exported

    Raises
    ------
    ConfigError
        When a package is missing, or the length is not known or too short.
    RunError
        When the run is not finished, does not forecast, or the file would not do what the original does.

    Examples
    --------
    >>> z = torch.export.load("encoder.pt2").module()(x)                              # doctest: +SKIP
    >>> z = onnxruntime.InferenceSession("encoder.onnx").run(None, {"x": x})[0]        # doctest: +SKIP
    """
    run = opened(run)
    refuse_missing_packages(format)
    path = Path(out) if out is not None else run.path / f"{what}.{format}"
    if path.suffix != f".{format}":
        raise ConfigError(f"{path} does not end in .{format}, by which others know the format; rename it")
    module, inputs, stride = _forecaster(run) if what == "forecaster" else _encoder(run, steps)
    program, lengths = trace(module, list(inputs.values()), stride)
    metadata = describe(run, what, inputs, lengths)
    text = json.dumps(metadata, indent=2, allow_nan=False)
    content = pt2_bytes(program, text) if format == "pt2" else onnx_bytes(program, text, list(inputs))
    again = pt2_runner(content) if format == "pt2" else onnx_runner(content)
    multiple = lengths.steps if lengths.kind == "multiple" else 1
    examples = [x[..., : x.shape[2] // multiple * multiple] for x in inputs.values()]
    difference = compare(module, again, examples, lengths)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    return Exported(path, lengths, metadata, difference)


def _encoder(run: Run, steps: int | None) -> tuple[nn.Module, dict[str, Tensor], int]:
    encoder = run.encoder()
    length = steps or _sample_steps(run)
    if length is None:
        raise ConfigError(
            f"{run.path} was trained on whole records, whose length it does not say; give it with --steps"
        )
    if length < 2 * encoder.stride:
        raise ConfigError(
            f"{length} steps are less than two strides of the encoder, {2 * encoder.stride} steps; give more "
            "with --steps"
        )
    channels, known = run.counts["channels"], run.counts["covariates"]
    seen = run.config.objective_class.encoder_channels(run.config.objective, channels, known)
    return encoder, {"x": noise(EXAMPLE, seen, length)}, encoder.stride


def _forecaster(run: Run) -> tuple[nn.Module, dict[str, Tensor], None]:
    forecaster, known = run.forecaster(), run.counts["covariates"]
    past = noise(EXAMPLE, run.counts["channels"], forecaster.lookback)
    if not known:
        return PastAlone(forecaster).eval(), {"past": past}, None
    return forecaster, {"past": past, "ahead": noise(EXAMPLE, known, forecaster.horizon)}, None


def _sample_steps(run: Run) -> int | None:
    """Length of what the encoder was trained on, where the run says it."""
    window, windows = run.config.window, run.config.training_windows
    if windows is not None:
        return windows.history
    if window.steps is not None or window.seconds is None:
        return window.steps
    rate: float = run.provenance["data"]["sfreq"]
    return round(window.seconds * rate)


def describe(run: Run, what: What, inputs: dict[str, Tensor], lengths: Lengths) -> dict[str, Any]:
    """What a user of the file must know, as JSON."""
    data, scaler = run.provenance["data"], run.scaler()
    own = {"how": run.config.window.standardise}
    if scaler is not None:
        own |= {"mean": scaler.mean[0].tolist(), "std": scaler.std[0].tolist()}
    shape = {name: ["batch", x.shape[1], "time" if name == "x" else x.shape[2]] for name, x in inputs.items()}
    return {
        "what": what,
        "made_by": {"tsrep": version("tsrep"), "torch": version("torch")},
        "encoder": run.config.encoder.model_dump(mode="json"),
        "objective": run.config.objective.name,
        "inputs": shape,
        "channels": data["channels"],
        "covariates": data.get("covariates", []),
        "classes": data.get("classes", []),
        "rate": {key: data[key] for key in ("sfreq", "freq") if key in data},
        "unit": data.get("unit", ""),
        "time": {"kind": lengths.kind, "steps": lengths.steps, "says": _says(lengths)},
        "standardise": own | {"says": _how(run, scaler is not None)},
    }


def _says(lengths: Lengths) -> str:
    return {
        "any": f"batches of any size and signals of any length from {lengths.steps} steps on",
        "multiple": f"batches of any size and signals of a multiple of {lengths.steps} steps, at least two",
        "fixed": f"batches of any size and signals of {lengths.steps} steps only",
    }[lengths.kind]


def _how(run: Run, shared: bool) -> str:
    if not shared:
        return "of each record and channel subtract its own mean and divide by its own standard deviation"
    text = "subtract mean and divide by std, one for each channel or one for all, before the signals go in"
    norm = getattr(run.config.objective, "norm", "none")
    if norm != "none":
        return f"{text}; the forecaster then normalises each look-back by itself ({norm})"
    return text
