"""The folder ``head/`` of a run: the heads that are kept, and which of them is taken unless one is named."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from tsrep.errors import RunError
from tsrep.evaluation.heads.facts import Facts
from tsrep.evaluation.heads.kept_head import KeptHead
from tsrep.evaluation.heads.settings import Keep
from tsrep.files import write_text

FOLDER, DEFAULT = "head", "default.json"


class Default(Facts):
    """Content of ``default.json``."""

    head: str


def keep_heads(heads: Mapping[str, KeptHead], folder: Path, keep: Keep = "best") -> None:
    """Write heads into a folder, beside those that are there of the same encoder, data and split.

    Parameters
    ----------
    heads : mapping of str to Head
        By name, in order of preference where several do equally well or nothing tells.
    folder : Path
        ``RUN/head``; the heads of other weights or data in it are removed.
    keep : {"best", "all", "none"}
        The one that does best on the validation part, of those for classes and of those for each number; all;
        or none, which leaves the folder alone. The best for classes, or else for the first number, is named
        in ``default.json``.

    Raises
    ------
    RunError
        When the folder cannot be written.
    """
    if keep == "none" or not heads:
        return
    before = _as_far_as_readable(folder)
    of = {_origin(head) for head in heads.values()}
    together = {name: head for name, head in before.items() if _origin(head) in of} | dict(heads)
    best: dict[str, str] = {}  # by question; that of the classes, an empty text, comes first
    for name, head in sorted(together.items(), key=lambda item: item[1].question != ""):
        first = best.setdefault(head.question, name)
        if head.quality > together[first].quality:
            best[head.question] = name
    kept = set(best.values()) if keep == "best" else together.keys()
    for name in heads.keys() & kept:
        heads[name].save(folder, name)
    write_text(folder / DEFAULT, Default(head=next(iter(best.values()))).model_dump_json() + "\n")
    for path in folder.glob("*.*"):
        if path.suffix in (".json", ".safetensors") and path.name != DEFAULT and path.stem not in kept:
            path.unlink()


def load_heads(folder: Path) -> dict[str, KeptHead]:
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
    return {name: KeptHead.load(folder, name) for name in dict.fromkeys((first, *_names(folder)))}


def _names(folder: Path) -> list[str]:
    return sorted(file.stem for file in folder.glob("*.json") if file.name != DEFAULT)


def _as_far_as_readable(folder: Path) -> dict[str, KeptHead]:
    found = {}
    for name in _names(folder):
        try:
            found[name] = KeptHead.load(folder, name)
        except RunError:  # broken, or of another version: it is about to be replaced
            continue
    return found


def _origin(head: KeptHead) -> tuple[str, ...]:
    of = head.fitted_on
    return of.weights, of.contract, of.data, of.split
