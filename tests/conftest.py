"""Fixtures shared by all tests."""

from __future__ import annotations

import os
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

torch.set_num_threads(1)


def _shared_root() -> Path:
    return Path(os.environ.get("TSREP_SHARED", Path(__file__).parents[2] / "shared"))


@pytest.fixture(scope="session")
def shared_path() -> Callable[[str], Path]:
    """Path of a reference file or real recording; skips the test where they are not at hand."""

    def find(relative: str) -> Path:
        path = _shared_root() / relative
        if not path.exists():
            pytest.skip(f"needs {relative} under TSREP_SHARED ({_shared_root()}), which is not on this machine")
        return path

    return find
