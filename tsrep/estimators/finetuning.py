"""Training of all weights on labels, and the probabilities of what comes of it."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from tsrep.encoders.encoder import Encoder
from tsrep.estimators.embedding import AT_ONCE, by_length
from tsrep.estimators.instances import Instances
from tsrep.estimators.learning import Learned, on_device, train, training_panel
from tsrep.objectives.supervised import Supervised
from tsrep.registry import OBJECTIVES
from tsrep.rng import initial_weights
from tsrep.runs.config import Configuration
from tsrep.signals.panel import Ints
from tsrep.training.distributed import pick_device


def new_head(config: Configuration, encoder: Encoder, classes: int) -> Supervised:
    """Classification head with random weights."""
    with initial_weights(config.seed, "head"):
        head: Supervised = OBJECTIVES.build(
            config.evaluation.finetune.head, dim=encoder.dim, classes=classes, multilabel=False
        )
    return head


def finetune(
    config: Configuration, learned: Learned, instances: Instances, window: Any, label: Ints, classes: int
) -> Supervised:
    """Train an encoder, in place, and a head on labels; as ``tsrep evaluate`` does but for the chosen epoch.

    Parameters
    ----------
    window : int or None
        Steps of a training sample.
    label : int64 array, shape (instance,)
    """
    panel, _ = training_panel(config, instances, window, label, classes)
    head = new_head(config, learned.encoder, classes)
    chosen = config.evaluation.finetune
    steps = max(1, len(panel) // chosen.batch_size)
    epochs = max(chosen.epochs, math.ceil(chosen.min_steps / steps))
    settings = config.training.model_copy(
        update={
            "epochs": epochs,
            "validate_every": epochs,
            **{name: getattr(chosen, name) for name in ("batch_size", "lr", "schedule", "average")},
        }
    )
    update = {"training": settings, "objective": chosen.head, "sampler": None}
    train(config.model_copy(update=update), learned.encoder, head, panel)
    return head


@torch.no_grad()
def probabilities(
    config: Configuration, learned: Learned, head: Supervised, instances: Instances, window: int | None
) -> NDArray[np.float64]:
    """Of each class, shape (instance, class); the mean over the windows of an instance."""
    device = pick_device(config.device)
    encoder, head = on_device(learned.encoder, device).eval(), on_device(head, device).eval()
    windows = instances.windows(window)
    total: NDArray[np.float64] | None = None
    for panel, index in by_length(learned, instances, windows, encoder.stride):
        at_once = max(1, AT_ONCE // panel.length)
        for at in range(0, len(panel), at_once):
            rows = np.arange(at, min(at + at_once, len(panel)))
            logits = head.logits(encoder, torch.from_numpy(panel.take(rows)).to(device)).double()
            part = logits.softmax(dim=1).cpu().numpy()
            total = np.zeros((len(instances), part.shape[1])) if total is None else total
            np.add.at(total, windows.row[index[rows]], part)
    assert total is not None
    return total / np.bincount(windows.row)[:, None]
