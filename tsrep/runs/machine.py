"""What the machine and the installation offer, and what is doubtful about them."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from importlib.metadata import PackageNotFoundError, requires, version
from pathlib import Path
from typing import Any

from tsrep.datasets.cache_contents import size_of
from tsrep.datasets.dataset import cache_folder, default_folder

LITTLE = 2e9  # free bytes below which a conversion may not fit


@dataclass(frozen=True)
class Fact:
    """Something that the machine or the installation offers.

    Attributes
    ----------
    what, value : str
    doubt : str
        What is wrong with it and what to do; empty where it is well.
    """

    what: str
    value: str
    doubt: str = ""


def examine() -> list[Fact]:
    """Versions, threads, card, bfloat16, cache and optional extras."""
    return [*_versions(), *_processor(), *_card(), *_places(), *_extras()]


def _versions() -> Iterator[Fact]:
    yield Fact("tsrep", f"{version('tsrep')} in {Path(__file__).parents[1]}")
    old = "" if sys.version_info >= (3, 11) else "tsrep needs Python 3.11 or newer; install one"
    yield Fact("python", f"{platform.python_version()} ({sys.executable})", old)
    for name in ("torch", "numpy", "scipy", "scikit-learn", "pandas", "wfdb", "mne", "sktime", "optuna"):
        yield _package(name)


def _package(name: str) -> Fact:
    try:
        return Fact(name, version(name))
    except PackageNotFoundError:
        return Fact(name, "missing", f"install it with: pip install {name}")


def _processor() -> Iterator[Fact]:
    import torch

    usable = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    threads = torch.get_num_threads()
    doubt = f"more threads than cores slow each other down; set OMP_NUM_THREADS={usable}"
    yield Fact("cores", f"{usable}", "")
    yield Fact("threads of torch", f"{threads}", doubt if threads > usable else "")


def _flags() -> list[str]:
    """What the processor can do, where the system tells it."""
    try:
        return Path("/proc/cpuinfo").read_text(encoding="utf-8").split()
    except OSError:
        return []


def _card() -> Iterator[Fact]:
    import torch

    if not torch.cuda.is_available():
        built = torch.version.cuda
        doubt = (
            "torch was built for CUDA but finds no card; check the driver with: nvidia-smi" if built else ""
        )
        yield Fact("card", "none, training is on the processor", doubt)
        native = any(flag in _flags() for flag in ("avx512_bf16", "amx_bf16"))
        yield Fact("bfloat16", "supported by the processor" if native else "in software, which is slow")
        return
    for number in range(torch.cuda.device_count()):
        facts = torch.cuda.get_device_properties(number)
        yield Fact(f"card cuda:{number}", f"{facts.name}, {facts.total_memory / 1e9:.0f} GB")
    able = torch.cuda.is_bf16_supported(including_emulation=False)
    yield Fact(
        "bfloat16", "supported by the card" if able else "not supported by the card; leave training.amp"
    )


def _places() -> Iterator[Fact]:
    for what, folder in (("cache", cache_folder(None)), ("data", default_folder("."))):
        existing = next((place for place in (folder, *folder.parents) if place.exists()), Path())
        free = shutil.disk_usage(existing).free
        writable = os.access(existing, os.W_OK)
        doubt = "" if writable else f"{existing} cannot be written; name another with TSREP_{what.upper()}"
        if writable and free < LITTLE:
            doubt = f"little space is free; name another place with TSREP_{what.upper()}"
        size = f"{size_of(folder) / 1e6:,.0f} MB" if folder.exists() else "not there yet"
        yield Fact(what, f"{folder}: {size}, {free / 1e9:,.0f} GB free", doubt)


def _extras() -> Iterator[Fact]:
    for extra, packages in extras().items():
        absent = [name for name in packages if _absent(name)]
        value = "installed" if not absent else f"not installed: pip install 'tsrep[{extra}]'"
        yield Fact(f"extra {extra}", value)


def extras() -> Mapping[str, list[str]]:
    """Packages of each optional extra, without those for developers."""
    found: dict[str, list[str]] = {}
    for line in requires("tsrep") or ():
        package, _, marker = line.partition(";")
        if "extra ==" in marker and (extra := marker.split('"')[1]) not in ("dev", "docs"):
            found.setdefault(extra, []).append(_distribution(package))
    return found


def _distribution(requirement: str) -> str:
    """Its name without version and extras."""
    end: Any = next((n for n, letter in enumerate(requirement) if letter in "[<>=!~ "), None)
    return requirement[:end].strip()


def _absent(name: str) -> bool:
    try:
        version(name)
    except PackageNotFoundError:
        return True
    return False
