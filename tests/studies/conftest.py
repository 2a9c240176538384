"""Tests of studies are about their numbers and their pages."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def unrendered(one_pixel: None) -> None:
    """Figures are looked at in the tests of what makes them."""
