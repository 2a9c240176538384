"""A packed encoder: one folder with weights and all that travels with them, as it lies on a hub."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Literal

if TYPE_CHECKING:
    from tsrep.runs.loaded_encoder import LoadedEncoder

CONFIG = "config.json"
WEIGHTS = "model.safetensors"
CARD = "README.md"
Publish = Literal["public-only", "always", "never"]


def save_pretrained(
    loaded: LoadedEncoder,
    folder: Path | str,
    *,
    ledger: Publish = "public-only",
    head: str | None = None,
    licence: str | None = None,
    scores: Path | None = None,
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
        Name of the kept head that goes along; by default the one that is used when none is named.
    licence : str, optional
        SPDX identifier, where it is another one than the encoder says.
    scores : Path, optional
        Folder with the ``scores.json`` to pack and to show on the card.

    Returns
    -------
    Path
        The folder.

    Raises
    ------
    RunError
        When the folder is taken, or the encoder is not of a registered architecture.
    """
    raise NotImplementedError


def from_pretrained(place: Path | str, *, reference: str = "") -> LoadedEncoder:
    """Read a packed encoder; nothing in it is executed.

    Parameters
    ----------
    place : Path or str
        The folder, or ``hub:owner/name@revision``.
    reference : str, optional
        The text that named it, for messages.

    Raises
    ------
    RunError
        When a file is missing, broken, or not what ``config.json`` announces.
    """
    raise NotImplementedError
