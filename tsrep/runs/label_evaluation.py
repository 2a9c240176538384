"""What protocols on labelled recordings are given, from the settings of an evaluation."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import torch

from tsrep.encoders.pooling import POOLS
from tsrep.evaluation.embedding_on_ranks import EmbeddingOnRanks
from tsrep.evaluation.labels.evaluation import LabelEvaluation
from tsrep.runs.evaluation_settings import EvaluationSettings
from tsrep.signals import Panel
from tsrep.splits.split import Split
from tsrep.training.distributed import ALONE, Ranks

FEWEST_STARTS = 5  # random initialisations; fewer do not tell how far they differ
Tell = Callable[[str], None]


def label_evaluation(
    panel: Panel,
    split: Split,
    settings: EvaluationSettings,
    *,
    encoders: int,
    device: torch.device,
    amp: bool = False,
    ranks: Ranks = ALONE,
    **options: Any,
) -> LabelEvaluation:
    """The evaluation of one encoder, or of one for each of several seeds.

    Parameters
    ----------
    panel : Panel
        Windows as encoders are shown them.
    split : Split
    settings : EvaluationSettings
    encoders : int
        Trained encoders that are scored together.
    device : torch.device
    amp : bool
    ranks : Ranks
        Processes that take part in embedding the panel.
    **options
        Further attributes of :class:`LabelEvaluation`: ``seed``, ``compile``, ``folder``, ``on_step``.
    """
    return LabelEvaluation(
        panel,
        split,
        part=settings.part or ("test" if len(split.test) else "validation"),
        fractions=settings.labels,
        subsample_by=settings.subsample_by,
        seeds=settings.seeds or (encoders if encoders > 1 else FEWEST_STARTS),
        aggregate=settings.aggregate,
        n_bootstrap=settings.n_bootstrap,
        embed=EmbeddingOnRanks(ranks, panel, POOLS[settings.pool], device, amp),
        pool=settings.pool,
        heads=settings.of_heads,
        credit=settings.credit,
        device=device,
        amp=amp,
        **options,
    )


def random_starts(encoders: int, settings: EvaluationSettings) -> int:
    """How many random initialisations stand beside so many trained encoders."""
    return encoders if encoders > 1 else max(settings.seeds or 0, FEWEST_STARTS)
