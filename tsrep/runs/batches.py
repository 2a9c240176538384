"""Which sampler cuts the samples of a run into batches."""

from __future__ import annotations

from typing import Any

from tsrep.registry import OBJECTIVES, SAMPLERS
from tsrep.runs.config import Configuration
from tsrep.signals import Panel
from tsrep.signals.chunked_store import ChunkedStore

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


def with_sampler(config: Configuration, panel: Panel) -> Configuration:
    """The configuration with the sampler of a chunked store, where none is set, so that the run says it."""
    chosen = suited_sampler(_own(config), panel)
    if config.sampler is not None or chosen["name"] != "chunk-wise":
        return config
    return config.model_copy(update={"sampler": SAMPLERS.entry("chunk-wise").settings(**chosen)})


def across_chunks(config: Configuration, panel: Panel) -> str | None:
    """A sentence where batches gather samples from all over a chunked store, else None."""
    name = _own(config) if config.sampler is None else config.sampler.name
    if not isinstance(panel.store, ChunkedStore) or name == "chunk-wise":
        return None
    return (
        f"batches of sampler {name} are read across the chunks of the store, each chunk many times an epoch; "
        "sampler chunk-wise reads each once"
    )


def _own(config: Configuration) -> str:
    name: str = OBJECTIVES.entry(config.objective.name).cls.sampler
    return name
