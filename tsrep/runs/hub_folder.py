"""A folder as a hub: ``TSREP_HUB/owner/name``, and ``.../@REVISION`` below it, for places without network."""

from __future__ import annotations

import os
from pathlib import Path

from tsrep.digests import sha256_of
from tsrep.errors import RunError
from tsrep.files import expanded
from tsrep.runs.hub_name import HubName
from tsrep.runs.packed_config import CONFIG

VARIABLE = "TSREP_HUB"


def in_folder(name: HubName) -> tuple[Path, str] | None:
    """Folder and commit of a repository; None where no folder is the hub, or it does not hold it.

    The commit of a folder is what its ``config.json``, which announces all other files, is hashed to.

    Raises
    ------
    RunError
        When the repository is there without the revision.
    """
    place = place_of(name)
    if place is None or not place.is_dir():
        return None
    if (place / CONFIG).is_file() and name.revision in ("", "main"):
        return place, commit_of(place)
    revisions = {folder.name.removeprefix("@"): folder for folder in sorted(place.glob("@*"))}
    if (folder := revisions.get(name.revision)) is not None:
        return folder, commit_of(folder)
    every = [place, *revisions.values()] if (place / CONFIG).is_file() else list(revisions.values())
    commits = {commit_of(folder): folder for folder in every}
    if name.is_commit:
        for commit, folder in commits.items():
            if commit.startswith(name.revision):
                return folder, commit
    known = [*(["main"] if (place / CONFIG).is_file() else []), *revisions]
    there = f"it has {', '.join(known)}" if known else f"{place} holds none"
    raise RunError(f"{name.unpinned} has no revision {name.revision or 'main'}; {there}")


def place_of(name: HubName) -> Path | None:
    """Where a repository lies, or would lie, in the folder that is the hub; None where no folder is."""
    root = os.environ.get(VARIABLE)
    return expanded(root) / name.repository if root else None


def commit_of(folder: Path) -> str:
    """40 hexadecimal digits that change with the content of a packed folder."""
    return sha256_of(folder / CONFIG)[:40]
