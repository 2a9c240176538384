"""Which sampler cuts the samples of a run into batches."""

from __future__ import annotations

from tsrep.registry import SAMPLERS
from tsrep.runs.config import Configuration
from tsrep.sampling.chunk_wise import suited_sampler
from tsrep.sampling.sampler import Sampler
from tsrep.signals import Panel


def with_sampler(config: Configuration, panel: Panel) -> Configuration:
    """The configuration with the sampler of a chunked store, where none is set, so that the run says it."""
    chosen = suited_sampler(config.objective_class.sampler, panel)
    if config.sampler is not None or chosen["name"] != "chunk-wise":
        return config
    return config.model_copy(update={"sampler": SAMPLERS.entry("chunk-wise").settings(**chosen)})


def sampler_of(config: Configuration, panel: Panel, *, rank: int = 0, world: int = 1) -> Sampler:
    """What cuts the samples of a part into batches, by default for all processes together."""
    sampler: Sampler = SAMPLERS.build(
        config.sampler or {"name": config.objective_class.sampler},
        panel=panel,
        batch_size=config.training.batch_size,
        seed=config.seed,
        rank=rank,
        world=world,
    )
    return sampler


def across_chunks(config: Configuration, panel: Panel) -> str | None:
    """A sentence where batches gather samples from all over a chunked store, else None."""
    name = config.objective_class.sampler if config.sampler is None else config.sampler.name
    if not getattr(panel.store, "in_chunks", False) or name == "chunk-wise":
        return None
    return (
        f"batches of sampler {name} are read across the chunks of the store, each chunk many times an epoch; "
        "sampler chunk-wise reads each once"
    )
