"""Where a run comes from: versions, code, data, machine."""

from __future__ import annotations

import platform
import subprocess
import sys
from datetime import UTC, datetime
from functools import partial
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tsrep.registry import DATASETS
from tsrep.runs.labels_used import learned_from
from tsrep.runs.prepared import Prepared
from tsrep.runs.task import Task
from tsrep.text import command_line

PACKAGES = ("tsrep", "torch", "numpy", "scipy", "scikit-learn", "pandas", "wfdb")


def provenance(task: Task, prepared: Prepared, device: torch.device, parameters: int) -> dict[str, Any]:
    """Facts for ``provenance.json``; the training time is added when it is known."""
    dataset = task.config.dataset
    named = {"name": dataset.name, "independence": DATASETS.build(dataset).independence}
    return surroundings(device) | {
        "task": task.name,
        "data": named | prepared.facts,
        "learned_from": learned_from(task.config, prepared.digest),
        "seed": task.config.seed,
        "parameters": parameters,
    }


def surroundings(device: torch.device) -> dict[str, Any]:
    """Versions, code, machine and command."""
    machine = torch.cuda.get_device_name(device) if device.type == "cuda" else platform.machine()
    return {
        "versions": {"python": platform.python_version()} | {name: version(name) for name in PACKAGES},
        "git": _git_state(),
        "device": f"{device} ({machine})",
        "threads": torch.get_num_threads(),
        "started": datetime.now(UTC).isoformat(timespec="seconds"),
        "command": command_line(sys.argv[1:]) if _is_command(Path(sys.argv[0])) else "Python",
    }


def _is_command(program: Path) -> bool:
    """Whether it is this package's own, by its name or as ``python -m tsrep``."""
    return program.name == "tsrep" or program.parts[-2:] == ("tsrep", "__main__.py")


def _git_state() -> dict[str, Any] | None:
    """Commit and cleanliness of the checkout that tsrep runs from, if it is one."""
    folder = Path(__file__).parents[2]
    if not (folder / ".git").exists():
        return None
    told = partial(subprocess.check_output, cwd=folder, stderr=subprocess.DEVNULL, text=True, timeout=10)
    try:
        commit, status = told(["git", "rev-parse", "HEAD"]), told(["git", "status", "--porcelain"])
    except (OSError, subprocess.SubprocessError):
        return None
    return {"commit": commit.strip(), "dirty": bool(status.strip())}
