"""The two files of a head: tensors, and JSON that says what they are. Reading them executes nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any, Literal

import numpy as np
from pydantic import JsonValue, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tsrep.encoders.pooling import HeadPooling
from tsrep.errors import RunError, TsrepError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.calibration import Calibration
from tsrep.evaluation.heads.classifier import Stored
from tsrep.evaluation.heads.facts import Facts, FittedOn, Performance
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.heads.prediction_sets import PredictionSets
from tsrep.evaluation.heads.thresholds import Thresholds
from tsrep.evaluation.labels.aggregate import Aggregation
from tsrep.files import replacing, write_text
from tsrep.registry import CLASSIFIERS, explain

CLASSIFIER, ENCODER = "classifier.", "encoder."  # of the names of tensors


class HeadFile(Facts):
    """Content of ``NAME.json``; fields as in :class:`~tsrep.evaluation.heads.head.Head`.

    Attributes
    ----------
    kind : str
        Registered name of the classifier.
    settings : dict
        Of the classifier.
    tensors : str
        SHA-256 of the file beside it.
    """

    format: Literal[1] = 1
    name: str
    kind: str
    settings: dict[str, JsonValue]
    tensors: str
    classes: tuple[str, ...]
    multilabel: bool
    pool: HeadPooling
    aggregate: Aggregation
    fitted_on: FittedOn
    calibration: Calibration | None
    thresholds: Thresholds | None
    sets: PredictionSets | None
    validation: Performance | None
    scored: Performance | None
    notes: tuple[str, ...]


_SAME = (
    "classes",
    "multilabel",
    "pool",
    "aggregate",
    "fitted_on",
    "calibration",
    "thresholds",
    "sets",
    "validation",
    "scored",
    "notes",
)


def save_head(head: Head, folder: Path, name: str) -> None:
    """Write a head as ``NAME.safetensors`` and ``NAME.json``, the tensors first.

    Raises
    ------
    RunError
        When its classifier cannot be kept, or the files cannot be written.
    """
    stored: Stored | None = head.classifier.stored()
    if stored is None:
        raise RunError(f"head {head.name} cannot be kept: its classifier does not say how to store it")
    tensors = {CLASSIFIER + key: np.asarray(value, order="C") for key, value in stored.arrays.items()}
    tensors |= {ENCODER + key: np.asarray(value, order="C") for key, value in head.tuned.items()}
    content = save(tensors)
    file = HeadFile(
        name=name,
        kind=head.kind,
        settings=stored.settings,
        tensors=hashlib.sha256(content).hexdigest(),
        **{field: getattr(head, field) for field in _SAME},
    )
    with replacing(folder / f"{name}.safetensors") as temporary:
        temporary.write_bytes(content)
    write_text(folder / f"{name}.json", file.model_dump_json(indent=1) + "\n")


def load_head(folder: Path, name: str) -> Head:
    """Read what :func:`save_head` wrote.

    Raises
    ------
    RunError
        When a file is missing, broken or does not fit the other.
    """
    path = folder / f"{name}.json"
    if name != Path(name).name or not path.is_file():
        raise RunError(f"there is no head {name} in {folder}; evaluate the encoder to fit one")
    try:
        file = HeadFile.model_validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(f"{path} is not readable as a head: {explain(error)}; evaluate again") from error
    tensors = _tensors(path.with_suffix(".safetensors"), file.tensors)
    try:
        classifier = CLASSIFIERS.entry(file.kind).cls.restored(
            _beginning(CLASSIFIER, tensors), dict(file.settings)
        )
    except (TsrepError, KeyError, TypeError, ValueError, IndexError) as error:
        raise RunError(f"{path} has no classifier that can be restored ({error}); evaluate again") from error
    same: dict[str, Any] = {field: getattr(file, field) for field in _SAME}
    return Head(file.name, classifier, tuned=_beginning(ENCODER, tensors), **same)


def _tensors(path: Path, digest: str) -> dict[str, Array]:
    try:
        content = path.read_bytes()
        if hashlib.sha256(content).hexdigest() != digest:
            raise ValueError("it is not the file that its JSON announces")
        return dict(load(content))
    except (OSError, ValueError, SafetensorError) as error:
        raise RunError(f"{path} is missing or broken ({error}); evaluate again") from error


def _beginning(word: str, tensors: dict[str, Array]) -> dict[str, Array]:
    """Tensors whose names begin so, without that."""
    return {name.removeprefix(word): value for name, value in tensors.items() if name.startswith(word)}
