"""What a folder that is not the one asked for may be."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path

from tsrep.errors import ConfigError
from tsrep.registry import DATASETS

NEAR = 64  # folders looked into
TABLES = (".csv", ".tsv", ".parquet")


def hint(folder: Path, name: str, needed: Sequence[str], table: str | None = None) -> str:
    """Where the files of a data set are instead, or which other data set a folder holds; else empty.

    Parameters
    ----------
    folder : Path
        Lacks some of what is needed.
    name : str
        Of the data set.
    needed : sequence of str
        Files that it must have.
    table : str or None
        That one of them whose name is a setting.
    """
    near = [folder.parent, *sorted(path for path in folder.iterdir() if path.is_dir())[:NEAR]]
    for place in near:
        if all((place / item).exists() for item in needed):
            return f"they are in {place}: give --root {place}"
    tables = sorted(path.name for path in folder.iterdir() if path.suffix in TABLES)
    if table is not None and table in needed and not (folder / table).exists() and tables:
        return f"if {tables[0]} is the table, say so with --set dataset.table={tables[0]}"
    for other in DATASETS.names():
        if other != name and _holds(folder, other):
            return f"it looks like {other}: use --dataset {other}"
    return ""


def _holds(folder: Path, name: str) -> bool:
    """Whether a folder has all that a published data set needs, by names that no other folder has."""
    with suppress(ValueError):  # not literal, so that the module must be imported
        told = DATASETS.describe(name).keywords("about", ("url", "needs"))
        if not (told.get("url") and told.get("needs")):
            return False
    with suppress(ConfigError, AttributeError):  # a plug-in that cannot be loaded
        about = DATASETS.entry(name).cls.about
        own = [item for item in about.needs if " " not in item and "*" not in item]
        telling = any("_" in item for item in own)
        return bool(about.url and telling and all((folder / item).exists() for item in own))
    return False
