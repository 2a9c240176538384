"""What a shell offers after a tab: names of registered parts, runs and settings."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from tsrep.registry import (
    DATASETS,
    ENCODERS,
    LOSSES,
    OBJECTIVES,
    PROTOCOLS,
    REGISTRIES,
    SAMPLERS,
    SPLITS,
    Registry,
)

PARTS: Mapping[str, Registry] = {
    "dataset": DATASETS,
    "split": SPLITS,
    "encoder": ENCODERS,
    "objective": OBJECTIVES,
    "objective.loss": LOSSES,
    "sampler": SAMPLERS,
    "evaluation.protocols": PROTOCOLS,
}


def names_of(registry: Registry) -> Callable[[str], list[str]]:
    """Names of a registry that begin so."""
    return lambda incomplete: [name for name in registry.names() if name.startswith(incomplete)]


def kinds(incomplete: str) -> list[str]:
    """Kinds of registered parts that begin so."""
    return [kind for kind in REGISTRIES if kind.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Runs in a folder, ``runs`` where none is named, and folders below which there may be others."""
    folder = Path(incomplete).parent if "/" in incomplete else Path("runs")
    found = sorted(str(path) for path in _folders(folder))
    return [name for name in found if name.startswith(incomplete) or Path(name).name.startswith(incomplete)]


def _folders(folder: Path) -> Iterator[Path]:
    try:
        yield from (path for path in folder.iterdir() if path.is_dir() and path.name[:1] != ".")
    except OSError:  # there is none
        return


def assignments(incomplete: str) -> list[str]:
    """Beginnings of ``--set`` for what is chosen by name, and the choices where one has begun."""
    path, equals, value = incomplete.partition("=")
    if not equals:
        return [f"{part}=" for part in PARTS if part.startswith(incomplete)]
    return [f"{path}={name}" for name in names_of(PARTS[path])(value)] if path in PARTS else []
