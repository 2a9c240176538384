"""Tests of studies are about their numbers and their pages."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def unrendered(one_pixel: None) -> None:
    """PNG files are rendered in the tests of figures, and where the documentation is run."""
