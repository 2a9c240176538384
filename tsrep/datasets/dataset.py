"""What a data set promises: facts about it, the split that suits it, and how it is read."""

from __future__ import annotations

import os
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, ClassVar, Literal, TypedDict

from tsrep.errors import DataError
from tsrep.files import expanded
from tsrep.signals.panel import Panel
from tsrep.signals.series import Series


class Unreadable(Exception):
    """A recording cannot be used; the text is the reason."""


Independence = Literal["patient", "subject", "recording", "unknown"]
Access = Literal["open", "account", "agreement"]
PATIENTS_UNKNOWN = (
    "Patients are not known: one recording is taken for one person, so intervals may be too narrow."
)


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
    independence : str
        Whose samples are independent of each other: those of different ``"patient"`` (of a clinic),
        ``"subject"`` (patients and volunteers alike) or ``"recording"`` (patients are not published, and one
        recording is taken for one person); ``"unknown"`` where none of these applies, as for one long series.
    synthetic : bool
    needs : tuple of str
        What the folder must contain.
    layout : tuple of str
        Further files as they lie in the folder, examples of each kind.
    notes : str
    kin : tuple of str
        What it has in common with sets of other recordings and, as far as is known, other patients: the
        institution, or who annotated by which rules.
    access : {"open", "account", "agreement"}
        What its publishers ask for.
    base_url : str
        Folder that :func:`tsrep.datasets.fetch` downloads from; empty when there is no download.
    checksums : str
        Name of the file below ``base_url`` that lists the SHA-256 of every file, or address of a record of
        Zenodo.
    files : tuple of (str, str)
        Name and SHA-256 of every file, where the server has no such list.
    optional : tuple of str
        Starts of file names that are downloaded only on request; with them it is ``full_size_mb``.
    """

    title: str
    licence: str
    citation: str = ""
    url: str = ""
    size_mb: float = 0
    records: int = 0
    patients: int = 0
    channels: int = 0
    steps: int = 0
    default_split: str = "stratified"
    independence: Independence = "unknown"
    synthetic: bool = False
    needs: tuple[str, ...] = ()
    layout: tuple[str, ...] = ()
    notes: str = ""
    kin: tuple[str, ...] = ()
    access: Access = "open"
    base_url: str = ""
    checksums: str = "SHA256SUMS.txt"
    files: tuple[tuple[str, str], ...] = ()
    optional: tuple[str, ...] = ()
    full_size_mb: float = 0


class ReadOptions(TypedDict):
    """Options of :meth:`Dataset.read`, to be passed on as they come."""

    cache: Path
    strict: bool
    progress: bool


class Dataset(ABC):
    """Recordings or a series on disk; a new data set overrides :meth:`read`.

    Settings are the arguments of the constructor; the class joins with ``@DATASETS.register("name")``.

    Attributes
    ----------
    name : str
        Set when the class is registered.
    about : About
        Written in the class as ``about = About(title="...", ...)`` with literal arguments, so that data sets
        can be listed without importing them.
    task : str
        ``"panel"`` when :meth:`read` gives a Panel, ``"series"`` when it gives a Series.
    defaults : mapping
        Configuration of a run on these data where the user sets nothing, by section.
    files : sequence of str or None
        Files and folders that must be in the folder; None stands for ``about.needs``.
    """

    name: ClassVar[str] = "a data set without a name"
    about: ClassVar[About]
    task: ClassVar[str] = "panel"
    defaults: ClassVar[Mapping[str, Any]] = {}
    files: Sequence[str] | None = None

    @abstractmethod
    def read(self, folder: Path, *, cache: Path, strict: bool, progress: bool) -> Panel | Series:
        """The data.

        Parameters
        ----------
        folder : Path
            Has what :attr:`files` names.
        cache : Path
            Folder for converted signals.
        strict : bool
            Refuse records that cannot be read instead of listing them in ``Panel.skipped``.
        progress : bool
            Show progress on stderr while decoding.

        Raises
        ------
        DataError
            When something is missing or broken.
        """

    def load(
        self,
        root: Path | str | None,
        *,
        cache: Path | str | None = None,
        strict: bool = False,
        progress: bool = True,
    ) -> Panel | Series:
        """Find the folder and read it.

        Parameters
        ----------
        root : Path or None
            ``None`` looks in ``$TSREP_DATA/NAME``, then in the user's cache folder, where
            ``tsrep data fetch`` puts the data.
        cache : Path or None
            ``None`` is ``$TSREP_CACHE`` or the user's cache folder.
        strict, progress : bool
            See :meth:`read`.

        Raises
        ------
        DataError
            When something is missing or broken.
        """
        folder = cache_folder(cache)
        data = self.read(self.find(root), cache=folder, strict=strict, progress=progress)
        # what a plug-in gives in place of a panel or series is refused in words by the run
        return data.kept_in(folder) if hasattr(data, "kept_in") else data

    def find(self, root: Path | str | None) -> Path:
        """The folder to read.

        Raises
        ------
        DataError
            When it, or one of :attr:`files`, is missing.
        """
        name = self.name
        folder = default_folder(name) if root is None else expanded(root)
        remedy = f"`tsrep data fetch {name}` or `--root DIR`" if self.about.base_url else "`--root DIR`"
        if not folder.is_dir():
            raise DataError(f"no folder {folder} to read {name} from; use {remedy}")
        needed = self.about.needs if self.files is None else self.files
        missing = [item for item in needed if not (folder / item).exists()]
        if missing:
            from tsrep.datasets.misplaced import hint

            found = (
                hint(folder, name, needed, getattr(self, "table", None))
                or f"add it (docs/reference/datasets.md says what it holds), or use {remedy}"
            )
            raise DataError(f"{folder} does not look like {name}: {missing[0]} is missing; {found}")
        return folder

    @property
    def independence(self) -> Independence:
        """Whose samples are independent with these settings; see :class:`About`."""
        return self.about.independence

    @property
    def holds(self) -> tuple[str, ...]:
        """Published sets that its recordings are of; two data sets that hold one set share recordings."""
        return (self.name,) if self.about.url else ()

    @property
    def kin(self) -> tuple[str, ...]:
        """What its recordings have in common with those of other sets; see :class:`About`."""
        return self.about.kin

    @property
    def default_split(self) -> str:
        """Name of the split rule to use when none is set."""
        return self.about.default_split


def default_folder(name: str) -> Path:
    """Where a data set lies when no root is given."""
    root = os.environ.get("TSREP_DATA")  # empty is as good as not set, and not the working directory
    return (expanded(root) if root else _platform_cache()) / name


def cache_folder(cache: Path | str | None) -> Path:
    """Folder of converted signals: ``cache``, or ``$TSREP_CACHE``, or ``panels`` in the user's cache."""
    chosen = (os.environ.get("TSREP_CACHE") or None) if cache is None else cache
    return _platform_cache() / "panels" if chosen is None else expanded(chosen)


def _platform_cache() -> Path:
    import pooch

    expanded("~")  # what is asked next would say it in a traceback
    return Path(pooch.os_cache("tsrep"))
