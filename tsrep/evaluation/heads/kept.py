"""The folder ``head/`` of a run: the heads that are kept, and which of them is taken unless one is named."""

from __future__ import annotations

from pathlib import Path

from pydantic import ValidationError

from tsrep.errors import RunError
from tsrep.evaluation.heads.facts import Facts
from tsrep.evaluation.heads.head import Head
from tsrep.files import write_text

FOLDER, DEFAULT = "head", "default.json"


class Default(Facts):
    """Content of ``default.json``."""

    head: str


def load_heads(folder: Path) -> dict[str, Head]:
    """The heads of a folder by name, the one that is taken by default first; none where there is no folder.

    Parameters
    ----------
    folder : Path
        ``RUN/head``.

    Raises
    ------
    RunError
        When a file is missing or broken.
    """
    path = folder / DEFAULT
    if not path.is_file():
        return {}
    try:
        first = Default.model_validate_json(path.read_bytes()).head
    except ValidationError as error:
        raise RunError(f"{path} does not name a head; evaluate again") from error
    names = sorted(file.stem for file in folder.glob("*.json") if file.name != DEFAULT)
    return {name: Head.load(folder, name) for name in dict.fromkeys((first, *names))}


def write_default(folder: Path, name: str) -> None:
    """Say which head is taken unless one is named."""
    write_text(folder / DEFAULT, Default(head=name).model_dump_json() + "\n")
