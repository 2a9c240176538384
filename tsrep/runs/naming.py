"""What the files in the folder of a run are called, and where the encoders of several seeds lie."""

from __future__ import annotations

import re
from pathlib import Path

SEEDS = "seeds"
ENCODER_FILE, WEIGHTS, CONTRACT = "encoder.safetensors", "weights.safetensors", "contract.json"
PROVENANCE, SPLIT = "provenance.json", "split.json"


def folder_of(run: Path, seed: int) -> Path:
    """Folder of the run of one of several seeds, counted from 0."""
    return run / SEEDS / str(seed)


def whole_of(folder: Path) -> Path:
    """The run that a folder belongs to as one of several seeds; else the folder itself."""
    whole = folder.resolve().parent.parent
    several = folder.resolve().parent.name == SEEDS and (whole / "config.yaml").is_file()
    return folder.parent.parent if several else folder


def run_name(folder: Path) -> str:
    """``run`` or ``run@2``."""
    whole = whole_of(folder).resolve().name
    return whole if whole_of(folder) == folder else f"{whole}@{folder.resolve().name}"


def short_name(reference: str) -> str:
    """What files are called after a reference: ``run@2``, or of a hub ``owner-name``."""
    path = Path(reference)
    if path.is_dir():
        return run_name(path)
    named = path.parent.is_dir() and re.fullmatch(r".+(@\d+|\.\w+)", path.name)  # a seed or a file
    return re.sub(r"[^\w.@-]+", "-", path.name if named else reference).strip("-")
