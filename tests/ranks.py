"""One of several gloo processes: what losses, objectives and the training loop find on its part of batches.

Arguments: rank, number of ranks, folder. The fixture ``two_ranks`` starts it, once for all tests that ask.
"""

from __future__ import annotations

import sys
from pathlib import Path

import torch
from torch import distributed

from tests.evaluation import embedding_of_ranks
from tests.losses import batch_gradients
from tests.objectives import steps_on_ranks
from tests.training import bending


def main(rank: int, ranks: int, folder: Path) -> None:
    torch.set_num_threads(1)
    meeting = f"file://{folder / 'meeting'}"
    distributed.init_process_group("gloo", init_method=meeting, rank=rank, world_size=ranks)
    found = {
        "losses": batch_gradients.of_rank(rank, ranks),
        "embedding": embedding_of_ranks.of_rank(rank, ranks),
        "objectives": steps_on_ranks.of_rank(rank, ranks),
        **bending.of_rank(rank, ranks, folder),
    }
    torch.save(found, folder / f"rank{rank}.pt")
    distributed.destroy_process_group()


if __name__ == "__main__":
    main(int(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]))
