"""Which files a server has for a data set, with the checksum of each."""

from __future__ import annotations

import json
import urllib.request
from pathlib import Path, PurePosixPath
from typing import Any

from tsrep.datasets.dataset import About
from tsrep.errors import DataError

TIMEOUT = 60
Checksums = dict[str, str]  # name of a file to "sha256:..." or "md5:..."


def checksums_of(about: About, base: str, folder: Path, *, mirrored: bool) -> Checksums:
    """Files of a data set and their checksums; the server's list is kept in the folder.

    Parameters
    ----------
    about : About
    base : str
        Where the files are, with a slash behind.
    folder : Path
    mirrored : bool
        Whether ``base`` is a mirror, on which the list lies beside the files.

    Raises
    ------
    DataError
        When the list cannot be fetched, or is none.
    """
    if about.files:
        return {name: f"sha256:{digest}" for name, digest in about.files}
    elsewhere = "://" in about.checksums and not mirrored
    name = about.checksums.rsplit("/", 1)[-1]
    address = about.checksums if elsewhere else base + name
    text = _read(address)
    found = _of_record(text) if text.lstrip().startswith("{") else _of_list(text)
    outside = [file for file in found if _leaves(file)]
    if not found or outside:
        raise DataError(f"{address} is not a list of SHA-256 sums of files; check the address")
    try:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / name).write_text(text, encoding="utf-8")
    except OSError as error:
        raise DataError(f"{folder} cannot be written ({error.strerror}); choose another folder") from error
    return found


def _read(address: str) -> str:
    try:
        with urllib.request.urlopen(address, timeout=TIMEOUT) as answer:
            text: str = answer.read().decode("utf-8")
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(
            f"{address} cannot be fetched ({error}); check the connection, or name a mirror by --base-url"
        ) from error
    return text


def _of_list(text: str) -> Checksums:
    """As ``sha256sum`` writes it."""
    pairs = [line.split(maxsplit=1) for line in text.splitlines() if line.strip()]
    return {pair[1].strip().lstrip("*"): f"sha256:{pair[0]}" for pair in pairs if len(pair) == 2}


def _of_record(text: str) -> Checksums:
    """As the interface of Zenodo describes a record."""
    try:
        files: list[Any] = json.loads(text)["files"]
        return {str(file["key"]): str(file["checksum"]) for file in files}
    except (ValueError, KeyError, TypeError):
        return {}


def _leaves(file: str) -> bool:
    path = PurePosixPath(file)
    return path.is_absolute() or ".." in path.parts
