"""What a folder that is not the one asked for may be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tsrep.errors import ConfigError
from tsrep.registry import DATASETS

NEAR = 64  # folders looked into


def hint(folder: Path, name: str, needed: Sequence[str]) -> str:
    """Where the files of a data set are instead, or which other data set a folder holds; else empty.

    Parameters
    ----------
    folder : Path
        Lacks some of what is needed.
    name : str
        Of the data set.
    needed : sequence of str
        Files that it must have.
    """
    near = [folder.parent, *sorted(path for path in folder.iterdir() if path.is_dir())[:NEAR]]
    for place in near:
        if all((place / item).exists() for item in needed):
            return f"they are in {place}: give --root {place}"
    for other in DATASETS.names():
        if other != name and _holds(folder, other):
            return f"it looks like {other}: use --dataset {other}"
    return ""


def _holds(folder: Path, name: str) -> bool:
    """Whether a folder has all that a published data set needs, by names that no other folder has."""
    with suppress(ConfigError, AttributeError):  # a plug-in that cannot be loaded
        about = DATASETS.entry(name).cls.about
        own = [item for item in about.needs if " " not in item and "*" not in item]
        telling = any("_" in item for item in own)
        return bool(about.url and telling and all((folder / item).exists() for item in own))
    return False
