"""The first of two phases: an encoder is trained by the contrast alone, then by the error."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from dataclasses import asdict

from tsrep.encoders.encoder import Encoder
from tsrep.files import write_json
from tsrep.reading import read_json, readable
from tsrep.runs.build import new_objective
from tsrep.runs.config import Configuration
from tsrep.runs.folder import Run
from tsrep.runs.prepared import Prepared
from tsrep.training.checkpoint import load_weights, save_weights
from tsrep.training.distributed import Ranks
from tsrep.training.hooks import Hook
from tsrep.training.interrupt import Interrupted
from tsrep.training.loop import Part, Trainer

FOLDER = "pretrain"


def pretrain(
    config: Configuration,
    run: Run,
    encoder: Encoder,
    prepared: Prepared,
    parts: tuple[Part, Part],
    hooks: Sequence[Hook],
    ranks: Ranks,
) -> float:
    """Train an encoder, in place, by the contrast of the run's objective; what is done is not done again.

    Returns the seconds that it took.

    Parameters
    ----------
    config : Configuration
        Of the run, with the training of this phase.
    run : Run
        Gets the folder ``pretrain`` with state, log and weights.
    parts : (Part, Part)
        Training and validation samples, in batches of this phase.

    Raises
    ------
    Interrupted
        When stopped by the user; the state is saved.
    """
    folder = run.path / FOLDER
    done, taken = folder / "encoder.safetensors", folder / "outcome.json"
    if done.exists():
        encoder.load_state_dict(load_weights(done))
        with readable(taken, "the outcome of pre-training", f"remove {folder} and resume the run"):
            return float(read_json(taken)["seconds"])
    alone = config.objective_class.pretraining(config.objective)
    config = config.model_copy(update={"objective": alone})
    objective = new_objective(config, encoder, prepared.panel, config.seed)
    if ranks.first:
        folder.mkdir(exist_ok=True)
    ranks.wait()
    trainer = Trainer(
        encoder, objective, *parts, config.training, seed=config.seed, folder=folder, hooks=hooks, ranks=ranks
    )
    try:
        outcome = trainer.run()
    except Interrupted:
        command = shlex.join(["tsrep", "fit", "--resume", str(run.path)])
        raise Interrupted(
            f"stopped while pre-training, with the state saved; resume with: {command}"
        ) from None
    if ranks.first:
        write_json(taken, asdict(outcome))
        save_weights(done, encoder.state_dict())
    ranks.wait()
    encoder.train()
    return outcome.seconds
