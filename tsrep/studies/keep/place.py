"""The folder of a study on this machine."""

from __future__ import annotations

import socket
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Self

from tsrep.errors import RunError
from tsrep.files import expanded, write_json, write_text
from tsrep.reading import read_json, readable
from tsrep.studies.keep.storage import stored

NOTE = "place.json"


class Place:
    """A study's folder: definition, address of the storage, locks of workers, a folder for each trial.

    Parameters
    ----------
    folder : Path

    Raises
    ------
    RunError
        When no study was begun there.
    """

    def __init__(self, folder: Path | str) -> None:
        self.folder = Path(folder).resolve()
        if not self.definition.is_file():
            raise RunError(
                f"{folder} is not the folder of a study (it has no study.yaml); give one, or begin the study "
                "with: tsrep study run"
            )

    @classmethod
    def create(cls, folder: Path | str, text: str, storage: str | None, data: Path | None = None) -> Self:
        """Begin a study here.

        Parameters
        ----------
        folder : Path
        text : str
            The definition, as given.
        storage : str or None
            Its address; a password in it is not written down.
        data : Path, optional
            Where the data are on this machine, instead of what the definition says.

        Raises
        ------
        RunError
            When the folder is taken, or cannot be written.
        """
        folder = Path(folder).resolve()
        cls.refuse_taken(folder)
        facts = {
            "storage": stored(storage),
            "data": None if data is None else str(expanded(data).resolve()),
            "host": socket.gethostname(),
            "created": datetime.now(UTC).isoformat(timespec="seconds"),
        }
        write_json(folder / NOTE, facts)
        write_text(folder / "study.yaml", text)
        return cls(folder)

    @staticmethod
    def refuse_taken(folder: Path) -> None:
        """Refuse a folder that has something in it.

        Raises
        ------
        RunError
        """
        if folder.is_file() or (folder.is_dir() and any(folder.iterdir())):
            raise RunError(f"{folder} is taken; give the study another name, or remove the folder")

    @property
    def definition(self) -> Path:
        """The study's YAML file, as given."""
        return self.folder / "study.yaml"

    @property
    def storage(self) -> str:
        """Address of the storage, without a password.

        Raises
        ------
        RunError
            When the note of it is missing or broken.
        """
        return str(self._facts["storage"])

    @property
    def data(self) -> Path | None:
        """Where the data are, if not where the definition says."""
        found = self._facts.get("data")
        return None if found is None else Path(found)

    def move_data(self, data: Path) -> None:
        """Note that the data are elsewhere now."""
        write_json(self.folder / NOTE, self._facts | {"data": str(expanded(data).resolve())})

    @property
    def _facts(self) -> dict[str, Any]:
        with readable(self.folder / NOTE, "the note of a study", "restore it"):
            facts = read_json(self.folder / NOTE)
            facts["storage"]
            return facts

    @property
    def workers(self) -> Path:
        """Where each worker on this machine holds a lock while it lives."""
        return self.folder / "workers"

    def trial(self, ticket: int) -> Path:
        """Folder of a ticket, the same for all attempts at it."""
        return self.folder / "trials" / f"{ticket:04d}"
