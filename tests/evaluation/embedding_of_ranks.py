"""Features of a small panel on one rank of several."""

from __future__ import annotations

import torch
from torch import Tensor

from tests.panels import make_panel
from tsrep.encoders.dilated_conv import DilatedConv
from tsrep.encoders.pooling import POOLS
from tsrep.evaluation.embedding_on_ranks import EmbeddingOnRanks
from tsrep.training.distributed import Ranks

SAMPLES = {"many": 31, "one": 1}  # not divided evenly; fewer than ranks


def features_of(ranks: Ranks, samples: int) -> Tensor:
    """Features in the first process, by an encoder that no other one has; zeros in the others."""
    panel = make_panel(records=40).windows(20).select(range(samples))
    embed = EmbeddingOnRanks(ranks, panel, POOLS["max-mean"], torch.device("cpu"))
    if not ranks.first:
        embed.take_part()
        return torch.zeros(0)
    torch.manual_seed(5)
    features = embed(DilatedConv(channels=2, hidden=4, dim=6, depth=2))
    ranks.from_first(None)
    return torch.from_numpy(features)


def of_rank(rank: int, ranks: int) -> dict[str, Tensor]:
    return {name: features_of(Ranks(rank, ranks), count) for name, count in SAMPLES.items()}
