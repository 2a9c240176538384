"""The encoder, the predictor or the forecaster of a reference as a file that runs without this package."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Literal

from tsrep.errors import ConfigError, RunError
from tsrep.files import refuse_taken, replacing
from tsrep.runs.export.held import Held, held_windows
from tsrep.runs.export.of_forecaster import forecaster_of
from tsrep.runs.export.of_windows import encoder_of, predictor_of
from tsrep.runs.export.predictor import Further
from tsrep.runs.export.preprocessing import Level
from tsrep.runs.export.quantised import Loss, loss_of, quantised
from tsrep.runs.export.snippet import snippet
from tsrep.runs.export.subject import Request, Subject, What
from tsrep.runs.export.traced import (
    Format,
    Lengths,
    compare,
    onnx_bytes,
    onnx_runner,
    pt2_bytes,
    pt2_runner,
    refuse_missing_packages,
    trace,
)
from tsrep.runs.folder import Run
from tsrep.runs.references.reference import Reference, resolve

Quantise = Literal["int8"]
SUBJECTS: Mapping[What, Callable[[Reference, Request], Subject]] = {
    "encoder": encoder_of,
    "predictor": predictor_of,
    "forecaster": forecaster_of,
}


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
    quantised : Path or None
        The file with 8-bit weights beside it.
    loss : Loss or None
        What those change.
    """

    path: Path
    lengths: Lengths
    metadata: dict[str, Any]
    difference: float
    quantised: Path | None = None
    loss: Loss | None = None


def export(
    encoder: Reference | Run | Path | str,
    *,
    format: Format = "pt2",
    what: What = "encoder",
    out: Path | str | None = None,
    steps: int | None = None,
    preprocessing: Level | None = None,
    head: str | None = None,
    leads: Sequence[str] = (),
    further: Sequence[Further] = (),
    calibrated: bool | None = None,
    quantise: Quantise | None = None,
    force: bool = False,
    overwrite: bool = False,
) -> Exported:
    """Write an encoder, alone or with its head, compared with the original first.

    The batch may have any size. The length in time may be any that the encoder takes where it can be traced
    so, otherwise a multiple of its stride or one length; the file's metadata, which are JSON, say which, and
    hold the contract.

    Parameters
    ----------
    encoder : Reference, Run, path or text
        See :func:`tsrep.runs.references.reference.resolve`; a forecaster is that of a run.
    format : {"pt2", "onnx"}
        A program of ``torch.export``, or ONNX.
    what : {"encoder", "predictor", "forecaster"}
        From windows to representations; from windows to probabilities; or from the past (and covariates
        ahead) to the future.
    out : Path, optional
        By default ``predictor.onnx`` and the like, in the run folder or the current one.
    steps : int, optional
        Length of a window where the encoder takes one length only; by default that of the contract.
    preprocessing : {"full", "standardise", "none"}, optional
        What of the contract's preprocessing is in the file, as far as that can be exact: all, what begins
        with standardisation, or nothing. By default all for a predictor and nothing for an encoder.
    head : str, optional
        Name of a kept head; by default the best.
    leads : sequence of str
        Channels that the file takes, from which those of the contract follow; by default all of them.
    further : sequence of {"z", "steps"}
        Outputs of a predictor besides ``probability``.
    calibrated : bool, optional
        Whether a predictor calibrates, for recordings of one window; by default where the contract makes one
        window of each recording. Otherwise the metadata hold the calibration.
    quantise : {"int8"}, optional
        Write a file with 8-bit weights beside an ONNX file.
    force : bool
        Also where that file decides otherwise.
    overwrite : bool
        Replace files that are there.

    Raises
    ------
    ConfigError, ContractError
        When a package is missing, or options do not go together or with the contract.
    RunError
        When there is no head, the file would not do what the original does, or is there already.

    Examples
    --------
    >>> z = torch.export.load("encoder.pt2").module()(x)                              # doctest: +SKIP
    >>> p = onnxruntime.InferenceSession("predictor.onnx").run(["probability"], {"x": x})  # doctest: +SKIP
    """
    refuse_missing_packages(format)
    if quantise is not None and format != "onnx":
        raise ConfigError(f"8-bit weights are those of an ONNX file, not of {format}; use --format onnx")
    reference = resolve(encoder)
    path = Path(out) if out is not None else _folder(reference) / f"{what}.{format}"
    refuse_taken(path, f".{format}", overwrite=overwrite)
    beside = path.with_suffix(".int8.onnx")
    if quantise is not None:
        refuse_taken(beside, overwrite=overwrite)
    request = Request(steps, preprocessing, head, tuple(leads), tuple(further), calibrated)
    request.refuse_meaningless(what)
    subject = SUBJECTS[what](reference, request)
    program, lengths = trace(subject.module, list(subject.inputs.values()), subject.stride, subject.make)
    held = held_windows(reference, subject.contract, leads) if subject.head is not None else None
    metadata = subject.metadata(what, lengths) | _snippet(subject, path, format)
    metadata["checked"] = _checked(held)
    content, difference = _written(program, metadata, subject, lengths, format)
    if held is not None:
        held.compare(subject, onnx_runner(content) if format == "onnx" else pt2_runner(content))
    small = None if quantise is None else _quantised(content, subject, held, force=force)
    with replacing(path) as temporary:
        temporary.write_bytes(content)
    done = Exported(path, lengths, metadata, difference)
    if small is None:
        return done
    with replacing(beside) as temporary:
        temporary.write_bytes(small[0])
    return replace(done, quantised=beside, loss=small[1])


def _folder(reference: Reference) -> Path:
    """That of a run; else the current one."""
    try:
        return reference.run.path
    except RunError:
        return Path()


def _snippet(subject: Subject, path: Path, format: Format) -> dict[str, str]:
    if subject.head is None or format != "onnx":
        return {}
    source = snippet(
        path.name, subject.contract, subject.division, subject.head, calibrated=subject.calibrated
    )
    return {"snippet": source}


def _checked(held: Held | None) -> str:
    if held is None:
        return "random signals"
    return f"random signals and {len(held.windows)} windows of the validation part"


def _written(
    program: Any, metadata: dict[str, Any], subject: Subject, lengths: Lengths, format: Format
) -> tuple[bytes, float]:
    """Content of the file, and its largest difference from the original."""
    text = json.dumps(metadata, indent=2, allow_nan=False)
    if format == "pt2":
        content = pt2_bytes(program, text)
    else:
        content = onnx_bytes(program, text, list(subject.inputs), subject.outputs)
    again = pt2_runner(content) if format == "pt2" else onnx_runner(content)
    examples = list(subject.inputs.values())
    return content, compare(subject.module, again, examples, lengths, subject.make)


def _quantised(content: bytes, subject: Subject, held: Held | None, *, force: bool) -> tuple[bytes, Loss]:
    """The file with 8-bit weights, which says in its metadata what they change.

    Raises
    ------
    RunError
        When it decides otherwise.
    """
    made, operations = quantised(content)
    x = next(iter(subject.inputs.values()))
    windows = subject.make(50, x.shape[1], x.shape[2]) if held is None else held.windows
    decide = None if subject.head is None else subject.decide
    auroc = None if held is None else held.auroc
    loss = loss_of(content, made, operations, windows, decide, auroc)
    if loss.refusal and not force:
        raise RunError(
            f"with 8-bit weights {loss.refusal}; nothing was written: leave --quantise out, or insist with "
            "--force"
        )
    return with_metadata(made, {"quantised": loss.plain()}), loss


def with_metadata(content: bytes, further: dict[str, Any]) -> bytes:
    """An ONNX file whose metadata say more."""
    import onnx

    model = onnx.load_model_from_string(content)
    entry = next(each for each in model.metadata_props if each.key == "tsrep")
    entry.value = json.dumps(json.loads(entry.value) | further, indent=2, allow_nan=False)
    made: bytes = model.SerializeToString()
    return made
