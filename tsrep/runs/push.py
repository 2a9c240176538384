"""Sharing an encoder: what is checked before it leaves, and where it goes."""

from __future__ import annotations

import shutil
from collections.abc import Mapping
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tsrep.errors import RunError
from tsrep.evaluation.scores import Scores
from tsrep.registry import DATASETS
from tsrep.runs.ancestry import links_of
from tsrep.runs.hub import fetch, push_folder
from tsrep.runs.hub_folder import commit_of
from tsrep.runs.hub_name import PREFIX, HubName
from tsrep.runs.licences import ASKED, Licence, licence_of, stated, strictest
from tsrep.runs.loaded_encoder import LoadedEncoder
from tsrep.runs.naming import whole_of
from tsrep.runs.open_packed import open_packed
from tsrep.runs.packed import Publish, save_pretrained
from tsrep.runs.packed_config import CARD, FILES
from tsrep.runs.references.reference import Reference, resolve


def push(
    encoder: Path | str,
    to: Path | str,
    *,
    licence: str | None = None,
    revision: str = "",
    ledger: Publish = "public-only",
    head: str | None = None,
    records_features: bool = False,
    synthetic: bool = False,
    permission: str = "",
    private: bool = False,
    pull_request: bool = False,
    card_only: bool = False,
    api: Any = None,
) -> str:
    """Pack an encoder and bring it to a hub, or into a folder.

    Parameters
    ----------
    encoder : path or text
        A reference to an encoder of a registered architecture, such as a run folder.
    to : path or text
        ``hub:owner/name``, or a folder; in a folder that is a hub ``owner/name`` are its last two parts.
    licence : str, optional
        SPDX identifier of what others may do with the weights.
    revision : str
        Branch on the hub; in a folder the name of a revision beside the main one.
    ledger, head, records_features, permission
        See :func:`tsrep.runs.packed.save_pretrained`.
    synthetic : bool
        Share what was trained on simulated signals, which the card says first.
    private, pull_request, api
        See :func:`tsrep.runs.hub.push_folder`.
    card_only : bool
        Write nothing but the card, into the folder, to be read first.

    Returns
    -------
    str
        How others name it, or where it is.

    Raises
    ------
    RunError
        When training has not ended, licence or permission are missing, or it cannot be written there.
    """
    reference = resolve(encoder)
    loaded = reference.open()
    _refuse_simulated(loaded, synthetic)
    name = _licence(loaded, licence, permission)
    settings: dict[str, Any] = {
        "ledger": ledger, "head": head, "licence": name.name, "scores": _scores(reference),
        "records_features": records_features, "permission": permission,
    }  # fmt: skip
    if str(to).startswith(PREFIX) and not card_only:
        target = HubName.of(f"{to}@{revision}" if revision else str(to))
        with TemporaryDirectory() as place:
            packed = save_pretrained(loaded, Path(place) / "packed", **settings)
            return push_folder(packed, target, private=private, pull_request=pull_request, api=api)
    folder = Path(to) / f"@{revision}" if revision else Path(to)
    if card_only:
        return str(_card_alone(loaded, folder, settings))
    packed = save_pretrained(loaded, folder, **settings)
    return f"{packed} ({commit_of(packed)[:7]})"


def pull(
    name: str, *, out: Path | str | None = None, accepted: str = "", offline: bool = False
) -> tuple[Path, LoadedEncoder]:
    """Fetch a packed encoder from a hub, check it, and copy it where wanted.

    Parameters
    ----------
    name : str
        ``hub:owner/name[@revision]``.
    out : Path, optional
        New folder for a copy; without it the one in the cache is given.
    accepted : str
        Identifier of the licence that the user accepts.
    offline : bool
        Ask nothing of the network.

    Returns
    -------
    Path
        The folder.
    LoadedEncoder

    Raises
    ------
    RunError
        See :func:`tsrep.runs.hub.fetch`.
    """
    target = None if out is None else Path(out)
    if target is not None and target.exists() and (not target.is_dir() or any(target.iterdir())):
        raise RunError(f"{target} is not empty; give another --out")
    snapshot = fetch(HubName.of(name), accepted=accepted, offline_only=offline)
    loaded = open_packed(snapshot.folder, name)
    if target is None:
        return snapshot.folder, loaded
    target.mkdir(parents=True, exist_ok=True)
    for file in FILES:
        if (snapshot.folder / file).is_file():
            shutil.copyfile(snapshot.folder / file, target / file)
    return target, loaded


def _card_alone(loaded: LoadedEncoder, folder: Path, settings: Mapping[str, Any]) -> Path:
    if (folder / CARD).exists():
        raise RunError(f"{folder / CARD} exists; give another folder")
    with TemporaryDirectory() as place:
        packed = save_pretrained(loaded, Path(place) / "packed", **settings)
        folder.mkdir(parents=True, exist_ok=True)
        return Path(shutil.copyfile(packed / CARD, folder / CARD))


def _scores(reference: Reference) -> Scores | None:
    """Scores in the folder that a reference names, where there are any."""
    try:
        folder = whole_of(reference.run.path)
    except RunError:  # no run
        folder = Path(reference.text)
    return Scores.load(folder) if (folder / "scores.json").is_file() else None


def _refuse_simulated(loaded: LoadedEncoder, synthetic: bool) -> None:
    if loaded.provenance.get("data", {}).get("synthetic") and not synthetic:
        raise RunError(
            f"{loaded.reference} was trained on simulated signals; share it with --synthetic, and its card "
            "says so first"
        )


def _licence(loaded: LoadedEncoder, given: str | None, permission: str) -> Licence:
    """The licence of the weights, after a check against what they derive from."""
    if not (given or loaded.licence):
        raise RunError(
            f"{loaded.reference} has no licence, without which nobody may use it; give one, such as "
            "--licence cc-by-4.0"
        )
    chosen = stated(given or loaded.licence)
    above = _above(loaded)
    _refuse_forbidden(loaded, above, permission)
    if above.rank > chosen.rank and not permission:
        raise RunError(
            f"{loaded.reference} was started from weights under {above}, so that it cannot be under "
            f"{chosen.title}; give --licence {above.name}, or --i-have-permission TEXT"
        )
    return chosen


def _above(loaded: LoadedEncoder) -> Licence:
    """The strictest licence of the weights that these were started from."""
    chain = links_of(loaded.provenance)
    # a run of the user's own has a ledger and states no licence before it is shared
    foreign = [link for link in chain if link.get("licence") or not link.get("ledger")]
    return strictest(str(link.get("licence") or "") for link in foreign) if foreign else licence_of("mit")


def _refuse_forbidden(loaded: LoadedEncoder, above: Licence, permission: str) -> None:
    """Check that derived weights need no permission, by the terms of the chain and of the data."""
    if permission:
        return
    if above.kind in ASKED:
        raise RunError(
            f"{loaded.reference} was started from weights under {above}; say who permits to share what was "
            "derived from them with --i-have-permission TEXT"
        )
    name = loaded.recipe.get("dataset", {}).get("name")
    terms = DATASETS.entry(name).cls.about.licence if name in DATASETS.names() else ""
    if terms and licence_of(terms).kind in ("by agreement", "no-derivatives"):
        raise RunError(
            f"the terms of {name} say {licence_of(terms)}; say who permits to share weights that were "
            "trained on it with --i-have-permission TEXT"
        )
