"""What of a run's provenance and recipe is shared: nothing that tells of a machine or its user."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from tsrep.errors import RunError
from tsrep.runs.loaded_encoder import LoadedEncoder

SHARED = (
    *("versions", "task", "seed", "started", "seconds", "parameters", "split", "training", "chain"),
    "learned_from",
)
OF_DATA = (
    *("name", "source", "digest", "synthetic", "samples", "records", "patients", "channels", "covariates"),
    *("independence", "classes", "multilabel", "sfreq", "unit"),
)
OF_INIT = ("revision", "kind", "sha256_of_weights", "contract", "licence", "taken", "fresh")
PRIVATE = ("root", "device", "init")  # of a recipe
# an absolute path, or a home folder; not what follows a host in an address
PLACE = re.compile(r"(?<![\w:/.~-])(/[\w.-]+/[\w./-]+|~/[\w./-]+|[A-Za-z]:\\[\w.\\-]+)")


def provenance_of(loaded: LoadedEncoder) -> dict[str, Any]:
    """Versions, seed, data, ancestors and digests; no command, folder or machine."""
    own = loaded.provenance
    shared: dict[str, Any] = {name: own[name] for name in SHARED if name in own}
    if own.get("git"):
        shared["git"] = {"commit": own["git"].get("commit")}
    if isinstance(data := own.get("data"), Mapping):
        shared["data"] = {name: data[name] for name in OF_DATA if name in data}
    if isinstance(init := own.get("init"), Mapping):
        hub = {"reference": text} if str(text := init.get("reference", "")).startswith("hub:") else {}
        shared["init"] = hub | {name: init[name] for name in OF_INIT if name in init}
    return shared


def recipe_of(loaded: LoadedEncoder) -> dict[str, Any]:
    """The configuration of the run without places; where it started from is in its provenance."""
    found: dict[str, Any] = _without_places(without_private(loaded.recipe))
    return found


def without_private(recipe: Mapping[str, Any]) -> dict[str, Any]:
    """A recipe without places, and without references to other encoders, which might be code."""
    kept = {name: value for name, value in recipe.items() if name not in PRIVATE}
    if isinstance(kept.get("encoder"), Mapping):
        kept["encoder"] = {name: value for name, value in kept["encoder"].items() if name != "from"}
    return kept


def _without_places(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {key: _without_places(inner) for key, inner in value.items()}
    if isinstance(value, list | tuple):
        return [_without_places(inner) for inner in value]
    return Path(value).name if isinstance(value, str) and PLACE.match(value) else value


def refuse_places(folder: Path) -> None:
    """Check that no text of a package tells a place of the machine.

    Raises
    ------
    RunError
        Naming file and place; nothing was shared then.
    """
    home = os.path.expanduser("~")  # noqa: PTH111 - stays "~" where nobody knows it
    for file in sorted(folder.iterdir()):
        if file.suffix in (".json", ".yaml", ".md"):
            text = file.read_text(encoding="utf-8")
            found = PLACE.search(text)
            if found or (len(home) > 1 and re.search(re.escape(home) + r"\b", text)):
                place = found.group(0) if found else home
                raise RunError(
                    f"{file.name} holds a path ({place}); this is a fault of tsrep, please report it"
                )
