"""Reading a packed encoder: everything is checked, and nothing of it is executed."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError, safe_open

from tsrep.errors import ConfigError, RunError
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.runs.architecture import Architecture
from tsrep.runs.encoder_file import metadata_of
from tsrep.runs.ledger import Ledger
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.packed_config import (
    CARD,
    CONFIG,
    CONTRACT,
    LARGEST,
    PROVENANCE,
    RECIPE,
    WEIGHTS,
    read_config,
    read_json,
    refuse_changed,
    refuse_code,
)
from tsrep.runs.published import without_private
from tsrep.runs.weights import weights_digest
from tsrep.signals.contract import SignalContract
from tsrep.training.checkpoint import load_weights
from tsrep.yaml_files import read_yaml

TYPES = ("F16", "BF16", "F32", "I8", "I16", "I32", "I64", "U8", "BOOL")


def open_packed(folder: Path, reference: str) -> LoadedEncoder:
    """Read a packed folder; nothing in it is executed.

    Parameters
    ----------
    folder : Path
    reference : str
        The text that named it.

    Raises
    ------
    RunError
        When a file is missing, broken, code, a pickle, or not what ``config.json`` announces.
    """
    refuse_code(sorted(file.relative_to(folder).as_posix() for file in folder.rglob("*")), reference)
    config = read_config(folder, reference)
    refuse_changed(folder, config, reference)
    made = Architecture.from_plain(config.encoder, config.channels_seen, f"{CONFIG} of {reference}")
    contract = _contract(folder, reference)
    _refuse_other_tensors(folder / WEIGHTS, made, f"{WEIGHTS} of {reference}")
    weights = load_weights(folder / WEIGHTS)
    if weights_digest(weights) != config.sha256_of_weights:
        raise RunError(f"{WEIGHTS} of {reference} holds other weights than {CONFIG} says; pull it again")
    heads = {head.name: head for head in ([KeptHead.load(folder, "head")] if config.head else [])}
    return LoadedEncoder(
        made.filled(weights, f"{WEIGHTS} of {reference}", CONFIG),
        contract,
        reference,
        config.sha256_of_weights,
        name=config.name,
        heads=heads,
        ledger=Ledger.load(folder),
        licence=config.licence,
        citation=config.citation,
        card=_text(folder / CARD, reference),
        provenance=_provenance(folder / PROVENANCE, reference),
        recipe=_recipe(folder / RECIPE, reference),
        architecture=made,
    )


def _contract(folder: Path, reference: str) -> SignalContract:
    """The contract, which must be the one that the weights were written with."""
    contract = SignalContract.from_json(_text(folder / CONTRACT, reference))
    within = metadata_of(folder / WEIGHTS).get("contract")
    if within is not None and SignalContract.from_json(within).digest != contract.digest:
        raise RunError(f"{CONTRACT} of {reference} is not the contract of {WEIGHTS}; pull it again")
    return contract


def _refuse_other_tensors(path: Path, made: Architecture, file: str) -> None:
    """Check names, shapes and types of tensors, of which none is read, against an encoder without memory."""
    with torch.device("meta"):
        wanted = {name: list(tensor.shape) for name, tensor in made.drawn(0).state_dict().items()}
    try:
        with safe_open(path, "pt") as content:
            found = {name: content.get_slice(name) for name in content.keys()}  # noqa: SIM118 - no mapping
            shapes = {name: list(part.get_shape()) for name, part in found.items()}
            types = {name: str(part.get_dtype()) for name, part in found.items()}
    except (OSError, SafetensorError) as error:
        raise RunError(f"{file} cannot be read as weights ({type(error).__name__}); pull it again") from error
    if name := next((name for name in wanted if name not in shapes), None):
        stray = next((other for other in shapes if other not in wanted), None)
        instead = f" but {stray}" if stray else ""
        raise RunError(
            f"{file} has no tensor {name}{instead}, so that weights would stay random; take the file that "
            f"goes with {CONFIG}"
        )
    for name, shape in shapes.items():
        if name not in wanted:
            raise RunError(f"{file} has a tensor {name} with no place in {CONFIG}; restore one of them")
        if shape != wanted[name]:
            raise RunError(
                f"{file} has {name} of shape {tuple(shape)}, {CONFIG} makes {tuple(wanted[name])}; "
                "restore one of them"
            )
        if types[name] not in TYPES:
            raise RunError(f"{file} has {name} of type {types[name]}; use one of {', '.join(TYPES)}")


def _recipe(path: Path, reference: str) -> dict[str, Any]:
    """The recipe, of which nothing is used that names a place or another encoder."""
    if not path.is_file():
        return {}
    try:
        found = read_yaml(_text(path, reference), f"{path.name} of {reference}")
    except ConfigError as error:
        raise RunError(f"{error}, or pull it again") from error
    kept = without_private(found if isinstance(found, dict) else {})
    _refuse_other_shape(kept, dict.fromkeys(("dataset", "evaluation", "objective"), dict), path, reference)
    return kept


def _provenance(path: Path, reference: str) -> dict[str, Any]:
    """Where the weights come from."""
    found = read_json(path, reference) if path.is_file() else {}
    _refuse_other_shape(found, {"data": dict, "versions": dict, "chain": list}, path, reference)
    for link in found.get("chain", ()):
        _refuse_other_shape({"chain": link}, {"chain": dict}, path, reference)
    return found


def _refuse_other_shape(
    values: Mapping[str, Any], shapes: Mapping[str, type], path: Path, reference: str
) -> None:
    for name, wanted in shapes.items():
        if not isinstance(values.get(name, wanted()), wanted):
            what = "a list" if wanted is list else "facts by name"
            raise RunError(f"{path.name} of {reference} has no {what} under {name}; pull it again")


def _text(path: Path, reference: str) -> str:
    try:
        if path.stat().st_size > LARGEST:
            raise RunError(
                f"{path.name} of {reference} is larger than {LARGEST >> 20} MB; it is no such file"
            )
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise RunError(f"{path.name} of {reference} is missing or broken; pull it again") from error
