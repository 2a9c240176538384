"""The two files of a head: tensors, and JSON that says what they are. Reading them executes nothing."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, JsonValue, TypeAdapter, ValidationError
from safetensors import SafetensorError
from safetensors.numpy import load, save

from tsrep.encoders.pooling import HeadPooling
from tsrep.errors import RunError, TsrepError
from tsrep.evaluation.arrays import Array
from tsrep.evaluation.heads.calibration import Calibration
from tsrep.evaluation.heads.classifier import Stored
from tsrep.evaluation.heads.facts import Facts, FittedOn, Performance
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.evaluation.heads.prediction_sets import PredictionSets
from tsrep.evaluation.heads.thresholds import Thresholds
from tsrep.evaluation.heads.value_head import ValueHead, ValueInterval
from tsrep.evaluation.labels.aggregate import Aggregation
from tsrep.files import write_bytes, write_text
from tsrep.registry import CLASSIFIERS, explain

CLASSIFIER, ENCODER = "classifier.", "encoder."  # of the names of tensors


class HeadFile(Facts):
    """What ``NAME.json`` says of every head, as :class:`~tsrep.evaluation.heads.kept_head.KeptHead` does.

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
    pool: HeadPooling
    aggregate: Aggregation
    fitted_on: FittedOn
    validation: Performance | None
    scored: Performance | None
    notes: tuple[str, ...]


class ClassesFile(HeadFile):
    """Of a head for classes; fields as in :class:`~tsrep.evaluation.heads.head.Head`."""

    predicts: Literal["classes"] = "classes"
    classes: tuple[str, ...]
    multilabel: bool
    calibration: Calibration | None
    thresholds: Thresholds | None
    sets: PredictionSets | None


class ValueFile(HeadFile):
    """Of a head for a number; fields as in :class:`~tsrep.evaluation.heads.value_head.ValueHead`."""

    predicts: Literal["value"] = "value"
    target: str
    unit: str
    interval: ValueInterval | None


KINDS: dict[str, tuple[type[KeptHead], type[HeadFile]]] = {
    "classes": (Head, ClassesFile),
    "value": (ValueHead, ValueFile),
}
_FILE: TypeAdapter[ClassesFile | ValueFile] = TypeAdapter(
    Annotated[ClassesFile | ValueFile, Field(discriminator="predicts")]
)
_SAME = ("pool", "aggregate", "fitted_on", "validation", "scored", "notes")
_OF_FILE = ("format", "predicts", "kind", "settings", "tensors")


def save_head(head: KeptHead, folder: Path, name: str) -> None:
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
    file = KINDS[head.predicts][1].model_validate(
        {
            "name": name,
            "kind": head.kind,
            "settings": stored.settings,
            "tensors": hashlib.sha256(content).hexdigest(),
            **{field: getattr(head, field) for field in _SAME},
            **head.facts(),
        }
    )
    write_bytes(folder / f"{name}.safetensors", content)
    write_text(folder / f"{name}.json", file.model_dump_json(indent=1) + "\n")


def load_head(folder: Path, name: str) -> KeptHead:
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
        file = _FILE.validate_json(path.read_bytes())
    except ValidationError as error:
        raise RunError(f"{path} is not readable as a head: {explain(error)}; evaluate again") from error
    tensors = _tensors(path.with_suffix(".safetensors"), file.tensors)
    try:
        classifier = CLASSIFIERS.entry(file.kind).cls.restored(
            _beginning(CLASSIFIER, tensors), dict(file.settings)
        )
    except (TsrepError, KeyError, TypeError, ValueError, IndexError) as error:
        raise RunError(f"{path} has no classifier that can be restored ({error}); evaluate again") from error
    own: dict[str, Any] = {field: getattr(file, field) for field in type(file).model_fields}
    own |= {"classifier": classifier, "tuned": _beginning(ENCODER, tensors)}
    return KINDS[file.predicts][0](**{field: value for field, value in own.items() if field not in _OF_FILE})


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
