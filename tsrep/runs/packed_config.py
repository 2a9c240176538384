"""``config.json`` of a packed encoder: which encoder it is, and what its files must be."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, JsonValue, ValidationError

from tsrep.digests import sha256_of
from tsrep.errors import RunError
from tsrep.reading import read_json as read_values
from tsrep.registry import explain

CONFIG, FORMAT = "config.json", 2
LARGEST = 4 << 20  # bytes of a JSON file that somebody else wrote
WEIGHTS, CONTRACT, CARD, SCORES = "model.safetensors", "contract.json", "README.md", "scores.json"
HEAD, HEAD_TENSORS, LEDGER = "head.json", "head.safetensors", "fingerprints.safetensors"
PROVENANCE, RECIPE = "provenance.json", "config.yaml"
NEEDED = (CONFIG, WEIGHTS, CONTRACT, CARD)
FILES = (*NEEDED, HEAD, HEAD_TENSORS, LEDGER, SCORES, PROVENANCE, RECIPE)  # nothing else is shared or fetched
ANNOUNCED = tuple(file for file in FILES if file not in (CONFIG, CARD))  # a card may be corrected
PICKLED = (".bin", ".pt", ".pth", ".ckpt", ".pkl", ".pickle", ".joblib")
CODE = (".py", ".pyc", ".so", ".dll", ".dylib", ".sh", ".ipynb")


class PackedConfig(BaseModel):
    """Content of ``config.json``.

    Attributes
    ----------
    encoder : mapping
        Registered name and settings.
    channels_seen : int
        Channels that are shown to it.
    name : str
        What its scores are called.
    sha256 : mapping
        Of each further file, by its name.
    sha256_of_weights : str
        See :func:`tsrep.runs.weights.weights_digest`.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    library_name: Literal["tsrep"] = "tsrep"
    tsrep_format: Literal[2] = 2
    model_type: Literal["tsrep-encoder"] = "tsrep-encoder"
    encoder: dict[str, JsonValue]
    channels_seen: int = Field(ge=1)
    name: str = ""
    contract: Literal["contract.json"] = "contract.json"
    head: Literal["head.json"] | None = None
    sha256: dict[str, str]
    sha256_of_weights: str
    licence: str = ""
    citation: str = ""
    tsrep_version: str = ""


def read_config(folder: Path, reference: str) -> PackedConfig:
    """Checked ``config.json`` of a packed folder.

    Raises
    ------
    RunError
        When it is missing, of another library or version, or says something that it cannot.
    """
    values = read_json(folder / CONFIG, reference)
    if values.get("library_name") != "tsrep":
        other = values.get("library_name") or values.get("model_type") or "another library"
        raise RunError(
            f"{reference} was made by {other}, not packed by tsrep; wrap it with a function and give "
            "module:function"
        )
    version = values.get("tsrep_format")
    if isinstance(version, int) and version > FORMAT:
        raise RunError(
            f"{reference} was written by a newer tsrep (format {version}, this one reads {FORMAT}); update "
            "tsrep"
        )
    try:
        return PackedConfig.model_validate(values)
    except ValidationError as error:
        raise RunError(f"{CONFIG} of {reference}: {explain(error)}") from error


def read_json(path: Path, reference: str) -> dict[str, Any]:
    """An object in a JSON file of somebody else.

    Raises
    ------
    RunError
        When it is missing, too large or no object.
    """
    try:
        if path.stat().st_size > LARGEST:
            raise RunError(
                f"{path.name} of {reference} is larger than {LARGEST >> 20} MB; it is no such file"
            )
        return read_values(path)
    except (OSError, ValueError, RecursionError) as error:
        raise RunError(f"{path.name} of {reference} is missing or broken; pull it again") from error


def refuse_changed(folder: Path, config: PackedConfig, reference: str) -> None:
    """Check that all files are those that ``config.json`` announces, and none is unannounced.

    Raises
    ------
    RunError
        Naming the first that is not.
    """
    for name in ANNOUNCED:
        there, said = (folder / name).is_file(), config.sha256.get(name)
        if there and said is None:
            raise RunError(f"{reference} holds {name}, which its {CONFIG} does not announce; remove it")
        if said is not None and (not there or sha256_of(folder / name) != said):
            raise RunError(
                f"{name} of {reference} is not what {CONFIG} announces (SHA-256 {said[:12]}); remove it from "
                "the cache and pull again"
            )
    if stray := next((name for name in config.sha256 if name not in ANNOUNCED), None):
        raise RunError(f"{CONFIG} of {reference} announces {stray}, which is no file of a packed encoder")
    for name in (WEIGHTS, CONTRACT):
        if name not in config.sha256:
            raise RunError(f"{CONFIG} of {reference} does not announce {name}; pack the encoder again")


def refuse_code(names: list[str], reference: str) -> None:
    """Check that files of a repository are neither code nor pickled.

    Raises
    ------
    RunError
        Naming the first one that is.
    """
    pickled = [name for name in names if name.casefold().endswith(PICKLED)]
    if pickled and WEIGHTS not in names:
        raise RunError(
            f"{reference} holds pickled weights only ({pickled[0]}), which are not loaded; wrap it with a "
            "function and give module:function"
        )
    if found := pickled or [name for name in names if name.casefold().endswith(CODE)]:
        what = "a pickle" if pickled else "code"
        raise RunError(
            f"{reference} holds {found[0]}, which is {what}; a packed encoder has none, and nothing "
            "downloaded is executed: take a repository without it, or wrap it: module:function"
        )
