"""Which weights a training began with, in words."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def started_from(provenance: Mapping[str, Any]) -> str:
    """Whose weights the training began with, the last first; empty where it began with random ones."""
    return ", which began with the weights of ".join(map(_ancestor, reversed(links_of(provenance))))


def links_of(provenance: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Facts of the encoders that the training began with, the first one first."""
    return [link for link in provenance.get("chain") or () if isinstance(link, Mapping)]


def _ancestor(link: Mapping[str, Any]) -> str:
    sources, objective = link.get("sources"), link.get("objective", "unknown")
    data = ", ".join(map(str, sources)) if isinstance(sources, list) and sources else "unknown data"
    by = "" if objective == "unknown" else f" by {objective}"
    return f"an encoder trained{by} on {data} ({str(link.get('sha256_of_weights', ''))[:12]})"
