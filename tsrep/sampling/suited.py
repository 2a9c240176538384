"""The sampler that suits a panel where none is set."""

from __future__ import annotations

from typing import Any

from tsrep.signals import Panel
from tsrep.signals.large_stores import ChunkedStore

TOGETHER = {"random": "sample", "trial-wise": "trial", "patient-wise": "patient"}


def suited_sampler(own: str, panel: Panel) -> dict[str, Any]:
    """Settings of a sampler where none is set.

    Parameters
    ----------
    own : str
        The one that the objective asks for.
    panel : Panel
        On a chunked store it gives way to ``chunk-wise``, which keeps together what it keeps together.
    """
    if isinstance(panel.store, ChunkedStore) and own in TOGETHER:
        return {"name": "chunk-wise", "together": TOGETHER[own]}
    return {"name": own}
