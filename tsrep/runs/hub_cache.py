"""What of a hub is in the cache of huggingface_hub, looked up without that package and without network."""

from __future__ import annotations

import os
from pathlib import Path

from tsrep.errors import RunError
from tsrep.files import expanded
from tsrep.runs.hub_name import HubName
from tsrep.runs.packed_config import CONFIG


def offline() -> bool:
    """Whether nothing may be asked of the network."""
    return os.environ.get("HF_HUB_OFFLINE", "").strip().upper() in ("1", "TRUE", "YES", "ON")


def cache() -> Path:
    """The folder of the cache."""
    home = os.environ.get("HF_HOME")
    if not home:
        home = str(Path(os.environ.get("XDG_CACHE_HOME") or expanded("~") / ".cache") / "huggingface")
    return expanded(os.environ.get("HF_HUB_CACHE") or Path(home) / "hub")


def cached(name: HubName, *, needed: bool = True) -> tuple[Path, str] | None:
    """Folder and commit of a revision in the cache.

    Parameters
    ----------
    name : HubName
    needed : bool
        Refuse what is not there, instead of giving None.

    Raises
    ------
    RunError
        Saying what of the repository is there.
    """
    place = cache() / f"models--{name.repository.replace('/', '--')}"
    commits = sorted(folder.parent.name for folder in place.glob(f"snapshots/*/{CONFIG}"))
    ref = place / "refs" / (name.revision or "main")
    wanted = ref.read_text(encoding="utf-8").strip() if ref.is_file() else name.revision
    found = [one for one in commits if wanted and one.startswith(wanted)]
    if len(found) == 1 and (ref.is_file() or name.is_commit):
        return place / "snapshots" / found[0], found[0]
    if not needed:
        return None
    if not commits:
        raise RunError(
            f"{name.unpinned} is not in the local cache and HF_HUB_OFFLINE is set; download it once online"
        )
    there = ", ".join(one[:7] for one in commits)
    raise RunError(
        f"{name.unpinned} is in the cache at {there} only, not at {name.revision or 'main'}; give "
        f"{name.unpinned}@{commits[0][:7]}, or download the other once online"
    )
