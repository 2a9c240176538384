"""Temperatures that a user should know to be unusual."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

LOW = 0.03


def low_temperatures(settings: Mapping[str, Any], path: str) -> Iterator[str]:
    """A sentence for each temperature of an objective, or of a part of it, that is unusually low."""
    for name, value in settings.items():
        if isinstance(value, Mapping):
            yield from low_temperatures(value, f"{path}.{name}")
        elif name == "temperature" and isinstance(value, float) and value < LOW:
            yield (
                f"{path}.temperature is {value:g}, below {LOW}: hardly more than the nearest "
                "negative of each row counts, and gradients grow as the inverse of the temperature; 0.05 to "
                "0.5 is usual"
            )
