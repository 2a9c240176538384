"""Where data sets and converted signals lie on this machine."""

from __future__ import annotations

import os
from collections.abc import Sequence
from pathlib import Path

from tsrep.errors import DataError


def dataset_folder(
    name: str, root: Path | str | None, needs: Sequence[str] = (), *, fetchable: bool = False
) -> Path:
    """Folder of a data set: ``root``, or the place where ``tsrep data fetch`` puts it.

    Parameters
    ----------
    name : str
    root : Path or None
        ``None`` looks in ``$TSREP_DATA/NAME``, then in the user's cache folder.
    needs : sequence of str
        Files and folders that must be there.
    fetchable : bool
        Whether the message may propose ``tsrep data fetch``.

    Raises
    ------
    DataError
        When the folder, or something that it must contain, is missing.
    """
    folder = default_folder(name) if root is None else Path(root).expanduser()
    ways = [f"`tsrep data fetch {name}`"] * fetchable + ["`--root DIR`"]
    remedy = " or ".join(ways)
    if not folder.is_dir():
        raise DataError(f"no folder {folder} to read {name} from; use {remedy}")
    missing = [item for item in needs if not (folder / item).exists()]
    if missing:
        raise DataError(f"{folder} does not look like {name}: {missing[0]} is missing; use {remedy}")
    return folder


def default_folder(name: str) -> Path:
    """Where a data set lies when no root is given."""
    if "TSREP_DATA" in os.environ:
        return Path(os.environ["TSREP_DATA"]).expanduser() / name
    return _platform_cache() / name


def cache_folder(cache: Path | str | None) -> Path:
    """Folder of converted signals: ``cache``, or ``$TSREP_CACHE``, or ``panels`` in the user's cache."""
    if cache is not None:
        return Path(cache).expanduser()
    if "TSREP_CACHE" in os.environ:
        return Path(os.environ["TSREP_CACHE"]).expanduser()
    return _platform_cache() / "panels"


def _platform_cache() -> Path:
    import pooch

    return Path(pooch.os_cache("tsrep"))
