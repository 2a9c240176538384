"""What is scored of a run: what was trained, and random initialisations of its architecture."""

from __future__ import annotations

from functools import cache, partial
from typing import TYPE_CHECKING

from tsrep.evaluation.candidate import Candidate, Model
from tsrep.evaluation.scores import RANDOM_INIT
from tsrep.runs.build import new_encoder
from tsrep.runs.label_evaluation import random_starts

if TYPE_CHECKING:
    from tsrep.runs.config import Configuration
    from tsrep.runs.folder import Run
    from tsrep.signals import Panel


def trained(run: Run) -> Candidate:
    """The encoders that a run trained, one a seed."""

    def model(one: Run) -> Model:
        encoder = one.encoder()
        return encoder, one.objective(encoder)

    file = run.by_seed[0].encoder_file
    return Candidate(
        run.config.objective.name,
        "method",
        [partial(model, one) for one in run.by_seed],
        weights=file.digest,
        contract=file.contract.digest,
    )


def random_initialisations(config: Configuration, run: Run, panel: Panel) -> Candidate:
    """Encoders of the same architecture for samples such as a panel's, each run's own start first."""
    runs = run.by_seed
    objectives = [cache(one.objective) for one in runs]

    def start(k: int) -> Model:
        # each run started from the one of its seed
        return new_encoder(config, panel, config.seed + k), objectives[k % len(runs)]()

    starts = random_starts(len(runs), config.evaluation)
    return Candidate(RANDOM_INIT, "control", [partial(start, k) for k in range(starts)])
