"""Features of a small panel on one rank of several."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch
from torch import Tensor

from tests.panels import make_panel
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.encoder import Encoder
from tsrep.encoders.pooling import POOLS
from tsrep.evaluation.embedding_on_ranks import EmbeddingOnRanks
from tsrep.training.distributed import Ranks

SAMPLES = {"many": 31, "one": 1}  # not divided evenly; fewer than ranks


def embedded(
    ranks: Ranks, samples: int, encoder: Encoder, pool: Callable[[Tensor], Tensor] = POOLS["max-mean"]
) -> dict[str, Any]:
    """Features or an error in the first process, and how many samples went through this one."""
    counts = [0]

    def counted(z: Tensor) -> Tensor:
        counts[0] += len(z)
        return pool(z)

    panel = make_panel(records=40).windows(20).select(range(samples))
    embed = EmbeddingOnRanks(ranks, panel, counted, torch.device("cpu"))
    found: dict[str, Any] = {}
    if ranks.first:
        try:
            found["features"] = torch.from_numpy(embed(encoder))
        except ValueError as error:
            found["error"] = str(error)
        ranks.from_first(None)
    else:
        embed.take_part()
    return found | {"count": counts[0]}


def small_encoder() -> Encoder:
    torch.manual_seed(5)
    return DilatedConv(channels=2, hidden=4, dim=6, depth=2)


def with_a_local_function() -> Encoder:
    """An encoder that cannot be pickled."""
    encoder = small_encoder()
    encoder.read = lambda z: z
    return encoder


def of_rank(rank: int, ranks: int) -> dict[str, dict[str, Any]]:
    def failing(z: Tensor) -> Tensor:
        if rank == 1:
            raise ValueError("no memory on rank 1")
        return z.mean(dim=2)

    own = Ranks(rank, ranks)
    found = {name: embedded(own, count, small_encoder()) for name, count in SAMPLES.items()}
    found["not sent"] = embedded(own, 31, with_a_local_function())
    return found | {"failing": embedded(own, 31, small_encoder(), failing)}
