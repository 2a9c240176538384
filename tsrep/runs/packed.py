"""A packed encoder: one folder with weights and all that travels with them, as it lies on a hub."""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Literal

import torch
import yaml
from safetensors import SafetensorError, safe_open

from tsrep.errors import RunError
from tsrep.evaluation.heads.head import Head
from tsrep.evaluation.scores import Scores
from tsrep.files import unwritable, write_json, write_text
from tsrep.runs.architecture import Architecture
from tsrep.runs.card import card_of
from tsrep.runs.encoder_file import metadata_of, write_encoder_file
from tsrep.runs.ledger import FILE as LEDGER
from tsrep.runs.ledger import Ledger
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.packed_config import (
    ANNOUNCED,
    CARD,
    CONFIG,
    CONTRACT,
    HEAD,
    LARGEST,
    PROVENANCE,
    RECIPE,
    SCORES,
    WEIGHTS,
    PackedConfig,
    read_config,
    read_json,
    refuse_changed,
    refuse_code,
    sha256_of,
)
from tsrep.runs.published import provenance_of, recipe_of, refuse_places, without_private
from tsrep.runs.weights import weights_digest
from tsrep.signals.contract import SignalContract
from tsrep.training.checkpoint import load_weights

Publish = Literal["public-only", "always", "never"]
TYPES = ("F16", "BF16", "F32", "I8", "I16", "I32", "I64", "U8", "BOOL")


def save_pretrained(
    loaded: LoadedEncoder,
    folder: Path | str,
    *,
    ledger: Publish = "public-only",
    head: str | None = None,
    licence: str | None = None,
    scores: Scores | None = None,
    records_features: bool = False,
    permission: str = "",
) -> Path:
    """Write a packed encoder into a folder.

    Parameters
    ----------
    loaded : LoadedEncoder
        Of a registered architecture.
    folder : Path
        New, or empty.
    ledger : {"public-only", "always", "never"}
        When its fingerprints go along: anyone who holds a recording can ask them whether it was trained on.
    head : str, optional
        Name of the kept head that goes along; by default the one that is used when none is named, unless it
        holds features of training recordings.
    licence : str, optional
        SPDX identifier, where it is another one than the encoder says.
    scores : Scores, optional
        To pack and to show on the card.
    records_features : bool
        Let a head go along that holds features of training recordings, as k-NN and SVM (RBF) do.
    permission : str
        By whom and how a restriction of the chain was lifted; stands on the card.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RunError
        When the folder is taken, or the encoder is not of a registered architecture.
    """
    folder = Path(folder)
    if loaded.architecture is None:
        raise RunError(
            f"{loaded.reference} is somebody else's code or holds no network; only encoders that "
            "`tsrep list encoders` names can be packed"
        )
    if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
        raise RunError(f"{folder} is not empty; give another folder")
    chosen = _chosen_head(loaded, head, records_features)
    try:
        folder.parent.mkdir(parents=True, exist_ok=True)
        with TemporaryDirectory(prefix=f".{folder.name}.", dir=folder.parent) as place:
            packed = Path(place) / "packed"
            packed.mkdir()
            _write(loaded, packed, chosen, ledger, licence or loaded.licence, scores, permission)
            refuse_places(packed)
            if folder.is_dir():
                folder.rmdir()
            packed.replace(folder)
    except OSError as error:
        raise unwritable(folder, error) from error
    return folder


def from_pretrained(place: Path | str) -> LoadedEncoder:
    """Read a packed encoder; nothing in it is executed.

    Parameters
    ----------
    place : Path or str
        The folder, or ``hub:owner/name@revision``.

    Raises
    ------
    RunError
        When a file is missing, broken, or not what ``config.json`` announces.
    """
    from tsrep.runs.references.reference import resolve

    return resolve(place).open()


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
    heads = {head.name: head for head in ([Head.load(folder, "head")] if config.head else [])}
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


def _chosen_head(loaded: LoadedEncoder, name: str | None, records_features: bool) -> Head | None:
    """The head that goes along; one with features of training recordings only where that is wanted."""
    if name is not None:
        chosen = loaded.head(name)
        if chosen.records_held and not records_features:
            raise RunError(
                f"head {name} holds features of {chosen.records_held:,} training recordings, which would be "
                "shared; choose a linear head, or share them with --with-records-features"
            )
        return chosen
    fitting = (one for one in loaded.heads.values() if records_features or not one.records_held)
    return next(fitting, None)


def _write(
    loaded: LoadedEncoder,
    folder: Path,
    head: Head | None,
    publish: Publish,
    licence: str,
    scores: Scores | None,
    permission: str,
) -> None:
    """All files of a packed encoder, ``config.json`` last."""
    assert loaded.architecture is not None
    weights = loaded.encoder.state_dict()
    write_encoder_file(folder / WEIGHTS, weights, loaded.architecture, loaded.contract, format="pt")
    write_text(folder / CONTRACT, json.dumps(json.loads(loaded.contract.to_json()), indent=2) + "\n")
    write_json(folder / PROVENANCE, provenance_of(loaded))
    write_text(folder / RECIPE, yaml.safe_dump(recipe_of(loaded), sort_keys=False, allow_unicode=True))
    if head is not None:
        head.save(folder, "head")
    ledger = loaded.ledger
    if ledger is not None and (publish == "always" or (publish == "public-only" and ledger.public)):
        ledger.save(folder)
    if scores is not None:
        write_text(folder / SCORES, scores.to_json() + "\n")
    write_text(folder / CARD, card_of(loaded, head, scores, licence, permission, (folder / LEDGER).is_file()))
    config = PackedConfig(
        encoder=loaded.architecture.settings.model_dump(mode="json"),
        channels_seen=loaded.architecture.channels,
        name=loaded.name,
        head=HEAD if head is not None else None,
        sha256={name: sha256_of(folder / name) for name in ANNOUNCED if (folder / name).is_file()},
        sha256_of_weights=loaded.weights,
        licence=licence,
        citation=loaded.citation,
        tsrep_version=version("tsrep"),
    )
    write_text(folder / CONFIG, config.model_dump_json(indent=2) + "\n")


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
        found = yaml.safe_load(_text(path, reference))
    except yaml.YAMLError as error:
        raise RunError(f"{path.name} of {reference} is no YAML; pull it again") from error
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
