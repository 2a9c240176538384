"""A packed encoder: one folder with weights and all that travels with them, as it lies on a hub."""

from __future__ import annotations

import json
from importlib.metadata import version
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Literal

from tsrep.digests import sha256_of
from tsrep.errors import RunError
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.evaluation.scores import Scores
from tsrep.files import unwritable, write_json, write_text
from tsrep.runs.card import card_of
from tsrep.runs.encoder_file import write_encoder_file
from tsrep.runs.ledger import FILE as LEDGER
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.packed_config import (
    ANNOUNCED,
    CARD,
    CONFIG,
    CONTRACT,
    HEAD,
    PROVENANCE,
    RECIPE,
    SCORES,
    WEIGHTS,
    PackedConfig,
)
from tsrep.runs.published import provenance_of, recipe_of, refuse_places
from tsrep.yaml_files import write_yaml

Publish = Literal["public-only", "always", "never"]


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


def _chosen_head(loaded: LoadedEncoder, name: str | None, records_features: bool) -> KeptHead | None:
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
    head: KeptHead | None,
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
    write_text(folder / RECIPE, write_yaml(recipe_of(loaded)))
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
