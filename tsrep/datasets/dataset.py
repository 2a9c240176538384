"""What a user should know about a data set before loading it."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class About:
    """Facts about a data set.

    Attributes
    ----------
    title, licence, citation, url : str
    size_mb : float
        To download, in megabytes; 0 when there is nothing to download.
    records, patients : int
        In the full data set; 0 when they depend on the user's folder or settings, and for a series.
    channels, steps : int
        Of a series; 0 when they depend on the user's file.
    default_split : str
        Name of a rule in ``tsrep.registry.SPLITS``.
    synthetic : bool
    needs : tuple of str
        What the folder must contain.
    notes : str
    base_url : str
        Folder that :func:`tsrep.datasets.fetch` downloads from; empty when there is no download.
    checksums : str
        Name of the file below ``base_url`` that lists the SHA-256 of every file.
    files : tuple of (str, str)
        Name and SHA-256 of every file, where the server has no such list.
    optional : tuple of str
        Starts of file names that are downloaded only on request; with them it is ``full_size_mb``.
    """

    title: str
    licence: str
    citation: str
    url: str
    size_mb: float = 0
    records: int = 0
    patients: int = 0
    channels: int = 0
    steps: int = 0
    default_split: str = "stratified"
    synthetic: bool = False
    needs: tuple[str, ...] = ()
    notes: str = ""
    base_url: str = ""
    checksums: str = "SHA256SUMS.txt"
    files: tuple[tuple[str, str], ...] = ()
    optional: tuple[str, ...] = ()
    full_size_mb: float = 0
